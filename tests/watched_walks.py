"""Small videos of synthetic walkers that a pose estimator sees well, and models to watch them with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
from test_contract import fresh, saved

from gait.video import FrameSize, write_video
from synthesis.render import render
from synthesis.walks import make_walk

SIZE = FrameSize(240, 136)
RATE = 15.0


@cache
def walker_frames(emotion: str = "happy", subject: int = 1, seconds: float = 2.4) -> tuple[np.ndarray, ...]:
    """Frames (H, W, 3) at ``RATE`` of somebody who comes towards the camera."""
    walk = make_walk(emotion, "front", subject=subject, seconds=seconds, size=SIZE, intensity=2.0)
    return tuple(render(walk))[::2]


def film(path: Path, frames: Iterator[np.ndarray] | tuple[np.ndarray, ...]) -> Path:
    """The frames as a video file."""
    path.parent.mkdir(exist_ok=True)
    write_video(path, iter(frames), RATE)
    return path


def side_by_side() -> Iterator[np.ndarray]:
    """Frames of two walkers in one picture, the first on the left."""
    pairs = zip(walker_frames("happy", 1), walker_frames("sad", 4), strict=True)
    return (np.hstack(pair) for pair in pairs)


def model_file(folder: Path, name: str) -> Path:
    """A bundle of one of the small models that the contract's tests use: untrained, or fitted to noise."""
    folder.mkdir(exist_ok=True)
    return saved(folder, fresh(name))


def rows_of(path: Path) -> list[dict]:
    """The frames of a JSON file that predict.py wrote."""
    return json.loads(path.read_text(encoding="utf-8"))["frames"]
