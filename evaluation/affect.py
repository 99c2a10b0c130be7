"""Scores of valence and arousal, where a model says them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from gait.affect import NAMES, Affect
from gait.metrics import interval
from gait.predictions import Predictions


@dataclass(frozen=True)
class DimensionScores:
    """How well one of the two is told, over the walks of which it is known.

    ``concordance`` is in [-1, 1], with its 95 % interval (NaN where it cannot be given); errors are in the unit of the
    values. ``error_of_mean`` is that of always answering the walks' true mean, whose concordance is 0.
    """

    walks: int
    concordance: float
    interval: tuple[float, float]
    error: float
    error_of_mean: float


@dataclass(frozen=True)
class AffectScores:
    """Scores of valence and arousal, by name, and in words where the true values come from."""

    dimensions: dict[str, DimensionScores]
    source: str


def concordance(true: np.ndarray, predicted: np.ndarray) -> float:
    """Lin's concordance correlation coefficient of two arrays (N,); NaN where both are constant and equal.

    1 where all points lie on the line of equality, whatever their spread. Lin 1989, "A concordance correlation
    coefficient to evaluate reproducibility", Biometrics 45, 255-268, with the moments of the sample (divided by N).
    """
    true, predicted = np.asarray(true, float), np.asarray(predicted, float)
    covariance = np.mean((true - true.mean()) * (predicted - predicted.mean()))
    spread = true.var() + predicted.var() + (true.mean() - predicted.mean()) ** 2
    return float(2 * covariance / spread) if spread else float("nan")


def score_affect(predictions: Predictions, leaked: Sequence[bool] = ()) -> AffectScores | None:
    """Score valence and arousal on the walks of which they are known, those that leaked left out.

    Parameters
    ----------
    predictions : Predictions
        Intervals resample subjects, or videos where subjects are unknown.
    leaked : sequence of N bool, optional
        Walks that were in training.

    Returns
    -------
    AffectScores or None
        None where the model says neither, or nothing is known to score it on.
    """
    if predictions.affect is None:
        return None
    kept = ~np.array(leaked, bool) if len(leaked) else np.ones(len(predictions.names), bool)
    true, predicted = predictions.affect.true, predictions.affect.predicted
    who = [s or f"video {n}" for s, n in zip(predictions.subjects, predictions.names, strict=True)]
    dimensions = {}
    for i, name in enumerate(NAMES):
        rows = np.flatnonzero(kept & np.isfinite(true.values[:, i]))
        if len(rows):
            groups = [who[row] for row in rows]
            dimensions[name] = _score(true.values[rows, i], predicted[rows, i], groups)
    if not dimensions:
        return None
    scored = np.flatnonzero(kept & true.known)
    return AffectScores(dimensions, Affect(true.values[scored], true.derived[scored]).describe())


def _score(true: np.ndarray, predicted: np.ndarray, groups: Sequence[str]) -> DimensionScores:
    return DimensionScores(
        walks=len(true),
        concordance=concordance(true, predicted),
        interval=interval(true, predicted, groups, statistic=concordance),
        error=float(np.abs(true - predicted).mean()),
        error_of_mean=float(np.abs(true - true.mean()).mean()),
    )


def affect_lines(scores: AffectScores | None) -> list[str]:
    """The report's section; empty where there is nothing to say."""
    if scores is None:
        return []
    lines = [
        f"Valence (-1 to 1) and arousal (0 to 1); true values: {scores.source}",
        f"{'':9}{'concordance':>11}{'95 % interval':>18}{'mean error':>12}{'of the mean':>13}{'walks':>7}",
    ]
    for name, s in scores.dimensions.items():
        low, high = s.interval
        span = "-" if math.isnan(low) else f"{low:.2f} to {high:.2f}"
        lines.append(
            f"{name:9}{s.concordance:11.2f}{span:>18}{s.error:12.2f}{s.error_of_mean:13.2f}{s.walks:7}"
        )
    return [
        *lines,
        "Concordance: Lin 1989; 1 is agreement, 0 what always answering the mean would get. Mean error: absolute.",
    ]


def affect_to_json(scores: AffectScores | None) -> dict | None:
    """The same as plain JSON types; a number that cannot be given is None."""
    if scores is None:
        return None
    dimensions = {
        name: {key: _plain(value) for key, value in asdict(one).items()}
        for name, one in scores.dimensions.items()
    }
    return {"source": scores.source, **dimensions}


def _plain(value: float | tuple[float, float]) -> float | list | None:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value if math.isfinite(value) else None
