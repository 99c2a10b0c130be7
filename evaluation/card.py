"""The model card: what a model is, its data, its test, how well it does, and what it must not be used for.

Mitchell et al. 2019, Model cards for model reporting, FAT* '19:220-229.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from evaluation.columns import printable
from evaluation.report import Report
from evaluation.report_text import human_lines, key_figures, verdict_lines
from evaluation.scoring import Summary
from gait.bundle import SPLITS, Bundle
from gait.inputs import describe

FILE = "MODEL_CARD.md"
_FEW_PEOPLE = 10
_BADLY_CALIBRATED = 0.1
_KINDS = {
    "clips": "frames",
    "landmark clips": "frames and landmarks",
    "joints": "joints over time",
    "features": "gait features of a walk",
}


def model_card(report: Report, bundle: Bundle) -> str:
    """The card as Markdown.

    Parameters
    ----------
    report : Report
        Of a test of this model. Where walks leaked from training, the card gives the numbers without them.
    bundle : Bundle
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=False,  # Markdown, whose own marks _cell escapes
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_cell,
    )
    summary = report.without_leaks if any(report.leaked) else report.summary
    return environment.get_template("card.md").render(
        name=bundle.path.name,
        date=time.strftime("%Y-%m-%d"),
        labels="what raters" if report.human is not None else "what whoever sorted the walks",
        synthetic=bool(bundle.record.options.get("demo")),
        model=_model(bundle),
        sides=[*SPLITS, "tested"],
        walks=_walks(report, bundle),
        data=_people(report, bundle),
        protocol=_protocol(report, summary),
        leaks=_leaks(report),
        figures=[] if summary is None else key_figures(report, summary),
        per_class=[] if summary is None else _per_class(report, summary),
        verdict="" if summary is None else " ".join(verdict_lines(report, summary)),
        human=human_lines(report),
        limits=_limits(report, bundle, summary),
    )


def _cell(value: Any) -> Any:
    """Names come from files: what would end a table's cell, a line or the text before it is escaped."""
    if not isinstance(value, str):
        return value
    return printable(value).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _model(bundle: Bundle) -> list[tuple[str, str]]:
    record = bundle.record
    versions = ", ".join(f"{name} {version}" for name, version in sorted(record.versions.items()))
    kind = _KINDS.get(record.preprocess.kind, record.preprocess.kind)
    rows = [
        ("architecture", record.architecture or "plain Keras file, of which nothing else is known"),
        ("answers", ", ".join(record.classes)),
        ("looks at", f"{kind} ({describe(record.preprocess.input_shape)})"),
        ("fitted numbers", f"{bundle.model.count_params():,}"),
        ("seed", "" if record.seed is None else str(record.seed)),
        ("trained with", versions),
    ]
    return [(what, value) for what, value in rows if value]


def _walks(report: Report, bundle: Bundle) -> list[tuple[str, list[int]]]:
    """Walks of each class: trained on, validated on, held out, and tested here."""
    known, tested = bundle.record.walks, report.predictions.labels
    return [
        (
            name,
            [sum(w.label == name and w.split == side for w in known) for side in SPLITS]
            + [tested.count(name)],
        )
        for name in bundle.record.classes
    ]


def _people(report: Report, bundle: Bundle) -> list[str]:
    lines, options = [], bundle.record.options
    if options.get("videos"):
        table = f", labels from {Path(options['labels']).name}" if options.get("labels") else ""
        lines.append(f"training looked into {Path(options['videos']).name}/{table}")
    for side in SPLITS:
        walks = [walk for walk in bundle.record.walks if walk.split == side]
        if walks:
            lines.append(f"{side}: {_who([walk.subject for walk in walks])}")
    lines.append(f"tested: {_who(report.predictions.subjects)}")
    if report.left_out:
        lines.append(f"left out of the test, as they could not be used: {len(report.left_out)} files")
    return lines


def _who(subjects: Sequence[str | None]) -> str:
    known, strangers = len(set(subjects) - {None}), sum(subject is None for subject in subjects)
    words = f"{len(subjects)} walks of {known} people" if known else f"{len(subjects)} walks"
    return words + (f", {strangers} of them of people who are not known by name" if strangers else "")


def _protocol(report: Report, summary: Summary | None) -> str:
    text = f"{report.title}: every walk was answered once by the finished model."
    if summary is None:
        return text
    return f"{text} {summary.walks} labelled walks are scored; 95 % intervals resample {summary.resampled}."


def _leaks(report: Report) -> str:
    count = sum(report.leaked)
    if not count:
        return ""
    return (
        f"{count} of the walks tested, or those who walk in them, were known from training. They are left out of the "
        "numbers below."
    )


def _per_class(report: Report, summary: Summary) -> list[tuple[str, list[str], int]]:
    s = summary.scores
    rows = zip(report.predictions.classes, s.precision, s.recall, s.f_score, s.support, strict=True)
    return [(name, [f"{100 * value:.1f}" for value in three], int(support)) for name, *three, support in rows]


def _limits(report: Report, bundle: Bundle, summary: Summary | None) -> list[str]:
    """What a reader of the numbers should know; the general first, then what this test shows."""
    classes = ", ".join(bundle.record.classes)
    lines = [
        "Emotions as people see them in a walk are not emotions that people have; people agree about the first only "
        "so far, and the second was never measured.",
        f"It names one of {classes} for every walk, also for one that shows none of them.",
        "How people walk depends on age, body, health, shoes, ground and culture. Whoever differs in these from the "
        "people above may be judged wrongly, and always in the same way.",
    ]
    lines += _limits_of_training(report, bundle)
    return lines if summary is None else lines + _limits_of_test(report, summary)


def _limits_of_training(report: Report, bundle: Bundle) -> list[str]:
    trained = [walk for walk in bundle.record.walks if walk.split == "train"]
    if not trained:
        return ["The model file does not say what it was trained on."]
    people = {walk.subject for walk in trained} - {None}
    lines = []
    if any(walk.subject is None for walk in trained):
        lines.append(
            "Not all people of the training are known by name: the same person may stand on both sides of the test."
        )
    if shared := people & set(report.predictions.subjects):
        lines.append(
            f"{len(shared)} of the people tested also walk in training: on strangers it will do worse than here."
        )
    if 0 < len(people) < _FEW_PEOPLE:
        lines.append(f"It has seen no more than {len(people)} people walk.")
    return lines


def _limits_of_test(report: Report, summary: Summary) -> list[str]:
    lines = []
    if summary.verdict != "better":
        lines.append(
            f"In this test it does not surely do better than always answering '{summary.strongest.answer}'."
        )
    if better := [floor.name for floor in summary.floors if floor.accuracy >= summary.scores.accuracy]:
        lines.append(f"What needs no model does as well in this test: {', '.join(better)}.")
    if summary.groups < _FEW_PEOPLE:
        lines.append(f"The test rests on {summary.resampled}: too few to say how it does on others.")
    if summary.stated.error > _BADLY_CALIBRATED:
        lines.append(
            "The probabilities that it states are not how often it is right; see the calibration error."
        )
    if missing := [
        name for name, n in zip(report.predictions.classes, summary.scores.support, strict=True) if not n
    ]:
        lines.append(f"No walk of the test is {', '.join(missing)}: nothing is known of these answers.")
    return lines
