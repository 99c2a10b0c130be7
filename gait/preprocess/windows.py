"""A stretch of a running video as a walk of its own: prepared by the same functions, kept in memory."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from gait.labels import Sample
from gait.pose import cleaning
from gait.pose.sequence import PoseSequence
from gait.preprocess.poses import check_length, check_view
from gait.preprocess.walks import Walk


class MemoryEntry:
    """Arrays of a walk in memory: what the cache's writer takes and its entries give."""

    def __init__(self) -> None:
        self.meta: dict[str, Any] = {}
        self._rows: dict[str, list[np.ndarray]] = defaultdict(list)

    def append(self, name: str, rows: np.ndarray) -> None:
        """Append rows along the first axis of an array."""
        self._rows[name].append(rows)

    def length(self, name: str) -> int:
        """Rows of an array."""
        return sum(map(len, self._rows[name]))

    def read(self, name: str, rows: slice | np.ndarray = slice(None)) -> np.ndarray:
        """Some rows of an array."""
        if len(self._rows[name]) > 1:
            self._rows[name] = [np.concatenate(self._rows[name])]
        return self._rows[name][0][rows]


def walk_of_poses(how: Any, sequence: PoseSequence, name: str) -> Walk:
    """A walk that is ready for a model, from poses as they were estimated in a video.

    Parameters
    ----------
    how : preprocessing
        One that stores poses.
    sequence : PoseSequence
        Not cleaned yet.
    name : str
        What the user calls it.

    Raises
    ------
    VideoError
        Too little of a person is in view, or not for long enough.
    """
    cleaned = cleaning.clean(sequence)
    check_view(cleaned)
    check_length(cleaned)
    entry = MemoryEntry()
    how.store(cleaned, entry)
    return Walk(Sample(Path(name), name), "", entry)


def walk_of_frames(frames: np.ndarray, name: str) -> Walk:
    """A walk of frames (F, H, W, 3) uint8 at a clip preprocessing's rate and size."""
    entry = MemoryEntry()
    entry.append("frames", frames)
    return Walk(Sample(Path(name), name), "", entry)


def inputs_of(how: Any, walk: Walk) -> np.ndarray:
    """All of a walk's clips as a model's inputs, (C, ...)."""
    return how.to_input(np.stack([how.read(walk, start) for start in how.starts(walk)]))
