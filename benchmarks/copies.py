"""How many copies of walks are found, and which walks are mistaken for copies: ``python -m benchmarks.copies``

Of every walk copies are made, each written as a video of its own: encoded again at a low bit rate, scaled to 360
pixels, mirrored, half a second trimmed from each end, played 1.1 times faster, cropped by 5 % of the side at each
edge, at one side or at one corner, and most of these together. Walks are the videos of a folder, or synthetic people
who walk several times before one camera in one place, in the same clothes. Every copy is compared with every walk,
and the walks with each other; whatever is reported and is no copy is a false alarm.

Synthetic people up to 1000, and the first 32 real clips, were used in development; the default people were not.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import tyro

from gait.console import say
from gait.fingerprint.copies import MOTION, PICTURE, RULES, find_copies, likest
from gait.fingerprint.motion import motion_print
from gait.fingerprint.pictures import picture_print
from gait.fingerprint.prints import Prints, pack
from gait.video import FrameSize, open_video, write_video
from gait.workers import map_items
from synthesis.kinematics import EMOTIONS
from synthesis.poses import true_poses
from synthesis.render import render
from synthesis.walks import Walk, make_walk

Frames = list[np.ndarray]


@dataclass(frozen=True)
class CopiesOptions:
    """What is measured."""

    folder: tyro.conf.Positional[Path | None] = None
    """Videos to make copies of; by default synthetic walkers."""
    first: int = 0
    """Of the folder's videos, sorted, the first to take."""
    videos: int | None = None
    """How many of them; by default all."""
    first_person: int = 1001
    """Number of the first synthetic person."""
    people: int = 12
    """Synthetic people, each with four walks in one place."""
    seconds: float = 4.0
    """Length of a synthetic walk."""
    jobs: int | None = None
    """Worker processes."""
    json: Path | None = None
    """Write the figures to this file, too."""


@dataclass(frozen=True)
class Written:
    """A copy to write: of which frames, at which rate, how badly."""

    frames: Frames
    rate: float
    quality: int = 23


def _scaled(frames: Frames, height: int) -> Frames:
    width = round(frames[0].shape[1] * height / frames[0].shape[0] / 2) * 2
    return [cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA) for frame in frames]


def _mirrored(frames: Frames) -> Frames:
    return [np.ascontiguousarray(frame[:, ::-1]) for frame in frames]


def _trimmed(frames: Frames, rate: float) -> Frames:
    half = round(rate / 2)
    return frames[half:-half]


def _faster(frames: Frames, times: float) -> Frames:
    return [frames[int(number * times)] for number in range(int((len(frames) - 1) / times))]


def _cropped(frames: Frames, share: float) -> Frames:
    down, across = (round(side * share) for side in frames[0].shape[:2])
    return [frame[down : frame.shape[0] - down, across : frame.shape[1] - across] for frame in frames]


def _cut(frames: Frames, top: float, left: float) -> Frames:
    """Without these shares at the top and at the left."""
    down, across = (round(side * share) for side, share in zip(frames[0].shape, (top, left), strict=False))
    return [frame[down:, across:] for frame in frames]


COPIES: dict[str, Callable[[Frames, float], Written]] = {
    "encoded again, crf 36": lambda frames, rate: Written(frames, rate, 36),
    "scaled to 360 px": lambda frames, rate: Written(_scaled(frames, 360), rate),
    "mirrored": lambda frames, rate: Written(_mirrored(frames), rate),
    "0.5 s off each end": lambda frames, rate: Written(_trimmed(frames, rate), rate),
    "1.1 times faster": lambda frames, rate: Written(_faster(frames, 1.1), rate),
    "cropped by 5 % at each edge": lambda frames, rate: Written(_cropped(frames, 0.05), rate),
    "5 % off one side": lambda frames, rate: Written(_cut(frames, 0.0, 0.05), rate),
    "5 % off one corner": lambda frames, rate: Written(_cut(frames, 0.05, 0.05), rate),
    "all of it": lambda frames, rate: Written(
        _scaled(_mirrored(_cropped(_faster(_trimmed(frames, rate), 1.1), 0.025)), 360), rate, 30
    ),
}
"""Ways to copy a walk: from frames (H, W, 3) and their rate to what is written."""


def write_copy(path: Path, frames: Frames, rate: float, way: str) -> Path:
    """Write one of the :data:`COPIES` of a walk as a video."""
    copy = COPIES[way](frames, rate)
    write_video(path, copy.frames, copy.rate, copy.quality)
    return path


def same_place(person: int, emotion: str, number: int, seconds: float, view: str = "front") -> Walk:
    """A walk of a synthetic person, before the camera and in the place of that person's first walk."""
    first, walk = (
        make_walk(emotion, view, subject=person, number=n, seconds=seconds, place="hall") for n in (0, number)
    )
    return replace(walk, camera=first.camera, scene=first.scene)


