"""VS-GCNN: a walk's image through convolutions in view groups, one softmax over emotion and view.

Narayanan et al. 2020, ProxEmo: Gait-based emotion learning and multi-view proxemic fusion for socially-aware robot
navigation, IROS. The network is theirs, layer by layer, and takes their weights (https://github.com/vijay4313/proxemo,
MIT licence).
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from gait.embedding import VIEWS, resize_shares, seen_from
from gait.models.graph import normalised
from gait.models.losses import cross_entropy
from gait.models.published import TorchArrays

LEARNING_RATE = 1e-3
GROUPS = COPIES = len(VIEWS)
# Channels a group in the three stages.
CHANNELS = (32, 64, 16)
DROPOUT = 0.2
SIZE = 244
PUBLISHED_CLASSES = ("angry", "happy", "sad", "neutral")


def build(shape: tuple[int, ...], classes: int) -> keras.Model:
    """Build the network.

    Parameters
    ----------
    shape : (T, V, C)
        Frames, joints, channels of a clip, see :class:`gait.preprocess.joints.JointPreprocess`.
    classes : int
        Number of emotions.

    Returns
    -------
    keras.Model
        Input (N, T, V, C); outputs as those of :func:`network`.
    """
    joints = keras.Input(shape, name="joints")
    image = GaitImage(SIZE, joints_size(classes), name="image")(joints)
    return keras.Model(joints, network(image, classes), name="vs_gcnn")


def joints_size(classes: int) -> int:
    """Width of the image, over joints, for as many emotions: 244 for four.

    The network ends in a map of one value for each emotion and view. All its strides together are 32, so that 32 pixels
    more make it one value wider.
    """
    return SIZE + 32 * (classes - len(PUBLISHED_CLASSES))


def network(image: Any, classes: int) -> dict[str, Any]:
    """Images (N, 244, joints_size(classes), 3) of 0 to 255 to the outputs.

    Returns
    -------
    dict of tensors
        ``view_emotion`` (N, K 4): logits, at 4 emotion + view; ``emotion`` (N, K): the sum over views; ``view`` (N, 4):
        the sum over emotions; ``emotion_by_view`` (N, 4, K): the softmax within each view.
    """
    x = layers.Permute((2, 1, 3), name="joints_down")(image)
    first, second, third = (GROUPS * channels for channels in CHANNELS)
    x = _convolution(x, CHANNELS[0], 1, "stage1_convolution0")
    x = _pool(_convolution(x, first, 1, "stage1_convolution1"), "stage1_pool1")
    x = _pool(_convolution(x, first, GROUPS, "stage1_convolution2"), "stage1_pool2")
    x = layers.Dropout(DROPOUT, name="stage1_dropout")(normalised(x, "stage1_normalise"))
    x = _pool(_convolution(x, second, GROUPS, "stage2_convolution1"), "stage2_pool1")
    x = _pool(_convolution(x, second, GROUPS, "stage2_convolution2"), "stage2_pool2")
    x = layers.Dropout(DROPOUT, name="stage2_dropout")(normalised(x, "stage2_normalise"))
    x = _convolution(x, third, GROUPS, "stage3_convolution1")
    # ReLU after the last one, too, as published. It starts well above 0, which no softmax sees: logits that all fall
    # to 0 would never rise again.
    high = keras.initializers.Constant(5.0)
    last = layers.Conv2D(
        1, 3, strides=2, activation="relu", bias_initializer=high, name="stage3_convolution2"
    )
    x = last(x)
    logits = layers.Reshape((classes * GROUPS,), dtype="float32", name="view_emotion")(x)
    return {"view_emotion": logits, **_answers(logits, classes)}


def _answers(logits: Any, classes: int) -> dict[str, Any]:
    """Sums of the joint softmax, and the softmax within views; a sum is the mean times how many there are."""

    def table(x: Any, name: str) -> Any:
        """(N, 4 K) to (N, 4, K)."""
        grid = layers.Reshape((classes, GROUPS), dtype="float32", name=f"{name}_grid")(x)
        return layers.Permute((2, 1), dtype="float32", name=f"{name}_by_view")(grid)

    both = table(layers.Softmax(dtype="float32", name="softmax")(logits), "softmax")
    by_emotion = layers.Permute((2, 1), dtype="float32", name="softmax_by_emotion")(both)
    answers = {}
    for name, x, count in (("emotion", both, GROUPS), ("view", by_emotion, classes)):
        mean = layers.GlobalAveragePooling1D(dtype="float32", name=f"mean_{name}")(x)
        answers[name] = layers.Rescaling(float(count), dtype="float32", name=name)(mean)
    within = layers.Softmax(dtype="float32", name="emotion_by_view")(table(logits, "logits"))
    return {**answers, "emotion_by_view": within}


def losses(soft: bool) -> dict[str, keras.losses.Loss]:
    """Cross-entropy of the one softmax over emotion and view."""
    return {"view_emotion": cross_entropy(soft)}


def copy(inputs: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Walks as seen from view ``which[i]``.

    Parameters
    ----------
    inputs : (N, T, V, C) float
        Facing +z. Positions come first in C; the rest is left alone, for the network does not look at it.
    which : (N,) int
        Places in :data:`gait.embedding.VIEWS`.
    """
    seen = np.stack([seen_from(walk[..., :3], view) for walk, view in zip(inputs, which, strict=True)])
    return np.concatenate([seen, inputs[..., 3:]], axis=-1)


