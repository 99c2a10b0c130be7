"""Repeated cross-validation: how much a result hangs on how the walks were dealt into folds."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gait import metrics
from gait.predictions import Predictions, write_beside

SCORES = ("accuracy", "balanced_accuracy", "macro_f_score")


@dataclass(frozen=True, eq=False)
class Repeats:
    """Scores (R, 3), in [0, 1], of R repeats: accuracy, balanced accuracy, macro F-score."""

    scores: np.ndarray

    def lines(self) -> list[str]:
        """Mean and standard deviation of each score over the repeats, in words."""
        count = len(self.scores)
        lines = [f"Over {count} repeats, each with other folds and seeds (mean, standard deviation, range):"]
        for name, values in zip(SCORES, 100 * self.scores.T, strict=True):
            spread = values.std(ddof=1)
            lines.append(
                f"  {name.replace('_', ' ')}: {values.mean():.1f} %, {spread:.1f}, "
                f"{values.min():.1f} to {values.max():.1f} %"
            )
        return [
            *lines,
            "The spread is that of dealing and seeds, not of people: the interval above is wider.",
        ]

    def save_csv(self, path: Path) -> None:
        """A row a repeat."""
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(["repeat", *SCORES])
        for number, row in enumerate(self.scores, start=1):
            writer.writerow([number, *(repr(float(value)) for value in row)])
        write_beside(path, text.getvalue().encode())


def score_repeats(repeats: Sequence[Predictions]) -> Repeats:
    """Score each repeat's pooled predictions; every walk of them has a label."""
    rows = []
    for predictions in repeats:
        labels = np.array([predictions.classes.index(label) for label in predictions.labels])
        found = metrics.scores(labels, predictions.probabilities, len(predictions.classes))
        rows.append([found.accuracy, found.balanced_accuracy, found.macro.f_score])
    return Repeats(np.array(rows))
