"""Spatiotemporal attention network: frames and fifty landmarks to the emotion, valence and arousal.

By the description of the "Advanced Spatiotemporal Emotion Recognition System" (a PyTorch project by Vladlen Codes, MIT
licence); none of its code is here. Frame by frame a convolutional network of 64, 128, 256 and 512 channels; then
attention over time, channels and places, in turn; landmarks through two layers of 256 and 128; both joined, and three
heads. Where the description leaves a width open, a part is as wide as what it looks at, and not as wide as the
published number of its parameters would need. :data:`COMPONENTS` holds those numbers beside the parts.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from gait.inputs import Shape
from gait.models import affect
from gait.models.spatiotemporal_blocks import (
    ChannelAttention,
    KnownMean,
    KnownPoints,
    MultiScaleTemporalAttention,
    SpatialAttention,
)

LEARNING_RATE = 1e-3
WEIGHT_DECAY = 1e-4
EPOCHS = 50
AFFECT = True
LOSS_WEIGHTS = {"emotion": 0.5, "valence": 1.0, "arousal": 1.0}
CHANNELS = (64, 128, 256, 512)
EMBEDDING = (256, 128)
# Standardised by the last few dozen batches: a run of few walks has few.
MOMENTUM = 0.9

# Part, what the names of its layers begin with, and the published number of its parameters.
COMPONENTS = (
    ("spatial CNN", "spatial_", 3.2e6),
    ("temporal attention", "temporal_", 0.8e6),
    ("channel and spatial attention", "attention_", 0.5e6),
    ("landmark branch", "landmark_", 0.3e6),
    ("fusion", "fusion_", 2.1e6),
    ("heads", ("emotion", "valence", "arousal"), 1.1e6),
)


def build(shape: Shape, classes: int) -> keras.Model:
    """Build the network.

    Parameters
    ----------
    shape : mapping
        ``frames`` (T, H, W, C), ``landmarks`` (T, 50, 3) and ``mask`` (T, 50), see
        :class:`gait.preprocess.landmark_clips.LandmarkClipPreprocess`.
    classes : int
        Number of emotions.

    Returns
    -------
    keras.Model
        Inputs by name; outputs ``emotion`` (N, classes), ``valence`` (N, 1) in [-1, 1], ``arousal`` (N, 1) in [0, 1].
    """
    inputs = {name: keras.Input(one, name=name) for name, one in shape.items()}
    visual = _visual(inputs["frames"])
    landmarks = _landmarks(inputs["landmarks"], inputs["mask"])
    x = layers.Concatenate(name="fusion_join")([visual, landmarks])
    x = layers.Dense(x.shape[-1], activation="relu", name="fusion_dense")(x)
    emotion = layers.Dense(classes, activation="softmax", dtype="float32", name="emotion")(x)
    return keras.Model(inputs, {"emotion": emotion, **affect.heads(x)}, name="spatiotemporal")


def losses(soft: bool) -> dict[str, Any]:
    """Cross-entropy of the emotion, mean squared error of valence and arousal where they are known."""
    kind = "categorical_crossentropy" if soft else "sparse_categorical_crossentropy"
    return {"emotion": kind, **affect.losses()}


def _visual(frames: Any) -> Any:
    """Frames (N, T, H, W, C) to (N, 512)."""
    x = frames
    for filters in CHANNELS:
        x = _each(layers.Conv2D(filters, 3, padding="same", name="convolution"), f"spatial_conv{filters}")(x)
        x = _each(layers.BatchNormalization(momentum=MOMENTUM, name="norm"), f"spatial_norm{filters}")(x)
        x = layers.ReLU(name=f"spatial_relu{filters}")(x)
        x = _each(layers.MaxPooling2D(2, name="pool"), f"spatial_pool{filters}")(x)
    x = MultiScaleTemporalAttention(name="temporal_attention")(x)
    x = ChannelAttention(name="attention_channels")(x)
    x = SpatialAttention(name="attention_places")(x)
    return layers.GlobalAveragePooling3D(name="pool_frames")(x)


def _landmarks(landmarks: Any, mask: Any) -> Any:
    """Landmarks (N, T, 50, 3) and mask (N, T, 50) to (N, 128): the mean over the frames in which any is known."""
    x, known = KnownPoints(name="known_points")([landmarks, mask])
    for width in EMBEDDING:
        x = layers.Dense(width, activation="relu", name=f"landmark_dense{width}")(x)
    return KnownMean(name="pool_landmarks")([x, known])


def _each(layer: keras.Layer, name: str) -> layers.TimeDistributed:
    """A layer for every frame; its inner name stands in the file, so it must not be one that Keras counts up."""
    return layers.TimeDistributed(layer, name=name)
