"""Scores of labelled walks, and the answers they are held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.columns import count
from gait import metrics
from gait.calibration import Reliability, abstention_curve, reliability
from gait.metrics import Scores
from gait.predictions import Predictions

# Below this the cluster bootstrap covers visibly less than it claims (see `gait.metrics.interval`).
FEW_GROUPS = 10


@dataclass(frozen=True)
class Baseline:
    """What always answering one class would score here; ``accuracy`` is in [0, 1]."""

    answer: str
    accuracy: float
    reason: str


@dataclass(frozen=True)
class Floor:
    """What answers that need no model score here, each in [0, 1]; see :mod:`gait.floors`."""

    name: str
    accuracy: float
    balanced_accuracy: float


@dataclass(frozen=True, eq=False)
class Summary:
    """Scores of a set of labelled walks, their interval and the constant answers they are held against.

    ``interval`` is of the accuracy, 95 %, NaN where it cannot be given, ``balanced_interval`` and ``f_interval`` of
    balanced accuracy and macro F-score; ``resampled`` says in words what it
    resamples and ``groups`` how many of those there are. ``advantage`` is the accuracy less that of the
    strongest constant answer, and its 95 % interval, both scored on the same resamples. ``stated`` holds stated
    probabilities against what is right, ``answering`` the accuracy by the share of walks answered, the surest
    first.
    """

    walks: int
    scores: Scores
    interval: tuple[float, float]
    balanced_interval: tuple[float, float]
    f_interval: tuple[float, float]
    groups: int
    resampled: str
    baselines: tuple[Baseline, ...]
    advantage: tuple[float, float, float]
    floors: tuple[Floor, ...]
    stated: Reliability
    answering: tuple[np.ndarray, np.ndarray]

    @property
    def strongest(self) -> Baseline:
        """The best constant answer. It is never below chance: some class has at least 1/K of the walks."""
        return _strongest(self.baselines)

    @property
    def verdict(self) -> str:
        """``better`` or ``worse`` than the best constant answer, or ``undecided``, by the paired interval."""
        _, low, high = self.advantage
        if low > 0:
            return "better"
        return "worse" if high < 0 else "undecided"


def summarise(
    predictions: Predictions,
    chosen: np.ndarray,
    training_majority: str | None,
    floors: Mapping[str, Sequence[str]],
) -> Summary | None:
    """Score the walks where ``chosen`` (N,) is true, or return None where there are none."""
    rows = np.flatnonzero(chosen)
    if len(rows) == 0:
        return None
    classes = predictions.classes
    labels = np.array([classes.index(predictions.labels[i]) for i in rows])
    predicted = predictions.probabilities[rows].argmax(axis=1)
    groups, resampled = _groups(predictions, rows)
    baselines = _baselines(labels, classes, training_majority)
    strongest = classes.index(_strongest(baselines).answer)
    return Summary(
        walks=len(rows),
        scores=metrics.scores(labels, predicted, len(classes)),
        interval=metrics.interval(labels, predicted, groups),
        balanced_interval=metrics.interval(labels, predicted, groups, metrics.balanced_accuracy),
        f_interval=metrics.interval(labels, predicted, groups, metrics.macro_f_score),
        groups=len(set(groups)),
        resampled=resampled,
        baselines=baselines,
        advantage=metrics.paired_difference(labels, predicted, np.full(len(labels), strongest), groups),
        floors=tuple(
            Floor(name, metrics.accuracy(labels, given), metrics.balanced_accuracy(labels, given))
            for name, answers in floors.items()
            for given in [np.array([classes.index(answers[i]) for i in rows])]
        ),
        stated=reliability(predictions.probabilities[rows], labels),
        answering=abstention_curve(predictions.probabilities[rows], labels),
    )


def _strongest(baselines: Sequence[Baseline]) -> Baseline:
    return max(baselines, key=lambda b: b.accuracy)


def _groups(predictions: Predictions, rows: np.ndarray) -> tuple[list[str], str]:
    """Return what is resampled together, a name a row, and in words: subjects, or videos where unknown."""
    people = [predictions.subjects[i] for i in rows]
    known, strangers = len({p for p in people if p is not None}), sum(p is None for p in people)
    groups = [
        f"video {predictions.names[i]}" if p is None else f"subject {p}"
        for i, p in zip(rows, people, strict=True)
    ]
    words = []
    if known:
        words.append(count(known, "subject"))
    if strangers:
        words.append(f"{count(strangers, 'video')}, {'their subjects' if known else 'subjects'} unknown")
    return groups, " and ".join(words)


def _baselines(
    labels: np.ndarray, classes: Sequence[str], training_majority: str | None
) -> tuple[Baseline, ...]:
    """Constant answers: the class most frequent in training, where known, and in the test, if better."""
    test_class, test_accuracy = metrics.majority_accuracy(labels, len(classes))
    counts = np.bincount(labels, minlength=len(classes))
    alone = np.sum(counts == counts.max()) == 1
    most = "most frequent in this test" if alone else "none is more frequent in this test"
    of_test = Baseline(classes[test_class], test_accuracy, most)
    if training_majority is None:
        return (of_test,)
    known = classes.index(training_majority)
    _, accuracy = metrics.majority_accuracy(labels, len(classes), known)
    of_training = Baseline(training_majority, accuracy, "none was more frequent in training")
    return (of_training,) if accuracy == test_accuracy else (of_training, of_test)
