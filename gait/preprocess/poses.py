"""What every preprocessing of joints shares: a clean pose sequence of each walk, estimated once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gait.cache import Cache, EntryWriter, entry_key
from gait.errors import VideoError
from gait.labels import Sample
from gait.pose import cleaning, store
from gait.pose.estimators import PoseSettings, check_ready, estimate_video
from gait.pose.sequence import PoseSequence
from gait.preprocess.walks import Extracted, Prepared, Task, prepare_walks, walk_content

MIN_COVERAGE = 0.5
MIN_LEGS_VISIBLE = 0.5
MIN_SECONDS = 0.5


def prepare_poses(
    extract: Callable[[Task], Extracted], how: Any, samples: Sequence[Sample], cache: Cache, jobs: int | None
) -> Prepared:
    """Run ``extract`` for every sample in workers, once the estimator's model files are there."""
    check_ready(PoseSettings(how.poses))
    return prepare_walks(extract, how, samples, cache, jobs, title="Estimating poses")


def extract_with_poses(
    task: Task,
    kind: str,
    settings: dict[str, Any],
    write: Callable[[Any, PoseSequence, EntryWriter], None],
) -> Extracted:
    """In a worker: the walk's entry of this kind, made from its poses unless it is in the cache."""
    content, cache = walk_content(task.sample), task.cache
    pose_settings = PoseSettings(task.preprocess.poses)
    key = entry_key(kind, content, {**settings, "poses": pose_settings.key(), "cleaning": cleaning.VERSION})
    if (found := cache.find(key)) is not None:
        return Extracted(content, key, found.meta["decoded"])
    sequence = poses_of(task.sample.path, content, pose_settings, cache)
    _check(sequence)
    with cache.write(key) as entry:
        write(task.preprocess, sequence, entry)
        entry.meta.update(decoded=len(sequence), remarks=remarks_on(sequence))
    return Extracted(content, key, len(sequence))


def poses_of(path: Path, content: str, settings: PoseSettings, cache: Cache) -> PoseSequence:
    """A walk's pose sequence, cleaned; what the estimator said is kept in the cache."""
    key = entry_key("poses", content, settings.key())
    if (found := cache.find(key)) is not None:
        return cleaning.clean(store.from_entry(found))
    sequence = estimate_video(path, settings)
    with cache.write(key) as entry:
        store.to_entry(sequence, entry)
    return cleaning.clean(sequence)


def _check(sequence: PoseSequence) -> None:
    """Raise VideoError where too little of a person is seen to judge a walk."""
    if sequence.coverage == 0:
        raise VideoError("nobody was found in view")
    if sequence.coverage < MIN_COVERAGE:
        raise VideoError(
            f"a person is in view in {sequence.coverage:.0%} of the frames; at least {MIN_COVERAGE:.0%} are needed"
        )
    if sequence.notes.get("legs_visible", 1.0) < MIN_LEGS_VISIBLE:
        raise VideoError(
            f"the legs are in view in {sequence.notes['legs_visible']:.0%} of the frames; a walk needs the whole body"
        )
    if sequence.time[-1] - sequence.time[0] < MIN_SECONDS:
        raise VideoError(
            f"{sequence.time[-1] - sequence.time[0]:.2f} s long; a walk needs at least {MIN_SECONDS} s"
        )


def remarks_on(sequence: PoseSequence) -> list[str]:
    """What a user should know of how a walk's poses came about."""
    remarks = []
    if (people := sequence.notes.get("people", 1)) > 1:
        remarks.append(f"{people} people in view; the one who walks through it longest is followed")
    if mended := int(sequence.mended.sum()):
        remarks.append(f"left and right put right in {mended} of {len(sequence)} frames")
    if sequence.coverage < 1:
        remarks.append(f"a person in view in {sequence.coverage:.0%} of the frames")
    return remarks
