"""Posture: angles, distances, areas and the volume of the body, frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from gait.features.feature import Feature, FrameFeature, by_name, mean, over_walk, spread
from gait.features.motion import SIDES, Motion

CRENN = "Crenn 2016, Body expression recognition from animated 3D skeleton, IC3D"
RANDHAVANE = "Randhavane 2019, Identifying emotions from walking using affective and deep features, arXiv:1906.11884"
STEP = "Bhattacharya 2020, STEP, AAAI 34:1342-1350 (affective features within a frame)"
WINTER = "Winter 2009, Biomechanics and Motor Control of Human Movement, 4th ed., ch. 3"
MURRAY = "Murray 1967, Gait as a total pattern of movement, Am J Phys Med 46:290-333"
ROETHER = "Roether 2009, Critical features for the perception of emotion from gait, J Vision 9(6):15"
GROSS = "Gross 2012, Effort-shape and kinematic assessment of bodily expression of emotion, Hum Mov Sci 31:202-221"


def joint_angle(a: np.ndarray, middle: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angle (T,) in degrees at ``middle`` between the lines to a and b, all (T, 3): arccos of their unit vectors.

    180 is straight; NaN where two points coincide.
    """
    return between(a - middle, b - middle)


def between(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Angle (T,) in degrees between directions (T, 3), 0 to 180: atan2(|u x v|, u . v)."""
    across = np.linalg.norm(np.cross(u, v), axis=-1)
    along = (u * v).sum(axis=-1)
    empty = (across == 0) & (along == 0)
    return np.where(empty, np.nan, np.degrees(np.arctan2(across, along)))


def inclination(line: np.ndarray, axis: int) -> np.ndarray:
    """Angle (T,) in degrees of an upright line (T, 3) from the vertical, towards an axis: 0 is x (left), 2 z (forward).

    atan2(axis, up), in the plane of both.
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
    """Turn (T,) in degrees of an upper right-to-left line (T, 3) against a lower one about the vertical, to the left positive.

    Difference of atan2(-z, x), which is the way that a line's front faces.
    """
    turn = np.degrees(np.arctan2(-upper[:, 2], upper[:, 0]) - np.arctan2(-lower[:, 2], lower[:, 0]))
    return (turn + 180) % 360 - 180


def _posture(name: str, unit: str, part: str, words: str, source: str, compute: Callable) -> FrameFeature:
    return FrameFeature(name, unit, "posture", part, words, source, compute)


def _angle(name: str, part: str, words: str, a: str, middle: str, b: str) -> FrameFeature:
    return _posture(
        name, "degrees", part, f"{words} (degrees)", STEP, lambda m: joint_angle(m[a], m[middle], m[b])
    )


def _distance(name: str, part: str, words: str, a: str, b: str, source: str = STEP) -> FrameFeature:
    words = f"distance of {words} (body heights)"
    return _posture(name, "heights", part, words, source, lambda m: distance(m[a], m[b]))


def _area(name: str, part: str, words: str, a: str, b: str, c: str) -> FrameFeature:
    words = f"area of the triangle of {words} (body heights squared)"
    return _posture(name, "heights^2", part, words, STEP, lambda m: triangle_area(m[a], m[b], m[c]))


def _published() -> Iterator[FrameFeature]:
    """The 31 in the order of :data:`MDT_GCN_31`."""
    left, right = SIDES
    both = "left_shoulder", "right_shoulder"
    yield _angle("shoulders_neck_angle", "shoulders", "angle at the neck to both shoulders", both[0], "neck", both[1])
    for side, other in ((left, right), (right, left)):
        yield _angle(f"{side}_shoulder_slope", "shoulders", f"angle at the {side} shoulder between neck and other shoulder; "
                     "larger where the shoulders hang", "neck", f"{side}_shoulder", f"{other}_shoulder")  # fmt: skip
    yield _posture("body_inclination", "degrees", "trunk", "angle of the line from hips to head and the vertical, to any "
                   "side (degrees)", STEP, lambda m: between(m["head"] - m["root"], np.array([0.0, 1.0, 0.0])))  # fmt: skip
    for part, end in (("hand", "root"), ("hand", "shoulder"), ("elbow", "root")):
        for side in SIDES:
            other = end if end == "root" else f"{side}_{end}"
            yield _distance(f"{side}_{part}_{end}_distance", "arms", f"the {side} {part} from the "
                            f"{'hips' if end == 'root' else end}", f"{side}_{part}", other)  # fmt: skip
    for part, tip in (("hand", "neck"), ("shoulder", "neck"), ("hand", "root"), ("elbow", "neck")):
        words = f"both {part}s and the {'hips' if tip == 'root' else tip}"
        group = "shoulders" if part == "shoulder" else "arms"
        yield _area(f"{part}s_{tip}_area", group, words, f"left_{part}", tip, f"right_{part}")
    for middle, a, b in (("shoulder", "neck", "elbow"), ("elbow", "shoulder", "hand")):
        for side in SIDES:
            first = a if a == "neck" else f"{side}_{a}"
            words = f"angle at the {side} {middle} between {a} and {b}; " + (
                "larger when raised" if middle == "shoulder" else "180 is a straight arm")  # fmt: skip
            yield _angle(f"{side}_{middle}_angle", "arms", words, first, f"{side}_{middle}", f"{side}_{b}")
    yield _angle("spine_angle", "trunk", "angle at the spine between neck and hips; 180 is straight", "neck", "spine", "root")
    yield _angle("neck_angle", "head", "angle at the neck between head and spine; smaller with the head forward", "head", "neck", "spine")
    for side in SIDES:
        yield _distance(f"{side}_foot_root_distance", "legs", f"the {side} foot from the hips", f"{side}_foot", "root")
    for part, tip in (("foot", "neck"), ("hip", "neck"), ("foot", "root"), ("knee", "neck")):
        many = "feet" if part == "foot" else f"{part}s"
        words = f"both {many} and the {'middle of the hips' if tip == 'root' else tip}"
        yield _area(f"{many}_{tip}_area", "legs", words, f"left_{part}", tip, f"right_{part}")
    for middle, a, b in (("hip", "root", "knee"), ("knee", "hip", "foot")):
        for side in SIDES:
            first = a if a == "root" else f"{side}_{a}"
            words = f"angle at the {side} {middle} between " + (
                "the middle of the hips and the knee" if middle == "hip" else "hip and foot; 180 is a straight leg")  # fmt: skip
            yield _angle(f"{side}_{middle}_angle", "legs", words, first, f"{side}_{middle}", f"{side}_{b}")
    yield _distance("foot_distance", "legs", "the feet from each other", "left_foot", "right_foot")
