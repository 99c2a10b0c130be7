"""Losses that Keras does not have."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


class _KnownMean(keras.losses.Loss):
    """Mean over what is known of how far off it is: targets that are NaN are left out.

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
        return ops.sum(self.weigh(off), axis=axes) / ops.maximum(count, 1.0)

    def weigh(self, off: Any) -> Any:
        """What a difference counts."""
        raise NotImplementedError


@keras.saving.register_keras_serializable("gaitmood")
class KnownMeanSquaredError(_KnownMean):
    """Mean squared error over what is known."""

    def weigh(self, off: Any) -> Any:
        return ops.square(off)


@keras.saving.register_keras_serializable("gaitmood")
class KnownAbsoluteError(_KnownMean):
    """Mean absolute error over what is known."""

    def weigh(self, off: Any) -> Any:
        return ops.abs(off)


def cross_entropy(soft: bool) -> keras.losses.Loss:
    """Cross-entropy of logits against class indices, or against distributions where labels are soft."""
    kind = keras.losses.CategoricalCrossentropy if soft else keras.losses.SparseCategoricalCrossentropy
    return kind(from_logits=True)
