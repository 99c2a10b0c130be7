"""What every kind of preprocessing shares: prepared walks, and the loop over worker processes."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from gait.cache import Cache, Entry, content_hash
from gait.errors import VideoError
from gait.formats.listing import read_walk
from gait.label_names import listed
from gait.labels import Sample
from gait.pose.sequence import PoseSequence
from gait.workers import Outcome, map_items

TIME_LIMIT = 1800.0
MOST_ALIKE = 3  # remarks that differ in their numbers only; more become one
_NUMBER = r"\d+(?:\.\d+)?"


@dataclass(frozen=True)
class Walk:
    """A sample that is ready for models.

    Attributes
    ----------
    sample : Sample
        What is known of it.
    content : str
        Content hash of its video, or of its joints where it comes from a keypoint file.
    entry : Entry
        Where its arrays lie in the cache.
    """

    sample: Sample
    content: str
    entry: Entry

    @property
    def flat(self) -> bool:
        """Whether its joints are known in the picture only, see :mod:`gait.pose.flat`."""
        return bool(self.entry.meta.get("flat"))


@dataclass(frozen=True)
class Prepared:
    """What preparing gave: the walks in the order of their samples, and (name, reason) of those left out."""

    walks: tuple[Walk, ...]
    left_out: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Task:
    """One walk for a worker: the sample, how to prepare it, and the cache."""

    sample: Sample
    preprocess: Any
    cache: Cache


@dataclass(frozen=True)
class Extracted:
    """A worker's answer.

    Attributes
    ----------
    content : str
        The walk's content hash.
    key : str
        Of its entry in the cache.
    work : int
        Frames worked on.
    remarks : tuple of str
        What is to be said of its file beside the remarks of its entry, which files of the same content share.
    """

    content: str
    key: str
    work: int
    remarks: tuple[str, ...] = ()


def walk_content(sample: Sample) -> str:
    """What a walk is known by, whatever it is called: the hash of its video's bytes (and of the boxes that it is
    cut out by), or of its joints.

    Raises
    ------
    GaitmoodError
        It cannot be read.
    """
    if sample.keypoints is not None:
        return _joints_hash(read_walk(sample.path, sample.keypoints)[0])
    try:
        video = content_hash(sample.path)
    except OSError as error:
        raise VideoError(f"cannot be read ({error.strerror})") from error
    return video if sample.segment is None else sample.segment.content(video)


def _joints_hash(sequence: PoseSequence) -> str:
    """SHA-256 of all that is measured in a pose sequence, so that walks of one file differ."""
    digest = hashlib.sha256(f"{sequence.layout} {sequence.root_unit} {sequence.unique}".encode())
    for array in (sequence.image, sequence.world, sequence.root, sequence.visibility, sequence.time):
        if array is not None:
            digest.update(f"{array.shape} {array.dtype.str}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def prepare_walks(
    extract: Callable[[Task], Extracted],
    how: Any,
    samples: Sequence[Sample],
    cache: Cache,
    jobs: int | None,
    title: str,
) -> Prepared:
    """Run ``extract`` for every sample in worker processes.

    Remarks on a file and those of its entry become notes; what several walks share is said once. When it is
    interrupted, nothing half-written is left, and the next call goes on from there.
    """
    walks, left_out, remarks = {}, {}, {}
    for outcome in _extract_all(extract, how, samples, cache, jobs, title):
        sample = outcome.item.sample
        if outcome.error is not None:
            left_out[sample.name] = outcome.error
            continue
        extracted, entry = outcome.value, cache.open(outcome.value.key)
        walks[sample.name] = Walk(sample, extracted.content, entry)
        remarks[sample.name] = [*extracted.remarks, *entry.meta.get("remarks", ())]
    names = [sample.name for sample in samples]
    return Prepared(
        tuple(walks[name] for name in names if name in walks),
        tuple((name, left_out[name]) for name in names if name in left_out),
        tuple(_notes(remarks)),
    )


def _notes(remarks: dict[str, list[str]]) -> list[str]:
    """Remarks with the walks that they are on; many that differ in their numbers only become one."""
    names = defaultdict(list)
    for name in sorted(remarks):
        for remark in remarks[name]:
            names[remark].append(name)
    alike = defaultdict(list)
    for remark in names:
        alike[re.sub(_NUMBER, "#", remark)].append(remark)
    merged = {}
    for kind in alike.values():
        if len(kind) > MOST_ALIKE:
            merged[_with_ranges(kind)] = sorted(name for remark in kind for name in names[remark])
        else:
            merged |= {remark: names[remark] for remark in kind}
    shared = ((remark, who, f" ({len(who)} walks)" if len(who) > 1 else "") for remark, who in merged.items())
    return sorted(f"{listed(who)}{count}: {remark}" for remark, who, count in shared)


def _with_ranges(alike: list[str]) -> str:
    """Remarks of the same words as one: each number as it is, or from the smallest to the largest."""
    columns = zip(*(re.findall(_NUMBER, remark) for remark in alike), strict=True)
    ends = [(min(column, key=float), max(column, key=float)) for column in columns]
    ranges = iter([low if float(low) == float(high) else f"{low} to {high}" for low, high in ends])
    return re.sub(_NUMBER, lambda _: next(ranges), alike[0])


def _extract_all(
    extract: Callable[[Task], Extracted],
    how: Any,
    samples: Sequence[Sample],
    cache: Cache,
    jobs: int | None,
    title: str,
) -> Iterator[Outcome]:
    with cache.session() as store:
        tasks = [Task(sample, how, store) for sample in samples]
        outcomes = map_items(extract, tasks, title=title, jobs=jobs, timeout=TIME_LIMIT, unit="frames")
        with closing(outcomes):
            yield from outcomes
