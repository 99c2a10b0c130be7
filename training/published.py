"""Training runs that start from published weights, and models that are nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from gait import bundle as bundles
from gait.backend import start_keras
from gait.errors import GaitmoodError
from gait.formats.torch_file import read_weights
from gait.inputs import describe
from gait.model_files import free_name
from gait.models import architecture
from gait.models.published import published_model, published_parts
from gait.options import plain
from gait.preprocess import Walk
from training.options import TrainOptions
from training.walks import TrainingWalks, preprocessing_for


def check_weights(options: TrainOptions) -> dict[str, np.ndarray]:
    """The arrays of ``--weights``; refuses, before any walk is prepared, those that cannot be of use.

    Raises
    ------
    GaitmoodError
        The model takes no published weights, or the file cannot be read; or they shall become a model as they are
        and nobody knows what their outputs stand for.
    """
    parts = published_parts(options.model)
    if options.epochs == 0 and parts.PUBLISHED_CLASSES is None:
        raise GaitmoodError(
            f"--epochs 0: which emotions the published outputs of {options.model} stand for is not known. Start "
            "from the weights and train on walks of your own: leave --epochs 0 out."
        )
    return read_weights(options.weights)


def in_published_order(options: TrainOptions, walks: TrainingWalks) -> TrainingWalks:
    """Walks with their classes, and their soft labels, in the order of the published outputs.

    Raises
    ------
    GaitmoodError
        They are of other classes.
    """
    published = architecture(options.model).PUBLISHED_CLASSES
    if published is None or published == walks.classes:
        return walks
    if set(published) != set(walks.classes):
        raise GaitmoodError(
            f"--weights: they tell {', '.join(published)} apart; the walks are labelled {', '.join(walks.classes)}. "
            "Train without --weights, or on walks of exactly these classes."
        )
    places = [walks.classes.index(name) for name in published]

    def reordered(part: tuple[Walk, ...]) -> tuple[Walk, ...]:
        return tuple(
            walk
            if walk.sample.soft is None
            else replace(walk, sample=replace(walk.sample, soft=tuple(walk.sample.soft[k] for k in places)))
            for walk in part
        )

    sides = {name: reordered(getattr(walks, name)) for name in ("train", "validation", "held_out")}
    return replace(walks, classes=published, **sides)


def save_as_they_are(options: TrainOptions) -> tuple[Path, str]:
    """Make a model file of published weights without training: where it is, and the model in a line.

    Raises
    ------
    GaitmoodError
        As :func:`check_weights`; or they do not fit the network.
    """
    arrays = check_weights(options)
    start_keras()
    classes, how = architecture(options.model).PUBLISHED_CLASSES, preprocessing_for(options, [])
    model = published_model(options.model, how.input_shape, len(classes), arrays)
    record = bundles.Record(
        architecture=options.model,
        classes=classes,
        preprocess=how,
        options=plain(options),
        versions=bundles.library_versions(),
    )
    path = free_name(options.saved_models, options.name or options.model, options.overwrite)
    bundles.save(path, model, record)
    size = f"{model.count_params():,} parameters, input {describe(how.input_shape)}"
    return path, f"Model {options.model}: {size}, classes {', '.join(classes)}, weights of {options.weights}"
