"""Frames in, pose sequences out: the one interface to every pose estimator."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gait.errors import GaitmoodError
from gait.pose.blazepose import BlazePose
from gait.pose.root import estimate_root
from gait.pose.sequence import PoseSequence
from gait.pose.tracking import Finder, Landmarks, PeopleTracker, SingleTracker
from gait.pose.watching import Tracker, Watcher
from gait.pose.weights import load_weights
from gait.segments import Cropper, Segment
from gait.video import FrameSize, open_video

Frames = Iterable[tuple[float, np.ndarray]]

VERSION = 1  # raised when the same settings give other joints, so that cached ones are made again


@dataclass(frozen=True)
class PoseSettings:
    """How poses are estimated.

    Attributes
    ----------
    name : str
        A key of :data:`ESTIMATORS`.
    still : bool
        Look for a person afresh in every frame, without following or smoothing.
    models : path or None
        Model files, see :func:`gait.pose.weights.load_weights`; the ``.task`` file for ``mediapipe``; the ``.h5`` file
        for ``posenet``, by default ``saved_models/posenet.h5``.
    threads : int
        Threads of a network: 1 where several videos run side by side, 2 for one stream.
    """

    name: str = "blazepose"
    still: bool = False
    models: Path | None = None
    threads: int = 1

    def key(self) -> dict[str, Any]:
        """What a cached pose sequence depends on, as JSON values.

        Raises
        ------
        GaitmoodError
            The user's model files, on whose weights it depends, are not there.
        """
        values = asdict(self) | {"models": self._content(), "version": VERSION}
        del values["threads"]
        return values

    def _content(self) -> str | None:
        """What the model files hold, wherever they lie; None for those that are fetched at set-up."""
        if self.name == "posenet":
            from gait.pose.posenet_file import content_of

            return content_of(self.models)
        return None if self.models is None else load_weights(self.models).sha256


def estimate(source: Path | str | Frames, name: str = "blazepose", **settings: Any) -> PoseSequence:
    """Pose sequence of the one who walks through a video longest.

    Parameters
    ----------
    source : path, str, or iterable of (seconds, (H, W, 3) uint8 RGB)
        A video file, or frames with their times. Frames are held one at a time.
    name : str
        A key of :data:`ESTIMATORS`.
    **settings
        Other fields of :class:`PoseSettings`.

    Returns
    -------
    PoseSequence
        With one row a frame; its coverage is 0 where nobody is in view. ``notes`` holds ``people`` (how many
        were seen for at least ``MIN_SECONDS``), of the frames with the person ``mean_visibility`` and
        ``legs_visible`` (the share in which the legs are in view) and, for files, ``damaged`` (packets that
        did not decode).

    Raises
    ------
    VideoError
        The file cannot be read, or there is no frame in it.
    GaitmoodError
        The estimator is not known, or lacks its model files.
    """
    return estimate_people(source, PoseSettings(name=name, **settings), people=1)[0]


def estimate_video(path: Path | str | Segment, settings: PoseSettings = PoseSettings()) -> PoseSequence:
    """As :func:`estimate`, in the form that a worker process takes: two picklable arguments."""
    return estimate_people(path, settings, people=1)[0]


def estimate_people(
    source: Path | str | Segment | Frames, settings: PoseSettings, people: int = 1
) -> list[PoseSequence]:
    """Pose sequences of the ``people`` who walk through a video longest, the longest first.

    All have one row a frame of the video. The list is shorter where fewer people are seen, but never empty:
    where nobody is, it holds one sequence of coverage 0. Within a segment joints are found in its frames and placed
    in the whole picture. See :func:`estimate` for the rest.
    """
    if isinstance(source, str | Path | Segment):
        with open_video(source) as video:
            found = _sequences(video, settings, people)
            if isinstance(source, Segment):
                found = [_in_picture(one, source, video.picture) for one in found]
            return [replace(one, notes=one.notes | {"damaged": video.errors}) for one in found]
    return _sequences(source, settings, people)


def _in_picture(sequence: PoseSequence, segment: Segment, picture: FrameSize) -> PoseSequence:
    """Joints in a segment's frames as joints in the pictures that these were cut out of."""
    size = picture.height, picture.width
    corners = Cropper(segment, *size).corners[: len(sequence), None]
    image = (sequence.image + corners).astype(sequence.image.dtype)
    if sequence.root is None:
        return replace(sequence, image=image, frame_size=size)
    root = estimate_root(image, sequence.world, sequence.visibility, size, layout=sequence.layout)
    return replace(sequence, image=image, frame_size=size, root=root)


def _sequences(frames: Frames, settings: PoseSettings, people: int) -> list[PoseSequence]:
    with open_watcher(settings) as watcher:
        for seconds, frame in frames:
            watcher.step(seconds, frame)
        return watcher.sequences(people)


@contextmanager
def open_watcher(settings: PoseSettings) -> Iterator[Watcher]:
    """The estimator, ready to take frames one by one.

    Raises
    ------
    GaitmoodError
        As for :func:`estimate`.
    """
    if settings.name not in ESTIMATORS:
        raise GaitmoodError(
            f"unknown pose estimator '{settings.name}'; known are {', '.join(sorted(ESTIMATORS))}."
        )
    with ESTIMATORS[settings.name](settings) as tracker:
        yield Watcher(tracker, {"source": settings.name, "still": settings.still})


def check_ready(settings: PoseSettings) -> None:
    """Fetch what an estimator needs, or say what is missing: once, before worker processes start.

    Raises
    ------
    GaitmoodError
        As for :func:`estimate`.
    """
    if settings.name == "blazepose":
        load_weights(settings.models)
    if settings.name == "mediapipe":
        from gait.pose.mediapipe_source import open_landmarker

        with open_landmarker(settings.models, settings.still):
            pass
    if settings.name == "posenet":
        from gait.pose.posenet_file import DEFAULT_FILE, read_record

        read_record(settings.models or DEFAULT_FILE)


@contextmanager
def _open_blazepose(settings: PoseSettings) -> Iterator[Tracker]:
    yield _tracker(BlazePose(load_weights(settings.models), settings.threads), settings)


def _tracker(finder: Finder, settings: PoseSettings) -> Tracker:
    return SingleTracker(lambda _, frame: _best(finder, frame)) if settings.still else PeopleTracker(finder)


def _best(finder: Finder, frame: np.ndarray) -> Landmarks | None:
    regions = finder.detect(frame)
    return finder.locate(frame, regions[0]) if regions else None


@contextmanager
def _open_mediapipe(settings: PoseSettings) -> Iterator[Tracker]:
    from gait.pose.mediapipe_source import open_landmarker

    with open_landmarker(settings.models, settings.still) as landmarker:
        yield SingleTracker(landmarker.locate)


@contextmanager
def _open_posenet(settings: PoseSettings) -> Iterator[Tracker]:
    from gait.pose.posenet_file import DEFAULT_FILE
    from gait.pose.posenet_finder import open_finder

    yield _tracker(open_finder(settings.models or DEFAULT_FILE), settings)


ESTIMATORS: dict[str, Callable[[PoseSettings], AbstractContextManager[Tracker]]] = {
    "blazepose": _open_blazepose,
    "mediapipe": _open_mediapipe,
    "posenet": _open_posenet,
}
