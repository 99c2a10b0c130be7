"""Which parts of the body a model needs, over a set of walks: permutation importance, part by part.

Breiman 2001, Random forests, Machine Learning 45:5-32, section 10; whole groups at once, as features of one part of the
body tell much the same: Gregorutti, Michel and Saint-Pierre 2015, Grouped variable importance with random forests and
application to multiple functional data analysis, Comput Stat Data Anal 90:15-35.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from evaluation.explanation import plain
from evaluation.population import was_trained_on
from gait import metrics
from gait.bundle import Bundle
from gait.console import progress_bar
from gait.errors import GaitmoodError
from gait.features import FEATURES
from gait.features.words import part_of
from gait.occlusion import joints_of, parts_of
from gait.predict import answer_clips
from gait.preprocess import Walk

ROUNDS = 20
_AT_ONCE = 256
_WIDTH = 110


@dataclass(frozen=True)
class PartImportance:
    """What taking a part of the body from other walks does, mean over the rounds.

    Attributes
    ----------
    part : str
    fall : float
        Of the accuracy, in [-1, 1]; NaN without labels. ``spread`` is its standard deviation over the rounds.
    changed : float
        Share of the answers that become others.
    """

    part: str
    fall: float
    spread: float
    changed: float


@dataclass(frozen=True)
class Importance:
    """Permutation importance over a set of walks.

    Attributes
    ----------
    walks, labelled, trained_on : int
        All of them, those with a label that the model knows, and those it knows from its training.
    accuracy : float
        With nothing exchanged; NaN without labels.
    majority : float
        Of always answering the most frequent label.
    parts : tuple of PartImportance
        The most needed first.
    """

    walks: int
    labelled: int
    trained_on: int
    accuracy: float
    majority: float
    parts: tuple[PartImportance, ...]

    def text(self, title: str) -> str:
        """The table, and what it means."""
        lines = [f"{title}: what each part of the body is needed for ({self.walks} walks)"]
        if self.labelled:
            lines.append(
                f"Accuracy on {self.labelled} labelled walks as they are: {100 * self.accuracy:.1f} %"
            )
        width = max(len(one.part) for one in self.parts)
        head = "accuracy falls by    " if self.labelled else ""
        lines += ["", f"{'part taken from other walks':<{max(width, 27)}}  {head}answers that change"]
        for one in self.parts:
            fall = f"{100 * one.fall:6.1f} ± {100 * one.spread:<4.1f} points " if self.labelled else ""
            lines.append(f"{one.part:<{max(width, 27)}}  {fall}{100 * one.changed:6.1f} %")
        return "\n".join([*lines, "", *textwrap.wrap(self._meaning(), _WIDTH)])

    def _meaning(self) -> str:
        text = (
            f"Mean and standard deviation of {ROUNDS} random exchanges between these walks. A part that another one "
            "can stand in for shows little, though the model looks at it."
        )
        if self.trained_on:
            text += f" {self.trained_on} of these walks were in training: the accuracy flatters."
        if self.labelled and self.accuracy <= self.majority:
            text += (
                f" The model does no better here than always giving the most frequent label "
                f"({100 * self.majority:.1f} %): what it loses says little; see which answers change."
            )
        return text

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values; a number that cannot be given is None."""
        parts = [plain(asdict(part)) for part in self.parts]
        return {**plain(asdict(self)), "parts": parts, "rounds": ROUNDS}


def part_importance(bundle: Bundle, walks: Sequence[Walk], seed: int = 0) -> Importance:
    """Take each part of the body from other walks of the set, and see what becomes of the answers.

    Parameters
    ----------
    bundle : Bundle
        Of a model of features or of joints.
    walks : sequence of Walk
        Two or more; those with a label that the model knows count for the accuracy.
    seed : int
        Of the exchanges.

    Raises
    ------
    GaitmoodError
        There are fewer than two walks.
    """
    if len(walks) < 2:
        raise GaitmoodError(
            f"--data: two walks or more were expected, to exchange parts between; found {len(walks)}."
        )
    how, classes = bundle.record.preprocess, bundle.record.classes
    clips = [[how.read(walk, start) for start in how.starts(walk)] for walk in walks]
    labels = np.array([classes.index(w.sample.label) if w.sample.label in classes else -1 for w in walks])
    before = _answers(bundle, clips)
    rng = np.random.default_rng(seed)
    found, parts = [], _parts(how)
    with progress_bar("Exchanging parts", len(parts) * ROUNDS) as bar:
        for part, places in parts.items():
            rounds = []
            for _ in range(ROUNDS):
                given = [clips[i] for i in rng.permutation(len(walks))]
                after = _answers(bundle, _taken(clips, given, places))
                fall = _accuracy(labels, before) - _accuracy(labels, after)
                rounds.append((fall, (before != after).mean()))
                bar.advance()
            falls, changed = np.array(rounds).T
            found.append(PartImportance(part, float(falls.mean()), float(falls.std()), float(changed.mean())))
    found.sort(key=lambda one: (-np.nan_to_num(one.fall), -one.changed, one.part))
    known = labels[labels >= 0]
    majority = metrics.majority_accuracy(known, len(classes))[1] if len(known) else float("nan")
    trained_on = sum(was_trained_on(walk, bundle) for walk in walks)
    return Importance(len(walks), len(known), trained_on, _accuracy(labels, before), majority, tuple(found))


def _parts(how: Any) -> dict[str, np.ndarray]:
    """Part of the body -> its places among a preprocessing's features, or joints."""
    if how.kind == "features":
        of = np.array([part_of(FEATURES[name]) for name in how.names])
        return {part: np.flatnonzero(of == part) for part in dict.fromkeys(of.tolist())}
    return {part: np.flatnonzero(joints_of(how.layout, part)) for part in parts_of(how)}


def _taken(
    clips: Sequence[Sequence[np.ndarray]], given: Sequence[Sequence[np.ndarray]], places: np.ndarray
) -> list[list[np.ndarray]]:
    """Clips, features (F,) or joints (T, V, 6), with some places from those given, the first over again if fewer."""
    taken = []
    for own, others in zip(clips, given, strict=True):
        row = []
        for number, clip in enumerate(own):
            changed, other = clip.copy(), others[number % len(others)]
            axis = (places,) if clip.ndim == 1 else (slice(None), places)
            changed[axis] = other[axis]
            row.append(changed)
        taken.append(row)
    return taken


def _answers(bundle: Bundle, clips: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
    """The answer (N,) to each walk, by its clips' mean."""
    stored = np.stack([clip for walk in clips for clip in walk])
    inputs = bundle.record.preprocess.to_input(stored)
    found = answer_clips(bundle, inputs, min(len(inputs), _AT_ONCE)).probabilities
    ends = np.cumsum([len(walk) for walk in clips])[:-1]
    return np.array([part.mean(axis=0).argmax() for part in np.split(found, ends)])


def _accuracy(labels: np.ndarray, answers: np.ndarray) -> float:
    """Over the walks whose label (N,) is known, not -1; NaN where none is."""
    known = labels >= 0
    return float((answers[known] == labels[known]).mean()) if known.any() else float("nan")
