"""Fitting a classical model: settings chosen inside the training subjects, classes evened out by weight."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from gait.console import say
from gait.errors import GaitmoodError
from gait.models import architecture
from gait.models.classical import Classical, ClassicalModel, Folds
from gait.preprocess.features import FeaturePreprocess
from gait.preprocess.walks import Walk
from gait.workers import usable_cores
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

    Raises
    ------
    GaitmoodError
        The model's scores cannot be calibrated: some class has walks of one subject only.
    """
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    X, y, groups, weights = _training_rows(options, how, walks, labels, np.asarray(groups))
    parts: Classical = architecture(options.model)
    folds = grouped_folds(y, groups, options.seed)
    if parts.calibrated and not folds:
        raise GaitmoodError(
            f"{options.model} needs walks of two subjects or more in every class, to keep some aside while it "
            "learns how sure it may be. Add walks, or choose another --model, such as random_forest."
        )
    # Matrices are small here: threads inside each product only wait for each other.
    with threadpool_limits(1), warnings.catch_warnings():
        # Stopping at max_iter is a setting like others here, and judged by the same score.
        warnings.simplefilter("ignore", ConvergenceWarning)
        settings = _choose(parts, options, X, y, weights, folds)
        pipeline = parts.build(options.seed, settings, folds).fit(X, y, model__sample_weight=weights)
    if parts.calibrated:
        pipeline.named_steps["model"].cv = None  # rows of the training, of no use any more
    return ClassicalModel(pipeline)


def grouped_folds(y: np.ndarray, groups: np.ndarray, seed: int) -> Folds:
    """At most ``INNER_FOLDS`` folds that share no group, every class on each training side; or none."""
    from sklearn.model_selection import StratifiedGroupKFold

    for count in range(min(INNER_FOLDS, len(set(groups)), np.bincount(y).max()), 1, -1):
        splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
        with warnings.catch_warnings():
            # It warns of classes with fewer groups than folds; what that may break is looked for here.
            warnings.simplefilter("ignore", UserWarning)
            folds = list(splitter.split(y, y, groups))
        if all(len(set(y[train])) == len(set(y)) and len(test) for train, test in folds):
            return folds
    return []


def _choose(
    parts: Classical, options: TrainOptions, X: np.ndarray, y: np.ndarray, weights: np.ndarray, folds: Folds
) -> dict[str, Any]:
    """The settings of the grid with the best balanced accuracy over the folds."""
    if not folds:
        say("Settings not chosen: some class has walks of one subject only. The middle ones are taken.")
        return parts.middle
    from joblib import parallel_config
    from sklearn.model_selection import GridSearchCV

    grid = {f"model__{name}": list(values) for name, values in parts.grid.items()}
    search = GridSearchCV(
        parts.build_scorer(options.seed),
        grid,
        scoring="balanced_accuracy",
        cv=folds,
        refit=False,
        n_jobs=options.jobs or usable_cores(),
    )
    with parallel_config("threading"), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a fold without some class scores it as absent
        search.fit(X, y, model__sample_weight=weights)
    settings = {name.removeprefix("model__"): value for name, value in search.best_params_.items()}
    words = ", ".join(f"{name} {value}" for name, value in sorted(settings.items()))
    say(
        f"Settings chosen inside the training subjects: {words} (balanced accuracy there "
        f"{search.best_score_:.3f}: optimistic, it chose them)"
    )
    return settings


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
