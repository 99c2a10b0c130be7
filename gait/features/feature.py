"""What a feature is: a name, a unit, words, a formula, a source, and a pure function of a motion."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gait.features.motion import Motion

Group = Literal["posture", "movement", "gait", "effort"]
Needs = Literal["world", "depth", "root"]

FLAT = "joints in the picture only: depth is not known"

# A statistic over fewer of a walk's frames than this share is not given.
MIN_KNOWN = 0.5
# A walk's range leaves out this share of the frames at either end: a single wild frame does not count, and a
# sine loses 0.2 % of its range.
_OUTSIDE = 0.02


class NotMeasurable(Exception):  # noqa: N818 - an answer, not a failure
    """A feature that this walk does not tell; the message is the reason."""


@dataclass(frozen=True)
class FrameFeature:
    """A value for every frame.

    Attributes
    ----------
    name : str
    unit : str
        ``heights`` are body heights, see :func:`gait.features.motion.body_height`.
    group : {"posture", "movement", "effort"}
    part : str
        Of the body.
    words : str
        What it is and which way is positive, for people.
    formula : str
        How it is computed, in words; places are those against the middle of the hips, facing forward.
    source : str
    compute : function
        Motion -> (T,) float array, NaN where a joint is not known.
    needs : {"world", "depth"}
        ``depth``: NaN where joints are known in the picture only. Others are then measured in the picture.
    """

    name: str
    unit: str
    group: Group
    part: str
    words: str
    formula: str
    source: str
    compute: Callable[[Motion], np.ndarray]
    needs: Needs = "world"

    def values(self, motion: Motion) -> np.ndarray:
        """(T,) values; NaN where they need what the motion does not have."""
        if self.needs == "depth" and motion.flat:
            return np.full(len(motion), np.nan)
        return self.compute(motion)


@dataclass(frozen=True)
class Feature:
    """One value for a walk.

    Attributes
    ----------
    name, unit, part, words, formula, source : str
        As in :class:`FrameFeature`.
    group : {"posture", "movement", "gait", "effort"}
    needs : {"world", "depth", "root"}
        ``root``: NaN where the path of the hips through space is not known; ``depth`` as in :class:`FrameFeature`.
    compute : function
        Motion -> float; raises :class:`NotMeasurable` where the walk does not tell.
    """

    name: str
    unit: str
    group: Group
    part: str
    needs: Needs
    words: str
    formula: str
    source: str
    compute: Callable[[Motion], float]

    def value(self, motion: Motion) -> float:
        """The value.

        Raises
        ------
        NotMeasurable
            The walk does not tell.
        """
        if self.needs == "depth" and motion.flat:
            raise NotMeasurable(FLAT)
        return float(self.compute(motion))


def mean_of(feature: FrameFeature) -> Feature:
    """The mean of a frame feature over whole strides, named ``FRAMEFEATURE_mean``."""

    def compute(motion: Motion) -> float:
        values = feature.compute(motion)
        known(values)
        return mean(motion.whole_strides(values))

    return _over_walk(feature, "mean", "mean", "mean over whole strides", compute)


def range_of(feature: FrameFeature) -> Feature:
    """The range of a frame feature over the walk, named ``FRAMEFEATURE_range``."""
    return _over_walk(
        feature,
        "range",
        "range",
        f"{1 - _OUTSIDE:.0%} less {_OUTSIDE:.0%} quantile over the walk",
        lambda motion: spread(feature.compute(motion)),
    )


def peak_of(feature: FrameFeature) -> Feature:
    """The largest value of a frame feature over the walk, named ``FRAMEFEATURE_peak``."""
    return _over_walk(
        feature,
        "peak",
        "largest",
        "largest value over the walk",
        lambda motion: float(known(feature.compute(motion)).max()),
    )


def _over_walk(
    feature: FrameFeature, how: str, word: str, statistic: str, compute: Callable[[Motion], float]
) -> Feature:
    return Feature(
        name=f"{feature.name}_{how}",
        unit=feature.unit,
        group=feature.group,
        part=feature.part,
        needs=feature.needs,
        words=f"{feature.words}: {word} over the walk",
        formula=f"{statistic} of: {feature.formula}",
        source=feature.source,
        compute=compute,
    )


def known(values: np.ndarray) -> np.ndarray:
    """The finite ones of (T,) values.

    Raises
    ------
    NotMeasurable
        They are less than :data:`MIN_KNOWN` of all.
    """
    finite = values[np.isfinite(values)]
    if len(finite) == 0 or len(finite) < MIN_KNOWN * len(values):
        share = len(finite) / max(len(values), 1)
        raise NotMeasurable(f"known in {share:.0%} of the frames; at least {MIN_KNOWN:.0%} are needed")
    return finite


def mean(values: np.ndarray) -> float:
    """Mean of the known ones of (T,) values."""
    return float(known(values).mean())


def spread(values: np.ndarray) -> float:
    """Range of (T,) values between their 2nd and 98th percentile."""
    low, high = np.quantile(known(values), (_OUTSIDE, 1 - _OUTSIDE))
    return float(high - low)


def by_name(features: Iterable) -> dict:
    """Features by their names, in order; two of one name are a mistake."""
    features = list(features)
    table = {feature.name: feature for feature in features}
    if len(table) < len(features):
        raise ValueError("two features have the same name")
    return table
