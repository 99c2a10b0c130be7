"""Walks to one vector of affective features each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from gait import features, skeleton
from gait.cache import Cache, EntryWriter
from gait.errors import GaitmoodError
from gait.labels import Sample
from gait.pose.sequence import PoseSequence
from gait.preprocess.poses import extract_with_poses, prepare_poses
from gait.preprocess.walks import Extracted, Prepared, Task, Walk

VERSION = 2  # raised when a feature's formula changes, so that cached ones are made again


@dataclass(frozen=True)
class FeaturePreprocess:
    """Videos (or keypoint files) to walk features, see :data:`gait.features.FEATURES`.

    Attributes
    ----------
    names : tuple of str
        Features in the order of the vector; a bundle keeps the order it was trained with.
    poses : str
        Pose estimator, see :data:`gait.pose.estimators.ESTIMATORS`.
    pose_models : str or None
        Its model files where they are not the usual ones, see :class:`gait.pose.estimators.PoseSettings`.
    """

    names: tuple[str, ...] = tuple(features.FEATURES)
    poses: str = "blazepose"
    pose_models: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))  # JSON gives a list
        if unknown := set(self.names) - set(features.FEATURES):
            raise GaitmoodError(
                f"the model was trained on features that this version does not know: {', '.join(sorted(unknown))}."
            )

    kind = "features"
    missing = True
    keypoints = True
    window_seconds = 4.0  # three strides or more: what the features of one stride would be is chance

    @property
    def input_shape(self) -> tuple[int]:
        """(F,)."""
        return (len(self.names),)

    def settings(self) -> dict[str, Any]:
        """What :func:`gait.preprocess.restore` needs to make this object again."""
        return {"kind": self.kind, **asdict(self), "names": list(self.names)}

    def prepare(self, samples: Sequence[Sample], cache: Cache, jobs: int | None = None) -> Prepared:
        """Estimate the poses of every sample, or find them in the cache, and store its features."""
        return prepare_poses(_extract, self, samples, cache, jobs)

    def store(self, sequence: PoseSequence, entry: EntryWriter) -> None:
        """Write the ``features`` (2, F) float32 of a clean sequence: of the walk, and of the walk in a mirror."""
        sequence = skeleton.convert(sequence, "gait16")
        rows = [feature_row(walk, self.names) for walk in (sequence, _mirrored(sequence))]
        entry.append("features", np.stack(rows))

    def starts(self, walk: Walk) -> np.ndarray:
        """A walk is one clip."""
        return np.zeros(1, int)

    def read(self, walk: Walk, start: float = 0, step: float = 1.0) -> np.ndarray:
        """The walk's features (F,) float32; NaN where a feature is not known."""
        return walk.entry.read("features")[0]

    def read_mirrored(self, walk: Walk) -> np.ndarray:
        """The features (F,) of the walk seen in a mirror: left and right exchanged."""
        return walk.entry.read("features")[1]

    def measured(self, walk: Walk) -> dict[str, float]:
        """The walk's features by name."""
        return dict(zip(self.names, self.read(walk).tolist(), strict=True))

    def to_input(self, stored: np.ndarray) -> np.ndarray:
        """Stored vectors (N, F), as they are."""
        return stored


def feature_row(sequence: PoseSequence, names: Sequence[str]) -> np.ndarray:
    """Features (F,) float32 of a clean walk in a layout that converts to ``gait16``; NaN where one is not known.

    Raises
    ------
    VideoError
        See :func:`gait.features.measure`.
    """
    values = features.walk_features(sequence)
    row = np.array([values[name] for name in names], np.float32)
    return np.where(np.isfinite(row), row, np.float32(np.nan))


def _extract(task: Task) -> Extracted:
    settings = {"names": list(task.preprocess.names), "v": VERSION}
    return extract_with_poses(task, "features", settings, FeaturePreprocess.store)


def _mirrored(sequence: PoseSequence) -> PoseSequence:
    """The walk as a mirror shows it; only what features look at is turned."""
    pairs = skeleton.find_layout(sequence.layout).pairs
    order = np.arange(sequence.world.shape[1])
    for left, right in pairs:
        order[[left, right]] = right, left
    root = None if sequence.root is None else sequence.root * np.array([-1, 1, 1], sequence.root.dtype)
    return replace(
        sequence,
        world=skeleton.mirror(sequence.world, pairs),
        visibility=sequence.visibility[:, order],
        root=root,
    )
