"""The report as plain JSON types."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict

from evaluation.affect import affect_to_json
from evaluation.report import Report
from evaluation.report_text import too_good
from evaluation.scoring import Summary
from gait import metrics
from gait.agreement import HumanAgreement
from gait.leaks import reasons

SCHEMA = 1


def report_json(report: Report) -> dict:
    """Return the report as a dictionary of plain JSON types; a number that cannot be given is None."""
    return {
        "schema": SCHEMA,
        "title": report.title,
        "model": report.model,
        "classes": list(report.predictions.classes),
        "walks": [_walk_to_json(report, i) for i in range(len(report.predictions.names))],
        "left_out": [{"video": name, "reason": reason} for name, reason in report.left_out],
        "remarks": list(report.remarks),
        "leaks": [n for n, leak in zip(report.predictions.names, report.leaked, strict=True) if leak],
        "leak_reasons": reasons(report.leaks),
        "too_good": report.summary and (too_good(report, report.counted) or None),
        "scores": _summary_to_json(report.summary, report.predictions.classes),
        "scores_without_leaks": _summary_to_json(report.without_leaks, report.predictions.classes),
        "scores_on_stable_labels": _summary_to_json(report.stable, report.predictions.classes),
        "affect": affect_to_json(report.affect),
        "human": report.human and _human_to_json(report.human),
    }


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
