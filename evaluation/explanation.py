"""An explanation of one answer, in words: parts of the body, features, and how these compare with other walks."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from evaluation.population import Compared, in_words
from gait.features import FEATURES

WIDTH = 110
LISTED = 10
# Less than this is no movement of an answer that anyone should read into: 0.05 points.
_NOTHING = 5e-4

HONEST = (
    "This says what moved the model's answer: not what the walker feels, and not why people would see it so. Points "
    "are of probability. What always goes together, as speed and stride do, shares one effect; and a walk with one "
    "thing exchanged may be a walk that nobody walks."
)


@dataclass(frozen=True)
class Share:
    """What one thing adds to the probability of the answer, and its standard error; ``feature`` where it is one."""

    name: str
    points: float
    error: float = 0.0
    feature: Compared | None = None


@dataclass(frozen=True, eq=False)
class Explanation:
    """What moved the answer to a walk.

    Attributes
    ----------
    walk : str
    label : str or None
        What raters see, where known.
    answer : str
        The model's.
    probabilities : dict of str to float
        By class.
    held_against : str
        The walks that take the place of what is exchanged, in words; ``noun`` is short for them.
    base : float
        Probability of the answer with everything exchanged, mean.
    parts : tuple of Share
        Parts of the body, the largest first; exact.
    features : tuple of Share
        Features, the largest first; sampled. Empty for a network of joints.
    beside : tuple of (str, tuple of Compared)
        For a network of joints: the most unusual features of each part that moved the answer.
    notes : tuple of str
    """

    walk: str
    label: str | None
    answer: str
    probabilities: dict[str, float]
    held_against: str
    noun: str
    base: float
    parts: tuple[Share, ...]
    features: tuple[Share, ...] = ()
    beside: tuple[tuple[str, tuple[Compared, ...]], ...] = ()
    notes: tuple[str, ...] = ()

    def text(self) -> str:
        """The explanation for people."""
        lines = [*heading(self.walk, self.label, self.probabilities), *_wrapped(self._against()), ""]
        width = max(len(share.name) for share in self.parts)
        lines.append(f"By part of the body (points towards '{self.answer}'; Shapley values)")
        lines += [f"  {_points(share.points)}  {share.name:<{width}}".rstrip() for share in self.parts]
        lines += self._feature_lines() if self.features else self._beside_lines()
        for note in self.notes:
            lines += ["", *_wrapped(note)]
        return "\n".join(lines)

    def _against(self) -> str:
        found = self.probabilities[self.answer]
        return (
            f"Held against {self.held_against}: with everything from there it says '{self.answer}' with "
            f"{_percent(self.base)} on average. The {_points(found - self.base).strip()} points from there to "
            f"{_percent(found)} come from:"
        )

    def _feature_lines(self) -> list[str]:
        shown = listed(self.features)
        lines = ["", "The features that moved it most (Shapley values, sampled; ± standard error)"]
        for share in shown:
            head = f"{_mark(share.feature)} {_points(share.points)} ± {100 * share.error:.1f}  "
            lines += _hanging(head, in_words(share.feature, self.noun))
        rest = [share.points for share in self.features if share not in shown]
        return [*lines, f"  {_points(sum(rest))}        the other {len(rest)} features together"]

    def _beside_lines(self) -> list[str]:
        lines = []
        for part, compared in self.beside:
            lines += ["", f"Most unusual in the {part} (seen beside the answer, not measured to move it)"]
            for one in compared:
                lines += _hanging(f"{_mark(one)} ", in_words(one, self.noun))
        return lines

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values; a number that cannot be given is None."""
        return {
            "walk": self.walk,
            "label": self.label,
            "answer": self.answer,
            "probabilities": self.probabilities,
            "held_against": self.held_against,
            "base": self.base,
            "parts": [{"name": s.name, "points": s.points} for s in self.parts],
            "features": [
                {"points": s.points, "error": s.error, **_to_json(s.feature, self.noun)}
                for s in self.features
            ],
            "beside": {part: [_to_json(one, self.noun) for one in found] for part, found in self.beside},
            "notes": list(self.notes),
        }


def listed(features: Sequence[Share]) -> tuple[Share, ...]:
    """The features that are told one by one: the first of those that surely moved the answer."""
    moved = [share for share in features if abs(share.points) > max(_NOTHING, 2 * share.error)]
    return tuple(moved[:LISTED])


def heading(walk: str, label: str | None, probabilities: dict[str, float]) -> list[str]:
    """The walk, and what the model says of it."""
    known = f" (labelled '{label}')" if label else ""
    said = sorted(probabilities.items(), key=lambda item: -item[1])
    return [
        f"{walk}{known}",
        "The model says " + ", ".join(f"{name} {_percent(p)}" for name, p in said) + ".",
    ]


def _to_json(one: Compared, noun: str) -> dict[str, Any]:
    return {**plain(asdict(one)), "unit": FEATURES[one.name].unit, "words": in_words(one, noun)}


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """Values that JSON knows: None where a number is NaN."""
    return {k: None if isinstance(v, float) and np.isnan(v) else v for k, v in values.items()}


def _mark(one: Compared) -> str:
    return "?" if one.unreliable else " "


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _points(share: float) -> str:
    return f"{round(100 * share, 1) + 0:+5.1f}"  # + 0: never -0.0


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH)


def _hanging(head: str, text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=head, subsequent_indent=" " * len(head))
