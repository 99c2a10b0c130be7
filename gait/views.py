"""What a model that tells views apart says of walks in each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_SHARE = "view_"


@dataclass(frozen=True, eq=False)
class ViewAnswers:
    """Answers of N walks, in V views, over K classes.

    Attributes
    ----------
    views : tuple of str
        Their names, in the model's order.
    shares : (N, V) float64
        How likely the model takes a walk to be seen from each; rows sum to 1.
    probabilities : (N, V, K) float64
        Its answer if the walk is seen from there; last axis sums to 1.
    """

    views: tuple[str, ...]
    shares: np.ndarray
    probabilities: np.ndarray

    @classmethod
    def of_table(cls, views: Sequence[str], table: np.ndarray) -> ViewAnswers:
        """From the probabilities (N, V, K) of view and class together; none of its rows (K,) is all 0."""
        shares = table.sum(axis=2)
        return cls(tuple(views), shares, table / shares[:, :, None])

    def take(self, rows: Sequence[int]) -> ViewAnswers:
        """Those of some walks."""
        return ViewAnswers(self.views, self.shares[rows], self.probabilities[rows])

    def said_of(self, row: int, classes: Sequence[str]) -> dict[str, dict[str, Any]]:
        """A walk's answers by the views' names, as plain JSON types."""
        said = {}
        for v, view in enumerate(self.views):
            p = self.probabilities[row, v]
            said[view] = {
                "share": float(self.shares[row, v]),
                "predicted": classes[p.argmax()],
                "probabilities": {c: float(x) for c, x in zip(classes, p, strict=True)},
            }
        return said

    def columns(self, classes: Sequence[str]) -> list[str]:
        """Headings of :meth:`cells`: ``view_VIEW`` for each view, then ``VIEW:CLASS`` for each class in each view."""
        return [*(_SHARE + view for view in self.views), *(f"{v}:{c}" for v in self.views for c in classes)]

    def cells(self, row: int) -> list[str]:
        """A walk's cells in a table; numbers keep every digit."""
        return [repr(float(x)) for x in (*self.shares[row], *self.probabilities[row].ravel())]

    @classmethod
    def of_cells(cls, header: Sequence[str], rows: Sequence[Sequence[str]], classes: int) -> ViewAnswers:
        """What :meth:`cells` wrote of each walk. Raises ValueError where it is something else."""
        views = tuple(name.removeprefix(_SHARE) for name in header if name.startswith(_SHARE))
        if len(header) != len(views) * (1 + classes):
            raise ValueError(
                f"expected {len(views) * (1 + classes)} columns for {len(views)} views, found {len(header)}"
            )
        table = np.array(rows, dtype=float).reshape(len(rows), len(header))
        shares, probabilities = table[:, : len(views)], table[:, len(views) :]
        return cls(views, shares, probabilities.reshape(len(rows), len(views), classes))


def first_column(header: Sequence[str]) -> int:
    """Where the columns of a table's views begin; its length where it has none."""
    return next((i for i, name in enumerate(header) if name.startswith(_SHARE)), len(header))


def pooled(parts: Sequence[ViewAnswers]) -> ViewAnswers:
    """Those of several tests of one kind of model, one after the other."""
    shares, probabilities = ([getattr(part, name) for part in parts] for name in ("shares", "probabilities"))
    return ViewAnswers(parts[0].views, np.concatenate(shares), np.concatenate(probabilities))
