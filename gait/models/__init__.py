"""The architectures: one a file, and a registry one can read.

A model file holds

- ``LEARNING_RATE``: Adam's default step size for it,
- ``build(shape, classes)``: a functional Keras model with named outputs, always ``emotion`` (N, K)
  probabilities in float32, uncompiled,
- ``losses(soft)``: a loss for each output that is trained; what is computed from others needs none,
- where they differ from 1, ``LOSS_WEIGHTS`` by output; where it has one, ``WEIGHT_DECAY``, which AdamW then applies
  apart from the gradient (Loshchilov & Hutter 2019); where it differs from the usual one, ``EPOCHS``,
- ``AFFECT = True`` where it has the outputs ``valence`` and ``arousal`` of its own (:mod:`gait.models.affect` gives
  them to others): ``known`` then holds them, too,
- for its parameter table, ``COMPONENTS``: part, beginning of its layers' names, published number or None,
- where it has more outputs than ``emotion``, ``targets(inputs, known)``: what each of them is to learn from a
  batch. ``known`` holds what is known of each clip's walk: ``emotion``, (N,) class indices or (N, K)
  distributions. Every output but those in ``known`` must get an array, also where it has no loss: Keras wants
  targets of the outputs' names. NaN stands for "not known", for a loss that leaves it out
  (:mod:`gait.models.losses`),
- where it is trained on several variants of a clip, ``COPIES``, their number, and ``copy(inputs, which)``, which
  makes variant ``which[i]`` of clip i; ``targets`` finds the numbers as ``known["copy"]``. Every clip comes
  ``COPIES`` times an epoch.

A classical model is a :class:`gait.models.classical.Classical` instead, or a choice of them. A new model costs
one such file and one line here.
"""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

from gait.backend import start_keras
from gait.errors import GaitmoodError
from gait.inputs import Shape, describe


class Entry(NamedTuple):
    """What a model eats (a key of :data:`gait.preprocess.KINDS`), and where it is written."""

    kind: str
    where: str


MODELS = {
    "cnn_lstm": Entry("clips", "gait.models.cnn_lstm"),
    "spatiotemporal": Entry("landmark clips", "gait.models.spatiotemporal"),
    "keypoint_lstm": Entry("joints", "gait.models.keypoint_lstm"),
    "st_gcn": Entry("joints", "gait.models.st_gcn"),
    "mdt_gcn": Entry("joints", "gait.models.mdt_gcn"),
    "vs_gcnn": Entry("joints", "gait.models.vs_gcnn"),
    "random_forest": Entry("features", "gait.models.classical:random_forest"),
    "extra_trees": Entry("features", "gait.models.classical:extra_trees"),
    "svm": Entry("features", "gait.models.classical:svm"),
    "logistic_regression": Entry("features", "gait.models.classical:logistic_regression"),
    "mlp": Entry("features", "gait.models.classical:mlp"),
    "best_classical": Entry("features", "gait.models.classical:best_classical"),
}


def find_entry(name: str) -> Entry:
    """A model's line in the registry.

    Raises
    ------
    GaitmoodError
        No model has this name.
    """
    if name not in MODELS:
        raise GaitmoodError(f"unknown model '{name}'. Known models: {', '.join(MODELS)}.")
    return MODELS[name]


def architecture(name: str) -> Any:
    """A model's file, or the object in it that the registry names; Keras is imported where it needs it.

    Raises
    ------
    GaitmoodError
        No model has this name.
    """
    module, _, attribute = find_entry(name).where.partition(":")
    if attribute:
        return getattr(importlib.import_module(module), attribute)
    start_keras()
    return importlib.import_module(module)


def build_model(name: str, shape: Shape, classes: int, affect: bool | None = None, **form: bool) -> Any:
    """Build a model for inputs of ``shape`` (without the batch axis), in the form that trains fastest.

    ``affect`` gives it the outputs ``valence`` and ``arousal``, or takes them away; by default it is as its file builds
    it. ``form`` goes to the architecture's ``build``, where that knows several.

    Raises
    ------
    GaitmoodError
        No model has this name, or this one cannot be built for such inputs.
    """
    parts = architecture(name)

    from gait.models.affect import with_affect, without_affect
    from gait.models.folding import fold

    try:
        model = parts.build(shape, classes, **form)
    except ValueError as error:
        raise GaitmoodError(
            f"{name} cannot be built for inputs of {describe(shape)}: give it more frames or "
            f"larger ones (--frames, --frame-size). Keras says: {str(error).splitlines()[0]}"
        ) from error
    if affect is not None:
        model = with_affect(model) if affect else without_affect(model)
    return fold(model)  # last: a twin shares its layers, which then have two inputs each
