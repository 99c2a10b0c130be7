"""Walks to fixed-length clips of frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Literal

import numpy as np

from gait import clips
from gait.cache import Cache, entry_key
from gait.errors import VideoError
from gait.fingerprint.store import watched
from gait.labels import Sample
from gait.preprocess.walks import Extracted, Prepared, Task, Walk, prepare_walks, walk_content
from gait.segments import Segment
from gait.video import FrameSize, open_video


@dataclass(frozen=True)
class ClipPreprocess:
    """Videos to clips of frames.

    Attributes
    ----------
    length : int
        Frames of a clip (T).
    rate : float
        Frames per second at which a walk is sampled.
    height, width : int
        Size of a clip's frames in pixels; a video is fitted inside, aspect ratio kept, on black.
    background : {"subtract", "keep"}
        Show a model each clip minus its mean picture, so that it sees what moves and not the place, or as it is.
    """

    length: int = 30
    rate: float = 15.0
    height: int = 80
    width: int = 45
    background: Literal["subtract", "keep"] = "subtract"

    kind = "clips"
    missing = False
    keypoints = False

    @property
    def input_shape(self) -> tuple[int, int, int, int]:
        """(T, H, W, C)."""
        return (self.length, self.height, self.width, 3)

    def settings(self) -> dict[str, Any]:
        """What :func:`gait.preprocess.restore` needs to make this object again."""
        return {"kind": self.kind, **asdict(self)}

    def prepare(self, samples: Sequence[Sample], cache: Cache, jobs: int | None = None) -> Prepared:
        """Extract the frames of every sample, or find them in the cache."""
        return prepare_walks(_extract, self, samples, cache, jobs, title="Reading videos")

    @property
    def window_seconds(self) -> float:
        """From the first to the last frame of a clip."""
        return (self.length - 1) / self.rate

    @property
    def size(self) -> FrameSize:
        """Height and width of a clip's frames."""
        return FrameSize(self.height, self.width)

    def frames(self, walk: Walk) -> int:
        """Frames of a walk at this rate."""
        return walk.entry.length("frames")

    def starts(self, walk: Walk) -> np.ndarray:
        """First frames of a walk's clips."""
        return clips.window_starts(self.frames(walk), self.length)

    def read(self, walk: Walk, start: float, step: float = 1.0) -> np.ndarray:
        """One clip as stored: (T, H, W, 3) uint8."""
        indices = clips.clip_indices(start, self.length, self.frames(walk), step)
        low, high = int(indices.min()), int(indices.max()) + 1
        return walk.entry.read("frames", slice(low, high))[indices - low]

    def to_input(self, stored: np.ndarray) -> np.ndarray:
        """Stored clips (N, T, H, W, 3) uint8 to a model's input, float32.

        In [0, 1]; with the background subtracted, in [-1, 1].
        """
        scaled = stored.astype(np.float32) / np.float32(255)
        if self.background == "subtract":
            scaled -= scaled.mean(axis=1, keepdims=True)
        return scaled


def choose_frame_size(paths: Sequence[Path | Segment], long_side: int = 80, look_at: int = 25) -> FrameSize:
    """Frame size that fits most of the videos: their median aspect ratio, ``long_side`` pixels the long way.

    At most ``look_at`` videos, spread evenly over the list, are opened.
    """
    places = np.unique(np.linspace(0, len(paths) - 1, look_at).round().astype(int)) if paths else []
    sizes = [_first_frame_size(paths[i]) for i in places]
    ratios = [size.width / size.height for size in sizes if size]
    ratio = median(ratios) if ratios else 9 / 16
    height, width = (long_side, long_side * ratio) if ratio <= 1 else (long_side / ratio, long_side)
    return FrameSize(round(height), round(width))


def _first_frame_size(path: Path | Segment) -> FrameSize | None:
    try:
        with open_video(path) as video:
            for _, frame in video:
                return FrameSize(*frame.shape[:2])
    except VideoError:
        pass
    return None


def _extract(task: Task) -> Extracted:
    """Runs in a worker: the walk's frames into the cache, unless they are there."""
    content, how = walk_content(task.sample), task.preprocess
    key = entry_key("frames", content, {"rate": how.rate, "height": how.height, "width": how.width, "v": 1})
    if (found := task.cache.find(key)) is not None:
        return Extracted(content, key, found.length("frames"))
    with task.cache.write(key) as entry:
        watch = partial(watched, content=content, cache=task.cache)
        clips.store_frames(task.sample.footage, how.rate, how.size, entry, watch)
        if damaged := entry.meta["damaged"]:
            entry.meta["remarks"] = [f"{damaged} damaged packet(s) skipped while decoding"]
    return Extracted(content, key, entry.meta["decoded"])
