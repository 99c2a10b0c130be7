"""Pictures of a clustering: dendrograms, and principal components with labels and clusters."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from evaluation.clustering import LINKAGES, Clustered

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_LEAVES = 150
_UNLABELLED = "no label"


def dendrogram_png(found: Clustered, names: Sequence[str], labels: Sequence[str | None]) -> bytes:
    """One dendrogram a linkage, leaves coloured by label, dashed lines where it is cut; PNG bytes.

    Of more than 150 walks the lowest joints are not drawn: a leaf then says how many walks it stands for.
    """
    width = min(max(8.0, 0.2 * len(names)), 30.0)
    figure, panels = _panels(len(LINKAGES), 1, (width, 4.2 * len(LINKAGES)))
    colours = _colours(labels)
    for axes, name in zip(panels[:, 0], LINKAGES, strict=True):
        _draw_tree(axes, found.trees[name], names, [colours[label or _UNLABELLED] for label in labels])
        cuts = [len(c.sizes) for c in found.clusterings if c.linkage == name]
        _draw_cuts(axes, found.trees[name], cuts)
        axes.set_title(f"{name} linkage")
        axes.set_ylabel("distance")
    _legend(figure, colours)
    return _png(figure)


def _draw_tree(axes: Axes, tree: np.ndarray, names: Sequence[str], colours: Sequence[tuple]) -> None:
    from matplotlib.collections import LineCollection
    from scipy.cluster.hierarchy import dendrogram

    whole = len(names) <= _MOST_LEAVES
    # Truncated, for SciPy walks down the tree by recursion, too.
    drawn = dendrogram(
        tree, no_plot=True, truncate_mode=None if whole else "lastp", p=_MOST_LEAVES, get_leaves=True
    )
    links = [np.column_stack(link) for link in zip(drawn["icoord"], drawn["dcoord"], strict=True)]
    axes.add_collection(LineCollection(links, colors="0.35", linewidths=1))
    places = 5.0 + 10.0 * np.arange(len(drawn["leaves"]))
    leaves = drawn["leaves"] if whole else [leaf if leaf < len(names) else None for leaf in drawn["leaves"]]
    shown = drawn["ivl"] if not whole else [_plain(names[leaf]) for leaf in leaves]
    axes.set_xticks(places, shown, rotation=90, fontsize=7)
    for text, leaf in zip(axes.get_xticklabels(), leaves, strict=True):
        text.set_parse_math(False)
        if leaf is not None:
            text.set_color(colours[leaf])
    axes.set_xlim(0, 10.0 * len(places))
    axes.set_ylim(0, 1.05 * max(float(tree[-1, 2]), 1e-9))


def _draw_cuts(axes: Axes, tree: np.ndarray, cuts: Sequence[int]) -> None:
    for i, number in enumerate(cuts):
        height = (tree[-number, 2] + tree[1 - number, 2]) / 2
        axes.axhline(height, color="0.6", linestyle="--", linewidth=0.8)
        # Side by side, for cuts may lie close together.
        axes.annotate(
            f"{number}", (1, height), xycoords=("axes fraction", "data"), xytext=(3 + 12 * i, 0), va="center",
            textcoords="offset points", fontsize=8, color="0.3",
        )  # fmt: skip


def components_png(found: Clustered, labels: Sequence[str | None]) -> bytes:
    """The first two principal components, a panel a setting: colour is the label, number the cluster; PNG bytes."""
    rows = len(LINKAGES)
    columns = len(found.clusterings) // rows
    figure, panels = _panels(rows, columns, (4.6 * columns + 0.4, 4.3 * rows))
    colours = _colours(labels)
    dots = np.array([colours[label or _UNLABELLED] for label in labels])
    for axes, clustering in zip(panels.ravel(), found.clusterings, strict=True):
        for cluster in range(1, len(clustering.sizes) + 1):
            places = found.components[clustering.members == cluster]
            axes.scatter(*places.T, s=60, c=dots[clustering.members == cluster], marker=f"${cluster}$")
        axes.set_title(f"{clustering.name}, silhouette {clustering.silhouette:.2f}", fontsize=10)
        for name, share, which in zip("xy", found.explained, ("first", "second"), strict=True):
            axes.set(**{f"{name}label": f"{which} component ({share:.0%} of the variance)"})
    _legend(figure, colours, "colour: label, number: cluster (1 is the largest)")
    return _png(figure)


def _panels(rows: int, columns: int, size: tuple[float, float]) -> tuple[Figure, np.ndarray]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)


def _colours(labels: Sequence[str | None]) -> dict[str, tuple]:
    """A colour a label in class order, grey for none."""
    from matplotlib import colormaps

    names = sorted({label for label in labels if label is not None})
    # Dark2 reads on white; seven colours, its eighth is the grey.
    colours = {name: colormaps["Dark2"](i % 7) for i, name in enumerate(names)}
    if None in labels:
        colours[_UNLABELLED] = (0.5, 0.5, 0.5, 1.0)
    return colours


def _legend(figure: Figure, colours: dict[str, tuple], title: str | None = None) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], linestyle="", marker="o", markersize=9, color=colour, label=_plain(name))
        for name, colour in colours.items()
    ]
    legend = figure.legend(
        handles=handles, loc="outside upper center", ncols=min(len(handles), 7), title=title
    )
    for text in legend.get_texts():
        text.set_parse_math(False)


def _plain(text: str) -> str:
    """A name as a font can draw it: what is not printable, or not UTF-8, is escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # A script that the fonts at hand lack is drawn as boxes; clusters.csv has the names.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()
