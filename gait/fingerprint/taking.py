"""Fingerprints of walks: those in the cache, and the others taken in worker processes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from gait.cache import Cache
from gait.errors import GaitmoodError
from gait.fingerprint import store
from gait.fingerprint.prints import Prints, pack
from gait.formats.listing import read_walk
from gait.labels import Sample
from gait.pose.estimators import PoseSettings
from gait.preprocess.poses import clean_file, known_poses
from gait.preprocess.walks import TIME_LIMIT, walk_content
from gait.workers import map_items

KEYPOINT_FILE = "keypoint file"


@dataclass(frozen=True)
class Taken:
    """A walk's content hash and packed fingerprints, empty where there are none.

    ``reason`` says why the walk cannot be read.
    """

    content: str = ""
    packed: bytes = b""
    reason: str | None = None


@dataclass(frozen=True)
class _Task:
    sample: Sample
    content: str | None
    poses: PoseSettings | None
    cache: Cache


def take_prints(
    samples: Sequence[Sample],
    cache: Cache,
    jobs: int | None = None,
    poses: PoseSettings | None = None,
    contents: Sequence[str | None] | None = None,
) -> list[Taken]:
    """The fingerprints of walks, in their order.

    Parameters
    ----------
    samples : sequence of Sample
        A video's pictures are looked at, of a keypoint file the joints.
    cache : Cache
    jobs : int, optional
        Worker processes; by default one a core. None is started where the cache holds all.
    poses : PoseSettings, optional
        A pose estimator: where the cache holds what it said of a video, its joints are looked at, too. Nothing is
        estimated.
    contents : sequence of str, optional
        The walks' content hashes, where they are known.
    """
    contents = contents or [None] * len(samples)
    taken: dict[str, Taken] = {}
    with cache.session() as shared:
        tasks = [_Task(s, content, poses, shared) for s, content in zip(samples, contents, strict=True)]
        for task in tasks:
            if (found := _from_cache(task)) is not None:
                taken[task.sample.name] = found
        rest = [task for task in tasks if task.sample.name not in taken]
        outcomes = map_items(_take, rest, title="Taking fingerprints", jobs=jobs, timeout=TIME_LIMIT)
        with closing(outcomes):
            for outcome in outcomes:
                name = outcome.item.sample.name
                taken[name] = outcome.value if outcome.error is None else Taken(reason=outcome.error)
    return [taken[sample.name] for sample in samples]


def _from_cache(task: _Task) -> Taken | None:
    """What the cache holds of a walk of known content, where that is all there is to look at."""
    if task.content is None:
        return None
    keys = [store.picture_key(task.content)] if task.sample.keypoints is None else []
    if (source := _source(task)) is not None:
        keys.append(store.motion_key(task.content, source))
    found = [store.find(key, task.cache) for key in keys]
    return None if None in found else _taken(task.content, *found)


def _taken(content: str, *found: Prints) -> Taken:
    prints = {kind: one for prints in found for kind, one in prints.items()}
    return Taken(content, pack(prints) if prints else b"")


def _take(task: _Task) -> Taken:
    content = task.content or walk_content(task.sample)
    if task.sample.keypoints is not None:
        return _taken(content, _of_file(task, content))
    return _taken(
        content, store.keep_picture(task.sample.footage, content, task.cache), _of_video(task, content)
    )


def _of_file(task: _Task, content: str) -> Prints:
    try:
        sequence = clean_file(read_walk(task.sample.path, task.sample.keypoints)[0])
    except GaitmoodError:  # joints that cannot be cleaned cannot be compared either
        return {}
    return store.keep_motion(sequence, content, KEYPOINT_FILE, task.cache)


def _of_video(task: _Task, content: str) -> Prints:
    """The motion of a video, where its poses are known already."""
    if task.poses is None:
        return {}
    source = task.poses.key()
    if (found := store.find(store.motion_key(content, source), task.cache)) is not None:
        return found
    sequence = known_poses(content, task.poses, task.cache)
    return {} if sequence is None else store.keep_motion(sequence, content, source, task.cache)


def _source(task: _Task) -> Any:
    """Where a walk's joints come from, as JSON values; None where there are none."""
    if task.sample.keypoints is not None:
        return KEYPOINT_FILE
    return None if task.poses is None else task.poses.key()
