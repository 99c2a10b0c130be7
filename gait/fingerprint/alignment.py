"""Which walks could be copies of which, and when: by how a walk looks at each instant, whatever its speed.

Values are compared less their mean over the second around them: what stays that long is the place or the posture,
and a walk that was trimmed has another mean. Two steps, the first for all pairs at once:

- *candidates*: a few instants of one walk, 0.4 s apart; at least three of them must look like some instant of the
  other walk. One matrix product for all walks.
- *lines*: in the table of how alike all instants of both are, a copy is a straight line, steeper where it is played
  faster. The best stretch of two seconds (of four fifths of the shorter walk) is looked for at 19 speeds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gait.fingerprint.prints import RATE

STRETCH = 30  # instants that are compared: two seconds
SPEEDS = np.exp(0.025 * np.arange(-9, 10))  # 0.80 to 1.25
_AROUND = 7  # instants before and after that the mean is taken from
_KEY_STEP, _LEAST_KEYS = 6, 3
_QUIET = 0.1  # of a walk's mean energy: below, nothing is there to compare
_BLOCK = 128


@dataclass(frozen=True, eq=False)
class Curve:
    """A walk's local changes.

    Attributes
    ----------
    rows : (T, D) float32
    energy : (T,) float32
        Their squared length.
    """

    rows: np.ndarray
    energy: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Line:
    """Where two walks go together: instant ``start`` + k of one is ``other_start`` + ``speed`` k of the other.

    ``score`` is the correlation of their local changes over ``length`` instants.
    """

    score: float
    start: int
    other_start: float
    speed: float
    length: int


def make_curve(values: np.ndarray) -> Curve:
    """The local changes of values (T, D)."""
    total = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0, dtype=np.float64)])
    instants = np.arange(len(values))
    first = np.maximum(instants - _AROUND, 0)
    last = np.minimum(instants + _AROUND + 1, len(values))
    rows = (values - (total[last] - total[first]) / (last - first)[:, None]).astype(np.float32)
    return Curve(rows, (rows**2).sum(axis=1))


def candidates(ones: Sequence[Curve], others: Sequence[Curve], least: float) -> Iterator[tuple[int, int]]:
    """Pairs (i, j) in which at least three key instants of ``ones[i]`` look like some instant of ``others[j]``.

    ``least`` is the correlation from which two instants look alike. Walks of fewer than three key instants need
    all of them.
    """
    if not ones or not others:
        return
    keys, owners, needed = _keys(ones)
    table = np.concatenate([_unit(curve) for curve in others])
    firsts = np.cumsum([0, *(len(curve) for curve in others[:-1])])
    found = np.zeros((len(ones), len(others)), int)
    for block in range(0, len(keys), _BLOCK):
        alike = np.maximum.reduceat(keys[block : block + _BLOCK] @ table.T, firsts, axis=1) >= least
        np.add.at(found, owners[block : block + _BLOCK], alike)
    for i, j in np.argwhere(found >= needed[:, None]):
        yield int(i), int(j)


def _keys(curves: Sequence[Curve]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Key instants of all walks (K, D), whose they are (K,), and how many of each walk's must match (N,)."""
    chosen, owners, needed = [], [], []
    for number, curve in enumerate(curves):
        rows = np.arange(_KEY_STEP // 2, len(curve), _KEY_STEP)
        rows = rows[curve.energy[rows] > _QUIET * curve.energy.mean()]
        chosen.append(_unit(curve)[rows])
        owners += [number] * len(rows)
        needed.append(max(1, min(_LEAST_KEYS, len(rows))))
    return np.concatenate(chosen), np.array(owners, int), np.array(needed)


def _unit(curve: Curve) -> np.ndarray:
    """Rows (T, D) of length one; of quiet instants zero, which look like nothing."""
    loud = curve.energy > _QUIET * curve.energy.mean()
    lengths = np.sqrt(np.where(loud, curve.energy, np.inf))
    return curve.rows / lengths[:, None].astype(np.float32)


def best_lines(one: Curve, other: Curve) -> list[Line]:
    """The line along which two walks are most alike, and the one among those of unchanged speed, if it is another.

    In less than two seconds a wrong speed may look as good as the right one, which most often is unchanged. None at
    all where one of them is too short.
    """
    length = min(STRETCH, int(0.8 * min(len(one), len(other))))
    if length < 2:
        return []
    lines = {speed: line for speed in SPEEDS if (line := _line(one, other, float(speed), length)) is not None}
    best = max(lines, key=lambda speed: lines[speed].score, default=None)
    return [lines[speed] for speed in dict.fromkeys((best, 1.0)) if speed in lines]


def _line(one: Curve, other: Curve, speed: float, length: int) -> Line | None:
    """The best line of a speed; None where the other walk is too short for it."""
    places = np.arange(0, len(other) - 1 + 1e-9, speed)
    if len(places) < length:
        return None
    scores = _stretches(one, _at(other.rows, places), length)
    start, other_start = np.unravel_index(int(scores.argmax()), scores.shape)
    return Line(float(scores[start, other_start]), int(start), float(places[other_start]), speed, length)


def _at(rows: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Rows at places between instants, on straight lines."""
    low = np.minimum(places.astype(int), len(rows) - 2)
    share = (places - low)[:, None].astype(rows.dtype)
    return rows[low] * (1 - share) + rows[low + 1] * share


def _stretches(one: Curve, other: np.ndarray, length: int) -> np.ndarray:
    """Correlation of each stretch of one walk with each of the other, (T - length + 1, U - length + 1)."""
    sums = one.rows @ other.T
    for row in range(1, len(sums)):  # along the diagonals
        sums[row, 1:] += sums[row - 1, :-1]
    products = sums[length - 1 :, length - 1 :].copy()
    products[1:, 1:] -= sums[:-length, :-length]
    energies = [_windows(energy, length) for energy in (one.energy, (other**2).sum(axis=1))]
    quiet = [energy <= _QUIET * energy.mean() for energy in energies]
    scores = products / np.sqrt(np.outer(*(np.maximum(energy, 1e-12) for energy in energies)))
    scores[quiet[0]], scores[:, quiet[1]] = -1, -1
    return scores


def _windows(values: np.ndarray, length: int) -> np.ndarray:
    total = np.concatenate([[0], np.cumsum(values, dtype=np.float64)])
    return total[length:] - total[:-length]


def seconds_of(line: Line) -> float:
    """How long the stretch of a line is."""
    return line.length / RATE
