"""Light smoothing: the zero-phase low-pass filter of gait analysis."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
from scipy.signal import butter, filtfilt

from gait.pose.sequence import PoseSequence

CUTOFF = 6.0  # Hz; Winter 2009, chapter 3.4.4.2: joints of walking people hold next to nothing above 6 Hz
# A filter run forwards and backwards has its cutoff lower than each run: by (2 ** (1 / passes) - 1) ** 0.25
# for order 2 (Winter 2009, equation 3.12: 0.802 for two passes).
_TWO_PASSES = 0.802
_ORDER = 2
# filtfilt reflects three times the filter's length at each end; shorter stretches are left as they are.
_LEAST_FRAMES = 3 * (_ORDER + 1) + 1
MOST_OF_RATE = 0.4  # of the frame rate: what a filter with this cutoff can still be told from none
_AT_ONCE = 100_000  # numbers that are filtered together: the filter makes several copies
_EVEN = 0.01  # share by which time steps may differ and still be taken as even


def smooth(sequence: PoseSequence, seams: tuple[int, ...] = (), cutoff: float = CUTOFF) -> PoseSequence:
    """Butterworth low-pass filter of order 4 without a phase shift (order 2, forwards and backwards).

    Winter 2009, Biomechanics and Motor Control of Human Movement, 4th edition, chapter 3.4.4. Each stretch of
    known frames between seams is filtered by itself: nothing is carried over a gap or a jump. Time steps are
    taken from ``time``; where they are uneven, a stretch is resampled to even ones and back.

    Parameters
    ----------
    sequence : PoseSequence
        ``image``, ``world`` and ``root`` are filtered; NaN stay NaN.
    seams : tuple of int
        Frames before which a loop jumps back.
    cutoff : float
        Hz. Walks of less than two and a half times as many frames a second are returned as they are, and so is
        a walk of which no stretch can be filtered: each is shorter than ten frames, or its steps are so uneven
        that it has less than twice as many frames a second over all of it.
    """
    if len(sequence) < 2 or cutoff >= MOST_OF_RATE * sequence.rate:
        return sequence
    laps = np.searchsorted(seams, np.arange(len(sequence)), side="right")
    arrays = {name: getattr(sequence, name) for name in ("image", "world", "root")}
    filtered = {
        name: _smooth(array, sequence.time, laps, cutoff)
        for name, array in arrays.items()
        if array is not None
    }
    if all(np.array_equal(array, arrays[name], equal_nan=True) for name, array in filtered.items()):
        return sequence
    return replace(sequence, **filtered)


def _smooth(array: np.ndarray, time: np.ndarray, laps: np.ndarray, cutoff: float) -> np.ndarray:
    flat = array.reshape(len(array), -1).astype(np.float64)
    result = flat.copy()
    known = np.isfinite(flat)
    patterns, which = np.unique(known, axis=1, return_inverse=True)
    for number, pattern in enumerate(patterns.T):
        columns = np.flatnonzero(which.ravel() == number)
        for rows in _stretches(pattern, laps):
            if len(rows) >= _LEAST_FRAMES:
                parts = min(len(columns), 1 + len(rows) * len(columns) // _AT_ONCE)
                for some in np.array_split(columns, parts):
                    result[np.ix_(rows, some)] = _low_pass(flat[np.ix_(rows, some)], time[rows], cutoff)
    return result.reshape(array.shape).astype(array.dtype)


def _stretches(known: np.ndarray, laps: np.ndarray) -> list[np.ndarray]:
    """Runs of known frames of one lap."""
    rows = np.flatnonzero(known)
    breaks = np.flatnonzero((np.diff(rows) > 1) | (np.diff(laps[rows]) != 0)) + 1
    return np.split(rows, breaks) if len(rows) else []


def _low_pass(values: np.ndarray, time: np.ndarray, cutoff: float) -> np.ndarray:
    """(N, D) filtered along the first axis; as they are where the cutoff lies beyond half of their own rate."""
    step = (time[-1] - time[0]) / (len(time) - 1)
    if cutoff * step >= 0.5:  # Nyquist: there is no such filter, however close together most frames are
        return values
    b, a = _filter(cutoff, float(step))
    if np.ptp(np.diff(time)) <= _EVEN * step:
        return filtfilt(b, a, values, axis=0)
    even = np.linspace(time[0], time[-1], len(time))
    resampled = np.stack([np.interp(even, time, column) for column in values.T], axis=1)
    filtered = filtfilt(b, a, resampled, axis=0)
    return np.stack([np.interp(time, even, column) for column in filtered.T], axis=1)


@lru_cache(maxsize=64)
def _filter(cutoff: float, step: float) -> tuple[np.ndarray, np.ndarray]:
    """The filter for a time step; designing it takes longer than filtering a short walk."""
    # In the bilinear transform's own measure, in which the filter is a Butterworth filter.
    warped = np.arctan(np.tan(np.pi * cutoff * step) / _TWO_PASSES) / np.pi
    return butter(_ORDER, 2 * warped)
