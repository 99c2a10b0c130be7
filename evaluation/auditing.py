"""What two collections of walks share: read from models, folders and files, found, and put into words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from evaluation.audit import AuditOptions
from evaluation.columns import printable
from gait import bundle as bundles
from gait.cache import Cache
from gait.errors import GaitmoodError, NothingUsableError
from gait.fingerprint.laps import lap_of
from gait.fingerprint.prints import unpack
from gait.fingerprint.taking import Taken, take_prints
from gait.formats import KEYPOINT_EXTENSIONS, KeypointOptions
from gait.formats.listing import list_walks
from gait.label_names import listed
from gait.labels import Sample, find_samples
from gait.leaks import Leak, Traced, find_leaks
from gait.pose.estimators import PoseSettings
from gait.preprocess import Walk
from gait.preprocess.poses import pose_settings_of
from gait.runs import write_json
from gait.video import EXTENSIONS

SCHEMA = 1


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
    """

    name: str
    walks: tuple[Traced, ...]
    left_out: tuple[tuple[str, str], ...] = ()

    def laps(self) -> dict[str, float]:
        """Seconds of a lap of each walk that is one stretch played over and over, by name."""
        laps = {walk.name: lap_of(unpack(walk.prints)) for walk in self.walks}
        return {name: lap for name, lap in laps.items() if lap is not None}

    def blind(self) -> list[str]:
        """Names of walks without a fingerprint: of them only identical files are found."""
        return [walk.name for walk in self.walks if not walk.prints]


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

    def text(self) -> str:
        """The findings as plain text, each pair in a row."""
        lines = [f"{letter}: {_described(side)}" for letter, side in zip("AB", self.sides, strict=False)]
        sections = [lines, self._verdict(), self._notes()]
        return "\n\n".join("\n".join(section) for section in sections if section) + "\n"

    def _verdict(self) -> list[str]:
        where = "A" if self.walks is None else "B"
        if not self.leaks:
            other = "another one of A" if self.walks is None else "one of A"
            return [f"Nothing found: no walk of {where} is a copy of {other}."]
        found = len({leak.walk for leak in self.leaks})
        heading = f"LEAK: {found} of {len(self.sides[-1].walks)} in {where} not new:"
        return [heading, *(f"  {printable(leak.walk)}: {printable(leak.why())}" for leak in self.leaks)]

    def _notes(self) -> list[str]:
        notes = []
        for letter, side in zip("AB", self.sides, strict=False):
            if laps := side.laps():
                notes.append(
                    f"{letter}: a few steps played over and over, of which every part is a copy of another "
                    f"({len(laps)}): {listed(laps)}"
                )
            if blind := side.blind():
                notes.append(
                    f"{letter}: without a fingerprint, because nothing moves, or for too short, or the model is "
                    f"older; only identical files and subjects are found ({len(blind)}): {listed(blind)}"
                )
            notes += [f"{letter}: left out: {printable(name)}: {reason}" for name, reason in side.left_out]
        return notes

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
                "laps": side.laps(),
                "without_fingerprint": side.blind(),
                "left_out": [{"walk": name, "reason": reason} for name, reason in side.left_out],
            }
            for letter, side in zip(("a", "b"), self.sides, strict=False)
        }
        return {"schema": SCHEMA, **sides, "pairs": pairs}

    def save_json(self, path: Path) -> None:
        """Write :meth:`to_json` to a file."""
        write_json(path, self.to_json())


def run(options: AuditOptions) -> Audit:
    """Read both sides and compare them.

    Raises
    ------
    GaitmoodError
        A side is not there, or is nothing that holds walks.
    NothingUsableError
        A side holds no walk.
    """
    known = read_side(options.known, options)
    walks = None if options.walks is None else read_side(options.walks, options)
    leaks = find_leaks(known.walks if walks is None else walks.walks, known.walks)
    return Audit(known, walks, tuple(leaks))


