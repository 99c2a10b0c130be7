"""The true joints of a synthetic walk in the form in which an estimator gives them."""

from __future__ import annotations

import numpy as np

from gait.pose.sequence import PoseSequence
from gait.skeleton import find_layout, turn
from synthesis.joints import INDEX
from synthesis.walks import Walk

LAYOUT = "blazepose33"


def true_poses(walk: Walk) -> PoseSequence:
    """What an estimator without error would find.

    Returns
    -------
    PoseSequence
        Layout ``blazepose33``; an eye's corners lie at its middle. ``world`` and ``root`` are in metres,
        upright, turned about the vertical so that z points towards the camera; ``root`` keeps its place.
    """
    places = [INDEX[_counterpart(joint)] for joint in find_layout(LAYOUT).joints]
    ahead = walk.camera.rotation[2]
    points = turn(walk.joints[:, places], -float(np.arctan2(-ahead[0], -ahead[2])))
    layout = find_layout(LAYOUT)
    root = points[:, list(layout.hips)].mean(axis=1)
    return PoseSequence(
        image=walk.image[:, places].astype(np.float32),
        world=(points - root[:, None]).astype(np.float32),
        visibility=np.ones(points.shape[:2], np.float32),
        time=walk.time.astype(np.float64),
        frame_size=(walk.camera.size.height, walk.camera.size.width),
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
