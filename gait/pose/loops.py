"""Stretches that are played over and over: a few steps repeated to fill a clip, a jump back at each seam.

Two signs must come together. The frames of one lap are those of the lap before: every joint comes back to
the same place in the picture, as near as the estimator's memory allows. And the step from a lap's last
frame to the first of the next is a jump, many times an ordinary step, lap after lap. A walker who gets on
never comes back; who walks on the spot comes back, but without a jump.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from gait.pose.sequence import PoseSequence
from gait.skeleton import find_layout

# In body heights, median over joints and frames. Calibrated on 61 looped clips, which come back to 0.002 to
# 0.006; who gets on for a gait cycle moves by 0.02 at least.
MOST_APART = 0.015
# A seam over the median step, median over the seams: 13 to 50 in those clips, under 5 on the spot.
LEAST_JUMP = 7.0
SHORTEST_SECONDS = 0.6
# A few steps are shorter by far, and looking for any lap takes time with the square of the length.
LONGEST_SECONDS = 60.0
_BODY = ("shoulder", "hip", "knee", "ankle")


@dataclass(frozen=True)
class Loop:
    """A stretch that is played over and over.

    Attributes
    ----------
    period : int
        Frames of a lap: the median distance of the seams.
    seams : tuple of int
        The frames with which laps start, other than the first frame.
    apart : float
        How far joints are from their places a lap before, body heights.
    jump : float
        The step across a seam over the median step.
    """

    period: int
    seams: tuple[int, ...]
    apart: float
    jump: float

    @property
    def unique(self) -> tuple[int, int]:
        """First and one-past-last frame of the first lap."""
        return 0, self.seams[0]


def find_loop(sequence: PoseSequence) -> Loop | None:
    """The stretch that a walk is made of, or None where it is not a loop.

    Needs joints as the estimator gave them: smoothing rounds the seams off.

    Parameters
    ----------
    sequence : PoseSequence
        At least two laps are needed to see one.

    Returns
    -------
    Loop or None
        The shortest stretch with both signs, up to ``LONGEST_SECONDS``. A loop that is cut so well that its seam
        shows no jump is not told from a walk on the spot, and None.
    """
    if len(sequence) < 2:
        return None
    places = _places(sequence)
    shortest = max(4, round(SHORTEST_SECONDS * sequence.rate))
    if places is None or len(places) < 2 * shortest:
        return None
    steps = _distance(places[1:], places[:-1])
    usual = float(np.nanmedian(steps))
    if not usual > 0:
        return None
    longest = min(len(places) // 2, round(LONGEST_SECONDS * sequence.rate))
    periods = np.arange(shortest, longest + 1)
    apart = np.array(list(_apart(places, periods)))
    for index in _dips(apart):
        loop = _check(int(periods[index]), float(apart[index]), np.nan_to_num(steps) / usual)
        if loop is not None:
            return loop
    return None


def mark_loop(sequence: PoseSequence) -> PoseSequence:
    """The sequence with ``unique`` and ``notes["loop"]`` (period, seconds, seams) set, where it is a loop."""
    loop = find_loop(sequence)
    if loop is None:
        return sequence
    seconds = float(sequence.time[loop.seams[0]] - sequence.time[0])
    facts = {"period": loop.period, "seconds": round(seconds, 3), "seams": list(loop.seams)}
    return replace(sequence, unique=loop.unique, notes=sequence.notes | {"loop": facts})


def seams_of(sequence: PoseSequence) -> tuple[int, ...]:
    """Frames before which a loop jumps back: the step to them is not movement. Empty for other walks."""
    return tuple(sequence.notes.get("loop", {}).get("seams", ()))


def _places(sequence: PoseSequence) -> np.ndarray | None:
    """(T, J, 2) middles of left and right joints in body heights: the same when both are exchanged."""
    layout = find_layout(sequence.layout)
    pairs = [pair for pair in layout.pairs if layout.joints[pair[0]].endswith(_BODY)]
    image = sequence.image.astype(np.float64)
    seen = np.isfinite(image).all(axis=(1, 2))
    if not pairs or not seen.any():
        return None
    height = np.median(np.ptp(image[seen][..., 1], axis=1))
    left, right = (image[:, list(side)] for side in zip(*pairs, strict=True))
    return (left + right) / 2 / height if height > 0 else None


def _distance(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(T,) median over joints (T, J, 2) of their distance; NaN where they are not known."""
    return np.median(np.linalg.norm(one - other, axis=-1), axis=1)


def _apart(places: np.ndarray, periods: np.ndarray) -> Iterator[float]:
    """By period, median distance of a frame from those a lap later, the nearest of three: laps may differ by a frame.

    ``periods`` grow by one.
    """
    slack: deque[np.ndarray] = deque(maxlen=3)
    for lag in range(periods[0] - 1, periods[-1] + 2):
        slack.append(_distance(places[:-lag], places[lag:]))
        if len(slack) == 3:
            last = len(slack[1]) - 1
            nearest = np.min([later[1:last] for later in slack], axis=0)
            known = nearest[np.isfinite(nearest)]
            yield float(np.median(known)) if 2 * len(known) >= last > 1 and len(known) else np.inf


def _dips(apart: np.ndarray) -> np.ndarray:
    """Indices of periods at which the walk comes back, the shortest first: lowest within three frames."""
    near = apart < MOST_APART
    lowest = [apart[i] <= np.min(apart[max(0, i - 3) : i + 4]) for i in range(len(apart))]
    return np.flatnonzero(near & np.array(lowest))


def _check(period: int, apart: float, steps: np.ndarray) -> Loop | None:
    """The loop of about a period, if there are seams; ``steps`` (T - 1,) lead to the frames 1 to T - 1."""
    firsts = range(max(1, period - 2), min(period + 2, len(steps)) + 1)
    chains = [_follow_seams(first, steps) for first in firsts]
    jumps = [float(np.median(steps[np.array(seams) - 1])) for seams in chains]
    best = int(np.argmax(jumps))
    if jumps[best] < LEAST_JUMP:
        return None
    seams = chains[best]
    return Loop(int(np.median(np.diff([0, *seams]))), tuple(seams), apart, jumps[best])


def _follow_seams(first: int, steps: np.ndarray) -> list[int]:
    """Seams from the first on, each a lap, give or take a frame, after the one before: the largest step."""
    seams = [first]
    while seams[-1] + first <= len(steps):
        near = np.arange(seams[-1] + first - 1, min(seams[-1] + first + 1, len(steps)) + 1)
        seams.append(int(near[np.argmax(steps[near - 1])]))
    return seams
