"""Finished cross-validations side by side: the same walks, the same folds, differences with their intervals."""

from __future__ import annotations

import csv
import io
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.columns import WIDTH, count, percent, printable
from evaluation.figures import comparison_figure, png
from evaluation.finished import Finished
from evaluation.scoring import FEW_GROUPS
from gait import metrics
from gait.errors import GaitmoodError
from gait.predictions import write_beside

FILES = ("comparison.txt", "comparison.md", "comparison.csv", "comparison.png")
SIGNIFICANT = 0.05
_LEAKS_LISTED = 10


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
    """One model of the table; each score with its 95 % interval (value, low, high).

    ``to_constant`` is its accuracy less that of always answering the most frequent class.
    """

    run: Finished
    accuracy: tuple[float, float, float]
    balanced_accuracy: tuple[float, float, float]
    macro_f_score: tuple[float, float, float]
    to_best: Difference | None
    to_simplest: Difference | None
    to_constant: tuple[float, float, float]


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
                f"The constant: always '{self.majority[0]}', {percent(self.majority[1])}. Intervals: 95 %, resampling "
                "subjects. Differences in accuracy: paired, in points; p: exchanging both models' answers of whole "
                "subjects, corrected for the number of models (Holm). Parameters: mean over the folds. Training: all "
                "folds.",
                WIDTH,
            ),
            "",
            *textwrap.wrap(self.verdict(), WIDTH),
        ]
        return "\n".join(lines) + "\n"

    def markdown(self) -> str:
        """The table for a document."""
        rows = [_HEADINGS, ["---"] * len(_HEADINGS), *map(_cells, self.rows)]
        table = "\n".join("| " + " | ".join(cells) + " |" for cells in rows)
        notes = "".join(f"{line}\n" for line in self.notes)
        return f"{notes}\n{table}\n\n{self.verdict()}\n".lstrip()

    def verdict(self) -> str:
        """Which model to take, if any, in words."""
        flatters = "Picking the highest row and quoting its score flatters: it was picked on these walks."
        return " ".join(filter(None, (self._choice(), self._few_subjects(), flatters)))

    def _choice(self) -> str:
        best, simplest = self.best, self.simplest
        name = best.run.model
        constant = f"always answering '{self.majority[0]}' ({percent(self.majority[1])})"
        found, low, high = best.to_constant
        if found <= 0:
            return (
                f"By accuracy no model is worth taking: the best of them, {name} ({percent(best.accuracy[0])}), is "
                f"right no more often than {constant}."
            )
        if best is simplest:
            words = f"The simplest model, {name}, is also the best"
        elif best.to_simplest.corrected < SIGNIFICANT:
            words = f"{name} does better than the simplest model, {simplest.run.model}, beyond chance"
        else:
            words = (
                f"The simple model wins: {name} ({percent(best.accuracy[0])}) cannot be told from "
                f"{simplest.run.model} ({percent(simplest.accuracy[0])}), which has "
                f"{best.run.parameters / max(simplest.run.parameters, 1):.3g} times fewer fitted numbers"
            )
        if low > 0:
            return f"{words}: take it." if best is simplest else f"{words}."
        return (
            f"{words}. But {constant} may do as well as {name}: the difference is {_points(found, low, high)} points, "
            "so this test shows no model to be worth taking."
        )

    def _few_subjects(self) -> str:
        """What a test of few people cannot show; nothing where there are enough."""
        if self.subjects >= FEW_GROUPS:
            return ""
        lowest = metrics.lowest_exchange_p(self.subjects)
        words = (
            f"With as few as {self.subjects} subjects intervals are narrower than they should be, and p cannot fall "
            f"below {lowest:.2g} before correction: where the two disagree, believe p."
        )
        if lowest * (len(self.rows) - 1) >= SIGNIFICANT:
            words += " No difference between these models could be shown with so few: test more people."
        return words


def compare(runs: Sequence[Finished]) -> Comparison:
    """Put finished runs side by side, on the walks that all could use and of which no copy lies in another fold.

    Raises
    ------
    GaitmoodError
        Their walks, labels or folds differ: their scores answer different questions; or nothing is left to compare.
    """
    _refuse_other_folds(runs)
    shared, notes = _shared_walks(runs)
    leaks = {name: why for run in runs for name, why in run.leaks.items() if name in shared}
    names = [name for name in shared if name not in leaks]
    first = runs[0].predictions
    labels, _ = runs[0].classes(names, runs[0].answers)
    groups = runs[0].groups(names)
    if len(set(groups)) < 2:
        raise GaitmoodError(
            f"walks of two people or more were expected to compare {len(runs)} models on; found {len(names)} walks "
            f"that all of them predicted, without {len(leaks)} of which copies lie in another fold. Take the copies "
            "out (python -m evaluation.audit FOLDER names them) and run the cross-validations again."
        )
    majority, share = metrics.majority_accuracy(labels, len(first.classes))
    rows = _rows(runs, labels, [run.classes(names, run.answers)[1] for run in runs], groups, majority)
    notes += _leak_notes([row.run for row in rows], leaks, shared)
    return Comparison(rows, len(names), len(set(groups)), (first.classes[majority], share), notes)


