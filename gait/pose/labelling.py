"""The most probable course of left and right through a walk: smoothness, the stride's rhythm, and other
evidence.

Everything here works on *differences*: the place of each left joint less that of its right counterpart, in
the picture, in body heights. Exchanging left and right changes their sign and nothing else, so that a
frame's label is a sign: 1 as it is, -1 exchanged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gait.pose.medians import median

SWITCH = 1.5  # log-odds against a change of labels from one frame to the next
# Spread of the change of velocity from frame to frame, body heights: an error, and what acceleration adds
# at 30 frames a second. Beyond ROBUST spreads a joint counts little more.
JITTER, ACCELERATION, ROBUST = 0.012, 0.03, 4.0
LONGEST_STEP = 6.0  # usual time steps; movement says nothing across longer breaks
STRIDE_RATES = np.arange(0.35, 1.6, 0.025)  # Hz
CHUNK_SECONDS = 4.0  # within which the cadence is taken as steady
# Frames, so that memory hardly grows with a walk's length: of so many the rhythms are kept from one pass to the next,
# and of more than these together (laps of a loop) not all rates are fitted at once.
KEPT_FRAMES = 1000
# Error of the rhythm besides the fit's own, and how much each of its joints counts: they err together.
RHYTHM_ERROR, RHYTHM_COUNTS = 0.02, 0.5
STEADY_ERROR, STEADY_COUNTS = 0.02, 0.3  # the same of the lateral distance over a few seconds
MOST_ODDS = 8.0
TURN_COST = 0.15  # share by which each turn of the labels must lower the rhythm's squared error
# Share of the movement that the rhythm leaves unexplained from which single frames are turned round to fit.
POOR_FIT = 0.4
_PASSES = 3


@dataclass(frozen=True)
class Lateral:
    """Distance (S, J) of left from right to expect along the picture's x axis, swinging aside, and its error (S, J)."""

    distance: np.ndarray
    error: np.ndarray


