"""A training run from options to a bundle."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gait import bundle as bundles
from gait.backend import start_keras
from gait.cache import Cache
from gait.console import say
from gait.errors import GaitmoodError
from gait.floors import answers, gists
from gait.inputs import describe
from gait.labels import Sample
from gait.model_files import free_name
from gait.models import architecture, find_entry
from gait.options import plain, read_options, write_options
from gait.predict import predict_walks
from gait.predictions import Predictions
from gait.preprocess import Walk
from gait.preprocess.pose_facts import write_poses_table
from gait.runs import new_run, write_json
from gait.splits import groups_of
from gait.streaming.abstaining import calibrate
from training import runs
from training.affect import affect_targets, learns_affect
from training.calibrating import calibrated
from training.options import TrainOptions
from training.published import check_weights, in_published_order
from training.search import search
from training.walks import TrainingWalks, gather

# A trained model, its curves, and the epoch that was chosen (None where there are none).
Fit = tuple[Any, dict[str, list[float]], int | None]


@dataclass(frozen=True)
class Result:
    """What a run produced: the model file, the run folder, predictions for the validation walks (if any), where these
    lie, what answers that need no model say of them, and what raters said."""

    model: Path
    folder: Path
    validation: Predictions | None
    record: bundles.Record
    left_out: tuple[tuple[str, str], ...]
    samples: tuple[Sample, ...]
    floors: Mapping[str, tuple[str, ...]]
    ratings: Mapping[str, np.ndarray]


def train(options: TrainOptions) -> Result:
    """Run: gather walks, fit, save the bundle, predict the validation walks.

    Raises
    ------
    GaitmoodError
        See :func:`training.walks.gather`; or ``options.model`` is unknown.
    """
    folder = None
    if options.resume:
        folder = runs.unfinished_run(options.runs, model=options.model_to_resume)
        options = replace(read_options(TrainOptions, folder / runs.OPTIONS), resume=True)
        say(f"Resuming {folder} with its options.")
    check_model(options)
    cache, started = Cache(options.cache), time.time()
    walks = gather(options, cache)
    cache.prune(started)
    if folder is None:
        folder = new_run(options.runs, options.model)
        write_options(replace(options, resume=False), folder / runs.OPTIONS)
        write_json(folder / runs.WALKS, _sides(walks))
    elif json.loads((folder / runs.WALKS).read_text(encoding="utf-8")) != _sides(walks):
        raise GaitmoodError(
            f"--resume: the walks or their labels have changed since {folder} began. "
            "Put them back, or start a new run."
        )
    write_poses_table(folder, [*walks.train, *walks.validation, *walks.held_out])
    with runs.interruptible(folder):
        return _fit_and_save(options, walks, folder)


def check_model(options: TrainOptions) -> None:
    """Refuse what the model cannot do, before anything is prepared for it.

    Raises
    ------
    GaitmoodError
        The model is unknown, learns no soft labels, searches its settings anyway, or does not take the weights to
        start from.
    """
    if find_entry(options.model).kind == "features":
        if options.soft_labels:
            raise GaitmoodError(f"--soft-labels is for networks; {options.model} learns the perceived label.")
        if options.search:
            raise GaitmoodError(
                f"--search is for networks; {options.model} always searches its settings. Leave --search out."
            )
    if options.weights is not None:
        check_weights(options)


def _sides(walks: TrainingWalks) -> list[list[str]]:
    """What the run was started with: content, label and side of every walk."""
    parts = zip(bundles.SPLITS, (walks.train, walks.validation, walks.held_out), strict=True)
    return [[walk.content, walk.sample.label, side] for side, part in parts for walk in part]


def fit_bundle(
    options: TrainOptions, walks: TrainingWalks, folder: Path
) -> tuple[bundles.Bundle, int | None]:
    """Fit the model that the options name to the walks; the bundle, not saved yet, and the chosen epoch."""
    if options.weights is not None:
        walks = in_published_order(options, walks)
    fit = _fit_classical if walks.preprocess.kind == "features" else _fit_network
    if options.search and fit is _fit_network:  # classical models always search their grid
        options = search(options, walks, folder, fit)
    model, history, best_epoch = fit(options, walks, folder)
    bundle = bundles.Bundle(folder, model, _record(options, walks, history))
    return calibrated(bundle, walks.validation), best_epoch


def _fit_and_save(options: TrainOptions, walks: TrainingWalks, folder: Path) -> Result:
    bundle, best_epoch = fit_bundle(options, walks, folder)
    record, validation, floors = bundle.record, None, {}
    if walks.validation:
        validation = predict_walks(bundle, walks.validation)
        own = gists(walks.preprocess, walks.validation)
        floors = answers(record.gists, record.training_labels, own)
        record = replace(record, validation=_summary(validation, best_epoch))
    path = free_name(options.saved_models, options.name or options.model, options.overwrite)
    bundles.save(path, bundle.model, record)
    write_json(folder / runs.RESULT, {"model": str(path), "best_epoch": best_epoch})
    samples = tuple(walk.sample for walk in walks.validation)
    return Result(path, folder, validation, record, walks.left_out, samples, floors, walks.ratings)


def _fit_network(options: TrainOptions, walks: TrainingWalks, folder: Path) -> Fit:
    start_keras()
    import keras

    from training.fitting import fit, fresh_model

    keras.utils.set_random_seed(options.seed)
    soft = options.soft_labels
    if soft:
        _check_soft(walks)
    affect = learns_affect(options, walks)
    shape = walks.preprocess.input_shape
    model = fresh_model(options, shape, len(walks.classes), soft, affect)
    say(f"Model {options.model}: {model.count_params():,} parameters, input {describe(shape)}")
    fitted = fit(model, *_datasets(options, walks, soft, affect), options, folder)
    runs.draw_curves(folder / "curves.png", fitted.history, fitted.best_epoch)
    if walks.validation:
        say(f"Best epoch {fitted.best_epoch} of {len(fitted.history['loss'])}: lowest validation loss.")
    return fitted.model, fitted.history, fitted.best_epoch


def _fit_classical(options: TrainOptions, walks: TrainingWalks, folder: Path) -> Fit:
    from training.classical import fit_affect, fit_classical

    samples = [walk.sample for walk in walks.train]
    labels = np.array([walks.classes.index(sample.label) for sample in samples])
    groups = groups_of([sample.subject for sample in samples], [sample.source for sample in samples])
    affect = learns_affect(options, walks)
    model = fit_classical(options, walks.preprocess, walks.train, labels, groups)
    if affect:
        values = affect_targets(walks.train, walks.classes)
        model = replace(model, affect=fit_affect(walks.preprocess, walks.train, values, groups))
    say(f"Model {options.model}: {model.count_params():,} parameters, {len(walks.preprocess.names)} features")
    if not walks.validation:
        say("Trained on every walk that is not held out; --validation 0.2 keeps some aside for a report.")
    return model, {}, None


def _check_soft(walks: TrainingWalks) -> None:
    missing = [w.sample.name for w in (*walks.train, *walks.validation) if w.sample.soft is None]
    if missing:
        raise GaitmoodError(
            f"--soft-labels needs ratings; {len(missing)} walks have none, such as {missing[0]}."
        )


def _datasets(options: TrainOptions, walks: TrainingWalks, soft: bool, affect: bool) -> tuple[Any, Any]:
    from training.dataset import ClipDataset

    def dataset(part: Sequence[Walk], **how: Any) -> ClipDataset:
        labels = np.array([walks.classes.index(walk.sample.label) for walk in part])
        targets = np.array([walk.sample.soft for walk in part]) if soft else None
        how.update(soft=targets, affect=affect_targets(part, walks.classes) if affect else None)
        how.update(architecture=architecture(options.model), batch_size=options.batch_size)
        return ClipDataset(walks.preprocess, part, labels, **how)

    train = dataset(
        walks.train, balance=options.balance, augment=options.augment, shuffle=True, seed=options.seed
    )
    return train, dataset(walks.validation) if walks.validation else None


def _record(options: TrainOptions, walks: TrainingWalks, history: dict[str, list[float]]) -> bundles.Record:
    known = [
        bundles.KnownWalk(walk.sample.name, walk.content, walk.sample.subject, walk.sample.label, split)
        for split, part in zip(bundles.SPLITS, (walks.train, walks.validation, walks.held_out), strict=True)
        for walk in part
    ]
    prints = tuple(walks.prints.get(walk.content, b"") for walk in known) if walks.prints else ()
    return bundles.Record(
        gists=gists(walks.preprocess, walks.train),
        flat=sum(walk.flat for walk in walks.train),
        measured=_measured(walks),
        architecture=options.model,
        classes=walks.classes,
        preprocess=walks.preprocess,
        walks=tuple(known),
        prints=prints,
        options=plain(replace(options, resume=False)),
        seed=options.seed,
        versions=bundles.library_versions(),
        history=history,
    )


def _measured(walks: TrainingWalks) -> dict[str, np.ndarray] | None:
    """Features of the walks trained on, by which a walk is explained in words; gists hold those of feature models."""
    if walks.preprocess.kind != "joints":
        return None
    rows = [walks.preprocess.measured(walk) for walk in walks.train]
    return {name: np.array([row[name] for row in rows], np.float32) for name in rows[0]}


def _summary(predictions: Predictions, best_epoch: int | None) -> dict[str, Any]:
    from gait.metrics import scores

    true = np.array([predictions.classes.index(label) for label in predictions.labels])
    found = scores(true, predictions.probabilities, len(predictions.classes))
    right = predictions.probabilities.argmax(axis=1) == true
    return {
        "walks": len(true),
        "best_epoch": best_epoch,
        "accuracy": found.accuracy,
        "balanced_accuracy": found.balanced_accuracy,
        "unsure_below": calibrate(right, predictions.probabilities.max(axis=1)),
        "note": "not trained on" if best_epoch is None else "they chose the epoch: optimistic",
    }
