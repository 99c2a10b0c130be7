"""Square pictures of synthetic walkers with their true joints: cut out of videos once, and kept in the cache."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gait.cache import Cache, content_hash, entry_key
from gait.errors import VideoError
from gait.formats.true_joints import ENDING, read_true_joints
from gait.labels import Sample
from gait.pose.posenet_file import LAYOUT
from gait.pose.posenet_finder import alignment_of, cut
from gait.pose.root import stature
from gait.pose.tracking import Region, region_from_points
from gait.preprocess.walks import Extracted, Prepared, Task, prepare_walks, walk_content
from gait.skeleton import convert
from gait.video import open_video

VERSION = 1  # raised when the same videos give other pictures, so that cached ones are made again
STORED = 160  # pixels; what the network sees is the middle of it
MARGIN = 1.25  # side of what is stored over that of what is seen: room for turns and shifts
# Shares of pictures with the person's own region, more or less; with a wider one, as when looking for people; the
# rest are windows anywhere, with some part of a person or none.
CLOSE, WIDE = 0.65, 0.25
_CLOSE_SIDES, _WIDE_SIDES, _WINDOW_SIDES = (0.85, 1.35), (1.3, 4.0), (0.2, 0.8)


@dataclass(frozen=True)
class PoseCrops:
    """How videos become pictures to train on; see :mod:`gait.preprocess` for what else has a ``prepare``."""

    def prepare(self, samples: Sequence[Sample], cache: Cache, jobs: int | None = None) -> Prepared:
        """Cut the pictures of every video, one a frame, or find them in the cache.

        Entries hold ``pictures`` (F, 160, 160, 3) uint8 RGB, ``points`` (F, 16, 2) float32 in units of the picture,
        and ``depth`` (F, 16) float32 in body heights, towards the camera from the middle of the hips.
        """
        return prepare_walks(_extract, self, samples, cache, jobs, title="Cutting pictures")


def _extract(task: Task) -> Extracted:
    """In a worker: the entry of a video, made unless it is in the cache."""
    path = task.sample.path
    truth = path.with_suffix(ENDING)
    if not truth.is_file():
        raise VideoError(
            f"no true joints beside it ({truth.name}): only synthetic walkers can be learnt from"
        )
    content = walk_content(task.sample)
    key = entry_key("pose-crops", content, {"joints": content_hash(truth), "v": VERSION})
    if (found := task.cache.find(key)) is not None:
        return Extracted(content, key, found.length("pictures"))
    crops = _cut_all(path, truth, np.random.default_rng(int(content[:16], 16)))
    with task.cache.write(key) as entry:
        for name, rows in zip(("pictures", "points", "depth"), crops, strict=True):
            entry.append(name, rows)
    return Extracted(content, key, len(crops[0]))


def _cut_all(
    path: Path, truth: Path, chance: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pictures, points and depths of every frame of a video."""
    joints = read_true_joints(truth)
    height = stature(joints.world, joints.layout)
    joints = convert(joints, LAYOUT)
    with open_video(path) as video:
        frames = [frame.copy() for _, frame in video]
    if len(frames) != len(joints) or frames[0].shape[:2] != joints.frame_size:
        raise VideoError(
            f"{len(frames)} frames of {frames[0].shape[:2] if frames else '?'}, but its true joints are of "
            f"{len(joints)} frames of {joints.frame_size}: these two do not belong together"
        )
    cuts = []
    for frame, image in zip(frames, joints.image.astype(np.float64), strict=True):
        picture, shown = cut(frame, draw_region(image, frame.shape[:2], chance), STORED)
        cuts.append((picture, (image - (shown.x, shown.y)) / shown.side + 0.5))
    pictures, points = (np.stack(rows) for rows in zip(*cuts, strict=True))
    return pictures, points.astype(np.float32), joints.world[..., 2] / np.float32(height)


def draw_region(points: np.ndarray, frame_size: tuple[int, int], chance: np.random.Generator) -> Region:
    """A region to store: what the network sees of somebody, drawn at random, and the margin about it.

    Parameters
    ----------
    points : (16, 2) float
        Where the joints are in the picture, pixels.
    frame_size : (int, int)
        Height and width of the picture.
    """
    own = region_from_points(alignment_of(points, LAYOUT))
    kind, stretch, right, down = chance.random(), chance.random(), *chance.uniform(-0.5, 0.5, 2)
    if kind < CLOSE:
        side = own.side * _between(_CLOSE_SIDES, stretch)
        return Region(own.x + 0.3 * right * own.side, own.y + 0.3 * down * own.side, side * MARGIN)
    if kind < CLOSE + WIDE:
        side = own.side * _between(_WIDE_SIDES, stretch)
        return Region(own.x + right * side, own.y + down * side, side * MARGIN)
    height, width = frame_size
    side = max(frame_size) * _between(_WINDOW_SIDES, stretch)
    return Region((right + 0.5) * width, (down + 0.5) * height, side * MARGIN)


def _between(limits: tuple[float, float], share: float) -> float:
    """A factor between two, evenly on a logarithmic scale."""
    low, high = map(math.log, limits)
    return math.exp(low + share * (high - low))
