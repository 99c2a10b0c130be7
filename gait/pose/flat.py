"""Joints that are known in the picture only: a flat figure, seen from where the camera stood.

OpenPose and COCO files hold no depth, and nothing here guesses it. The figure keeps what the picture shows: it is
not turned to face one way (:func:`gait.skeleton.heading_angle`), and what needs depth is not measured
(:mod:`gait.features`). Two such walks can be compared where they were filmed from the same side.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from gait.errors import VideoError
from gait.pose.lifting import STATURE
from gait.pose.root import TRUNK_AND_LEG
from gait.pose.sequence import PoseSequence
from gait.skeleton import centre_on_hips, find_layout

REMARK = "joints in the picture only: depth is not known, compare only walks of one view"
# Seconds over which the body's size in the picture is evened out: two steps, in which shanks shorten and lengthen.
_WINDOW = 1.0
_LEAST_FRAMES = 4


def is_flat(sequence: PoseSequence) -> bool:
    """Whether joints are known in the picture only.

    Raises
    ------
    VideoError
        No joint is known in any frame.
    """
    if np.isfinite(sequence.world).all(axis=2).any():
        return False
    if np.isfinite(sequence.image).all(axis=2).any():
        return True
    raise VideoError("no joint is known in any frame (all are NaN)")


def flatten(sequence: PoseSequence) -> PoseSequence:
    """The walk with ``world`` made of its joints in the picture: x to the right, y up, depth 0.

    In metres of somebody 1.70 m tall, by the length of trunk and leg in the picture. Where a walker comes nearer,
    all joints keep the scale of a body that does not grow.

    Parameters
    ----------
    sequence : PoseSequence
        In a layout with shoulders, hips, knees and ankles; ``image`` (T, V, 2) is known.

    Returns
    -------
    PoseSequence
        ``root`` stays unknown: a path along the line of sight is not seen. ``notes["flat"]`` is true.

    Raises
    ------
    VideoError
        A side of trunk and leg is never known whole.
    """
    image = sequence.image.astype(np.float64)
    height = _height(image, sequence.time, sequence.layout)
    flat = np.concatenate([image * (1, -1), np.zeros_like(image[..., :1])], axis=-1)
    flat[~np.isfinite(image).all(axis=2)] = np.nan
    world = (centre_on_hips(flat, sequence.layout) * (STATURE / height)[:, None, None]).astype(np.float32)
    notes = sequence.notes | {"flat": True}
    return replace(sequence, world=world, root=None, root_unit=None, root_source="none", notes=notes)


def _height(image: np.ndarray, time: np.ndarray, layout: str) -> np.ndarray:
    """Height of the body in pixels (T,), from trunk, thigh and shank of joints (T, V, 2), see
    :func:`gait.pose.root.stature`.

    What the body loses in a picture by coming nearer is 1 / height: its course is taken as a straight line about
    each frame, exact for a steady walk.
    """
    chain = [image[:, list(part)] for part in find_layout(layout).trunk_and_legs]
    sides = sum(np.linalg.norm(a - b, axis=-1) for a, b in pairwise(chain))
    seen = np.isfinite(sides).any(axis=1)
    lengths = np.nanmean(sides[seen], axis=1)
    if not lengths.size or not np.median(lengths) > 0:
        raise VideoError(
            "the body cannot be measured: shoulder, hip, knee and ankle are never known together"
        )
    away = TRUNK_AND_LEG / np.maximum(lengths, 1e-3 * np.median(lengths))
    usual = float(np.median(away))
    course = [_near(time[seen] - now, away, usual) for now in time]
    return 1 / np.clip(course, usual / 10, usual * 10)


def _near(time: np.ndarray, values: np.ndarray, otherwise: float) -> float:
    """The value at time 0 of the straight line through those within the window."""
    near = np.abs(time) <= _WINDOW / 2
    if near.sum() < _LEAST_FRAMES:
        return otherwise
    return float(np.polyfit(time[near], values[near], 1)[1])
