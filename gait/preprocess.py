"""From a sample to a model's input: the same object in training, testing and predicting, saved in the bundle.

A kind of preprocessing offers

- ``prepare(samples, cache, jobs)``: does the slow part once, into the cache, in parallel;
- ``frames(walk)`` and ``starts(walk)``: how long a prepared walk is and where its clips begin;
- ``read(walk, start, step)``: one clip as stored, compact;
- ``to_input(clips)``: a batch of clips as the numbers a model sees;
- ``input_shape``, ``settings()``: what a model and a bundle need to know.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from gait import clips
from gait.cache import Cache, Entry, content_hash, entry_key
from gait.errors import GaitmoodError, VideoError
from gait.labels import Sample
from gait.video import FrameSize, open_video
from gait.workers import Outcome, map_items

TIME_LIMIT = 1800.0


@dataclass(frozen=True)
class Walk:
    """A sample that is ready for models.

    Attributes
    ----------
    sample : Sample
        What is known of it.
    content : str
        Content hash of its file.
    entry : Entry
        Where its arrays lie in the cache.
    """

    sample: Sample
    content: str
    entry: Entry


@dataclass(frozen=True)
class Prepared:
    """What preparing gave: the walks in the order of their samples, and (name, reason) of those left out."""

    walks: tuple[Walk, ...]
    left_out: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()


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
    """

    length: int = 30
    rate: float = 15.0
    height: int = 80
    width: int = 45

    kind = "clips"

    @property
    def input_shape(self) -> tuple[int, int, int, int]:
        """(T, H, W, C)."""
        return (self.length, self.height, self.width, 3)

    def settings(self) -> dict[str, Any]:
        """What :func:`restore` needs to make this object again."""
        return {"kind": self.kind, **asdict(self)}

    def prepare(self, samples: Sequence[Sample], cache: Cache, jobs: int | None = None) -> Prepared:
        """Extract the frames of every sample, or find them in the cache.

        When it is interrupted, nothing half-written is left, and the next call goes on from there.
        """
        walks, left_out, notes = {}, {}, []
        for outcome in self._extract_all(samples, cache, jobs):
            sample = outcome.item.sample
            if outcome.error is not None:
                left_out[sample.name] = outcome.error
                continue
            walks[sample.name] = Walk(sample, outcome.value.content, cache.open(outcome.value.key))
            if damaged := walks[sample.name].entry.meta["damaged"]:
                notes.append(f"{sample.name}: {damaged} damaged packet(s) skipped while decoding")
        names = [sample.name for sample in samples]
        return Prepared(
            tuple(walks[name] for name in names if name in walks),
            tuple((name, left_out[name]) for name in names if name in left_out),
            tuple(sorted(notes)),
        )

    def _extract_all(self, samples: Sequence[Sample], cache: Cache, jobs: int | None) -> Iterator[Outcome]:
        with cache.session() as store:
            tasks = [_Task(sample, self, store) for sample in samples]
            outcomes = map_items(
                _extract, tasks, title="Reading videos", jobs=jobs, timeout=TIME_LIMIT, unit="frames"
            )
            with closing(outcomes):
                yield from outcomes

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
        """Stored clips to a model's input: uint8 in [0, 255] to float32 in [0, 1]."""
        return stored.astype(np.float32) / np.float32(255)


KINDS = {"clips": ClipPreprocess}


def restore(settings: dict[str, Any]) -> ClipPreprocess:
    """The preprocessing that a bundle's settings describe.

    Raises
    ------
    GaitmoodError
        This version does not know that kind.
    """
    values = dict(settings)
    kind = values.pop("kind", None)
    if kind not in KINDS:
        raise GaitmoodError(f"unknown preprocessing '{kind}'; this version knows {', '.join(KINDS)}.")
    return KINDS[kind](**values)


def choose_frame_size(paths: Sequence[Path], long_side: int = 80, look_at: int = 25) -> FrameSize:
    """Frame size that fits most of the videos: their median aspect ratio, ``long_side`` pixels the long way.

    At most ``look_at`` videos, spread evenly over the list, are opened.
    """
    chosen = [paths[i] for i in np.unique(np.linspace(0, len(paths) - 1, look_at).round().astype(int))]
    ratios = [size.width / size.height for size in map(_first_frame_size, chosen) if size]
    ratio = median(ratios) if ratios else 9 / 16
    height, width = (long_side, long_side * ratio) if ratio <= 1 else (long_side / ratio, long_side)
    return FrameSize(round(height), round(width))


def _first_frame_size(path: Path) -> FrameSize | None:
    try:
        with open_video(path) as video:
            for _, frame in video:
                return FrameSize(*frame.shape[:2])
    except VideoError:
        pass
    return None


@dataclass(frozen=True)
class _Task:
    sample: Sample
    preprocess: ClipPreprocess
    cache: Cache


@dataclass(frozen=True)
class _Extracted:
    content: str
    key: str
    work: int


def _extract(task: _Task) -> _Extracted:
    """Runs in a worker: the walk's frames into the cache, unless they are there."""
    try:
        content = content_hash(task.sample.path)
    except OSError as error:
        raise VideoError(f"cannot be read ({error.strerror})") from error
    how = task.preprocess
    key = entry_key("frames", content, {"rate": how.rate, "height": how.height, "width": how.width, "v": 1})
    if (found := task.cache.find(key)) is not None:
        return _Extracted(content, key, found.length("frames"))
    with task.cache.write(key) as entry:
        clips.store_frames(task.sample.path, how.rate, FrameSize(how.height, how.width), entry)
    return _Extracted(content, key, task.cache.open(key).meta["decoded"])
