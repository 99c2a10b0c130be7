"""Laban's effort (weight, time, space, flow) as Larboulette and Gibet 2015 compute it.

A review of computable expressive descriptors of human motion, MOCO 2015, pages 21-28. Their sums over
joints, with weights that add up to 1, are means over hands, feet and head here, and movement is that
against the hips. Theirs are values of a walk; a frame's value is what it adds to them.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from gait.features.feature import Feature, FrameFeature, by_name, mean_of, peak_of
from gait.features.motion import Motion, bridge
from gait.features.movement import ENDS, magnitude

LARBOULETTE = "Larboulette 2015, A review of computable expressive descriptors of human motion, MOCO:21-28"
# Seconds of path over which space is judged: about a quarter of a stride, so that a straight swing counts as
# direct though it turns back at its end.
_STRETCH = 0.25


def kinetic_energy(velocity: np.ndarray) -> np.ndarray:
    """Mean squared speed (T,) of points whose velocities are (T, P, 3)."""
    return (velocity**2).sum(axis=-1).mean(axis=1)


def mean_magnitude(vectors: np.ndarray) -> np.ndarray:
    """Mean length (T,) of vectors (T, P, 3)."""
    return magnitude(vectors).mean(axis=1)


def directness(
    points: np.ndarray, time: np.ndarray, breaks: tuple[int, ...] = (), stretch: float = _STRETCH
) -> np.ndarray:
    """Straight way over path in the ``stretch`` seconds around each frame, both summed over P points.

    1 is straight. The inverse of the paper's ratio, which has no bound. Places between frames, and where a
    point is not known, lie on straight lines.

    Parameters
    ----------
    points : (T, P, 3) array
    time : (T,) array
        Seconds.
    breaks : tuple of int
        Frames before which nothing connects.

    Returns
    -------
    (T,) array
        NaN nearer than half of ``stretch`` to an end or a break, where a point is not known or nothing moves.
    """
    found = np.zeros((2, len(time)))
    for start, stop in pairwise((0, *breaks, len(time))):
        part = slice(start, stop)
        for point in points[part].swapaxes(0, 1):
            found[:, part] += _straight_and_gone(point, time[part], stretch)
    found[:, ~np.isfinite(points).all(axis=(1, 2))] = np.nan
    straight, gone = found
    return np.divide(straight, gone, out=np.full(len(time), np.nan), where=gone > 1e-9)


def _straight_and_gone(points: np.ndarray, time: np.ndarray, stretch: float) -> np.ndarray:
    """(2, T): straight way and path of one point (T, 3) in an unbroken walk."""
    points = bridge(points, time)
    path = np.concatenate([[0.0], np.cumsum(magnitude(np.diff(points, axis=0)))])
    before, after = time - stretch / 2, time + stretch / 2
    gone = [np.interp(after, time, track) - np.interp(before, time, track) for track in (*points.T, path)]
    ways = np.stack([magnitude(np.stack(gone[:3], axis=1)), gone[3]])
    ways[:, (before < time[0] - 1e-9) | (after > time[-1] + 1e-9)] = np.nan
    return ways


def _ends(motion: Motion, what: str) -> np.ndarray:
    """Velocities, accelerations or jerks (T, 5, 3) of hands, feet and head."""
    return np.stack([getattr(motion, what)(part) for part in ENDS], axis=1)


def _places(motion: Motion) -> np.ndarray:
    return np.stack([motion[part] for part in ENDS], axis=1)


def _effort(
    name: str, unit: str, words: str, formula: str, compute: Callable[[Motion], np.ndarray]
) -> FrameFeature:
    words = f"{words}, of hands, feet and head against the hips"
    return FrameFeature(f"effort_{name}", unit, "effort", "whole body", words, formula, LARBOULETTE, compute)


# fmt: off
FRAME_FEATURES: dict[str, FrameFeature] = by_name((
    _effort("weight", "heights^2/s^2", "mean squared speed: strong or light",
            "mean over hands, feet and head of |velocity|^2",
            lambda m: kinetic_energy(_ends(m, "velocity"))),
    _effort("time", "heights/s^2", "mean acceleration: sudden or sustained",
            "mean over hands, feet and head of |acceleration|",
            lambda m: mean_magnitude(_ends(m, "acceleration"))),
    _effort("space", "1", "straight way over path: direct (1) or roundabout",
            f"straight way over path in the {_STRETCH:g} s around a frame, both summed over hands, feet and head",
            lambda m: directness(_places(m), m.time, m.breaks)),
    _effort("flow", "heights/s^3", "mean jerk: bound or free",
            "mean over hands, feet and head of |jerk|",
            lambda m: mean_magnitude(_ends(m, "jerk"))),
    _effort("quantity", "heights/s", "mean speed: quantity of motion",
            "mean over hands, feet and head of |velocity|",
            lambda m: mean_magnitude(_ends(m, "velocity"))),
))
# fmt: on

# Weight is the largest over the walk, the others the mean, as in the paper.
FEATURES: dict[str, Feature] = by_name(
    peak_of(feature) if name == "effort_weight" else mean_of(feature)
    for name, feature in FRAME_FEATURES.items()
)
