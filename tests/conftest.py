"""What all tests share: a cache of their own, and small videos made on the spot."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from pose_fixtures import fake_mediapipe, pose_models  # noqa: F401 - fixtures

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# A shell starts what it runs in the background with Ctrl-C ignored, and children inherit that; some tests send it.
signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory):
    """No test reads or fills the user's cache, in this process or in those it starts."""
    before = os.environ.get("GAITMOOD_CACHE")
    os.environ["GAITMOOD_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["GAITMOOD_CACHE"]
    else:
        os.environ["GAITMOOD_CACHE"] = before


@pytest.fixture(scope="session")
def ewalk() -> Path:
    """The real clips beside the checkout; tests that need them are skipped where they are missing."""
    folder = SHARED / "data" / "ewalk"
    if not folder.is_dir():
        pytest.skip(f"the real clips are not here ({folder})")
    return folder


@pytest.fixture(scope="session")
def reference() -> Path:
    """The recorded outputs of published models; tests that need them are skipped where they are missing."""
    folder = SHARED / "reference"
    if not folder.is_dir():
        pytest.skip(f"the reference vectors are not here ({folder})")
    return folder


def moving_square(frames: int, height: int = 48, width: int = 32, seed: int = 0) -> list[np.ndarray]:
    """RGB frames (H, W, 3) of a square that moves one way before a background drawn from a seed."""
    rng = np.random.default_rng(seed)
    background = np.kron(rng.integers(40, 200, (height // 8 + 1, width // 8 + 1, 3)), np.ones((8, 8, 1)))
    shots = []
    for t in range(frames):
        frame = background[:height, :width].astype(np.uint8)
        x = int((width - 8) * t / max(frames - 1, 1))
        frame[10:18, x : x + 8] = (250, 20, 20)
        shots.append(frame)
    return shots
