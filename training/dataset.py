"""Clips of walks in batches, streamed from the cache."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from gait.preprocess import Walk
from training.augment import vary_clip, vary_time


def class_weights(labels: Sequence[int], classes: int) -> np.ndarray:
    """Weight of each class, inverse to its number of walks; a walk weighs 1 on average (as in scikit-learn)."""
    counts = np.bincount(labels, minlength=classes)
    return np.divide(len(labels), np.count_nonzero(counts) * counts, out=np.zeros(classes), where=counts > 0)


class ClipDataset(keras.utils.PyDataset):
    """Batches of ``(inputs, {"emotion": targets}, sample weights)``.

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
    batch_size : int
    balance : {"weights", "oversample", "none"}
        Even out the classes by weight, or by showing walks of rare classes more often.
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
        batch_size: int = 8,
        balance: str = "none",
        augment: bool = False,
        shuffle: bool = False,
        seed: int = 0,
    ):
        super().__init__()
        self._how, self._walks, self._batch_size = how, walks, batch_size
        self._labels = np.asarray(labels)
        self._targets = self._labels if soft is None else soft
        self._balance, self._augment, self._shuffle, self._seed = balance, augment, shuffle, seed
        self._starts = [how.starts(walk) for walk in walks]
        self._weights = self._walk_weights()
        self.set_epoch(0)

    def _walk_weights(self) -> np.ndarray:
        """Weight of each walk's clips; a clip weighs 1 on average."""
        weights = np.ones(len(self._walks))
        if self._balance == "weights":
            weights = class_weights(self._labels, self._labels.max() + 1)[self._labels]
        counts = np.array([len(starts) for starts in self._starts])
        return weights / counts * counts.sum() / weights.sum()

    def set_epoch(self, epoch: int) -> None:
        """Fix the order of an epoch; called at its beginning."""
        self._epoch = epoch
        rng = np.random.default_rng([self._seed, epoch])
        walks = self._oversampled(rng) if self._balance == "oversample" else range(len(self._walks))
        self._items = [(walk, start) for walk in walks for start in self._starts[walk]]
        if self._shuffle:
            rng.shuffle(self._items)

    def _oversampled(self, rng: np.random.Generator) -> list[int]:
        """Every walk, and walks of rarer classes again, drawn anew each epoch, until all classes are as many."""
        most = np.bincount(self._labels).max()
        chosen = list(range(len(self._walks)))
        for label in np.unique(self._labels):
            members = np.flatnonzero(self._labels == label)
            chosen.extend(rng.choice(members, most - len(members)).tolist())
        return chosen

    def __len__(self) -> int:
        return -(-len(self._items) // self._batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
        first = index * self._batch_size
        batch = range(first, min(first + self._batch_size, len(self._items)))
        owners = [self._items[position][0] for position in batch]
        clips = np.stack([self._clip(position) for position in batch])
        return self._how.to_input(clips), {"emotion": self._targets[owners]}, self._weights[owners]

    def _clip(self, position: int) -> np.ndarray:
        owner, start = self._items[position]
        walk = self._walks[owner]
        if not self._augment:
            return self._how.read(walk, start)
        rng = np.random.default_rng([self._seed, self._epoch, position, 1])
        start, step = vary_time(start, self._how.length, self._how.frames(walk), rng)
        return vary_clip(self._how.read(walk, start, step), rng)