def _rows(
    runs: Sequence[Finished],
    labels: np.ndarray,
    answers: Sequence[np.ndarray],
    groups: Sequence[str],
    majority: int,
) -> tuple[Row, ...]:
    """The highest accuracy first, each against the best, the simplest and the constant answer."""
    order = sorted(range(len(runs)), key=lambda i: -metrics.accuracy(labels, answers[i]))
    simplest = min(order, key=lambda i: runs[i].parameters)
    to_best, to_simplest = (
        _differences(labels, answers, groups, order, other) for other in (order[0], simplest)
    )
    constant = np.full(len(labels), majority)
    return tuple(
        Row(
            runs[i],
            *_scores(labels, answers[i], groups),
            to_best.get(i),
            to_simplest.get(i),
            metrics.paired_difference(labels, answers[i], constant, groups),
        )
        for i in order
    )


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
    """Walks that every model could use, and notes: where some could not, and where runs were repeated."""
    shared = set.intersection(*(set(run.predictions.names) for run in runs))
    everything = set.union(*(set(run.predictions.names) for run in runs))
    notes = []
    if missing := sorted(everything - shared):
        notes.append(f"Left out, because not every model could use them: {', '.join(missing)}.")
    if any(len(run.dealt["folds"]) > 1 for run in runs):
        notes.append("Of repeated cross-validations the first repeat is compared.")
    return sorted(shared), tuple(line for note in notes for line in textwrap.wrap(note, WIDTH))


def _leak_notes(runs: Sequence[Finished], leaks: Mapping[str, str], shared: Sequence[str]) -> tuple[str, ...]:
    """Which walks were known to the models under another name, and what the scores would be with them."""
    if not leaks:
        return ()
    lines = [
        f"LEAK: of {count(len(leaks), 'walk')} a copy lies in another fold, known to the model that predicts it:"
    ]
    lines += [
        f"  {printable(f'{name}: {why}' if why else name)}"
        for name, why in list(leaks.items())[:_LEAKS_LISTED]
    ]
    if len(leaks) > _LEAKS_LISTED:
        lines.append(f"  and {len(leaks) - _LEAKS_LISTED} more")
    scores = []
    for run in runs:
        said = dict(zip(run.predictions.names, run.predictions.labels, strict=True))
        own = run.answers
        right = np.mean([own[name] == said[name] for name in shared])
        scores.append(f"{run.model} {percent(float(right))}")
    with_them = f"The table is without them. With them, too high: {', '.join(scores)}."
    return (*lines, *textwrap.wrap(with_them, WIDTH))


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
    "to the constant",
    "to the best",
    "to the simplest",
    "parameters",
    "training",
    "a walk",
]
# What stands in the first table of the console and in the second; together they would be too wide for it.
_SCORES, _COSTS = (0, 1, 2, 3, 4), (0, 5, 6, 7, 8, 9)


def _cells(row: Row) -> list[str]:
    scores = [
        f"{100 * value:.1f} ({100 * low:.1f} to {100 * high:.1f})"
        for value, low, high in (row.accuracy, row.balanced_accuracy, row.macro_f_score)
    ]
    return [
        row.run.model,
        *scores,
        _points(*row.to_constant),
        *(_difference(d) for d in (row.to_best, row.to_simplest)),
        f"{row.run.parameters:,.0f}",
        f"{row.run.training_seconds:.0f} s",
        f"{1000 * row.run.prediction_seconds:.1f} ms",
    ]


def _difference(d: Difference | None) -> str:
    if d is None:
        return "-"
    return f"{_points(d.found, d.low, d.high)}, p {d.corrected:.2f}"


def _points(found: float, low: float, high: float) -> str:
    return f"{100 * found:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"


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
    *(f"constant_{part}" for part in ("difference", "low", "high")),
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
        *row.to_constant,
        *differences[0],
        *differences[1],
        run.parameters,
        run.training_seconds,
        run.prediction_seconds,
        run.folder,
    ]
