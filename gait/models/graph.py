"""Layers that work on joints: (N, T, V, C) walks of T frames, V joints and C channels."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from gait.skeleton import adjacency

# PyTorch's, which the published networks were trained with.
EPSILON, MOMENTUM = 1e-5, 0.9


def normalised(x: Any, name: str) -> Any:
    """Batch normalisation as PyTorch does it."""
    return layers.BatchNormalization(momentum=MOMENTUM, epsilon=EPSILON, name=name)(x)


def normalised_channels(x: Any, name: str) -> Any:
    """Every channel of every joint by its own mean and spread over walks and frames (Yan et al. 2018)."""
    _, T, V, C = x.shape
    flat = layers.Reshape((T, V * C), name=f"{name}_flatten")(x)
    return layers.Reshape((T, V, C), name=f"{name}_unflatten")(normalised(flat, name))


def temporal_convolution(x: Any, filters: int, kernel: int, stride: int, name: str) -> Any:
    """Convolution over frames, every joint by itself, zeros before and after; then batch normalisation.

    The first frame of the output is centred on the first of the input, whatever the stride.
    """
    edge = kernel // 2
    if edge:
        x = layers.ZeroPadding2D(((edge, edge), (0, 0)), name=f"{name}_edges")(x)
    x = layers.Conv2D(filters, (kernel, 1), strides=(stride, 1), name=f"{name}_convolution")(x)
    return normalised(x, f"{name}_normalise")


@keras.saving.register_keras_serializable("gaitmood")
class GraphConvolution(layers.Layer):
    """Graph convolution over the skeleton (Yan et al. 2018, Spatial temporal graph convolutional networks, eq. 10).

    ``y[w] = sum_k sum_v A[k, v, w] M[k, v, w] (x[v] W[k] + b[k])``: A the skeleton's adjacency in three subsets, M how
    much each edge counts, which is learned.

    Parameters
    ----------
    filters : int
        Channels of the output.
    layout : str
        Of the joints, see :data:`gait.skeleton.LAYOUTS`.
    """

    def __init__(self, filters: int, layout: str, **kwargs: Any):
        super().__init__(**kwargs)
        self.filters, self.layout = filters, layout
        self._adjacency = adjacency(layout)
        self.dense = layers.Dense(len(self._adjacency) * filters, name="dense")

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.dense.build(shape)
        self.importance = self.add_weight(shape=self._adjacency.shape, initializer="ones", name="importance")

    def call(self, x: Any) -> Any:
        """(N, T, V, C) to (N, T, V, filters)."""
        edges = ops.cast(self._adjacency, self.compute_dtype) * self.importance
        _, T, V, _ = x.shape
        y = ops.reshape(self.dense(x), (-1, T, V, len(self._adjacency), self.filters))
        return ops.einsum("ntvkc,kvw->ntwc", y, edges)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*shape[:-1], self.filters)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "filters": self.filters, "layout": self.layout}


@keras.saving.register_keras_serializable("gaitmood")
class AdaptiveGraphConvolution(layers.Layer):
    """Graph convolution whose edges depend on the walk (Shi et al. 2019, Two-stream adaptive graph convolutional
    networks, eq. 3).

    ``y[w] = sum_k sum_v x[v] B[k, v, w] W[k] + b``, where ``B[k]`` is the skeleton's adjacency, plus a learned matrix,
    plus ``softmax_v(<theta_k(x[v]), phi_k(x[w])> / (inner T))``: how alike two joints move, over all frames.

    Parameters
    ----------
    filters : int
        Channels of the output.
    inner : int
        Channels in which joints are compared.
    layout : str
        Of the joints, see :data:`gait.skeleton.LAYOUTS`.
    """

    def __init__(self, filters: int, inner: int, layout: str, **kwargs: Any):
        super().__init__(**kwargs)
        self.filters, self.inner, self.layout = filters, inner, layout
        self._adjacency = adjacency(layout)
        # theta and phi of every subset, side by side.
        self.compare = layers.Dense(2 * len(self._adjacency) * inner, name="compare")
        self.dense = layers.Dense(filters, name="dense")

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.compare.build(shape)
        self.dense.build((*shape[:-1], len(self._adjacency) * shape[-1]))
        self.learned = self.add_weight(shape=self._adjacency.shape, initializer="zeros", name="learned")

    def call(self, x: Any) -> Any:
        """(N, T, V, C) to (N, T, V, filters)."""
        _, T, V, C = x.shape
        subsets = len(self._adjacency)
        compared = ops.reshape(self.compare(x), (-1, T, V, 2, subsets, self.inner))
        theta, phi = compared[:, :, :, 0], compared[:, :, :, 1]
        alike = ops.softmax(ops.einsum("ntvki,ntwki->nkvw", theta, phi) / (self.inner * T), axis=-2)
        edges = alike + ops.cast(self._adjacency, self.compute_dtype) + self.learned
        y = ops.einsum("ntvc,nkvw->ntwkc", x, edges)
        return self.dense(ops.reshape(y, (-1, T, V, subsets * C)))

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*shape[:-1], self.filters)

    def get_config(self) -> dict[str, Any]:
        own = {"filters": self.filters, "inner": self.inner, "layout": self.layout}
        return {**super().get_config(), **own}
