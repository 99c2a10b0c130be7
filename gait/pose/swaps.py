"""Left and right exchanged by the estimator: found and put right.

An estimator that takes the front for the back, or the near leg for the far one, gives each joint the place of its
counterpart. Trunk (with arms and head) and legs are exchanged independently of each other. Two kinds of evidence
are weighed as log-odds and the most probable course of both is found by dynamic programming (Viterbi):

- where the walker's left must lie in the picture, and in depth, given which way they face (:mod:`gait.pose.facing`);
- that joints move smoothly: an exchange is a jump of each joint to its counterpart's place, there and back.

What was exchanged is x and y. Depth is guessed from what the estimator believes to see, and stays with the *name*
of a joint of the trunk: who is taken for somebody seen from behind is the mirror image, in depth, of who is seen
from in front (measured on walkers with a covered face: the correlation of the true depth between left and right
with the named one is 0.98 in exchanged frames, oblique views). Legs exchange their depth as well, up to the lateral
distance of the two. The face is mirrored about the shoulders.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import CubicSpline

from gait.pose.facing import Facing, body_height
from gait.pose.sequence import PoseSequence
from gait.skeleton import Layout, find_layout

# Lateral distance of left and right in body heights, and how far it spreads because of swinging, along the way
# that the walker faces: from true joints of synthetic walkers and BlazePose's of real ones.
WIDTH = {"shoulder": 0.205, "elbow": 0.25, "wrist": 0.27, "hip": 0.11, "knee": 0.08, "ankle": 0.055, "heel": 0.05, "foot": 0.08}
SWING = {"shoulder": 0.03, "elbow": 0.12, "wrist": 0.3, "hip": 0.02, "knee": 0.2, "ankle": 0.35, "heel": 0.35, "foot": 0.35}
PLACE_ERROR, DEPTH_ERROR = 0.035, 0.06  # body heights
ANGLE_ERROR = 0.3  # of the facing and of the trunk's rotation, radians
# Joints of a frame, and frames in a row, err together: evidence from them counts for so much.
CORRELATED = 0.3
MOST_ODDS, FITTING_DEPTH = 8.0, 2.0
# Log-odds, each frame, that nothing is exchanged: decides where nothing else does.
PRIOR = 0.15
SWITCH = 1.5
# Spread of the change of velocity from frame to frame, body heights: an error, and what acceleration adds at 30
# frames a second.
JITTER, ACCELERATION = 0.012, 0.018
ROBUST = 3.0
ARM_LEG_ODDS = 25.0
# Strides a second that are tried, the error of the rhythm besides the fit's own, and how much it counts.
STRIDE_RATES = np.arange(0.35, 1.6, 0.025)
RHYTHM_ERROR, RHYTHM_CORRELATED = 0.02, 0.5
RHYTHM_SECONDS, RHYTHM_PASSES, FIT_PASSES = 4.0, 3, 3
STEADY_ERROR = 0.02  # of the lateral distance over a few seconds, body heights
# Joints this far (median, body heights) from a smooth path, near an exchange, lie between both places.
BETWEEN = 0.03
NEAR_FRAMES = 3

_LEGS = ("knee", "ankle", "heel", "foot_index", "foot", "toe")
_STATURE = 1.7


@dataclass(frozen=True)
class Swaps:
    """Frames (T,) in which trunk and legs are exchanged."""

    trunk: np.ndarray
    legs: np.ndarray


def find_swaps(sequence: PoseSequence, facing: Facing, laps: np.ndarray) -> Swaps:
    """Frames in which left and right are exchanged.

    Parameters
    ----------
    sequence : PoseSequence
        With joints in the picture.
    facing : Facing
        Which way the walker faces. Where it is not known, the labels that most frames carry are kept.
    laps : (T,) int array
        Number of the lap that each frame belongs to.
    """
    T, layout = len(sequence), find_layout(sequence.layout)
    seen = np.flatnonzero(np.isfinite(sequence.image).all(axis=(1, 2)))
    trunk, legs = np.zeros(T, bool), np.zeros(T, bool)
    if len(seen) < 3:
        return Swaps(trunk, legs)
    place, depth, sideways, towards = _differences(sequence, facing, seen)
    upper, lower = _groups(layout)
    chain = _Chain(sequence.time[seen], laps[seen])
    odds = PRIOR + _side_odds(place, depth, sideways, towards, layout, upper)
    sign = _label_group(place, odds, towards, chain, layout, upper)
    trunk[seen] = sign < 0
    # The legs belong to the hips: their left is where the mended trunk's is.
    right_trunk = place * sign[:, None, None]
    side = _shown_side(right_trunk, layout, chain)
    odds = PRIOR + _side_odds(place, depth, sideways, side, layout, lower)
    odds += _arm_leg_odds(right_trunk, place, sideways, side, layout)
    chain.fit_passes = FIT_PASSES if np.median(np.abs(sideways)) > 0.6 else 1
    legs[seen] = _label_group(place, odds, side, chain, layout, lower) < 0
    return Swaps(trunk, legs)


def _label_group(
    place: np.ndarray,
    odds: np.ndarray,
    side: np.ndarray,
    chain: _Chain,
    layout: Layout,
    group: list[tuple[int, int]],
) -> np.ndarray:
    """(S,) signs for a group, its left lying at ``side`` along the picture's x axis."""
    numbers = _moving(layout, group)
    width = [WIDTH[_part(layout, layout.pairs[number])] for number in numbers]
    lateral = side[:, None] * width
    sign = chain.label(place[:, numbers], odds)
    for _ in range(RHYTHM_PASSES):
        sign, rhythm = chain.follow_rhythm(place[:, numbers], sign, lateral, odds)
        sign = chain.label(place[:, numbers], odds + rhythm)
    return sign


