"""Training the pose network: from a folder of synthetic walkers to its file."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gait.backend import start_keras
from gait.bundle import library_versions
from gait.cache import Cache
from gait.console import progress_bar, say
from gait.errors import GaitmoodError, NothingUsableError
from gait.labels import Sample, find_samples
from gait.model_files import free_name
from gait.options import plain, read_options, write_options
from gait.pose import posenet_file
from gait.preprocess.walks import Walk
from gait.runs import new_run, write_json
from gait.splits import groups_of, hold_out
from training import runs
from training.posenet import COMMAND, PoseNetOptions

_TALL = 0.5  # of the picture, from head to feet


@dataclass(frozen=True)
class Result:
    """What a run produced: the file, the run folder, and what the file knows."""

    model: Path
    folder: Path
    record: posenet_file.PoseNetRecord


def train(options: PoseNetOptions) -> Result:
    """Run: find the walkers, cut their pictures, fit, score on people who were not trained on, save.

    Raises
    ------
    NothingUsableError
        There are no walkers with true joints.
    GaitmoodError
        All walkers are one person; or, with ``--resume``, they have changed.
    """
    folder = None
    if options.resume:
        folder = runs.unfinished_run(options.runs, program=COMMAND)
        options = replace(read_options(PoseNetOptions, folder / runs.OPTIONS), resume=True)
        say(f"Resuming {folder} with its options.")
    cache, started = Cache(options.cache), time.time()
    train_walks, validation = _gather(options, cache)
    cache.prune(started)
    if folder is None:
        folder = new_run(options.runs, options.name)
        write_options(replace(options, resume=False), folder / runs.OPTIONS)
        write_json(folder / runs.WALKS, _sides(train_walks, validation))
    elif json.loads((folder / runs.WALKS).read_text(encoding="utf-8")) != _sides(train_walks, validation):
        raise GaitmoodError(f"--resume: the walkers have changed since {folder} began. Start a new run.")
    with runs.interruptible(folder, program=COMMAND):
        return _fit_and_save(options, train_walks, validation, folder)


def _sides(*parts: Sequence[Walk]) -> list[list[str]]:
    return [[walk.content for walk in part] for part in parts]


def _gather(options: PoseNetOptions, cache: Cache) -> tuple[list[Walk], list[Walk]]:
    """The walks to train on, and those of the people kept aside for validation."""
    from training.pose_crops import PoseCrops

    samples = _find(options)
    prepared = PoseCrops().prepare(samples, cache, options.jobs)
    for name, reason in prepared.left_out:
        say(f"  left out: {name}: {reason}")
    walks = prepared.walks
    if not walks:
        raise NothingUsableError(f"none of the walkers in {options.walkers}/ can be used.")
    people = groups_of([walk.sample.subject for walk in walks], [walk.sample.name for walk in walks])
    aside = hold_out(["walk"] * len(walks), people, options.validation, options.seed)
    sides = [[walk for walk, out in zip(walks, aside, strict=True) if out == side] for side in (False, True)]
    counts = [sum(walk.entry.length("depth") for walk in side) for side in sides]
    who = [
        len({person for person, out in zip(people, aside, strict=True) if out == side})
        for side in (False, True)
    ]
    say(
        f"Pictures: {counts[0]:,} of {who[0]} people to train on, {counts[1]:,} of {who[1]} others for validation."
    )
    return sides[0], sides[1]


def _find(options: PoseNetOptions) -> tuple[Sample, ...]:
    if options.walkers.is_dir() and (samples := find_samples(options.walkers).samples):
        say(f"Found {len(samples)} walks in {options.walkers}/.")
        return samples
    raise NothingUsableError(
        f"no walkers in {options.walkers}/: synthetic ones with their true joints beside them were expected. "
        f"Make some: {posenet_file.MAKE_WALKERS.format(folder=options.walkers)}"
    )


def _fit_and_save(
    options: PoseNetOptions, train_walks: list[Walk], validation: list[Walk], folder: Path
) -> Result:
    start_keras()
    import keras

    from training.pose_dataset import PoseDataset

    keras.utils.set_random_seed(options.seed)
    side, size = posenet_file.SIDE, options.batch_size
    learn = PoseDataset(train_walks, side, size, augment=True, seed=options.seed)
    check = PoseDataset(validation, side, size)
    model, keeper = _fit(options, learn, check, folder)
    scores = score(model, check)
    say(
        f"Best epoch {keeper.best_epoch} of {len(keeper.history['loss'])}: lowest validation loss.\n"
        f"On {scores['pictures']:,} pictures of people who were not trained on (they chose the epoch: optimistic): of "
        f"the {scores['whole']:,} with a whole person, PCK@0.2 {scores['pck']:.1%}, depth off by "
        f"{scores['depth_error']:.1%} of the body height; of all, presence of joints right in {scores['presence']:.1%}."
    )
    record = posenet_file.PoseNetRecord(
        layout=posenet_file.LAYOUT,
        side=side,
        options=plain(replace(options, resume=False)),
        seed=options.seed,
        versions=library_versions(),
        history=keeper.history,
        validation=scores,
    )
    path = free_name(options.saved_models, options.name, options.overwrite)
    posenet_file.save(path, model, record)
    write_json(folder / runs.RESULT, {"model": str(path), "best_epoch": keeper.best_epoch, **scores})
    return Result(path, folder, record)


def _fit(options: PoseNetOptions, learn: Any, check: Any, folder: Path) -> tuple[Any, Any]:
    """Train for all epochs, from the checkpoint in ``folder`` with ``--resume``; the best epoch's weights."""
    import keras

    from training.callbacks import Bar, Epochs, Keeper

    state = runs.read_state(folder / "checkpoint") if options.resume else None
    if state:
        model = keras.models.load_model(folder / "checkpoint" / state["last"])
        say(f"Going on after epoch {state['epoch']}.")
    else:
        model = fresh_model(options, steps=len(learn) * options.epochs)
    say(
        f"Model posenet: {model.count_params():,} parameters, input {' x '.join(map(str, model.input_shape[1:]))}"
    )
    keeper = Keeper(folder / "checkpoint", [], state)
    done = state["epoch"] if state else 0
    with progress_bar("Training", len(learn) * (options.epochs - done)) as bar:
        model.fit(
            learn,
            validation_data=check,
            epochs=options.epochs,
            initial_epoch=done,
            shuffle=False,  # the dataset does; Keras would by a state that no checkpoint holds
            callbacks=[Epochs(learn), keeper, Bar(bar, options.epochs)],
            verbose=0,
        )
    model.load_weights(keeper.best_weights)
    return model, keeper


