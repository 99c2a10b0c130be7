"""Our pose network in use: it looks for people in windows over the picture, then at each person's own region.

There is no detector beside it. The network itself says whether the joints of a person are in a square window, and
does so for people down to a quarter of the window's side; windows of a half and a quarter of the picture find
smaller ones. Afterwards each person's region comes from the joints of the frame before, see
:class:`gait.pose.tracking.PeopleTracker`.
"""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from gait.cache import content_hash
from gait.pose.heat_maps import find_peaks
from gait.pose.lifting import lift
from gait.pose.posenet_file import PoseNetRecord, load
from gait.pose.tracking import Landmarks, Region, region_from_points
from gait.skeleton import find_layout

WINDOW_SIZES = (1, 2, 4)  # of the picture's longer side, its halves, its quarters
MIN_PRESENCE = 0.5  # mean over the joints
# In a window: a body that is cut off there would get a region that is cut off too.
MIN_WHOLE = 0.8
CIRCLE = 1.0  # radius of the whole body about the hips, over the distance of the farthest joint from them
SMALLEST, LARGEST = 0.2, 2.0  # sides of regions that are believed, over the side of what was looked at
_APART = 0.25  # of a region's side: hips nearer than this are one person's
_LEAST_PIXELS = 8


def alignment_of(points: np.ndarray, layout: str) -> np.ndarray:
    """The two points (2, 2) of a body that :func:`gait.pose.tracking.region_from_points` takes; upright.

    Parameters
    ----------
    points : (V, 2) float
        Joints in the picture.
    layout : str
        Name of their layout.
    """
    hips = points[list(find_layout(layout).root)].mean(axis=0)
    radius = CIRCLE * np.linalg.norm(points - hips, axis=1).max()
    return np.stack([hips, hips - (0.0, radius)])


def cut(frame: np.ndarray, region: Region, side: int) -> tuple[np.ndarray, Region]:
    """An upright region of a frame as a picture, and the region of whole pixels that it shows.

    Parameters
    ----------
    frame : (H, W, 3) uint8
    region : Region
        Its angle is not looked at.
    side : int
        Of the picture.

    Returns
    -------
    (side, side, 3) uint8
        Each pixel is the mean of what it covers; black beyond the frame.
    Region
    """
    size = max(1, round(region.side))
    left, top = round(region.x - size / 2), round(region.y - size / 2)
    inside = frame[max(top, 0) : max(top + size, 0), max(left, 0) : max(left + size, 0)]
    if inside.shape[:2] != (size, size):
        square = np.zeros((size, size, 3), np.uint8)
        if inside.size:
            down, right = max(-top, 0), max(-left, 0)
            square[down : down + inside.shape[0], right : right + inside.shape[1]] = inside
        inside = square
    way = cv2.INTER_AREA if size > side else cv2.INTER_LINEAR
    picture = cv2.resize(inside, (side, side), interpolation=way)
    return picture, Region(left + size / 2, top + size / 2, float(size))


def find_windows(height: int, width: int, part: int) -> list[Region]:
    """Squares over a picture, each half in the next, of its longer side over ``part``."""
    side = max(height, width) / part
    return [Region(x, y, side) for y in _centres(height, side) for x in _centres(width, side)]


def _centres(extent: int, side: float) -> np.ndarray:
    if extent <= side:
        return np.array([extent / 2])
    count = math.ceil((extent - side) / (side / 2)) + 1
    return np.linspace(side / 2, extent - side / 2, count)


class PoseNet:
    """Finds people in frames; see :class:`gait.pose.tracking.Finder`.

    Parameters
    ----------
    model : keras.Model
        See :func:`gait.pose.posenet.build`.
    record : PoseNetRecord
        What its file says of it.
    """

    def __init__(self, model: Any, record: PoseNetRecord):
        self._model, self._side, self._layout = model, record.side, record.layout

    def detect(self, frame: np.ndarray, thorough: bool = False) -> list[Region]:
        """Regions of the people in a frame (H, W, 3) uint8 RGB, the surest first.

        Windows become smaller until somebody is found; with ``thorough`` all of them are looked at, so that people who
        are small in the picture are found beside large ones.
        """
        found: list[tuple[float, Region]] = []
        for part in WINDOW_SIZES:
            if found and not thorough:
                break
            windows = find_windows(*frame.shape[:2], part)
            points, _, presence = self._look(frame, windows)
            for window, joints, score in zip(windows, points, presence.mean(axis=1), strict=True):
                if score >= MIN_WHOLE and (region := self._region(joints, window)) is not None:
                    found.append((float(score), region))
        return _distinct(found)

    def locate(self, frame: np.ndarray, region: Region) -> Landmarks | None:
        """Joints of the person in a region of a frame; None where the network sees nobody there."""
        if not _LEAST_PIXELS <= region.side <= LARGEST * max(frame.shape[:2]):
            return None
        points, depth, presence = (answer[0] for answer in self._look(frame, [region]))
        if presence.mean() < MIN_PRESENCE or self._region(points, region) is None:
            return None
        world = lift(points, depth, frame.shape[:2], self._layout)
        return Landmarks(points, world, presence, alignment_of(points, self._layout), self._layout)

    def _region(self, points: np.ndarray, seen: Region) -> Region | None:
        """The region of a body; None where it is not one that can be told in what was looked at."""
        region = region_from_points(alignment_of(points, self._layout))
        return region if SMALLEST < region.side / seen.side < LARGEST else None

    def _look(self, frame: np.ndarray, regions: list[Region]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Joints (N, V, 2) in pixels of the frame, depths (N, V) in body heights, presence (N, V)."""
        pictures, exact = zip(*(cut(frame, region, self._side) for region in regions), strict=True)
        answer = self._model.predict_on_batch(np.stack(pictures))
        peaks = find_peaks(answer["heat_maps"])
        points = [region.to_frame(places) for region, places in zip(exact, peaks, strict=True)]
        return np.stack(points), answer["depth"].astype(np.float64), answer["presence"].astype(np.float64)


def _distinct(found: list[tuple[float, Region]]) -> list[Region]:
    """Each person once, the surest first."""
    people: list[Region] = []
    for _, region in sorted(found, key=lambda one: -one[0]):
        if all(math.hypot(region.x - other.x, region.y - other.y) > _APART * other.side for other in people):
            people.append(region)
    return people


def open_finder(path: Path) -> PoseNet:
    """The network of a file, loaded once a process.

    Raises
    ------
    PoseNetError
        See :func:`gait.pose.posenet_file.load`.
    """
    return _open_finder(path, content_hash(path) if path.is_file() else "")


@lru_cache(maxsize=1)
def _open_finder(path: Path, content: str) -> PoseNet:
    return PoseNet(*load(path))
