"""The fast twin of a frame model: time folded into the batch.

Keras's TimeDistributed unrolls a Python loop over the time axis: at 30 frames the graph holds thirty copies of
every convolution. The same layer applied once to (N*T, ...) computes the same thing. A twin shares its layers,
and so its weights, with the model it was made from: training one trains both. Only building, loading and saving
know of it; the file holds the stock layers.
"""

from __future__ import annotations

import keras
from keras import ops
from keras.layers import TimeDistributed


@keras.saving.register_keras_serializable("gaitmood")
class FoldedTimeDistributed(TimeDistributed):
    """TimeDistributed that reshapes (N, T, ...) to (N*T, ...) and back instead of looping over T."""

    def call(self, inputs, training=None, mask=None):
        """Apply the wrapped layer to every frame at once; masks are not supported, as frames have none."""
        time, *rest = inputs.shape[1:]
        outputs = self.layer(ops.reshape(inputs, (-1, *rest)))
        return ops.reshape(outputs, (-1, time, *outputs.shape[1:]))


def fold(model: keras.Model) -> keras.Model:
    """The twin of a model in which no layer loops over time; the model itself if none does."""
    return _exchange(model, TimeDistributed, FoldedTimeDistributed)


def unfold(model: keras.Model) -> keras.Model:
    """The twin of a model with stock TimeDistributed layers, as it is saved."""
    return _exchange(model, FoldedTimeDistributed, TimeDistributed)


def _exchange(model: keras.Model, old: type, new: type) -> keras.Model:
    if not any(type(layer) is old for layer in model.layers):
        return model

    def twin(layer):
        if type(layer) is not old:
            return layer
        return new(layer.layer, name=layer.name)

    return keras.models.clone_model(model, clone_function=twin)
