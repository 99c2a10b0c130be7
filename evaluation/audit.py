"""Look for walks that stand on two sides, under any name: python -m evaluation.audit A B.

Found are the same people and files, and copies of a second or longer that were encoded again, scaled, mirrored,
trimmed, played faster or slower, or cropped by a twentieth. Not found are windows of one walk that share no moment, and
pictures that were turned, framed, captioned, played backwards or much changed in light. Figures: docs/results.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from gait.console import say
from gait.errors import DONE, LEFT_OUT, GaitmoodError
from gait.options import parse, require_positive, run_script


@dataclass(frozen=True)
class AuditOptions:
    """Options of an audit."""

    known: tyro.conf.Positional[Path | None] = None
    """A: what is known: a saved model, which stands for the walks that it was trained and validated on, a folder of
    walks, or one file."""
    walks: tyro.conf.Positional[Path | None] = None
    """B: the walks that should be new; without it, A's walks are compared among themselves."""
    labels: Path | None = None
    """Who walks, where no file in the folders says so: a labels.csv, or a rating spreadsheet, with subjects.csv beside
    it."""
    json: Path | None = None
    """Write what was found to this file, too."""
    poses: str = "blazepose"
    """Pose estimator whose joints are compared where they have been estimated before."""
    strict: bool = False
    """Leave with exit code 1 when something was found, or when some walks could not be compared."""
    jobs: int | None = None
    """Worker processes that read videos; by default one a core."""
    cache: Path | None = None
    """Folder for fingerprints; by default the user's cache folder. Kept below 20 GB."""

    def __post_init__(self) -> None:
        """Refuse values that no audit could be made with.

        Raises
        ------
        GaitmoodError
            The number of jobs is not positive.
        """
        require_positive(self, "jobs")


def main(argv: Sequence[str]) -> int:
    """Options -> fingerprints of both sides -> what they share, in the console and as JSON."""
    options = parse(AuditOptions, argv, "python -m evaluation.audit", __doc__)
    if options.known is None:
        raise GaitmoodError(
            "what to look at was expected: python -m evaluation.audit A B, each a saved model, a folder of walks or "
            "a file; A alone is compared with itself."
        )

    _check_place(options.json)
    from evaluation.auditing import run

    found = run(options)
    say(f"\n{found.text()}")
    if options.json is not None:
        found.save_json(options.json)
        say(f"Written to {options.json}.")
    return LEFT_OUT if options.strict and not found.is_clean else DONE


def _check_place(file: Path | None) -> None:
    """Refuse a file that could not be written, before the work is done."""
    if file is not None and (file.is_dir() or not file.resolve().parent.is_dir()):
        raise GaitmoodError(
            f"--json {file}: a file in a folder that is there was expected; "
            f"{'this is a folder' if file.is_dir() else f'there is no folder {file.parent}'}. Choose another place."
        )


if __name__ == "__main__":
    run_script(main)
