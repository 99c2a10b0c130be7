"""Which frames make a clip, and from a video to fixed-length, resized clips.

A walk is sampled at a fixed rate by its time stamps: target times k / rate, each shown by the nearest decoded
frame. Its frames are kept once; clips are index ranges over them.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np

from gait.cache import EntryWriter
from gait.errors import VideoError
from gait.segments import Segment
from gait.video import FrameSize, VideoReader, open_video

MIN_SECONDS = 0.5

Watch = Callable[[VideoReader], AbstractContextManager[Iterable[tuple[float, np.ndarray]]]]


def nearest_frames(times: np.ndarray, rate: float) -> np.ndarray:
    """Index of the frame nearest to each target time k / rate (the earlier one when two are equally near).

    Parameters
    ----------
    times : (F,) float
        Increasing time stamps in seconds, the first one 0.
    rate : float
        Wanted frames per second.

    Returns
    -------
    (R,) int
        Frame indices. The last target is the last one not later than the last stamp.
    """
    targets = np.arange(math.floor(times[-1] * rate + 1e-6) + 1) / rate
    after = np.searchsorted(times, targets - 1e-9).clip(0, len(times) - 1)
    before = np.maximum(after - 1, 0)
    return np.where(targets - times[before] <= times[after] - targets + 1e-9, before, after)


def resample(frames: Iterable[tuple[float, np.ndarray]], rate: float) -> Iterator[np.ndarray]:
    """The frames that :func:`nearest_frames` chooses, from a stream, holding two frames at a time."""
    sampler = Sampler(rate)
    for now, frame in frames:
        yield from sampler.take(now, frame)


class Sampler:
    """Frames at a fixed rate from frames as they come, see :func:`resample`."""

    def __init__(self, rate: float):
        self._rate, self._count = rate, 0
        self._previous: tuple[float, np.ndarray] | None = None

    def take(self, now: float, frame: np.ndarray) -> list[np.ndarray]:
        """The frames, none, one or more, that are known to be chosen when the next one has come."""
        chosen = []
        while (target := self._count / self._rate) <= now + 1e-6 / self._rate:
            previous = self._previous
            earlier = previous is not None and target - previous[0] <= now - target + 1e-9
            chosen.append(previous[1] if earlier else frame)
            self._count += 1
        self._previous = (now, frame)
        return chosen


def window_starts(frames: int, length: int) -> np.ndarray:
    """First frames of a walk's clips: as few as cover every frame, spread evenly.

    A walk shorter than a clip gives one clip, in which it is looped (see :func:`clip_indices`).

    Examples
    --------
    >>> window_starts(120, 30)
    array([ 0, 30, 60, 90])
    >>> window_starts(45, 30)
    array([ 0, 15])
    """
    if frames <= length:
        return np.zeros(1, int)
    count = math.ceil(frames / length)
    return np.round(np.linspace(0, frames - length, count)).astype(int)


def clip_indices(start: float, length: int, frames: int, step: float = 1.0) -> np.ndarray:
    """Frame indices (length,) of a clip; past the walk's end it goes on from the walk's start (looping).

    ``step`` other than 1 stretches time: 1.1 plays the walk 1.1 times faster.
    """
    return np.floor(start + step * np.arange(length) + 1e-9).astype(int) % frames


def letterbox(frame: np.ndarray, size: FrameSize) -> np.ndarray:
    """Centre a frame that fits into ``size`` on black: (h, w, 3) to (H, W, 3)."""
    if frame.shape[:2] == (size.height, size.width):
        return frame
    canvas = np.zeros((size.height, size.width, 3), frame.dtype)
    top, left = (size.height - frame.shape[0]) // 2, (size.width - frame.shape[1]) // 2
    canvas[top : top + frame.shape[0], left : left + frame.shape[1]] = frame
    return canvas


def store_frames(
    path: Path | Segment,
    rate: float,
    size: FrameSize,
    entry: EntryWriter,
    watch: Watch = contextlib.nullcontext,
) -> None:
    """Write a walk's frames at a fixed rate and size to a cache entry, array ``frames`` (F, H, W, 3) uint8.

    ``watch`` makes of the reader the frames to go through, and may look at each on the way.

    Raises
    ------
    VideoError
        The file is not a video, or less than half a second of it decodes.
    """
    count = 0
    with open_video(path, fit=size) as video, watch(video) as frames:
        for frame in resample(frames, rate):
            entry.append("frames", letterbox(frame, size)[None])
            count += 1
    check_length(count, rate, video.frames)
    entry.meta.update(decoded=video.frames, damaged=video.errors)


def check_length(count: int, rate: float, decoded: int) -> None:
    """Raise VideoError where ``count`` frames at a rate, chosen from ``decoded`` ones, are too few for a walk."""
    if count < MIN_SECONDS * rate:
        raise VideoError(
            f"too short: {decoded} frame{'s' * (decoded != 1)} decoded, "
            f"{count / rate:.2f} s; a walk needs at least {MIN_SECONDS} s"
        )
