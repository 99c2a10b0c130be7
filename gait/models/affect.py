"""Valence and arousal beside the emotion, for any network."""

from __future__ import annotations

import keras
from keras import layers

from gait.affect import NAMES
from gait.models.losses import KnownMeanSquaredError


def heads(features: keras.KerasTensor) -> dict[str, keras.KerasTensor]:
    """The outputs ``valence`` (N, 1) in [-1, 1] and ``arousal`` (N, 1) in [0, 1] of features (N, F)."""
    return {
        "valence": layers.Dense(1, activation="tanh", dtype="float32", name="valence")(features),
        "arousal": layers.Dense(1, activation="sigmoid", dtype="float32", name="arousal")(features),
    }


def has_affect(model: keras.Model) -> bool:
    """Whether a network has these outputs."""
    return isinstance(model.output, dict) and set(NAMES) <= set(model.output)


def with_affect(model: keras.Model) -> keras.Model:
    """A network with these outputs: its own, or new ones that see the features from which it tells the emotion."""
    if has_affect(model):
        return model
    return keras.Model(model.input, {**model.output, **heads(_features(model))}, name=model.name)


def without_affect(model: keras.Model) -> keras.Model:
    """A network without these outputs."""
    if not has_affect(model):
        return model
    rest = {name: output for name, output in model.output.items() if name not in NAMES}
    return keras.Model(model.input, rest, name=model.name)


def losses() -> dict[str, keras.losses.Loss]:
    """Mean squared error over the walks of which the value is known."""
    return {name: KnownMeanSquaredError() for name in NAMES}


def _features(model: keras.Model) -> keras.KerasTensor:
    """What the emotion is told from: the input of the last layers with weights before it, joined where several."""
    seen = [
        x if len(x.shape) == 2 else layers.GlobalAveragePooling2D(name="affect_pool")(x)
        for x in _seen_by(model, model.get_layer("emotion"))
    ]
    return seen[0] if len(seen) == 1 else layers.Concatenate(name="affect_features")(seen)


def _seen_by(model: keras.Model, layer: keras.Layer) -> list[keras.KerasTensor]:
    inputs = keras.tree.flatten(layer.input)
    if layer.weights:
        return inputs
    makers = [
        one for x in inputs for one in model.layers if any(x is y for y in keras.tree.flatten(one.output))
    ]
    return [x for maker in makers for x in _seen_by(model, maker)]
