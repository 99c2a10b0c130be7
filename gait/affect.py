"""Valence and arousal of walks: as a label file gives them, else derived from the emotion.

Derived values are the emotion's place in the plane of pleasure and arousal, on which affect words lie in a circle
(Russell 1980, "A circumplex model of affect", Journal of Personality and Social Psychology 39, 1161-1178). The
places are the mean ratings of Russell & Mehrabian 1977, "Evidence for a three-factor theory of emotions", Journal of
Research in Personality 11, 273-294, where raters placed 151 emotion words in [-1, 1]: one source for all of them.
Neutral is the plane's origin. Arousal is moved to [0, 1]. A derived value says no more than the emotion it comes from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from gait.labels import Sample

NAMES = ("valence", "arousal")
LOWEST, HIGHEST = (-1.0, 0.0), (1.0, 1.0)
GIVEN, DERIVED = "given", "derived"
# In a table of predictions: what the model says, what is known, and where that comes from.
COLUMNS = tuple(column for name in NAMES for column in (name, f"true_{name}", f"{name}_from"))

# Pleasure and arousal of the words angry, disgusted, fearful, happy, sad and surprised.
_PLACES = {
    "angry": (-0.51, 0.59),
    "disgust": (-0.60, 0.35),
    "fear": (-0.64, 0.60),
    "happy": (0.81, 0.51),
    "neutral": (0.0, 0.0),
    "sad": (-0.63, -0.27),
    "surprise": (0.40, 0.67),
}
_OTHER_WORDS = {
    "anger": "angry",
    "disgusted": "disgust",
    "fearful": "fear",
    "happiness": "happy",
    "sadness": "sad",
    "surprised": "surprise",
}


@dataclass(frozen=True, eq=False)
class Affect:
    """Valence, in [-1, 1], and arousal, in [0, 1], of N walks.

    Attributes
    ----------
    values : (N, 2) float64
        NaN where not known.
    derived : (N, 2) bool
        From the emotion, not given.
    """

    values: np.ndarray
    derived: np.ndarray

    @property
    def known(self) -> np.ndarray:
        """(N,) bool: at least one of the two is known."""
        return np.isfinite(self.values).any(axis=1)

    def describe(self) -> str:
        """Where the values of how many walks come from, in words."""
        derived = int(self.derived.any(axis=1).sum())
        parts = {
            "given by the label file": int((self.known & ~self.derived.any(axis=1)).sum()),
            "derived from the emotion (Russell & Mehrabian 1977)": derived,
            "not known": int((~self.known).sum()),
        }
        return ", ".join(f"{count} {words}" for words, count in parts.items() if count)


@dataclass(frozen=True, eq=False)
class AffectAnswers:
    """What a model says of the valence and arousal of N walks, (N, 2) float64, beside what is known of them."""

    predicted: np.ndarray
    true: Affect

    def take(self, rows: np.ndarray) -> AffectAnswers:
        """Those of some walks."""
        return AffectAnswers(self.predicted[rows], Affect(self.true.values[rows], self.true.derived[rows]))

    def said_of(self, row: int) -> dict[str, float]:
        """What the model says of a walk, by name."""
        return dict(zip(NAMES, map(float, self.predicted[row]), strict=True))

    def cells(self, row: int) -> list[str]:
        """A walk's cells under :data:`COLUMNS`; numbers keep every digit."""
        cells = []
        for i in range(len(NAMES)):
            true = self.true.values[row, i]
            source = "" if np.isnan(true) else DERIVED if self.true.derived[row, i] else GIVEN
            cells += [
                repr(float(self.predicted[row, i])),
                "" if np.isnan(true) else repr(float(true)),
                source,
            ]
        return cells

    @classmethod
    def of_cells(cls, rows: Sequence[Sequence[str]]) -> AffectAnswers:
        """What :meth:`cells` wrote of each walk. Raises ValueError where it is something else."""
        table = np.array(rows, dtype=object).reshape(len(rows), len(NAMES), 3)
        if strangers := set(table[..., 2].ravel()) - {"", GIVEN, DERIVED}:
            raise ValueError(f"expected {GIVEN} or {DERIVED}, found {', '.join(sorted(strangers))}")
        values = np.where(table[..., 1] == "", "nan", table[..., 1]).astype(float)
        return cls(table[..., 0].astype(float), Affect(values, table[..., 2] == DERIVED))


def pooled(parts: Sequence[AffectAnswers]) -> AffectAnswers:
    """Those of several tests, one after the other."""
    values, derived = ([getattr(part.true, name) for part in parts] for name in ("values", "derived"))
    true = Affect(np.concatenate(values), np.concatenate(derived))
    return AffectAnswers(np.concatenate([part.predicted for part in parts]), true)


def coordinates(classes: Sequence[str]) -> np.ndarray:
    """Valence and arousal (K, 2) of emotions by name; NaN for one that has no place here."""
    places = [_PLACES.get(_OTHER_WORDS.get(name, name), (np.nan, np.nan)) for name in classes]
    return np.array(places, float).reshape(-1, 2) * (1, 0.5) + (0, 0.5)


def affect_of(samples: Sequence[Sample], classes: Sequence[str]) -> Affect:
    """Valence and arousal of walks.

    Parameters
    ----------
    samples : sequence of Sample
        What a label file gives is taken as it is. Otherwise the places of the classes are averaged, weighted by the
        soft label where there is one; an emotion without a place leaves a walk that has a share of it unknown.
    classes : sequence of str
        In the order of the soft labels.
    """
    places = coordinates(classes)
    given = [[np.nan if (v := getattr(s, name)) is None else v for name in NAMES] for s in samples]
    values = np.array(given, float).reshape(-1, 2)
    from_emotion = np.array([_place(sample, classes, places) for sample in samples]).reshape(-1, 2)
    derived = np.isnan(values) & np.isfinite(from_emotion)
    return Affect(np.where(derived, from_emotion, values), derived)


def _place(sample: Sample, classes: Sequence[str], places: np.ndarray) -> np.ndarray:
    if sample.soft is not None and len(sample.soft) == len(classes):
        shares = np.array(sample.soft)
        return shares[shares > 0] @ places[shares > 0]
    return places[list(classes).index(sample.label)] if sample.label in classes else np.full(2, np.nan)
