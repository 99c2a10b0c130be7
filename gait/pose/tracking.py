"""Following people through a video: where to look next, one-euro smoothing, and who is the walker.

What is found in a frame comes from a *finder* with two methods, ``detect`` (where is somebody?) and
``locate`` (the joints of the person in a region); :class:`gait.pose.blazepose.BlazePose` is one. Everything
here is independent of the networks behind it.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gait.skeleton import find_layout

# MediaPipe's pose_landmark_filtering: (min_cutoff in Hz, beta, derivative cutoff in Hz). Image landmarks and
# alignment points are scaled by the person's size in the picture first, world landmarks are in metres
# already.
IMAGE_SMOOTHING = (0.05, 80.0, 1.0)
WORLD_SMOOTHING = (0.1, 40.0, 1.0)
ALIGNMENT_SMOOTHING = (0.01, 10.0, 1.0)

REGION_SCALE = 1.25
LOOK_EVERY = 15  # frames between two looks for people who are not followed yet
MOST_PEOPLE = 4  # followed at a time; each costs one run of the landmark network a frame
MOST_COVERED = 0.6
MEMORY_SECONDS = 2.0  # for this long a person who was lost is taken for the same when found again nearby
STEP_SECONDS = 1.0
STEP_METRES = 0.01  # people who stand still measured below 0.002, walkers seen from in front above 0.02


@dataclass(frozen=True)
class Region:
    """A square in the picture: centre (x, y) and side in pixels, turned clockwise by ``angle`` radians."""

    x: float
    y: float
    side: float
    angle: float = 0.0

    def to_frame(self, points: np.ndarray) -> np.ndarray:
        """Points (N, 2) in units of the region, (0, 0) its upper left corner, to pixels (N, 2)."""
        return (points - 0.5) * self.side @ self.rotation.T + (self.x, self.y)

    @property
    def rotation(self) -> np.ndarray:
        """(2, 2) matrix that turns by ``angle``, clockwise as the picture's y axis points down."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        return np.array([[cos, -sin], [sin, cos]])


def region_from_points(points: np.ndarray, scale: float = REGION_SCALE) -> Region:
    """Region of a person from the two alignment points that BlazePose predicts.

    Parameters
    ----------
    points : (2, 2) float
        Middle of the hips and a point on the circle about the whole person, above the head; pixels.
    scale : float
        The side is this often the circle's diameter.

    Returns
    -------
    Region
        Turned so that the second point is straight above the first (Bazarevsky et al. 2020, "BlazePose").
    """
    (x, y), (dx, dy) = points[0], points[1] - points[0]
    angle = math.pi / 2 - math.atan2(-dy, dx)
    angle -= 2 * math.pi * math.floor((angle + math.pi) / (2 * math.pi))
    return Region(float(x), float(y), 2 * math.hypot(dx, dy) * scale, angle)


@dataclass(frozen=True)
class Landmarks:
    """What a finder knows of one person in one frame.

    Attributes
    ----------
    image : (V, 2) float
        Pixels.
    world : (V, 3) float
        Metres, axes as in :class:`gait.pose.sequence.PoseSequence`.
    visibility : (V,) float
        In [0, 1].
    alignment : (2, 2) float
        The points that :func:`region_from_points` takes.
    layout : str
        Which joints these are, see :data:`gait.skeleton.LAYOUTS`.
    """

    image: np.ndarray
    world: np.ndarray
    visibility: np.ndarray
    alignment: np.ndarray
    layout: str = "blazepose33"


class Finder(Protocol):
    """Finds people in a frame (H, W, 3) uint8 RGB."""

    def detect(self, frame: np.ndarray, thorough: bool = False) -> list[Region]:
        """Regions of the people in view, the surest first; with ``thorough`` some may be there twice."""

    def locate(self, frame: np.ndarray, region: Region) -> Landmarks | None:
        """Joints of the person in a region; None where nobody is there."""


class OneEuroFilter:
    """One-euro filter on an array of any shape (Casiez, Roussel and Vogel, CHI 2012).

    A low-pass filter whose cutoff grows with the (itself low-passed) speed: cutoff = min_cutoff + beta
    |speed|, alpha = 1 / (1 + 1 / (2 pi cutoff dt)).

    Parameters
    ----------
    min_cutoff : float
        Hz, at rest.
    beta : float
        Hz per unit of speed.
    derivative_cutoff : float
        Hz, of the filter on the speed.
    """

    def __init__(self, min_cutoff: float, beta: float, derivative_cutoff: float):
        self._min_cutoff, self._beta, self._derivative_cutoff = min_cutoff, beta, derivative_cutoff
        self._time = 0.0
        self._raw: np.ndarray | None = None
        self._smooth = self._speed = np.zeros(())

    def __call__(self, seconds: float, values: np.ndarray, size: float = 1.0) -> np.ndarray:
        """Filtered values at a time; speed is measured in units of ``size`` a second."""
        if self._raw is None:
            self._smooth, self._speed = values, np.zeros_like(values)
        else:
            step = seconds - self._time
            speed = (values - self._raw) / (size * step)
            self._speed = _blend(self._speed, speed, self._derivative_cutoff, step)
            cutoff = self._min_cutoff + self._beta * np.abs(self._speed)
            self._smooth = _blend(self._smooth, values, cutoff, step)
        self._time, self._raw = seconds, values
        return self._smooth


