"""Fitting a Keras model: compile, callbacks, best epoch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from gait.console import progress_bar, say
from gait.formats.torch_file import read_weights
from gait.models import architecture, build_model
from gait.models.affect import losses as affect_losses
from gait.models.affect import with_affect
from gait.models.published import published_model
from training.callbacks import Bar, Epochs, Keeper
from training.dataset import ClipDataset
from training.options import TrainOptions
from training.population import PopulationStatistics
from training.runs import read_state

EPOCHS = 40


@dataclass(frozen=True)
class Fitted:
    """A trained model with the weights of its best epoch, and its curves."""

    model: Any
    history: dict[str, list[float]]
    best_epoch: int


def fresh_model(
    options: TrainOptions, shape: tuple[int, ...], classes: int, soft: bool, affect: bool = False
) -> Any:
    """Build and compile the model that the options name, with valence and arousal if ``affect``, else without."""
    parts = architecture(options.model)
    with _precision(options):
        model = _initial_model(options, shape, classes, affect)
        losses = parts.losses(soft) | (affect_losses() if affect else {})
        weights = getattr(parts, "LOSS_WEIGHTS", {})
        model.compile(
            optimizer=_optimizer(options, parts),
            loss={name: loss for name, loss in losses.items() if name in model.output},
            loss_weights={name: weights.get(name, 1.0) for name in losses if name in model.output},
            metrics={"emotion": "accuracy"},
            jit_compile=options.xla,
        )
    return model


def _initial_model(options: TrainOptions, shape: tuple[int, ...], classes: int, affect: bool) -> Any:
    if options.weights is None:
        return build_model(options.model, shape, classes, affect)
    model = published_model(options.model, shape, classes, read_weights(options.weights))
    return with_affect(model) if affect else model


def _optimizer(options: TrainOptions, parts: Any) -> keras.optimizers.Optimizer:
    step = options.learning_rate or parts.LEARNING_RATE
    if decay := getattr(parts, "WEIGHT_DECAY", None):
        return keras.optimizers.AdamW(step, weight_decay=decay)
    return keras.optimizers.Adam(step)


@contextmanager
def _precision(options: TrainOptions) -> Iterator[None]:
    """The precision that models are built, compiled and loaded for; a file does not hold the optimizer's."""
    before = keras.mixed_precision.global_policy()
    try:
        if options.mixed_precision:
            keras.mixed_precision.set_global_policy(half_precision())
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)


def half_precision() -> str:
    """The policy for this machine: float16 on a GPU; elsewhere bfloat16, which processors with AMX multiply fast."""
    return "mixed_float16" if keras.distribution.list_devices("gpu") else "mixed_bfloat16"


def fit(
    model: Any, train: ClipDataset, validation: ClipDataset | None, options: TrainOptions, folder: Path
) -> Fitted:
    """Train until the validation loss has not fallen for ``patience`` epochs; keep the best epoch's weights.

    With ``options.resume`` it goes on from the checkpoint in ``folder``, to the same result as without the
    interruption.
    """
    checkpoints = folder / "checkpoint"
    state = read_state(checkpoints) if options.resume else None
    if state:
        with _precision(options):
            model = keras.models.load_model(checkpoints / state["last"])
        say(f"Going on after epoch {state['epoch']}.")
    companions = _companions(options, validated=validation is not None)
    epochs = options.epochs or getattr(architecture(options.model), "EPOCHS", EPOCHS)
    keeper = Keeper(checkpoints, companions, state)
    done = state["epoch"] if state else 0
    finished = bool(state and state["memory"].get("EarlyStopping", {}).get("stopped_epoch"))
    if done < epochs and not finished:
        # Weights that Adam makes in the first step would have TensorFlow trace that step twice.
        model.optimizer.build(model.trainable_variables)
        with progress_bar("Training", len(train) * (epochs - done)) as bar:
            extra = [keras.callbacks.TensorBoard(folder / "tensorboard")] if options.tensorboard else []
            model.fit(
                train,
                validation_data=validation,
                epochs=epochs,
                initial_epoch=done,
                shuffle=False,  # the dataset does; Keras would by a state that no checkpoint holds
                callbacks=[
                    Epochs(train),
                    PopulationStatistics(train, validation is not None),
                    *companions,
                    *extra,
                    keeper,
                    Bar(bar, epochs),
                ],
                verbose=0,
            )
    model.load_weights(keeper.best_weights)
    return Fitted(model, keeper.history, keeper.best_epoch)


def _companions(options: TrainOptions, validated: bool) -> list[Any]:
    if not validated:
        return []
    return [
        keras.callbacks.EarlyStopping("val_loss", patience=options.patience),
        keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=max(2, options.patience // 2)),
    ]
