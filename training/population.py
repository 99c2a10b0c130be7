"""Batch normalisation as predictions need it: by the statistics of the training clips as they are.

While it trains, a network standardises by each batch, and keeps a running mean of what it saw for later: of varied
clips, with units dropped out, by weights that have changed since. With few walks these are far from what an answer
meets, and a network that has learned answers one class to all (Wu & Johnson 2021, Rethinking "Batch" in BatchNorm,
section 3: precise statistics; Li et al. 2019, Understanding the disharmony between dropout and batch normalization).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from training.dataset import ClipDataset

MOST_CLIPS = 128  # more do not move the statistics, and would be felt in the time of an epoch


class PopulationStatistics(keras.callbacks.Callback):
    """After an epoch's last step, before its validation, :func:`settle` the statistics.

    Parameters
    ----------
    dataset : ClipDataset
        What is trained on.
    validated : bool
        Whether any epoch may be the one that is kept; otherwise only the last is.
    """

    def __init__(self, dataset: ClipDataset, validated: bool):
        super().__init__()
        self._dataset, self._validated = dataset, validated

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._kept = self._validated or epoch + 1 == self.params["epochs"]

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self._kept and batch + 1 == len(self._dataset):
            settle(self.model, self._dataset.inputs_as_they_are(MOST_CLIPS))


def settle(model: keras.Model, batches: Iterable[Any]) -> None:
    """Set the moving mean and variance of each batch normalisation to those of some inputs.

    In training mode, but without dropout; the variance is that within batches and between them.

    Parameters
    ----------
    model : keras.Model
    batches : iterable of inputs
        Each as the model takes them.
    """
    norms = [layer for layer in _inside(model) if isinstance(layer, keras.layers.BatchNormalization)]
    if not norms:
        return
    means, squares, sizes = [[] for _ in norms], [[] for _ in norms], []
    with _measuring(model, norms):
        for batch in batches:
            model(batch, training=True)
            sizes.append(len(next(iter(batch.values())) if isinstance(batch, dict) else batch))
            for number, norm in enumerate(norms):
                mean = keras.ops.convert_to_numpy(norm.moving_mean).astype(np.float64)
                means[number].append(mean)
                squares[number].append(keras.ops.convert_to_numpy(norm.moving_variance) + mean**2)
    for norm, mean, square in zip(norms, means, squares, strict=True):
        whole = np.average(mean, axis=0, weights=sizes)
        norm.moving_mean.assign(whole)
        norm.moving_variance.assign(np.maximum(np.average(square, axis=0, weights=sizes) - whole**2, 0))


@contextmanager
def _measuring(model: keras.Model, norms: Sequence[Any]) -> Iterator[None]:
    """Normalisations take over each batch's statistics whole; nothing is dropped out."""
    drops = [layer for layer in _inside(model) if isinstance(layer, keras.layers.Dropout)]
    before = [norm.momentum for norm in norms], [drop.rate for drop in drops]
    try:
        for norm in norms:
            norm.momentum = 0.0
        for drop in drops:
            drop.rate = 0.0
        yield
    finally:
        for norm, momentum in zip(norms, before[0], strict=True):
            norm.momentum = momentum
        for drop, rate in zip(drops, before[1], strict=True):
            drop.rate = rate


def _inside(layer: Any) -> Iterator[Any]:
    """All layers in a model, in those that wrap others, too, each once."""
    return layer._flatten_layers(include_self=False)
