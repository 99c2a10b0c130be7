"""CNN-LSTM on frames: a small convolutional network looks at each frame, an LSTM at the sequence."""

from __future__ import annotations

import keras
from keras import layers

LEARNING_RATE = 7e-5


def build(shape: tuple[int, ...], classes: int) -> keras.Model:
    """Build the network.

    Parameters
    ----------
    shape : (T, H, W, C)
        Frames, height, width, channels of a clip, see :class:`gait.preprocess.clips.ClipPreprocess`.
    classes : int
        Number of emotions.

    Returns
    -------
    keras.Model
        Input (N, T, H, W, C), output ``emotion`` (N, classes).
    """
    clip = keras.Input(shape, name="clip")
    x = clip
    for filters in (16, 32):
        # The inner name stands in the file, so it must not be one that Keras counts up.
        convolution = layers.Conv2D(filters, 3, activation="relu", name="convolution")
        x = layers.TimeDistributed(convolution, name=f"conv{filters}")(x)
        x = layers.TimeDistributed(layers.MaxPooling2D(2), name=f"pool{filters}")(x)
    x = layers.TimeDistributed(layers.Flatten(), name="flatten")(x)
    x = layers.LSTM(32, name="lstm")(x)
    x = layers.Dense(64, activation="relu", kernel_regularizer=keras.regularizers.L2(0.001), name="dense")(x)
    emotion = layers.Dense(classes, activation="softmax", dtype="float32", name="emotion")(x)
    return keras.Model(clip, {"emotion": emotion}, name="cnn_lstm")


def losses(soft: bool) -> dict[str, str]:
    """Cross-entropy: against class indices, or against distributions where labels are soft."""
    return {"emotion": "categorical_crossentropy" if soft else "sparse_categorical_crossentropy"}
