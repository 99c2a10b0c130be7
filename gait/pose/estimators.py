"""Frames in, pose sequences out: the one interface to every pose estimator."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gait.errors import GaitmoodError, VideoError
from gait.pose.blazepose import LANDMARKS, LAYOUT, BlazePose
from gait.pose.root import estimate_root
from gait.pose.sequence import PoseSequence
from gait.pose.tracking import Landmarks, PeopleTracker, Track, rank_tracks
from gait.pose.weights import load_weights
from gait.video import open_video

Frames = Iterable[tuple[float, np.ndarray]]

VERSION = 1  # raised when the same settings give other joints, so that cached ones are made again
MIN_SECONDS = 0.5  # shorter appearances are not counted as people
_LEGS = [25, 26, 27, 28]


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
        Model files, see :func:`gait.pose.weights.load_weights`; the ``.task`` file for ``mediapipe``.
    threads : int
        Threads of a network: 1 where several videos run side by side, 2 for one stream.
    """

    name: str = "blazepose"
    still: bool = False
    models: Path | None = None
    threads: int = 1

    def key(self) -> dict[str, Any]:
        """What a cached pose sequence depends on, as JSON values."""
        values = asdict(self) | {"models": str(self.models) if self.models else None, "version": VERSION}
        del values["threads"]
        return values


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


def estimate_video(path: Path | str, settings: PoseSettings = PoseSettings()) -> PoseSequence:
    """As :func:`estimate`, in the form that a worker process takes: two picklable arguments."""
    return estimate_people(path, settings, people=1)[0]


def estimate_people(
    source: Path | str | Frames, settings: PoseSettings, people: int = 1
) -> list[PoseSequence]:
    """Pose sequences of the ``people`` who walk through a video longest, the longest first.

    All have one row a frame of the video. The list is shorter where fewer people are seen, but never empty:
    where nobody is, it holds one sequence of coverage 0. See :func:`estimate` for the rest.
    """
    if settings.name not in ESTIMATORS:
        raise GaitmoodError(
            f"unknown pose estimator '{settings.name}'; known are {', '.join(sorted(ESTIMATORS))}."
        )
    run = ESTIMATORS[settings.name]
    if not isinstance(source, str | Path):
        return _sequences(source, run, settings, people)
    with open_video(source) as video:
        found = _sequences(video, run, settings, people)
        return [replace(one, notes=one.notes | {"damaged": video.errors}) for one in found]


def check_ready(settings: PoseSettings) -> None:
    """Fetch what an estimator needs, or say what is missing: once, before worker processes start.

    Raises
    ------
    GaitmoodError
        As for :func:`estimate`.
    """
    if settings.name == "blazepose":
        load_weights(settings.models)


def _run_blazepose(frames: Frames, settings: PoseSettings) -> list[Track]:
    finder = BlazePose(load_weights(settings.models), settings.threads)
    if settings.still:
        return _collect((seconds, _best(finder, frame)) for seconds, frame in frames)
    tracker = PeopleTracker(finder)
    for seconds, frame in frames:
        tracker.step(seconds, frame)
    return tracker.tracks


def _best(finder: BlazePose, frame: np.ndarray) -> Landmarks | None:
    regions = finder.detect(frame)
    return finder.locate(frame, regions[0]) if regions else None


def _run_mediapipe(frames: Frames, settings: PoseSettings) -> list[Track]:
    from gait.pose.mediapipe_source import open_landmarker

    with open_landmarker(settings.models, settings.still) as landmarker:
        return _collect((seconds, landmarker.locate(seconds, frame)) for seconds, frame in frames)


ESTIMATORS: dict[str, Callable[[Frames, PoseSettings], list[Track]]] = {
    "blazepose": _run_blazepose,
    "mediapipe": _run_mediapipe,
}


def _collect(found: Iterable[tuple[float, Landmarks | None]]) -> list[Track]:
    """One track of what was found, as it is: without smoothing."""
    track = Track()
    for index, (seconds, landmarks) in enumerate(found):
        if landmarks is not None:
            track.add(index, seconds, landmarks, again=True)
    return [track] if track.frames else []


class _Clock:
    """Hands frames on and remembers their times and size."""

    def __init__(self, frames: Frames):
        self._frames = frames
        self.times: list[float] = []
        self.size: tuple[int, int] | None = None

    def __iter__(self) -> Iterator[tuple[float, np.ndarray]]:
        for seconds, frame in self._frames:
            size = frame.shape[:2]
            if self.size is not None and size != self.size:
                raise VideoError(f"the picture's size changes from {self.size} to {size}; cut the file there")
            self.size = size
            self.times.append(seconds)
            yield seconds, frame


def _sequences(frames: Frames, run: Callable, settings: PoseSettings, people: int) -> list[PoseSequence]:
    clock = _Clock(frames)
    tracks = run(clock, settings)
    if clock.size is None:
        raise VideoError("not one frame could be decoded")
    times = np.array(clock.times, np.float64)
    rate = float(1 / np.median(np.diff(times))) if len(times) > 1 else float("nan")
    ranked = rank_tracks(tracks, rate)
    enough = MIN_SECONDS * rate if len(times) > 1 else 1
    seen = max(sum(len(track.frames) >= enough for track in ranked), min(len(ranked), 1))
    notes = {"source": settings.name, "still": settings.still, "people": seen}
    return [_to_sequence(track, times, clock.size, notes) for track in (ranked or [Track()])[:people]]


def _to_sequence(
    track: Track, times: np.ndarray, size: tuple[int, int], notes: dict[str, Any]
) -> PoseSequence:
    T, rows = len(times), np.array(track.frames, int)
    image = np.full((T, LANDMARKS, 2), np.nan, np.float32)
    world = np.full((T, LANDMARKS, 3), np.nan, np.float32)
    visibility = np.zeros((T, LANDMARKS), np.float32)
    observed = np.zeros(T, bool)
    if len(rows):
        image[rows], world[rows], visibility[rows] = track.image, track.world, track.visibility
        observed[rows] = True
    notes = notes | {"mean_visibility": 0.0, "legs_visible": 0.0}
    if len(rows):
        notes["mean_visibility"] = round(float(visibility[rows].mean()), 4)
        notes["legs_visible"] = round(float((visibility[rows][:, _LEGS].mean(axis=1) > 0.5).mean()), 4)
    root = estimate_root(image, world, visibility, size) if len(rows) else None
    return PoseSequence(
        image=image,
        world=world,
        visibility=visibility,
        time=times,
        frame_size=(int(size[0]), int(size[1])),
        layout=LAYOUT,
        root=root,
        root_unit="body" if len(rows) else None,
        root_source="estimated" if len(rows) else "none",
        observed=observed,
        notes=notes,
    )
