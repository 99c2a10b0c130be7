"""Dividing walks so that nobody is on both sides: by subject, or by video where subjects are unknown."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np

from gait.errors import GaitmoodError


def groups_of(subjects: Sequence[str | None], names: Sequence[str]) -> list[str]:
    """What must stay together: the subject of each walk, or the walk itself where the subject is unknown."""
    return [f"subject {s}" if s is not None else f"walk {n}" for s, n in zip(subjects, names, strict=True)]


def hold_out(labels: Sequence[str], groups: Sequence[str], fraction: float, seed: int) -> np.ndarray:
    """Choose whole groups to set aside, classes kept in proportion as far as groups allow.

    Parameters
    ----------
    labels, groups : sequences of length N
        Class and group of each walk.
    fraction : float
        Share of the walks to set aside, in (0, 0.5].
    seed : int
        Shuffles the groups before they are dealt.

    Returns
    -------
    (N,) bool
        True for the walks that are set aside: some of several grouped, stratified folds, or one group where
        no folds leave every class something to train on.

    Raises
    ------
    GaitmoodError
        There are fewer than two groups, or a class would be left without a walk to train on.
    """
    if not 0 < fraction <= 0.5:
        raise GaitmoodError(f"a share in (0, 0.5] of the walks can be set aside; {fraction} was asked for.")
    count = len(set(groups))
    if count < 2:
        raise GaitmoodError(
            "setting walks aside needs at least two subjects (videos where subjects are unknown); "
            f"found {count}. Add walks of another person."
        )
    for chosen in _candidates(labels, groups, fraction, seed):
        if chosen.any() and {y for y, aside in zip(labels, chosen, strict=True) if not aside} == set(labels):
            return chosen
    lonely = sorted(
        c for c in set(labels) if len({g for g, y in zip(groups, labels, strict=True) if y == c}) < 2
    )
    raise GaitmoodError(
        "every way of setting whole subjects aside takes all walks of a class with it. "
        f"Classes walked by one subject only: {', '.join(lonely) or 'none'}. Add walks of another person."
    )


def folds_of(labels: Sequence[str], groups: Sequence[str], count: int | None, seed: int) -> np.ndarray:
    """Deal whole groups into folds, classes in proportion as far as groups allow.

    Parameters
    ----------
    labels, groups : sequences of length N
        Class and group of each walk.
    count : int or None
        Number of folds, at least 2; None makes each group a fold of its own (leave one group out).
    seed : int
        Shuffles the groups before they are dealt.

    Returns
    -------
    (N,) int
        Fold of each walk, from 0. Groups that are left out one by one stand in alphabetical order.

    Raises
    ------
    GaitmoodError
        There are fewer groups than folds, or a fold would take every walk of a class with it.
    """
    names = sorted(set(groups))
    wanted = len(names) if count is None else count
    if len(names) < max(wanted, 2):
        raise GaitmoodError(
            f"{max(wanted, 2)} folds need as many subjects (videos where subjects are unknown); found {len(names)}."
        )
    if count is None:
        fold = np.array([names.index(group) for group in groups])
    else:
        aside = _folds(labels, np.asarray(groups, dtype=object), count, seed)
        fold = np.argmax(aside, axis=0) if len(aside) == count else np.array([])
    classes = np.asarray(labels, dtype=object)
    lonely = sorted(
        {c for c in set(labels) if len(set(fold[classes == c])) < 2} if len(fold) else set(labels)
    )
    if lonely:
        raise GaitmoodError(
            f"a fold takes all walks of {', '.join(map(str, lonely))} with it, so that nothing of it is left to "
            "train on. Add walks of another person, or choose another number of folds."
        )
    return fold


def _candidates(
    labels: Sequence[str], groups: Sequence[str], fraction: float, seed: int
) -> Iterator[np.ndarray]:
    """Ways of setting walks aside, (N,) bool, the best first."""
    groups = np.asarray(groups, dtype=object)
    # 2 of 5 folds for 0.4, 1 of 20 for 0.05.
    wanted = max(Fraction(fraction).limit_denominator(10).denominator, round(1 / fraction))
    folds = _folds(labels, groups, wanted, seed)
    taken = max(1, round(fraction * len(folds)))
    starts = range(len(folds))
    turned = [np.any([folds[(first + i) % len(folds)] for i in range(taken)], axis=0) for first in starts]
    alone = [groups == group for group in np.random.default_rng(seed).permutation(sorted(set(groups)))]
    for ways in (turned, alone):
        yield from sorted(ways, key=lambda chosen: abs(chosen.mean() - fraction))


def _folds(labels: Sequence[str], groups: np.ndarray, wanted: int, seed: int) -> list[np.ndarray]:
    from sklearn.model_selection import StratifiedGroupKFold

    count = min(wanted, len(set(groups)), max(Counter(labels).values()))
    if count < 2:
        return []
    folds = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # It warns of classes with fewer groups than folds; the caller checks what that may break.
        warnings.simplefilter("ignore", UserWarning)
        aside = [test for _, test in folds.split(np.zeros(len(labels)), labels, groups)]
    return [np.isin(np.arange(len(labels)), fold) for fold in aside]
