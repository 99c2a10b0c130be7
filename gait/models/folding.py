"""The fast twin of a frame model: time folded into the batch.

Keras's TimeDistributed unrolls a Python loop over the time axis: at 30 frames the graph holds thirty copies
of every convolution. The same layer applied once to (N*T, ...) computes the same thing. A twin shares its
layers, and so its weights, with the model it was made from: training one trains both. Only building, loading
and saving know of it; the file holds the stock layers.

What a wrapped layer computes from a whole batch in training (batch normalisation's statistics) it computes
from all frames of the batch at once, not from each time step on its own as the loop does; predictions are the
same.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops
from keras.layers import TimeDistributed


@keras.saving.register_keras_serializable("gaitmood")
class FoldedTimeDistributed(TimeDistributed):
    """TimeDistributed that reshapes (N, T, ...) to (N*T, ...) and back instead of looping over T."""

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Apply the wrapped layer to every frame at once; masks are not supported, as frames have none.

        ``training`` reaches the wrapped layer through Keras's call context.
        """
        time, *rest = ops.shape(inputs)[1:]
        outputs = self.layer(ops.reshape(inputs, (-1, *rest)))
        return ops.reshape(outputs, (-1, time, *ops.shape(outputs)[1:]))


def fold(model: keras.Model) -> keras.Model:
    """The twin of a model in which no layer loops over time; the model itself if none does."""
    return _exchange(model, TimeDistributed, FoldedTimeDistributed)


def unfold(model: keras.Model) -> keras.Model:
    """The twin of a model with stock TimeDistributed layers, as it is saved."""
    return _exchange(model, FoldedTimeDistributed, TimeDistributed)


def _exchange(model: keras.Model, old: type, new: type) -> keras.Model:
    if not _holds(model, old):
        return model

    def twin(layer: keras.Layer) -> keras.Layer:
        if isinstance(layer, keras.Model):
            return _exchange(layer, old, new)
        if type(layer) is not old:
            return layer
        return new(layer.layer, name=layer.name, dtype=layer.dtype_policy, trainable=layer.trainable)

    return keras.models.clone_model(model, clone_function=twin)


def _holds(model: keras.Model, kind: type) -> bool:
    """Whether a model, or a model inside it, has a layer of exactly this type."""
    return any(
        _holds(layer, kind) if isinstance(layer, keras.Model) else type(layer) is kind
        for layer in model.layers
    )
