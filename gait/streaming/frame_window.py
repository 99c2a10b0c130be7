"""The small pictures of a running video as a frame model wants them: the newest in memory, all of them on disk."""

from __future__ import annotations

import tempfile
from collections import deque
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from gait.cache import Cache
from gait.clips import Sampler, check_length, letterbox
from gait.labels import Sample
from gait.preprocess import ClipPreprocess, Walk
from gait.streaming.moments import Shot, Window


class FrameWindow:
    """The last clip's worth of small pictures at the model's rate; a context manager.

    Parameters
    ----------
    how : ClipPreprocess
        The model's rate, size and length.
    keep : bool
        Keep all of them, in a temporary file, for the whole walk.
    """

    def __init__(self, how: ClipPreprocess, keep: bool):
        self._how, self._keep = how, keep
        self._sampler = Sampler(how.rate)
        self._last: deque[tuple[int, np.ndarray]] = deque(maxlen=how.length)
        self._stack = ExitStack()
        self._entry, self._count, self._decoded = None, 0, 0

    def __enter__(self) -> FrameWindow:
        if self._keep:
            self._cache = Cache(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="gaitmood-")))
            self._writing = self._stack.enter_context(ExitStack())
            self._entry = self._writing.enter_context(self._cache.write("walk"))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def take(self, shot: Shot) -> None:
        """Take the small picture of a frame."""
        self._decoded += 1
        for number, small in self._sampler.take(shot.seconds, (shot.number, shot.small)):
            frame = letterbox(small, self._how.size)
            self._last.append((number, frame))
            self._count += 1
            if self._entry is not None:
                self._entry.append("frames", frame[None])

    def window(self, number: int | None) -> Window | None:
        """The window up to now; None while it is not full."""
        if len(self._last) < self._how.length:
            return None
        numbers, frames = zip(*self._last, strict=True)
        return Window(number, (numbers[0], numbers[-1]), np.stack(frames))

    def walk(self, name: str) -> Walk:
        """The whole walk; nothing can be taken any more. Raises VideoError where it is too short."""
        self._writing.close()
        check_length(self._count, self._how.rate, self._decoded)
        return Walk(Sample(Path(name), name), "", self._cache.open("walk"))
