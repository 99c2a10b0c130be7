"""What every preprocessing of joints shares: a clean pose sequence of each walk, estimated once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from gait.cache import Cache, EntryWriter, entry_key
from gait.errors import GaitmoodError, VideoError
from gait.fingerprint import store as fingerprints
from gait.formats.listing import read_walk
from gait.formats.walks import check_body
from gait.labels import Sample
from gait.pose import cleaning, store
from gait.pose.estimators import ESTIMATORS, PoseSettings, check_ready, estimate_video
from gait.pose.facts import facts_of
from gait.pose.flat import REMARK, flatten, is_flat
from gait.pose.sequence import PoseSequence
from gait.preprocess.walks import Extracted, Prepared, Task, prepare_walks, walk_content
from gait.segments import Segment
from gait.skeleton import centre_on_hips, find_layout, scale_by_torso

NOTES = 4  # raised when more is noted of a walk, so that cached ones are made again
MIN_COVERAGE = 0.5
MIN_LEGS_VISIBLE = 0.5
MIN_SECONDS = 0.5
MIN_MOVEMENT = 0.02  # torso lengths, a centimetre: the way of the joint that moves most, against the hips
IN_DOUBT = "direction not known: left and right may be exchanged in the whole walk"
_BODY = ("_shoulder", "_hip", "_knee")


def pose_settings_of(how: Any) -> PoseSettings | None:
    """How a preprocessing's poses are estimated; None where it looks at none."""
    if not hasattr(how, "poses"):
        return None
    models = getattr(how, "pose_models", None)
    return PoseSettings(how.poses, models=None if models is None else Path(models))


def with_pose_models(how: Any, models: Path | None) -> Any:
    """The preprocessing with its estimator's model files in another place, or as it is where none is named.

    Raises
    ------
    GaitmoodError
        It looks at no poses.
    """
    if models is None:
        return how
    if not hasattr(how, "pose_models"):
        raise GaitmoodError("--pose-models: this model looks at frames alone, not at poses; leave it out.")
    return replace(how, pose_models=str(models))


def prepare_poses(
    extract: Callable[[Task], Extracted], how: Any, samples: Sequence[Sample], cache: Cache, jobs: int | None
) -> Prepared:
    """Run ``extract`` for every sample in workers, once the estimator's model files are there.

    Raises
    ------
    GaitmoodError
        The estimator is not known; or there are videos, and it lacks its model files.
    """
    if how.poses not in ESTIMATORS:
        raise GaitmoodError(
            f"unknown pose estimator '{how.poses}' (--poses); known are {', '.join(sorted(ESTIMATORS))}."
        )
    videos = any(sample.keypoints is None for sample in samples)
    if videos:
        check_ready(pose_settings_of(how))
    title = "Estimating poses" if videos else "Reading keypoints"
    return prepare_walks(extract, how, samples, cache, jobs, title=title)


def extract_with_poses(
    task: Task,
    kind: str,
    settings: dict[str, Any],
    write: Callable[[Any, PoseSequence, EntryWriter], None],
) -> Extracted:
    """In a worker: the walk's entry of this kind, made from its poses unless it is in the cache."""
    content, cache, sample = walk_content(task.sample), task.cache, task.sample
    said = () if sample.keypoints is None else read_walk(sample.path, sample.keypoints)[1]
    pose_settings = pose_settings_of(task.preprocess)
    source = pose_settings.key() if sample.keypoints is None else "keypoint file"
    key = entry_key(
        kind, content, {**settings, "poses": source, "cleaning": cleaning.VERSION, "notes": NOTES}
    )
    if (found := cache.find(key)) is not None:
        return Extracted(content, key, found.meta["decoded"], said)
    if sample.keypoints is None:
        sequence = poses_of(sample.footage, content, pose_settings, cache)
        check_view(sequence)
        remarks = remarks_on(sequence)
    else:
        sequence, remarks = _read_file(sample)
    check_length(sequence)
    with cache.write(key) as entry:
        write(task.preprocess, sequence, entry)
        facing, flat = sequence.notes.get("direction", {}).get("facing"), sequence.notes.get("flat", False)
        entry.meta.update(decoded=len(sequence), remarks=remarks, facing=facing, flat=flat)
        entry.meta["poses"] = asdict(facts_of(sequence))
    fingerprints.keep_motion(sequence, content, source, cache)
    return Extracted(content, key, len(sequence), said)


