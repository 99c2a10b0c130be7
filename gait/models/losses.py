"""Losses that Keras does not have."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("gaitmood")
class KnownMeanSquaredError(keras.losses.Loss):
    """Mean squared error over what is known: targets that are NaN are left out.

    A sample of which nothing is known weighs nothing, in its gradient too.
    """

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Targets and predictions (N, ...) to a loss (N,)."""
        y_pred = ops.convert_to_tensor(y_pred)
        y_true = ops.reshape(ops.cast(y_true, y_pred.dtype), ops.shape(y_pred))
        known = ops.logical_not(ops.isnan(y_true))
        # The difference is taken of numbers only: NaN times zero would be NaN in the gradient.
        off = ops.where(known, ops.where(known, y_true, 0.0) - y_pred, 0.0)
        axes = tuple(range(1, len(y_pred.shape)))
        count = ops.sum(ops.cast(known, y_pred.dtype), axis=axes)
        return ops.sum(ops.square(off), axis=axes) / ops.maximum(count, 1.0)


def cross_entropy(soft: bool) -> keras.losses.Loss:
    """Cross-entropy of logits against class indices, or against distributions where labels are soft."""
    kind = keras.losses.CategoricalCrossentropy if soft else keras.losses.SparseCategoricalCrossentropy
    return kind(from_logits=True)
