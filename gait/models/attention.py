"""Attention over joints, frames and parts of the body: what MDT-GCN adds to graph convolutions."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from gait.skeleton import find_layout

# Ends of the joints' names, by the part of the body that they belong to; a side is added to limbs.
_LIMBS = {"arm": ("shoulder", "elbow", "hand"), "leg": ("hip", "knee", "foot")}


@keras.saving.register_keras_serializable("gaitmood")
class AxisGate(layers.Layer):
    """How much each entry of one axis counts, between 0 and 1.

    ``sigmoid(MLP(mean) + MLP(max))``, mean and maximum over all other axes but the batch's; both go through the same
    two layers, without bias, ReLU between them (Woo et al. 2018, CBAM, eq. 2, for channels).

    Parameters
    ----------
    axis : int
        1 for frames, 2 for joints.
    reduction : int
        By how much the hidden layer is narrower; it has one unit at least.
    """

    def __init__(self, axis: int, reduction: int = 16, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis, self.reduction = axis, reduction

    def build(self, shape: tuple[int | None, ...]) -> None:
        size = shape[self.axis]
        # What comes in has gone through a ReLU. A unit that starts negative would answer nothing to all of it and
        # never move, and often there is only one.
        positive = keras.initializers.RandomUniform(0, 2 / size)
        self.narrow = layers.Dense(
            max(1, size // self.reduction),
            activation="relu",
            use_bias=False,
            kernel_initializer=positive,
            name="narrow",
        )
        self.wide = layers.Dense(size, use_bias=False, name="wide")
        self.narrow.build((None, size))
        self.wide.build((None, self.narrow.units))

    def call(self, x: Any) -> Any:
        """(N, T, V, C) to (N, T, 1, 1) or (N, 1, V, 1)."""
        others = tuple(axis for axis in (1, 2, 3) if axis != self.axis)
        mean, largest = (self.wide(self.narrow(pool(x, axis=others))) for pool in (ops.mean, ops.max))
        return ops.expand_dims(ops.sigmoid(mean + largest), others)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return tuple(size if axis in (0, self.axis) else 1 for axis, size in enumerate(shape))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis, "reduction": self.reduction}


@keras.saving.register_keras_serializable("gaitmood")
class BodyParts(layers.Layer):
    """Joints to parts of the body, the mean of each part's joints: torso (and head), two arms, two legs.

    Parameters
    ----------
    layout : str
        Of the joints, see :data:`gait.skeleton.LAYOUTS`.
    """

    def __init__(self, layout: str, **kwargs: Any):
        super().__init__(**kwargs)
        self.layout = layout
        self._shares = part_shares(layout)

    def call(self, x: Any) -> Any:
        """(N, T, V, C) to (N, T, 5, C)."""
        return ops.einsum("ntvc,vp->ntpc", x, ops.cast(self._shares, self.compute_dtype))

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*shape[:2], self._shares.shape[1], shape[3])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "layout": self.layout}


def part_shares(layout: str) -> np.ndarray:
    """Share (V, 5) of each joint in the mean of its part: torso, left arm, right arm, left leg, right leg."""
    joints = find_layout(layout).joints
    limbs = [{f"{side}_{end}" for end in ends} for ends in _LIMBS.values() for side in ("left", "right")]
    parts = [set(joints) - set().union(*limbs), *limbs]
    member = np.array([[joint in part for part in parts] for joint in joints], np.float32)
    return member / member.sum(axis=0)


def bi_focus(x: Any, heads: int, layout: str, name: str) -> Any:
    """Bi-focus attention of a walk, pooled.

    First every part of the body by itself, over its frames (local), then the parts among each other, frame by frame
    (global); each is added to what it looked at, normalised (Xiong et al. 2020, On layer normalization in the
    transformer architecture). A walk sees nothing of the others in its batch.

    Parameters
    ----------
    x : (N, T, V, C) tensor
    heads : int
        Attention heads of C / heads channels.
    layout : str
        Of the joints.
    name : str
        Before the layers' names.

    Returns
    -------
    (N, C) tensor
        Mean over frames and parts.
    """
    channels = x.shape[-1]
    y = BodyParts(layout, name=f"{name}_parts")(x)
    for focus, axis in (("local", 1), ("global", 2)):
        attend = layers.MultiHeadAttention(
            heads, channels // heads, attention_axes=(axis,), name=f"{name}_{focus}"
        )
        even = layers.LayerNormalization(name=f"{name}_{focus}_normalise")(y)
        seen = layers.Dense(channels, name=f"{name}_{focus}_dense")(attend(even, even))
        y = layers.Add(name=f"{name}_{focus}_add")([y, seen])
    return layers.GlobalAveragePooling2D(name=f"{name}_pool")(y)
