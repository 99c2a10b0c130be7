"""How far stated probabilities can be believed: temperature, calibration error, accuracy when only the sure answer.

Source of temperature scaling and of the expected calibration error: Guo et al. 2017, "On calibration of modern
neural networks". Source of the accuracy-coverage curve: El-Yaniv & Wiener 2010, "On the foundations of noise-free
selective classification".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

COOLEST, HOTTEST = 0.25, 4.0
BINS = 10


def temper(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities (..., K) of logits divided by ``temperature``: above 1 less sure; the order stays.

    Since softmax(z / T) is p^(1/T) over its sum, no logits are needed.
    """
    if temperature == 1:
        return probabilities
    powers = probabilities ** (1 / temperature)
    return powers / powers.sum(axis=-1, keepdims=True)


def fit_temperature(
    probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None
) -> float:
    """The temperature, from ``COOLEST`` to ``HOTTEST``, under which the labels are likeliest.

    Parameters
    ----------
    probabilities : (N, K) float
        Of rows that were not trained on.
    labels : (N,) int
        Their classes.
    weights : (N,) float, optional
        What each row counts, such as one over the clips of its walk.
    """
    from scipy.optimize import minimize_scalar

    logs = np.log(np.maximum(probabilities, 1e-12))
    weights = np.ones(len(labels)) if weights is None else weights

    def loss(log_temperature: float) -> float:
        scaled = logs / np.exp(log_temperature)
        likelihood = scaled[np.arange(len(labels)), labels] - np.log(np.exp(scaled).sum(axis=1))
        return -float(np.average(likelihood, weights=weights))

    found = minimize_scalar(loss, bounds=(np.log(COOLEST), np.log(HOTTEST)), method="bounded")
    return float(np.exp(found.x))


@dataclass(frozen=True, eq=False)
class Reliability:
    """Stated against observed: per bin of confidence the mean confidence, the accuracy and the rows (B,).

    Bins without a row are not among them. ``error`` is the expected calibration error: the mean distance of the
    two, weighted by rows.
    """

    confidence: np.ndarray
    accuracy: np.ndarray
    rows: np.ndarray

    @property
    def error(self) -> float:
        return float(np.average(np.abs(self.confidence - self.accuracy), weights=self.rows))


def reliability(probabilities: np.ndarray, labels: np.ndarray, bins: int = BINS) -> Reliability:
    """Bin rows by the probability of their answer, in bins of equal width.

    Parameters
    ----------
    probabilities : (N, K) float
    labels : (N,) int
        True classes.
    """
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    filled = np.unique(which)
    return Reliability(
        # Sorted, so that the order of the rows does not change the last digit of a mean.
        confidence=np.array([np.sort(confidence[which == b]).mean() for b in filled]),
        accuracy=np.array([right[which == b].mean() for b in filled]),
        rows=np.array([(which == b).sum() for b in filled]),
    )


def abstention_curve(probabilities: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Accuracy among the surest answers, as more and more are given.

    Returns
    -------
    share, accuracy : (M,) float
        Share of the rows that are answered, and accuracy on these. Rows of equal probability are answered
        together.
    """
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    order = np.argsort(-confidence, kind="stable")
    answered = np.arange(1, len(order) + 1)
    accuracy = np.cumsum(right[order]) / answered
    last = np.append(np.diff(confidence[order]) != 0, True)
    return answered[last] / len(order), accuracy[last]
