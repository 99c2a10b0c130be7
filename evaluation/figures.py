"""Pictures of results. matplotlib is imported only when one is drawn, and never through its global state."""

from __future__ import annotations

import io
import textwrap
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INCHES_PER_CELL = 0.85


def confusion_figure(confusion: np.ndarray, classes: Sequence[str], title: str) -> Figure:
    """Draw a confusion matrix: counts, and the percentage of each true class below them.

    Parameters
    ----------
    confusion : (K, K) int
        Rows are true classes, columns predicted ones.
    classes : sequence of str
        The K names in the same order.
    title : str
        Stands above the picture.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    K = len(classes)
    side = 1.5 + _INCHES_PER_CELL * max(K, 3)
    figure = Figure(figsize=(side + 0.8, side), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    percent = _row_percentages(confusion)
    image = axes.imshow(percent, cmap="Blues", vmin=0, vmax=100)
    for i, j in np.ndindex(K, K):
        colour = "white" if percent[i, j] > 55 else "black"
        text = f"{confusion[i, j]}\n{percent[i, j]:.0f} %"
        axes.text(j, i, text, ha="center", va="center", color=colour)
    _label_axes(axes, classes, title)
    figure.colorbar(image, ax=axes, label="% of the true class", shrink=0.8)
    return figure


def confusion_png(confusion: np.ndarray, classes: Sequence[str], title: str) -> bytes:
    """Return :func:`confusion_figure` as the bytes of a PNG file."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # A script that the fonts at hand lack is drawn as boxes; report.txt has the names.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        confusion_figure(confusion, classes, title).savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()


def _row_percentages(confusion: np.ndarray) -> np.ndarray:
    """Return (K, K) percentages of each row; a class that is absent from the test gives a row of 0."""
    support = confusion.sum(axis=1, keepdims=True)
    return 100 * confusion / np.maximum(support, 1)


def _label_axes(axes, classes: Sequence[str], title: str) -> None:
    ticks = np.arange(len(classes))
    longest = max(len(c) for c in classes)
    upright = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if longest > 8 else {}
    axes.set_xticks(ticks, classes, **upright)
    axes.set_yticks(ticks, classes)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    # matplotlib's own wrapping would read the title as a formula where it holds two $.
    heading = axes.set_title(textwrap.fill(title, 30 + 7 * len(classes)))
    # Names are names: a folder called $a$ is no formula.
    for text in (heading, *axes.get_xticklabels(), *axes.get_yticklabels()):
        text.set_parse_math(False)