def poses_of(
    path: Path | Segment,
    content: str,
    settings: PoseSettings,
    cache: Cache,
    estimate: Callable[[Path | Segment, PoseSettings], PoseSequence] | None = None,
) -> PoseSequence:
    """A video's pose sequence, cleaned; what the estimator said is kept in the cache."""
    if (known := known_poses(content, settings, cache)) is not None:
        return known
    sequence = (estimate or estimate_video)(path, settings)
    with cache.write(entry_key("poses", content, settings.key())) as entry:
        store.to_entry(sequence, entry)
    return cleaning.clean(sequence)


def known_poses(content: str, settings: PoseSettings, cache: Cache) -> PoseSequence | None:
    """A video's pose sequence, cleaned, where the cache holds what the estimator said; nothing is estimated."""
    found = cache.find(entry_key("poses", content, settings.key()))
    return None if found is None else cleaning.clean(store.from_entry(found))


def _read_file(sample: Sample) -> tuple[PoseSequence, list[str]]:
    """A keypoint file's walk as models see it, and what a user should know of it."""
    measured, _ = read_walk(sample.path, sample.keypoints)
    flat = is_flat(measured)
    _check_joints(flatten(measured) if flat else measured)
    sequence = clean_file(measured)
    return sequence, [*([REMARK] if flat else []), *_sides(sequence)]


def clean_file(sequence: PoseSequence) -> PoseSequence:
    """The joints of a keypoint file as models see them: cleaned as far as they need it; those of a picture as a
    flat figure.
    """
    if "smoothing" not in sequence.notes:  # our own files may hold cleaned joints: twice would smooth twice
        sequence = cleaning.clean(sequence)
    return flatten(sequence) if is_flat(sequence) else sequence


def check_view(sequence: PoseSequence) -> None:
    """Raise VideoError where too little of a person is seen in a video to judge a walk."""
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


def _check_joints(sequence: PoseSequence) -> None:
    """Raise VideoError where a keypoint file does not hold enough of a body to judge a walk."""
    known = np.isfinite(sequence.world).all(axis=2)
    joints = find_layout(sequence.layout).joints
    body = [i for i, joint in enumerate(joints) if joint.endswith(_BODY)]
    covered = known[:, body].all(axis=1).mean()
    if covered < MIN_COVERAGE:
        least = min(body, key=lambda i: known[:, i].mean())
        raise VideoError(
            f"shoulders, hips and knees are known together in {covered:.0%} of the frames ({joints[least]} in "
            f"{known[:, least].mean():.0%}); at least {MIN_COVERAGE:.0%} are needed: a walk needs the whole body"
        )
    check_body(sequence.world, sequence.layout)
    _check_moves(sequence)


def _check_moves(sequence: PoseSequence) -> None:
    """Raise VideoError where a keypoint file holds a body that keeps still."""
    joints = scale_by_torso(centre_on_hips(sequence.world, sequence.layout), sequence.layout)
    known = np.isfinite(joints)
    highest = joints.max(axis=0, initial=-np.inf, where=known)
    way = highest - joints.min(axis=0, initial=np.inf, where=known)
    if not way.max() > MIN_MOVEMENT:
        raise VideoError("nothing moves: the body holds one pose in all frames; a walk was expected")


def check_length(sequence: PoseSequence) -> None:
    """Raise VideoError where a sequence is too short for a walk."""
    seconds = sequence.time[-1] - sequence.time[0]
    if not seconds >= MIN_SECONDS:
        raise VideoError(f"{seconds:.2f} s long; a walk needs at least {MIN_SECONDS} s")


def remarks_on(sequence: PoseSequence) -> list[str]:
    """What a user should know of how a walk's poses came about."""
    remarks = []
    if (people := sequence.notes.get("people", 1)) > 1:
        remarks.append(f"{people} people in view; the one who walks through it longest is followed")
    if mended := int(sequence.mended.sum()):
        remarks.append(f"left and right put right in {mended} of {len(sequence)} frames")
    if sequence.coverage < 1:
        remarks.append(f"a person in view in {sequence.coverage:.0%} of the frames")
    return remarks + _sides(sequence)


def _sides(sequence: PoseSequence) -> list[str]:
    return [IN_DOUBT] if cleaning.sides_in_doubt(sequence) else []
