"""The small pictures of a running video as a frame model wants them: the newest in memory, all of them on disk."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from gait import clips
from gait.cache import Cache, EntryWriter
from gait.pose.sequence import PoseSequence
from gait.preprocess import Walk
from gait.preprocess.landmark_clips import Chosen
from gait.preprocess.windows import make_walk, needs_pictures, needs_poses, store_seen
from gait.sources import Source
from gait.streaming.moments import Shot, Window


class FrameWindow:
    """The last clip's worth of small pictures at the model's rate; a context manager.

    Parameters
    ----------
    how : ClipPreprocess
        The model's rate, size and length.
    keep : bool
        Keep all of them, in a temporary file, for the whole walk. Not those that need poses beside them: these are
        cleaned as a whole in the end, and then the video is read once more.
    """

    def __init__(self, how: Any, keep: bool):
        self._how, self._keep = how, keep and not needs_poses(how)
        self._sampler, self._last = clips.Sampler(how.rate), deque(maxlen=how.length)
        self._with_picture = needs_pictures(how)
        self._stack = ExitStack()
        self._entry: EntryWriter | None = None
        self._count = self._decoded = 0

    def __enter__(self) -> FrameWindow:
        self._cache = Cache(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="gaitmood-")))
        self._writing = self._stack.enter_context(ExitStack())
        if self._keep:
            self._entry = self._writing.enter_context(self._cache.write("walk"))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def take(self, shot: Shot) -> None:
        """Take the small picture of a frame."""
        self._decoded += 1
        picture = shot.picture if self._with_picture else None
        for chosen in self._sampler.take(shot.seconds, (shot.number, shot.small, picture)):
            self._last.append(chosen)
            if self._entry is not None:
                self._count += store_seen(self._how, None, [chosen], self._entry)

    def window(self, number: int | None) -> Window | None:
        """The window up to now, whose poses are still to be added; None while it is not full."""
        if len(self._last) < self._how.length:
            return None
        first, last = self._last[0][0], self._last[-1][0]
        return Window(number, (first, last), tuple((row - first, *rest) for row, *rest in self._last))

    def walk(self, source: Source, poses: PoseSequence | None) -> Walk:
        """The whole walk; nothing can be taken any more.

        Raises
        ------
        VideoError
            It is too short.
        """
        if self._entry is None:
            with source.open() as reader, self._cache.write("walk") as entry:
                self._count = store_seen(self._how, poses, self._chosen(reader), entry)
        self._writing.close()
        clips.check_length(self._count, self._how.rate, self._decoded)
        return make_walk(source.name, self._cache.open("walk"))

    def _chosen(self, reader: Any) -> Iterator[Chosen]:
        sampler = clips.Sampler(self._how.rate)
        for row, (seconds, picture) in enumerate(reader):
            yield from sampler.take(seconds, (row, reader.fitted(self._how.size), picture))
