"""Laying one walk over another as exactly as it goes, and how alike they then are.

A line says roughly when two walks go together. Gauss and Newton's steps then find the small differences that a copy
may have: speed and start; of pictures also the zoom and shift each way, as cropping makes them (Lucas and Kanade
1981, "An iterative image registration technique with an application to stereo vision", with a gain in brightness);
of joints a turn about the vertical.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gait import skeleton
from gait.fingerprint.alignment import Line
from gait.fingerprint.pictures import WAVES, slopes, waves
from gait.fingerprint.prints import Print

AGREE = 0.9  # a stretch that is alike as much as this counts as copied
# Instants late and speed; then of pictures shifts and zooms, shares of the side, of joints a turn, radians.
_FARTHEST = np.array([3.0, 0.1, 0.15, 0.15, 0.15, 0.15])
_LONGEST = np.array([1.0, 0.05, 0.05, 0.05, 0.05, 0.05])
_STEPS, _DONE, _LEAST_GAIN = 12, 1e-3, 0.1
_MOVING = 0.05  # of the mean variance over time: places that change less count as standing still
_PLAIN = 1.0  # grey levels
_LEAST_LEFT = 0.8  # of a line, after it was moved
_MARGIN = 0.1  # of the side: what was cut off shows up to here, because pictures are smooth
_QUICK, _SLOW = 3, 9  # instants: what changes between a fifth of a second and over half of one
_GRID = (np.arange(WAVES) + 0.5) / WAVES


@dataclass(frozen=True)
class Match:
    """How alike two walks are when one is laid over the other.

    Attributes
    ----------
    score : float
        Correlation of their changes over the best stretch.
    place : float
        Of pictures the correlation of their means over that stretch, mostly of where nothing moves; 1 of joints.
    rhythm : float
        Of pictures the correlation of what changes within half a second, which limbs do and a way through the picture
        does not; 1 of joints.
    speed : float
        Instants of the other walk per instant of this one.
    shift, zoom : (float, float)
        Of the other picture against this one, down and across, shares of the side.
    start, length : int
        From which instant on, and for how many, this walk agrees with the other.
    """

    score: float
    place: float
    rhythm: float
    speed: float
    shift: tuple[float, float]
    zoom: tuple[float, float]
    start: int
    length: int


class _Overlay(Protocol):
    """Two walks, one laid over the other by some free numbers: late, faster, and what else there is."""

    size: int
    clock: _Clock

    def lay(self, free: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
        """This walk (R, P), the other as laid over it (R, P), and its derivatives by the free numbers."""

    def alike(self, one: np.ndarray, other: np.ndarray, length: int) -> np.ndarray:
        """How alike both (R, P) are over each stretch of a length, (R - length + 1,)."""

    def place(self, one: np.ndarray, other: np.ndarray) -> float:
        """See :attr:`Match.place`, of stretches (L, P)."""

    def rhythm(self, one: np.ndarray, other: np.ndarray) -> float:
        """See :attr:`Match.rhythm`, of stretches (L, P)."""


def register_pictures(one: Print, other: Print, line: Line) -> Match | None:
    """Lay the pictures of one walk over those of another, from a line on; None where that leads off it."""
    return _register(_Pictures(one, other, line), line, len(one.changes), len(other.changes))


def register_joints(one: Print, other: Print, line: Line) -> Match | None:
    """Lay the joints of one walk over those of another, from a line on; None where that leads off it."""
    return _register(_Joints(one, other, line), line, len(one.changes), len(other.changes))


class _Clock:
    """Instants of the other walk that go with instants of this one."""

    def __init__(self, line: Line):
        self.line, self.middle = line, line.start + (line.length - 1) / 2

    def times(self, free: np.ndarray, rows: np.ndarray) -> np.ndarray:
        late, faster = free[:2]
        along = self.line.other_start + self.line.speed * (rows - self.line.start)
        return along + late + faster * (rows - self.middle)

    def rows(self, free: np.ndarray, length: int, other_length: int) -> np.ndarray:
        """Instants of this walk for which the other has one."""
        rows = np.arange(length)
        times = self.times(free, rows)
        return rows[(times >= -1e-6) & (times <= other_length - 1 + 1e-6)]


def _at(values: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values (R, ...) at times between instants, on straight lines, and their change per instant."""
    low = np.clip(np.floor(times).astype(int), 0, len(values) - 2)
    share = np.clip(times - low, 0, 1).reshape(-1, *(1,) * (values.ndim - 1))
    change = values[low + 1] - values[low]
    return values[low] + share * change, change


