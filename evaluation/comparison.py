"""Finished cross-validations side by side: the same walks, the same folds, differences with their intervals."""

from __future__ import annotations

import csv
import io
import json
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.columns import percent
from evaluation.figures import comparison_figure, png
from gait import metrics
from gait.errors import GaitmoodError
from gait.predictions import Predictions, write_beside

FILES = ("comparison.txt", "comparison.md", "comparison.csv", "comparison.png")
WIDTH = 110


@dataclass(frozen=True, eq=False)
class Finished:
    """A finished cross-validation: what it said, how walks were dealt, and what its folds cost."""

    folder: Path
    model: str
    predictions: Predictions
    dealt: dict[str, Any]
    folds: tuple[dict[str, Any], ...]

    @property
    def parameters(self) -> float:
        """Mean over the folds."""
        return float(np.mean([fold["parameters"] for fold in self.folds]))

    @property
    def training_seconds(self) -> float:
        """Of all folds together."""
        return float(sum(fold["training_seconds"] for fold in self.folds))

    @property
    def prediction_seconds(self) -> float:
        """Mean of a walk."""
        return float(
            sum(fold["prediction_seconds"] for fold in self.folds) / sum(f["walks"] for f in self.folds)
        )


@dataclass(frozen=True)
class Difference:
    """Accuracy of one model less another's: the 95 % interval, and p, alone and corrected (Holm) for the table."""

    found: float
    low: float
    high: float
    p: float
    corrected: float


@dataclass(frozen=True, eq=False)
class Row:
    """One model of the table; each score with its 95 % interval (value, low, high)."""

    run: Finished
    accuracy: tuple[float, float, float]
    balanced_accuracy: tuple[float, float, float]
    macro_f_score: tuple[float, float, float]
    to_best: Difference | None
    to_simplest: Difference | None


@dataclass(frozen=True, eq=False)
class Comparison:
    """The table, the highest accuracy first, and what it rests on."""

    rows: tuple[Row, ...]
    walks: int
    subjects: int
    majority: tuple[str, float]
    notes: tuple[str, ...]

    @property
    def best(self) -> Row:
        return self.rows[0]

    @property
    def simplest(self) -> Row:
        """Fewest fitted numbers; of equal ones the better."""
        return min(self.rows, key=lambda row: row.run.parameters)

    def text(self) -> str:
        """The table and the verdict as plain text."""
        table = [_HEADINGS, *map(_cells, self.rows)]
        lines = [
            f"{self.walks} walks of {self.subjects} subjects (videos where unknown), each predicted by models that "
            "never saw them.",
            *self.notes,
            "",
            *_aligned([[cells[i] for i in _SCORES] for cells in table]),
            "",
            *_aligned([[cells[i] for i in _COSTS] for cells in table]),
            "",
            *textwrap.wrap(
                f"always '{self.majority[0]}': {percent(self.majority[1])}. Intervals: 95 %, resampling subjects. "
                "Differences in accuracy: paired, in points; p: exchanging both models' answers of whole subjects, "
                "corrected for the number of models (Holm). Parameters: mean over the folds. Training: all folds.",
                WIDTH,
            ),
            "",
            *self.verdict(),
        ]
        return "\n".join(lines) + "\n"

    def markdown(self) -> str:
        """The table for a document."""
        rows = [_HEADINGS, ["---"] * len(_HEADINGS), *map(_cells, self.rows)]
        table = "\n".join("| " + " | ".join(cells) + " |" for cells in rows)
        return f"{table}\n\n{' '.join(self.verdict())}\n"

    def verdict(self) -> list[str]:
        """Which model to take, in words."""
        best, simplest = self.best, self.simplest
        name = best.run.model
        if best is simplest:
            words = f"The simplest model, {name}, is also the best: take it."
        elif best.to_simplest.corrected < 0.05:
            words = f"{name} does better than the simplest model, {simplest.run.model}, beyond chance."
        else:
            words = (
                f"The simple model wins: {name} ({percent(best.accuracy[0])}) cannot be told from "
                f"{simplest.run.model} ({percent(simplest.accuracy[0])}), which has "
                f"{best.run.parameters / max(simplest.run.parameters, 1):.3g} times fewer fitted numbers."
            )
        if best.accuracy[1] <= self.majority[1]:
            words += (
                f" The interval of the best one reaches down to {percent(best.accuracy[1])}: always answering "
                f"'{self.majority[0]}' ({percent(self.majority[1])}) may do as well."
            )
        words += " Picking the highest row and quoting its score flatters: it was picked on these walks."
        return textwrap.wrap(words, WIDTH)


