"""Fitting a classical model: settings chosen inside the training subjects, classes evened out by weight."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from gait.console import say
from gait.models import architecture
from gait.models.classical import ClassicalModel
from gait.preprocess.features import FeaturePreprocess
from gait.preprocess.walks import Walk
from training.balance import class_weights, shown_walks
from training.options import TrainOptions

INNER_FOLDS = 4


def fit_classical(
    options: TrainOptions,
    how: FeaturePreprocess,
    walks: Sequence[Walk],
    labels: np.ndarray,
    groups: Sequence[str],
) -> ClassicalModel:
    """Choose a model's settings by grouped inner cross-validation on balanced accuracy, and fit it to all walks.

    Parameters
    ----------
    labels : (N,) int
        Class index of each walk; every class occurs.
    groups : sequence of length N
        Subject of each walk; nobody is on both sides of an inner fold.
    """
    from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold

    X, y, groups, weights = _training_rows(options, how, walks, labels, np.asarray(groups))
    pipeline, grid = architecture(options.model).build(options.seed, X.shape[1])
    folds = StratifiedGroupKFold(min(INNER_FOLDS, len(set(groups))), shuffle=True, random_state=options.seed)
    search = GridSearchCV(pipeline, grid, scoring="balanced_accuracy", cv=folds, n_jobs=options.jobs or -1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # folds without some class score it as absent; MLPs stop at max_iter
        search.fit(X, y, groups=groups, model__sample_weight=weights)
    chosen = ", ".join(
        f"{name.split('__')[-1]} {value}" for name, value in sorted(search.best_params_.items())
    )
    say(
        f"Settings chosen inside the training subjects: {chosen} (balanced accuracy there {search.best_score_:.3f})"
    )
    return ClassicalModel(search.best_estimator_)


def _training_rows(
    options: TrainOptions,
    how: FeaturePreprocess,
    walks: Sequence[Walk],
    labels: np.ndarray,
    groups: np.ndarray,
) -> tuple[np.ndarray, ...]:
    """Features, classes, groups and weights; with augmentation each walk comes with its mirror image."""
    kept = shown_walks(labels, options.balance, options.seed)
    X = np.stack([how.read(walks[i]) for i in kept])
    y, who = labels[kept], groups[kept]
    if options.augment:
        X = np.concatenate([X, np.stack([how.read_mirrored(walks[i]) for i in kept])])
        y, who = np.tile(y, 2), np.tile(who, 2)
    weights = class_weights(y, y.max() + 1)[y] if options.balance == "weights" else np.ones(len(y))
    return X, y, who, weights
