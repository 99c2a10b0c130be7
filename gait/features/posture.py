"""Posture: angles, distances, areas and the volume of the body, frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from gait.features.feature import Feature, FrameFeature, Needs, by_name, mean_of, range_of
from gait.features.motion import SIDES, Motion

CRENN = "Crenn 2016, Body expression recognition from animated 3D skeleton, IC3D"
RANDHAVANE = (
    "Randhavane 2019, Identifying emotions from walking using affective and deep features, arXiv:1906.11884"
)
STEP = "Bhattacharya 2020, STEP, AAAI 34:1342-1350 (affective features within a frame)"
WINTER = "Winter 2009, Biomechanics and Motor Control of Human Movement, 4th ed., ch. 3"
MURRAY = "Murray 1967, Gait as a total pattern of movement, Am J Phys Med 46:290-333"
ROETHER = "Roether 2009, Critical features for the perception of emotion from gait, J Vision 9(6):15"
GROSS = "Gross 2012, Effort-shape and kinematic assessment of emotional gait, Hum Mov Sci 31:202-221"


def joint_angle(a: np.ndarray, middle: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angle (T,) in degrees at ``middle`` between the lines to a and b, all (T, 3).

    180 is straight; NaN where two points coincide. See :func:`between`.
    """
    return between(a - middle, b - middle)