def mend(sequence: PoseSequence, swaps: Swaps, facing: Facing, laps: np.ndarray) -> PoseSequence:
    """The sequence with left and right put right, ``mended`` telling where."""
    layout = find_layout(sequence.layout)
    image, world = sequence.image.copy(), sequence.world.copy()
    visibility = sequence.visibility.copy()
    upper, lower = _groups(layout)
    for group, exchanged in ((upper, swaps.trunk), (lower, swaps.legs)):
        rows = np.flatnonzero(exchanged)
        for left, right in group:
            for array in (image, world, visibility):
                array[np.ix_(rows, [left, right])] = array[np.ix_(rows, [right, left])]
    _mend_depth(world, sequence.world, swaps, facing, layout)
    between = np.zeros(len(sequence), bool)
    for group, exchanged in ((upper, swaps.trunk), (lower, swaps.legs)):
        between |= _straighten(image, world, group, exchanged, sequence.time, laps)
    mended = sequence.mended | swaps.trunk | swaps.legs | between
    return replace(sequence, image=image, world=world, visibility=visibility, mended=mended)


def _groups(layout: Layout) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Pairs of the trunk, arms and head, and pairs of the legs."""
    legs = [pair for pair in layout.pairs if layout.joints[pair[0]].endswith(_LEGS)]
    return [pair for pair in layout.pairs if pair not in legs], legs


def _part(layout: Layout, pair: tuple[int, int]) -> str:
    name = layout.joints[pair[0]].removeprefix("left_")
    return {"foot_index": "foot", "big_toe": "foot", "hand": "wrist"}.get(name, name)


def _moving(layout: Layout, group: list[tuple[int, int]]) -> list[int]:
    """Which of the layout's pairs tell by their movement: not the head's, which lie together."""
    return [layout.pairs.index(pair) for pair in group if _part(layout, pair) in WIDTH]


def _differences(
    sequence: PoseSequence, facing: Facing, seen: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Left less right (S, P, 2) in the picture and (S, P) in depth, body heights; the facing of those frames."""
    left, right = (list(side) for side in zip(*find_layout(sequence.layout).pairs, strict=True))
    height = body_height(sequence.image, sequence.time)[seen]
    place = (sequence.image[seen][:, left] - sequence.image[seen][:, right]).astype(np.float64)
    depth = (sequence.world[seen][:, left, 2] - sequence.world[seen][:, right, 2]).astype(np.float64)
    depth = np.nan_to_num(depth) / _STATURE
    return place / height[:, None, None], depth, facing.sideways[seen], facing.towards[seen]


