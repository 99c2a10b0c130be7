#!/usr/bin/env python
"""Test a saved model on the walks in videosTest/ and report accuracy, precision and F-score."""

from collections.abc import Sequence

from evaluation.options import TestOptions
from gait.console import say
from gait.errors import DONE, LEFT_OUT
from gait.options import parse, run_script


def main(argv: Sequence[str]) -> int:
    """Options -> predictions -> report in the console and in a run folder."""
    options = parse(TestOptions, argv, "test.py", __doc__)

    from evaluation.report_text import report_text
    from evaluation.testing import test

    tested = test(options)
    say("\n" + report_text(tested.report))
    files = "report.html (for a browser), report.txt, report.json, predictions.csv, confusion.png"
    files += ", poses.csv" if (tested.folder / "poses.csv").exists() else ""
    files += ", MODEL_CARD.md" if options.card else ""
    say(f"Written to {tested.folder}: {files}")
    return LEFT_OUT if options.strict and tested.report.left_out else DONE


if __name__ == "__main__":
    run_script(main)
