"""A pose sequence as an animated skeleton in three dimensions, beside the video that it was seen in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from gait.drawing import View, draw, draw_legend, floor_cell, frame_inside, write_text
from gait.errors import VideoError
from gait.placing import fit_view, follow, is_flat, place
from gait.pose.sequence import PoseSequence
from gait.video import FrameSize, open_video

# A video of a screen is at most that much wider than high; wider ones get borders above and below.
_WIDEST = 2.0
_USUAL_RATE = 25.0
_TIE = 1e-4  # seconds that time stamps are rounded by
_WARM = (170, 60, 0)


@dataclass(frozen=True, eq=False)
class Film:
    """A walk as pictures: the camera follows it, floor, scale and thickness stay the same.

    Attributes
    ----------
    sequence : PoseSequence
        In any layout, at least one joint known.
    size : FrameSize
        Of a picture of the skeleton alone.
    azimuth, elevation : float
        Degrees, as in :class:`gait.drawing.View`.
    orbit : float
        Degrees that the camera goes round in a second.
    """

    sequence: PoseSequence
    size: FrameSize
    azimuth: float = View.azimuth
    elevation: float = View.elevation
    orbit: float = 0.0

    @cached_property
    def joints(self) -> np.ndarray:
        """Joints in the room (T, V, 3), see :func:`gait.placing.place`."""
        return place(self.sequence)

    @cached_property
    def _path(self) -> np.ndarray:
        return follow(self.joints, self.sequence.layout)

    @cached_property
    def _view(self) -> View:
        return fit_view(self.joints, self.sequence.layout, self.size, self.azimuth, self.elevation)

    def view(self, row: int) -> View:
        """The camera of a row of the sequence."""
        turned = self.azimuth + self.orbit * (self.sequence.time[row] - self.sequence.time[0])
        return replace(self._view.over(self._path[row]), azimuth=float(turned))

    def picture(self, row: int) -> np.ndarray:
        """One row of the sequence with legend, scale and time, (H, W, 3) uint8."""
        canvas = draw(self.joints[row], self.sequence.layout, self.size, self.view(row))
        letter = max(self.size.height // 45, 8)
        margin, low = 2 * letter, self.size.height - letter - letter // 2
        draw_legend(canvas, (margin, margin + letter // 2), letter)
        seconds = self.sequence.time[row] - self.sequence.time[0]
        write_text(canvas, f"{seconds:.2f} s", (margin, low), letter)
        right = self.size.width - margin
        if not is_flat(self.sequence):  # how tall somebody is in a picture says nothing
            scale = f"squares {floor_cell(self._view.span):g} m"
            write_text(canvas, scale, (right, low), letter, align="right")
        if mark := self._mark(row):
            write_text(canvas, mark, (right, margin + letter // 2), letter, _WARM, align="right")
        return canvas

    def _mark(self, row: int) -> str:
        """What a picture should say of the joints in it."""
        if not np.isfinite(self.joints[row]).all(axis=1).any():
            return "nobody in view"
        if self.sequence.mended[row]:
            return "left and right put right"
        whole = np.isfinite(self.joints[row]).all()
        return "joints filled in" if whole and not self.sequence.observed[row] else ""


def steady_rows(time: np.ndarray, most: float = np.inf) -> tuple[np.ndarray, float]:
    """Rows of a sequence to show at a steady rate, so that it plays as fast as it was.

    Parameters
    ----------
    time : (T,) array
        Seconds, increasing.
    most : float
        Pictures a second that are not exceeded.

    Returns
    -------
    rows : (N,) int array
        The nearest row for each instant; every row once where ``time`` is steady and slow enough.
    rate : float
        Pictures per second.
    """
    if len(time) < 2:
        return np.arange(len(time)), min(_USUAL_RATE, most)
    rate = min(float(1 / np.median(np.diff(time))), most)
    instants = time[0] + np.arange(round((time[-1] - time[0]) * rate) + 1) / rate
    return np.searchsorted((time[1:] + time[:-1]) / 2, instants), rate


def film_frames(film: Film, rows: np.ndarray, video: Path | None = None) -> Iterator[np.ndarray]:
    """Pictures of these rows, ascending; beside the video's frames of the same times where there is one.

    Yields
    ------
    (H, W, 3) uint8
        All of one size. One at a time is held.

    Raises
    ------
    VideoError
        The video cannot be read, or there is no frame in it.
    """
    pictures = map(film.picture, rows.tolist())
    if video is None:
        yield from pictures
        return
    times = film.sequence.time[rows] - film.sequence.time[0]
    height, panel = film.size.height, None
    with open_video(video, FrameSize(height, round(_WIDEST * height))) as frames:
        for frame, picture in zip(_frames_at(frames, times), pictures, strict=True):
            panel = panel or FrameSize(height, frame.shape[1])
            yield np.concatenate([frame_inside(frame, panel), picture], axis=1)


def _frames_at(frames: Iterable[tuple[float, np.ndarray]], times: np.ndarray) -> Iterator[np.ndarray]:
    """For each of the ascending times the frame nearest to it; the last one stays when the video is over."""
    coming = iter(frames)
    before = after = next(coming, None)
    if before is None:
        raise VideoError("not one frame could be decoded")
    for time in times:
        while after is not None and after[0] <= time:
            before, after = after, next(coming, None)
        nearer = after is not None and after[0] - time < time - before[0] - _TIE
        yield (after if nearer else before)[1]
