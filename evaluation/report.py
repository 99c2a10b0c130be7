"""From predictions to a report: plain text for the console, JSON, CSV and a picture for the run folder."""

from __future__ import annotations

import json
import math
import textwrap
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from evaluation.affect import AffectScores, affect_lines, affect_to_json, score_affect
from evaluation.figures import calibration_figure, confusion_figure, png
from gait import metrics
from gait.agreement import STABLE, HumanAgreement
from gait.calibration import Reliability, abstention_curve, reliability
from gait.errors import GaitmoodError
from gait.leaks import Leak, reasons
from gait.metrics import Scores
from gait.predictions import Predictions, write_beside

SCHEMA = 1
FILES = ("report.html", "report.json", "report.txt", "predictions.csv", "confusion.png", "calibration.png")
WIDTH = 110
# A longer name stands on a line of its own, so that one file does not push the whole table to the right.
_NAME_WIDTH = 40
# Beside names and probabilities a row holds two gaps, and a third before its last word, "right, leak".
_GAPS_AND_MARK = 17
# Below this the cluster bootstrap covers visibly less than it claims (see `gait.metrics.interval`).
_FEW_GROUPS = 10
_LEAKS_LISTED = 10
# An interval this wide deserves a sentence of its own.
_WIDE = 0.2
# From so many walks on, to be right about all of them is a warning sign.
_MANY_RIGHT = 10


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


@dataclass(frozen=True, eq=False)
class Report:
    """A finished test, ready to be printed or written; see :func:`make_report` for the parts.

    ``summary`` is None where no walk is labelled; ``without_leaks`` where nothing leaked or nothing else is
    left; ``stable``, on the walks whose label other raters would give again, where raters are not known or nothing
    is left.
    """

    title: str
    model: str
    predictions: Predictions
    left_out: tuple[tuple[str, str], ...]
    leaked: tuple[bool, ...]
    leaks: tuple[Leak, ...]
    human: HumanAgreement | None
    summary: Summary | None
    without_leaks: Summary | None
    stable: Summary | None
    affect: AffectScores | None
    remarks: tuple[str, ...] = ()

    def text(self) -> str:
        """Return the report as plain text, the same on a terminal and off it."""
        walks = (_walks(self), _views(self))
        noted = (_remarks(self), _left_out(self))
        sections = [_heading(self), leak_lines(self), *walks, *noted, *_score_sections(self)]
        return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"

    def to_json(self) -> dict:
        """Return the report as a dictionary of plain JSON types; a number that cannot be given is None."""
        return {
            "schema": SCHEMA,
            "title": self.title,
            "model": self.model,
            "classes": list(self.predictions.classes),
            "walks": [_walk_to_json(self, i) for i in range(len(self.predictions.names))],
            "left_out": [{"video": name, "reason": reason} for name, reason in self.left_out],
            "remarks": list(self.remarks),
            "leaks": [n for n, leak in zip(self.predictions.names, self.leaked, strict=True) if leak],
            "leak_reasons": reasons(self.leaks),
            "too_good": self.summary and (too_good(self, self.without_leaks or self.summary) or None),
            "scores": _summary_to_json(self.summary, self.predictions.classes),
            "scores_without_leaks": _summary_to_json(self.without_leaks, self.predictions.classes),
            "scores_on_stable_labels": _summary_to_json(self.stable, self.predictions.classes),
            "affect": affect_to_json(self.affect),
            "human": self.human and _human_to_json(self.human),
        }


