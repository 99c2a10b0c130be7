"""Compare finished cross-validations on the same walks: python -m evaluation.compare RUN RUN..."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from gait.console import say
from gait.errors import DONE, GaitmoodError
from gait.options import parse, run_script


@dataclass(frozen=True)
class CompareOptions:
    """Options of a comparison."""

    finished: tyro.conf.Positional[tuple[Path, ...]] = ()
    """Run folders that train.py --cross-validate wrote."""
    output: Path | None = None
    """Folder for the tables and the picture; by default a new one under runs/."""
    runs: Path = Path("runs")
    """Where run folders go."""


def main(argv: Sequence[str]) -> int:
    """Options -> finished runs -> a table in the console, and in a run folder with a picture."""
    options = parse(CompareOptions, argv, "python -m evaluation.compare", __doc__)
    finished = tuple(dict.fromkeys(options.finished))
    if len(finished) < 2:
        raise GaitmoodError(
            "two finished runs or more were expected, such as: python -m evaluation.compare "
            "runs/20261121-120000-cross-validation-random_forest runs/20261121-130000-cross-validation-svm"
        )

    from evaluation.comparison import FILES, compare, read_finished, write_comparison
    from gait.runs import new_run, refuse_filled

    if options.output is not None:
        refuse_filled(options.output)
    comparison = compare([read_finished(folder) for folder in finished])
    folder = options.output or new_run(options.runs, "compare")
    write_comparison(comparison, folder)
    say(comparison.text())
    say(f"Written to {folder}: {', '.join(FILES)}")
    return DONE


if __name__ == "__main__":
    run_script(main)
