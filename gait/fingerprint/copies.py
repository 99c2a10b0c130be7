"""Is this walk a copy of that one: by its pictures, and where there are joints by those."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gait import skeleton
from gait.fingerprint.alignment import Curve, Line, best_lines, candidates, make_curve
from gait.fingerprint.motion import LAYOUT
from gait.fingerprint.pictures import BLUR, WAVES, blurred, waves
from gait.fingerprint.prints import MOTION, PICTURE, RATE, Print, Prints
from gait.fingerprint.registration import Match, register_joints, register_pictures

_COARSE = 8  # waves of a picture that candidates are looked for by
_COARSE_BLUR = 0.06
_WORTH_WHILE = 0.72  # of a line's correlation: below, no laying over makes a copy of it
# Zooms and shifts, down and across, at which places are compared before anything else: as they are, and with a
# twentieth or a tenth of the side cut off, at both ends or at one.
_VIEWS = ((1.0, 0.0), *((zoom, end * (1 - zoom) / 2) for zoom in (0.95, 0.9) for end in (-1, 0, 1)))
_POINTS = (np.arange(12) + 0.5) / 12
_WORTH_SAYING = 0.02  # of what was done to a copy
_PLAIN = 1e-3  # length of a mean picture, in grey levels, below which there is nothing to see
_EVEN = 0.04  # difference of the zooms down and across, where both were zoomed
_LOOSE = 0.01  # of a picture's side: as exactly as it is known where one lies on the other


@dataclass(frozen=True)
class Copy:
    """Two walks that are one recording.

    Attributes
    ----------
    one, other : int
        Their places in the lists that were compared.
    kind : {"picture", "motion"}
        What shows it.
    mirrored : bool
    match : Match
    """

    one: int
    other: int
    kind: str
    mirrored: bool
    match: Match

    @property
    def score(self) -> float:
        """Correlation of what changes in both; 1 is the same."""
        return self.match.score

    def how(self) -> str:
        """In words, what makes the copy, and how much of it is alike: ``, mirrored, for 2.5 s``."""
        words = ["mirrored"] if self.mirrored else []
        speed = self.match.speed
        if abs(speed - 1) > _WORTH_SAYING:
            words.append(f"{max(speed, 1 / speed):.2f} times {'faster' if speed > 1 else 'slower'}")
        smaller, larger = min(self.match.zoom), max(self.match.zoom)
        if smaller < 1 - _WORTH_SAYING:
            words.append(f"cropped by {1 - smaller:.0%}")
        elif larger > 1 + _WORTH_SAYING:
            words.append(f"with {larger - 1:.0%} more around it")
        return "".join(f", {word}" for word in [*words, f"for {self.match.length / RATE:.1f} s"])


@dataclass(frozen=True)
class Rules:
    """How walks of a kind are compared, and from when on they are copies.

    Attributes
    ----------
    coarse : function
        From values (T, D) to what candidates are looked for by.
    order, sign : (D,) array
        The values of the walk seen in a mirror: ``values[:, order] * sign``.
    places : function or None
        From walks to (N, Z, P): what stands still in each, whole and in parts, of mean 0 and length 1.
    least_key, least_view : float
        Correlation of two instants that may be the same, and of two places.
    least_score, least_place, least_rhythm : float
        Of a match that is a copy.
    """

    coarse: Callable[[np.ndarray], np.ndarray]
    order: np.ndarray
    sign: np.ndarray
    register: Callable[[Print, Print, Line], Match | None]
    places: Callable[[Sequence[Print]], np.ndarray] | None
    least_key: float
    least_view: float
    least_score: float
    least_place: float
    least_rhythm: float

    def mirror(self, one: Print) -> Print:
        """The walk seen in a mirror."""
        sign = self.sign.astype(np.int8)
        return replace(one, base=one.base[self.order] * sign, changes=one.changes[:, self.order] * sign)

    def curve(self, one: Print) -> Curve:
        """What candidates are looked for by."""
        return make_curve(self.coarse(one.values()))


def _coarse_picture(values: np.ndarray) -> np.ndarray:
    """The lowest waves, blurred more."""
    left = blurred(_COARSE_BLUR, _COARSE) / blurred(BLUR, _COARSE)
    square = values.reshape(-1, WAVES, WAVES)[:, :_COARSE, :_COARSE]
    return (square * np.outer(left, left).astype(np.float32)).reshape(len(values), -1)


def _places(pictures: Sequence[Print]) -> np.ndarray:
    """Mean pictures in every one of ``_VIEWS`` down and across, the first as they are."""
    means = np.stack([one.base.reshape(WAVES, WAVES) for one in pictures]).astype(float)
    seen = [waves(0.5 + (_POINTS - 0.5) * zoom + shift) for zoom, shift in _VIEWS]
    views = np.stack([down @ means @ across.T for down in seen for across in seen], axis=1)
    flat = views.reshape(*views.shape[:2], -1)
    flat = flat - flat.mean(axis=-1, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=-1, keepdims=True), _PLAIN)


def _one_place(ones: np.ndarray, others: np.ndarray, least: float) -> np.ndarray:
    """(N, M) which walks may be in one place: a part of one of both looks like the other as it is.

    A place without anything in it looks like every other.
    """
    alike = np.full((len(ones), len(others)), -np.inf)
    for view in range(ones.shape[1]):
        alike = np.maximum(alike, ones[:, 0] @ others[:, view].T)
        alike = np.maximum(alike, ones[:, view] @ others[:, 0].T)
    plain = [np.linalg.norm(walks[:, 0], axis=-1) < 1 - 1e-9 for walks in (ones, others)]
    return (alike >= least) | plain[0][:, None] | plain[1][None]


# The numbers below were chosen on the first 32 real clips, on synthetic people up to 1000 and on the demo's walkers:
# those of keys and views low enough to lose no copy of benchmarks.copies, those of matches between such copies and
# different walks of one person in one place. docs/results.md says what they come to elsewhere.
def _picture_rules() -> Rules:
    return Rules(
        coarse=_coarse_picture,
        order=np.arange(WAVES**2),
        sign=np.tile(np.where(np.arange(WAVES) % 2, -1, 1), WAVES),
        register=register_pictures,
        places=_places,
        least_key=0.65,
        least_view=0.98,
        least_score=0.96,  # different walks among the real clips have 0.93 at the most, copies 0.977 and more
        least_place=0.9982,  # copies have 0.9986 and more, other light or gamma 0.9979 and less
        least_rhythm=0.925,  # different walks 0.92 at the most, copies 0.95 and more
    )


def _motion_rules() -> Rules:
    layout = skeleton.find_layout(LAYOUT)
    joints = np.arange(len(layout.joints))
    for left, right in layout.pairs:
        joints[[left, right]] = right, left
    order = (3 * joints[:, None] + np.arange(3)).ravel()
    return Rules(
        coarse=lambda values: values,
        order=order,
        sign=np.tile([-1, 1, 1], len(joints)),
        register=register_joints,
        places=None,
        least_key=0.98,
        least_view=0.0,  # joints have no place,
        least_score=0.998,
        least_place=0.0,
        least_rhythm=0.0,  # and their score alone tells
    )


RULES = {PICTURE: _picture_rules(), MOTION: _motion_rules()}


def find_copies(ones: Sequence[Prints], others: Sequence[Prints]) -> list[Copy]:
    """The pairs of walks that are one recording, in the order of ``ones``, the likest first.

    Where both kinds show it, the pictures are named. With the same list twice, each pair once, ``one`` being the
    later of both.
    """
    found: dict[tuple[int, int], Copy] = {}
    for kind in (MOTION, PICTURE):
        copies = [copy for copy in likest(kind, ones, others) if _is_copy(copy.match, RULES[kind])]
        found |= {(copy.one, copy.other): copy for copy in copies}
    return sorted(found.values(), key=lambda copy: (copy.one, -copy.score, copy.other))


def likest(kind: str, ones: Sequence[Prints], others: Sequence[Prints]) -> list[Copy]:
    """The pairs of walks that look enough alike to be laid over each other, copies or not."""
    rules, same = RULES[kind], ones is others
    here = [i for i, prints in enumerate(ones) if kind in prints]
    there = [j for j, prints in enumerate(others) if kind in prints]
    curves = [rules.curve(ones[i][kind]) for i in here]
    best: dict[tuple[int, int], Copy] = {}
    places = rules.places([ones[i][kind] for i in here]) if rules.places and here else None
    for mirrored in (False, True):
        walks = [rules.mirror(others[j][kind]) if mirrored else others[j][kind] for j in there]
        other_curves = [rules.curve(walk) for walk in walks]
        near = (
            None if places is None or not walks else _one_place(places, rules.places(walks), rules.least_view)
        )
        for a, b in candidates(curves, other_curves, rules.least_key):
            pair = here[a], there[b]
            if (same and pair[0] <= pair[1]) or (near is not None and not near[a, b]):
                continue
            match = _compare(rules, ones[here[a]][kind], walks[b], curves[a], other_curves[b])
            if match is not None and (pair not in best or match.score > best[pair].score):
                best[pair] = Copy(*pair, kind, mirrored, match)
    return list(best.values())


def _compare(rules: Rules, one: Print, other: Print, curve: Curve, other_curve: Curve) -> Match | None:
    """The best match, from any of the lines on."""
    lines = [line for line in best_lines(curve, other_curve) if line.score >= _WORTH_WHILE]
    matches = [match for line in lines if (match := rules.register(one, other, line)) is not None]
    return max(matches, key=lambda match: match.score, default=None)


def _is_copy(match: Match, rules: Rules) -> bool:
    enough = match.score >= rules.least_score and match.place >= rules.least_place
    return enough and match.rhythm >= rules.least_rhythm and _lies_inside(match) and _is_even(match)


def _lies_inside(match: Match) -> bool:
    """Whether one picture lies inside of the other, as what was cut off from the other does."""
    return all(
        abs(shift) <= abs(zoom - 1) / 2 + _LOOSE for shift, zoom in zip(match.shift, match.zoom, strict=True)
    )


def _is_even(match: Match) -> bool:
    """Whether a picture was cropped or zoomed alike down and across, or one way only; people differ in both."""
    down, across = match.zoom
    return abs(down - across) <= _EVEN or min(abs(down - 1), abs(across - 1)) <= _LOOSE
