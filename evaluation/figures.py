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

    from gait.calibration import Reliability

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


def png(figure: Figure) -> bytes:
    """Return a figure as the bytes of a PNG file."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # A script that the fonts at hand lack is drawn as boxes; report.txt has the names.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()


def calibration_figure(stated: Reliability, curve: tuple[np.ndarray, np.ndarray], chance: float) -> Figure:
    """Draw confidence against accuracy, and accuracy against the share of walks that are answered.

    Parameters
    ----------
    stated : Reliability
    curve : (share, accuracy)
        As :func:`gait.calibration.abstention_curve` gives it.
    chance : float
        Accuracy of guessing.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.6, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    left.plot([0, 1], [0, 1], color="0.7", linestyle=":", label="as sure as right")
    left.scatter(
        stated.confidence, stated.accuracy, s=20 + 8 * stated.rows, alpha=0.7, label="walks, by number"
    )
    left.set(
        xlabel="stated probability of the answer", ylabel="share that is right", xlim=(0, 1), ylim=(0, 1)
    )
    left.set_title(f"expected calibration error {100 * stated.error:.1f} %")
    left.legend(loc="upper left")
    right.step(*curve, where="post", marker=".", label="surest answers first")
    right.axhline(chance, color="0.7", linestyle=":", label="chance")
    right.set(
        xlabel="share of the walks answered", ylabel="accuracy on these", xlim=(0, 1.02), ylim=(0, 1.02)
    )
    right.set_title("answering only when sure")
    right.legend(loc="lower right")
    return figure


def comparison_figure(
    rows: Sequence[tuple[str, tuple[float, float, float]]], majority: tuple[str, float]
) -> Figure:
    """Draw the accuracy of several models with their intervals, the first on top, and a constant answer's.

    Parameters
    ----------
    rows : sequence of (model, (accuracy, low, high))
    majority : (str, float)
        The most frequent class, and the accuracy of always answering it.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 1.6 + 0.42 * len(rows)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    places = np.arange(len(rows))[::-1]
    found, low, high = (100 * np.array([score[i] for _, score in rows]) for i in range(3))
    axes.errorbar(found, places, xerr=[found - low, high - found], fmt="o", capsize=3)
    axes.axvline(100 * majority[1], color="0.6", linestyle=":", label=f"always '{majority[0]}'")
    axes.set_yticks(places, [name for name, _ in rows])
    axes.set(xlabel="accuracy in %, 95 % interval", xlim=(0, 100))
    axes.legend(loc="lower right")
    return figure


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
