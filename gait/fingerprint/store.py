"""Fingerprints in the cache, so that a walk's is made once; and made while a video is read for something else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from gait.cache import Cache, entry_key
from gait.fingerprint.motion import motion_print
from gait.fingerprint.pictures import SIDE, PictureWatcher, picture_print
from gait.fingerprint.prints import MOTION, PICTURE, Print, Prints, pack, unpack
from gait.pose import cleaning
from gait.pose.sequence import PoseSequence
from gait.segments import Segment
from gait.video import VideoReader

VERSIONS = {PICTURE: 1, MOTION: 2}  # raised when the same walk gives another fingerprint


def picture_key(content: str) -> str:
    """Key of the fingerprint of a video's pictures."""
    return entry_key("fingerprint", content, {"of": PICTURE, "v": VERSIONS[PICTURE]})


def motion_key(content: str, poses: Any) -> str:
    """Key of the fingerprint of a walk's joints, which ``poses`` (JSON values) says the making of."""
    values = {"of": MOTION, "poses": poses, "cleaning": cleaning.VERSION, "v": VERSIONS[MOTION]}
    return entry_key("fingerprint", content, values)


def find(key: str, cache: Cache) -> Prints | None:
    """A walk's fingerprints of one kind: one, or none where none can be made; None where it was not tried."""
    found = cache.find(key)
    return None if found is None else unpack(found.read("packed").tobytes())


def keep_picture(path: Path | Segment, content: str, cache: Cache) -> Prints:
    """The fingerprint of a video's pictures, from the cache or by reading it.

    Raises
    ------
    VideoError
        It cannot be read.
    """
    return _found_or_made(picture_key(content), PICTURE, lambda: picture_print(path), cache)


def keep_motion(sequence: PoseSequence, content: str, poses: Any, cache: Cache) -> Prints:
    """The fingerprint of a walk's cleaned joints, from the cache or from them."""
    return _found_or_made(motion_key(content, poses), MOTION, lambda: motion_print(sequence), cache)


def _found_or_made(key: str, kind: str, make: Callable[[], Print | None], cache: Cache) -> Prints:
    if (found := find(key, cache)) is not None:
        return found
    return _keep(key, kind, make(), cache)


def _keep(key: str, kind: str, one: Print | None, cache: Cache) -> Prints:
    prints = {} if one is None else {kind: one}
    with cache.write(key) as entry:
        entry.append("packed", np.frombuffer(pack(prints), np.uint8))
    return prints


@contextmanager
def watched(video: VideoReader, content: str, cache: Cache) -> Iterator[Iterable[tuple[float, np.ndarray]]]:
    """A video's frames, of which a fingerprint is made on the way and kept when the block ends well."""
    watcher = PictureWatcher()
    yield _watch(video, watcher)
    _keep(picture_key(content), PICTURE, watcher.finish(), cache)


def _watch(video: VideoReader, watcher: PictureWatcher) -> Iterator[tuple[float, np.ndarray]]:
    for seconds, frame in video:
        if watcher.wants(seconds):
            watcher.take(seconds, video.grey_square(SIDE))
        yield seconds, frame
