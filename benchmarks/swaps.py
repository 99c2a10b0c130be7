"""How many frames with left and right exchanged are put right, and how many others are touched, in each view.

``python -m benchmarks.swaps`` measures on synthetic walkers whose true joints are known. *Occurring*
exchanges are those that BlazePose makes on rendered walkers with a covered face. *Injected* ones are put
into true joints with an estimator's errors, for 1 to 60 frames at a time or for the whole walk, as
BlazePose makes them: x and y are exchanged, depth stays with the names of the trunk's joints, the legs' is
exchanged, the face is mirrored; sideways, where front and back are not mistaken, everything is exchanged
(the walker is taken for one who faces the other way), or the legs alone. What comes out is smoothed by the
estimator's one-euro filter.

Trunk (with arms) and legs are looked at apart. A group counts as exchanged where its joints lie nearer to the
places of their counterparts than to their own by more than ``MARGIN``, as not exchanged in the opposite case,
and is left out where left and right lie too near to each other to say. A frame is put right where no group is
exchanged any more. Walks whose direction is said to be unknown are counted by themselves. The table that is printed
is Markdown.

People, cameras and places of seeds under 4100 and from 8000 to 8099 were used in development, those from 5000 to 5019
and from 9000 to 9019 were measured before; the default ones were not. One walk that goes wrong as a whole is five
per cent of 20: injected exchanges cost a fraction of a second each, rendered walks many.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import tyro

from gait.console import say, warn
from gait.pose.cleaning import clean
from gait.pose.estimators import PoseSettings, check_ready, estimate
from gait.pose.root import estimate_root
from gait.pose.sequence import PoseSequence
from gait.pose.tracking import IMAGE_SMOOTHING, WORLD_SMOOTHING, OneEuroFilter
from gait.skeleton import find_layout
from gait.video import FrameSize
from gait.workers import map_items
from synthesis.camera import stage
from synthesis.kinematics import EMOTIONS
from synthesis.poses import true_poses
from synthesis.render import render
from synthesis.scene import draw_scene
from synthesis.walks import PORTRAIT, Walk, make_walk

MARGIN = 0.03  # body heights, mean over a group's joints
LONGEST_RUN = 60
# Errors of joints in the picture in body heights (slow, fast, steady), and in depth and place in metres.
IMAGE_ERROR, WORLD_ERROR = (0.008, 0.003, 0.008), (0.02, 0.02)
DEPTH_WORSE = 2.0
WIDE = FrameSize(540, 960)

LAYOUT = find_layout("blazepose33")
_LEGS = [pair for pair in LAYOUT.pairs if pair[0] >= LAYOUT.index("left_knee")]
_TRUNK = [pair for pair in LAYOUT.pairs if pair not in _LEGS]
GROUPS = {
    "trunk": ("shoulder", "elbow", "wrist", "hip"),
    "legs": ("knee", "ankle", "foot_index"),
}

COLUMNS = (
    "view", "exchanges", "walks", "exchanged frames", "put right", "others", "touched",
    "of unknown direction: walks", "exchanged frames", "put right",
)  # fmt: skip


@dataclass(frozen=True)
class View:
    """Where the camera stands: a view of the synthesis, the same from the other end, and on the spot."""

    name: str
    behind: bool = False
    on_the_spot: bool = False

    @property
    def sideways(self) -> bool:
        return self.name in ("left", "right")


VIEWS = {
    "towards": View("front"),
    "half towards": View("oblique"),
    "sideways, left": View("right"),
    "sideways, right": View("left"),
    "half away": View("oblique", behind=True),
    "away": View("back"),
    "on the spot, front": View("front", on_the_spot=True),
    "on the spot, half": View("oblique", on_the_spot=True),
    "on the spot, side": View("left", on_the_spot=True),
    "on the spot, back": View("back", on_the_spot=True),
}


@dataclass(frozen=True)
class SwapOptions:
    """What is measured."""

    occurring: int = 6
    """Rendered walks of each view."""
    injected: int = 100
    """Walks of each view with exchanges put in."""
    seconds: float = 3.0
    """Length of a walk, at 30 frames a second."""
    first_seed: int = 12000
    """Of people, cameras and places; see above for those that were seen before."""
    jobs: int | None = None
    """Worker processes; one a core by default."""
    out: Path | None = None
    """JSON file for all numbers."""


@dataclass(frozen=True)
class Count:
    """Frames of walks: exchanged, of those put right, not exchanged, of those touched; and the walks."""

    swapped: int = 0
    right: int = 0
    others: int = 0
    touched: int = 0
    walks: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))


def make_view(view: View, seed: int, seconds: float) -> Walk:
    """A walk of a person, a camera and a place of its own."""
    # Who crosses the picture needs a wide one.
    size = WIDE if view.name not in ("front", "back") and not view.on_the_spot else PORTRAIT
    emotion = EMOTIONS[seed % len(EMOTIONS)]
    walk = make_walk(emotion, view.name, seed=seed, seconds=seconds, size=size, on_the_spot=view.on_the_spot)
    return _from_behind(walk, seconds) if view.behind else walk


def _from_behind(walk: Walk, seconds: float) -> Walk:
    """The walk as a camera at the other end of the line through the first one's target sees it."""
    (x, height, z), target = walk.camera.position, walk.camera.target
    camera = replace(walk.camera, position=(2 * target[0] - x, height, 2 * target[2] - z))
    chance = np.random.default_rng([walk.seed, 1])
    scene = draw_scene(chance, stage(seconds, walk.on_the_spot), camera)
    return replace(walk, camera=camera, image=camera.project(walk.joints)[0], scene=scene)