class _Pictures:
    size = 6

    def __init__(self, one: Print, other: Print, line: Line):
        self.clock = _Clock(line)
        here = waves(_GRID)
        self._shown = here @ _squares(one) @ here.T
        self._squares = _squares(other)

    def lay(self, free: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
        (down, inside), (across, within) = (_places(free[k], free[k + 2]) for k in (2, 3))
        then, change = _at(self._squares, self.clock.times(free, rows))
        tall, wide = waves(down), waves(across)
        values, changes = tall @ then @ wide.T, tall @ change @ wide.T
        falling, sideways = slopes(down) @ then @ wide.T, tall @ then @ slopes(across).T
        since, centred = (rows - self.clock.middle)[:, None, None], _GRID - 0.5
        columns = [changes, changes * since]
        columns += [falling, sideways, falling * centred[:, None], sideways * centred]
        seen = np.outer(inside, within)
        return self._shown[rows][:, seen], values[:, seen], [column[:, seen] for column in columns]

    def alike(self, one: np.ndarray, other: np.ndarray, length: int) -> np.ndarray:
        sizes = [_squares_of_changes(values, values, length) for values in (one, other)]
        return _squares_of_changes(one, other, length) / np.sqrt(np.maximum(sizes[0] * sizes[1], 1e-12))

    def place(self, one: np.ndarray, other: np.ndarray) -> float:
        moving = one.var(axis=0) + other.var(axis=0)
        return _correlation(
            one.mean(axis=0), other.mean(axis=0), 1 / (moving + _MOVING * moving.mean() + 1e-9)
        )

    def rhythm(self, one: np.ndarray, other: np.ndarray) -> float:
        if len(one) < 2 * _SLOW:
            return 1.0
        fast, other_fast = _within_half_a_second(one), _within_half_a_second(other)
        sizes = np.sqrt((fast**2).sum() * (other_fast**2).sum())
        return float((fast * other_fast).sum() / max(sizes, 1e-12))


def _squares(pictures: Print) -> np.ndarray:
    return (pictures.base + pictures.values()).astype(np.float64).reshape(-1, WAVES, WAVES)


def _places(shift: float, wider: float) -> tuple[np.ndarray, np.ndarray]:
    """Where the grid lies in the other picture, and what of it is well inside of both pictures, (24,) each."""
    places = 0.5 + (_GRID - 0.5) * (1 + wider) + shift
    return places, np.abs(places - 0.5).clip(np.abs(_GRID - 0.5)) <= 0.5 - _MARGIN


class _Joints:
    size = 3

    def __init__(self, one: Print, other: Print, line: Line):
        self.clock = _Clock(line)
        self._one, self._other = (joints.base.astype(np.float64) + joints.values() for joints in (one, other))

    def lay(self, free: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
        then, change = (_turned(values, free[2]) for values in _at(self._other, self.clock.times(free, rows)))
        since = (rows - self.clock.middle)[:, None]
        return self._one[rows], then, [change, change * since, _turned(_flat(then), np.pi / 2)]

    def alike(self, one: np.ndarray, other: np.ndarray, length: int) -> np.ndarray:
        """As the correlation, but a posture or a size that differs counts, too."""
        apart = _sums(((one - other) ** 2).sum(axis=1), length)
        changes = sum(_squares_of_changes(values, values, length) for values in (one, other))
        return 1 - apart / np.maximum(changes, 1e-12)

    def place(self, one: np.ndarray, other: np.ndarray) -> float:
        return 1.0

    def rhythm(self, one: np.ndarray, other: np.ndarray) -> float:
        return 1.0


def _turned(joints: np.ndarray, angle: float) -> np.ndarray:
    """Joints (R, 48) turned about the vertical."""
    return skeleton.turn(joints.reshape(len(joints), -1, 3), angle).reshape(joints.shape)


def _flat(joints: np.ndarray) -> np.ndarray:
    """Joints (R, 48) with their heights set to zero: what a turn moves."""
    return joints * np.tile([1, 0, 1], joints.shape[1] // 3)


def _register(overlay: _Overlay, line: Line, size: int, other_size: int) -> Match | None:
    free = _fit(overlay, line)
    # A copy's speed is that of its line but for a step of the search. Where the fit runs off as far as it may, it makes
    # two walks over the same way alike, of which one is faster.
    if abs(free[1]) >= _FARTHEST[1]:
        return None
    rows = overlay.clock.rows(free, size, other_size)
    if len(rows) < _LEAST_LEFT * line.length:
        return None
    length = min(line.length, len(rows))
    one, other, _ = overlay.lay(free, rows)
    alike = overlay.alike(one, other, length)
    best = int(alike.argmax())
    stretch = slice(best, best + length)
    first, last = _run(alike >= min(AGREE, alike[best]), best)
    more = free[2:] if overlay.size == _Pictures.size else np.zeros(4)
    return Match(
        score=float(alike[best]),
        place=overlay.place(one[stretch], other[stretch]),
        rhythm=overlay.rhythm(one[stretch], other[stretch]),
        speed=line.speed + float(free[1]),
        shift=(float(more[0]), float(more[1])),
        zoom=(1 + float(more[2]), 1 + float(more[3])),
        start=int(rows[first]),
        length=last - first + length,
    )


def _fit(overlay: _Overlay, line: Line) -> np.ndarray:
    """The free numbers (6,) or (2,) by which the other walk comes nearest to this one over a line's stretch."""
    rows = np.arange(line.start, line.start + line.length)
    free, farthest, longest = np.zeros(overlay.size), _FARTHEST[: overlay.size], _LONGEST[: overlay.size]
    for _ in range(_STEPS):
        one, other, derivatives = overlay.lay(free, rows)
        if not one.size:
            break
        columns = np.stack([c.ravel() for c in (other, *derivatives, np.ones_like(other))], axis=1)
        squares = columns.T @ columns
        squares[np.diag_indices_from(squares)] *= 1 + 1e-6  # one that changes nothing stays where it is
        squares += 1e-9 * np.eye(len(squares))
        gain, *steps, _ = np.linalg.solve(squares, columns.T @ one.ravel())
        if gain < _LEAST_GAIN:
            break
        step = np.clip(np.array(steps) / gain, -longest, longest)
        free = np.clip(free + step, -farthest, farthest)
        if np.abs(step).max() < _DONE:
            break
    return free


def _within_half_a_second(values: np.ndarray) -> np.ndarray:
    """Values (R, P) less their mean over ``_SLOW`` instants, noise evened out over ``_QUICK``, (R - _SLOW + 1, P)."""
    side = (_SLOW - _QUICK) // 2
    quick, slow = _sums(values, _QUICK) / _QUICK, _sums(values, _SLOW) / _SLOW
    return quick[side : len(quick) - side] - slow


def _correlation(one: np.ndarray, other: np.ndarray, weights: np.ndarray) -> float:
    """Weighted correlation of two pictures (P,); 1 where both are as good as plain, and there is no place to see."""
    weights = weights / weights.sum()
    one, other = one - weights @ one, other - weights @ other
    sizes = np.sqrt(weights @ one**2), np.sqrt(weights @ other**2)
    if max(sizes) < _PLAIN:
        return 1.0
    return float(weights @ (one * other) / max(sizes[0] * sizes[1], 1e-12))


def _squares_of_changes(one: np.ndarray, other: np.ndarray, length: int) -> np.ndarray:
    """Sum of products of (R, P) with (R, P) over each stretch, each less its mean there, (R - length + 1,)."""
    means = (_sums(one, length) * _sums(other, length)).sum(axis=1) / length
    return _sums((one * other).sum(axis=1), length) - means


def _sums(values: np.ndarray, length: int) -> np.ndarray:
    total = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])
    return total[length:] - total[:-length]


def _run(agrees: np.ndarray, best: int) -> tuple[int, int]:
    """First and last place of the run of True around ``best``."""
    gaps = np.flatnonzero(~agrees)
    before, after = gaps[gaps < best], gaps[gaps > best]
    return int(before[-1]) + 1 if len(before) else 0, int(after[0]) - 1 if len(after) else len(agrees) - 1
