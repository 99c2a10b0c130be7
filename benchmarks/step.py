"""Time per training step: time folded into the batch, stock TimeDistributed, and 3-D convolutions.

``python -m benchmarks.step`` builds the same CNN-LSTM three ways and takes their training steps in turns, so
that whatever else the machine does falls on all three alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tyro

from gait.backend import start_keras
from gait.console import say


@dataclass(frozen=True)
class StepOptions:
    """What is timed."""

    frames: int = 30
    """Frames of a clip."""
    height: int = 80
    """Pixels."""
    width: int = 45
    """Pixels."""
    batch: int = 8
    """Clips of a step."""
    rounds: int = 15
    """Steps of each variant; the first two are not counted."""
    classes: int = 4
    """Outputs."""


def stock(shape: tuple[int, ...], classes: int) -> Any:
    """The model as its file holds it."""
    from gait.models import cnn_lstm

    return cnn_lstm.build(shape, classes)


def folded(shape: tuple[int, ...], classes: int) -> Any:
    """The model as it is trained."""
    from gait.models import build_model

    return build_model("cnn_lstm", shape, classes)


def conv3d(shape: tuple[int, ...], classes: int) -> Any:
    """The same computation in plain layers: kernels and pools that are one frame deep."""
    import keras
    from keras import layers

    clip = x = keras.Input(shape)
    for filters in (16, 32):
        x = layers.Conv3D(filters, (1, 3, 3), activation="relu")(x)
        x = layers.MaxPooling3D((1, 2, 2))(x)
    x = layers.LSTM(32)(layers.Reshape((shape[0], -1))(x))
    x = layers.Dense(64, activation="relu", kernel_regularizer=keras.regularizers.L2(0.001))(x)
    emotion = layers.Dense(classes, activation="softmax", name="emotion")(x)
    return keras.Model(clip, {"emotion": emotion})


VARIANTS: dict[str, Callable[[tuple[int, ...], int], Any]] = {
    "folded": folded,
    "stock TimeDistributed": stock,
    "Conv3D": conv3d,
}


def main(options: StepOptions) -> None:
    """Build, take steps in turns, print medians and ratios."""
    start_keras()
    import keras

    shape = (options.frames, options.height, options.width, 3)
    rng = np.random.default_rng(0)
    clips = rng.random((options.batch, *shape), np.float32)
    targets = {"emotion": rng.integers(0, options.classes, options.batch)}
    models, build, steps = {}, {}, {name: [] for name in VARIANTS}
    for name, make in VARIANTS.items():
        started = time.perf_counter()
        model = make(shape, options.classes)
        model.compile(keras.optimizers.Adam(7e-5), {"emotion": "sparse_categorical_crossentropy"})
        model.train_on_batch(clips, targets)  # traces and compiles
        models[name], build[name] = model, time.perf_counter() - started
    for number in range(options.rounds):
        for name, model in models.items():
            started = time.perf_counter()
            model.train_on_batch(clips, targets)
            if number >= 2:
                steps[name].append(time.perf_counter() - started)
    size = " x ".join(map(str, shape))
    say(f"Keras {keras.__version__} on {keras.backend.backend()}, {options.batch} clips of {size} a step")
    say(f"{'':22} {'parameters':>10} {'build and trace':>16} {'step (median)':>14} {'quartiles':>15} ratio")
    base = np.median(steps["folded"])
    for name, model in models.items():
        low, median, high = np.percentile(steps[name], (25, 50, 75)) * 1000
        say(
            f"{name:22} {model.count_params():10,} {build[name]:14.1f} s {median:11.0f} ms "
            f"{low:6.0f}-{high:.0f} ms {median / 1000 / base:8.2f}"
        )


if __name__ == "__main__":
    main(tyro.cli(StepOptions, prog="python -m benchmarks.step", description=__doc__))
