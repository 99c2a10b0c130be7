"""When no answer is given, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from gait.bundle import Record

MIN_WALKS = 20  # validation walks from which a threshold can be chosen
MIN_OF_EACH = 5  # of them right, and of them wrong
ABOVE_CHANCE = 0.1


class Reason(StrEnum):
    """Why there is no emotion."""

    FILLING = "the window is not full yet"
    NOBODY = "nobody in view"
    BODY = "too little of the body in view"
    STILL = "not walking"
    UNSURE = "unsure"


@dataclass(frozen=True)
class Threshold:
    """Confidence below which an answer counts as unsure, and in words where it comes from."""

    value: float
    source: str


def calibrate(right: np.ndarray, confidence: np.ndarray) -> float | None:
    """Confidence at which answers begin to be right more often than wrong.

    A logistic curve from confidence to being right (Platt 1999, "Probabilistic outputs for support vector machines",
    of one variable) is fitted to walks that the model was not trained on; the threshold is where it crosses one half.

    Parameters
    ----------
    right : (N,) bool
        Whether the model's answer was right.
    confidence : (N,) float
        Its highest probability.

    Returns
    -------
    float or None
        In [0, 1]. None where there are fewer than ``MIN_WALKS`` walks, fewer than ``MIN_OF_EACH`` right or wrong
        ones, or where higher confidence does not go with being right.
    """
    from sklearn.linear_model import LogisticRegression

    right = np.asarray(right, bool)
    if len(right) < MIN_WALKS or min(right.sum(), (~right).sum()) < MIN_OF_EACH:
        return None
    curve = LogisticRegression(C=1e6).fit(np.asarray(confidence, float).reshape(-1, 1), right)
    slope, height = float(curve.coef_[0, 0]), float(curve.intercept_[0])
    return float(np.clip(-height / slope, 0, 1)) if slope > 0 else None


def find_threshold(record: Record, given: float | None = None) -> Threshold:
    """The threshold the user gives, else the one chosen at the end of training, else a default.

    The default is ``ABOVE_CHANCE`` more than the confidence of an even guess.
    """
    if given is not None:
        return Threshold(given, "given by --unsure-below")
    chosen = record.validation.get("unsure_below")
    if chosen is not None:
        walks = f"the {record.validation['walks']} validation walks"
        return Threshold(chosen, f"below it, answers on {walks} are wrong more often than right")
    return Threshold(
        1 / len(record.classes) + ABOVE_CHANCE,
        f"a default, {ABOVE_CHANCE:g} above an even guess: the model's file holds none chosen on validation walks",
    )
