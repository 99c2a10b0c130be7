"""Walks to sequences of joints: poses estimated once, cleaned, normalised, sampled at a fixed rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from gait import clips, skeleton
from gait.cache import Cache, EntryWriter
from gait.errors import VideoError
from gait.features import FEATURES
from gait.labels import Sample
from gait.pose.sequence import PoseSequence
from gait.preprocess.features import VERSION as FORMULAS
from gait.preprocess.features import feature_row
from gait.preprocess.poses import MIN_COVERAGE, extract_with_poses, prepare_poses
from gait.preprocess.walks import Extracted, Prepared, Task, Walk

VERSION = 2  # raised when the same poses come out differently, so that cached ones are made again
CHANNELS = 9


@dataclass(frozen=True)
class JointPreprocess:
    """Videos (or keypoint files) to clips of joints, velocities and bone vectors.

    Joints are centred on the hips, in torso lengths, and turned so that the walker faces +z. Velocities are taken
    inside the first lap of a walk that is played over and over, before clips are cut, so that neither a seam nor
    a gap nor the looping of a short walk counts as movement. Frames in which a joint is not known are left out.

    Attributes
    ----------
    length : int
        Frames of a clip (T).
    rate : float
        Frames per second.
    poses : str
        Pose estimator, see :data:`gait.pose.estimators.ESTIMATORS`.
    pose_models : str or None
        Its model files where they are not the usual ones, see :class:`gait.pose.estimators.PoseSettings`.
    layout : str
        Joint layout, see :data:`gait.skeleton.LAYOUTS`.
    """

    length: int = 48
    rate: float = 24.0
    poses: str = "blazepose"
    pose_models: str | None = None
    layout: str = "gait16"

    kind = "joints"
    missing = False
    keypoints = True

    @property
    def joints(self) -> int:
        """Number of joints (V)."""
        return len(skeleton.find_layout(self.layout).joints)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(T, V, 9): position, velocity (torso lengths a second) and bone vector of each joint."""
        return (self.length, self.joints, CHANNELS)

    def settings(self) -> dict[str, Any]:
        """What :func:`gait.preprocess.restore` needs to make this object again."""
        return {"kind": self.kind, **asdict(self)}

    def prepare(self, samples: Sequence[Sample], cache: Cache, jobs: int | None = None) -> Prepared:
        """Estimate the poses of every sample, or find them in the cache, and store its normalised joints."""
        return prepare_poses(_extract, self, samples, cache, jobs)

    @property
    def window_seconds(self) -> float:
        """From the first to the last frame of a clip."""
        return (self.length - 1) / self.rate

    def store(self, sequence: PoseSequence, entry: EntryWriter) -> None:
        """Normalise the first lap of a clean sequence and write ``joints`` and ``velocity``, (F, V, 3) float32 each.

        Raises
        ------
        VideoError
            Too few joints are known together.
        """
        sequence = skeleton.convert(sequence, self.layout)
        lap = slice(*sequence.unique)
        root = None if sequence.root is None else sequence.root[lap]
        joints = skeleton.normalise(sequence.world[lap], self.layout, root)
        joints, _ = skeleton.resample(joints, sequence.time[lap], self.rate)
        known = np.isfinite(joints).all(axis=(1, 2))
        self._check_known(joints, known)
        velocity = np.zeros_like(joints)
        for stretch in _stretches(known):
            if stretch.stop - stretch.start > 1:
                velocity[stretch] = np.gradient(joints[stretch], 1 / self.rate, axis=0)
        entry.append("joints", joints[known].astype(np.float32))
        entry.append("velocity", velocity[known].astype(np.float32))

    def _check_known(self, joints: np.ndarray, known: np.ndarray) -> None:
        if known.mean() < MIN_COVERAGE:
            names = skeleton.find_layout(self.layout).joints
            shares = np.isfinite(joints).all(axis=2).mean(axis=0)
            raise VideoError(
                f"all {self.joints} joints are known together in {known.mean():.0%} of the frames "
                f"({names[shares.argmin()]} in {shares.min():.0%}); at least {MIN_COVERAGE:.0%} are needed"
            )

    def frames(self, walk: Walk) -> int:
        """Frames of a walk at this rate."""
        return walk.entry.length("joints")

    def starts(self, walk: Walk) -> np.ndarray:
        """First frames of a walk's clips."""
        return clips.window_starts(self.frames(walk), self.length)

    def read(self, walk: Walk, start: float, step: float = 1.0) -> np.ndarray:
        """One clip as stored: (T, V, 6) float32, position and velocity."""
        indices = clips.clip_indices(start, self.length, self.frames(walk), step)
        stored = np.concatenate([walk.entry.read("joints"), walk.entry.read("velocity") * step], axis=-1)
        return stored[indices]

    def measured(self, walk: Walk) -> dict[str, float]:
        """The walk's features by name, see :data:`gait.features.FEATURES`: no input, but words for people."""
        return dict(zip(FEATURES, walk.entry.read("features")[0].tolist(), strict=True))

    def to_input(self, stored: np.ndarray) -> np.ndarray:
        """Stored clips (N, T, V, 6) to a model's input (N, T, V, 9): bone vectors joined on."""
        return np.concatenate([stored, bones(stored[..., :3], self.layout)], axis=-1).astype(np.float32)


def bones(joints: np.ndarray, layout: str) -> np.ndarray:
    """Vector to each joint (..., V, 3) from the joint before it on the way from the root; zero at the root."""
    vectors = np.zeros_like(joints)
    for parent, child in skeleton.find_layout(layout).edges:
        vectors[..., child, :] = joints[..., child, :] - joints[..., parent, :]
    return vectors


def _extract(task: Task) -> Extracted:
    how = task.preprocess
    settings = {"rate": how.rate, "layout": how.layout, "features": [FORMULAS, *FEATURES], "v": VERSION}
    return extract_with_poses(task, "joints", settings, _store)


def _store(how: JointPreprocess, sequence: PoseSequence, entry: EntryWriter) -> None:
    how.store(sequence, entry)
    try:
        row = feature_row(sequence, tuple(FEATURES))
    except VideoError:  # a network can do with joints that do not tell a body's height
        row = np.full(len(FEATURES), np.nan, np.float32)
    entry.append("features", row[None])


def _stretches(known: np.ndarray) -> list[slice]:
    """Runs of True in (T,): what lies between them is a gap, across which nobody moved."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(int)))
    return [slice(first, last) for first, last in zip(edges[::2], edges[1::2], strict=True)]