def read_side(path: Path, options: AuditOptions) -> Side:
    """The walks that a model knows, or those of a folder or a file; errors as for :func:`run`."""
    if not path.exists():
        raise GaitmoodError(
            f"{path}: a saved model, a folder of walks or a file was expected; there is none."
        )
    if path.is_file() and _is_bundle(path):
        return Side(str(path), known_walks(bundles.read_record(path)))
    samples, left_out = _samples(path, options.labels)
    if not samples:
        reasons = "".join(f"\n  {name}: {reason}" for name, reason in left_out)
        raise NothingUsableError(f"{path}: no walk in it (looked for {_endings()}).{reasons}")
    taken = take_prints(samples, Cache(options.cache), options.jobs, PoseSettings(options.poses))
    left_out += [(s.name, t.reason) for s, t in zip(samples, taken, strict=True) if t.reason is not None]
    return Side(str(path), traced(samples, taken), tuple(left_out))


def known_walks(record: bundles.Record, *splits: str) -> tuple[Traced, ...]:
    """The walks that a model was trained and validated on, with the fingerprints that its file carries."""
    prints = record.prints or [b""] * len(record.walks)
    return tuple(
        Traced(walk.name, walk.content, walk.subject, packed)
        for walk, packed in zip(record.walks, prints, strict=True)
        if walk.split in (splits or ("train", "validation"))
    )


def traced(samples: Sequence[Sample], taken: Sequence[Taken]) -> tuple[Traced, ...]:
    """Walks with their fingerprints; those that cannot be read are left out."""
    return tuple(
        Traced(sample.name, one.content, sample.subject, one.packed)
        for sample, one in zip(samples, taken, strict=True)
        if one.reason is None
    )


def trace_walks(
    record: bundles.Record, walks: Sequence[Walk], cache: Cache, jobs: int | None
) -> list[Traced]:
    """What leaks are found by, of walks that a model's preprocessing has prepared."""
    samples, poses = [walk.sample for walk in walks], pose_settings_of(record.preprocess)
    taken = take_prints(samples, cache, jobs, poses, [walk.content for walk in walks])
    return [
        Traced(walk.sample.name, walk.content, walk.sample.subject, one.packed)
        for walk, one in zip(walks, taken, strict=True)
    ]


def find_validation_leaks(record: bundles.Record) -> list[Leak]:
    """What a run's validation walks share with those that it was trained on."""
    return find_leaks(known_walks(record, "validation"), known_walks(record, "train"))


def _is_bundle(path: Path) -> bool:
    try:
        with h5py.File(path) as file:
            return "gaitmood_format" in file.attrs
    except OSError:
        return False


def _samples(path: Path, labels: Path | None) -> tuple[list[Sample], list[tuple[str, str]]]:
    """The walks of a folder or of one file, and what cannot be used."""
    options = KeypointOptions(labels=False)
    if path.is_dir():
        collection = find_samples(path, labels, keypoints=options)
        return list(collection.samples), list(collection.left_out)
    if path.name.lower().endswith(EXTENSIONS):
        return [Sample(path, path.name)], []
    if not path.name.lower().endswith(KEYPOINT_EXTENSIONS):
        raise GaitmoodError(
            f"{path}: a saved model, a folder of walks, or a file ending in {_endings()} was expected."
        )
    listing = list_walks({path.name: path}, options)
    return [Sample(at, name, keypoints=place) for name, at, place, _ in listing.walks], listing.left_out


def _endings() -> str:
    return ", ".join((*EXTENSIONS, *KEYPOINT_EXTENSIONS))


def _described(side: Side) -> str:
    count, subjects = len(side.walks), {walk.subject for walk in side.walks} - {None}
    who = f"{len(subjects)} subject{'s' * (len(subjects) != 1)}" if subjects else "subjects unknown"
    return f"{printable(side.name)} ({count} walk{'s' * (count != 1)}, {who})"
