"""Compare finished cross-validations on the same walks: python -m evaluation.compare RUN RUN..."""

from __future__ import annotations

import textwrap
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
    identity: bool = False
    """Also ask whether the models tell the person better than the emotion."""
    speed: bool = False
    """Also score them among walks of like speed."""
    view: bool = False
    """Also score them by where the walker faces."""
    occlusion: bool = False
    """Also score them with a part of the body, or of the picture, hidden."""
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

    from evaluation.comparison import FILES, WIDTH, compare, write_comparison
    from evaluation.finished import read_finished
    from evaluation.probing import PROBES
    from gait.predictions import write_beside
    from gait.runs import new_run, refuse_filled

    if options.output is not None:
        refuse_filled(options.output)
    runs = [read_finished(folder) for folder in finished]
    comparison = compare(runs)
    folder = options.output or new_run(options.runs, "compare")
    write_comparison(comparison, folder)
    say(comparison.text())
    lines = [line for name, probe in PROBES.items() if getattr(options, name) for line in probe(runs)]
    if probed := [part for line in lines for part in textwrap.wrap(line, WIDTH, subsequent_indent="      ")]:
        write_beside(folder / "probes.txt", ("\n".join(probed) + "\n").encode())
        say("\n".join(probed) + "\n")
    say(f"Written to {folder}: {', '.join(FILES)}")
    return DONE


if __name__ == "__main__":
    run_script(main)