def _side_odds(
    place: np.ndarray,
    depth: np.ndarray,
    sideways: np.ndarray,
    towards: np.ndarray,
    layout: Layout,
    group: list[tuple[int, int]],
) -> np.ndarray:
    """(S,) log-odds that left is left, from where it lies.

    A walker who faces (sideways, towards) = (s, c) has their left at c along the picture's x axis and -s towards
    the camera. With a lateral width w and an error e, a distance d speaks for it by 2 d w c / e^2.
    """
    flat, deep = np.zeros(len(place)), np.zeros(len(place))
    for pair in group:
        part = _part(layout, pair)
        if part not in WIDTH:
            continue
        number, width, swing = layout.pairs.index(pair), WIDTH[part], SWING[part]
        error = PLACE_ERROR**2 + (swing * sideways) ** 2 + (width * ANGLE_ERROR * sideways) ** 2
        flat += 2 * place[:, number, 0] * width * towards / error
        error = DEPTH_ERROR**2 + (swing * np.sqrt(1 - sideways**2)) ** 2
        deep += 2 * depth[:, number] * width * -sideways / error
    flat = np.clip(CORRELATED * flat, -MOST_ODDS, MOST_ODDS)
    # Depth that does not fit tells much. Depth that fits tells little, since it stays with the name, except from
    # the side, where an estimator that goes wrong takes the walker for somebody who faces the other way.
    return flat + np.clip(CORRELATED * deep, -MOST_ODDS, FITTING_DEPTH * sideways**12)


def _shown_side(place: np.ndarray, layout: Layout, chain: _Chain) -> np.ndarray:
    """(S,) where the trunk's left lies along the picture's x axis, -1 to 1, over half a second."""
    shown = []
    for part in ("shoulder", "hip"):
        pair = (layout.index(f"left_{part}"), layout.index(f"right_{part}"))
        shown.append(place[:, layout.pairs.index(pair), 0] / WIDTH[part])
    return np.clip(chain.running_median(np.mean(shown, axis=0)), -1, 1)


def _arm_leg_odds(
    trunk: np.ndarray, legs: np.ndarray, sideways: np.ndarray, side: np.ndarray, layout: Layout
) -> np.ndarray:
    """(S,) log-odds for the legs from the arms, which swing against them (Murray 1967): what a side view shows."""
    parts = {_part(layout, pair): number for number, pair in enumerate(layout.pairs)}
    hand, foot = parts.get("wrist"), parts.get("ankle", parts.get("foot"))
    if hand is None or foot is None:
        return np.zeros(len(trunk))
    swing = trunk[:, hand, 0] - WIDTH["elbow"] * side
    return -ARM_LEG_ODDS * sideways**2 * swing * legs[:, foot, 0]


