"""What two collections of walks share: read from models, folders and files, and found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import h5py

from evaluation.audit import AuditOptions
from evaluation.audit_report import Audit, Side
from gait import bundle as bundles
from gait.cache import Cache
from gait.errors import GaitmoodError, NothingUsableError
from gait.fingerprint.taking import Taken, take_prints
from gait.formats import KEYPOINT_EXTENSIONS, KeypointOptions
from gait.formats.listing import list_walks
from gait.labels import Sample, find_samples
from gait.leaks import Leak, Traced, find_leaks
from gait.pose.estimators import PoseSettings
from gait.preprocess import Walk
from gait.preprocess.poses import pose_settings_of
from gait.video import EXTENSIONS


def run(options: AuditOptions) -> Audit:
    """Read both sides and compare them.

    Raises
    ------
    GaitmoodError
        A side is not there, or is nothing that holds walks.
    NothingUsableError
        A side holds no walk, or none that can be read.
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
        return _side_of_model(path)
    samples, left_out = _samples(path, options.labels)
    taken = take_prints(samples, Cache(options.cache), options.jobs, PoseSettings(options.poses))
    left_out += [(s.name, t.reason) for s, t in zip(samples, taken, strict=True) if t.reason is not None]
    walks = traced(samples, taken)
    if not walks:
        reasons = "".join(f"\n  {name}: {reason}" for name, reason in left_out)
        raise NothingUsableError(f"{path}: no walk that can be read (looked for {_endings()}).{reasons}")
    return Side(str(path), walks, tuple(left_out), _hint(path, options.labels))


def _side_of_model(path: Path) -> Side:
    walks = known_walks(bundles.read_record(path))
    if not walks:
        raise NothingUsableError(
            f"{path}: this model does not say which walks it was trained on; name the folder of its walks instead."
        )
    return Side(str(path), walks, hint="; train it with a subjects.csv beside the walks")


def _hint(path: Path, labels: Path | None) -> str:
    """How to say who walks in a folder; the label file beside the folder is named where there is one."""
    if labels is not None or not path.is_dir():
        return ""
    above = path.resolve().parent
    tables = [
        x for x in sorted(above.glob("*.xlsx")) + sorted(above.glob("*.csv")) if x.name != "subjects.csv"
    ]
    if (above / "subjects.csv").exists() and tables:
        return f"; {above / 'subjects.csv'} may say it: --labels {tables[0]}"
    return "; a subjects.csv (columns video,subject) in the folder says it, or --labels FILE"


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
