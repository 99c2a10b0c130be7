"""Cross-validation: every walk is predicted once by a model that never saw its walker.

    runs/DATE-cross-validation-MODEL/
      options.json  folds.json  result.json
      repeat-1/fold-01/  predictions.csv  result.json  log.txt

A fold is finished when its ``result.json`` is there; ``--resume`` does the others.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gait import bundle as bundles
from gait.cache import Cache
from gait.console import say
from gait.errors import GaitmoodError, InterruptedRunError
from gait.labels import Collection
from gait.leaks import Leak
from gait.options import read_options, write_options
from gait.predict import predict_walks
from gait.predictions import Predictions, pooled
from gait.preprocess.pose_facts import write_poses_table
from gait.runs import new_run, write_json
from gait.splits import folds_of, groups_of
from gait.workers import map_items
from training import runs
from training.calibrating import FEWEST
from training.options import TrainOptions
from training.probes import probe
from training.session import check_model, fit_bundle
from training.walks import GatheredWalks, TrainingWalks, gather_walks, split

FOLDS, LOG = "folds.json", "log.txt"


@dataclass(frozen=True)
class CrossValidated:
    """What cross-validation gives: pooled predictions of each repeat, what its folds cost, and what was found.

    ``leaks`` are copies that the folds of the first repeat part, because they are said to be of two people; ``remarks``
    say how the walks were read.
    """

    folder: Path
    model: str
    protocol: str
    repeats: tuple[Predictions, ...]
    folds: tuple[tuple[dict[str, Any], ...], ...]
    collection: Collection
    left_out: tuple[tuple[str, str], ...]
    leaks: tuple[Leak, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class FoldTask:
    """One fold: options, the walks by side, where its results go, and whether its model is looked into as well (see
    :mod:`training.probes`)."""

    options: TrainOptions
    walks: TrainingWalks
    folder: Path
    probed: bool = True


@dataclass(frozen=True)
class FoldDone:
    """What a fold reports to the progress bar: the walks that it predicted."""

    work: int


def cross_validate(options: TrainOptions, begun: Path | None = None) -> CrossValidated:
    """Run: gather walks, deal them into folds, fit and predict each fold, pool the predictions.

    Parameters
    ----------
    options : TrainOptions
    begun : path, optional
        The run to go on with; with ``options.resume`` by default the newest interrupted one that fits.

    Raises
    ------
    GaitmoodError
        See :func:`training.walks.gather_walks` and :func:`gait.splits.folds_of`; or a fold failed.
    """
    folder = begun
    if options.resume:
        asked = {"model": options.model_to_resume, "cross_validate": options.cross_validate}
        folder = folder or runs.unfinished_run(options.runs, FOLDS, **asked)
        options = replace(read_options(TrainOptions, folder / runs.OPTIONS), resume=True, jobs=options.jobs)
        say(f"Resuming {folder} with its options.")
    check_model(options)
    cache, started = Cache(options.cache), time.time()
    found = gather_walks(options, cache)
    cache.prune(started)
    dealt = _deal(options, found)
    if folder is None:
        folder = new_run(options.runs, f"cross-validation-{options.model}")
        write_options(replace(options, resume=False), folder / runs.OPTIONS)
        write_json(folder / FOLDS, dealt)
    elif json.loads((folder / FOLDS).read_text(encoding="utf-8")) != dealt:
        raise GaitmoodError(
            f"--resume: the walks, their labels or their folds have changed since {folder} began. "
            "Put them back, or start a new run."
        )
    write_poses_table(folder, found.walks)
    _run_folds(options, found, dealt, folder)
    repeats, costs = _pool(dealt, folder)
    write_json(folder / runs.RESULT, {"model": options.model, "folds": costs[0]})
    return CrossValidated(
        folder=folder,
        model=options.model,
        protocol=_protocol(options, found),
        repeats=repeats,
        folds=costs,
        collection=found.collection,
        left_out=found.left_out,
        leaks=tuple(_parted(found.traces.copies, dealt)),
        remarks=found.remarks,
    )


def _parted(copies: Sequence[Leak], dealt: dict[str, Any]) -> list[Leak]:
    """Both walks of each pair of copies that lie in two folds of the first repeat: each knows the other."""
    fold = {name: number for (name, *_), number in zip(dealt["walks"], dealt["folds"][0], strict=True)}
    parted = [copy for copy in copies if fold[copy.walk] != fold[copy.known]]
    # What was done to a copy is said of the later walk: seen from the other one it would be the reverse.
    return parted + [replace(copy, walk=copy.known, known=copy.walk, how="") for copy in parted]


def _protocol(options: TrainOptions, found: GatheredWalks) -> str:
    """What was left out together, in words."""
    known = any(walk.sample.subject is not None for walk in found.walks)
    who = "subject" if known else "video (subjects unknown)"
    if options.fold_count is None:
        return f"leave one {who} out"
    return f"{options.fold_count} folds, grouped by {who}, classes in proportion"


def _deal(options: TrainOptions, found: GatheredWalks) -> dict[str, Any]:
    """Protocol, walks and each walk's fold in every repeat, as JSON values.

    Every labelled walk is dealt, also one that this model cannot use, so that the folds of models that read
    different things are the same.
    """
    samples = [s for s in found.collection.samples if s.label is not None]
    groups = groups_of([s.subject for s in samples], [s.source for s in samples])
    count = options.fold_count
    folds = [
        folds_of([s.label for s in samples], groups, count, options.seed + repeat)
        for repeat in range(options.repeats)
    ]
    return {
        "protocol": options.cross_validate,
        "walks": [[s.name, s.label, s.subject] for s in samples],
        "used": sorted(walk.sample.name for walk in found.walks),
        "folds": [fold.tolist() for fold in folds],
    }


def _run_folds(options: TrainOptions, found: GatheredWalks, dealt: dict[str, Any], folder: Path) -> None:
    tasks = []
    for repeat, folds in enumerate(dealt["folds"]):
        of_walk = {name: fold for (name, *_), fold in zip(dealt["walks"], folds, strict=True)}
        used = np.array([of_walk[walk.sample.name] for walk in found.walks])
        for fold in np.unique(used):
            place = _place(folder, repeat, fold)
            if not (place / runs.RESULT).exists():
                with contextlib.redirect_stdout(None):  # the split of every fold goes to nobody
                    tasks.append(_task(options, found, used == fold, repeat, place))
    subjects = {walk.sample.subject for walk in found.walks} - {None}
    people = f" of {len(subjects)} subjects" if subjects else ""
    say(
        f"Cross-validation of {options.model}: {len(tasks)} folds to run over {len(found.walks)} walks{people}; "
        "nobody is on both sides of a fold."
    )
    failed = []
    outcomes = map_items(run_fold, tasks, title="Folds", jobs=options.jobs, unit="walks")
    try:
        with closing(outcomes):
            failed = [(o.item.folder, o.error) for o in outcomes if o.error is not None]
    except KeyboardInterrupt:
        raise InterruptedRunError(
            f"interrupted; finished folds are kept. Go on with: {runs.PROGRAM} {runs.how_to_resume(folder)} "
            f"--model {options.model} --cross-validate {options.cross_validate}"
        ) from None
    if failed:
        reasons = "".join(f"\n  {place.relative_to(folder)}: {error}" for place, error in failed)
        raise GaitmoodError(f"{len(failed)} of {len(tasks)} folds failed:{reasons}")


def _place(folder: Path, repeat: int, fold: int) -> Path:
    return folder / f"repeat-{repeat + 1}" / f"fold-{fold + 1:02d}"


def _task(
    options: TrainOptions, found: GatheredWalks, out: np.ndarray, repeat: int, folder: Path
) -> FoldTask:
    held_out = tuple(walk for walk, aside in zip(found.walks, out, strict=True) if aside)
    # Sides that a label file gives are for one test; here every walk is tested once.
    rest = [
        replace(walk, sample=replace(walk.sample, split=None))
        for walk, aside in zip(found.walks, out, strict=True)
        if not aside
    ]
    if missing := sorted(set(found.classes) - {walk.sample.label for walk in rest}):
        raise GaitmoodError(
            f"leaving out {held_out[0].sample.name} and the walks of its fold leaves no walk labelled "
            f"{', '.join(missing)} to train on. Add walks of another person."
        )
    # Folds run side by side already.
    own = replace(options, seed=options.seed + repeat, jobs=1)
    train, validation, _ = split(rest, own)
    walks = TrainingWalks(train, validation, held_out, found.classes, found.preprocess, found.left_out)
    return FoldTask(own, walks, folder)


def run_fold(task: FoldTask) -> FoldDone:
    """Fit a model to a fold's training walks and predict the others; runs in a worker process.

    What it says goes to ``log.txt``. A fold that was interrupted goes on from its checkpoint.
    """
    task.folder.mkdir(parents=True, exist_ok=True)
    begun = (task.folder / runs.STATE).exists()
    with (
        (task.folder / LOG).open("a", encoding="utf-8") as log,
        contextlib.redirect_stdout(log),
        contextlib.redirect_stderr(log),
    ):
        started = time.perf_counter()
        bundle, best_epoch = fit_bundle(replace(task.options, resume=begun), task.walks, task.folder)
        trained = time.perf_counter()
        predictions = predict_walks(bundle, task.walks.held_out)
        predicted = time.perf_counter()
        noted = probe(bundle, task.walks) if task.probed else {}
    predictions.save_csv(task.folder / "predictions.csv")
    result = {
        **noted,
        "held_out": sorted({walk.sample.subject or walk.sample.name for walk in task.walks.held_out}),
        "walks": len(task.walks.held_out),
        "training_walks": len(task.walks.train),
        "model": _describe(bundle),
        "parameters": bundle.model.count_params(),
        "best_epoch": best_epoch,
        "temperature": bundle.record.temperature,
        "training_seconds": round(trained - started, 3),
        "prediction_seconds": round(predicted - trained, 3),
    }
    write_json(task.folder / runs.RESULT, result)
    shutil.rmtree(task.folder / "checkpoint", ignore_errors=True)  # 10 MB a fold, of no use any more
    return FoldDone(len(task.walks.held_out))


def pooled_floors(folds: Sequence[dict[str, Any]], names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """What the folds wrote of answers that need no model, in the order of ``names``."""
    shared = set.intersection(*(set(fold["floors"]) for fold in folds))
    of_walk = {floor: {k: v for fold in folds for k, v in fold["floors"][floor].items()} for floor in shared}
    return {floor: tuple(of_walk[floor][name] for name in names) for floor in sorted(shared)}


def _describe(bundle: bundles.Bundle) -> str:
    """The architecture, or what a classical model turned out to be."""
    from gait.models.classical import ClassicalModel

    if isinstance(bundle.model, ClassicalModel):
        return bundle.model.describe()
    return bundle.record.architecture


def _pool(
    dealt: dict[str, Any], folder: Path
) -> tuple[tuple[Predictions, ...], tuple[tuple[dict[str, Any], ...], ...]]:
    """Predictions of each repeat in the order of the walks, and what each fold wrote of itself."""
    repeats, costs = [], []
    for repeat, folds in enumerate(dealt["folds"]):
        of_walk = {name: fold for (name, *_), fold in zip(dealt["walks"], folds, strict=True)}
        places = [_place(folder, repeat, fold) for fold in sorted({of_walk[name] for name in dealt["used"]})]
        parts = [Predictions.load_csv(place / "predictions.csv") for place in places]
        repeats.append(pooled(parts))
        costs.append(tuple(json.loads((place / runs.RESULT).read_text()) for place in places))
    return tuple(repeats), tuple(costs)


def chosen(folds: Sequence[dict[str, Any]]) -> str:
    """How often each model was chosen over the folds, in words; empty where there was nothing to choose."""
    counts = Counter(fold["model"] for fold in folds)
    if len(counts) < 2:
        return ""
    return ", ".join(f"{name} in {count}" for name, count in counts.most_common())


def certainty(folds: Sequence[dict[str, Any]]) -> str:
    """Whether what the models say of their certainty was calibrated, in words."""
    fitted = sorted(fold["temperature"] for fold in folds if fold.get("temperature", 1.0) != 1.0)
    if not fitted:
        return (
            f"What the models say of their certainty is as trained: no fold had the {FEWEST} validation walks that a "
            "temperature is fitted on."
        )
    return (
        f"What the models say of their certainty was calibrated in {len(fitted)} of {len(folds)} folds, by "
        f"temperatures of {fitted[0]:.2f} to {fitted[-1]:.2f}."
    )
