"""How well the pose network finds joints: of people, places and cameras it was not trained on, and on real clips.

``python -m benchmarks.posenet`` renders walks in every view and estimates their poses as ``--poses posenet`` does, with
following and smoothing, nothing put right afterwards. Printed for each view: the share of frames in which the walker
was found; PCK@0.2 (see :func:`gait.pose.accuracy.correct_keypoints`; joints of frames without the walker count as
wrong); and, over frames in which they were found, the mean distance of the joints in space from the true ones, in
millimetres, both centred on the hips, scale aligned frame by frame (:func:`gait.pose.accuracy.scaled_errors`). PCK
without sides takes of the two namings of left and right the better one in each frame: what is left are misplaced
joints.

``--clips FOLDER`` compares with BlazePose on real videos instead: every tenth frame by itself, with BlazePose's joints
of the whole video, cleaned, in the place of the truth. BlazePose is no truth; this is a distance.

The demo's people have numbers below 2000 and the training's below 4000, both of seed 0; the walkers here are others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import tyro

from gait.cache import Cache, content_hash
from gait.console import say, warn
from gait.errors import DONE, GaitmoodError, NothingUsableError
from gait.options import require_positive, run_script
from gait.pose.accuracy import correct_keypoints, scaled_errors
from gait.pose.estimators import PoseSettings, check_ready, estimate
from gait.pose.sequence import PoseSequence
from gait.preprocess.poses import poses_of
from gait.skeleton import convert, find_layout, mirror
from gait.video import FrameSize, open_video
from gait.workers import map_items
from synthesis.camera import ANY_VIEW, VIEWS
from synthesis.kinematics import EMOTIONS
from synthesis.poses import true_poses
from synthesis.render import render
from synthesis.walks import PORTRAIT, make_walk

LAYOUT = "gait16"
_FIRST_SUBJECT = 7000
_LANDSCAPE = FrameSize(480, 854)  # who crosses the picture is filmed in landscape
_SIZES = {"front": PORTRAIT, "back": PORTRAIT}
MILLIMETRES = 1000.0


@dataclass(frozen=True)
class PoseNetBenchmark:
    """What is measured."""

    model: Path | None = None
    """The pose network; by default saved_models/posenet.h5."""
    walks: int = 6
    """Walks of each view, each of another person."""
    seconds: float = 2.0
    """Length of a walk, at 15 frames a second."""
    views: tuple[str, ...] = (*VIEWS, ANY_VIEW)
    """Of front, back, left, right, oblique, any."""
    clips: Path | None = None
    """Compare with BlazePose on the videos of this folder instead."""
    count: int = 8
    """Of the folder's videos, how many, evenly spread over their names."""
    every: int = 10
    """Of a clip's frames, every how manyeth."""
    jobs: int | None = None
    """Worker processes; one a core by default."""

    def __post_init__(self) -> None:
        """Refuse what cannot be measured.

        Raises
        ------
        GaitmoodError
            A number is not positive, a view is not known, or the folder holds no video.
        """
        require_positive(self, "walks", "seconds", "count", "every", "jobs")
        known = (*VIEWS, ANY_VIEW)
        if not self.views or not set(self.views) <= set(known):
            raise GaitmoodError(
                f"--views: of {', '.join(known)} were expected, found {' '.join(self.views)}."
            )
        if self.clips is not None and not videos_of(self.clips):
            raise GaitmoodError(f"--clips: a folder with videos (.mp4) was expected, found {self.clips}.")


def videos_of(folder: Path) -> list[Path]:
    """The videos of a folder, by name."""
    return sorted(folder.glob("*.mp4"))


@dataclass(frozen=True)
class Agreement:
    """Joints (T, 16) of walks: near the truth or not, whatever the sides, and how far off in millimetres."""

    found: np.ndarray
    near: np.ndarray
    near_without_sides: np.ndarray
    millimetres: np.ndarray

    def __str__(self) -> str:
        return (
            f"{len(self.found):6} {np.mean(self.found):8.1%} {np.nanmean(self.near):8.1%} "
            f"{np.nanmean(self.near_without_sides):14.1%} {np.nanmean(self.millimetres):8.0f}"
        )


