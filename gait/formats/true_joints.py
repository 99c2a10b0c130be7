"""The true joints of synthetic walkers: ``NAME.joints.npz`` beside ``NAME.mp4``, as ``python -m synthesis`` writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gait.errors import VideoError
from gait.pose.sequence import PoseSequence
from gait.pose.store import DAMAGED
from gait.skeleton import find_layout, turn

LAYOUT = "blazepose33"
ENDING = ".joints.npz"
_ARRAYS = ("joint_names", "world", "image", "camera_rotation", "time", "frame_size")


def read_true_joints(path: Path) -> PoseSequence:
    """What an estimator without error would find in the video beside a file of true joints.

    Returns
    -------
    PoseSequence
        See :func:`true_sequence`.

    Raises
    ------
    VideoError
        The file is not one of true joints, or lacks some; the message is the reason, without the file's name.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            names, world, image, rotation, time, size = (file[name] for name in _ARRAYS)
        return true_sequence(names.tolist(), world, image, rotation, time, (int(size[0]), int(size[1])))
    except (*DAMAGED, LookupError) as error:
        raise VideoError(
            f"its true joints cannot be read: {path.name} as python -m synthesis writes it was expected ({error})"
        ) from error


def true_sequence(
    names: Sequence[str],
    world: np.ndarray,
    image: np.ndarray,
    camera_rotation: np.ndarray,
    time: np.ndarray,
    frame_size: tuple[int, int],
) -> PoseSequence:
    """True joints in the form in which an estimator gives them.

    Parameters
    ----------
    names : sequence of str
        Of the V joints, as the synthesis calls them.
    world : (T, V, 3) float
        Metres, y up.
    image : (T, V, 2) float
        Pixels.
    camera_rotation : (3, 3) float
        World to camera axes: the rows are right, down and ahead.
    time : (T,) float
        Seconds.
    frame_size : (int, int)
        Height and width of the picture.

    Returns
    -------
    PoseSequence
        Layout ``blazepose33``; an eye's corners lie at its middle. ``world`` and ``root`` are in metres,
        upright, turned about the vertical so that z points towards the camera; ``root`` keeps its place.
    """
    layout = find_layout(LAYOUT)
    places = [list(names).index(_counterpart(joint)) for joint in layout.joints]
    ahead = camera_rotation[2]
    points = turn(world[:, places], -float(np.arctan2(-ahead[0], -ahead[2])))
    root = points[:, list(layout.hips)].mean(axis=1)
    return PoseSequence(
        image=image[:, places].astype(np.float32),
        world=(points - root[:, None]).astype(np.float32),
        visibility=np.ones(points.shape[:2], np.float32),
        time=time.astype(np.float64),
        frame_size=frame_size,
        layout=LAYOUT,
        root=root.astype(np.float32),
        root_unit="m",
        root_source="true",
        notes={"source": "synthesis"},
    )


def _counterpart(landmark: str) -> str:
    """Name of the synthetic joint where a landmark of BlazePose lies."""
    if landmark.startswith("mouth_"):
        return f"{landmark.removeprefix('mouth_')}_mouth"
    if "_eye_" in landmark:
        return landmark.rpartition("_")[0]
    return landmark.replace("foot_index", "toe")
