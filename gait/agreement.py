"""How well people agree on what a walk looks like, and so how well a model can do at best.

Labels are the highest mean rating of those who were asked. Ask others and some labels change: a score near the
agreement of people is as good as the labels are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

PANEL = 5
STABLE = 0.8  # a label that this share of resampled panels would give again


@dataclass(frozen=True)
class HumanAgreement:
    """How well people agree on the walks of a test; NaN where too few people rated.

    Attributes
    ----------
    one_rater, panels, panel_with_rest : float
        In [0, 1]: how often one rater agrees with the others of that video, two panels of ``panel_size`` with
        each other, and such a panel with all others who rated the video.
    panel_size, videos, panel_videos : int
        ``videos`` and ``panel_videos`` say how many videos the first two figures rest on.
    icc_one, icc_mean : float
        Intraclass correlation of one rater's scale and of the mean over a video's raters, mean over classes.
    stability : mapping of str to float
        For each video, how often its label comes out again when its raters are resampled.
    """

    one_rater: float
    panels: float
    panel_size: int
    videos: int
    panel_videos: int
    panel_with_rest: float = float("nan")
    icc_one: float = float("nan")
    icc_mean: float = float("nan")
    stability: Mapping[str, float] = field(default_factory=dict)

    @property
    def stable(self) -> frozenset[str]:
        """Names of the videos whose label holds in at least ``STABLE`` of the resamples."""
        return frozenset(name for name, share in self.stability.items() if share >= STABLE)

    @property
    def ceiling(self) -> float:
        """The share of labels that as many raters, asked again, would give again; NaN where too few people rated.

        Who is right more often knows these raters' answers, and not only the walks.
        """
        return float(np.mean(list(self.stability.values()))) if self.stability else float("nan")


def human_agreement(
    values: Mapping[str, np.ndarray], panel_size: int = PANEL, seed: int = 0
) -> HumanAgreement:
    """Return all figures for ratings as in :func:`one_rater_agreement`."""
    raters = [len(_complete(ratings)) for ratings in values.values()]
    icc_one, icc_mean = intraclass_correlation(values)
    return HumanAgreement(
        one_rater=one_rater_agreement(values),
        panels=panel_agreement(values, panel_size, seed=seed),
        panel_size=panel_size,
        videos=sum(r >= 2 for r in raters),
        panel_videos=sum(r >= 2 * panel_size for r in raters),
        panel_with_rest=panel_with_rest(values, panel_size, seed=seed),
        icc_one=icc_one,
        icc_mean=icc_mean,
        stability=label_stability(values, seed=seed),
    )


def one_rater_agreement(values: Mapping[str, np.ndarray]) -> float:
    """Return how often a single rater agrees with the others.

    A rater's own highest rating is held against the highest mean rating of the *other* raters of that video,
    averaged over all (rater, video) pairs. Where a rater rates k classes equally highest, hitting one of them
    counts 1/k; where the mean of the others ties, the first class in order stands.

    Parameters
    ----------
    values : mapping of str to (R, K) float
        The ratings of each video, one rater a row, one class a column, the columns in class order. Rows with
        a missing value (NaN) are left out, and so are videos with fewer than two raters.

    Returns
    -------
    float
        In [0, 1]; NaN where no video has two raters.
    """
    credit = [_leave_one_out_credit(r) for r in map(_complete, values.values()) if len(r) >= 2]
    return float(np.mean(np.concatenate(credit))) if credit else float("nan")


def _leave_one_out_credit(ratings: np.ndarray) -> np.ndarray:
    """Credit (R,) of each rater of one video against the sum, which ranks as the mean does, of the others."""
    of_others = (ratings.sum(axis=0) - ratings).argmax(axis=1)
    own = ratings == ratings.max(axis=1, keepdims=True)
    return own[np.arange(len(ratings)), of_others] / own.sum(axis=1)


def panel_agreement(
    values: Mapping[str, np.ndarray], size: int = 5, draws: int = 1000, seed: int = 0
) -> float:
    """Return how often two disjoint panels of ``size`` raters give a video the same label.

    A panel's label is the highest mean rating of its members, the first class in order where means tie: the
    rule by which a rated walk is labelled. Each video's raters are drawn ``draws`` times; every video counts
    the same.

    Parameters
    ----------
    values : mapping of str to (R, K) float
        As for :func:`one_rater_agreement`; videos with fewer than ``2 * size`` complete raters are left out.

    Returns
    -------
    float
        In [0, 1]; NaN where no video has raters enough. The order of the videos does not matter.
    """
    return _mean_over_draws(values, size, 2 * size, draws, seed, slice(size, 2 * size))


def panel_with_rest(
    values: Mapping[str, np.ndarray], size: int = PANEL, draws: int = 1000, seed: int = 0
) -> float:
    """Return how often a panel of ``size`` raters gives a video the label that all its other raters give it.

    Parameters and rules as for :func:`panel_agreement`; videos with ``size`` complete raters or fewer are left
    out.
    """
    return _mean_over_draws(values, size, size + 1, draws, seed, slice(size, None))


def _mean_over_draws(
    values: Mapping[str, np.ndarray], size: int, least: int, draws: int, seed: int, others: slice
) -> float:
    """Agreement of the first ``size`` of each video's shuffled raters with some of the others."""
    rng = np.random.default_rng(seed)
    agreements = []
    for name in sorted(values):
        ratings = _complete(values[name])
        if len(ratings) < least:
            continue
        order = rng.permuted(np.tile(np.arange(len(ratings)), (draws, 1)), axis=1)
        first, second = (ratings[order[:, s]].sum(axis=1).argmax(axis=1) for s in (slice(size), others))
        agreements.append(np.mean(first == second))
    return float(np.mean(agreements)) if agreements else float("nan")