class _Chain:
    """Frames in a row, for what is smooth in time; smoothness ends at seams and where frames are missing."""

    def __init__(self, time: np.ndarray, laps: np.ndarray):
        self._time = time
        self.fit_passes = 1
        step = np.diff(time)
        usual = np.median(step)
        self._linked = (step <= 6 * usual) & (np.diff(laps) == 0)
        starts = {lap: time[laps == lap][0] for lap in np.unique(laps)}
        self._lap_time = time - np.array([starts[lap] for lap in laps])
        self._span = np.cumsum(np.concatenate([[0], ~self._linked]))
        self._step = step

    def running_median(self, values: np.ndarray, seconds: float = 0.5) -> np.ndarray:
        """Median of the values (S,) within half of ``seconds`` of each frame."""
        near = (np.abs(self._time[:, None] - self._time) <= seconds / 2) & (
            self._span[:, None] == self._span
        )
        return np.array([np.median(values[row]) for row in near])

    def follow_rhythm(
        self, place: np.ndarray, sign: np.ndarray, lateral: np.ndarray, odds: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """What the stride's rhythm says, as the labels so far show it.

        A limb does what the other did half a stride before: left less right is the lateral distance and odd
        harmonics of the stride's frequency. The first and third are fitted to the labels so far, over a few
        seconds, so that the many right frames tell which others are not; and the distance that is left when the
        swinging is taken out tells whether all of them are the wrong way round.

        Parameters
        ----------
        place : (S, J, 2) float array
            Left less right.
        sign : (S,) array
            Labels so far.
        lateral : (S, J) float array
            Lateral distance to expect along the picture's x axis.
        odds : (S,) float array
            Log-odds from other evidence.

        Returns
        -------
        sign : (S,) array
            Labels, all turned round where that is more probable.
        rhythm : (S,) float array
            Log-odds that a frame is not exchanged.
        """
        middle = np.stack([lateral, np.zeros_like(lateral)], axis=-1)
        sign, rhythm = sign.copy(), np.zeros(len(place))
        for rows in self._chunks():
            shown = place[rows] * sign[rows, None, None]
            steady = self._steady_odds(rows, shown, lateral[rows])
            if steady + odds[rows] @ sign[rows] < 0:
                sign[rows], shown, steady = -sign[rows], -shown, -steady
            expected = self._waves(rows, shown, middle[rows]) + middle[rows]
            left, right = (np.sum((place[rows] - way * expected) ** 2, axis=-1) for way in (1, -1))
            error = np.minimum(left, right).mean(axis=0) + RHYTHM_ERROR**2
            rhythm[rows] = RHYTHM_CORRELATED * ((right - left) / 2 / error).sum(axis=1)
            rhythm[rows] += sign[rows] * steady / len(rows)
        return sign, np.clip(rhythm, -MOST_ODDS, MOST_ODDS)

    def _steady_odds(self, rows: np.ndarray, shown: np.ndarray, lateral: np.ndarray) -> float:
        """Log-odds that labels are right as a whole, from the lateral distance without the swinging."""
        still = shown - shown.mean(axis=0)
        waves = self._waves(rows, still, np.zeros_like(still))
        steady = (shown - waves)[..., 0].mean(axis=0)
        expected = lateral.mean(axis=0)
        return float(np.sum(2 * steady * expected) * CORRELATED / STEADY_ERROR**2)

    def _waves(self, rows: np.ndarray, shown: np.ndarray, middle: np.ndarray) -> np.ndarray:
        """The best fit (R, J, 2) of the stride's odd harmonics about a middle, of the rates that are tried."""
        time = self._lap_time[rows]
        flat, centre = (values.reshape(len(rows), -1) for values in (shown, middle))
        fits = (_fit_rhythm(time, flat, centre, rate, self.fit_passes) for rate in STRIDE_RATES)
        return min(fits, key=lambda fit: fit[0])[1].reshape(shown.shape)

    def _chunks(self) -> list[np.ndarray]:
        """Frames of a few seconds, within which the cadence does not change; laps of a loop go together."""
        count = max(1, round(np.ptp(self._lap_time) / RHYTHM_SECONDS))
        edges = np.linspace(self._lap_time.min(), self._lap_time.max() + 1e-6, count + 1)
        number = np.digitize(self._lap_time, edges)
        chunks = [np.flatnonzero(number == n) for n in range(1, count + 1)]
        return [rows for rows in chunks if len(rows) >= 8]

    def label(self, place: np.ndarray, odds: np.ndarray) -> np.ndarray:
        """Signs (S,) of the most probable course: -1 where left and right are exchanged.

        Parameters
        ----------
        place : (S, J, 2) float array
            Left less right.
        odds : (S,) float array
            Log-odds that a frame is not exchanged.
        """
        signs = (1, -1)
        cost = [[self._cost(place, before, last) for last in signs] for before in signs]
        own = np.stack([-odds / 2, odds / 2])
        # best[a, b]: cost of the best course that ends with the signs a, b of the last two frames.
        best = own[:, None, 0] + own[None, :, 1] + SWITCH * (1 - np.eye(2))
        came = np.zeros((len(place), 2, 2), int)
        for t in range(2, len(place)):
            # [a, b, c]: signs of t - 2, t - 1, t; movement is the same when all three change sign.
            step = np.array(
                [[[cost[a != b][c != b][t] for c in (0, 1)] for b in (0, 1)] for a in (0, 1)]
            )
            switch = SWITCH * (1 - np.eye(2))[None] * (1.0 if self._linked[t - 1] else 0.0)
            total = best[:, :, None] + step + switch
            came[t], best = total.argmin(axis=0), total.min(axis=0) + own[None, :, t]
        return self._trace(best, came)

    def _cost(self, place: np.ndarray, before: int, last: int) -> np.ndarray:
        """(S,) cost of the change of velocity at each frame, with these signs two frames before and now.

        The sign in between is 1. Geman and McClure's robust function: one joint that jumps counts only so much.
        """
        cost = np.zeros(len(place))
        if len(place) < 3:
            return cost
        first, second = self._step[:-1, None, None], self._step[1:, None, None]
        expected = place[1:-1] + (place[1:-1] - before * place[:-2]) * second / first
        error = np.linalg.norm(last * place[2:] - expected, axis=-1)
        spread = JITTER + ACCELERATION * (self._step[1:, None] * 30) ** 2
        ratio = (error / spread) ** 2
        joints = 0.5 * ratio / (1 + ratio / ROBUST**2)
        cost[2:] = np.where(self._linked[:-1] & self._linked[1:], joints.sum(axis=1), 0)
        return cost

    @staticmethod
    def _trace(best: np.ndarray, came: np.ndarray) -> np.ndarray:
        a, b = np.unravel_index(best.argmin(), best.shape)
        course = [b, a]
        for t in range(len(came) - 1, 1, -1):
            a, b = came[t, a, b], a
            course.append(a)
        return 1 - 2 * np.array(course[::-1])


def _fit_rhythm(
    time: np.ndarray, shown: np.ndarray, middle: np.ndarray, rate: float, passes: int
) -> tuple[float, np.ndarray]:
    """Squared error and fit (S, D) of the first and third harmonic of a rate (Hz) to values (S, D).

    Values that fit better with the other sign are taken so: the labels that they came with are but a start.
    """
    turn = 2 * np.pi * rate * time
    waves = np.stack([wave(k * turn) for k in (1, 3) for wave in (np.cos, np.sin)], axis=1)
    solve = waves @ np.linalg.solve(waves.T @ waves + 0.5 * np.eye(4), waves.T)
    sign = np.ones((len(time), 1))
    for _ in range(passes):
        fit = solve @ (sign * shown - middle)
        sign = np.where(np.sum(shown * (fit + middle), axis=1, keepdims=True) < 0, -1, 1)
    return float(np.sum((sign * shown - middle - fit) ** 2)), fit


def _mend_depth(
    world: np.ndarray, named: np.ndarray, swaps: Swaps, facing: Facing, layout: Layout
) -> None:
    """Depth of exchanged frames; ``world`` has x, y and z exchanged already, ``named`` is as estimated."""
    upper, lower = _groups(layout)
    rows = np.flatnonzero(swaps.trunk)
    if len(rows):
        kept = rows[_depth_fits(named[rows], facing.sideways[rows], layout)]
        both = [joint for pair in upper for joint in pair]
        world[np.ix_(kept, both, [2])] = named[np.ix_(kept, both, [2])]
        _mirror_face(world, kept, layout)
    rows = np.flatnonzero(swaps.legs)
    for left, right in lower if len(rows) else ():
        apart = named[:, left, 2] - named[:, right, 2]
        fits = np.sign(-facing.sideways[rows]) * np.sign(np.nanmedian(apart)) >= 0
        lateral = np.where(fits, np.nanmedian(apart), 0)
        world[rows, left, 2] += lateral
        world[rows, right, 2] -= lateral


def _depth_fits(named: np.ndarray, sideways: np.ndarray, layout: Layout) -> np.ndarray:
    """(N,) whether the named depth of shoulders and hips is that of a walker who faces so; true where neither."""
    apart = sum(named[:, a, 2] - named[:, b, 2] for a, b in (layout.shoulders, layout.hips))
    return -sideways * apart > -0.05


def _mirror_face(world: np.ndarray, rows: np.ndarray, layout: Layout) -> None:
    parts = ("nose", "eye", "ear", "mouth")
    face = [place for place, joint in enumerate(layout.joints) if any(part in joint for part in parts)]
    middle = world[np.ix_(rows, list(layout.shoulders), [2])].mean(axis=1)
    for joint in face:
        world[rows, joint, 2] = 2 * middle[:, 0] - world[rows, joint, 2]


def _straighten(
    image: np.ndarray,
    world: np.ndarray,
    group: list[tuple[int, int]],
    exchanged: np.ndarray,
    time: np.ndarray,
    laps: np.ndarray,
) -> np.ndarray:
    """Joints between both places, which the estimator's smoothing leaves beside an exchange, put on a smooth path.

    Returns the frames (T,) that were changed.
    """
    changed = np.zeros(len(time), bool)
    joints = [joint for pair in group for joint in pair]
    height = body_height(image, time)
    for switch in np.flatnonzero(exchanged[1:] != exchanged[:-1]) + 1:
        near = np.arange(max(0, switch - NEAR_FRAMES), min(len(time), switch + NEAR_FRAMES + 1))
        near = near[(laps[near] == laps[switch]) & np.isfinite(height[near])]
        if len(near) < 5:
            continue
        ends, inner = near[[0, 1, -2, -1]], near[2:-2]
        for array, unit in ((image, height[inner]), (world, np.full(len(inner), _STATURE))):
            path = CubicSpline(time[ends], array[np.ix_(ends, joints)])(time[inner])
            off = np.linalg.norm(array[np.ix_(inner, joints)] - path, axis=-1) / unit[:, None]
            far = np.median(off, axis=1) > BETWEEN
            array[np.ix_(inner[far], joints)] = path[far]
            changed[inner[far]] = True
    return changed