def measure_occurring(seed: int, view: View, seconds: float) -> tuple[bool, Count]:
    """Whether the direction is known, and the frames of a rendered walk with a covered face."""
    walk = make_view(view, seed, seconds)
    frames = zip(walk.time.tolist(), render(walk, covered_face=True), strict=True)
    return score(estimate(frames), true_poses(walk))


def measure_injected(seed: int, view: View, seconds: float) -> tuple[bool, Count]:
    """The same of true joints with an estimator's errors and exchanges put in."""
    truth = true_poses(make_view(view, seed, seconds))
    chance = np.random.default_rng([seed, list(VIEWS.values()).index(view)])
    exchanged = draw_swaps(len(truth), view.sideways, chance)
    return score(filter_joints(exchange(add_errors(truth, chance), exchanged, view.sideways)), truth)


def draw_swaps(frames: int, sideways: bool, chance: np.random.Generator) -> dict[str, np.ndarray]:
    """Which frames have their trunk and legs exchanged: three walks in ten as a whole, else in runs."""
    exchanged = {group: np.zeros(frames, bool) for group in GROUPS}
    if chance.random() < 0.3:
        return {group: ~none for group, none in exchanged.items()}
    first = int(chance.integers(0, 40))
    while first < frames:
        groups = _draw_groups(sideways, chance)
        length = int(np.exp(chance.uniform(0, np.log(LONGEST_RUN + 1))))
        for group in groups:
            exchanged[group][first : first + length] = True
        first += length + int(chance.integers(5, 50))
    return exchanged


def _draw_groups(sideways: bool, chance: np.random.Generator) -> tuple[str, ...]:
    kind = chance.random()
    if kind < 0.6:
        return ("trunk", "legs")
    return ("legs",) if sideways or kind < 0.8 else ("trunk",)


def add_errors(truth: PoseSequence, chance: np.random.Generator) -> PoseSequence:
    """Joints with an estimator's errors: slow drifts, jitter, and steady ones; depth is worse."""

    def drift(shape: tuple[int, ...]) -> np.ndarray:
        noise = chance.normal(size=shape)
        for t in range(1, len(noise)):
            noise[t] = 0.8 * noise[t - 1] + 0.6 * noise[t]
        return noise

    image, world, size = truth.image, truth.world, _height(truth)[:, None, None]
    slow, fast, steady = IMAGE_ERROR
    errors = slow * drift(image.shape) + fast * chance.normal(size=image.shape)
    image = image + size * (errors + steady * chance.normal(size=image.shape[1:]))
    slow, steady = WORLD_ERROR
    errors = slow * drift(world.shape) + steady * chance.normal(size=world.shape[1:])
    return replace(truth, image=image, world=world + errors * (1, 1, DEPTH_WORSE))


def exchange(sequence: PoseSequence, exchanged: dict[str, np.ndarray], sideways: bool) -> PoseSequence:
    """Left and right exchanged the way BlazePose does it; see the top of this file."""
    image, world = sequence.image.copy(), sequence.world.copy()
    for group, pairs in (("trunk", _TRUNK), ("legs", _LEGS)):
        rows = np.flatnonzero(exchanged[group])
        for pair in pairs:
            image[np.ix_(rows, pair)] = image[np.ix_(rows, pair[::-1])]
            world[np.ix_(rows, pair)] = world[np.ix_(rows, pair[::-1])]
    mirrored = np.flatnonzero(exchanged["trunk"]) if not sideways else []
    kept = np.flatnonzero(exchanged["legs"] & ~exchanged["trunk"]) if sideways else []
    trunk, legs = (np.ravel(pairs) for pairs in (_TRUNK, _LEGS))
    world[np.ix_(mirrored, trunk, [2])] = sequence.world[np.ix_(mirrored, trunk, [2])]
    world[np.ix_(kept, legs, [2])] = sequence.world[np.ix_(kept, legs, [2])]
    middle = world[np.ix_(mirrored, LAYOUT.shoulders, [2])].mean(axis=1, keepdims=True)
    face = range(LAYOUT.index("mouth_right") + 1)
    world[np.ix_(mirrored, face, [2])] = 2 * middle - world[np.ix_(mirrored, face, [2])]
    return replace(sequence, image=image, world=world)


