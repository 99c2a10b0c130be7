"""What happens at the end of an epoch: keep the best weights and a checkpoint, show progress."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from gait.console import Progress
from gait.errors import require_room
from gait.runs import write_json
from training.dataset import ClipDataset
from training.runs import remove_leftovers, write_history

# What Keras's own callbacks remember from epoch to epoch, and forget when fitting starts again.
MEMORY = {
    "EarlyStopping": ("wait", "best", "best_epoch", "stopped_epoch"),
    "ReduceLROnPlateau": ("wait", "best", "cooldown_counter"),
}


class Epochs(keras.callbacks.Callback):
    """Tell the dataset which epoch begins, so that its order is a function of the seed and the epoch."""

    def __init__(self, dataset: ClipDataset):
        super().__init__()
        self._dataset = dataset

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._dataset.set_epoch(epoch)


class Keeper(keras.callbacks.Callback):
    """After every epoch, a checkpoint from which training goes on exactly; and the best epoch's weights.

    ``state.json`` names the files that belong together and is renamed into place last, so an interruption at
    any moment leaves the checkpoint before.

    Parameters
    ----------
    folder : path
        Where checkpoints go.
    companions : list of callbacks
        Those whose memory is kept; they come before this one.
    state : mapping, optional
        What :func:`read_state` gave, when training goes on.
    """

    def __init__(self, folder: Path, companions: list[Any], state: Mapping[str, Any] | None = None):
        super().__init__()
        self._folder = folder
        self._companions = {type(c).__name__: c for c in companions if type(c).__name__ in MEMORY}
        self._state = dict(state or {"epoch": 0, "best_epoch": 0, "best_value": None, "history": {}})

    @property
    def history(self) -> dict[str, list[float]]:
        return self._state["history"]

    @property
    def best_epoch(self) -> int:
        """Counted from 1; 0 before the first epoch."""
        return self._state["best_epoch"]

    @property
    def best_weights(self) -> Path:
        return self._folder / self._state["best"]

    def on_train_begin(self, logs: Any = None) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for name, memory in self._state.get("memory", {}).items():
            vars(self._companions[name]).update(memory)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Keep it all; the state's file comes last."""
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(float(value))
        number = epoch + 1
        # The best weights, and the model with Adam's two moments a weight.
        require_room(self._folder, 4 * 4 * self.model.count_params())
        self._keep_if_best(number, logs or {})
        last = f"last-{number}.keras"
        self.model.save(self._folder / last)
        memory = {n: {a: _plain(getattr(c, a)) for a in MEMORY[n]} for n, c in self._companions.items()}
        self._state.update(epoch=number, last=last, memory=memory)
        write_json(self._folder / "state.json", self._state)
        write_history(self._folder.parent, self.history)
        remove_leftovers(self._folder)

    def _keep_if_best(self, number: int, logs: Mapping[str, float]) -> None:
        # Without validation the last epoch is the one that is kept.
        value, best = float(logs.get("val_loss", -number)), self._state["best_value"]
        if best is None or value < best or math.isnan(best):
            file = f"best-{number}.weights.h5"
            self.model.save_weights(self._folder / file)
            self._state.update(best_epoch=number, best_value=value, best=file)


def _plain(value: Any) -> Any:
    """A number that JSON can hold."""
    return value.item() if hasattr(value, "item") else value


class Bar(keras.callbacks.Callback):
    """Advance the one progress bar of training, and let it show the epoch and its scores."""

    def __init__(self, bar: Progress, epochs: int):
        super().__init__()
        self._bar, self._epochs = bar, epochs

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._bar.advance()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        logs = logs or {}
        # Keras calls it accuracy where there is one output, emotion_accuracy where there are more.
        words = {n: n.replace("val_", "validation ").replace("emotion_", "") for n in _SHOWN}
        shown = [f"{word} {logs[n]:.3f}" for n, word in words.items() if n in logs]
        self._bar.note(f"epoch {epoch + 1}/{self._epochs}: " + ", ".join(shown))


_SHOWN = ("loss", "val_loss", "val_accuracy", "val_emotion_accuracy")