def label_stability(values: Mapping[str, np.ndarray], draws: int = 1000, seed: int = 0) -> dict[str, float]:
    """Return how often each video keeps its label when as many raters are drawn from its own, with replacement.

    Videos with fewer than two complete raters are left out. The bootstrap over raters (Efron & Tibshirani
    1993) stands for asking other people of the same kind.
    """
    rng = np.random.default_rng(seed)
    stability = {}
    for name in sorted(values):
        ratings = _complete(values[name])
        if len(ratings) < 2:
            continue
        drawn = ratings[rng.integers(len(ratings), size=(draws, len(ratings)))].sum(axis=1).argmax(axis=1)
        stability[name] = float(np.mean(drawn == ratings.sum(axis=0).argmax()))
    return stability


def intraclass_correlation(values: Mapping[str, np.ndarray]) -> tuple[float, float]:
    """Return ICC(1,1) and ICC(1,k): one rater's scale, and the mean over a video's raters; mean over classes.

    One-way random effects, since every video has raters of its own (Shrout & Fleiss 1979, "Intraclass
    correlations", case 1); k is the mean number of raters corrected for unequal ones (Snedecor & Cochran 1967,
    ch. 10.17). NaN with fewer than two videos of two raters.
    """
    ratings = [r for r in map(_complete, values.values()) if len(r) >= 2]
    if len(ratings) < 2:
        return float("nan"), float("nan")
    counts = np.array([len(r) for r in ratings])
    total, n = counts.sum(), len(ratings)
    k = (total - (counts**2).sum() / total) / (n - 1)
    means = np.array([r.mean(axis=0) for r in ratings])
    grand = np.concatenate(ratings).mean(axis=0)
    between = (counts[:, None] * (means - grand) ** 2).sum(axis=0) / (n - 1)
    within = sum(((r - r.mean(axis=0)) ** 2).sum(axis=0) for r in ratings) / (total - n)
    with np.errstate(invalid="ignore", divide="ignore"):
        one = (between - within) / (between + (k - 1) * within)
        mean = (between - within) / between
    known = np.isfinite(one)  # a class in which no two ratings differ says nothing
    return (float(one[known].mean()), float(mean[known].mean())) if known.any() else (float("nan"),) * 2


def _complete(ratings: np.ndarray) -> np.ndarray:
    """Return the rows (raters) of an (R, K) array that hold no NaN."""
    ratings = np.asarray(ratings, dtype=float)
    if ratings.ndim != 2:
        raise ValueError(f"expected the ratings of a video as (raters, classes), got shape {ratings.shape}")
    return ratings[np.isfinite(ratings).all(axis=1)]
