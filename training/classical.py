"""Fitting a classical model: chosen inside the training subjects, classes evened out by weight.

Augmentation is the mirror image of each walk alone: features are taken from joints turned to face one way, so those of
a walk turned about the vertical are the same, and to train on them would count walks twice.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from gait.console import say
from gait.errors import GaitmoodError
from gait.models import architecture
from gait.models.classical import (
    AFFECT_ALPHAS,
    Choice,
    Classical,
    ClassicalModel,
    Folds,
    affect_regression,
)
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
    """Choose settings by grouped inner cross-validation on balanced accuracy, and fit the model to all walks.

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
    folds = grouped_folds(y, groups, options.seed)
    candidates = _candidates(options.model, folds)
    # Matrices are small here: threads inside each product only wait for each other.
    with threadpool_limits(1), warnings.catch_warnings():
        # Stopping at max_iter is a setting like others here, and judged by the same score.
        warnings.simplefilter("ignore", ConvergenceWarning)
        parts, settings = _choose(candidates, options, X, y, weights, folds)
        pipeline = parts.build(options.seed, settings, folds).fit(X, y, model__sample_weight=weights)
    if parts.calibrated:
        pipeline.named_steps["model"].cv = None  # rows of the training, of no use any more
    return ClassicalModel(pipeline)


def fit_affect(
    how: FeaturePreprocess, walks: Sequence[Walk], values: np.ndarray, groups: Sequence[str]
) -> Pipeline:
    """Fit valence and arousal to the walks of which both are known, ``alpha`` chosen by grouped inner folds.

    Parameters
    ----------
    values : (N, 2) float
        NaN where not known.
    groups : sequence of length N
        Subject of each walk.
    """
    from sklearn.model_selection import GridSearchCV, GroupKFold
    from threadpoolctl import threadpool_limits

    known = np.flatnonzero(np.isfinite(values).all(axis=1))
    X, y, who = np.stack([how.read(walks[i]) for i in known]), values[known], np.asarray(groups)[known]
    folds = min(INNER_FOLDS, len(set(who)))
    with threadpool_limits(1):
        if folds < 2:
            return affect_regression().fit(X, y)
        grid = {"model__alpha": AFFECT_ALPHAS}
        search = GridSearchCV(
            affect_regression(), grid, scoring="neg_mean_absolute_error", cv=GroupKFold(folds)
        )
        return search.fit(X, y, groups=who).best_estimator_


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


def _candidates(name: str, folds: Folds) -> dict[str, Classical]:
    """What is chosen from, by name: one model, or several of which only those that can be fitted remain.

    Raises
    ------
    GaitmoodError
        None can be.
    """
    parts: Classical | Choice = architecture(name)
    names = parts.candidates if isinstance(parts, Choice) else (name,)
    candidates = {candidate: architecture(candidate) for candidate in names}
    fitting = {name: part for name, part in candidates.items() if folds or not part.calibrated}
    if not fitting:
        raise GaitmoodError(
            f"{name} needs walks of two subjects or more in every class, to keep some aside while it "
            "learns how sure it may be. Add walks, or choose another --model, such as random_forest."
        )
    return fitting


def _choose(
    candidates: dict[str, Classical],
    options: TrainOptions,
    X: np.ndarray,
    y: np.ndarray,
    weights: np.ndarray,
    folds: Folds,
) -> tuple[Classical, dict[str, Any]]:
    """The model, and the settings of its grid, with the best balanced accuracy over the folds."""
    if not folds:
        name, parts = next(iter(candidates.items()))
        say(
            f"Settings not chosen: some class has walks of one subject only. The middle ones of {name} are taken."
        )
        return parts, parts.middle
    searches = {name: _search(parts, options, X, y, weights, folds) for name, parts in candidates.items()}
    name = max(searches, key=lambda name: searches[name].best_score_)
    best = searches[name]
    settings = {key.removeprefix("model__"): value for key, value in best.best_params_.items()}
    words = ", ".join(f"{key} {value}" for key, value in sorted(settings.items()))
    which = f"{name} with {words}" if len(candidates) > 1 else words
    say(
        f"{'Model and settings' if len(candidates) > 1 else 'Settings'} chosen inside the training subjects: "
        f"{which} (balanced accuracy there {best.best_score_:.3f}: optimistic, it chose them)"
    )
    return candidates[name], settings


def _search(
    parts: Classical, options: TrainOptions, X: np.ndarray, y: np.ndarray, weights: np.ndarray, folds: Folds
) -> Any:
    """Every point of the grid, scored over the folds."""
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
        return search.fit(X, y, model__sample_weight=weights)


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
