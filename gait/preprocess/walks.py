"""What every kind of preprocessing shares: prepared walks, and the loop over worker processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from gait.cache import Cache, Entry, content_hash
from gait.errors import VideoError
from gait.labels import Sample
from gait.workers import Outcome, map_items

TIME_LIMIT = 1800.0


@dataclass(frozen=True)
class Walk:
    """A sample that is ready for models.

    Attributes
    ----------
    sample : Sample
        What is known of it.
    content : str
        Content hash of its file.
    entry : Entry
        Where its arrays lie in the cache.
    """

    sample: Sample
    content: str
    entry: Entry


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
    """A worker's answer: the walk's content hash, the key of its entry, and how many frames were worked on."""

    content: str
    key: str
    work: int


def walk_content(sample: Sample) -> str:
    """Content hash of a sample's file; VideoError where it cannot be read."""
    try:
        return content_hash(sample.path)
    except OSError as error:
        raise VideoError(f"cannot be read ({error.strerror})") from error


def prepare_walks(
    extract: Callable[[Task], Extracted],
    how: Any,
    samples: Sequence[Sample],
    cache: Cache,
    jobs: int | None,
    title: str,
) -> Prepared:
    """Run ``extract`` for every sample in worker processes.

    An entry's ``remarks``, where it has some, become notes. When it is interrupted, nothing half-written is left,
    and the next call goes on from there.
    """
    walks, left_out, notes = {}, {}, []
    for outcome in _extract_all(extract, how, samples, cache, jobs, title):
        sample = outcome.item.sample
        if outcome.error is not None:
            left_out[sample.name] = outcome.error
            continue
        walk = Walk(sample, outcome.value.content, cache.open(outcome.value.key))
        walks[sample.name] = walk
        notes += [f"{sample.name}: {remark}" for remark in walk.entry.meta.get("remarks", ())]
    names = [sample.name for sample in samples]
    return Prepared(
        tuple(walks[name] for name in names if name in walks),
        tuple((name, left_out[name]) for name in names if name in left_out),
        tuple(sorted(notes)),
    )


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