def between(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Angle (T,) in degrees, 0 to 180, of directions (T, 3): atan2(|u x v|, u . v); NaN where one is zero."""
    across = np.linalg.norm(np.cross(u, v), axis=-1)
    along = (u * v).sum(axis=-1)
    nothing = (across == 0) & (along == 0)
    return np.where(nothing, np.nan, np.degrees(np.arctan2(across, along)))


def inclination(line: np.ndarray, axis: int) -> np.ndarray:
    """Angle (T,) in degrees from the vertical of a line (T, 3) that goes up, seen along the third axis.

    atan2(part along ``axis``, part upward); axis 0 is left, 2 forward.
    """
    return np.degrees(np.arctan2(line[:, axis], line[:, 1]))


def distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Euclidean distance (T,) of points (T, 3)."""
    return np.linalg.norm(a - b, axis=-1)


def triangle_area(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Area (T,) of the triangle of points (T, 3): half of |(b - a) x (c - a)|."""
    return 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=-1)


def box_volume(joints: np.ndarray) -> np.ndarray:
    """Volume (T,) of the box around all joints (T, V, 3), its sides along the axes (facing +z)."""
    return np.prod(joints.max(axis=1) - joints.min(axis=1), axis=-1)


def twist(upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """Turn (T,) in degrees about the vertical of an upper right-to-left line (T, 3) against a lower one.

    Difference of atan2(-z, x), the way that a line's front faces; to the left positive, -180 to 180.
    """
    turn = np.degrees(np.arctan2(-upper[:, 2], upper[:, 0]) - np.arctan2(-lower[:, 2], lower[:, 0]))
    return (turn + 180) % 360 - 180


_BETWEEN = "atan2(|u x v|, u . v)"
_AHEAD = {0: "to the left", 2: "forward"}
# What a row of the tables below measures between its joints: function, unit, how its words begin, formula.
_KINDS: dict[str, tuple[Callable[..., np.ndarray], str, str, str]] = {
    "angle": (joint_angle, "degrees", "angle at", f"{_BETWEEN} of the lines u, v from {{1}} to {{0}} and {{2}}"),
    "distance": (distance, "heights", "distance of", "length of the line from {0} to {1}"),
    "area": (triangle_area, "heights^2", "area of the triangle of",
             "half of |(b - a) x (c - a)|, a, b, c being {0}, {1}, {2}"),
}  # fmt: skip


def _measure(name: str, kind: str, part: str, joints: str, words: str, source: str) -> FrameFeature:
    function, unit, what, formula = _KINDS[kind]

    def compute(motion: Motion) -> np.ndarray:
        return function(*(motion[joint] for joint in joints.split()))

    formula = formula.format(*map(_spoken, joints.split()))
    return FrameFeature(name, unit, "posture", part, f"{what} {words}", formula, source, compute)


def _spoken(joint: str) -> str:
    return joint.replace("_", " ")


def _table(source: str, *rows: tuple[str, str, str, str, str]) -> Iterator[FrameFeature]:
    """Features of rows (name, kind, part, joints, words).

    ``*`` stands for left, then for right, and ``~`` for the other side.
    """
    for row in rows:
        for side, other in (SIDES, SIDES[::-1]) if "*" in row[0] else (SIDES,):
            yield _measure(*(cell.replace("*", side).replace("~", other) for cell in row), source)


def _leaning(name: str, part: str, bones: str, axis: int, words: str, source: str) -> FrameFeature:
    """Inclination of the line between two joints, from the lower to the upper one."""
    lower, upper = bones.split()

    def compute(motion: Motion) -> np.ndarray:
        return inclination(motion[upper] - motion[lower], axis)

    formula = f"atan2(part {_AHEAD[axis]}, part upward) of the line from {lower} to {upper}"
    return FrameFeature(name, "degrees", "posture", part, words, formula, source, compute, _needs(axis))


def _hanging(name: str, part: str, bones: str, axis: int, words: str, source: str) -> Iterator[FrameFeature]:
    """How far the line from an upper to a lower joint swings forward (axis 2) or is held out (0)."""
    for side in SIDES:
        upper, lower = (f"{side}_{joint}" for joint in bones.split())
        # A limb held to its own side counts as positive: to the left for the left one.
        sign = 1 if axis == 0 and side == "right" else -1

        def compute(motion: Motion, upper: str = upper, lower: str = lower, sign: int = sign) -> np.ndarray:
            return sign * inclination(motion[upper] - motion[lower], axis)

        way = f"to the {side}" if axis == 0 else "forward"
        yield FrameFeature(
            f"{side}_{name}",
            "degrees",
            "posture",
            part,
            words.replace("*", side),
            f"atan2(part {way}, part downward) of the line from {_spoken(upper)} to {_spoken(lower)}",
            source,
            compute,
            _needs(axis),
        )


def _needs(axis: int) -> Needs:
    """What an inclination along an axis needs: to the picture's side it can be seen in the picture."""
    return "depth" if axis == 2 else "world"


def _body_inclination(motion: Motion) -> np.ndarray:
    return between(motion["head"] - motion["root"], np.array([0.0, 1.0, 0.0]))


def _trunk_twist(motion: Motion) -> np.ndarray:
    shoulders, hips = (motion[f"left_{part}"] - motion[f"right_{part}"] for part in ("shoulder", "hip"))
    return twist(shoulders, hips)


# fmt: off
_PUBLISHED = (
    *_table(
        STEP,
        ("shoulders_neck_angle", "angle", "shoulders", "left_shoulder neck right_shoulder",
         "the neck, from shoulder to shoulder"),
        ("*_shoulder_slope", "angle", "shoulders", "neck *_shoulder ~_shoulder",
         "the * shoulder, from neck to other shoulder"),
    ),
    FrameFeature("body_inclination", "degrees", "posture", "trunk",
                 "angle of the line from hips to head against the vertical, to whatever side",
                 f"{_BETWEEN} of the line u from root to head and the vertical v", STEP, _body_inclination),
    *_table(
        STEP,
        ("*_hand_root_distance", "distance", "arms", "*_hand root", "the * hand from the hips"),
        ("*_hand_shoulder_distance", "distance", "arms", "*_hand *_shoulder", "the * hand from its shoulder"),
        ("*_elbow_root_distance", "distance", "arms", "*_elbow root", "the * elbow from the hips"),
        ("hands_neck_area", "area", "arms", "left_hand neck right_hand", "both hands and the neck"),
        ("shoulders_neck_area", "area", "shoulders", "left_shoulder neck right_shoulder",
         "both shoulders and the neck"),
        ("hands_root_area", "area", "arms", "left_hand root right_hand", "both hands and the hips"),
        ("elbows_neck_area", "area", "arms", "left_elbow neck right_elbow", "both elbows and the neck"),
        ("*_shoulder_angle", "angle", "arms", "neck *_shoulder *_elbow",
         "the * shoulder, from neck to elbow; larger with the arm raised"),
        ("*_elbow_angle", "angle", "arms", "*_shoulder *_elbow *_hand", "the * elbow; 180 is a straight arm"),
        ("spine_angle", "angle", "trunk", "neck spine root", "the spine, from neck to hips; 180 is straight"),
        ("neck_angle", "angle", "head", "head neck spine",
         "the neck, from head to spine; smaller with the head bent"),
        ("*_foot_root_distance", "distance", "legs", "*_foot root", "the * foot from the hips"),
        ("feet_neck_area", "area", "legs", "left_foot neck right_foot", "both feet and the neck"),
        ("hips_neck_area", "area", "trunk", "left_hip neck right_hip", "both hips and the neck"),
        ("feet_root_area", "area", "legs", "left_foot root right_foot", "both feet and the hips' middle"),
        ("knees_neck_area", "area", "legs", "left_knee neck right_knee", "both knees and the neck"),
        ("*_hip_angle", "angle", "legs", "root *_hip *_knee", "the * hip, from the hips' middle to the knee"),
        ("*_knee_angle", "angle", "legs", "*_hip *_knee *_foot", "the * knee; 180 is a straight leg"),
        ("foot_distance", "distance", "legs", "left_foot right_foot", "the feet from each other"),
    ),
)

# The features a frame that MDT-GCN's first stream learns to predict (Multi-anchor adaptive fusion and
# bi-focus attention for enhanced gait-based emotion recognition, Sci Rep 2025), **reconstructed**: how many
# they are is published, which they are is not. The affective features of STEP, which the data come with,
# hold exactly 31 that need one frame only: these, in their order. Theirs are in radians and the data's own
# lengths, these in degrees and body heights. Their code says right first; these go by the joint's place in
# the data, and the first block of Emotion-Gait is left (see gait.skeleton).
MDT_GCN_31: tuple[str, ...] = tuple(feature.name for feature in _PUBLISHED)

_OWN = (
    _leaning("trunk_lean", "trunk", "root neck", 2, "inclination of the trunk, forward positive", GROSS),
    _leaning("trunk_side_lean", "trunk", "root neck", 0,
             "inclination of the trunk to the side, left positive", MURRAY),
    FrameFeature("trunk_twist", "degrees", "posture", "trunk",
                 "turn of the shoulders against the hips, to the left positive",
                 "atan2(-z, x) of the line from right to left shoulder, less that of the hips", MURRAY,
                 _trunk_twist, "depth"),
    _leaning("head_inclination", "head", "neck head", 2,
             "inclination of the line from neck to face, forward positive, about 20 upright", ROETHER),
    FrameFeature("head_height", "heights", "posture", "head",
                 "height of the head above the hips; lower in a slump", "y of the head less y of the root", CRENN,
                 lambda m: m["head"][:, 1] - m["root"][:, 1]),
    FrameFeature("body_volume", "heights^3", "posture", "whole body", "volume of the box around the body",
                 "product of the spans of all joints to the side, upward and forward",
                 RANDHAVANE, lambda m: box_volume(m.joints), "depth"),
    *_table(
        RANDHAVANE,
        ("hand_distance", "distance", "arms", "left_hand right_hand", "the hands from each other"),
        ("*_hand_head_distance", "distance", "arms", "*_hand head", "the * hand from the head"),
        ("elbow_distance", "distance", "arms", "left_elbow right_elbow", "the elbows from each other"),
    ),
    *_hanging("arm_spread", "arms", "shoulder elbow", 0,
              "how far the * upper arm is held out to its side; 0 hangs down", WINTER),
    *_hanging("arm_swing", "arms", "shoulder elbow", 2,
              "swing of the * upper arm seen from the side, forward positive", MURRAY),
    *_hanging("thigh_swing", "legs", "hip knee", 2,
              "swing of the * thigh seen from the side, forward positive", WINTER),
)

FRAME_FEATURES: dict[str, FrameFeature] = by_name((*_PUBLISHED, *_OWN))

# Not averaged: what is build more than posture, what is even over a stride, and what is 180 by construction
# where the spine is made of hips and neck.
_NO_MEAN = {
    "shoulders_neck_angle", "left_shoulder_slope", "right_shoulder_slope", "shoulders_neck_area",
    "hips_neck_area", "spine_angle", "trunk_side_lean", "trunk_twist", "left_hip_angle", "right_hip_angle",
    "left_thigh_swing", "right_thigh_swing",
}
_RANGES = (
    "left_elbow_angle", "right_elbow_angle", "left_knee_angle", "right_knee_angle", "left_arm_swing",
    "right_arm_swing", "left_thigh_swing", "right_thigh_swing", "trunk_lean", "trunk_side_lean",
    "trunk_twist", "head_inclination", "hand_distance", "body_volume",
)
# fmt: on

FEATURES: dict[str, Feature] = by_name(
    [
        *(mean_of(feature) for name, feature in FRAME_FEATURES.items() if name not in _NO_MEAN),
        *(range_of(FRAME_FEATURES[name]) for name in _RANGES),
    ]
)
