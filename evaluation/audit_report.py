"""What two collections of walks share, and what could not be looked at, in words and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from evaluation.columns import count, printable, some
from gait.fingerprint.laps import lap_of
from gait.fingerprint.prints import unpack
from gait.leaks import Leak, Traced, not_compared
from gait.runs import write_json

SCHEMA = 1
_LISTED = 10
_WHY_NOT = (
    "nothing moves, too short, the model is older, or one side has only joints and the other only pictures"
)


@dataclass(frozen=True)
class Side:
    """One of the two collections.

    Attributes
    ----------
    name : str
        As the user named it.
    walks : tuple of Traced
    left_out : tuple of (str, str)
        Name and reason of walks that cannot be read.
    hint : str
        What to do for it to be known who walks.
    """

    name: str
    walks: tuple[Traced, ...]
    left_out: tuple[tuple[str, str], ...] = ()
    hint: str = ""

    @cached_property
    def laps(self) -> dict[str, float]:
        """Seconds of a lap of each walk that is one stretch played over and over, by name."""
        laps = {walk.name: lap_of(unpack(walk.prints)) for walk in self.walks}
        return {name: lap for name, lap in laps.items() if lap is not None}

    def nobody(self) -> int:
        """Of how many walks it is not known who walks."""
        return sum(walk.subject is None for walk in self.walks)


@dataclass(frozen=True)
class Audit:
    """What was looked at and what was found; ``walks`` is None where one side was compared with itself."""

    known: Side
    walks: Side | None
    leaks: tuple[Leak, ...]

    @property
    def sides(self) -> tuple[Side, ...]:
        """One or two."""
        return (self.known,) if self.walks is None else (self.known, self.walks)

    @cached_property
    def unseen(self) -> list[list[str]]:
        """Names of the walks of each side that could not be compared by pictures or joints."""
        other = self.known if self.walks is None else self.walks
        pairs = ((self.known, other), (other, self.known))[: len(self.sides)]
        return [not_compared(side.walks, against.walks) for side, against in pairs]

    @property
    def is_clean(self) -> bool:
        """Whether all walks were compared, and nothing was found."""
        return not (self.leaks or any(self.unseen) or any(side.left_out for side in self.sides))

    def text(self) -> str:
        """The findings as plain text, each pair in a row."""
        lines = [f"{letter}: {_described(side)}" for letter, side in zip("AB", self.sides, strict=False)]
        sections = [lines, self._verdict(), list(self._notes())]
        return "\n\n".join("\n".join(section) for section in sections if section) + "\n"

    def _verdict(self) -> list[str]:
        where, other = ("A", "another one of A") if self.walks is None else ("B", "one of A")
        unseen = self.unseen
        missing = [len(names) + len(side.left_out) for names, side in zip(unseen, self.sides, strict=True)]
        doubt = " and ".join(
            f"{count(number, 'walk')} of {letter}"
            for letter, number in zip("AB", missing, strict=False)
            if number
        )
        if self.leaks:
            return [*self._found(where), *([f"CANNOT SAY for {doubt}: see below."] if doubt else [])]
        if not doubt:
            return [f"Nothing found: no walk of {where} is a copy of {other}."]
        if any(len(names) == len(side.walks) for names, side in zip(unseen, self.sides, strict=True)):
            return [
                f"CANNOT SAY whether a walk of {where} is a copy of {other}: none could be compared. No two files are "
                "identical, which is all that was looked for."
            ]
        return [f"Nothing found among the walks that could be compared. CANNOT SAY for {doubt}: see below."]

    def _found(self, where: str) -> list[str]:
        found = len({leak.walk for leak in self.leaks})
        heading = f"LEAK: {found} of {len(self.sides[-1].walks)} in {where} not new:"
        return [heading, *(f"  {printable(leak.walk)}: {printable(leak.why())}" for leak in self.leaks)]

    def _notes(self) -> Iterator[str]:
        for letter, side, unseen in zip("AB", self.sides, self.unseen, strict=False):
            if laps := side.laps:
                yield (
                    f"{letter}: a few steps played over and over, of which every part is a copy of another "
                    f"({len(laps)}): {_some(list(laps))}"
                )
            if unseen:
                yield f"{letter}: not compared ({len(unseen)}): {_WHY_NOT}: {_some(unseen)}"
            if side.nobody() and len(self.sides) == 2:
                yield (
                    f"{letter}: who walks is not known of {side.nobody()} of {count(len(side.walks), 'walk')}: whether "
                    f"somebody walks on both sides cannot be said of them{side.hint}"
                )
            for name, reason in side.left_out[:_LISTED]:
                yield f"{letter}: left out: {printable(name)}: {printable(reason)}"
            if (more := len(side.left_out) - _LISTED) > 0:
                yield f"{letter}: and {more} more left out; --json FILE lists them all"

    def to_json(self) -> dict[str, Any]:
        """The findings as plain JSON types."""
        pairs = [
            {"walk": x.walk, "known": x.known, "kind": x.kind, "score": round(x.score, 4), "why": x.why()}
            for x in self.leaks
        ]
        sides = {
            letter: {
                "name": side.name,
                "walks": len(side.walks),
                "laps": side.laps,
                "not_compared": unseen,
                "subjects_unknown": side.nobody(),
                "left_out": [{"walk": name, "reason": reason} for name, reason in side.left_out],
            }
            for letter, side, unseen in zip(("a", "b"), self.sides, self.unseen, strict=False)
        }
        return {"schema": SCHEMA, **sides, "pairs": pairs}

    def save_json(self, path: Path) -> None:
        """Write :meth:`to_json` to a file."""
        write_json(path, self.to_json())


def _some(names: Sequence[str]) -> str:
    return some(names, _LISTED) + ("; --json FILE lists them all" if len(names) > _LISTED else "")


def _described(side: Side) -> str:
    subjects = {walk.subject for walk in side.walks} - {None}
    who = count(len(subjects), "subject") if subjects else "subjects unknown"
    return f"{printable(side.name)} ({count(len(side.walks), 'walk')}, {who})"
