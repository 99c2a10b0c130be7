"""The one reader and the one writer of videos.

PyAV (FFmpeg's libraries) rather than OpenCV: it hands out each frame's own time stamp, the rotation a phone
recorded, and decoding errors, all of which OpenCV's reader hides. What a header claims about length and rate
is never used: what decodes is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from gait.errors import VideoError
from gait.segments import Cropper, Segment

EXTENSIONS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")
MAX_STEP = 5.0


@dataclass(frozen=True)
class FrameSize:
    """Height and width in pixels, after rotation."""

    height: int
    width: int


class VideoReader:
    """An open video: iterate over it for ``(time, frame)``.

    Time is in seconds from the first decoded frame and always grows; a frame is (H, W, 3) uint8 RGB, turned
    and mirrored upright as the file's metadata asks; its size may change within a file. Frames that cannot be
    decoded are skipped and counted in ``errors``.

    Attributes
    ----------
    frames, errors : int
        Frames handed out and packets that failed so far.
    picture : FrameSize or None
        Of a segment: size of the upright pictures that its frames are cut from.
    """

    def __init__(self, container: Any, fit: FrameSize | None = None, segment: Segment | None = None):
        self._container = container
        # Not the first: a cover picture may stand before the video.
        self._stream = container.streams.best("video")
        # Not frame threads: each holds a frame, and after a damaged packet near the end as many good frames
        # are lost as there are threads, so that what is read would depend on the machine.
        self._stream.thread_type = "SLICE"
        self._fit, self._segment = fit, segment
        self.picture: FrameSize | None = None
        self._scaler, self._second_scaler = VideoReformatter(), VideoReformatter()
        self._square_scaler = VideoReformatter()
        # Asked of the first frame only: it holds for the whole track, and in PyAV 18.1 every look at a frame's
        # side data keeps that frame in memory for good.
        self._orientation: tuple[int, bool] | None = None if segment is None else (0, False)
        self.frames = 0
        self.errors = 0

    def __iter__(self) -> Iterator[tuple[float, np.ndarray]]:
        clock = _Clock()
        for frame in self._decode() if self._segment is None else self._cut(self._segment):
            self._frame = frame
            array = self._to_array(frame, self._fit, self._scaler)
            self.frames += 1
            yield clock.seconds(frame.time), array

    def fitted(self, fit: FrameSize) -> np.ndarray:
        """The frame handed out last once more, as a reader that was opened with ``fit`` hands it out."""
        return self._to_array(self._frame, fit, self._second_scaler)

    def grey_square(self, side: int) -> np.ndarray:
        """The frame handed out last as (side, side) uint8 grey, upright, stretched to a square."""
        frame = self._square_scaler.reformat(self._frame, side, side, "gray", interpolation="AREA")
        return self._upright(frame.to_ndarray())

    def _decode(self) -> Iterator[av.VideoFrame]:
        for packet in self._packets():
            try:
                frames = packet.decode()
            except av.FFmpegError:
                self.errors += 1
                continue
            yield from frames

    def _cut(self, segment: Segment) -> Iterator[av.VideoFrame]:
        """The segment's frames, upright and cut to the person; decoding ends with them."""
        number, scaler, filmed = -1, VideoReformatter(), None
        for number, frame in enumerate(self._decode()):
            if number < segment.frames[0]:
                continue
            filmed = filmed or _orientation(frame)
            picture = _upright(_scaled(frame, None, scaler), *filmed)
            if self.picture != (size := FrameSize(*picture.shape[:2])):
                self.picture, cropper = size, Cropper(segment, size.height, size.width)
            cut = av.VideoFrame.from_ndarray(cropper.cut(number, picture), "rgb24")
            cut.pts, cut.time_base = frame.pts, frame.time_base
            yield cut
            if number == segment.frames[-1]:
                return
        if self.picture is None:
            raise VideoError(
                f"the boxes begin at frame {segment.frames[0]}, the video has {number + 1} frames"
            )

    def _packets(self) -> Iterator[av.Packet]:
        """The stream's packets, and at the end an empty one: the decoder then hands out what it holds."""
        try:
            yield from self._container.demux(self._stream)
        except av.FFmpegError:
            self.errors += 1
            last = av.Packet()
            last.stream = self._stream
            yield last

    def _to_array(self, frame: av.VideoFrame, fit: FrameSize | None, scaler: VideoReformatter) -> np.ndarray:
        if self._orientation is None:
            self._orientation = _orientation(frame)
        turns = self._orientation[0]
        box = FrameSize(fit.width, fit.height) if fit is not None and turns % 2 else fit
        return self._upright(_scaled(frame, box, scaler))

    def _upright(self, array: np.ndarray) -> np.ndarray:
        return _upright(array, *self._orientation)


