"""A finished test: predictions, their scores, and all that is to be said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.affect import AffectScores, score_affect
from evaluation.scoring import Summary, summarise
from gait.agreement import HumanAgreement
from gait.leaks import Leak
from gait.predictions import Predictions


@dataclass(frozen=True, eq=False)
class Report:
    """A finished test, ready to be printed or written; see :func:`make_report` for the parts.

    ``summary`` is None where no walk is labelled; ``without_leaks`` where nothing leaked or nothing else is
    left; ``stable``, on the walks whose label other raters would give again, where raters are not known or nothing
    is left.
    """

    title: str
    model: str
    predictions: Predictions
    left_out: tuple[tuple[str, str], ...]
    leaked: tuple[bool, ...]
    leaks: tuple[Leak, ...]
    human: HumanAgreement | None
    summary: Summary | None
    without_leaks: Summary | None
    stable: Summary | None
    affect: AffectScores | None
    remarks: tuple[str, ...] = ()

    @property
    def counted(self) -> Summary | None:
        """The scores that count: without the walks that leaked, where anything is left without them."""
        return self.without_leaks or self.summary


def make_report(
    predictions: Predictions,
    *,
    title: str,
    model: str,
    training_majority: str | None = None,
    human: HumanAgreement | None = None,
    left_out: Sequence[tuple[str, str]] = (),
    leaks: Sequence[Leak] | Sequence[str] = (),
    floors: Mapping[str, Sequence[str]] | None = None,
    remarks: Sequence[str] = (),
) -> Report:
    """Score predictions and gather all that a report says.

    Parameters
    ----------
    predictions : Predictions
        Walks without a label are listed and not scored.
    title, model : str
        What was tested, and the model in a line.
    training_majority : str or None
        The class that was most frequent in training, where known.
    human : HumanAgreement or None
        How well people agree on these walks, where ratings are known.
    left_out : sequence of (name, reason)
        Files that could not be used.
    leaks : sequence of Leak, or of str
        What walks share with those of training; or only the names, as in ``predictions.names``, of walks that were
        in training.
    floors : mapping of str to sequence of str
        What answers that need no model say of each walk.
    remarks : sequence of str
        What a reader should know of how the walks were read: several people in view, sides put right, and so on.

    Raises
    ------
    ValueError
        Where ``training_majority`` is no class of the model, or a leak is none of the walks.
    """
    if training_majority is not None and training_majority not in predictions.classes:
        raise ValueError(
            f"expected one of {predictions.classes} as training majority, got {training_majority!r}"
        )
    names = {leak if isinstance(leak, str) else leak.walk for leak in leaks}
    if unknown := names - set(predictions.names):
        raise ValueError(f"expected leaks to be names of walks, got {sorted(unknown)}")
    leaked = np.array([name in names for name in predictions.names], dtype=bool)
    labelled = np.array([label is not None for label in predictions.labels], dtype=bool)

    def score(chosen: np.ndarray) -> Summary | None:
        return summarise(predictions, chosen, training_majority, floors or {})

    return Report(
        title=title,
        model=model,
        predictions=predictions,
        left_out=tuple((name, reason) for name, reason in left_out),
        leaked=tuple(bool(x) for x in leaked),
        leaks=tuple(leak for leak in leaks if isinstance(leak, Leak)),
        human=human,
        summary=score(labelled),
        without_leaks=score(labelled & ~leaked) if leaks else None,
        stable=score(labelled & ~leaked & _stable(predictions, human)),
        affect=score_affect(predictions, leaked),
        remarks=tuple(remarks),
    )


def _stable(predictions: Predictions, human: HumanAgreement | None) -> np.ndarray:
    """(N,) walks whose label other raters would give again."""
    names = human.stable if human else frozenset()
    return np.array([name in names for name in predictions.names], dtype=bool)
