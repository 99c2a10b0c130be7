"""Cross-validations of several models on the same folds: which of them are done, begun, or still to be made."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gait.console import say
from gait.errors import GaitmoodError
from gait.models import MODELS, find_entry
from gait.options import plain, read_options
from training import runs
from training.cross_validation import FOLDS
from training.options import TrainOptions

# Of a run these do not say which comparison it belongs to.
_OWN = ("model", "search", "jobs", "resume", "runs", "cache")


@dataclass(frozen=True)
class Planned:
    """One model's part of a comparison: how to run it, the folder where it has begun, and whether it is finished."""

    options: TrainOptions
    folder: Path | None = None
    finished: bool = False


def models_of(options: TrainOptions) -> list[str]:
    """The models of ``--model A,B`` or ``--model all``; none where there is one.

    Raises
    ------
    GaitmoodError
        One of them is unknown or named twice, or they are not to be cross-validated.
    """
    names = list(MODELS) if options.model == "all" else options.model.split(",")
    if len(names) < 2:
        return []
    for name in names:
        find_entry(name)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise GaitmoodError(
            f"--model: models that differ were expected; {', '.join(twice)} is named twice. Name each once."
        )
    if not options.cross_validate:
        raise GaitmoodError("several models are compared by cross-validation: add --cross-validate loso.")
    return names


def plan(options: TrainOptions, names: Sequence[str]) -> list[Planned]:
    """What each model's cross-validation needs; with ``options.resume`` only what is missing of the newest comparison.

    That is found by its runs: the newest interrupted one of these models, else the newest finished one, says the
    options, and runs of the other models with the same options belong to it.

    Raises
    ------
    GaitmoodError
        With ``options.resume``, none of these models has begun.
    """
    if not options.resume:
        return [Planned(_of_model(options, name, names)) for name in names]
    begun = _begun(options, names)
    if not begun:
        raise GaitmoodError(
            f"--resume: no cross-validation of {', '.join(names)} has begun in {options.runs}/. Leave --resume out to "
            "start them."
        )
    first = runs.newest([folder for folder in begun if not _is_finished(folder)] or list(begun), FOLDS)
    leading = replace(begun[first], jobs=options.jobs, runs=options.runs, cache=options.cache)
    say(f"Resuming the comparison of {', '.join(names)} with the options of {first}.")
    return [_continued(_of_model(leading, name, names), begun) for name in names]


def how_to_resume(options: TrainOptions) -> str:
    """The command that goes on with an interrupted comparison."""
    again = runs.how_to_resume(options.runs / "any")
    return f"{runs.PROGRAM} {again} --model {options.model} --cross-validate {options.cross_validate}"


def _begun(options: TrainOptions, names: Sequence[str]) -> dict[Path, TrainOptions]:
    """Cross-validations of these models by this protocol, finished or not; those of other versions are left alone."""
    found = {}
    for file in options.runs.glob(f"*/{FOLDS}"):
        with contextlib.suppress(GaitmoodError):
            own = read_options(TrainOptions, file.parent / runs.OPTIONS)
            if own.model in names and own.cross_validate == options.cross_validate:
                found[file.parent] = own
    return found


def _of_model(options: TrainOptions, name: str, names: Sequence[str]) -> TrainOptions:
    """Where networks stand beside classical models, ``--search`` is for the networks; the others always search."""
    mixed = len({find_entry(other).kind == "features" for other in names}) == 2
    search = 0 if mixed and find_entry(name).kind == "features" else options.search
    return replace(options, model=name, search=search, resume=False)


def _continued(options: TrainOptions, begun: Mapping[Path, TrainOptions]) -> Planned:
    own = [
        folder
        for folder, of in begun.items()
        if of.model == options.model and _shared(of) == _shared(options)
    ]
    if not own:
        return Planned(options)
    folder = runs.newest(own, FOLDS)
    return Planned(replace(options, resume=True), folder, _is_finished(folder))


def _shared(options: TrainOptions) -> dict[str, Any]:
    return {name: value for name, value in plain(options).items() if name not in _OWN}


def _is_finished(folder: Path) -> bool:
    """Whether its predictions were pooled, too: an interruption may come between."""
    return (folder / runs.RESULT).exists() and (folder / "predictions.csv").exists()