@dataclass(frozen=True)
class Task:
    """A walk to fingerprint, and its copies."""

    name: str
    make: Callable[[], tuple[Frames, float]]
    joints: Callable[[], Prints]


@dataclass(frozen=True)
class Fingerprinted:
    """A walk's fingerprints and those of its copies; seconds that its own took, and seconds of video."""

    prints: Prints
    copies: dict[str, Prints]


def main(options: CopiesOptions) -> None:
    """Measure and say."""
    tasks = list(_videos(options) if options.folder else _people(options))
    done: dict[str, Fingerprinted] = {}
    for outcome in map_items(_work, tasks, title="Copying walks", jobs=options.jobs):
        if outcome.error is not None:
            raise SystemExit(f"{outcome.item.name}: {outcome.error}")
        done[outcome.item.name] = outcome.value
    figures = measure([done[task.name] for task in tasks])
    for line in _lines(figures):
        say(line)
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def _videos(options: CopiesOptions) -> Iterator[Task]:
    paths = sorted(options.folder.glob("*.mp4"))[options.first :][: options.videos]
    for path in paths:
        yield Task(path.name, partial(_read, path), dict)


def _read(path: Path) -> tuple[Frames, float]:
    with open_video(path, FrameSize(960, 960)) as video:
        shots = list(video)
    return [frame for _, frame in shots], (len(shots) - 1) / shots[-1][0]


def _people(options: CopiesOptions) -> Iterator[Task]:
    views = ("front", "left", "oblique", "back")
    for person in range(options.first_person, options.first_person + options.people):
        for number, emotion in enumerate(EMOTIONS):
            walk = partial(same_place, person, emotion, number, options.seconds, views[person % len(views)])
            yield Task(f"{person}-{number}", partial(_rendered, walk), partial(_joints, walk))


def _rendered(walk: Callable[[], Walk]) -> tuple[Frames, float]:
    return list(render(walk())), 30.0


def _joints(walk: Callable[[], Walk]) -> Prints:
    return {MOTION: motion_print(true_poses(walk()))}


def _work(task: Task) -> Fingerprinted:
    frames, rate = task.make()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "walk.mp4"
        write_video(path, frames, rate, 18)
        prints = {**task.joints(), PICTURE: picture_print(path)}
        copies = {}
        for way in COPIES:
            copies[way] = {PICTURE: picture_print(write_copy(path, frames, rate, way))}
    return Fingerprinted(prints, copies)


def measure(walks: Sequence[Fingerprinted]) -> dict:
    """Copies found by way, false alarms and the likest of walks that are no copies, and the cost."""
    prints = [walk.prints for walk in walks]
    ways = {}
    for way in COPIES:
        found = find_copies([walk.copies[way] for walk in walks], prints)
        right = [copy.score for copy in found if copy.one == copy.other]
        ways[way] = {
            "copies": len(walks),
            "found": len(right),
            "lowest score of those found": min(right, default=0.0),
            "false alarms": len(found) - len(right),
        }
    alarms = {}
    start = time.perf_counter()
    for kind in (PICTURE, MOTION):
        pairs = likest(kind, prints, prints)
        scores = sorted((pair.score for pair in pairs), reverse=True)
        if any(kind in one for one in prints):
            only = [{kind: one[kind]} for one in prints if kind in one]
            alarms[kind] = {
                "pairs": len(only) * (len(only) - 1) // 2,
                "false alarms": len(find_copies(only, only)),
                "highest scores": scores[:5],
                "threshold": RULES[kind].least_score,
            }
    size = float(np.mean([len(pack({PICTURE: one[PICTURE]})) for one in prints]))
    return {"ways": ways, "pairs": alarms, "bytes": size, "seconds": time.perf_counter() - start}


def _lines(figures: dict) -> Iterator[str]:
    yield f"{'copy':30}{'found':>12}{'lowest score':>14}{'false alarms':>14}"
    for way, row in figures["ways"].items():
        found = f"{row['found']} of {row['copies']}"
        yield f"{way:30}{found:>12}{row['lowest score of those found']:14.3f}{row['false alarms']:14}"
    for kind, row in figures["pairs"].items():
        scores = ", ".join(f"{score:.3f}" for score in row["highest scores"])
        yield (
            f"{kind}: {row['false alarms']} of {row['pairs']} pairs of different walks reported; their highest scores "
            f"{scores} (threshold {row['threshold']})"
        )
    yield f"A walk's pictures take {figures['bytes'] / 1000:.1f} kB; all pairs {figures['seconds']:.1f} s."


if __name__ == "__main__":
    main(tyro.cli(CopiesOptions, prog="python -m benchmarks.copies", description=__doc__))
