"""What dealing windows of walks at random into training and test does to a score: ``python -m benchmarks.window_split``

A published way of testing cuts walks into windows and deals the windows, so that a walker, and even a walk, is on both
sides: the test then asks whether the network knows that walk again. Here each walk is cut into windows as training
does, and the same network with the same options is scored on the same windows twice: once with whole subjects left
out, as everywhere in this toolkit, and once with windows dealt at random. No epoch is chosen on either: both train for
all of them. A walk that repeats one lap, as a video of a few steps played over and over does, is cut as it plays: its
windows show the same lap, begun at another frame.

This is the only place that deals windows; train.py has no such option.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from gait import clips, metrics
from gait.cache import Cache, entry_key
from gait.console import say
from gait.errors import DONE, GaitmoodError, InterruptedRunError
from gait.labels import Sample
from gait.models import find_entry
from gait.options import plain, run_script
from gait.predictions import Predictions, pooled
from gait.preprocess import JointPreprocess, Walk
from gait.runs import new_run, write_json
from gait.splits import folds_of, groups_of
from gait.workers import map_items
from training import runs
from training.cross_validation import FoldTask, run_fold
from training.options import TrainOptions
from training.walks import TrainingWalks, gather_walks

SPLITS = {"subject": "whole subjects left out", "window": "windows dealt at random"}


@dataclass(frozen=True)
class WindowSplitOptions:
    """What is trained and tested."""

    model: str = "st_gcn"
    """Network of joints; several: A,B,..."""
    videos: Path = Path("videos")
    """Folder with the walks."""
    labels: Path | None = None
    """Label file; by default found by looking into the folder."""
    epochs: int | None = None
    """Passes over the training windows; by default the architecture's."""
    windows: int | None = None
    """Windows of a walk, at most, evenly from all of its; by default all."""
    folds: int = 5
    """Folds that subjects and windows are dealt into."""
    max_folds: int | None = None
    """How many of the folds are run; by default all."""
    augment: bool = True
    """Vary what is trained on, as train.py does."""
    seed: int = 0
    """Deals the folds and draws the weights."""
    jobs: int | None = None
    """Folds that are run side by side; by default one a core."""
    cache: Path | None = None
    """Folder of what was extracted; by default the user's cache folder."""
    runs: Path = Path("runs")
    """Where the run folders go, one a network."""

    def __post_init__(self) -> None:
        """Refuse numbers that nothing can be measured with.

        Raises
        ------
        GaitmoodError
            Fewer than two folds, or nothing of something.
        """
        for name, least in (("epochs", 1), ("windows", 1), ("folds", 2), ("max_folds", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                flag = name.replace("_", "-")
                raise GaitmoodError(f"--{flag}: a number from {least} on was expected, found {value}.")


@dataclass(frozen=True, eq=False)
class Split:
    """One way of dealing: the pooled answers, and what the folds cost.

    Attributes
    ----------
    name : str
        A key of ``SPLITS``.
    predictions : Predictions
        A row a window of the folds that were run.
    known_walks, known_subjects : float
        Share of the tested windows whose walk, or whose walker, was trained on.
    parameters : int
    seconds : float
        Training time of an epoch, mean over the folds.
    """

    name: str
    predictions: Predictions
    known_walks: float
    known_subjects: float
    parameters: int
    seconds: float


def main(argv: Sequence[str]) -> int:
    """Walks -> windows -> two splits for each network -> a table, and ``window-split.json`` in the run folders."""
    program = "python -m benchmarks.window_split"
    options = tyro.cli(WindowSplitOptions, args=argv, prog=program, description=__doc__)
    names = options.model.split(",")
    for name in names:
        if find_entry(name).kind != "joints":
            raise GaitmoodError(f"--model: a network of joints was expected; {name} is not one.")
    found = gather_walks(replace(_training(options, names[0]), jobs=options.jobs), Cache(options.cache))
    with tempfile.TemporaryDirectory() as place:
        windows = cut(found.walks, found.preprocess, Cache(place), options.windows)
        walks = TrainingWalks(windows, (), (), found.classes, found.preprocess, found.left_out)
        say(f"\n{len(windows)} windows of {found.preprocess.length} frames from {len(found.walks)} walks.")
        for name in names:
            folder = new_run(options.runs, f"window-split-{name}")
            rows = [figures(run_split(options, name, walks, by, folder / by)) for by in SPLITS]
            write_json(
                folder / "window-split.json", {"model": name, "options": plain(options), "splits": rows}
            )
            say("\n".join(table(name, rows)) + f"\nRun: {folder}")
    return DONE


def cut(
    walks: Sequence[Walk], how: JointPreprocess, store: Cache, most: int | None = None
) -> tuple[Walk, ...]:
    """Each window of the walks as a walk of its own, ``NAME window K``, that gives one clip.

    Windows begin where training cuts a walk (:func:`gait.clips.window_starts`), over all laps of a walk that repeats
    one. Of a lap shorter than a window all of it is kept, from the window's first frame on, to be looped as ever.

    Parameters
    ----------
    store : Cache
        Where the windows' arrays go.
    most : int, optional
        Windows of a walk, at most.
    """
    return tuple(
        _window(walk, how, store, number, int(start))
        for walk in walks
        for number, start in enumerate(_starts(walk, how, most), start=1)
    )


def _starts(walk: Walk, how: JointPreprocess, most: int | None) -> np.ndarray:
    """First frames of a walk's windows, as it plays."""
    facts = walk.entry.meta["poses"]
    played = round(how.frames(walk) * facts["frames"] / facts["unique_frames"])
    starts = clips.window_starts(played, how.length)
    if most is None or len(starts) <= most:
        return starts
    return starts[np.linspace(0, len(starts) - 1, most).round().astype(int)]


def _window(walk: Walk, how: JointPreprocess, store: Cache, number: int, start: int) -> Walk:
    frames, key = how.frames(walk), entry_key("window", walk.content, {"start": start})
    rows = clips.clip_indices(start, min(how.length, frames), frames)
    with store.write(key) as entry:
        for name in ("joints", "velocity"):
            entry.append(name, walk.entry.read(name)[rows])
        entry.append("features", walk.entry.read("features"))
        entry.meta |= {name: fact for name, fact in walk.entry.meta.items() if name != "arrays"}
    name = f"{walk.sample.name} window {number}"
    sample = replace(walk.sample, name=name, recording=walk.sample.source, split=None)
    return Walk(sample, f"{walk.content} {number}", store.open(key))


def deal(windows: Sequence[Walk], by: str, count: int, seed: int) -> np.ndarray:
    """Fold (N,) of each window, classes in proportion: subjects (else walks) together, or each window for itself."""
    samples = [window.sample for window in windows]
    if by == "subject":
        groups = groups_of([s.subject for s in samples], [s.source for s in samples])
    else:
        groups = [s.name for s in samples]
    return folds_of([s.label for s in samples], groups, count, seed)


def run_split(
    options: WindowSplitOptions, model: str, windows: TrainingWalks, by: str, folder: Path
) -> Split:
    """Train and test the folds of one way of dealing.

    Parameters
    ----------
    windows : TrainingWalks
        All of them in ``train``.

    Raises
    ------
    GaitmoodError
        A fold failed, or the windows cannot be dealt so.
    """
    tasks = _tasks(options, model, windows, by, folder)
    title = f"{model}, {SPLITS[by]}"
    try:
        with closing(map_items(run_fold, tasks, title=title, jobs=options.jobs, unit="windows")) as outcomes:
            for outcome in outcomes:
                if outcome.error is not None:
                    raise GaitmoodError(f"{outcome.item.folder} failed: {outcome.error}")
    except KeyboardInterrupt:
        raise InterruptedRunError(f"interrupted: {model} begins anew the next time.") from None
    done = [json.loads((task.folder / runs.RESULT).read_text(encoding="utf-8")) for task in tasks]
    return Split(
        by,
        pooled([Predictions.load_csv(task.folder / "predictions.csv") for task in tasks]),
        _known(tasks, lambda sample: sample.source),
        _known(tasks, lambda sample: sample.subject or sample.source),
        done[0]["parameters"],
        float(np.mean([one["training_seconds"] / one["best_epoch"] for one in done])),
    )


def _tasks(
    options: WindowSplitOptions, model: str, windows: TrainingWalks, by: str, folder: Path
) -> list[FoldTask]:
    """The folds to run."""
    fold = deal(windows.train, by, options.folds, options.seed)
    own = _training(options, model)
    tasks = []
    for number in range(options.folds)[: options.max_folds]:
        parts = [
            tuple(w for w, f in zip(windows.train, fold, strict=True) if (f == number) == out)
            for out in (0, 1)
        ]
        walks = replace(windows, train=parts[0], held_out=parts[1])
        tasks.append(FoldTask(own, walks, folder / f"fold-{number + 1:02d}", probed=False))
    return tasks


def _training(options: WindowSplitOptions, model: str) -> TrainOptions:
    """The options of train.py that are said here; the others as they are there, with nothing to choose an epoch by."""
    said = {
        name: getattr(options, name) for name in ("videos", "labels", "epochs", "augment", "seed", "cache")
    }
    return TrainOptions(model=model, validation=0, jobs=1, **said)


def _known(tasks: Sequence[FoldTask], of: Callable[[Sample], str]) -> float:
    """Share of the tested windows that share with a window trained on what ``of`` gives."""
    shared = []
    for task in tasks:
        trained = {of(window.sample) for window in task.walks.train}
        shared += [of(window.sample) in trained for window in task.walks.held_out]
    return float(np.mean(shared))


def figures(split: Split) -> dict[str, Any]:
    """What the table shows of a split, as JSON values; shares, and seconds."""
    said = split.predictions
    true = np.array([said.classes.index(label) for label in said.labels])
    answers = said.probabilities.argmax(axis=1)
    groups = groups_of(said.subjects, [name.rpartition(" window ")[0] for name in said.names])
    return {
        "split": split.name,
        "windows": len(true),
        "known_walks": split.known_walks,
        "known_subjects": split.known_subjects,
        "accuracy": metrics.accuracy(true, answers),
        "interval": metrics.interval(true, answers, groups),
        "balanced_accuracy": metrics.balanced_accuracy(true, answers),
        "majority": metrics.majority_accuracy(true, len(said.classes))[1],
        "parameters": split.parameters,
        "seconds_an_epoch": split.seconds,
    }


def table(model: str, rows: Sequence[dict[str, Any]]) -> list[str]:
    """A row a split, and by how much dealing windows moves the score."""
    lines = [f"\n{model}, {rows[0]['parameters']:,} parameters"]
    lines.append(
        f"{'':24} {'windows':>7} {'walk known':>10} {'walker known':>12} {'accuracy (95 % interval)':>26} "
        f"{'balanced':>8} {'majority':>8} {'an epoch':>8}"
    )
    for row in rows:
        low, high = (100 * bound for bound in row["interval"])
        score = f"{100 * row['accuracy']:.1f} % ({low:.1f} to {high:.1f})"
        lines.append(
            f"{SPLITS[row['split']]:24} {row['windows']:7} {row['known_walks']:10.0%} {row['known_subjects']:12.0%} "
            f"{score:>26} {100 * row['balanced_accuracy']:6.1f} % {100 * row['majority']:6.1f} % "
            f"{row['seconds_an_epoch']:6.1f} s"
        )
    more = 100 * (rows[1]["accuracy"] - rows[0]["accuracy"])
    return [*lines, f"Dealing windows at random changes the accuracy by {more:+.1f} points."]


if __name__ == "__main__":
    run_script(main)