def _blend(old: np.ndarray, new: np.ndarray, cutoff: float | np.ndarray, step: float) -> np.ndarray:
    alpha = 1 / (1 + 1 / (2 * np.pi * cutoff * step))
    return old + alpha * (new - old)


class _Smoother:
    """The three one-euro filters of a person who is followed without a break."""

    def __init__(self) -> None:
        self._image = OneEuroFilter(*IMAGE_SMOOTHING)
        self._world = OneEuroFilter(*WORLD_SMOOTHING)
        self._alignment = OneEuroFilter(*ALIGNMENT_SMOOTHING)

    def __call__(self, seconds: float, found: Landmarks) -> Landmarks:
        # MediaPipe takes the unscaled region's side, twice the distance of the alignment points, as the size.
        size = 2 * float(np.linalg.norm(found.alignment[1] - found.alignment[0]))
        return Landmarks(
            self._image(seconds, found.image, size),
            self._world(seconds, found.world),
            found.visibility,
            self._alignment(seconds, found.alignment, size),
            found.layout,
        )


class Track:
    """One person over the frames in which they were seen.

    Attributes
    ----------
    number : int
        From 1 on, in order of appearance.
    appeared : int
        The first of those frames.
    frames : list of int
        Indices of those frames; the first ones may be forgotten.
    image, world, visibility : list of arrays
        Their joints, see :class:`Landmarks`.
    layout : str
        Which joints these are.
    region : Region
        Where to look in the next frame.
    """

    def __init__(self, number: int = 1) -> None:
        self.number, self.appeared = number, -1
        self.layout = "blazepose33"
        self.frames: list[int] = []
        self.image: list[np.ndarray] = []
        self.world: list[np.ndarray] = []
        self.visibility: list[np.ndarray] = []
        self.sizes: list[float] = []
        self.last_seen = -math.inf
        self._smoother = _Smoother()

    def add(self, index: int, seconds: float, found: Landmarks, again: bool = False) -> None:
        """Take what was found in a frame; ``again`` after a break, when smoothing starts afresh."""
        if again:
            self._smoother = _Smoother()
        if self.appeared < 0:
            self.appeared = index
        smooth = self._smoother(seconds, found)
        self.layout = found.layout
        self.region = region_from_points(smooth.alignment)
        self.last_seen = seconds
        self.frames.append(index)
        self.image.append(smooth.image.astype(np.float32))
        self.world.append(smooth.world.astype(np.float32))
        self.visibility.append(smooth.visibility.astype(np.float32))
        self.sizes.append(self.region.side)

    def since(self, first: int) -> Track:
        """What was seen from a frame on: to look at, not to add to."""
        at, rest = bisect.bisect_left(self.frames, first), Track(self.number)
        rest.appeared, rest.layout = self.appeared, self.layout
        for name in _ROWS:
            setattr(rest, name, getattr(self, name)[at:])
        return rest

    def forget(self, before: int) -> None:
        """Let go of what was seen before a frame."""
        at = bisect.bisect_left(self.frames, before)
        for name in _ROWS:
            del getattr(self, name)[:at]


_ROWS = ("frames", "image", "world", "visibility", "sizes")  # what a track holds of each frame


class SingleTracker:
    """What a function finds in each frame by itself: one person, without following or smoothing.

    Parameters
    ----------
    locate : function
        From seconds and a frame (H, W, 3) uint8 RGB to Landmarks, or None.
    """

    def __init__(self, locate: Callable[[float, np.ndarray], Landmarks | None]):
        self._locate, self._index = locate, -1
        self.tracks: list[Track] = []

    def step(self, seconds: float, frame: np.ndarray) -> None:
        """Take the next frame."""
        self._index += 1
        landmarks = self._locate(seconds, frame)
        if landmarks is not None:
            self.tracks = self.tracks or [Track()]
            self.tracks[0].add(self._index, seconds, landmarks, again=True)

    def forget(self, before: int) -> None:
        """Let go of what was seen before a frame."""
        for track in self.tracks:
            track.forget(before)