def compare(found: PoseSequence, true: PoseSequence) -> Agreement:
    """Agreement of poses, frame by frame."""
    found, true = convert(found, LAYOUT), convert(true, LAYOUT)
    pairs = find_layout(LAYOUT).pairs
    image = found.image.astype(np.float64)
    exchanged = mirror(image, pairs) * (-1, 1)  # the sides' names alone
    near = [correct_keypoints(points, true.image, LAYOUT) for points in (image, exchanged)]
    better = np.nansum(near[1], axis=1) > np.nansum(near[0], axis=1)
    return Agreement(
        found.observed,
        near[0],
        np.where(better[:, None], near[1], near[0]),
        MILLIMETRES * scaled_errors(found.world, true.world, LAYOUT),
    )


def measure_walk(subject: int, view: str, seconds: float, settings: PoseSettings) -> Agreement:
    """Agreement with the truth on a rendered walk of somebody who was not trained on."""
    emotion, size = EMOTIONS[subject % len(EMOTIONS)], _SIZES.get(view, _LANDSCAPE)
    walk = make_walk(emotion, view, subject=subject, seconds=seconds, rate=15.0, size=size)
    frames = zip(walk.time.tolist(), render(walk, covered_face=subject % 2 == 1), strict=True)
    return compare(estimate(frames, **vars(settings)), true_poses(walk))


def measure_clip(path: Path, every: int, settings: PoseSettings) -> Agreement:
    """Agreement with BlazePose on every few frames of a video."""
    known = poses_of(path, content_hash(path), PoseSettings(), Cache())
    with open_video(path) as video:
        shots = [(seconds, frame.copy()) for i, (seconds, frame) in enumerate(video) if i % every == 0]
    found = estimate(shots, **vars(replace(settings, still=True)))
    rows = slice(None, None, every)
    return compare(found, take(known, rows))


def take(sequence: PoseSequence, rows: slice) -> PoseSequence:
    """Some frames of a pose sequence."""
    arrays = {
        name: getattr(sequence, name)[rows] for name in ("image", "world", "visibility", "time", "observed")
    }
    return replace(sequence, **arrays, root=None, mended=None, unique=None)


def measure(job: partial, items: Iterable, title: str, jobs: int | None) -> Agreement:
    """Agreement over all items; those that fail are named.

    Raises
    ------
    NothingUsableError
        All did.
    """
    found = []
    for outcome in map_items(job, list(items), title=title, jobs=jobs):
        if outcome.error:
            warn(f"{title}, {outcome.item}: {outcome.error}")
        else:
            found.append(outcome.value)
    if not found:
        raise NothingUsableError(f"{title}: nothing could be measured; the reasons stand above.")
    return together(found)


def together(parts: Sequence[Agreement]) -> Agreement:
    """Of all frames, one part after the other."""
    names = Agreement.__dataclass_fields__
    return Agreement(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def main(argv: Sequence[str]) -> int:
    """Measure and print."""
    options = tyro.cli(PoseNetBenchmark, args=argv, prog="python -m benchmarks.posenet", description=__doc__)
    settings = PoseSettings("posenet", models=options.model)
    check_ready(settings)
    if options.clips is not None:
        check_ready(PoseSettings())
    say(f"{'':22}{'frames':>6} {'found':>8} {'PCK@0.2':>8} {'without sides':>14} {'mm':>8}")
    if options.clips is not None:
        videos = videos_of(options.clips)
        chosen = [videos[i] for i in np.linspace(0, len(videos) - 1, options.count).round().astype(int)]
        job = partial(measure_clip, every=options.every, settings=settings)
        say(f"{f'{len(chosen)} clips':22}{measure(job, chosen, 'Clips', options.jobs)}")
        return DONE
    people = range(_FIRST_SUBJECT, _FIRST_SUBJECT + options.walks)
    parts = []
    for view in options.views:
        job = partial(measure_walk, view=view, seconds=options.seconds, settings=settings)
        parts.append(measure(job, people, view, options.jobs))
        say(f"{view:22}{parts[-1]}")
    say(f"{'all':22}{together(parts)}")
    return DONE


if __name__ == "__main__":
    run_script(main)
