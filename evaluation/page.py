"""The report as one HTML file that needs nothing else: tables, the scale of scores, pictures, the worst mistakes."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from evaluation.columns import percent, printable
from evaluation.report import Report
from evaluation.report_text import human_facts, key_figures, leak_lines, mark_of, report_text, verdict_lines
from evaluation.scoring import Summary
from evaluation.strips import worst_mistakes
from gait import metrics

# Okabe and Ito's colours without black: people with any kind of colour vision can tell them apart.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442")


def page(report: Report, strips: Mapping[str, bytes], pictures: Mapping[str, bytes]) -> str:
    """The report as HTML.

    Nothing is fetched, and nothing runs: style and pictures are inside, and the page's own policy forbids the rest.
    Names are escaped, whatever they hold.

    Parameters
    ----------
    report : Report
    strips : mapping of str to bytes
        Walk's name -> JPEG, see :func:`evaluation.strips.mistake_strips`.
    pictures : mapping of str to bytes
        Title -> PNG.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_plain,
    )
    return environment.get_template("page.html").render(
        report=report,
        predictions=report.predictions,
        leaks=leak_lines(report),
        summary=_summary(report),
        human=human_facts(report),
        affect=_affect(report),
        colours=dict(
            zip(report.predictions.classes, map(_colour, range(len(report.predictions.classes))), strict=True)
        ),
        walks=[_walk(report, i) for i in range(len(report.predictions.names))],
        mistakes=_mistakes(report, strips),
        pictures={title: _embed(picture, "png") for title, picture in pictures.items()},
        text=Markup("{}").format(Markup.escape(report_text(report))),
    )


def _plain(value: Any) -> Any:
    """Text as it can be encoded; what is markup stays it."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _colour(k: int) -> str:
    return _COLOURS[k % len(_COLOURS)]


def _embed(picture: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"


def _walk(report: Report, i: int) -> dict[str, Any]:
    p = report.predictions
    said, label = p.predicted[i], p.labels[i]
    return {
        "name": p.names[i],
        "true": label,
        "predicted": said,
        "right": label == said,
        "mark": mark_of(label, said, report.leaked[i]),
        "probabilities": list(zip(p.classes, p.probabilities[i].tolist(), strict=True)),
    }


def _mistakes(report: Report, strips: Mapping[str, bytes]) -> list[dict[str, Any]]:
    found = []
    for i in worst_mistakes(report.predictions, report.leaked):
        strip = strips.get(report.predictions.names[i])
        found.append({**_walk(report, i), "strip": strip and _embed(strip, "jpeg")})
    return found


def _summary(report: Report) -> dict[str, Any] | None:
    """What the page shows of the scores; None where nothing is labelled."""
    s = report.counted
    if s is None:
        return None
    classes, scores = report.predictions.classes, s.scores
    rows = zip(classes, scores.precision, scores.recall, scores.f_score, scores.support, strict=True)
    averages = (("macro average", scores.macro), ("weighted average", scores.weighted))
    return {
        "verdict": " ".join(verdict_lines(report, s)),
        "figures": key_figures(report, s),
        "per_class": [(name, percents(three), int(support)) for name, *three, support in rows],
        "averages": [(name, percents([a.precision, a.recall, a.f_score]), s.walks) for name, a in averages],
        "confusion": _confusion(scores.confusion),
        "scale": _scale(report, s),
    }


def _affect(report: Report) -> dict[str, Any] | None:
    """Scores of valence and arousal in words; None where there are none."""
    if report.affect is None:
        return None
    rows = []
    for name, one in report.affect.dimensions.items():
        low, high = one.interval
        span = "-" if math.isnan(low) else f"{low:.2f} to {high:.2f}"
        errors = f"{one.error:.2f}", f"{one.error_of_mean:.2f}"
        rows.append((name, f"{one.concordance:.2f}", span, *errors, one.walks))
    return {"source": report.affect.source, "rows": rows}


def percents(shares: Any) -> list[str]:
    """Shares in percent, a digit behind the point."""
    return [f"{100 * share:.1f}" for share in shares]


def _confusion(confusion: np.ndarray) -> list[list[tuple[int, int]]]:
    """Counts and the percentage of the true class, row by row."""
    support = np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    share = np.rint(100 * confusion / support).astype(int)
    return [list(zip(*row, strict=True)) for row in zip(confusion.tolist(), share.tolist(), strict=True)]


def _scale(report: Report, s: Summary) -> list[dict[str, Any]]:
    """Rows of the scale from 0 to 100 %: the model, and what it is held against."""
    low, high = s.interval
    model: dict[str, Any] = {"name": "the model", "at": s.scores.accuracy, "model": True}
    if not math.isnan(low):
        model |= {"low": low, "high": high}
    against = [(f"always '{b.answer}'", b.accuracy) for b in s.baselines]
    against += [(floor.name, floor.accuracy) for floor in s.floors]
    against.append(("chance", metrics.chance(len(report.predictions.classes))))
    if report.human is not None:
        against += [
            ("one rater, with the others", report.human.one_rater),
            ("two panels of raters", report.human.panels),
        ]
    rows = [{"name": name, "at": at, "model": False} for name, at in against if math.isfinite(at)]
    return [{**row, "words": percent(row["at"])} for row in (model, *rows)]