def _upright(array: np.ndarray, turns: int, mirrored: bool) -> np.ndarray:
    return np.ascontiguousarray(np.rot90(array[::-1] if mirrored else array, turns))


def _scaled(frame: av.VideoFrame, box: FrameSize | None, scaler: VideoReformatter) -> np.ndarray:
    """A frame as (H, W, 3) uint8 RGB, fitted inside a box where one is given."""
    height, width = frame.height, frame.width
    if box is not None:
        height, width = fit_inside(FrameSize(height, width), box)
    # swscale converts and resizes in one pass, which is several times faster than a full-size RGB copy.
    # One scaler for all frames: setting one up takes as long as scaling a frame.
    return scaler.reformat(frame, width, height, "rgb24", interpolation="AREA").to_ndarray()


def fit_frame(frame: np.ndarray, fit: FrameSize) -> np.ndarray:
    """A picture (H, W, 3) uint8 RGB that no file's reader gave, scaled as :class:`open_video` does."""
    return _scaled(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), "rgb24"), fit, VideoReformatter())


def _orientation(frame: av.VideoFrame) -> tuple[int, bool]:
    """Quarter turns anticlockwise that set a frame upright, and whether it is turned upside down before.

    FFmpeg's display matrix (libavutil/display.h) maps (x, y) to (a x + c y, b x + d y); ``frame.rotation`` is
    the anticlockwise angle to which it turns (1, 0). A negative determinant is a mirror image.
    """
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return 0, False
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].astype(float)
    return round(frame.rotation / 90) % 4, a * d - b * c < 0


