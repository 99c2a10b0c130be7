"""MediaPipe's own pose landmarker, where the user has installed it and has its ``.task`` file.

It is not a dependency: the release that carries its models needs an older NumPy than TensorFlow does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from gait.errors import GaitmoodError
from gait.pose.tracking import Landmarks


@contextmanager
def open_landmarker(task: Path | str | None, still: bool) -> Iterator[MediaPipe]:
    """MediaPipe's landmarker on a ``.task`` file, closed at the end.

    Raises
    ------
    GaitmoodError
        MediaPipe is not installed, or there is no such file, or it is nothing that MediaPipe can use.
    """
    mediapipe, base_options, vision = _import()
    mode = vision.RunningMode.IMAGE if still else vision.RunningMode.VIDEO
    options = vision.PoseLandmarkerOptions(
        base_options=base_options(model_asset_path=str(_file(task))), running_mode=mode
    )
    try:
        opened = vision.PoseLandmarker.create_from_options(options)
    except (OSError, RuntimeError, ValueError) as error:  # as its releases say it
        raise GaitmoodError(
            f"{task}: MediaPipe cannot use it; a pose_landmarker_*.task file was expected ({error}). "
            "--pose-models PATH names another."
        ) from error
    with opened as landmarker:
        yield MediaPipe(mediapipe, landmarker, still)


def _import() -> tuple[Any, Any, Any]:
    try:
        import mediapipe
        from mediapipe.tasks.python import BaseOptions, vision
    except ImportError as error:
        raise GaitmoodError(
            "the pose estimator 'mediapipe' needs the package mediapipe, which cannot be imported "
            f"({error}). Install it (pip install mediapipe), or use --poses blazepose, which runs the same networks "
            "without it."
        ) from error
    return mediapipe, BaseOptions, vision


def _file(task: Path | str | None) -> Path:
    if task is None or not Path(task).is_file():
        raise GaitmoodError(
            f"the pose estimator 'mediapipe' needs the path of a pose_landmarker_*.task file; found {task}. "
            "--pose-models PATH names it."
        )
    return Path(task)


class MediaPipe:
    """Joints of one person, frame by frame: in a video MediaPipe itself follows whom it saw first."""

    def __init__(self, package: Any, landmarker: Any, still: bool):
        self._package, self._landmarker, self._still = package, landmarker, still
        self._stamp = -1

    def locate(self, seconds: float, frame: np.ndarray) -> Landmarks | None:
        """Joints in a frame (H, W, 3) uint8 RGB; None where nobody is seen."""
        picture = self._package.Image(
            image_format=self._package.ImageFormat.SRGB, data=np.ascontiguousarray(frame)
        )
        if self._still:
            found = self._landmarker.detect(picture)
        else:
            # Whole milliseconds that must grow, whatever the rate.
            self._stamp = max(self._stamp + 1, round(seconds * 1000))
            found = self._landmarker.detect_for_video(picture, self._stamp)
        if not found.pose_landmarks:
            return None
        height, width = frame.shape[:2]
        image = np.array([(p.x * width, p.y * height) for p in found.pose_landmarks[0]])
        world = np.array([(p.x, -p.y, -p.z) for p in found.pose_world_landmarks[0]])
        visibility = np.array([p.visibility for p in found.pose_landmarks[0]])
        return Landmarks(image, world, visibility, image[[23, 24]])
