"""Dividing walks so that nobody is on both sides: grouped by subject, or by video where subjects are unknown."""

from __future__ import annotations

from collections.abc import Sequence

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
        True for the walks that are set aside: one of round(1 / fraction) grouped, stratified folds.

    Raises
    ------
    GaitmoodError
        There are fewer than two groups, or a class would be left without a walk to train on.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    if not 0 < fraction <= 0.5:
        raise GaitmoodError(f"a share in (0, 0.5] of the walks can be set aside; {fraction} was asked for.")
    count = len(set(groups))
    if count < 2:
        raise GaitmoodError(
            f"setting walks aside needs at least two subjects (videos where subjects are unknown); found {count}. "
            "Add walks of another person."
        )
    folds = StratifiedGroupKFold(min(max(2, round(1 / fraction)), count), shuffle=True, random_state=seed)
    rows = np.zeros(len(labels))
    candidates = _quietly(lambda: list(folds.split(rows, labels, groups)))
    for train, aside in candidates:
        if {labels[i] for i in train} == set(labels):
            chosen = np.zeros(len(labels), bool)
            chosen[aside] = True
            return chosen
    lonely = sorted(
        c for c in set(labels) if len({g for g, y in zip(groups, labels, strict=True) if y == c}) < 2
    )
    raise GaitmoodError(
        "every way of setting whole subjects aside takes all walks of a class with it. "
        f"Classes walked by one subject only: {', '.join(lonely) or 'none'}. Add walks of another person."
    )


def _quietly(make):
    """scikit-learn warns when a class has fewer groups than folds; the caller checks what that may break."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return make()
