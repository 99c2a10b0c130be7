"""Left and right exchanged by the estimator: found and put right.

An estimator that takes the front for the back, or the near leg for the far one, gives each joint the place
of its counterpart. Trunk (with arms and head) and legs are exchanged independently of each other. What
tells is where the walker's left must lie, in the picture and in depth, given which way they face
(:mod:`gait.pose.facing`); that joints move smoothly, and in the stride's rhythm
(:mod:`gait.pose.labelling`); that arms swing against the legs.

What is exchanged is x and y. Depth is guessed from what the estimator believes to see, and stays with the
*name* of a joint: who is taken for somebody seen from behind is the mirror image, in depth, of who is seen
from in front. On walkers with a covered face, depth kept with the name is as exact in mended frames as in
others (trunk, oblique views: 0.09 m against 0.18 m when exchanged). Legs that are not seen from the side do
exchange it (0.10 against 0.16 m). The face is mirrored about the shoulders.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gait.pose.facing import STATURE, Facing, body_height, core_seen
from gait.pose.labelling import Chain, Lateral
from gait.pose.sequence import PoseSequence
from gait.skeleton import Layout, find_layout

# Lateral distance of left and right in body heights, and how far it spreads by swinging, along the way that
# the walker faces: from true joints of synthetic walkers and BlazePose's of real ones.
_WIDTH_AND_SWING = {
    "shoulder": (0.205, 0.03),
    "elbow": (0.25, 0.12),
    "wrist": (0.27, 0.3),
    "hip": (0.11, 0.02),
    "knee": (0.08, 0.2),
    "ankle": (0.055, 0.35),
    "heel": (0.05, 0.35),
    "foot": (0.08, 0.35),
}
PLACE_ERROR, DEPTH_ERROR = 0.035, 0.06  # body heights
ANGLE_ERROR = 0.3  # of the facing and of the trunk's rotation, radians
COUNTS = 0.3  # joints of a frame, and frames in a row, err together: each counts for so much
MOST_ODDS = 8.0
# The most that depth which fits may speak for the labels, seen from the side. Little for the legs: an estimator
# that takes the near leg for the far one still puts the name where it expects it.
FITTING_TRUNK, FITTING_LEGS = 3.0, 0.5
# Log-odds, each frame, that nothing is exchanged: decides where nothing else does.
PRIOR = 0.15
ARM_LEG_ODDS = 25.0
SEEN_SIDEWAYS, SEEN_SWINGING = 0.85, 0.4  # sine of the facing angle

_SAME = {"foot_index": "foot", "big_toe": "foot", "hand": "wrist"}
_LEGS = ("knee", "ankle", "heel", "foot_index", "foot", "toe")
_FACE = ("nose", "eye", "ear", "mouth")
_Pairs = list[tuple[int, int]]


@dataclass(frozen=True)
class Swaps:
    """Frames (T,) in which trunk and legs are exchanged."""

    trunk: np.ndarray
    legs: np.ndarray


@dataclass(frozen=True)
class _Evidence:
    """Of the S frames seen: left less right in the picture (S, P, 2) and in depth (S, P), the facing (S,)."""

    place: np.ndarray
    depth: np.ndarray
    sideways: np.ndarray
    layout: Layout
    chain: Chain

    def label(self, group: _Pairs, towards: np.ndarray, odds: np.ndarray, fold: bool = False) -> np.ndarray:
        """Signs (S,) of a group whose left lies at ``towards`` (S,) along the picture's x axis."""
        numbers = self._telling(group)
        width = [_WIDTH_AND_SWING[_part(self.layout, self.layout.pairs[number])][0] for number in numbers]
        odds = PRIOR + odds + self._side_odds(numbers, towards)
        # Nearly from the side, a small error of the facing turns the sign of what is left of the width.
        error = ANGLE_ERROR * np.abs(self.sideways)[:, None] * width
        return self.chain.label(self.place[:, numbers], odds, Lateral(towards[:, None] * width, error), fold)

    def _telling(self, group: _Pairs) -> list[int]:
        """Numbers of the group's pairs that tell by their place: not the face's and the fingers'."""
        known = [pair for pair in group if _part(self.layout, pair) in _WIDTH_AND_SWING]
        return [self.layout.pairs.index(pair) for pair in known]

    def _side_odds(self, numbers: list[int], towards: np.ndarray) -> np.ndarray:
        """(S,) log-odds that left is left, from where it lies.

        A walker who faces (sideways, towards) = (s, c) has their left at c along the picture's x axis and -s
        towards the camera. With a lateral width w and an error e, a distance d speaks for it by 2 d w c /
        e^2.
        """
        flat, deep = np.zeros(len(towards)), np.zeros(len(towards))
        most = FITTING_LEGS if self.layout.pairs[numbers[0]] in _groups(self.layout)[1] else FITTING_TRUNK
        for number in numbers:
            width, swing = _WIDTH_AND_SWING[_part(self.layout, self.layout.pairs[number])]
            turned = (width * ANGLE_ERROR * self.sideways) ** 2
            error = PLACE_ERROR**2 + (swing * self.sideways) ** 2 + turned
            flat += np.nan_to_num(2 * self.place[:, number, 0] * width * towards / error)
            error = DEPTH_ERROR**2 + swing**2 * (1 - self.sideways**2)
            deep += np.nan_to_num(2 * self.depth[:, number] * width * -self.sideways / error)
        flat = np.clip(COUNTS * flat, -MOST_ODDS, MOST_ODDS)
        # Depth that does not fit tells much. Depth that fits tells little, as it stays with the name,
        # except from the side, where an estimator that goes wrong takes the walker for one who faces the
        # other way.
        return flat + np.clip(COUNTS * deep, -MOST_ODDS, most * self.sideways**12)

    def shown_side(self, sign: np.ndarray) -> np.ndarray:
        """(S,) where the trunk's left lies along the picture's x axis, -1 to 1, over half a second."""
        shown = []
        for part in ("shoulder", "hip"):
            number = self._number(part)
            shown.append(sign * self.place[:, number, 0] / _WIDTH_AND_SWING[part][0])
        return np.clip(self.chain.running_median(np.mean(shown, axis=0)), -1, 1)

    def usual_side(self, upper: _Pairs) -> np.ndarray:
        """(S,) where the trunk's left lies in most frames, for walkers of whom that is all one can know."""
        numbers = self._telling(upper)
        sign = self.chain.label(self.place[:, numbers], np.full(len(self.place), PRIOR), None)
        return np.full(len(sign), np.median(self.shown_side(sign)))

    def arm_leg_odds(self, sign: np.ndarray, side: np.ndarray) -> np.ndarray:
        """(S,) log-odds for the legs from mended arms, which swing against them (Murray 1967)."""
        hand, foot = self._number("wrist"), self._number("ankle", "foot")
        if hand is None or foot is None:
            return np.zeros(len(side))
        swing = sign * self.place[:, hand, 0] - _WIDTH_AND_SWING["elbow"][0] * side
        return np.nan_to_num(-ARM_LEG_ODDS * self.sideways**2 * swing * self.place[:, foot, 0])

    def _number(self, *parts: str) -> int | None:
        """Number of the first pair of these that the layout has."""
        numbers = {_part(self.layout, pair): number for number, pair in enumerate(self.layout.pairs)}
        return next((numbers[part] for part in parts if part in numbers), None)


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
    trunk, legs = np.zeros(len(sequence), bool), np.zeros(len(sequence), bool)
    seen = np.flatnonzero(core_seen(sequence.image, sequence.layout))
    if len(seen) < 3:
        return Swaps(trunk, legs)
    evidence = _gather(sequence, facing, laps, seen)
    upper, lower = _groups(evidence.layout)
    towards = facing.towards[seen] if facing.known else evidence.usual_side(upper)
    sign = evidence.label(upper, towards, np.zeros(len(seen)))
    trunk[seen] = sign < 0
    if lower:
        # The legs belong to the hips: their left is where the mended trunk's is.
        side = evidence.shown_side(sign)
        swinging = bool(np.median(np.abs(evidence.sideways)) > SEEN_SWINGING)
        legs[seen] = evidence.label(lower, side, evidence.arm_leg_odds(sign, side), fold=swinging) < 0
    return Swaps(trunk, legs)


