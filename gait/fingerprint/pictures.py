"""Fingerprint of a video: a coarse, smooth picture, 15 times a second.

Each frame is stretched to a small grey square, so that size and aspect ratio do not matter, and described by the
lowest cosine waves (DCT) that it is made of. Higher waves count less, as if seen out of focus: then the picture
between two points is known, and one that was cropped a little can be laid over another exactly.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gait.fingerprint.prints import PICTURE, SECONDS, Print, at_fixed_rate, make_print
from gait.segments import Segment
from gait.video import FrameSize, open_video

SIDE = 64  # pixels of the grey square
WAVES = 24  # each way
BLUR = 0.02  # standard deviation of the Gaussian, of the picture's side
STILL = 0.3  # grey levels: below, what changes is the encoder's noise


def waves(places: np.ndarray, count: int = WAVES) -> np.ndarray:
    """Cosine waves (P, count) at places (P,) of the side, which goes from 0 to 1."""
    number = np.arange(count)
    return np.cos(np.pi * number * places[:, None]) * np.sqrt(2 - (number == 0))


def slopes(places: np.ndarray, count: int = WAVES) -> np.ndarray:
    """Derivatives of :func:`waves` by place."""
    number = np.arange(count)
    return -np.pi * number * np.sin(np.pi * number * places[:, None]) * np.sqrt(2 - (number == 0))


def blurred(sigma: float, count: int = WAVES) -> np.ndarray:
    """What a Gaussian leaves of each wave, (count,)."""
    return np.exp(-((np.pi * np.arange(count) * sigma) ** 2) / 2)


_ANALYSIS = (waves((np.arange(SIDE) + 0.5) / SIDE) * blurred(BLUR)).T.astype(np.float32) / SIDE


class PictureWatcher:
    """Takes a video's frames as grey squares, one by one, and makes a fingerprint of them."""

    def __init__(self) -> None:
        self._times: list[float] = []
        self._waves: list[np.ndarray] = []

    def wants(self, seconds: float) -> bool:
        """Whether a frame at this time still counts."""
        return seconds <= SECONDS

    def take(self, seconds: float, grey: np.ndarray) -> None:
        """Take a frame (SIDE, SIDE) uint8 at its time."""
        self._times.append(seconds)
        self._waves.append(_ANALYSIS @ grey.astype(np.float32) @ _ANALYSIS.T)

    def finish(self) -> Print | None:
        """The fingerprint, D = WAVES x WAVES; None where the video is too short, or nothing moves in it."""
        if not self._times:
            return None
        flat = np.stack(self._waves).reshape(len(self._waves), -1)
        found = make_print(at_fixed_rate(flat, np.array(self._times)).astype(np.float32), PICTURE)
        if found is None or np.sqrt((found.values() ** 2).sum(axis=1).mean()) < STILL:
            return None
        return found


def picture_print(path: Path | Segment) -> Print | None:
    """The fingerprint of a video file, or of a stretch of it; see :meth:`PictureWatcher.finish`.

    Raises
    ------
    VideoError
        It cannot be read.
    """
    watcher = PictureWatcher()
    with open_video(path, fit=FrameSize(SIDE, SIDE)) as video:
        for seconds, _ in video:
            if not watcher.wants(seconds):
                break
            watcher.take(seconds, video.grey_square(SIDE))
    return watcher.finish()
