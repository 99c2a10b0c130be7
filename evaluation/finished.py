"""A finished cross-validation, read from its folder and checked: what it said, how walks were dealt, what it cost."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from gait.errors import GaitmoodError
from gait.predictions import Predictions

RESULT, FOLDS, PREDICTIONS, REPORT = FILES = ("result.json", "folds.json", "predictions.csv", "report.json")
_COSTS = ("parameters", "training_seconds", "prediction_seconds", "walks")


@dataclass(frozen=True, eq=False)
class Finished:
    """A finished cross-validation: what it said, how walks were dealt, and what its folds noted and cost.

    ``leaks`` are walks of which copies lie in another fold, and what says so.
    """

    folder: Path
    model: str
    predictions: Predictions
    dealt: dict[str, Any]
    folds: tuple[dict[str, Any], ...]
    leaks: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The walks that were new to the models that predicted them."""
        return tuple(name for name in self.predictions.names if name not in self.leaks)

    @property
    def answers(self) -> dict[str, str]:
        """The class that each walk was given, by name."""
        return dict(zip(self.predictions.names, self.predictions.predicted, strict=True))

    def groups(self, names: Sequence[str]) -> list[str]:
        """What is resampled together of some walks: subjects, videos where these are unknown."""
        subjects = dict(zip(self.predictions.names, self.predictions.subjects, strict=True))
        return [subjects[name] or name for name in names]

    def classes(self, names: Sequence[str], said: Mapping[str, str]) -> tuple[np.ndarray, np.ndarray]:
        """True and answered classes of some walks, (N,) int each; ``said`` holds the answers by name."""
        p = self.predictions
        true = dict(zip(p.names, p.labels, strict=True))
        return tuple(np.array([p.classes.index(of[name]) for name in names], int) for of in (true, said))

    @property
    def parameters(self) -> float:
        """Mean over the folds."""
        return float(np.mean([fold["parameters"] for fold in self.folds]))

    @property
    def training_seconds(self) -> float:
        """Of all folds together."""
        return float(sum(fold["training_seconds"] for fold in self.folds))

    @property
    def prediction_seconds(self) -> float:
        """Mean of a walk."""
        return float(
            sum(fold["prediction_seconds"] for fold in self.folds) / sum(f["walks"] for f in self.folds)
        )


def read_finished(folder: Path) -> Finished:
    """Read a finished cross-validation.

    Raises
    ------
    GaitmoodError
        The folder is none, the run has not finished, or one of its files is damaged or was changed.
    """
    _refuse_unfinished(folder)
    result, dealt = (_read(folder / name) for name in (RESULT, FOLDS))
    predictions = Predictions.load_csv(folder / PREDICTIONS)
    try:
        model, folds = str(result["model"]), tuple(result["folds"])
        if not folds or not all(
            isinstance(fold.get(cost), (int, float)) for fold in folds for cost in _COSTS
        ):
            raise ValueError(f"folds with {', '.join(_COSTS)} were expected in {RESULT}")
        _check_dealt(dealt, predictions)
        leaks = _leaks(folder, predictions.names)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        what = f"there is no {error} in {FOLDS} or {RESULT}" if isinstance(error, KeyError) else error
        raise GaitmoodError(
            f"{folder} is no longer as train.py --cross-validate wrote it: {what}. Put its files back, or run the "
            "cross-validation again."
        ) from error
    return Finished(folder, model, predictions, dealt, folds, leaks)


def _refuse_unfinished(folder: Path) -> None:
    """Tell a folder that is something else from a run that was interrupted, and that from one with a file gone."""
    missing = [name for name in (RESULT, FOLDS, PREDICTIONS) if not (folder / name).is_file()]
    if not missing:
        return
    begun, ended = FOLDS not in missing, RESULT not in missing
    if begun and not ended:
        found = (
            f"a run without {RESULT}, which was interrupted: the command that began it goes on with --resume"
        )
    elif begun or (ended and PREDICTIONS not in missing):
        found = f"no {' and no '.join(missing)} in it: put it back, or run the cross-validation again"
    else:
        found = f"no {' and no '.join(missing)} in it" if folder.is_dir() else "no such folder"
    raise GaitmoodError(
        f"{folder}: the folder of a finished cross-validation was expected (train.py --cross-validate loso); found "
        f"{found}."
    )


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise GaitmoodError(
            f"{path} cannot be read as JSON ({error}). Put it back, or run the cross-validation again."
        ) from error


def _check_dealt(dealt: dict[str, Any], predictions: Predictions) -> None:
    """Whether walks, folds and predictions belong together: what was dealt is what was predicted, by its label."""
    labels = {name: label for name, label, _ in dealt["walks"]}
    if not dealt["folds"] or any(len(fold) != len(dealt["walks"]) for fold in dealt["folds"]):
        raise ValueError(f"a fold for each of the {len(dealt['walks'])} walks was expected in {FOLDS}")
    if sorted(predictions.names) != sorted(dealt["used"]):
        raise ValueError(f"the walks of {PREDICTIONS} are not those that {FOLDS} deals")
    other = [
        f"{name} is '{label}' in {PREDICTIONS} and '{labels[name]}' in {FOLDS}"
        for name, label in zip(predictions.names, predictions.labels, strict=True)
        if label != labels[name]
    ]
    if other:
        raise ValueError(other[0] + (f", and {len(other) - 1} more" if len(other) > 1 else ""))


def _leaks(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """Walks that the run's own report calls a leak, and why; none where it left no report."""
    if not (folder / REPORT).is_file():
        return {}
    said = _read(folder / REPORT)
    reasons = said.get("leak_reasons", {})
    return {name: str(reasons.get(name, "")) for name in said.get("leaks", ()) if name in set(names)}
