"""Keypoint-sequence model: joints, velocities and bone vectors over time into two bidirectional LSTMs."""

from __future__ import annotations

import keras
from keras import layers

LEARNING_RATE = 1e-3


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
    T, V, C = shape
    joints = keras.Input(shape, name="joints")
    x = layers.Reshape((T, V * C), name="flatten_joints")(joints)
    # Each number by its own spread over walks and time, as ST-GCN does (Yan et al. 2018); not layer normalisation,
    # which makes every frame of one size and so takes away how large and fast a movement is. Standardised by
    # the last few dozen batches: a run of few walks has few.
    x = layers.BatchNormalization(momentum=0.9, name="normalise")(x)
    x = layers.SpatialDropout1D(0.2, name="drop_channels")(x)
    x = layers.Bidirectional(layers.LSTM(48, return_sequences=True), name="lstm_1")(x)
    x = layers.Dropout(0.3, name="dropout_1")(x)
    x = layers.Bidirectional(layers.LSTM(32), name="lstm_2")(x)
    x = layers.Dropout(0.3, name="dropout_2")(x)
    x = layers.Dense(32, activation="relu", kernel_regularizer=keras.regularizers.L2(1e-3), name="dense")(x)
    emotion = layers.Dense(classes, activation="softmax", dtype="float32", name="emotion")(x)
    return keras.Model(joints, {"emotion": emotion}, name="keypoint_lstm")


def losses(soft: bool) -> dict[str, str]:
    """Cross-entropy: against class indices, or against distributions where labels are soft."""
    return {"emotion": "categorical_crossentropy" if soft else "sparse_categorical_crossentropy"}