class _Clock:
    """Seconds since the first frame.

    Where a stamp is missing, does not grow, or jumps by more than ``MAX_STEP`` seconds, time goes on by the
    last step, and later stamps count from there.
    """

    def __init__(self) -> None:
        self._origin: float | None = None
        self._last = 0.0
        self._step = 1 / 30

    def seconds(self, stamp: float | None) -> float:
        if self._origin is None:
            self._origin = stamp or 0.0
            return 0.0
        now = self._last if stamp is None else stamp - self._origin
        if 0 < now - self._last <= MAX_STEP:
            self._step = now - self._last
        else:
            now = self._last + self._step
            self._origin = self._origin if stamp is None else stamp - now
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
    path : path, str or Segment
        The file; or a stretch of one, of which the frames are handed out that it holds, cut to its person. Their time
        counts from the first of them.
    fit : FrameSize, optional
        Scale every frame down or up to the largest size inside this box, aspect ratio kept.

    Raises
    ------
    VideoError
        The file is empty, cannot be opened, is no video, or holds no video stream; while reading, where it ends
        before the segment begins.

    Examples
    --------
    >>> with open_video("walk.mp4") as video:
    ...     for seconds, frame in video: ...
    """

    def __init__(self, path: Path | str | Segment, fit: FrameSize | None = None):
        self._segment = path if isinstance(path, Segment) else None
        self._path = Path(path.path if isinstance(path, Segment) else path)
        self._fit = fit

    def __enter__(self) -> VideoReader:
        self._container = _open_container(self._path)
        return VideoReader(self._container, self._fit, self._segment)

    def __exit__(self, *_: object) -> None:
        self._container.close()


def _open_container(path: Path) -> Any:
    try:
        if path.stat().st_size == 0:
            raise VideoError("the file is empty (0 bytes)")
        # Absolute: FFmpeg takes what stands before a colon in a bare name for a protocol.
        container = av.open(str(path.absolute()), metadata_errors="replace")
    except OSError as error:
        raise VideoError(f"cannot be opened ({error.strerror})") from error
    except av.FFmpegError as error:
        raise VideoError(f"not a readable video ({error.strerror})") from error
    if reason := _unusable(container):
        container.close()
        raise VideoError(reason)
    return container


def _unusable(container: Any) -> str | None:
    stream = container.streams.best("video")
    if stream is None:
        return "holds no picture, only " + (", ".join(s.type for s in container.streams) or "nothing")
    if stream.codec_context is None:
        return "its pictures are in a format that this build of PyAV cannot decode"
    return None


def expected_frames(path: Path | str | Segment) -> int:
    """How many frames a progress bar may expect: the packets of the picture, counted without decoding them.

    Raises VideoError as :class:`open_video` does.
    """
    if isinstance(path, Segment):
        return len(path)
    with open_video(path) as video:
        return sum(packet.size > 0 for packet in video._packets())


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
    with VideoWriter(path, rate, quality) as writer:
        for frame in frames:
            writer.write(frame)
    return writer.frames


class VideoWriter:
    """Writes RGB frames as H.264 in an .mp4 that browsers play and can start before all of it has come.

    A context manager: the file is written beside its target and renamed into place at the end of the block; where
    the block fails, nothing is left of it and an older file stays.

    Parameters
    ----------
    path : path or str
        Target.
    rate : float
        Frames per second; where frames come with their times, about how many there are.
    quality : int
        x264's constant rate factor: lower is better and larger.
    quick : bool
        Encode a frame in a fifth of the time, at once, into a file three times as large.

    Attributes
    ----------
    frames : int
        Written so far.

    Raises
    ------
    VideoError
        The encoder is missing from this build of PyAV, the frames change their size, or there are none.
    """

    def __init__(self, path: Path | str, rate: float, quality: int = 23, quick: bool = False):
        self._target = Path(path)
        self._part = self._target.with_name(f".{self._target.name}.part")
        self._rate, self._quality, self._quick = rate, quality, quick
        self._stream = self._shape = None
        self._last = -1
        self.frames = 0

    def __enter__(self) -> VideoWriter:
        options = {"movflags": "+faststart"}  # the index goes first
        self._container = av.open(str(self._part), "w", format="mp4", options=options)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            with self._container:
                if kind is None:
                    self._finish()
            if kind is None:
                self._part.replace(self._target)
        finally:
            self._part.unlink(missing_ok=True)

    def _finish(self) -> None:
        if self._stream is None:
            raise VideoError(f"no frames to write to {self._target}")
        self._container.mux(self._stream.encode(None))

    def write(self, frame: np.ndarray, seconds: float | None = None) -> None:
        """Write a frame (H, W, 3) uint8; an odd last row or column is dropped, as H.264 in 4:2:0 asks.

        ``seconds`` is when it is shown; without, frames follow each other at the rate.
        """
        frame = frame[: frame.shape[0] // 2 * 2, : frame.shape[1] // 2 * 2]
        if self._stream is None:
            self._stream, self._shape = self._add_stream(frame, timed=seconds is not None), frame.shape
        if frame.shape != self._shape:
            raise VideoError(f"the frames' size changes from {self._shape[:2]} to {frame.shape[:2]}")
        picture = _to_yuv(frame) if self._quick else av.VideoFrame.from_ndarray(frame, format="rgb24")
        if seconds is not None:
            self._last = max(self._last + 1, round(seconds / _TICK))  # times must grow
            picture.pts, picture.time_base = self._last, _TICK
        self._container.mux(self._stream.encode(picture))
        self.frames += 1

    def _add_stream(self, frame: np.ndarray, timed: bool) -> Any:
        rate = Fraction(float(self._rate)).limit_denominator(1001)
        try:
            stream = self._container.add_stream("libx264", rate=rate)
        except (av.FFmpegError, ValueError) as error:
            raise VideoError(
                "this build of PyAV cannot write H.264 (libx264 is missing). Install it as a wheel (pip install "
                "--force-reinstall --only-binary av -r requirements.txt), or write no video"
            ) from error
        stream.height, stream.width = frame.shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(self._quality), "preset": "veryfast"}
        if self._quick:
            stream.options |= {"preset": "ultrafast", "tune": "zerolatency"}
            stream.codec_context.thread_count = 2
            stream.codec_context.colorspace = _BT601
        if timed:
            stream.codec_context.time_base = _TICK
        return stream


_TICK = Fraction(1, 90000)
_BT601 = 6  # FFmpeg's AVCOL_SPC_SMPTE170M: which colours OpenCV's Y, U and V stand for


def _to_yuv(frame: np.ndarray) -> av.VideoFrame:
    """OpenCV's conversion takes a third of the time of swscale's."""
    import cv2

    return av.VideoFrame.from_ndarray(cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420), format="yuv420p")