def make_report(
    predictions: Predictions,
    *,
    title: str,
    model: str,
    training_majority: str | None = None,
    human: HumanAgreement | None = None,
    left_out: Sequence[tuple[str, str]] = (),
    leaks: Sequence[Leak] | Sequence[str] = (),
    floors: Mapping[str, Sequence[str]] | None = None,
    remarks: Sequence[str] = (),
) -> Report:
    """Score predictions and gather all that a report says.

    Parameters
    ----------
    predictions : Predictions
        Walks without a label are listed and not scored.
    title, model : str
        What was tested, and the model in a line.
    training_majority : str or None
        The class that was most frequent in training, where known.
    human : HumanAgreement or None
        How well people agree on these walks, where ratings are known.
    left_out : sequence of (name, reason)
        Files that could not be used.
    leaks : sequence of Leak, or of str
        What walks share with those of training; or only the names, as in ``predictions.names``, of walks that were
        in training.
    floors : mapping of str to sequence of str
        What answers that need no model say of each walk.
    remarks : sequence of str
        What a reader should know of how the walks were read: several people in view, sides put right, and so on.

    Raises
    ------
    ValueError
        Where ``training_majority`` is no class of the model, or a leak is none of the walks.
    """
    if training_majority is not None and training_majority not in predictions.classes:
        raise ValueError(
            f"expected one of {predictions.classes} as training majority, got {training_majority!r}"
        )
    names = {leak if isinstance(leak, str) else leak.walk for leak in leaks}
    if unknown := names - set(predictions.names):
        raise ValueError(f"expected leaks to be names of walks, got {sorted(unknown)}")
    leaked = np.array([name in names for name in predictions.names], dtype=bool)
    labelled = np.array([label is not None for label in predictions.labels], dtype=bool)

    def score(chosen: np.ndarray) -> Summary | None:
        return _summarise(predictions, chosen, training_majority, floors or {})

    return Report(
        title=title,
        model=model,
        predictions=predictions,
        left_out=tuple((name, reason) for name, reason in left_out),
        leaked=tuple(bool(x) for x in leaked),
        leaks=tuple(leak for leak in leaks if isinstance(leak, Leak)),
        human=human,
        summary=score(labelled),
        without_leaks=score(labelled & ~leaked) if leaks else None,
        stable=score(labelled & ~leaked & _stable(predictions, human)),
        affect=score_affect(predictions, leaked),
        remarks=tuple(remarks),
    )


def _stable(predictions: Predictions, human: HumanAgreement | None) -> np.ndarray:
    """(N,) walks whose label other raters would give again."""
    names = human.stable if human else frozenset()
    return np.array([name in names for name in predictions.names], dtype=bool)


