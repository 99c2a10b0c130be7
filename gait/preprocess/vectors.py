"""Walks to one movement vector each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gait.cache import Cache, EntryWriter
from gait.labels import Sample
from gait.movement_vectors import movement_vector, stride_of
from gait.pose.sequence import PoseSequence
from gait.preprocess.poses import extract_with_poses, prepare_poses
from gait.preprocess.walks import Extracted, Prepared, Task, Walk

VERSION = 2  # raised when the same poses give another stride, so that cached ones are made again


@dataclass(frozen=True)
class VectorPreprocess:
    """Videos (or keypoint files) to movement vectors, see :mod:`gait.movement_vectors`.

    Attributes
    ----------
    poses : str
        Pose estimator, see :data:`gait.pose.estimators.ESTIMATORS`.
    pose_models : str or None
        Its model files where they are not the usual ones, see :class:`gait.pose.estimators.PoseSettings`.
    """

    poses: str = "blazepose"
    pose_models: str | None = None

    def prepare(self, samples: Sequence[Sample], cache: Cache, jobs: int | None = None) -> Prepared:
        """Estimate the poses of every sample, or find them in the cache, and store its mean stride."""
        return prepare_poses(_extract, self, samples, cache, jobs)

    def read(self, walk: Walk) -> np.ndarray:
        """The walk's movement vector (1840,) float64."""
        return movement_vector(walk.entry.read("stride").astype(np.float64))


def _extract(task: Task) -> Extracted:
    return extract_with_poses(task, "stride", {"v": VERSION}, _store)


def _store(_: VectorPreprocess, sequence: PoseSequence, entry: EntryWriter) -> None:
    entry.append("stride", stride_of(sequence).astype(np.float32))