class Chain:
    """Frames in a row; smoothness ends at seams and where frames are missing.

    Parameters
    ----------
    time : (S,) float array
        Seconds.
    laps : (S,) int array
        Number of the lap of each frame.
    """

    def __init__(self, time: np.ndarray, laps: np.ndarray):
        self._time, self._step = time, np.diff(time)
        self._linked = (self._step <= LONGEST_STEP * np.median(self._step)) & (np.diff(laps) == 0)
        self._span = np.cumsum(np.concatenate([[0], ~self._linked]))
        # Laps of a loop are the same movement: by their own time they lie over each other.
        starts = {lap: time[laps == lap][0] for lap in np.unique(laps)}
        self._lap_time = time - np.array([starts[lap] for lap in laps])

    def running_median(self, values: np.ndarray, seconds: float = 0.5) -> np.ndarray:
        """Median of values (S,) over linked frames within half of ``seconds``."""
        result = np.empty(len(values))
        for span in np.unique(self._span):
            rows = np.flatnonzero(self._span == span)
            for row in rows:
                near = rows[np.abs(self._time[rows] - self._time[row]) <= seconds / 2]
                result[row] = median(values[near])
        return result

    def label(
        self, place: np.ndarray, odds: np.ndarray, lateral: Lateral | None, fold: bool = False
    ) -> np.ndarray:
        """Signs (S,) of the most probable course.

        Parameters
        ----------
        place : (S, J, 2) float array
            Left less right; NaN where a joint is not known.
        odds : (S,) float array
            Log-odds that a frame is not exchanged, from other evidence.
        lateral : Lateral or None
            Without it the rhythm is not followed.
        fold : bool
            Whether the rhythm may turn single frames round while it is fitted. For legs that are seen well
            from the side: an estimator may call the leg in front the left one in every step.
        """
        place = np.nan_to_num(place)
        sign = self._best_course(place, odds)
        for _ in range(_PASSES if lateral is not None else 0):
            sign, rhythm = self._follow_rhythm(place, sign, lateral, odds, _PASSES if fold else 1)
            sign = self._best_course(place, odds + rhythm)
        return sign

    def _best_course(self, place: np.ndarray, odds: np.ndarray) -> np.ndarray:
        """Viterbi's algorithm over the signs of two frames in a row."""
        # cost[a, c]: signs of the frames before and after one of sign 1, 0 standing for the same sign.
        cost = np.array([[self._jerks(place, before, after) for after in (1, -1)] for before in (1, -1)])
        own = np.stack([-odds / 2, odds / 2], axis=1)
        switch = SWITCH * (1 - np.eye(2))
        best = own[0][:, None] + own[1][None] + switch
        return _trace(*_cheapest(best.tolist(), cost.tolist(), own.tolist(), self._linked.tolist()))

    def _jerks(self, place: np.ndarray, before: int, after: int) -> np.ndarray:
        """(S,) cost of the change of velocity up to each frame, with these signs two frames before and now.

        The sign in between is 1. Geman and McClure's robust function: a joint that jumps counts only so much.
        """
        cost = np.zeros(len(place))
        first, second = self._step[:-1, None, None], self._step[1:, None, None]
        expected = place[1:-1] + (place[1:-1] - before * place[:-2]) * second / first
        error = np.linalg.norm(after * place[2:] - expected, axis=-1)
        spread = JITTER + ACCELERATION * (self._step[1:, None] * 30) ** 2
        ratio = (error / spread) ** 2
        joints = 0.5 * ratio / (1 + ratio / ROBUST**2)
        cost[2:] = np.where(self._linked[:-1] & self._linked[1:], joints.sum(axis=1), 0)
        return cost

    def _follow_rhythm(
        self, place: np.ndarray, sign: np.ndarray, lateral: Lateral, odds: np.ndarray, passes: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """What the stride's rhythm says, as the labels so far show it.

        A limb does what the other did half a stride before: left less right is the lateral distance and odd
        harmonics of the stride's frequency. The first and third are fitted to the labels so far, over a few
        seconds, so that the many right frames tell which others are not; and the distance that is left when
        the swinging is taken out tells whether all of them are the wrong way round.

        Returns the labels, turned round as a whole where that is more probable, and log-odds (S,).
        """
        middle = np.stack([lateral.distance, np.zeros_like(lateral.distance)], axis=-1)
        sign, rhythm = sign.copy(), np.zeros(len(place))
        for rows, rhythms in zip(self._chunks, self._rhythms, strict=True):
            shown = place[rows] * sign[rows, None, None]
            steady = self._steady_odds(rows, rhythms, shown, lateral, passes)
            if steady + odds[rows] @ sign[rows] < 0:
                sign[rows], shown, steady = -sign[rows], -shown, -steady
            expected = _swinging(rhythms, shown, middle[rows], passes) + middle[rows]
            same, turned = (np.sum((place[rows] - way * expected) ** 2, axis=-1) for way in (1, -1))
            error = np.minimum(same, turned).mean(axis=0) + RHYTHM_ERROR**2 + lateral.error[rows] ** 2
            rhythm[rows] = RHYTHM_COUNTS * ((turned - same) / 2 / error).sum(axis=1)
            rhythm[rows] += sign[rows] * steady / len(rows)
        return sign, np.clip(rhythm, -MOST_ODDS, MOST_ODDS)

    def _steady_odds(
        self, rows: np.ndarray, rhythms: _Rhythms, shown: np.ndarray, lateral: Lateral, passes: int
    ) -> float:
        """Log-odds that labels are right as a whole, from the lateral distance without the swinging."""
        still = shown - shown.mean(axis=0)
        waves = _swinging(rhythms, still, np.zeros_like(still), passes)
        steady = (shown - waves)[..., 0].mean(axis=0)
        distance = lateral.distance[rows].mean(axis=0)
        error = STEADY_ERROR**2 + np.mean(lateral.error[rows] ** 2, axis=0)
        return float(np.sum(2 * steady * distance / error) * STEADY_COUNTS)

    @cached_property
    def _chunks(self) -> list[np.ndarray]:
        """Frames of a few seconds each; laps of a loop go together."""
        last = float(self._lap_time.max())
        count = max(1, round(last / CHUNK_SECONDS))
        number = np.minimum((self._lap_time / max(last, 1e-9) * count).astype(int), count - 1)
        order = np.argsort(number, kind="stable")
        chunks = np.split(order, np.cumsum(np.bincount(number, minlength=count))[:-1])
        return [rows for rows in chunks if len(rows) >= 8]

    @cached_property
    def _rhythms(self) -> list[_Rhythms]:
        """What can be fitted to each chunk."""
        until = np.cumsum([len(rows) for rows in self._chunks])
        times = [self._lap_time[rows] for rows in self._chunks]
        return [_Rhythms(time, bool(end <= KEPT_FRAMES)) for time, end in zip(times, until, strict=True)]


def _cheapest(
    best: list[list[float]], cost: list[list[list[float]]], own: list[list[float]], linked: list[bool]
) -> tuple[list[list[float]], list[list[list[int]]]]:
    """Cost of the cheapest course to each pair of last signs, and for each frame the sign two frames before.

    In plain numbers: arrays of four take ten times as long.
    """
    came = []
    for t in range(2, len(own)):
        switch = SWITCH if linked[t - 1] else 0.0
        before, total = [[0, 0], [0, 0]], [[0.0, 0.0], [0.0, 0.0]]
        for b in (0, 1):
            for c in (0, 1):
                # Signs a, b, c of t - 2, t - 1 and t; movement is the same when all three change.
                turn = switch if b != c else 0.0
                first, second = (best[a][b] + cost[a != b][b != c][t] + turn for a in (0, 1))
                before[b][c] = int(second < first)
                total[b][c] = min(first, second) + own[t][c]
        came.append(before)
        best = total
    return best, came


def _trace(best: list[list[float]], came: list[list[list[int]]]) -> np.ndarray:
    """Signs (S,) of the course that ends best, back through where each came from."""
    a, b = min(((a, b) for a in (0, 1) for b in (0, 1)), key=lambda pair: best[pair[0]][pair[1]])
    course = [b, a]
    for before in reversed(came):
        a, b = before[a][b], a
        course.append(a)
    return 1 - 2 * np.array(course[::-1])


class _Rhythms:
    """First and third harmonics (R, S, 4) of stride rates at some times, and what fits them (R, 4, S) to values.

    Iterating gives them for all ``STRIDE_RATES``, or for as many at a time as memory allows.

    Parameters
    ----------
    time : (S,) float array
        Seconds.
    kept : bool
        Make them once, not each time anew.
    """

    def __init__(self, time: np.ndarray, kept: bool):
        self._time = time
        self._kept = list(self._make()) if kept else None

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return iter(self._kept) if self._kept is not None else self._make()

    def _make(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        at_once = max(1, len(STRIDE_RATES) * KEPT_FRAMES // max(len(self._time), KEPT_FRAMES))
        for first in range(0, len(STRIDE_RATES), at_once):
            turn = 2 * np.pi * STRIDE_RATES[first : first + at_once, None] * self._time
            waves = np.stack([wave(k * turn) for k in (1, 3) for wave in (np.cos, np.sin)], axis=-1)
            transposed = waves.transpose(0, 2, 1)
            yield waves, np.linalg.solve(transposed @ waves + 0.5 * np.eye(4), transposed)


def _swinging(rhythms: _Rhythms, shown: np.ndarray, middle: np.ndarray, passes: int) -> np.ndarray:
    """The best fit (S, J, 2) of the stride's odd harmonics about a middle, of all rates tried."""
    flat, centre = (values.reshape(len(shown), -1) for values in (shown, middle))
    error, fit = _fit_rhythm(rhythms, flat, centre, 1)
    if passes > 1 and error > POOR_FIT * np.sum((flat - centre) ** 2):
        _, fit = _fit_rhythm(rhythms, flat, centre, passes)
    return fit.reshape(shown.shape)


def _fit_rhythm(
    rhythms: _Rhythms, shown: np.ndarray, middle: np.ndarray, passes: int
) -> tuple[float, np.ndarray]:
    """Squared error and fit (S, D) of the first and third harmonic of a rate to values (S, D).

    Of ``STRIDE_RATES`` the rate with the smallest error. From the second pass on, values that fit better with the
    other sign are taken so; the error grows with the number of turns, without which a slightly wrong rate and a
    turn in the middle would fit as well.
    """
    fits = (_fit_rates(waves, solver, shown, middle, passes) for waves, solver in rhythms)
    return min(fits, key=lambda fit: fit[0])


def _fit_rates(
    waves: np.ndarray, solver: np.ndarray, shown: np.ndarray, middle: np.ndarray, passes: int
) -> tuple[float, np.ndarray]:
    """:func:`_fit_rhythm` of some rates."""
    sign = np.ones((1, len(shown), 1))
    for _ in range(passes):
        fit = waves @ (solver @ (sign * shown - middle))
        sign = np.where(np.sum(shown * (fit + middle), axis=-1, keepdims=True) < 0, -1, 1)
    turns = np.count_nonzero(np.diff(sign[..., 0]), axis=-1)
    error = np.sum((sign * shown - middle - fit) ** 2, axis=(1, 2)) * (1 + TURN_COST * turns)
    best = int(error.argmin())
    return float(error[best]), fit[best]
