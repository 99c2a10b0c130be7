"""Affective gait features: what a walk looks like, in numbers with a name, a unit and a source.

Two registries one can read: :data:`FRAME_FEATURES`, a value for every frame, and :data:`FEATURES`, one for
a walk. All are computed from the joints of the layout ``gait16``, turned so that the walker faces +z, in
**body heights** (:func:`gait.features.motion.body_height`), with time taken from the frames' own times. So
they do not change with where the walker is, which way it goes, how large it is, or how many frames a second
were taken.

Of joints in the picture only (:mod:`gait.pose.flat`), what needs depth is NaN, and all else is measured in the picture.

Of a walk that is played over and over only the first lap counts, and its seam is no movement.

Where nobody can tell which side of the walker is the left one (:func:`gait.pose.cleaning.sides_in_doubt`), nor
therefore which way is forward, the two features of a left and a right limb both get their mean, and those of
:data:`DIRECTED` are NaN.

:data:`MDT_GCN_31` names the 31 features of a frame that MDT-GCN predicts: a reconstruction, see
:mod:`gait.features.posture`. :data:`UNRELIABLE` lists what estimated poses do not tell from a view.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gait.features import gait_events, laban, movement, posture, symmetry
from gait.features.feature import Feature, FrameFeature, NotMeasurable, by_name
from gait.features.motion import Motion, first_lap, whole_walk
from gait.features.posture import MDT_GCN_31
from gait.features.reliability import UNRELIABLE
from gait.pose.cleaning import sides_in_doubt
from gait.pose.sequence import PoseSequence

__all__ = [
    "DIRECTED",
    "FEATURES",
    "FRAME_FEATURES",
    "MDT_GCN_31",
    "UNRELIABLE",
    "Feature",
    "FrameFeature",
    "Measured",
    "Motion",
    "describe",
    "feature_vector",
    "frame_features",
    "measure",
    "walk_features",
]

FRAME_FEATURES: dict[str, FrameFeature] = by_name(
    feature for group in (posture, movement, laban) for feature in group.FRAME_FEATURES.values()
)
FEATURES: dict[str, Feature] = by_name(
    feature
    for group in (posture, movement, gait_events, symmetry, laban)
    for feature in group.FEATURES.values()
)
# Those that are others where left and right are exchanged, and with them front and back, beside left and right ones.
DIRECTED: frozenset[str] = frozenset(
    (
        "trunk_lean_mean",
        "head_inclination_mean",
        "left_arm_swing_mean",
        "right_arm_swing_mean",
        "stride_length",
        "walking_speed",
        "stance_share",
        "progress_stride",
        "progress_speed",
    )
)
_NO_DIRECTION = "which way the walker faces is not known"


@dataclass(frozen=True)
class Measured:
    """The features of a walk.

    Attributes
    ----------
    values : dict of str to float
        In the order of :data:`FEATURES`; NaN where the walk does not tell.
    reasons : dict of str to str
        Why, for each NaN.
    """

    values: dict[str, float]
    reasons: dict[str, str]


def measure(sequence: PoseSequence) -> Measured:
    """All features of a walk, and why some are not there.

    Parameters
    ----------
    sequence : PoseSequence
        In any layout that converts to ``gait16``. NaN joints are allowed: a feature uses the frames it has,
        and is NaN where these are less than half.

    Raises
    ------
    VideoError
        No side of trunk and leg is ever known whole, or the heading cannot be told.
    GaitmoodError
        The layout does not convert.
    """
    motion = first_lap(sequence)
    values, reasons = {}, {}
    for name, feature in FEATURES.items():
        try:
            values[name] = feature.value(motion)
        except NotMeasurable as reason:
            values[name], reasons[name] = float("nan"), str(reason)
    if sides_in_doubt(sequence):
        _doubt_sides(values, reasons)
    return Measured(values, reasons)


def _doubt_sides(values: dict[str, float], reasons: dict[str, str]) -> None:
    """The mean of left and right in place of both, NaN where one of them is; no value that needs the direction."""
    for name in DIRECTED:
        values[name], reasons[name] = float("nan"), _NO_DIRECTION
    for left in (name for name in values if name.startswith("left_")):
        right = left.replace("left_", "right_", 1)
        values[left] = values[right] = (values[left] + values[right]) / 2
        if reason := reasons.get(left) or reasons.get(right):
            reasons[left] = reasons[right] = reason


def walk_features(sequence: PoseSequence) -> dict[str, float]:
    """Values of all :data:`FEATURES` of a walk; see :func:`measure`."""
    return measure(sequence).values


def feature_vector(sequence: PoseSequence) -> tuple[tuple[str, ...], np.ndarray]:
    """Names and values (F,) of a walk's features, in the order of :data:`FEATURES`; see :func:`measure`."""
    values = walk_features(sequence)
    return tuple(values), np.array(list(values.values()), np.float64)


def frame_features(sequence: PoseSequence, names: tuple[str, ...] = tuple(FRAME_FEATURES)) -> np.ndarray:
    """Features of every frame.

    Parameters
    ----------
    sequence : PoseSequence
        As for :func:`measure`; laps after the first are kept, movement across a seam is not.
    names : tuple of str
        Of :data:`FRAME_FEATURES`, in the order wanted; :data:`MDT_GCN_31` for example.

    Returns
    -------
    (T, F) float64
        NaN where a joint is not known; speed, acceleration and jerk also within 75 ms of an end or a seam.

    Raises
    ------
    VideoError, GaitmoodError
        As in :func:`measure`.
    """
    motion = whole_walk(sequence)
    return np.stack([FRAME_FEATURES[name].values(motion) for name in names], axis=1)


def describe(name: str) -> str:
    """A feature of a walk or a frame in words, with its unit."""
    feature = FEATURES.get(name) or FRAME_FEATURES[name]
    return f"{feature.words} ({feature.unit})"
