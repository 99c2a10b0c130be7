"""Evening out classes on the training side: by weight, by showing walks more often, or by leaving some out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def class_weights(labels: Sequence[int], classes: int) -> np.ndarray:
    """Weight of each class, inverse to its number of walks; walks weigh 1 on average (scikit-learn's way)."""
    counts = np.bincount(labels, minlength=classes)
    return np.divide(len(labels), np.count_nonzero(counts) * counts, out=np.zeros(classes), where=counts > 0)


def oversampled(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Walk indices in which every class is as frequent as the most frequent one.

    Every walk of a class comes equally often, or once more than the others; chance decides which.
    """
    most = np.bincount(labels).max()
    members = (np.flatnonzero(labels == label) for label in np.unique(labels))
    return np.concatenate([np.resize(rng.permutation(m), most) for m in members])


def cut(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Walk indices in which every class is as frequent as the rarest one; chance decides who stays."""
    least = np.unique(labels, return_counts=True)[1].min()
    members = (np.flatnonzero(labels == label) for label in np.unique(labels))
    return np.sort(np.concatenate([rng.permutation(m)[:least] for m in members]))


def shown_walks(labels: np.ndarray, balance: str, seed: int) -> np.ndarray:
    """Indices of the walks that training sees in an epoch, for a ``balance`` of its options."""
    rng = np.random.default_rng([seed, 2])
    if balance == "oversample":
        return oversampled(labels, rng)
    if balance == "cut":
        return cut(labels, rng)
    return np.arange(len(labels))
