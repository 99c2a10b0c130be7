"""Floors: what a score is worth, by answers that need no model.

The nearest training walk's label, and the label that the speed of movement alone suggests. Both look at a *gist*
of each walk, a few hundred numbers made from what the model itself is given, which the bundle keeps of its
training walks. A nearest neighbour that scores high points to copies of training walks among those tested; speed
alone is what much of the literature's emotion turns out to be (Montepare et al. 1987: anger is fast, sadness slow).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gait.inputs import by_name
from gait.preprocess import Walk

NEAREST, SPEED = "nearest training walk", "speed alone"
_SIDE = 8  # a picture's gist is this many blocks high and wide


def gists(how: Any, walks: Sequence[Walk]) -> np.ndarray:
    """Speed and appearance of each walk.

    Parameters
    ----------
    how : preprocessing
        See :mod:`gait.preprocess`.
    walks : sequence of Walk

    Returns
    -------
    (N, 1 + G) float32
        First the speed: of features the walking speed, else the mean change from frame to frame. Then the
        features, or mean and spread over time of what the model is given. NaN where a feature is not known.
    """
    return np.stack([_gist(how, walk) for walk in walks])


def _gist(how: Any, walk: Walk) -> np.ndarray:
    rows = [_of_clip(how, how.read(walk, start)) for start in how.starts(walk)]
    return np.mean(rows, axis=0).astype(np.float32)


def _of_clip(how: Any, stored: np.ndarray) -> np.ndarray:
    given = by_name(how.to_input(stored[None]))
    clip = (next(iter(given.values())) if isinstance(given, dict) else given)[0].astype(np.float64)
    if clip.ndim == 1:
        speed = clip[how.names.index("walking_speed")] if "walking_speed" in how.names else np.nan
        return np.concatenate([[speed], clip])
    if clip.ndim == 4:
        clip = _blocks(clip.mean(axis=-1))
    flat = clip.reshape(len(clip), -1)
    speed = np.abs(np.diff(flat, axis=0)).mean() if len(flat) > 1 else 0.0
    return np.concatenate([[speed], flat.mean(axis=0), flat.std(axis=0)])


def _blocks(pictures: np.ndarray) -> np.ndarray:
    """Grey pictures (T, H, W) as means over ``_SIDE`` x ``_SIDE`` blocks, fewer where a picture is smaller."""
    rows, columns = (
        np.linspace(0, size, min(_SIDE, size) + 1).round().astype(int)[:-1] for size in pictures.shape[1:]
    )
    sums = np.add.reduceat(np.add.reduceat(pictures, rows, axis=1), columns, axis=2)
    ones = np.ones(pictures.shape[1:])
    return sums / np.add.reduceat(np.add.reduceat(ones, rows, axis=0), columns, axis=1)


def answers(train: np.ndarray, labels: Sequence[str], test: np.ndarray) -> Mapping[str, tuple[str, ...]]:
    """What each floor answers for the walks of a test.

    Parameters
    ----------
    train, test : (N, 1 + G), (M, 1 + G) float
        Gists; NaN takes the training walks' median.
    labels : sequence of N str
        Of the training walks.

    Returns
    -------
    mapping of str to tuple of M str
        ``NEAREST``: the label of the nearest training walk, each number scaled by its median and quartiles.
        ``SPEED``: logistic regression on the speed and its square, classes evened out by weight.
    """
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, RobustScaler, StandardScaler

    def known() -> SimpleImputer:
        return SimpleImputer(strategy="median", keep_empty_features=True)

    labels = np.asarray(labels)
    nearest = make_pipeline(known(), RobustScaler(), KNeighborsClassifier(1))
    speed = make_pipeline(
        known(),
        StandardScaler(),
        PolynomialFeatures(2, include_bias=False),
        LogisticRegression(class_weight="balanced"),
    )
    found = {NEAREST: nearest.fit(train[:, 1:], labels).predict(test[:, 1:])}
    if len(set(labels)) > 1:
        found[SPEED] = speed.fit(train[:, :1], labels).predict(test[:, :1])
    return {name: tuple(map(str, predicted)) for name, predicted in found.items()}
