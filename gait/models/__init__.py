"""The architectures: one a file, and a registry one can read.

A model file holds

- ``INPUT``: the kind of preprocessing it eats (see :mod:`gait.preprocess`),
- ``LEARNING_RATE``: Adam's default step size for it,
- ``build(shape, classes)``: a functional Keras model with named outputs, always ``emotion`` (N, K)
  probabilities in float32, uncompiled,
- ``losses(soft)``: a loss for each output.

A new model costs one such file and one line here.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from gait.backend import start_keras
from gait.errors import GaitmoodError

MODELS = {
    "cnn_lstm": "gait.models.cnn_lstm",
}


def architecture(name: str) -> ModuleType:
    """The file of a model, imported (and Keras with it) when it is asked for.

    Raises
    ------
    GaitmoodError
        No model has this name.
    """
    if name not in MODELS:
        raise GaitmoodError(f"unknown model '{name}'. Known models: {', '.join(MODELS)}.")
    start_keras()
    return importlib.import_module(MODELS[name])


def build_model(name: str, shape: tuple[int, ...], classes: int) -> Any:
    """Build a model for inputs of ``shape`` (without the batch axis), in the form that trains fastest.

    Raises
    ------
    GaitmoodError
        No model has this name, or this one cannot be built for such inputs.
    """
    from gait.models.folding import fold

    try:
        return fold(architecture(name).build(shape, classes))
    except ValueError as error:
        raise GaitmoodError(
            f"{name} cannot be built for inputs of {' x '.join(map(str, shape))}: give it more frames or "
            f"larger ones (--frames, --frame-size). Keras says: {str(error).splitlines()[0]}"
        ) from error
