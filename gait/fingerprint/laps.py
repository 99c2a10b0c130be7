"""Walks that are one stretch played over and over: every part of them is a copy of another part."""

from __future__ import annotations

import numpy as np

from gait.fingerprint.prints import MOTION, PICTURE, RATE, SECONDS, Print, Prints
from gait.pose.sequence import PoseSequence
from gait.skeleton import scale_by_torso

SHORTEST = 0.6  # seconds; no stride of a walk is shorter
# Correlation of pictures with those a lap later. The first 32 real clips, which are looped, have 0.97 at the least,
# rendered walks that are not have 0.5 at the most.
ALIKE = 0.92
# Torso lengths, a millimetre: joints copied lap for lap are apart by rounding, no person repeats a stride so exactly.
EXACT = 0.002


def lap_of(prints: Prints) -> float | None:
    """Seconds after which a walk comes back to the same, all along; None where it does not.

    Joints decide where there are some (see :func:`lap_of_joints`), for gait repeats itself, and what tells a loop from
    it they show best. Of pictures alone, the shortest of half steps of time after which the whole picture correlates
    with itself by ``ALIKE``, the highest of its neighbours; who walks before a camera that keeps still goes on, and
    the picture does not come back. At least two laps are needed to see one. Who walks on the spot as evenly as a
    machine cannot be told from a loop.
    """
    if MOTION in prints:
        return prints[MOTION].lap
    return _lap_of_pictures(prints[PICTURE]) if PICTURE in prints else None


def lap_of_joints(sequence: PoseSequence) -> float | None:
    """Seconds of a lap of a cleaned pose sequence, or None.

    In a picture it is the loop that :func:`gait.pose.loops.find_loop` marked; of joints without a picture the shortest
    number of frames after which every joint is where it was, in space where that is known, within ``EXACT``.
    """
    if loop := sequence.notes.get("loop"):
        return float(sequence.time[loop["seams"][0]] - sequence.time[0])
    if np.isfinite(sequence.image).any():
        return None
    joints = scale_by_torso(sequence.world, sequence.layout)
    if sequence.root is not None and np.isfinite(sequence.root).all():
        joints = scale_by_torso(sequence.world + sequence.root[:, None], sequence.layout)
    joints = joints[sequence.time - sequence.time[0] <= SECONDS]
    for lag in range(max(2, round(SHORTEST * sequence.rate)), len(joints) // 2 + 1):
        apart = np.linalg.norm(joints[lag:] - joints[:-lag], axis=-1).max(axis=1)
        if np.median(apart) < EXACT:
            return lag / sequence.rate
    return None


def _lap_of_pictures(one: Print) -> float | None:
    rows = one.values()
    halves = np.arange(int(np.ceil(2 * SHORTEST * RATE)), len(rows))  # half steps, up to half of the walk
    alike = np.array([_alike(rows, half) for half in halves])
    for place in np.flatnonzero(alike >= ALIKE):
        if alike[place] >= alike[max(0, place - 2) : place + 3].max():
            return float(halves[place] / 2 / RATE)
    return None


def _alike(rows: np.ndarray, half_steps: int) -> float:
    """Correlation of rows (T, D) with those some half steps later, which lie between two where that is odd."""
    later = rows[half_steps // 2 :]
    if half_steps % 2:
        later = (later[1:] + later[:-1]) / 2
    now = rows[: len(later)]
    return float((now * later).sum() / max(np.sqrt((now**2).sum() * (later**2).sum()), 1e-12))