def read_finished(folder: Path) -> Finished:
    """Read a finished cross-validation.

    Raises
    ------
    GaitmoodError
        The folder is none, or the run has not finished.
    """
    try:
        result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        dealt = json.loads((folder / "folds.json").read_text(encoding="utf-8"))
        return Finished(
            folder=folder,
            model=result["model"],
            predictions=Predictions.load_csv(folder / "predictions.csv"),
            dealt=dealt,
            folds=tuple(result["folds"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise GaitmoodError(
            f"{folder}: the folder of a finished cross-validation was expected (train.py --cross-validate loso); "
            f"found {error!r}. A run that was interrupted goes on with --resume."
        ) from error


def compare(runs: Sequence[Finished]) -> Comparison:
    """Put finished runs side by side.

    Raises
    ------
    GaitmoodError
        Their walks, labels or folds differ: their scores answer different questions.
    """
    _refuse_other_folds(runs)
    names, notes = _shared_walks(runs)
    first = runs[0].predictions
    index = {name: i for i, name in enumerate(first.names)}
    labels = np.array([first.classes.index(first.labels[index[name]]) for name in names])
    groups = [first.subjects[index[name]] or name for name in names]
    answers = [_answers(run.predictions, names) for run in runs]
    order = sorted(range(len(runs)), key=lambda i: -metrics.accuracy(labels, answers[i]))
    simplest = min(order, key=lambda i: runs[i].parameters)
    majority, share = metrics.majority_accuracy(labels, len(first.classes))
    to_best, to_simplest = (
        _differences(labels, answers, groups, order, other) for other in (order[0], simplest)
    )
    rows = tuple(
        Row(runs[i], *_scores(labels, answers[i], groups), to_best.get(i), to_simplest.get(i)) for i in order
    )
    return Comparison(rows, len(names), len(set(groups)), (first.classes[majority], share), notes)


def _refuse_other_folds(runs: Sequence[Finished]) -> None:
    first = runs[0]
    for run in runs[1:]:
        for key, words in (("walks", "walks or labels"), ("folds", "folds")):
            mine, theirs = first.dealt[key], run.dealt[key]
            # Of repeated ones the first is compared.
            same = mine == theirs if key == "walks" else mine[0] == theirs[0]
            if not same:
                raise GaitmoodError(
                    f"{run.folder} and {first.folder} have other {words}: their scores answer different questions. "
                    "Run them with the same --videos, --labels, --cross-validate and --seed."
                )


def _shared_walks(runs: Sequence[Finished]) -> tuple[list[str], tuple[str, ...]]:
    """Walks that every model could use, and a note where some could not."""
    shared = set.intersection(*(set(run.predictions.names) for run in runs))
    everything = set.union(*(set(run.predictions.names) for run in runs))
    missing = sorted(everything - shared)
    note = f"Left out, because not every model could use them: {', '.join(missing)}." if missing else ""
    return sorted(shared), tuple(textwrap.wrap(note, WIDTH))


def _answers(predictions: Predictions, names: Sequence[str]) -> np.ndarray:
    answer = dict(zip(predictions.names, predictions.probabilities.argmax(axis=1), strict=True))
    return np.array([answer[name] for name in names])


def _scores(labels: np.ndarray, answers: np.ndarray, groups: Sequence[str]) -> list[tuple[float, ...]]:
    statistics = (metrics.accuracy, metrics.balanced_accuracy, metrics.macro_f_score)
    return [(s(labels, answers), *metrics.interval(labels, answers, groups, s)) for s in statistics]


def _differences(
    labels: np.ndarray, answers: Sequence[np.ndarray], groups: Sequence[str], order: Sequence[int], other: int
) -> dict[int, Difference]:
    """Each model against one of them."""
    others = [i for i in order if i != other]
    p = [metrics.exchange_p(labels, answers[i], answers[other], groups) for i in others]
    return {
        i: Difference(
            *metrics.paired_difference(labels, answers[i], answers[other], groups), alone, corrected
        )
        for i, alone, corrected in zip(others, p, metrics.holm(p), strict=True)
    }


# --- Text --------------------------------------------------------------------------------------------------

_HEADINGS = [
    "model",
    "accuracy",
    "balanced accuracy",
    "macro F-score",
    "to the best",
    "to the simplest",
    "parameters",
    "training",
    "a walk",
]
# What stands in the first table of the console and in the second; together they would be too wide for it.
_SCORES, _COSTS = (0, 1, 2, 3), (0, 4, 5, 6, 7, 8)


def _cells(row: Row) -> list[str]:
    scores = [
        f"{100 * value:.1f} ({100 * low:.1f} to {100 * high:.1f})"
        for value, low, high in (row.accuracy, row.balanced_accuracy, row.macro_f_score)
    ]
    return [
        row.run.model,
        *scores,
        *(_difference(d) for d in (row.to_best, row.to_simplest)),
        f"{row.run.parameters:,.0f}",
        f"{row.run.training_seconds:.0f} s",
        f"{1000 * row.run.prediction_seconds:.1f} ms",
    ]


def _difference(d: Difference | None) -> str:
    if d is None:
        return "-"
    return f"{100 * d.found:+.1f} ({100 * d.low:+.1f} to {100 * d.high:+.1f}), p {d.corrected:.2f}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]


def write_comparison(comparison: Comparison, folder: Path) -> None:
    """Write the table as text, Markdown and CSV, and a picture, into a new or empty folder."""
    folder.mkdir(parents=True, exist_ok=True)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([*_CSV, "parameters", "training_seconds", "prediction_seconds", "run"])
    for row in comparison.rows:
        writer.writerow(_csv_row(row))
    write_beside(folder / "comparison.csv", text.getvalue().encode())
    write_beside(folder / "comparison.md", comparison.markdown().encode())
    write_beside(folder / "comparison.txt", comparison.text().encode())
    rows = [(row.run.model, row.accuracy) for row in comparison.rows]
    write_beside(folder / "comparison.png", png(comparison_figure(rows, comparison.majority)))


_CSV = [
    "model",
    *(f"{score}{end}" for score in ("accuracy", "balanced_accuracy", "macro_f_score") for end in ("", "_low", "_high")),
    *(f"{to}_{part}" for to in ("best", "simplest") for part in ("difference", "low", "high", "p", "p_holm")),
]  # fmt: skip


def _csv_row(row: Row) -> list[Any]:
    differences = [
        [""] * 5 if d is None else [d.found, d.low, d.high, d.p, d.corrected]
        for d in (row.to_best, row.to_simplest)
    ]
    run = row.run
    return [
        run.model,
        *row.accuracy,
        *row.balanced_accuracy,
        *row.macro_f_score,
        *differences[0],
        *differences[1],
        run.parameters,
        run.training_seconds,
        run.prediction_seconds,
        run.folder,
    ]
