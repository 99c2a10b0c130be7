"""Walks that stand on two sides: the same file, a copy of it, another walk of the same person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from gait.fingerprint.copies import find_copies
from gait.fingerprint.prints import kinds_of, unpack

FILE, PICTURE, MOTION, SUBJECT = KINDS = ("file", "picture", "motion", "subject")
_WHAT = {FILE: "the same file", PICTURE: "the same pictures", MOTION: "the same motion"}


@dataclass(frozen=True)
class Traced:
    """A walk with what it can be recognised by.

    Attributes
    ----------
    name : str
        What the user calls it.
    content : str
        Content hash of its file, or of its joints.
    subject : str or None
        Who walks.
    prints : bytes
        Packed fingerprints, see :mod:`gait.fingerprint.prints`; empty where there are none.
    """

    name: str
    content: str
    subject: str | None = None
    prints: bytes = b""


@dataclass(frozen=True)
class Leak:
    """A walk that is not new to who knows another one.

    Attributes
    ----------
    walk, known : str
        Their names.
    kind : {"file", "picture", "motion", "subject"}
        What they share.
    score : float
        How alike they are; 1 for the same file and the same person.
    how : str
        What makes the copy, in words, or who walks.
    """

    walk: str
    known: str
    kind: str
    score: float
    how: str = ""

    @property
    def is_copy(self) -> bool:
        """Whether it is the same recording, and not only the same person."""
        return self.kind != SUBJECT

    def why(self) -> str:
        """What is shared with which walk, in words."""
        if self.kind == SUBJECT:
            return f"subject {self.how} also walks in {self.known}"
        score = "" if self.kind == FILE else f" (score {self.score:.3f})"
        return f"{_WHAT[self.kind]} as {self.known}{self.how}{score}"


def find_leaks(walks: Sequence[Traced], known: Sequence[Traced]) -> list[Leak]:
    """What some walks share with known ones: the strongest sign of each pair, sorted by walk and kind.

    Of subjects one known walk is named for each walk. With the same sequence twice, the pairs among it, each
    once; that somebody walks twice is no leak then.
    """
    leaks = _same_files(walks, known)
    seen = {(leak.walk, leak.known) for leak in leaks}
    leaks += [leak for leak in _copies(walks, known) if (leak.walk, leak.known) not in seen]
    if walks is not known:
        leaks += _same_people(walks, known, {leak.walk for leak in leaks})
    place = {walk.name: number for number, walk in enumerate(walks)}
    return sorted(leaks, key=lambda leak: (place[leak.walk], KINDS.index(leak.kind), -leak.score, leak.known))


def _same_files(walks: Sequence[Traced], known: Sequence[Traced]) -> list[Leak]:
    owners = defaultdict(list)
    for number, walk in enumerate(known):
        if walk.content:
            owners[walk.content].append(number)
    return [
        Leak(walk.name, known[j].name, FILE, 1.0)
        for i, walk in enumerate(walks)
        for j in owners.get(walk.content, ())
        if walks is not known or j < i
    ]


def _copies(walks: Sequence[Traced], known: Sequence[Traced]) -> list[Leak]:
    prints = [unpack(walk.prints) for walk in known]
    own = prints if walks is known else [unpack(walk.prints) for walk in walks]
    leaks = []
    for copy in find_copies(own, prints):
        names = walks[copy.one].name, known[copy.other].name
        leaks.append(Leak(*names, copy.kind, copy.score, copy.how()))
    return leaks


def _same_people(walks: Sequence[Traced], known: Sequence[Traced], copies: set[str]) -> list[Leak]:
    """The walks of known people that are not copies already."""
    of_person: dict[str, str] = {}
    for walk in known:
        if walk.subject is not None:
            of_person.setdefault(walk.subject, walk.name)
    return [
        Leak(walk.name, of_person[walk.subject], SUBJECT, 1.0, walk.subject)
        for walk in walks
        if walk.subject in of_person and walk.name not in copies
    ]


def reasons(leaks: Sequence[Leak]) -> dict[str, str]:
    """Why each walk is a leak: its strongest sign, and how many more there are."""
    of_walk = defaultdict(list)
    for leak in leaks:
        of_walk[leak.walk].append(leak)
    return {
        name: found[0].why() + (f", and {len(found) - 1} more" if len(found) > 1 else "")
        for name, found in of_walk.items()
    }


def not_compared(walks: Sequence[Traced], others: Sequence[Traced]) -> list[str]:
    """Names of walks that share no kind of fingerprint with any of the others: only the same file is found of them."""
    there = {kind for other in others for kind in kinds_of(other.prints)}
    return [walk.name for walk in walks if not there & kinds_of(walk.prints)]


def limits(walks: Sequence[Traced], known: Sequence[Traced]) -> list[str]:
    """What could not be looked for among walks and those that a model knows, in sentences; none where all could."""
    if not known:
        return [
            "this model does not say which walks it was trained on: whether these are new to it is not known"
        ]
    said = []
    unseen, blind = len(not_compared(walks, known)), len(not_compared(known, walks))
    if unseen or blind:
        said.append(
            f"copies could not be looked for among {unseen} of {len(walks)} walks here, nor of {blind} of "
            f"{len(known)} in training, for want of fingerprints to compare: only identical files and subjects are "
            "recognised"
        )
    nobody, unknown = (sum(walk.subject is None for walk in side) for side in (walks, known))
    if nobody or unknown:
        said.append(
            f"who walks is not known of {nobody} of {len(walks)} walks here, and of {unknown} of {len(known)} "
            "in training: whether somebody walks on both sides cannot be said of them (a subjects.csv with the "
            "columns video,subject says it)"
        )
    return said
