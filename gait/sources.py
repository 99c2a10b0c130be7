"""What frames can come from: a file, a folder of files, numbered pictures, a camera, a stream's address."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import av
import numpy as np

from gait.backend import silent_stderr
from gait.errors import GaitmoodError, NothingUsableError, VideoError
from gait.formats import KEYPOINT_EXTENSIONS
from gait.label_names import list_files
from gait.video import EXTENSIONS, FrameSize, VideoReader, fit_frame, open_video

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
STREAM_SECONDS = 10.0  # to wait for a stream's first picture, and for any further one
_NUMBERED = re.compile(r"%(0?)(\d*)d")
_ADDRESS = re.compile(r"^[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_HOST = re.compile(r"(\[[^]]*]|[^]@:/?#[]*)(:\d*)?(?=[/?#]|$)")  # with its port


class Reader(Protocol):
    """What an open source offers; see :class:`gait.video.VideoReader`."""

    frames: int
    errors: int

    def __iter__(self) -> Iterator[tuple[float, np.ndarray]]:
        """Seconds from the first frame, and the frame (H, W, 3) uint8 RGB."""

    def fitted(self, fit: FrameSize) -> np.ndarray:
        """The frame handed out last, fitted inside a box."""


@dataclass(frozen=True)
class Source:
    """Something that frames come from.

    Attributes
    ----------
    name : str
        As the user wrote it, or the file's name inside the folder; an address without what may be secret in it.
    kind : {"file", "pictures", "camera", "stream"}
        Files and pictures have an end, and so are whole walks.
    place : Path, int or str
        The file, the pattern of pictures, the camera's number, or the address.
    rate : float
        Pictures per second; files and streams tell it themselves.
    """

    name: str
    kind: Literal["file", "pictures", "camera", "stream"]
    place: Any
    rate: float = 30.0

    @property
    def whole(self) -> bool:
        """Whether it has an end."""
        return self.kind in ("file", "pictures")

    @contextmanager
    def open(self) -> Iterator[Reader]:
        """Open it for reading.

        Raises
        ------
        NothingUsableError
            There is no such camera, stream or picture. VideoError as :class:`gait.video.open_video` does.
        """
        with _OPENERS[self.kind](self) as reader:
            yield reader


def find_sources(text: str, rate: float = 30.0) -> tuple[Source, ...]:
    """What a user's word for a source means: several for a folder of videos, else one.

    Parameters
    ----------
    text : str
        A file, a folder, a pattern (``shots/%04d.png`` or ``shots/*.png``), a camera's number, an address with
        ``://``. A file or folder of that name comes before everything else.
    rate : float
        Pictures per second of numbered pictures.

    Raises
    ------
    GaitmoodError
        There is nothing of that name, or it holds keypoints.
    NothingUsableError
        The folder holds no video, or no picture has such a name.
    """
    path = Path(text)
    if path.is_dir():
        return _in_folder(path)
    if path.is_file():
        return (_file(path, text),)
    if _ADDRESS.match(text):
        return (Source(_without_secrets(text), "stream", text),)
    if text.isdigit():
        return (Source(f"camera {text}", "camera", int(text)),)
    if "*" in text or _NUMBERED.search(text):
        find_pictures(text)
        return (Source(text, "pictures", text, rate),)
    raise GaitmoodError(
        f"{text}: no such file. A video, a folder of videos, numbered pictures (shots/%04d.png), a camera's number "
        "(0) or a stream's address (rtsp://...) was expected."
    )


def _without_secrets(address: str) -> str:
    """An address that may be shown and written: without user, password and query, which may hold a key."""
    scheme, _, rest = address.partition("://")
    rest = re.sub(r"^[^/?#]*@", "", rest)
    if not _HOST.match(rest):  # a password with characters that should have been written as %2F, %3F or %23
        rest = rest.rpartition("@")[2]
    return f"{scheme}://{re.split('[?#]', rest)[0]}"


def _file(path: Path, name: str) -> Source:
    if path.name.lower().endswith(KEYPOINT_EXTENSIONS):
        raise GaitmoodError(
            f"{name}: holds keypoints, not pictures. Walks from keypoint files are for: python test.py --videos FOLDER"
        )
    if path.name.lower().endswith(PICTURES):
        raise GaitmoodError(
            f"{name}: a single picture; a walk needs many. Give numbered ones as a pattern: "
            f"{path.with_name('%04d' + path.suffix)}"
        )
    return Source(name, "file", path)


def _in_folder(folder: Path) -> tuple[Source, ...]:
    files, _ = list_files(folder)
    videos = [name for name in sorted(files) if name.lower().endswith(EXTENSIONS)]
    if videos:
        return tuple(Source(name, "file", files[name]) for name in videos)
    pictures = sorted(name for name in files if name.lower().endswith(PICTURES))
    hint = f" It holds pictures: give them as {folder}/*{Path(pictures[0]).suffix}" if pictures else ""
    raise NothingUsableError(f"no videos in {folder}/ (looked for {', '.join(EXTENSIONS)}).{hint}")


def find_pictures(pattern: str) -> list[Path]:
    """The pictures of a pattern: by number where it holds ``%d`` or ``%04d``, by name where it holds ``*``.

    Raises
    ------
    NothingUsableError
        There is none.
    """
    path = Path(pattern)
    numbered = _NUMBERED.search(path.name)
    if numbered:
        before, after = path.name[: numbered.start()], path.name[numbered.end() :]
        form = re.compile(f"{re.escape(before)}(\\d+){re.escape(after)}")
        names = path.parent.iterdir() if path.parent.is_dir() else ()
        found = [(int(match[1]), file) for file in names if (match := form.fullmatch(file.name))]
        pictures = [file for _, file in sorted(found)]
    else:
        pictures = sorted(path.parent.glob(path.name))
    if not pictures:
        raise NothingUsableError(f"{pattern}: no picture has such a name.")
    return pictures


class PictureReader:
    """Numbered pictures as a video of a fixed rate; one that cannot be read is left out and counted."""

    def __init__(self, pictures: Sequence[Path], rate: float):
        self._pictures, self._rate = pictures, rate
        self.frames = self.errors = 0

    def __iter__(self) -> Iterator[tuple[float, np.ndarray]]:
        for number, path in enumerate(self._pictures):
            picture = _read_picture(path)
            if picture is None:
                self.errors += 1
                continue
            self.frames += 1
            self._frame = picture
            yield number / self._rate, picture

    def fitted(self, fit: FrameSize) -> np.ndarray:
        """See :class:`Reader`."""
        return fit_frame(self._frame, fit)


def _read_picture(path: Path) -> np.ndarray | None:
    import cv2

    try:
        content = np.fromfile(path, np.uint8)  # imread cannot open every name on Windows
    except OSError:
        return None
    picture = cv2.imdecode(content, cv2.IMREAD_COLOR) if len(content) else None
    return None if picture is None else cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


class CameraReader:
    """Frames of a camera as they come, with the time since the first."""

    def __init__(self, capture: Any):
        self._capture = capture
        self.frames = self.errors = 0

    def __iter__(self) -> Iterator[tuple[float, np.ndarray]]:
        import cv2

        start = None
        while True:
            came, picture = self._capture.read()
            if not came:
                return
            now = time.monotonic()
            start = now if start is None else start
            self.frames += 1
            self._frame = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
            yield now - start, self._frame

    def fitted(self, fit: FrameSize) -> np.ndarray:
        """See :class:`Reader`."""
        return fit_frame(self._frame, fit)


@contextmanager
def _open_camera(source: Source) -> Iterator[CameraReader]:
    """OpenCV finds the cameras of Linux, macOS and Windows alike; FFmpeg has another name for them on each."""
    import cv2

    with silent_stderr():  # each of OpenCV's backends says on its own that it has no such camera
        capture = cv2.VideoCapture(source.place)
    try:
        if not capture.isOpened():
            cameras = ", ".join(
                sorted(path.name.removeprefix("video") for path in Path("/dev").glob("video*"))
            )
            raise NothingUsableError(
                f"{source.name} cannot be opened: it is not there, another program uses it, or this program may not. "
                + (f"Cameras here: {cameras}. " if cameras else "")
                + "A video file can stand in for one: --camera walk.mp4"
            )
        yield CameraReader(capture)
    finally:
        capture.release()


@contextmanager
def _open_stream(source: Source) -> Iterator[VideoReader]:
    try:
        container = av.open(source.place, timeout=STREAM_SECONDS, metadata_errors="replace")
    except (OSError, av.FFmpegError) as error:
        raise NothingUsableError(
            f"{source.name}: the stream cannot be opened ({error.strerror}). Is the address right, and does it answer?"
        ) from error
    with container:
        if container.streams.best("video") is None:
            raise VideoError("the stream holds no picture")
        yield VideoReader(container)


@contextmanager
def _open_pictures(source: Source) -> Iterator[PictureReader]:
    yield PictureReader(find_pictures(source.place), source.rate)


_OPENERS = {
    "file": lambda source: open_video(source.place),
    "pictures": _open_pictures,
    "camera": _open_camera,
    "stream": _open_stream,
}
