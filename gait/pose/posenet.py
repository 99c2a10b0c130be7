"""A pose network of our own: a residual encoder, an up-sampling decoder with skips, heat maps and depths.

It sees a square picture of one person and says of each joint of the layout ``gait16`` where it is (a heat map), how
far towards the camera (a depth), and whether it is in the picture at all. Trained by ``python -m training.posenet``;
:mod:`gait.pose.posenet_finder` uses it.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from gait.models.losses import KnownAbsoluteError
from gait.pose.heat_maps import draw_heat_maps
from gait.pose.posenet_file import LAYOUT, SIDE
from gait.skeleton import find_layout

JOINTS = len(find_layout(LAYOUT))
WIDTHS = (16, 32, 64, 96, 128)  # channels at a half, a quarter and so on of the picture's side
STRIDE = 4  # pixels of a heat map's cell
SPREAD = 1.25  # cells, of the heat maps to learn
_DEPTH_WEIGHT = 4.0  # larger ones were tried: depth is then learnt at the cost of places


def build(side: int = SIDE, widths: tuple[int, ...] = WIDTHS) -> keras.Model:
    """Build the network.

    Parameters
    ----------
    side : int
        Height and width of the picture (S), a multiple of 2 to the number of ``widths``.
    widths : tuple of int
        Channels of the encoder's stages, at least two; each halves the picture. The decoder ends at the second.

    Returns
    -------
    keras.Model
        Input (N, S, S, 3) uint8 RGB. Outputs: ``heat_maps`` (N, S/4, S/4, 16), logarithms of the distribution of each
        joint's place up to a constant; ``depth`` (N, 16), towards the camera from the middle of the hips, in body
        heights; ``presence`` (N, 16), the probability that the joint is in the picture.
    """
    picture = keras.Input((side, side, 3), dtype="uint8", name="picture")
    x = layers.Rescaling(1 / 127.5, -1.0, name="scale")(picture)
    x = _normalised(layers.Conv2D(widths[0], 3, 2, "same", use_bias=False, name="stem")(x), "stem")
    skips = [x := layers.ReLU(name="stem_relu")(x)]
    for number, width in enumerate(widths[1:], start=1):
        skips.append(x := _residual_block(x, width, f"encoder{number}"))
    pooled = layers.GlobalAveragePooling2D(name="pool")(x)
    presence = layers.Dense(JOINTS, activation="sigmoid", dtype="float32", name="presence")(pooled)
    for number in range(len(widths) - 2, 0, -1):
        x = _up(x, skips[number], widths[number], f"decoder{number}")
    heat_maps = layers.Conv2D(JOINTS, 1, dtype="float32", name="heat_maps")(x)
    depth = _depth_at_joints(heat_maps, layers.Conv2D(JOINTS, 1, dtype="float32", name="depth_maps")(x))
    outputs = {"heat_maps": heat_maps, "depth": depth, "presence": presence}
    return keras.Model(picture, outputs, name="posenet")


def _residual_block(x: Any, width: int, name: str) -> Any:
    """Two convolutions beside a shortcut, at half the resolution (He et al. 2016, figure 2).

    The shortcut halves by means (He et al. 2019, "Bag of tricks", ResNet-D): nothing it sees is skipped, and training
    a strided 1 x 1 convolution on small batches crashes TensorFlow 2.21 (oneDNN).
    """
    shortcut = layers.AveragePooling2D(2, name=f"{name}_halve")(x)
    shortcut = layers.Conv2D(width, 1, use_bias=False, name=f"{name}_shortcut")(shortcut)
    x = layers.Conv2D(width, 3, 2, "same", use_bias=False, name=f"{name}_conv1")(x)
    x = layers.ReLU(name=f"{name}_relu1")(_normalised(x, f"{name}_conv1"))
    x = layers.Conv2D(width, 3, 1, "same", use_bias=False, name=f"{name}_conv2")(x)
    x = _normalised(x, f"{name}_conv2")
    x = layers.Add(name=f"{name}_add")([x, _normalised(shortcut, f"{name}_shortcut")])
    return layers.ReLU(name=f"{name}_relu2")(x)


def _up(x: Any, skip: Any, width: int, name: str) -> Any:
    """Twice the resolution, joined with what the encoder saw at it."""
    x = layers.Conv2D(width, 1, use_bias=False, name=f"{name}_narrow")(x)
    x = layers.UpSampling2D(2, interpolation="bilinear", name=f"{name}_up")(x)
    x = layers.Add(name=f"{name}_add")([x, skip])
    x = layers.Conv2D(width, 3, 1, "same", use_bias=False, name=f"{name}_conv")(x)
    return layers.ReLU(name=f"{name}_relu")(_normalised(x, f"{name}_conv"))


def _normalised(x: Any, name: str) -> Any:
    # Less memory than Keras's 0.99: a short training has few batches.
    return layers.BatchNormalization(momentum=0.95, name=f"{name}_norm")(x)


def _depth_at_joints(heat_maps: Any, depth_maps: Any) -> Any:
    """Mean of each depth map (N, S, S, V) over the distribution of the joint's place -> (N, V)."""
    cells = int(np.prod(heat_maps.shape[1:3]))
    # Over one axis: a Softmax over two gives other numbers once Keras has loaded it from a file.
    flat_maps = layers.Reshape((cells, JOINTS), name="flat_maps")(heat_maps)
    places = layers.Softmax(axis=1, dtype="float32", name="places")(flat_maps)
    flat_depth = layers.Reshape((cells, JOINTS), name="flat_depth")(depth_maps)
    weighted = layers.Multiply(dtype="float32", name="weigh_depth")([places, flat_depth])
    mean = layers.GlobalAveragePooling1D(dtype="float32", name="mean_depth")(weighted)
    return layers.Rescaling(float(cells), dtype="float32", name="depth")(mean)


@keras.saving.register_keras_serializable("gaitmood")
class PlaceCrossEntropy(keras.losses.Loss):
    """Cross-entropy of heat maps as distributions over places; maps to learn that are 0 everywhere weigh nothing."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Distributions (N, S, S, V) and logarithms of theirs to a loss (N,), the mean over known joints."""
        y_pred = ops.convert_to_tensor(y_pred)
        y_true = ops.cast(y_true, y_pred.dtype)
        logs = y_pred - ops.logsumexp(y_pred, axis=(1, 2), keepdims=True)
        known = ops.sum(y_true, axis=(1, 2, 3))
        return -ops.sum(y_true * logs, axis=(1, 2, 3)) / ops.maximum(known, 1.0)


def losses() -> dict[str, Any]:
    """A loss for each output."""
    return {
        "heat_maps": PlaceCrossEntropy(),
        "depth": KnownAbsoluteError(),
        "presence": keras.losses.BinaryCrossentropy(),
    }


LOSS_WEIGHTS = {"heat_maps": 1.0, "depth": _DEPTH_WEIGHT, "presence": 1.0}


def targets(points: np.ndarray, depth: np.ndarray, side: int) -> dict[str, np.ndarray]:
    """What the network is to learn of pictures.

    Parameters
    ----------
    points : (N, 16, 2) float
        Places in units of the picture; NaN where nobody is.
    depth : (N, 16) float
        Body heights, towards the camera from the middle of the hips.
    side : int
        Of the picture, pixels.
    """
    inside = ((points >= 0) & (points < 1)).all(axis=-1)
    return {
        "heat_maps": draw_heat_maps(points, side // STRIDE, SPREAD),
        "depth": np.where(inside, depth, np.nan).astype(np.float32),
        "presence": inside.astype(np.float32),
    }