class PeopleTracker:
    """Follows everybody in view, frame by frame.

    A followed person costs one run of ``locate`` a frame; the detector runs when nobody is followed, when
    somebody was just lost, and every ``LOOK_EVERY`` frames to look for others.

    Attributes
    ----------
    tracks : list of Track
        Everybody seen so far, in order of appearance.
    """

    def __init__(self, finder: Finder):
        self._finder = finder
        self._index = -1
        self._active: list[Track] = []
        self._seen = 0
        self.tracks: list[Track] = []

    def step(self, seconds: float, frame: np.ndarray) -> None:
        """Take the next frame."""
        self._index += 1
        self._follow(seconds, frame)
        lost = [t for t in self.tracks if t not in self._active and seconds - t.last_seen <= MEMORY_SECONDS]
        thorough = not self._active or self._index % LOOK_EVERY == 0
        if thorough or lost:
            self._look_for_others(seconds, self._finder.detect(frame, thorough), frame, lost)

    def forget(self, before: int) -> None:
        """Let go of what was seen before a frame, and of who was not seen since then."""
        for track in self.tracks:
            track.forget(before)
        self.tracks = [track for track in self.tracks if track.frames]

    def _follow(self, seconds: float, frame: np.ndarray) -> None:
        """Locate the people followed, the longest seen first; who sits on another's joints is lost."""
        taken: list[Landmarks] = []
        followed = []
        for track in sorted(self._active, key=lambda t: -len(t.frames)):
            found = self._finder.locate(frame, track.region)
            if found is None or any(_same_person(found, other) for other in taken):
                continue
            taken.append(found)
            followed.append(track)
            track.add(self._index, seconds, found)
        self._active = followed

    def _look_for_others(
        self, seconds: float, regions: list[Region], frame: np.ndarray, lost: list[Track]
    ) -> None:
        for region in regions:
            if len(self._active) >= MOST_PEOPLE:
                return
            if any(_overlap(region, track.region) for track in self._active):
                continue
            found = self._finder.locate(frame, region)
            if found is None or any(_covers(track.image[-1], found.image) for track in self._active):
                continue
            track = _nearest(found, lost, seconds)
            again = track is not None
            if track is None:
                self._seen += 1
                track = Track(self._seen)
                self.tracks.append(track)
            else:
                lost.remove(track)
            track.add(self._index, seconds, found, again)
            self._active.append(track)


def _overlap(one: Region, other: Region) -> bool:
    """Regions of one person: hips within 15 % of the side, and sides within a factor of two."""
    apart = math.hypot(one.x - other.x, one.y - other.y)
    return apart < 0.15 * other.side and 0.5 < one.side / other.side < 2


def _same_person(one: Landmarks, other: Landmarks) -> bool:
    size = 2 * float(np.linalg.norm(other.alignment[1] - other.alignment[0]))
    body = np.ravel(find_layout(one.layout).trunk_and_legs)
    apart = np.linalg.norm(one.image[body] - other.image[body], axis=1)
    return float(apart.mean()) < 0.05 * size


def _covers(known: np.ndarray, image: np.ndarray) -> bool:
    """Most of a new person's box lies in a known one's: the same person, or one who is hidden for now."""
    low, high = image.min(axis=0), image.max(axis=0)
    inner = np.minimum(high, known.max(axis=0)) - np.maximum(low, known.min(axis=0))
    return bool((inner > 0).all()) and float(inner.prod()) > MOST_COVERED * float((high - low).prod())


def _nearest(found: Landmarks, lost: list[Track], seconds: float) -> Track | None:
    """The lost person who may have come here: within half a region, and a whole one more for each second."""
    near = []
    for track in lost:
        apart = math.hypot(*(found.alignment[0] - (track.region.x, track.region.y)))
        if apart < (0.5 + seconds - track.last_seen) * track.region.side:
            near.append((apart, track))
    return min(near, key=lambda pair: pair[0])[1] if near else None


def rank_tracks(tracks: list[Track], rate: float) -> list[Track]:
    """People in order of how long they walk through the clip.

    The walker is who takes steps in most frames, so that a bystander who stands in view all the time is not
    taken for one; where nobody does, who is seen in most frames; ties go to the larger in the picture.

    Parameters
    ----------
    tracks : list of Track
        As :class:`PeopleTracker` leaves them.
    rate : float
        Frames per second.
    """
    return sorted(
        tracks, key=lambda t: (stepping_frames(t, rate), len(t.frames), np.mean(t.sizes)), reverse=True
    )


def stepping_frames(track: Track, rate: float) -> int:
    """Frames of a person in which the distance between the ankles varies as in walking.

    That is, by a standard deviation above ``STEP_METRES`` over the frames within half of ``STEP_SECONDS``.
    The distance does not change where an estimator exchanges left and right.
    """
    world = np.stack(track.world)
    left, right = find_layout(track.layout).ankles
    apart = np.linalg.norm(world[:, left] - world[:, right], axis=1)
    frames = np.array(track.frames)
    reach = max(1, round(rate * STEP_SECONDS / 2)) if math.isfinite(rate) else 1
    first = np.searchsorted(frames, frames - reach)
    last = np.searchsorted(frames, frames + reach, side="right")
    total = np.concatenate([[0.0], np.cumsum(apart, dtype=np.float64)])
    square = np.concatenate([[0.0], np.cumsum(apart.astype(np.float64) ** 2)])
    count = last - first
    mean = (total[last] - total[first]) / count
    variance = (square[last] - square[first]) / count - mean**2
    return int((variance > STEP_METRES**2).sum())