def write_report(
    report: Report,
    folder: str | Path,
    strips: Mapping[str, bytes] | None = None,
    pictures: Mapping[str, bytes] | None = None,
) -> tuple[Path, ...]:
    """Write report.html, report.json, report.txt, predictions.csv and, where anything is scored, two pictures.

    Parameters
    ----------
    report : Report
    folder : path
        Made where it is not there.
    strips : mapping of str to bytes
        Pictures of walks for the page, see :func:`evaluation.strips.mistake_strips`.
    pictures : mapping of str to bytes
        Further .png files for the page, by title.

    Returns
    -------
    tuple of Path
        What was written.

    Raises
    ------
    GaitmoodError
        Where one of them is there already (nothing is written then), or the disk refuses.
    """
    from evaluation.page import page  # the page is made of this module's words

    folder = Path(folder)
    if there := [name for name in FILES if (folder / name).exists()]:
        raise GaitmoodError(
            f"{folder} already holds {', '.join(there)}, which would be overwritten; choose another folder"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise GaitmoodError(f"cannot make the folder {folder}: {e.strerror}; choose another folder") from e
    report.predictions.save_csv(folder / "predictions.csv")
    # ASCII escapes keep even a file name that is not UTF-8 readable as JSON.
    write_beside(
        folder / "report.json", json.dumps(report.to_json(), indent=1, allow_nan=False).encode() + b"\n"
    )
    write_beside(folder / "report.txt", report.text().encode())
    pictures = dict(pictures or {})
    if report.summary is not None:
        s, classes = report.summary, report.predictions.classes
        confusion = confusion_figure(s.scores.confusion, classes, report.title)
        write_beside(folder / "confusion.png", png(confusion))
        calibration = png(calibration_figure(s.stated, s.answering, metrics.chance(len(classes))))
        write_beside(folder / "calibration.png", calibration)
        pictures = {"How sure, and how right": calibration, **pictures}
    write_beside(folder / "report.html", page(report, strips or {}, pictures).encode())
    return tuple(folder / name for name in FILES if (folder / name).exists())


# --- Scoring -----------------------------------------------------------------------------------------------


def _summarise(
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
        words.append(_count(known, "subject"))
    if strangers:
        words.append(f"{_count(strangers, 'video')}, {'their subjects' if known else 'subjects'} unknown")
    return groups, " and ".join(words)


def _baselines(
    labels: np.ndarray, classes: Sequence[str], training_majority: str | None
) -> tuple[Baseline, ...]:
    """Constant answers: the class most frequent in training, where known, and in the test, if better."""
    test_class, test_accuracy = metrics.majority_accuracy(labels, len(classes))
    of_test = Baseline(classes[test_class], test_accuracy, "most frequent in this test")
    if training_majority is None:
        return (of_test,)
    known = classes.index(training_majority)
    _, accuracy = metrics.majority_accuracy(labels, len(classes), known)
    of_training = Baseline(training_majority, accuracy, "most frequent in training")
    return (of_training,) if accuracy == test_accuracy else (of_training, of_test)


# --- JSON --------------------------------------------------------------------------------------------------


def _walk_to_json(report: Report, i: int) -> dict:
    p = report.predictions
    predicted = p.classes[p.probabilities[i].argmax()]
    return {
        "video": p.names[i],
        "true": p.labels[i],
        "predicted": predicted,
        "right": None if p.labels[i] is None else p.labels[i] == predicted,
        "leak": report.leaked[i],
        "subject": p.subjects[i],
        "clips": int(p.clips[i]),
        "probabilities": {c: float(x) for c, x in zip(p.classes, p.probabilities[i], strict=True)},
        **(p.affect.said_of(i) if p.affect else {}),
        **({"views": p.views.said_of(i, p.classes)} if p.views else {}),
    }


def _summary_to_json(summary: Summary | None, classes: Sequence[str]) -> dict | None:
    if summary is None:
        return None
    s = summary.scores
    per_class = {
        c: {
            "precision": float(s.precision[k]),
            "recall": float(s.recall[k]),
            "f_score": float(s.f_score[k]),
            "support": int(s.support[k]),
        }
        for k, c in enumerate(classes)
    }
    return {
        "walks": summary.walks,
        "accuracy": s.accuracy,
        "interval": [_finite(x) for x in summary.interval],
        "interval_level": 0.95,
        "resampled": summary.resampled,
        "balanced_accuracy": s.balanced_accuracy,
        "balanced_accuracy_interval": [_finite(x) for x in summary.balanced_interval],
        "macro_f_score_interval": [_finite(x) for x in summary.f_interval],
        "macro": asdict(s.macro),
        "weighted": asdict(s.weighted),
        "per_class": per_class,
        "confusion": s.confusion.tolist(),
        "baselines": [asdict(b) for b in summary.baselines],
        "floors": [asdict(f) for f in summary.floors],
        "chance": metrics.chance(len(classes)),
        "advantage": [_finite(x) for x in summary.advantage],
        "verdict": summary.verdict,
        "calibration": {
            "expected_error": summary.stated.error,
            "confidence": summary.stated.confidence.tolist(),
            "accuracy": summary.stated.accuracy.tolist(),
            "walks": summary.stated.rows.tolist(),
        },
        "answering": {
            "share": summary.answering[0].tolist(),
            "accuracy": summary.answering[1].tolist(),
        },
    }


def _human_to_json(human: HumanAgreement) -> dict:
    return {k: _finite(v) if isinstance(v, float) else v for k, v in asdict(human).items()}


def _finite(x: float) -> float | None:
    """JSON has no NaN."""
    return x if math.isfinite(x) else None


# --- Text: the sections ------------------------------------------------------------------------------------


def _heading(report: Report) -> list[str]:
    n = len(report.predictions.names)
    unlabelled = sum(label is None for label in report.predictions.labels)
    walks = _count(n, "walk")
    if 0 < unlabelled < n:
        walks += f", {unlabelled} of them without a label: listed, not scored"
    return [printable(report.title), f"model: {printable(report.model)}", f"tested: {walks}"]


def leak_lines(report: Report) -> list[str]:
    """Which walks were in training, and what is left of the score without them; nothing where none was."""
    names = [n for n, leak in zip(report.predictions.names, report.leaked, strict=True) if leak]
    if not names:
        return []
    why = reasons(report.leaks)
    people = not all(leak.is_copy for leak in report.leaks)
    who = ", or the people in them," if people else ""
    lines = [
        f"LEAK: {len(names)} of these walks{who} {'was' if len(names) + people == 1 else 'were'} in training:"
    ]
    lines += [f"  {printable(f'{n}: {why[n]}' if n in why else n)}" for n in names[:_LEAKS_LISTED]]
    if len(names) > _LEAKS_LISTED:
        lines.append(f"  and {len(names) - _LEAKS_LISTED} more, marked 'leak' below")
    if report.summary is None:
        return lines
    if report.without_leaks is None:
        what = "no test of people it does not know" if people else "no test, and its scores mean nothing"
        return [*lines, f"No labelled walk is left without them: this is {what}."]
    s = report.without_leaks
    lines.append(f"Without them ({_count(s.walks, 'walk')}): accuracy {_accuracy(s)},")
    balanced, f_score = percent(s.scores.balanced_accuracy), percent(s.scores.macro.f_score)
    lines.append(f"balanced accuracy {balanced}, macro F-score {f_score}.")
    return [*lines, "The scores further down include them and are too high."]


def _walks(report: Report) -> list[str]:
    """One row a walk: name, true, predicted, the probability of each class, and whether it is right."""
    p = report.predictions
    if not p.names:
        return ["No walk was predicted."]
    true = ["-" if label is None else printable(label) for label in p.labels]
    said = p.predicted
    predicted = [printable(c) for c in said]
    names = [printable(n) for n in p.names]
    taken = min(max(map(_width, names)), _NAME_WIDTH) + sum(max(map(_width, c)) for c in (true, predicted))
    headings, legend = _class_headings(p.classes, WIDTH - taken - _GAPS_AND_MARK)
    rows = [["video", "true", "predicted", *headings, ""]]
    for i, name in enumerate(names):
        percents = [f"{100 * x:.1f}" for x in p.probabilities[i]]
        mark = mark_of(p.labels[i], said[i], report.leaked[i])
        rows.append([name, true[i], predicted[i], *percents, mark])
    align = "lll" + "r" * len(headings) + "l"
    return ["Predictions (probabilities in %)", *legend, *_table(rows, align, _NAME_WIDTH)]


def _views(report: Report) -> list[str]:
    """One row a walk: what the model answers if the walk is seen from each side; nothing where it knows no sides."""
    p = report.predictions
    if p.views is None or not p.names:
        return []
    rows = [["video", *map(printable, p.views.views), "taken for", "combined"]]
    for i, name in enumerate(p.names):
        best, taken = p.views.probabilities[i].argmax(axis=1), p.views.shares[i].argmax()
        answers = [
            f"{printable(p.classes[k])} {100 * q[k]:.0f}"
            for k, q in zip(best, p.views.probabilities[i], strict=True)
        ]
        view = f"{printable(p.views.views[taken])} {100 * p.views.shares[i, taken]:.0f}"
        rows.append([printable(name), *answers, view, printable(p.predicted[i])])
    return ["By view (in %)", *_table(rows, "l" * len(rows[0]), _NAME_WIDTH)]


def mark_of(label: str | None, predicted: str, leaked: bool) -> str:
    """Say ``right`` or ``wrong`` of a walk, or nothing where it has no label, and whether it leaked."""
    verdict = "" if label is None else "right" if label == predicted else "wrong"
    return ", ".join(filter(None, (verdict, "leak" if leaked else "")))


def _remarks(report: Report) -> list[str]:
    lines = [f"  {printable(remark)}" for remark in report.remarks]
    return ["How the walks were read", *lines] if lines else []


def _left_out(report: Report) -> list[str]:
    if not report.left_out:
        return []
    lines = [f"  {printable(name)}: {printable(reason)}" for name, reason in report.left_out]
    return [f"Left out: {_count(len(lines), 'file')}", *lines]


def _score_sections(report: Report) -> list[list[str]]:
    s, classes = report.summary, [printable(c) for c in report.predictions.classes]
    if s is None:
        return [_no_labels()] if report.predictions.names else []
    return [
        _class_scores(s, classes),
        _confusion(s, classes),
        _overall(report, s),
        affect_lines(report.affect),
        verdict_lines(report, s),
    ]


def _no_labels() -> list[str]:
    return textwrap.wrap(
        "No score can be given: no labels were found for these walks. To get one, sort the videos into a "
        "folder for each class (happy/a.mp4), put a labels.csv with the columns video and label beside them, "
        "or name such a file or a rating spreadsheet with --labels.",
        WIDTH,
    )


def _class_scores(s: Summary, classes: Sequence[str]) -> list[str]:
    rows = [["", "precision", "recall", "F-score", "support"]]
    for k, name in enumerate(classes):
        three = (s.scores.precision[k], s.scores.recall[k], s.scores.f_score[k])
        rows.append([name, *(f"{100 * x:.1f}" for x in three), str(s.scores.support[k])])
    for name, average in (("macro average", s.scores.macro), ("weighted average", s.scores.weighted)):
        three = (average.precision, average.recall, average.f_score)
        rows.append([name, *(f"{100 * x:.1f}" for x in three), str(s.walks)])
    lines = [f"Scores on {_count(s.walks, 'labelled walk')} (in %)", *_table(rows, "lrrrr")]
    if absent := [name for name, n in zip(classes, s.scores.support, strict=True) if n == 0]:
        note = f"No walk of this test is {', '.join(absent)}: balanced accuracy is the others' mean recall."
        lines += textwrap.wrap(note, WIDTH)
    return lines


def _confusion(s: Summary, classes: Sequence[str]) -> list[str]:
    headings, legend = _class_headings(classes, WIDTH - max(map(_width, classes)))
    rows = [["", *headings]]
    rows += [[name, *map(str, counts)] for name, counts in zip(classes, s.scores.confusion, strict=True)]
    return [
        "Confusion matrix (rows: true, columns: predicted)",
        *legend,
        *_table(rows, "l" + "r" * len(headings)),
    ]


def _overall(report: Report, s: Summary) -> list[str]:
    lines = [f"{name}: {value}" for name, value in key_figures(report, s)]
    return lines + human_lines(report)


def key_figures(report: Report, s: Summary) -> list[tuple[str, str]]:
    """What is measured and what it is held against, each with its value in words."""
    K = len(report.predictions.classes)
    return [
        ("accuracy", _accuracy(s)),
        ("balanced accuracy", _with_interval(s.scores.balanced_accuracy, s.balanced_interval)),
        ("macro F-score", _with_interval(s.scores.macro.f_score, s.f_interval)),
        *(
            (f"always answering '{printable(b.answer)}' ({b.reason})", percent(b.accuracy))
            for b in s.baselines
        ),
        *((f.name, f"{percent(f.accuracy)} (balanced {percent(f.balanced_accuracy)})") for f in s.floors),
        (f"chance (guessing among {K} classes)", percent(metrics.chance(K))),
        *_advantage(s),
        ("stated probability of the answers, mean", _calibration(s)),
    ]


def _advantage(s: Summary) -> list[tuple[str, str]]:
    """The difference to the best constant answer, on the same walks."""
    found, low, high = (100 * x for x in s.advantage)
    if math.isnan(low):
        return []
    name = f"accuracy less that of always answering '{printable(s.strongest.answer)}'"
    return [(name, f"{found:+.1f} points (95 % interval {low:+.1f} to {high:+.1f})")]


def _calibration(s: Summary) -> str:
    """How sure the answers are against how often they are right, and what answering only half would bring."""
    sure = float(np.average(s.stated.confidence, weights=s.stated.rows))
    text = f"{percent(sure)} (expected calibration error {percent(s.stated.error)})"
    share, accuracy = s.answering
    half = np.flatnonzero(share <= 0.5)
    if len(half):
        text += f"; accuracy on the surest {share[half[-1]]:.0%}: {percent(accuracy[half[-1]])}"
    return text


def human_lines(report: Report) -> list[str]:
    """As :func:`human_facts`, in lines of the report's width."""
    return [line for fact in human_facts(report) for line in textwrap.wrap(fact, WIDTH)]


def human_facts(report: Report) -> list[str]:
    """How well people agree on these walks: the ceiling of what a score can mean."""
    human = report.human
    if human is None:
        return []
    size = "five" if human.panel_size == 5 else human.panel_size
    figures = (
        ("one rater agrees with the others", human.one_rater),
        (f"two panels of {size}", human.panels),
        (f"a panel of {size} with all others", human.panel_with_rest),
    )
    parts = [f"{name}: {percent(share)}" for name, share in figures if math.isfinite(share)]
    lines = ["; ".join(parts)] if parts else []
    if math.isfinite(human.icc_one):
        lines.append(
            f"reliability of ratings (intraclass correlation): one rater {human.icc_one:.2f}, "
            f"the mean over a walk's raters {human.icc_mean:.2f}"
        )
    if math.isfinite(human.ceiling):
        lines.append(f"labels that as many raters, asked again, would give again: {percent(human.ceiling)}")
    if report.stable is not None:
        count = f"{report.stable.walks} of {_count(len(report.predictions.names), 'walk')}"
        lines.append(
            f"labels that {STABLE:.0%} of resampled raters give again: {count}; accuracy on these "
            f"{_accuracy(report.stable)}, always '{printable(report.stable.strongest.answer)}' "
            f"{percent(report.stable.strongest.accuracy)}"
        )
    return lines


def verdict_lines(report: Report, s: Summary) -> list[str]:
    """Say in words whether the test shows anything, on the walks that did not leak."""
    if any(report.leaked):
        if report.without_leaks is None:
            return ["Every labelled walk was in training: this says nothing about new walks."]
        s = report.without_leaks
    constant = f"always answering '{printable(s.strongest.answer)}' ({percent(s.strongest.accuracy)})"
    text = {
        "better": f"The model does better than {constant}, by the interval of the difference.",
        "worse": f"The model does worse than {constant}, by the interval of the difference.",
        "undecided": f"This test cannot tell the model from {constant}.",
    }[s.verdict]
    low, high = s.interval
    if high - low >= _WIDE:
        text += f" It cannot tell an accuracy of {percent(low)} from one of {percent(high)} either."
    if any(report.leaked):
        text = f"Without the walks that were in training: {text}"
    if warning := too_good(report, s):
        text = f"{warning} {text}"
    if 1 < s.groups < _FEW_GROUPS:
        text += (
            f" With as few as {s.resampled}, the interval is narrower than it should be: test more people."
        )
    return textwrap.wrap(text, WIDTH)


def too_good(report: Report, s: Summary) -> str:
    """A warning where a score is higher than walks alone can make it; empty elsewhere.

    That is where all of ten walks or more are right, and where even the lower end of the interval is above the share
    of labels that raters, asked again, would give again.
    """
    ceiling = report.human.ceiling if report.human else math.nan
    all_right = s.scores.accuracy == 1 and s.walks >= _MANY_RIGHT and s.strongest.accuracy < 1
    above = s.interval[0] > ceiling
    if not (all_right or above):
        return ""
    found = (
        f"all {s.walks} answers are right"
        if all_right
        else f"an accuracy of {percent(s.interval[0])} at the least"
    )
    text = f"TOO GOOD TO BE TRUE: {found}"
    if s.scores.accuracy > ceiling:
        text += f", and raters, asked again, would give only {percent(ceiling)} of these labels again"
    if neighbours := [floor for floor in s.floors if floor.accuracy == 1]:
        text += f"; {neighbours[0].name} is right about all of them, too"
    return (
        f"{text}. Look for the answer in what the model is given: copies of its training walks, people under two "
        "names, another place, camera or file for each class."
    )


# --- Text: words and columns -------------------------------------------------------------------------------


def percent(x: float) -> str:
    """A share in words."""
    return f"{100 * x:.1f} %"


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _with_interval(value: float, interval: tuple[float, float]) -> str:
    low, high = interval
    return percent(value) if math.isnan(low) else f"{percent(value)} ({100 * low:.1f} to {percent(high)})"


def _accuracy(s: Summary) -> str:
    low, high = s.interval
    if math.isnan(low):
        return f"{percent(s.scores.accuracy)} (no interval: {s.resampled})"
    return (
        f"{percent(s.scores.accuracy)} (95 % interval {100 * low:.1f} to {percent(high)}, "
        f"resampling {s.resampled})"
    )


def _class_headings(classes: Sequence[str], room: int) -> tuple[list[str], list[str]]:
    """Return column headings and the lines that explain them: names, or numbers where they are too wide."""
    names = [printable(c) for c in classes]
    if sum(max(_width(n), 5) + 2 for n in names) <= room:
        return names, []
    numbers = [str(k) for k in range(1, len(names) + 1)]
    key = ", ".join(f"{k} = {n}" for k, n in zip(numbers, names, strict=True))
    return numbers, textwrap.wrap(f"columns: {key}", WIDTH)


def _table(rows: Sequence[Sequence[str]], align: str, first_width: int = WIDTH) -> list[str]:
    """Lay out rows in columns two blanks apart; ``align`` holds ``l`` or ``r`` for each column.

    A first cell wider than ``first_width`` stands on a line of its own.
    """
    widths = [max(_width(row[j]) for row in rows) for j in range(len(align))]
    widths[0] = max(w for w in (_width(row[0]) for row in rows) if w <= first_width)
    lines = []
    for first, *rest in rows:
        if _width(first) > widths[0]:
            lines.append(first)
            first = ""
        cells = [_pad(cell, w, side) for cell, w, side in zip([first, *rest], widths, align, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return lines


def _pad(text: str, width: int, side: str) -> str:
    blanks = " " * (width - _width(text))
    return blanks + text if side == "r" else text + blanks


def _width(text: str) -> int:
    """Return the columns a text takes on a terminal: wide characters two, combining ones none (UAX 11)."""
    return sum(
        0 if unicodedata.category(c) in ("Mn", "Me") else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def printable(text: str) -> str:
    """Escape what would break a line, steer a terminal, or cannot be encoded; names come from files."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