def _gather(sequence: PoseSequence, facing: Facing, laps: np.ndarray, seen: np.ndarray) -> _Evidence:
    layout = find_layout(sequence.layout)
    left, right = (list(side) for side in zip(*layout.pairs, strict=True))
    height = body_height(sequence.image, sequence.time, sequence.layout)[seen, None]
    apart = [(points[seen][:, left] - points[seen][:, right]) for points in (sequence.image, sequence.world)]
    place, depth = apart[0] / height[..., None], apart[1][..., 2] / STATURE
    chain = Chain(sequence.time[seen], laps[seen])
    return _Evidence(place.astype(np.float64), depth.astype(np.float64), facing.sideways[seen], layout, chain)


def _groups(layout: Layout) -> tuple[_Pairs, _Pairs]:
    """Pairs of the trunk, arms and head, and pairs of the legs."""
    legs = [pair for pair in layout.pairs if layout.joints[pair[0]].endswith(_LEGS)]
    return [pair for pair in layout.pairs if pair not in legs], legs


def _part(layout: Layout, pair: tuple[int, int]) -> str:
    name = layout.joints[pair[0]].removeprefix("left_")
    return _SAME.get(name, name)


def mend(sequence: PoseSequence, swaps: Swaps, facing: Facing) -> PoseSequence:
    """The sequence with left and right put right; ``mended`` tells in which frames."""
    layout = find_layout(sequence.layout)
    image, world, visibility = (
        array.copy() for array in (sequence.image, sequence.world, sequence.visibility)
    )
    upper, lower = _groups(layout)
    for group, exchanged in ((upper, swaps.trunk), (lower, swaps.legs)):
        rows = np.flatnonzero(exchanged)
        for pair in group:
            for array in (image, world, visibility):
                array[np.ix_(rows, pair)] = array[np.ix_(rows, pair[::-1])]
    _mend_depth(world, sequence.world, swaps, facing, layout)
    mended = sequence.mended | swaps.trunk | swaps.legs
    return replace(sequence, image=image, world=world, visibility=visibility, mended=mended)


