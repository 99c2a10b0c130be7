"""The picture of a saliency: frames in a strip, and on them what covering each place costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from evaluation.figures import png
from evaluation.saliency import Saliency

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH = 1.6  # inches of a frame
# The more it costs to cover a place, the less is seen through its colour.
_COLOURS = [(0.1, 0.3, 0.9, 0.85), (0.1, 0.3, 0.9, 0), (0.9, 0.1, 0.1, 0), (0.9, 0.1, 0.1, 0.85)]
_PLACES = (0, 0.5, 0.5, 1)
_LEAST = 0.01  # of probability: a scale that ends below would make nothing look like something


def saliency_png(found: Saliency) -> bytes:
    """Frames, covered throughout, covered at one moment: three rows, a column a moment."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    count, height, width = found.pictures.shape[:3]
    tall = _WIDTH * min(max(height / width, 0.5), 2.0)
    figure = Figure(figsize=(_WIDTH * count + 1.4, 3 * tall + 1.0), layout="constrained")
    FigureCanvasAgg(figure)
    frames, throughout, moments = figure.subplots(3, count, squeeze=False)
    for axes, picture, seconds in zip(frames, found.pictures, found.seconds, strict=True):
        axes.imshow(picture)
        axes.set_title(f"{seconds:.1f} s", fontsize="small")
    _draw(figure, throughout, found, np.broadcast_to(found.throughout, found.moments.shape))
    _draw(figure, moments, found, found.moments)
    for axes in (*frames, *throughout, *moments):
        axes.set(xticks=[], yticks=[])
    for row, words in (
        (frames, "frames"),
        (throughout, "covered\nthroughout"),
        (moments, "covered\nthen only"),
    ):
        row[0].set_ylabel(words)
    title = figure.suptitle(
        f"{found.walk}: what covering a place takes from '{found.answer}'", fontsize="medium"
    )
    title.set_parse_math(False)
    return png(figure)


def _draw(figure: Figure, row: Any, found: Saliency, maps: np.ndarray) -> None:
    """A row of grey frames under red and blue, on a scale of its own, in points."""
    from matplotlib.colors import LinearSegmentedColormap

    most = 100 * max(_LEAST, float(np.abs(maps).max()))
    colours = LinearSegmentedColormap.from_list("falls", list(zip(_PLACES, _COLOURS, strict=True)))
    for axes, picture, values in zip(row, found.pictures, maps, strict=True):
        axes.imshow(picture.mean(axis=-1), cmap="gray", vmin=0, vmax=255)
        shown = axes.imshow(100 * values, cmap=colours, vmin=-most, vmax=most)
    figure.colorbar(shown, ax=list(row), label="points", shrink=0.8)
