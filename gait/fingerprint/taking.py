"""Fingerprints of walks: those in the cache, and the others taken in worker processes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from gait.cache import Cache
from gait.errors import GaitmoodError
from gait.fingerprint import store
from gait.fingerprint.motion import motion_print
from gait.fingerprint.pictures import picture_print
from gait.fingerprint.prints import MOTION, PICTURE, Prints, pack
from gait.formats.listing import read_walk
from gait.labels import Sample
from gait.pose import cleaning
from gait.pose.estimators import PoseSettings
from gait.pose.sequence import PoseSequence
from gait.preprocess.poses import clean_file, known_poses
from gait.preprocess.walks import TIME_LIMIT, walk_content
from gait.workers import map_items


@dataclass(frozen=True)
class Taken:
    """A walk's content hash, and its packed fingerprints; both empty where it cannot be read.

    ``reason`` says why it could not.
    """

    content: str = ""
    packed: bytes = b""
    reason: str | None = None


@dataclass(frozen=True)
class _Task:
    sample: Sample
    poses: str | None
    cache: Cache


def take_prints(
    samples: Sequence[Sample], cache: Cache, jobs: int | None = None, poses: str | None = None
) -> list[Taken]:
    """The fingerprints of walks, in their order.

    Parameters
    ----------
    samples : sequence of Sample
        A video's pictures are looked at; of a keypoint file the joints.
    cache : Cache
    jobs : int, optional
        Worker processes; by default one a core.
    poses : str, optional
        Name of a pose estimator: where the cache holds what it said of a video, its joints are looked at, too.
        Nothing is estimated.
    """
    taken = {}
    with cache.session() as shared:
        tasks = [_Task(sample, poses, shared) for sample in samples]
        outcomes = map_items(_take, tasks, title="Taking fingerprints", jobs=jobs, timeout=TIME_LIMIT)
        with closing(outcomes):
            for outcome in outcomes:
                name = outcome.item.sample.name
                taken[name] = outcome.value if outcome.error is None else Taken(reason=outcome.error)
    return [taken[sample.name] for sample in samples]


def _take(task: _Task) -> Taken:
    content = walk_content(task.sample)
    prints = _motion(task, content)
    if task.sample.keypoints is None:
        prints = {**prints, **_picture(task, content)}
    return Taken(content, pack(prints) if prints else b"")


def _picture(task: _Task, content: str) -> Prints:
    key = store.picture_key(content)
    if (found := store.find(key, task.cache)) is not None:
        return found
    one = picture_print(task.sample.path)
    prints = {} if one is None else {PICTURE: one}
    store.keep(key, prints, task.cache)
    return prints


def _motion(task: _Task, content: str) -> Prints:
    source = _source(task)
    if source is None:
        return {}
    key = store.motion_key(content, {"poses": source, "cleaning": cleaning.VERSION})
    if (found := store.find(key, task.cache)) is not None:
        return found
    sequence = _sequence(task, content)
    if sequence is None:
        return {}
    one = motion_print(sequence)
    prints = {} if one is None else {MOTION: one}
    store.keep(key, prints, task.cache)
    return prints


def _source(task: _Task) -> object:
    """Where a walk's joints come from, as JSON values; None where there are none."""
    if task.sample.keypoints is not None:
        return "keypoint file"
    return None if task.poses is None else PoseSettings(task.poses).key()


def _sequence(task: _Task, content: str) -> PoseSequence | None:
    if task.sample.keypoints is None:
        return known_poses(content, PoseSettings(task.poses), task.cache)
    try:
        return clean_file(read_walk(task.sample.path, task.sample.keypoints)[0])
    except GaitmoodError:  # joints that cannot be cleaned cannot be compared either
        return None