def _mend_depth(world: np.ndarray, named: np.ndarray, swaps: Swaps, facing: Facing, layout: Layout) -> None:
    """Depth of exchanged frames; ``world`` has x, y and z exchanged already, ``named`` is as estimated."""
    upper, lower = _groups(layout)
    fits = _depth_fits(named, facing.sideways, layout)
    kept = np.flatnonzero(swaps.trunk & fits)
    _keep_depth(world, named, kept, upper)
    _mirror_face(world, kept, layout)
    _keep_depth(
        world, named, np.flatnonzero(swaps.legs & fits & (np.abs(facing.sideways) > SEEN_SIDEWAYS)), lower
    )


def _keep_depth(world: np.ndarray, named: np.ndarray, rows: np.ndarray, group: _Pairs) -> None:
    both = [joint for pair in group for joint in pair]
    world[np.ix_(rows, both, [2])] = named[np.ix_(rows, both, [2])]


def _depth_fits(named: np.ndarray, sideways: np.ndarray, layout: Layout) -> np.ndarray:
    """(T,) whether the named depth of shoulders and hips may be that of a walker who faces so."""
    apart = sum(named[:, a, 2] - named[:, b, 2] for a, b in (layout.shoulders, layout.hips))
    return -sideways * apart > -0.05


def _mirror_face(world: np.ndarray, rows: np.ndarray, layout: Layout) -> None:
    face = [place for place, joint in enumerate(layout.joints) if any(part in joint for part in _FACE)]
    middle = world[np.ix_(rows, list(layout.shoulders), [2])].mean(axis=1)
    for joint in face:
        world[rows, joint, 2] = 2 * middle[:, 0] - world[rows, joint, 2]
