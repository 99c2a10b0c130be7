"""The report in words: plain text, the same on a terminal and off it."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

import numpy as np

from evaluation.affect import affect_lines
from evaluation.columns import (
    NAME_WIDTH,
    WIDTH,
    class_headings,
    count,
    percent,
    printable,
    table,
    width,
    with_interval,
)
from evaluation.report import Report
from evaluation.scoring import FEW_GROUPS, Summary
from gait import metrics
from gait.agreement import STABLE
from gait.leaks import reasons

# Beside names and probabilities a row holds two gaps, and a third before its last word, "right, leak".
_GAPS_AND_MARK = 17
_LEAKS_LISTED = 10
# An interval this wide deserves a sentence of its own.
_WIDE = 0.2
# From so many walks on, to be right about all of them is a warning sign.
_MANY_RIGHT = 10
# So is to be right more often than this at the least: people agree far less (on the 61 clips of docs/results.md one
# rater agrees with the others in 58.6 %, a panel of five in 68.5 %), so that labels that people gave can hardly be
# told as often as that from the walk alone.
_HARDLY_POSSIBLE = 0.9


def report_text(report: Report) -> str:
    """The report as plain text."""
    walks = (_walks(report), _views(report))
    noted = (_remarks(report), _left_out(report))
    sections = [_heading(report), leak_lines(report), *walks, *noted, *_score_sections(report)]
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _heading(report: Report) -> list[str]:
    n = len(report.predictions.names)
    unlabelled = sum(label is None for label in report.predictions.labels)
    walks = count(n, "walk")
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
    lines.append(f"Without them ({count(s.walks, 'walk')}): accuracy {_accuracy(s)},")
    balanced, f_score = percent(s.scores.balanced_accuracy), percent(s.scores.macro.f_score)
    lines.append(f"balanced accuracy {balanced}, macro F-score {f_score}.")
    too_high = f"With them it would be {percent(report.summary.scores.accuracy)}, which is too high"
    return [*lines, f"{too_high}: all that is scored below is without them."]


def _walks(report: Report) -> list[str]:
    """One row a walk: name, true, predicted, the probability of each class, and whether it is right."""
    p = report.predictions
    if not p.names:
        return ["No walk was predicted."]
    true = ["-" if label is None else printable(label) for label in p.labels]
    said = p.predicted
    predicted = [printable(c) for c in said]
    names = [printable(n) for n in p.names]
    taken = min(max(map(width, names)), NAME_WIDTH) + sum(max(map(width, c)) for c in (true, predicted))
    headings, legend = class_headings(p.classes, WIDTH - taken - _GAPS_AND_MARK)
    rows = [["video", "true", "predicted", *headings, ""]]
    for i, name in enumerate(names):
        percents = [f"{100 * x:.1f}" for x in p.probabilities[i]]
        mark = mark_of(p.labels[i], said[i], report.leaked[i])
        rows.append([name, true[i], predicted[i], *percents, mark])
    align = "lll" + "r" * len(headings) + "l"
    return ["Predictions (probabilities in %)", *legend, *table(rows, align, NAME_WIDTH)]


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
    return ["By view (in %)", *table(rows, "l" * len(rows[0]), NAME_WIDTH)]


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
    return [f"Left out: {count(len(lines), 'file')}", *lines]


def _score_sections(report: Report) -> list[list[str]]:
    s, classes = report.counted, [printable(c) for c in report.predictions.classes]
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
    lines = [f"Scores on {count(s.walks, 'labelled walk')} (in %)", *table(rows, "lrrrr")]
    if absent := [name for name, n in zip(classes, s.scores.support, strict=True) if n == 0]:
        note = f"No walk of this test is {', '.join(absent)}: balanced accuracy is the others' mean recall."
        lines += textwrap.wrap(note, WIDTH)
    return lines


def _confusion(s: Summary, classes: Sequence[str]) -> list[str]:
    headings, legend = class_headings(classes, WIDTH - max(map(width, classes)))
    rows = [["", *headings]]
    rows += [[name, *map(str, counts)] for name, counts in zip(classes, s.scores.confusion, strict=True)]
    return [
        "Confusion matrix (rows: true, columns: predicted)",
        *legend,
        *table(rows, "l" + "r" * len(headings)),
    ]


def _overall(report: Report, s: Summary) -> list[str]:
    lines = [f"{name}: {value}" for name, value in key_figures(report, s)]
    return lines + human_lines(report)


def key_figures(report: Report, s: Summary) -> list[tuple[str, str]]:
    """What is measured and what it is held against, each with its value in words."""
    K = len(report.predictions.classes)
    return [
        ("accuracy", _accuracy(s)),
        ("balanced accuracy", with_interval(s.scores.balanced_accuracy, s.balanced_interval)),
        ("macro F-score", with_interval(s.scores.macro.f_score, s.f_interval)),
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


def _accuracy(s: Summary) -> str:
    low, high = s.interval
    if math.isnan(low):
        return f"{percent(s.scores.accuracy)} (no interval: {s.resampled})"
    return (
        f"{percent(s.scores.accuracy)} (95 % interval {100 * low:.1f} to {percent(high)}, "
        f"resampling {s.resampled})"
    )


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
        walks = f"{report.stable.walks} of {count(len(report.predictions.names), 'walk')}"
        lines.append(
            f"labels that {STABLE:.0%} of resampled raters give again: {walks}; accuracy on these "
            f"{_accuracy(report.stable)}, always '{printable(report.stable.strongest.answer)}' "
            f"{percent(report.stable.strongest.accuracy)}"
        )
    return lines


def verdict_lines(report: Report, s: Summary) -> list[str]:
    """Say in words whether the test shows anything, on the walks that did not leak."""
    if any(report.leaked) and report.without_leaks is None:
        return ["Every labelled walk was in training: this says nothing about new walks."]
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
    if 1 < s.groups < FEW_GROUPS:
        text += (
            f" With as few as {s.resampled}, the interval is narrower than it should be: test more people."
        )
    return textwrap.wrap(text, WIDTH)


def too_good(report: Report, s: Summary) -> str:
    """A warning where a score is higher than walks alone can make it; empty elsewhere.

    That is where all of ten walks or more are right; where even the lower end of the interval is above nine tenths and
    no constant answer explains it; and where it is above the share of labels that raters, asked again, would give
    again.
    """
    ceiling = report.human.ceiling if report.human else math.nan
    all_right = s.scores.accuracy == 1 and s.walks >= _MANY_RIGHT and s.strongest.accuracy < 1
    hardly = s.interval[0] > _HARDLY_POSSIBLE and s.walks >= _MANY_RIGHT and s.verdict == "better"
    if not (all_right or hardly or s.interval[0] > ceiling):
        return ""
    found = (
        f"all {s.walks} answers are right"
        if all_right
        else f"an accuracy of {percent(s.interval[0])} at the least"
    )
    text = f"TOO GOOD TO BE TRUE: {found}"
    if s.scores.accuracy > ceiling:
        text += f", and raters, asked again, would give only {percent(ceiling)} of these labels again"
    elif not all_right:
        text += ", and people agree far less about how walks look"
    if neighbours := [floor for floor in s.floors if floor.accuracy == 1]:
        text += f"; {neighbours[0].name} is right about all of them, too"
    return (
        f"{text}. Look for the answer in what the model is given: copies of its training walks, people under two "
        "names, another place, camera or file for each class."
    )
