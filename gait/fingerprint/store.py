"""Fingerprints in the cache, so that a walk's is made once; and made while a video is read for something else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from gait.cache import Cache, entry_key
from gait.fingerprint.pictures import SIDE, PictureWatcher
from gait.fingerprint.prints import MOTION, PICTURE, Print, Prints, pack, unpack
from gait.video import VideoReader

VERSION = 1  # raised when the same walk gives another fingerprint


def picture_key(content: str) -> str:
    """Key of the fingerprint of a video's pictures."""
    return entry_key("fingerprint", content, {"of": PICTURE, "v": VERSION})


def motion_key(content: str, poses: Any) -> str:
    """Key of the fingerprint of a walk's joints, which ``poses`` (JSON values) says the making of."""
    return entry_key("fingerprint", content, {"of": MOTION, "poses": poses, "v": VERSION})


def keep(key: str, prints: Prints, cache: Cache) -> None:
    """Put a walk's fingerprints into the cache, none too."""
    with cache.write(key) as entry:
        entry.append("packed", np.frombuffer(pack(prints), np.uint8))


def find(key: str, cache: Cache) -> dict[str, Print] | None:
    """What :func:`keep` put there, or None."""
    found = cache.find(key)
    return None if found is None else unpack(found.read("packed").tobytes())


@contextmanager
def watched(video: VideoReader, content: str, cache: Cache) -> Iterator[Iterable[tuple[float, np.ndarray]]]:
    """A video's frames, of which a fingerprint is made on the way and kept when the block ends well."""
    watcher = PictureWatcher()
    yield _watch(video, watcher)
    one = watcher.finish()
    keep(picture_key(content), {} if one is None else {PICTURE: one}, cache)


def _watch(video: VideoReader, watcher: PictureWatcher) -> Iterator[tuple[float, np.ndarray]]:
    for seconds, frame in video:
        if watcher.wants(seconds):
            watcher.take(seconds, video.grey_square(SIDE))
        yield seconds, frame