def fresh_model(options: PoseNetOptions, steps: int) -> Any:
    """The network, compiled: Adam, its step size falling to nothing along half a cosine over all steps."""
    import keras

    from gait.pose import posenet

    model = posenet.build()
    rate = keras.optimizers.schedules.CosineDecay(
        0.1 * options.learning_rate,
        steps,
        warmup_target=options.learning_rate,
        warmup_steps=max(1, steps // 50),
    )
    model.compile(
        optimizer=keras.optimizers.Adam(rate), loss=posenet.losses(), loss_weights=posenet.LOSS_WEIGHTS
    )
    return model


def score(model: Any, pictures: Any) -> dict[str, float]:
    """How well a network does on pictures (a PoseDataset that does not vary them).

    Returns
    -------
    dict
        ``pictures``; ``presence``, the share of joints of which the network says rightly whether they are in the
        picture. Of those pictures that show a whole person about as large as when followed (``whole``): ``pck``, the
        share of joints within 0.2 torso sizes, see :func:`gait.pose.accuracy.correct_keypoints`; ``depth_error``, mean
        absolute, body heights.
    """
    from gait.pose.accuracy import correct_keypoints
    from gait.pose.heat_maps import find_peaks

    right, off, seen = [], [], []
    for number in range(len(pictures)):
        shown, points, depth = pictures.read(number)
        answer = model.predict_on_batch(shown)
        inside = ((points >= 0) & (points < 1)).all(axis=-1)
        near = inside.all(axis=1) & (np.ptp(points[..., 1], axis=1) > _TALL)
        right.append(correct_keypoints(find_peaks(answer["heat_maps"]), points, posenet_file.LAYOUT)[near])
        off.append(np.abs(answer["depth"] - depth)[near])
        seen.append((answer["presence"] > 0.5) == inside)
    seen = np.concatenate(seen)
    return {
        "pictures": len(seen),
        "whole": sum(map(len, right)),
        "pck": float(np.concatenate(right).mean()),
        "depth_error": float(np.concatenate(off).mean()),
        "presence": float(seen.mean()),
    }
