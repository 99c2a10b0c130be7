"""Sharing out an answer among what a model was given: Shapley values, exact for a few players, sampled for many.

Shapley 1953, A value for n-person games, Contributions to the Theory of Games II:307-317. For models and their inputs,
and by sampling: Strumbelj and Kononenko 2014, Explaining prediction models and individual predictions with feature
contributions, Knowl Inf Syst 41:647-665. An input that is "not in the game" takes its value from walks of a reference
population.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import factorial

import numpy as np

_AT_ONCE = 20  # pairs of orders: two times 20 x 98 rows for 97 features


@dataclass(frozen=True, eq=False)
class Shares:
    """An answer shared out.

    Attributes
    ----------
    values : (P,) float array
        What each player adds; they sum to ``answer - base``.
    errors : (P,) float array
        Standard errors of sampling; 0 where nothing was sampled.
    base, answer : float
        The answer when nobody plays, and when all do.
    """

    values: np.ndarray
    errors: np.ndarray
    base: float
    answer: float


def shapley(value: Callable[[np.ndarray], np.ndarray], players: int) -> Shares:
    """Exact Shapley values, from the value of every coalition.

    Parameters
    ----------
    value : function
        Coalitions (2^P, P) bool -> their values (2^P,).
    players : int
        P; twelve are 4096 coalitions.
    """
    numbers = np.arange(2**players)
    coalitions = (numbers[:, None] >> np.arange(players)) & 1 == 1
    worth = np.asarray(value(coalitions), np.float64)
    sizes = coalitions.sum(axis=1)
    weights = np.array(
        [factorial(n) * factorial(players - n - 1) / factorial(players) for n in range(players)]
    )
    shares = np.zeros(players)
    for player in range(players):
        without = numbers[~coalitions[:, player]]
        gain = worth[without | 1 << player] - worth[without]
        shares[player] = (weights[sizes[without]] * gain).sum()
    return Shares(shares, np.zeros(players), float(worth[0]), float(worth[-1]))


def sampled_shapley(
    predict: Callable[[np.ndarray], np.ndarray],
    row: np.ndarray,
    reference: np.ndarray,
    orders: int = 100,
    seed: int = 0,
) -> Shares:
    """Shapley values of the numbers in a row, by sampling orders in which they come into play.

    Every order starts from one row of the reference and turns it number by number into the row. Each order is also
    gone through backwards with the same reference row (antithetic pairs: Mitchell et al. 2022, Sampling permutations
    for Shapley value estimation, JMLR 23(43)). Rows of the reference are used equally often, as far as it goes.

    Parameters
    ----------
    predict : function
        Rows (n, F) -> answers (n,).
    row : (F,) array
    reference : (N, F) array
    orders : int
        Pairs of orders, two or more: 2 (F + 1) answers each.
    seed : int
        Of the orders.
    """
    rng = np.random.default_rng(seed)
    laps = -(-orders // len(reference))
    starts = reference[np.concatenate([rng.permutation(len(reference)) for _ in range(laps)])[:orders]]
    gains, bases = np.zeros((orders, len(row))), np.zeros(orders)
    for first in range(0, orders, _AT_ONCE):
        some = slice(first, first + _AT_ONCE)
        ranks = rng.permuted(np.tile(np.arange(len(row)), (len(starts[some]), 1)), axis=1)
        for turn in (ranks, len(row) - 1 - ranks):
            answers = _along_orders(predict, row, starts[some], turn)
            steps = np.diff(answers, axis=1)
            gains[some] += np.take_along_axis(steps, turn, axis=1) / 2
        bases[some] = answers[:, 0]
    errors = gains.std(axis=0, ddof=1) / np.sqrt(orders)
    return Shares(gains.mean(axis=0), errors, float(bases.mean()), float(answers[0, -1]))


def _along_orders(
    predict: Callable[[np.ndarray], np.ndarray], row: np.ndarray, starts: np.ndarray, ranks: np.ndarray
) -> np.ndarray:
    """Answers (S, F + 1) on the way from each start (S, F) to the row; ``ranks`` tell when each number turns."""
    turned = ranks[:, None, :] < np.arange(len(row) + 1)[:, None]
    path = np.where(turned, row, starts[:, None, :])
    return np.asarray(predict(path.reshape(-1, len(row))), np.float64).reshape(path.shape[:2])
