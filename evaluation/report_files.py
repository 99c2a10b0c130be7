"""What a report leaves in a run folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from evaluation.figures import calibration_figure, confusion_figure, png
from evaluation.page import page
from evaluation.report import Report
from evaluation.report_json import report_json
from evaluation.report_text import report_text
from gait import metrics
from gait.errors import GaitmoodError
from gait.predictions import write_beside

FILES = ("report.html", "report.json", "report.txt", "predictions.csv", "confusion.png", "calibration.png")


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
        folder / "report.json", json.dumps(report_json(report), indent=1, allow_nan=False).encode() + b"\n"
    )
    write_beside(folder / "report.txt", report_text(report).encode())
    pictures = dict(pictures or {})
    if report.summary is not None:
        s, classes = report.counted, report.predictions.classes
        confusion = confusion_figure(s.scores.confusion, classes, report.title)
        write_beside(folder / "confusion.png", png(confusion))
        calibration = png(calibration_figure(s.stated, s.answering, metrics.chance(len(classes))))
        write_beside(folder / "calibration.png", calibration)
        pictures = {"How sure, and how right": calibration, **pictures}
    write_beside(folder / "report.html", page(report, strips or {}, pictures).encode())
    return tuple(folder / name for name in FILES if (folder / name).exists())
