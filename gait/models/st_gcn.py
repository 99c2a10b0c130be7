"""ST-GCN on joints: graph convolution over the skeleton and convolution over frames, in turns.

Yan, Xiong and Lin 2018, Spatial temporal graph convolutional networks for skeleton-based action recognition, AAAI 32.
Six blocks of up to 128 channels instead of nine of up to 256: a few hundred walks fill no more.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from gait.models.graph import GraphConvolution, normalised, normalised_channels, temporal_convolution

LEARNING_RATE = 1e-3
LAYOUT = "gait16"
# Channels and temporal stride of each block.
BLOCKS = ((32, 1), (32, 1), (64, 2), (64, 1), (128, 2), (128, 1))
KERNEL = 9
DROPOUT = 0.3


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
        Input (N, T, V, C), output ``emotion`` (N, classes).
    """
    joints = keras.Input(shape, name="joints")
    x = normalised_channels(joints, "normalise")
    for number, (filters, stride) in enumerate(BLOCKS, start=1):
        x = _block(x, filters, stride, number)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    emotion = layers.Dense(classes, activation="softmax", dtype="float32", name="emotion")(x)
    return keras.Model(joints, {"emotion": emotion}, name="st_gcn")


def losses(soft: bool) -> dict[str, str]:
    """Cross-entropy: against class indices, or against distributions where labels are soft."""
    return {"emotion": "categorical_crossentropy" if soft else "sparse_categorical_crossentropy"}


def _block(x: Any, filters: int, stride: int, number: int) -> Any:
    """Over joints, then over frames, with a way around both where there is something to go around with."""
    name = f"block{number}"
    y = GraphConvolution(filters, LAYOUT, name=f"{name}_graph")(x)
    y = layers.ReLU(name=f"{name}_graph_relu")(normalised(y, f"{name}_graph_normalise"))
    y = temporal_convolution(y, filters, KERNEL, stride, f"{name}_temporal")
    y = layers.Dropout(DROPOUT, name=f"{name}_dropout")(y)
    if number > 1:  # the first block has raw coordinates, nothing worth keeping
        same = stride == 1 and x.shape[-1] == filters
        around = x if same else temporal_convolution(x, filters, 1, stride, f"{name}_around")
        y = layers.Add(name=f"{name}_add")([y, around])
    return layers.ReLU(name=f"{name}_relu")(y)
