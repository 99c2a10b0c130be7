"""The true joints of a synthetic walk in the form in which an estimator gives them."""

from __future__ import annotations

from gait.formats.true_joints import true_sequence
from gait.pose.sequence import PoseSequence
from synthesis.joints import JOINT_NAMES
from synthesis.walks import Walk


def true_poses(walk: Walk) -> PoseSequence:
    """What an estimator without error would find; see :func:`gait.formats.true_joints.true_sequence`."""
    camera = walk.camera
    size = (camera.size.height, camera.size.width)
    return true_sequence(JOINT_NAMES, walk.joints, walk.image, camera.rotation, walk.time, size)