def filter_joints(sequence: PoseSequence) -> PoseSequence:
    """Smoothed as the estimator smooths, with the root estimated from what comes out."""
    filters = OneEuroFilter(*IMAGE_SMOOTHING), OneEuroFilter(*WORLD_SMOOTHING)
    image, world = np.empty_like(sequence.image), np.empty_like(sequence.world)
    side = 2.0 * _height(sequence)
    for t, seconds in enumerate(sequence.time):
        image[t] = filters[0](seconds, sequence.image[t], float(side[t]))
        world[t] = filters[1](seconds, sequence.world[t])
    image, world = image.astype(np.float32), world.astype(np.float32)
    root = estimate_root(image, world, sequence.visibility, sequence.frame_size)
    return replace(sequence, image=image, world=world, root=root, root_unit="body", root_source="estimated")


def score(raw: PoseSequence, truth: PoseSequence) -> tuple[bool, Count]:
    """Whether the direction is known, and what became of the frames when the sequence was cleaned."""
    cleaned = clean(raw)
    size = _height(truth)
    before = {group: _lead(raw, truth, size, group) for group in GROUPS}
    after = {group: _lead(cleaned, truth, size, group) for group in GROUPS}
    swapped = np.any([lead > MARGIN for lead in before.values()], axis=0)
    others = np.all([lead < -MARGIN for lead in before.values()], axis=0)
    wrong = np.any([(np.abs(before[group]) > MARGIN) & (after[group] > 0) for group in GROUPS], axis=0)
    count = Count(
        swapped=int(swapped.sum()),
        right=int((swapped & ~wrong).sum()),
        others=int(others.sum()),
        touched=int((others & (cleaned.mended | wrong)).sum()),
        walks=1,
    )
    return cleaned.notes["direction"]["known"], count


def _lead(sequence: PoseSequence, truth: PoseSequence, size: np.ndarray, group: str) -> np.ndarray:
    """(T,) by how much joints lie nearer to their counterparts' true places than to their own, body heights."""
    sides = [[LAYOUT.index(f"{side}_{part}") for part in GROUPS[group]] for side in ("left", "right")]
    own, other = sides[0] + sides[1], sides[1] + sides[0]
    places = sequence.image[:, own]
    away = [np.linalg.norm(places - truth.image[:, joints], axis=-1).mean(axis=1) for joints in (own, other)]
    return np.nan_to_num((away[0] - away[1]) / size)


def _height(truth: PoseSequence) -> np.ndarray:
    """(T,) body height in pixels."""
    y = truth.image[..., 1].astype(np.float64)
    return np.ptp(y, axis=1)


def main(options: SwapOptions) -> None:
    """Measure and print."""
    check_ready(PoseSettings())
    kinds = {
        "occurring": (measure_occurring, options.occurring),
        "injected": (measure_injected, options.injected),
    }
    say(f"| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}")
    table: dict[str, dict[str, dict[str, int]]] = {}
    for name, view in VIEWS.items():
        table[name] = {}
        for kind, (job, walks) in kinds.items():
            seeds = range(options.first_seed, options.first_seed + walks)
            known, unknown = _total(partial(job, view=view, seconds=options.seconds), seeds, options.jobs)
            for label, count in ((kind, known), (f"{kind}, direction unknown", unknown)):
                table[name][label] = vars(count)
        _print_view(name, table[name])
    if options.out is not None:
        options.out.write_text(json.dumps(table, indent=1), encoding="utf-8")


def _total(job: partial, seeds: Sequence[int], jobs: int | None) -> tuple[Count, Count]:
    """Sums over walks whose direction is known, and over the others."""
    known, unknown = Count(), Count()
    for outcome in map_items(job, seeds, title="Swaps", jobs=jobs, timeout=300):
        if outcome.error:
            warn(f"seed {outcome.item}: {outcome.error}")
        elif outcome.value[0]:
            known += outcome.value[1]
        else:
            unknown += outcome.value[1]
    return known, unknown


def _print_view(name: str, rows: dict[str, dict[str, int]]) -> None:
    for kind in ("occurring", "injected"):
        known, unknown = Count(**rows[kind]), Count(**rows[f"{kind}, direction unknown"])
        cells = (name, kind, known.walks, *_shares(known), unknown.walks, *_shares(unknown)[:2])
        say(f"| {' | '.join(map(str, cells))} |")


def _shares(count: Count) -> tuple[int | str, ...]:
    """Frames exchanged, the share put right, the others, and the share touched; a dash where there are none."""
    right = f"{count.right / count.swapped:.1%}" if count.swapped else "-"
    touched = f"{count.touched / count.others:.2%}" if count.others else "-"
    return count.swapped, right, count.others, touched


if __name__ == "__main__":
    main(tyro.cli(SwapOptions, description=__doc__))