def targets(inputs: np.ndarray, known: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The emotion in the view that is shown.

    Parameters
    ----------
    inputs : (N, T, V, C) float
    known : dict
        ``emotion``: (N,) or (N, K); ``copy``: (N,), the view.
    """
    emotion, view = np.asarray(known["emotion"]), np.asarray(known["copy"])
    if emotion.ndim == 1:
        both = GROUPS * emotion + view
    else:
        both = (emotion[:, :, None] * np.eye(GROUPS)[view][:, None]).reshape(len(view), -1)
    return {"view_emotion": both, "view": view, "emotion_by_view": view}


def published_weights(arrays: TorchArrays) -> dict[str, list[np.ndarray]]:
    """The authors' weights by our layers; see :mod:`gait.models.published`."""
    places = {
        "stage1": ("conv_stage_1", (0, 1, 2)),
        "stage2": ("conv_stage_2", (1, 2)),
        "stage3": ("final_layers", (1, 2)),
    }
    weights = {}
    for stage, (where, numbers) in places.items():
        name = f"{where}.VSGCNN_stage_{stage[-1]}"
        for number in numbers:
            weights[f"{stage}_convolution{number}"] = arrays.convolution(f"{name}_conv_{number}")
        if stage != "stage3":
            weights[f"{stage}_normalise"] = arrays.normalisation(f"{name}_bn_")
    return weights


def _convolution(x: Any, filters: int, groups: int, name: str) -> Any:
    if groups == 1:
        return layers.Conv2D(filters, 3, activation="relu", name=name)(x)
    return layers.ReLU(name=f"{name}_relu")(GroupedConvolution(filters, groups, name=name)(x))


def _pool(x: Any, name: str) -> Any:
    return layers.MaxPooling2D(3, 2, name=name)(x)


@keras.saving.register_keras_serializable("gaitmood")
class GroupedConvolution(layers.Layer):
    """Convolution 3 x 3 in which every group of output channels sees its own group of input channels.

    What ``Conv2D(groups=...)`` computes, with its weights; but the gradient of that takes 25 times as long in
    TensorFlow without a GPU.

    Parameters
    ----------
    filters : int
        Channels of the output.
    groups : int
        Groups, which divides both numbers of channels.
    """

    def __init__(self, filters: int, groups: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.filters, self.groups = filters, groups

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.kernel = self.add_weight(
            shape=(3, 3, shape[-1] // self.groups, self.filters), initializer="glorot_uniform", name="kernel"
        )
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")

    def call(self, x: Any) -> Any:
        """(N, H, W, C) to (N, H - 2, W - 2, filters)."""
        parts = zip(*(ops.split(part, self.groups, axis=-1) for part in (x, self.kernel)), strict=True)
        return ops.concatenate([ops.conv(own, kernel) for own, kernel in parts], axis=-1) + self.bias

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (shape[0], shape[1] - 2, shape[2] - 2, self.filters)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "filters": self.filters, "groups": self.groups}


@keras.saving.register_keras_serializable("gaitmood")
class GaitImage(layers.Layer):
    """Joints to the image of a walk, see :func:`gait.embedding.gait_image`.

    Parameters
    ----------
    height, width : int
        Of the image: over time, over joints.
    """

    def __init__(self, height: int, width: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.height, self.width = height, width

    def call(self, joints: Any) -> Any:
        """(N, T, V, C) to (N, height, width, 3)."""
        x = joints[..., :3]
        _, T, V, _ = x.shape
        largest = ops.max(x, axis=(1, 2), keepdims=True)
        extent = largest - ops.min(x, axis=(1, 2), keepdims=True)
        flat = ops.equal(extent, 0)
        colours = (largest - x) * ops.where(flat, 0.0, 255.0 / ops.where(flat, 1.0, extent))
        down, across = (
            ops.cast(resize_shares(size, wanted), self.compute_dtype)
            for size, wanted in ((T, self.height), (V, self.width))
        )
        return ops.einsum("nhvc,wv->nhwc", ops.einsum("ht,ntvc->nhvc", down, colours), across)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (shape[0], self.height, self.width, 3)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "height": self.height, "width": self.width}
