"""A stretch of a video in which boxes follow one person, as a walk of its own."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# Boxes are drawn by hand and closely: on each side so much of their longer side is added.
MARGIN = 0.1


@dataclass(frozen=True)
class Segment:
    """A person's boxes in a video; what :func:`gait.video.open_video` takes in place of a file.

    Attributes
    ----------
    path : Path
        The video.
    frames : tuple of int
        Numbers of the boxed frames, increasing; 0 is the first that decodes. Those between them belong to the stretch,
        too: their boxes lie between those of the frames around them.
    boxes : tuple of (float, float, float, float)
        Left, top, width and height of each, as shares of the upright picture's width and height.
    """

    path: Path
    frames: tuple[int, ...]
    boxes: tuple[tuple[float, float, float, float], ...]

    def __len__(self) -> int:
        return self.frames[-1] - self.frames[0] + 1

    def content(self, video: str) -> str:
        """What the stretch is known by, from the content hash of its video."""
        return hashlib.sha256(f"{video} {self.frames} {self.boxes}".encode()).hexdigest()


class Cropper:
    """Cuts a segment's person out of upright pictures.

    The window is as large as the largest box, so that the body keeps its scale, and goes along with the middle of the
    box; what lies outside the box and its margin is black, so that nobody else is seen.

    Parameters
    ----------
    segment : Segment
    height, width : int
        Of the pictures.

    Attributes
    ----------
    height, width : int
        Of the window.
    corners : (N, 2) int array
        Left and top of the window in the picture, for every frame of the stretch; below 0 where it reaches over the
        edge.
    """

    def __init__(self, segment: Segment, height: int, width: int):
        self._first = segment.frames[0]
        numbers = np.arange(self._first, segment.frames[-1] + 1)
        columns = np.array(segment.boxes).T * [[width], [height], [width], [height]]
        left, top, wide, high = (np.interp(numbers, segment.frames, column) for column in columns)
        margin = MARGIN * np.maximum(wide, high)
        self._inner = np.round(
            np.stack([left - margin, top - margin, left + wide + margin, top + high + margin], axis=1)
        ).astype(int)
        # Never narrower than the narrowest picture that can be scaled and looked at.
        self.width, self.height = np.maximum(
            (self._inner[:, 2:] - self._inner[:, :2]).max(axis=0), 2
        ).tolist()
        self.corners = (self._inner[:, :2] + self._inner[:, 2:] - (self.width, self.height)) // 2
        self._size = height, width

    def cut(self, number: int, picture: np.ndarray) -> np.ndarray:
        """The window (h, w, 3) of the video's frame of that number (H, W, 3) uint8."""
        window = np.zeros((self.height, self.width, 3), picture.dtype)
        inner, (x, y) = self._inner[number - self._first], self.corners[number - self._first].tolist()
        left, top = np.maximum(inner[:2], 0).tolist()
        right, bottom = np.minimum(inner[2:], self._size[::-1]).tolist()
        window[top - y : bottom - y, left - x : right - x] = picture[top:bottom, left:right]
        return window
