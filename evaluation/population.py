"""What one walk is held against: the neutral walks of a model's training, feature by feature, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gait.bundle import Bundle, Record
from gait.features import FEATURES, UNRELIABLE
from gait.features.reliability import VIEW_OF
from gait.features.words import amount, title, wording
from gait.preprocess import Walk

NEUTRAL = "neutral"
FEWEST = 5  # walks that a share of is said
_PERCENT_FROM = 20  # with fewer, counts are said, not per cent


@dataclass(frozen=True, eq=False)
class Population:
    """Walks that others are held against.

    Attributes
    ----------
    rows : (N,) int array
        Their places among the walks trained on, and so in ``Record.gists``.
    label : str or None
        Their class; None where they are of all classes.
    measured : mapping of str to (N,) array
        Values of their features; empty where the bundle does not hold them.
    """

    rows: np.ndarray
    label: str | None
    measured: Mapping[str, np.ndarray]

    @property
    def noun(self) -> str:
        """Such as ``neutral walks``."""
        return f"{self.label} walks" if self.label else "walks of training"


def population_of(record: Record, answer: str) -> Population | None:
    """The neutral walks of training; all of them where none is neutral, or neutral is the answer to explain.

    Returns
    -------
    Population or None
        None where the bundle knows nothing of the walks it was trained on.
    """
    labels = np.array(record.training_labels)
    if record.gists is None or not len(labels):
        return None
    neutral = np.flatnonzero(labels == NEUTRAL)
    chosen = len(neutral) > 0 and answer != NEUTRAL
    rows = neutral if chosen else np.arange(len(labels))
    measured = record.measured or {}
    if record.preprocess.kind == "features":
        measured = dict(zip(record.preprocess.names, record.gists[:, 1:].T, strict=True))
    return Population(
        rows, NEUTRAL if chosen else None, {name: values[rows] for name, values in measured.items()}
    )


def was_trained_on(walk: Walk, bundle: Bundle) -> bool:
    """Whether a model knows a walk's file, under whatever name, from its training."""
    return any(walk.content == one.content for one in bundle.record.walks if one.split != "held-out")


@dataclass(frozen=True)
class Compared:
    """A feature of one walk against a population.

    Attributes
    ----------
    name : str
    value : float
        NaN where the walk does not tell.
    walks : int
        Of the population, with a known value; the following are NaN where these are fewer than :data:`FEWEST`.
    median, low, high : float
        Their median and quartiles.
    below, above : float
        Shares of them with smaller and with larger values.
    unreliable : bool
        Estimated joints hardly tell it from this view.
    """

    name: str
    value: float
    walks: int
    median: float
    low: float
    high: float
    below: float
    above: float
    unreliable: bool = False

    @property
    def unusual(self) -> float:
        """Distance from the median in interquartile ranges; 0 where it cannot be told."""
        span = self.high - self.low
        return abs(self.value - self.median) / span if span > 0 and np.isfinite(self.value) else 0.0


def compare(name: str, value: float, population: Population | None, facing: str | None = None) -> Compared:
    """Hold a walk's feature against a population.

    Parameters
    ----------
    name : str
        Of :data:`gait.features.FEATURES`.
    value : float
    population : Population or None
    facing : str or None
        Which way the walker faces, as :mod:`gait.pose.facing` says, where joints were estimated from a picture.
    """
    others = population.measured.get(name) if population else None
    others = np.zeros(0) if others is None else others[np.isfinite(others)].astype(np.float64)
    enough = len(others) >= FEWEST
    low, median, high = np.quantile(others, (0.25, 0.5, 0.75)) if enough else [np.nan] * 3
    below, above = (float(beyond.mean()) if enough else np.nan for beyond in (others < value, others > value))
    unreliable = name in UNRELIABLE.get(VIEW_OF.get(facing or "", ""), ())
    return Compared(
        name, float(value), len(others), float(median), float(low), float(high), below, above, unreliable
    )


def in_words(found: Compared, noun: str) -> str:
    """A comparison as a phrase, such as *walking slower than in 84 % of neutral walks, by 0.16 body heights/s*."""
    feature = FEATURES[found.name]
    how, value = wording(feature), amount(feature, found.value)
    if not np.isfinite(found.value):
        return f"{title(feature)}: this walk does not tell"
    if not np.isfinite(found.median):
        return f"{title(feature)}: {value}"
    bare = amount(feature, found.value, unit=False)
    if found.low <= found.value <= found.high:
        span = f"{amount(feature, found.low, unit=False)} to {amount(feature, found.high)}"
        return f"as usual: {title(feature)} ({bare}; the middle half of {noun}: {span})"
    larger = found.value > found.median
    words, share = (how.more, found.below) if larger else (how.less, found.above)
    apart = amount(feature, abs(found.value - found.median))
    middle = amount(feature, found.median, unit=False)
    return (
        f"{how.subject} {words} than in {_share(share, found.walks)} {noun}, by {apart} "
        f"({bare}; their median {middle})"
    )


def _share(share: float, walks: int) -> str:
    count = round(share * walks)
    if count == walks:
        return f"all {walks}"
    return f"{share:.0%} of".replace("%", " %") if walks >= _PERCENT_FROM else f"{count} of {walks}"


def remarks(compared: Sequence[Compared], facing: str | None) -> list[str]:
    """What must be said of features that this view does not tell; nothing where there are none."""
    if not any(one.unreliable for one in compared):
        return []
    return [
        f"? marks what estimated joints hardly tell of somebody who is seen from this view ({VIEW_OF[facing]}): "
        "what moved the answer there may be an error of the estimate."
    ]
