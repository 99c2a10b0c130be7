"""What was seen of a running video as a walk, prepared by the functions that prepare walks of files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from gait import clips
from gait.labels import Sample
from gait.pose import cleaning
from gait.pose.sequence import PoseSequence
from gait.preprocess.clips import ClipPreprocess
from gait.preprocess.landmark_clips import Chosen, LandmarkClipPreprocess
from gait.preprocess.poses import check_view
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


def sees_frames(how: Any) -> bool:
    """Whether a preprocessing makes clips of frames, with or without landmarks."""
    return isinstance(how, ClipPreprocess)


def needs_poses(how: Any) -> bool:
    """Whether a preprocessing cannot do without poses."""
    return getattr(how, "landmarks", "body") != "none" and hasattr(how, "poses")


def needs_pictures(how: Any) -> bool:
    """Whether a preprocessing looks at frames as they were filmed, beside small ones."""
    return getattr(how, "landmarks", "none") == "face"


def store_seen(how: Any, poses: PoseSequence | None, frames: Iterable[Chosen], entry: Any) -> int:
    """Prepare what was seen, and write it into an entry of the cache or of memory.

    Parameters
    ----------
    poses : PoseSequence or None
        As they were estimated, where the preprocessing wants them.
    frames : iterable of (row, small, picture)
        At the preprocessing's rate, where it wants them; the row of the poses that belongs to each.

    Returns
    -------
    int
        Frames stored, where there are frames.

    Raises
    ------
    VideoError
        Too little of a person is in view.
    """
    cleaned = None if poses is None or not needs_poses(how) else cleaning.clean(poses)
    if isinstance(how, LandmarkClipPreprocess):
        return how.store(frames, cleaned, entry)
    if isinstance(how, ClipPreprocess):
        count = 0
        for _, small, _ in frames:
            entry.append("frames", clips.letterbox(small, how.size)[None])
            count += 1
        return count
    check_view(cleaned)
    how.store(cleaned, entry)
    return 0


def make_walk(name: str, entry: Any) -> Walk:
    """A walk from what was stored."""
    return Walk(Sample(Path(name), name), "", entry)
