"""Searching a network's settings inside the training subjects: the walks that are reported on are never looked at."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gait.console import say
from gait.errors import GaitmoodError
from gait.models import architecture
from gait.runs import write_json
from training.options import TrainOptions
from training.walks import TrainingWalks

CHOSEN = "search.json"
BATCH_SIZES = (4, 8, 16)
LEARNING_RATES = 5.0  # from a fifth of the architecture's to five times it
BALANCES = ("weights", "oversample")

# What fits a model: options, walks and folder to model, curves and the chosen epoch.
Fit = Callable[[TrainOptions, TrainingWalks, Path], tuple[Any, dict[str, list[float]], int | None]]


def search(options: TrainOptions, walks: TrainingWalks, folder: Path, fit: Fit) -> TrainOptions:
    """Try settings and keep those with the lowest validation loss.

    The first trial is the defaults; the others are drawn by the tree-structured Parzen estimator (Bergstra et al.
    2011, "Algorithms for hyper-parameter optimization") as Optuna implements it. Validation walks are whole
    subjects of the training side, so nobody who is reported on is seen.

    Returns
    -------
    TrainOptions
        The options with the chosen learning rate, batch size and balance.

    Raises
    ------
    GaitmoodError
        There are no validation walks to judge by.
    """
    if not walks.validation:
        raise GaitmoodError("--search judges settings by validation walks: leave --validation above 0.")
    if (folder / CHOSEN).exists():  # resumed after the search
        return replace(options, **json.loads((folder / CHOSEN).read_text(encoding="utf-8"))["chosen"])
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=options.seed))
    usual = options.learning_rate or architecture(options.model).LEARNING_RATE
    study.enqueue_trial(
        {"learning_rate": usual, "batch_size": options.batch_size, "balance": options.balance}
    )
    study.optimize(
        lambda trial: _loss(trial, usual, options, walks, folder, fit),
        n_trials=options.search,
        catch=(),
    )
    chosen = study.best_params
    trials = [{**trial.params, "validation_loss": trial.value} for trial in study.trials]
    write_json(folder / CHOSEN, {"chosen": chosen, "trials": trials})
    say(
        f"Searched {len(trials)} settings inside the training subjects: "
        + ", ".join(f"{name.replace('_', ' ')} {_short(value)}" for name, value in chosen.items())
        + f" (validation loss {study.best_value:.3f}: optimistic, it chose them)"
    )
    return replace(options, **chosen)


def _loss(
    trial: Any, usual: float, options: TrainOptions, walks: TrainingWalks, folder: Path, fit: Fit
) -> float:
    """Validation loss of the best epoch with a trial's settings."""
    settings = {
        "learning_rate": trial.suggest_float(
            "learning_rate", usual / LEARNING_RATES, usual * LEARNING_RATES, log=True
        ),
        "batch_size": trial.suggest_categorical("batch_size", sorted({*BATCH_SIZES, options.batch_size})),
        "balance": trial.suggest_categorical("balance", sorted({*BALANCES, options.balance})),
    }
    place = folder / "search" / f"trial-{trial.number + 1:02d}"
    place.mkdir(parents=True, exist_ok=True)
    say(
        f"Trial {trial.number + 1} of {options.search}: "
        + ", ".join(f"{k} {_short(v)}" for k, v in settings.items())
    )
    _, history, best_epoch = fit(replace(options, resume=False, **settings), walks, place)
    shutil.rmtree(place / "checkpoint", ignore_errors=True)  # 10 MB a trial, of no use any more
    loss = history["val_loss"][best_epoch - 1]
    return float(loss) if np.isfinite(loss) else float("inf")


def _short(value: Any) -> str:
    return f"{value:.2g}" if isinstance(value, float) else str(value)
