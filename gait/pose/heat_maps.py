"""Places as heat maps and back: pictures of a joint's likely place, read out finer than their cells.

A place is (x, y) in units of the picture: (0, 0) its upper left corner, (1, 1) its lower right one. Cell (row, column)
of a map with S cells a side stands for ((column + 0.5) / S, (row + 0.5) / S).
"""

from __future__ import annotations

import numpy as np


def draw_heat_maps(points: np.ndarray, side: int, spread: float) -> np.ndarray:
    """A normal distribution about each place, over the cells of a map.

    Parameters
    ----------
    points : (..., V, 2) float
        Places in units of the picture; NaN where a joint is not known.
    side : int
        Cells a side (S).
    spread : float
        Standard deviation in cells.

    Returns
    -------
    (..., S, S, V) float32
        Each map sums to 1; it is 0 everywhere for a joint that is unknown or lies outside of the picture.
    """
    centres = np.arange(side) + 0.5
    away = (centres - points[..., None] * side) / spread  # (..., V, 2, S)
    along = np.exp(-0.5 * np.square(away))
    maps = np.einsum("...vr,...vc->...rcv", along[..., 1, :], along[..., 0, :])
    inside = ((points >= 0) & (points < 1)).all(axis=-1)[..., None, None, :]  # NaN compares as False
    maps = np.where(inside, maps, 0.0)
    total = maps.sum(axis=(-3, -2), keepdims=True)
    return (maps / np.where(total > 0, total, 1.0)).astype(np.float32)


def find_peaks(logits: np.ndarray) -> np.ndarray:
    """The places of the highest cells, refined by the cells beside them.

    The logarithm of a normal distribution is a parabola, so the parabola through the highest cell and its two
    neighbours, along x and along y, has its top at the distribution's mean: exactly for a map of
    :func:`draw_heat_maps` (Zhang et al. 2020, "Distribution-Aware Coordinate Representation for Human Pose
    Estimation", coordinate decoding, without the mixed derivative, which is 0 for round distributions).

    Parameters
    ----------
    logits : (N, S, S, V) float
        Logarithms of heat maps, up to a constant a map.

    Returns
    -------
    (N, V, 2) float64
        Places in units of the picture, within half a cell of the highest cell's middle, and at it where that
        cell lies at the map's edge.
    """
    N, rows, columns, V = logits.shape
    row, column = np.unravel_index(logits.reshape(N, -1, V).argmax(axis=1), (rows, columns))
    x = column + 0.5 + _top_beside(logits, row, column, (0, 1))
    y = row + 0.5 + _top_beside(logits, row, column, (1, 0))
    return np.stack([x / columns, y / rows], axis=-1)


def _top_beside(logits: np.ndarray, row: np.ndarray, column: np.ndarray, step: tuple[int, int]) -> np.ndarray:
    """How far (N, V) the parabola's top lies from the highest cells, in cells along one axis."""
    sides = [(row + sign * step[0], column + sign * step[1]) for sign in (-1, 0, 1)]
    before, here, after = (_take(logits, *cells) for cells in sides)
    bend = before - 2 * here + after  # negative, or 0 on a plateau
    inside = np.isfinite(bend) & (bend < 0)
    return np.where(inside, 0.5 * (before - after) / np.where(inside, bend, -1.0), 0.0)


def _take(logits: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Values (N, V) of cells; NaN beyond the edge."""
    N, rows, columns, V = logits.shape
    inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    picked = logits[
        np.arange(N)[:, None], row.clip(0, rows - 1), column.clip(0, columns - 1), np.arange(V)[None, :]
    ]
    return np.where(inside, picked.astype(np.float64), np.nan)
