"""Clips of walks in batches, streamed from the cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from gait.affect import NAMES
from gait.inputs import by_name
from gait.preprocess import Walk
from training.augment import vary, vary_time
from training.balance import class_weights, shown_walks


class ClipDataset(keras.utils.PyDataset):
    """Batches of ``(inputs, {output: targets}, sample weights)``.

    Every clip of every walk comes once an epoch. A walk's clips share its weight, so that long walks do not
    count for more.

    Parameters
    ----------
    how : preprocessing
        See :mod:`gait.preprocess`.
    walks : sequence of Walk
    labels : (N,) int
        Class index of each walk.
    soft : (N, K) float, optional
        Distributions to learn instead of the labels.
    affect : (N, 2) float, optional
        Valence and arousal to learn, NaN where not known.
    architecture : module, optional
        The model's file: it may ask for variants of clips, and makes the targets of its own outputs, see
        :mod:`gait.models`.
    batch_size : int
    balance : {"weights", "oversample", "cut", "none"}
        Even out the classes, see :mod:`training.balance`.
    augment : bool
        Vary the clips.
    shuffle : bool
    seed : int
        With the epoch and the clip, it fixes the order and every variation.
    """

    def __init__(
        self,
        how: Any,
        walks: Sequence[Walk],
        labels: np.ndarray,
        *,
        soft: np.ndarray | None = None,
        affect: np.ndarray | None = None,
        architecture: Any = None,
        batch_size: int = 8,
        balance: str = "none",
        augment: bool = False,
        shuffle: bool = False,
        seed: int = 0,
    ):
        super().__init__()
        self._how, self._walks, self._batch_size = how, walks, batch_size
        self._labels = np.asarray(labels)
        self._known = {"emotion": self._labels if soft is None else np.asarray(soft)}
        if affect is not None:
            self._known |= dict(zip(NAMES, np.asarray(affect).T, strict=True))
        self._copies = getattr(architecture, "COPIES", 1)
        self._architecture = architecture
        self._augment, self._shuffle, self._seed = augment, shuffle, seed
        starts = [how.starts(walk) for walk in walks]
        # Chosen once: Keras counts on the same number of batches in every epoch, and walks differ in length.
        shown = shown_walks(self._labels, balance, seed)
        self._clips = [
            (int(walk), int(start), copy)
            for walk in shown
            for start in starts[walk]
            for copy in range(self._copies)
        ]
        self._weights = self._walk_weights(np.array([len(s) for s in starts]), balance)
        self.set_epoch(0)

    def _walk_weights(self, counts: np.ndarray, balance: str) -> np.ndarray:
        """Weight of each walk's clips, ``counts`` in number; a clip that is shown weighs 1 on average."""
        weights = np.ones(len(counts))
        if balance == "weights":
            weights = class_weights(self._labels, self._labels.max() + 1)[self._labels]
        weights /= counts
        return weights / weights[[walk for walk, *_ in self._clips]].mean()

    def set_epoch(self, epoch: int) -> None:
        """Fix the order and the variations of an epoch; called at its beginning."""
        self._epoch = epoch
        self._items = list(self._clips)
        if self._shuffle:
            np.random.default_rng([self._seed, epoch]).shuffle(self._items)

    def __len__(self) -> int:
        return -(-len(self._items) // self._batch_size)

    def __getitem__(self, index: int) -> tuple[Any, dict[str, np.ndarray], np.ndarray]:
        first = index * self._batch_size
        batch = range(first, min(first + self._batch_size, len(self._items)))
        owners, _, copies = (
            np.array(column) for column in zip(*self._items[batch.start : batch.stop], strict=True)
        )
        inputs = self._how.to_input(np.stack([self._clip(position) for position in batch]))
        targets = {name: values[owners] for name, values in self._known.items()}
        if self._copies > 1:
            inputs = self._architecture.copy(inputs, copies)
        if hasattr(self._architecture, "targets"):
            targets |= self._architecture.targets(inputs, {**targets, "copy": copies})
        return by_name(inputs), targets, self._weights[owners]

    def inputs_as_they_are(self, most: int) -> Iterator[Any]:
        """Inputs of at most so many clips, evenly from all, in batches: not varied, in all copies a model asks for."""
        count = min(most, len(self._clips))
        chosen = [self._clips[i] for i in np.linspace(0, len(self._clips) - 1, count).round().astype(int)]
        for first in range(0, count, self._batch_size):
            batch = chosen[first : first + self._batch_size]
            stored = np.stack([self._how.read(self._walks[owner], start) for owner, start, _ in batch])
            inputs = self._how.to_input(stored)
            if self._copies > 1:
                inputs = self._architecture.copy(inputs, np.array([copy for *_, copy in batch]))
            yield by_name(inputs)

    def _clip(self, position: int) -> np.ndarray:
        owner, start, _ = self._items[position]
        walk = self._walks[owner]
        if not self._augment:
            return self._how.read(walk, start)
        rng = np.random.default_rng([self._seed, self._epoch, position, 1])
        start, step = vary_time(start, self._how.length, self._how.frames(walk), rng)
        return vary(self._how.read(walk, start, step), self._how, rng)
