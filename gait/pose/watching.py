"""Poses while a video runs: what has been seen of each person so far, as pose sequences."""

from __future__ import annotations

import bisect
from typing import Any, Protocol

import numpy as np

from gait.errors import VideoError
from gait.pose.root import estimate_root
from gait.pose.sequence import PoseSequence
from gait.pose.tracking import Track, rank_tracks
from gait.skeleton import find_layout

MIN_SECONDS = 0.5  # shorter appearances are not counted as people


class Tracker(Protocol):
    """Follows people frame by frame; :class:`gait.pose.tracking.PeopleTracker` is one."""

    tracks: list[Track]

    def step(self, seconds: float, frame: np.ndarray) -> None:
        """Take the next frame."""

    def forget(self, before: int) -> None:
        """Let go of what was seen before a frame."""


class Watcher:
    """Takes frames one by one, and gives the poses of those in view.

    Parameters
    ----------
    tracker : Tracker
        What follows people.
    notes : dict
        Facts for the ``notes`` of the pose sequences.

    Attributes
    ----------
    count : int
        Frames taken.
    """

    def __init__(self, tracker: Tracker, notes: dict[str, Any]):
        self._tracker, self._notes = tracker, notes
        self._times: list[float] = []
        self._first = 0  # frame of the first of these times: earlier ones are forgotten
        self._size: tuple[int, int] | None = None

    @property
    def count(self) -> int:
        """Frames taken so far."""
        return self._first + len(self._times)

    def step(self, seconds: float, frame: np.ndarray) -> None:
        """Take the next frame (H, W, 3) uint8 RGB.

        Raises
        ------
        VideoError
            The picture's size has changed.
        """
        size = frame.shape[:2]
        if self._size is not None and size != self._size:
            raise VideoError(f"the picture's size changes from {self._size} to {size}; cut the file there")
        self._size = size
        self._times.append(seconds)
        self._tracker.step(seconds, frame)

    def window_start(self, seconds: float) -> int:
        """The last frame from which on at least so many seconds have been seen; -1 where the video is younger."""
        return self._first + bisect.bisect_right(self._times, self._times[-1] - seconds + 1e-6) - 1

    def people(self, first: int) -> list[Track]:
        """Who was seen since a frame, with what was seen since then, the one who walks most first."""
        recent = [track.since(first) for track in self._tracker.tracks]
        return rank_tracks(
            [track for track in recent if track.frames], _rate(self._times[first - self._first :])
        )

    def seen_now(self, number: int | None) -> Track | None:
        """Somebody by number, if seen in the last frame."""
        now = self.count - 1
        seen = (track for track in self._tracker.tracks if track.frames and track.frames[-1] == now)
        return next((track for track in seen if track.number == number), None)

    def window(self, track: Track, first: int) -> PoseSequence:
        """What was seen of somebody from a frame to the last one, as a walk of its own."""
        first = max(first, self._first)
        times = np.array(self._times[first - self._first :], np.float64)
        return _to_sequence(track.since(first), first, times - times[0], self._size, self._notes)

    def ranked(self) -> list[Track]:
        """Everybody seen, who walked longest first."""
        return rank_tracks(self._tracker.tracks, _rate(self._times))

    def sequences(self, people: int) -> list[PoseSequence]:
        """The pose sequences of the ``people`` who walked longest, the longest first, one row a frame.

        Fewer where fewer were seen, but never none: where nobody was, one of coverage 0.

        Raises
        ------
        VideoError
            There was no frame.
        """
        if self._size is None:
            raise VideoError("not one frame could be decoded")
        times, rate = np.array(self._times, np.float64), _rate(self._times)
        ranked = self.ranked()
        enough = MIN_SECONDS * rate if len(times) > 1 else 1
        seen = max(sum(len(track.frames) >= enough for track in ranked), min(len(ranked), 1))
        notes = self._notes | {"people": seen}
        return [_to_sequence(track, 0, times, self._size, notes) for track in (ranked or [Track()])[:people]]

    def forget(self, before: int) -> None:
        """Let go of all frames before one, so that memory stays flat; :meth:`sequences` then knows the rest only."""
        del self._times[: max(0, before - self._first)]
        self._first = max(self._first, before)
        self._tracker.forget(before)


def _rate(times: list[float]) -> float:
    """Frames a second."""
    return float(1 / np.median(np.diff(times))) if len(times) > 1 else float("nan")


def _to_sequence(
    track: Track, first: int, times: np.ndarray, size: tuple[int, int], notes: dict[str, Any]
) -> PoseSequence:
    """One row a frame from ``first`` on, at ``times``."""
    T, rows, layout = len(times), np.array(track.frames, int) - first, find_layout(track.layout)
    image = np.full((T, len(layout), 2), np.nan, np.float32)
    world = np.full((T, len(layout), 3), np.nan, np.float32)
    visibility = np.zeros((T, len(layout)), np.float32)
    observed = np.zeros(T, bool)
    if len(rows):
        image[rows], world[rows], visibility[rows] = track.image, track.world, track.visibility
        observed[rows] = True
    notes = notes | {"mean_visibility": 0.0, "legs_visible": 0.0}
    if len(rows):
        notes["mean_visibility"] = round(float(visibility[rows].mean()), 4)
        legs = visibility[rows][:, [*layout.knees, *layout.ankles]]
        notes["legs_visible"] = round(float((legs.mean(axis=1) > 0.5).mean()), 4)
    root = estimate_root(image, world, visibility, size, layout=track.layout) if len(rows) else None
    return PoseSequence(
        image=image,
        world=world,
        visibility=visibility,
        time=times,
        frame_size=(int(size[0]), int(size[1])),
        layout=track.layout,
        root=root,
        root_unit="body" if len(rows) else None,
        root_source="estimated" if len(rows) else "none",
        observed=observed,
        notes=notes,
    )
