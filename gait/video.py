"""The one reader and the one writer of videos.

PyAV (FFmpeg's libraries) rather than OpenCV: it hands out each frame's own time stamp, the rotation a phone
recorded, and decoding errors, all of which OpenCV's reader hides. What a header claims about length and rate is
never used: what decodes is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np

from gait.errors import VideoError

EXTENSIONS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")


@dataclass(frozen=True)
class FrameSize:
    """Height and width in pixels, after rotation."""

    height: int
    width: int


class VideoReader:
    """An open video: iterate over it for ``(time, frame)``.

    Time is in seconds from the first decoded frame; a frame is (H, W, 3) uint8 RGB, rotated upright as the
    file's metadata asks. Frames that cannot be decoded are skipped and counted in ``errors``.

    Attributes
    ----------
    size : FrameSize
        Size of the frames handed out.
    frames, errors : int
        Frames decoded and packets that failed so far.
    """

    def __init__(self, container: Any, fit: FrameSize | None = None):
        self._container = container
        self._stream = container.streams.video[0]
        self._stream.thread_type = "AUTO"
        self._fit = fit
        self.frames = 0
        self.errors = 0

    def __iter__(self) -> Iterator[tuple[float, np.ndarray]]:
        clock = _Clock()
        for frame in self._decode():
            array = self._to_array(frame)
            self.frames += 1
            yield clock.seconds(frame), array

    def _decode(self) -> Iterator[av.VideoFrame]:
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
                frames = packet.decode()
            except StopIteration:
                return
            except av.FFmpegError as error:
                self.errors += 1
                # EOFError and broken containers end the demuxer; a damaged packet does not.
                if isinstance(error, av.EOFError) or self.errors > 1000:
                    return
                continue
            yield from frames

    def _to_array(self, frame: av.VideoFrame) -> np.ndarray:
        turns = round((frame.rotation or 0) / 90) % 4
        height, width = (frame.width, frame.height) if turns % 2 else (frame.height, frame.width)
        if self._fit is not None:
            height, width = fit_inside(FrameSize(height, width), self._fit)
        stored = (width, height) if turns % 2 else (height, width)
        # swscale converts and resizes in one pass, which is several times faster than a full-size RGB copy.
        array = frame.to_ndarray(format="rgb24", height=stored[0], width=stored[1], interpolation="AREA")
        return np.ascontiguousarray(np.rot90(array, turns)) if turns else array


class _Clock:
    """Seconds since the first frame; where stamps are missing or go back, time goes on by the last step."""

    def __init__(self) -> None:
        self._first: float | None = None
        self._last = 0.0
        self._step = 1 / 30

    def seconds(self, frame: av.VideoFrame) -> float:
        if self._first is None:
            self._first = frame.time or 0.0
            return 0.0
        now = self._last + self._step if frame.time is None else frame.time - self._first
        if now <= self._last:
            now = self._last + self._step
        self._step = min(now - self._last, 1.0)
        self._last = now
        return now


def fit_inside(size: FrameSize, box: FrameSize) -> tuple[int, int]:
    """Largest (height, width) of ``size``'s aspect ratio inside ``box``, at least one pixel each way."""
    scale = min(box.height / size.height, box.width / size.width)
    return max(1, round(size.height * scale)), max(1, round(size.width * scale))


class open_video:  # noqa: N801 - used like the function it stands for
    """Open a video for reading, as a context manager around a :class:`VideoReader`.

    Parameters
    ----------
    path : path or str
        The file.
    fit : FrameSize, optional
        Scale every frame down or up to the largest size inside this box, aspect ratio kept.

    Raises
    ------
    VideoError
        The file is empty, cannot be opened, is no video, or holds no video stream.

    Examples
    --------
    >>> with open_video("walk.mp4") as video:
    ...     for seconds, frame in video: ...
    """

    def __init__(self, path: Path | str, fit: FrameSize | None = None):
        self._path = Path(path)
        self._fit = fit

    def __enter__(self) -> VideoReader:
        self._container = _open_container(self._path)
        return VideoReader(self._container, self._fit)

    def __exit__(self, *_: object) -> None:
        self._container.close()


def _open_container(path: Path) -> Any:
    try:
        if path.stat().st_size == 0:
            raise VideoError("the file is empty (0 bytes)")
        container = av.open(str(path), metadata_errors="replace")
    except av.FFmpegError as error:
        raise VideoError(f"not a readable video ({error.strerror})") from error
    except OSError as error:
        raise VideoError(f"cannot be opened ({error.strerror})") from error
    if not container.streams.video:
        container.close()
        raise VideoError(
            "holds no picture, only " + (", ".join(s.type for s in container.streams) or "nothing")
        )
    return container


def write_video(path: Path | str, frames: Iterable[np.ndarray], rate: float, quality: int = 23) -> int:
    """Write RGB frames as H.264 in an .mp4 that browsers play.

    Parameters
    ----------
    path : path or str
        Target; written beside and renamed into place.
    frames : iterable of (H, W, 3) uint8 arrays
        All of one size. An odd last row or column is dropped, as H.264 in 4:2:0 asks.
    rate : float
        Frames per second.
    quality : int
        x264's constant rate factor: lower is better and larger.

    Returns
    -------
    int
        Frames written.

    Raises
    ------
    VideoError
        The encoder is missing from this build of PyAV, or there are no frames.
    """
    target = Path(path)
    part = target.with_name(f".{target.name}.part")
    count = 0
    try:
        with av.open(str(part), "w", format="mp4") as container:
            stream = None
            for frame in frames:
                frame = frame[: frame.shape[0] // 2 * 2, : frame.shape[1] // 2 * 2]
                stream = stream or _add_stream(container, frame, rate, quality)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
                count += 1
            if stream is None:
                raise VideoError(f"no frames to write to {target}")
            container.mux(stream.encode(None))
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return count


def _add_stream(container: Any, frame: np.ndarray, rate: float, quality: int) -> Any:
    from fractions import Fraction

    try:
        stream = container.add_stream("libx264", rate=Fraction(rate).limit_denominator(1001))
    except (av.FFmpegError, ValueError) as error:
        raise VideoError("this build of PyAV cannot write H.264 (libx264 is missing)") from error
    stream.height, stream.width = frame.shape[:2]
    stream.pix_fmt = "yuv420p"
    stream.options = {"crf": str(quality), "preset": "veryfast"}
    return stream
