"""The blocks of the spatiotemporal network; feature maps are (N, T, H, W, C)."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

KERNELS = (1, 3, 5)


@keras.saving.register_keras_serializable("gaitmood")
class MultiScaleTemporalAttention(layers.Layer):
    """Short, middle and long movements: convolutions over 1, 3 and 5 frames, mixed by softmax weights, added.

    ``y = x + sum_k a_k relu(conv_k(x))``; the weights ``a`` of the three, one set a frame, come from the frame's mean
    over its places.
    """

    def build(self, shape: tuple[int | None, ...]) -> None:
        _, T, H, W, C = shape
        self.scales = [
            layers.Conv2D(C, (kernel, 1), padding="same", activation="relu", name=f"frames{kernel}")
            for kernel in KERNELS
        ]
        for scale in self.scales:
            scale.build((None, T, H * W, C))
        self.choice = layers.Dense(len(KERNELS), name="choice")
        self.choice.build((None, T, C))

    def call(self, x: Any) -> Any:
        """(N, T, H, W, C) to the same."""
        _, T, H, W, C = x.shape
        places = ops.reshape(x, (-1, T, H * W, C))  # a convolution over one axis wants no more than two
        weights = ops.softmax(self.choice(ops.mean(places, axis=2)))
        mixed = sum(weights[..., i, None, None] * scale(places) for i, scale in enumerate(self.scales))
        return ops.reshape(places + mixed, (-1, T, H, W, C))

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return shape


@keras.saving.register_keras_serializable("gaitmood")
class ChannelAttention(layers.Layer):
    """How much each channel counts in each frame, between 0 and 1.

    Mean and maximum over the places of a frame, added, go through a bidirectional LSTM over the frames, so that the
    answer does not flicker; its output, as wide as there are channels, through a sigmoid.
    """

    def build(self, shape: tuple[int | None, ...]) -> None:
        _, T, _, _, C = shape
        self.lstm = layers.Bidirectional(
            layers.LSTM(C // 2, return_sequences=True, name="lstm"), name="over_time"
        )
        self.lstm.build((None, T, C))

    def call(self, x: Any) -> Any:
        """(N, T, H, W, C) to the same."""
        pooled = ops.mean(x, axis=(2, 3)) + ops.max(x, axis=(2, 3))
        return x * ops.sigmoid(self.lstm(pooled))[:, :, None, None]

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return shape


@keras.saving.register_keras_serializable("gaitmood")
class SpatialAttention(layers.Layer):
    """How much each place counts in each frame, between 0 and 1: mean and maximum over the channels, convolved 7 x 7,
    through a sigmoid (Woo et al. 2018, CBAM, eq. 3).
    """

    def build(self, shape: tuple[int | None, ...]) -> None:
        _, _, H, W, _ = shape
        self.convolution = layers.Conv2D(1, 7, padding="same", activation="sigmoid", name="convolution")
        self.convolution.build((None, H, W, 2))

    def call(self, x: Any) -> Any:
        """(N, T, H, W, C) to the same."""
        _, T, H, W, _ = x.shape
        maps = ops.concatenate(
            [ops.mean(x, axis=-1, keepdims=True), ops.max(x, axis=-1, keepdims=True)], axis=-1
        )
        gate = self.convolution(ops.reshape(maps, (-1, H, W, 2)))
        return x * ops.reshape(gate, (-1, T, H, W, 1))

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return shape


@keras.saving.register_keras_serializable("gaitmood")
class KnownPoints(layers.Layer):
    """Landmarks and what they are as numbers a frame, such that a missing one is no point at the origin.

    A known point brings its coordinates and what it is, face or body; of a missing one nothing is left whatever its
    coordinates hold, and the layers above see that it is missing.
    """

    def call(self, inputs: list[Any]) -> tuple[Any, Any]:
        """(N, T, P, 3) and mask (N, T, P) to (N, T, 4 P), and (N, T) 1 where a frame has any point, else 0."""
        landmarks, mask = inputs
        _, T, P, D = landmarks.shape
        known = ops.cast(mask != 0, landmarks.dtype)
        points = ops.where(mask[..., None] != 0, landmarks, 0.0)
        numbers = ops.concatenate(
            [ops.reshape(points, (-1, T, P * D)), ops.cast(mask, landmarks.dtype)], axis=-1
        )
        return numbers, ops.max(known, axis=-1)

    def compute_output_shape(
        self, shapes: list[tuple[int | None, ...]]
    ) -> tuple[tuple[int | None, ...], ...]:
        N, T, P, D = shapes[0]
        return (N, T, P * (D + 1)), (N, T)


@keras.saving.register_keras_serializable("gaitmood")
class KnownMean(layers.Layer):
    """Mean over the frames that are known; zero where none is."""

    def call(self, inputs: list[Any]) -> Any:
        """(N, T, C) and (N, T) of 1 and 0 to (N, C)."""
        x, known = inputs
        total = ops.sum(x * known[..., None], axis=1)
        return total / ops.maximum(ops.sum(known, axis=1, keepdims=True), 1.0)

    def compute_output_shape(self, shapes: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        N, _, C = shapes[0]
        return (N, C)
