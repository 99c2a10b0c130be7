"""Frames in which the person was not seen: filled where they are few, left open where they are many."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import PchipInterpolator

from gait.pose.sequence import PoseSequence

LONGEST_SECONDS = 0.5
_AROUND = 3  # known frames on each side that give the filling its direction


@dataclass(frozen=True)
class Gaps:
    """What was found: gaps between the first and the last frame in which the person was seen.

    Attributes
    ----------
    filled, frames : int
        How many gaps were filled, and how many frames they had.
    left_open : int
        Gaps that were too long, or lay across a seam.
    longest_seconds : float
        The longest gap of all, 0 where there is none.
    """

    filled: int
    frames: int
    left_open: int
    longest_seconds: float


def fill_gaps(
    sequence: PoseSequence, seams: tuple[int, ...] = (), longest: float = LONGEST_SECONDS
) -> tuple[PoseSequence, Gaps]:
    """Fill short gaps by monotone cubic interpolation over time, each coordinate of each joint on its own.

    Parameters
    ----------
    sequence : PoseSequence
        ``observed`` stays False in filled frames; visibility there is 0.
    seams : tuple of int
        Frames before which a loop jumps back: a gap across one stays open.
    longest : float
        Seconds between the frames before and after a gap, at most.

    Returns
    -------
    PoseSequence
        Longer gaps, and frames before the first and after the last known one, stay NaN.
    Gaps
        Counted over frames in which no joint is known.
    """
    laps = np.searchsorted(seams, np.arange(len(sequence)), side="right")
    arrays = {name: getattr(sequence, name) for name in ("image", "world", "root")}
    filled = {
        name: _fill(array, sequence.time, laps, longest)
        for name, array in arrays.items()
        if array is not None
    }
    missing = ~np.isfinite(sequence.image).any(axis=(1, 2)) & ~np.isfinite(sequence.world).any(axis=(1, 2))
    return replace(sequence, **filled), _count(missing, sequence.time, laps, longest)


def _fill(array: np.ndarray, time: np.ndarray, laps: np.ndarray, longest: float) -> np.ndarray:
    """A copy of (T, ..., D) with short runs of NaN filled along the first axis."""
    if not len(array):
        return array
    flat = array.reshape(len(array), -1).copy()
    for column in flat.T:
        for first, last in _runs(~np.isfinite(column)):
            if _is_short(first, last, time, laps, longest):
                known = np.flatnonzero(np.isfinite(column) & (laps == laps[first]))
                at = np.searchsorted(known, first)
                near = known[max(0, at - _AROUND) : at + _AROUND]
                column[first:last] = PchipInterpolator(time[near], column[near])(time[first:last])
    return flat.reshape(array.shape)


def _runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """First and one-past-last index of each run of True that does not touch an end."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(int)))
    runs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return [(first, last) for first, last in runs if first > 0 and last < len(mask)]


def _is_short(first: int, last: int, time: np.ndarray, laps: np.ndarray, longest: float) -> bool:
    return bool(time[last] - time[first - 1] <= longest + 1e-9 and laps[first - 1] == laps[last])


def _count(missing: np.ndarray, time: np.ndarray, laps: np.ndarray, longest: float) -> Gaps:
    runs = _runs(missing)
    short = [run for run in runs if _is_short(*run, time, laps, longest)]
    return Gaps(
        filled=len(short),
        frames=sum(last - first for first, last in short),
        left_open=len(runs) - len(short),
        longest_seconds=round(
            max((float(time[last] - time[first - 1]) for first, last in runs), default=0.0), 3
        ),
    )
