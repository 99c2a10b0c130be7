"""MediaPipe's face mesh on LiteRT, around the face that BlazePose's joints point at.

The network is the one of MediaPipe's module ``face_landmark`` (Kartynnik et al. 2019). Where MediaPipe looks for faces
with a detector, the person who walks is known here already, and so is where his or her face would be.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from gait.pose.blazepose import Network, crop
from gait.pose.tracking import Region
from gait.skeleton import find_layout

SIDE, POINTS = 192, 468
MIN_PRESENCE = 0.5
MIN_PIXELS = 24  # side of a face's region below which there is nothing to see
# From the middle of the eyes to that of the mouth is a quarter of the region that MediaPipe shows the network.
_EYES_TO_MOUTH = 4.0
_MARGIN = 1.5  # MediaPipe's, about the points found
_EYE_CORNERS = (33, 263)  # right and left, outer


class FaceMesh:
    """Finds the points of a face; ``content`` is the network's file, see :mod:`gait.pose.weights`."""

    def __init__(self, content: bytes, threads: int = 1):
        self._network = Network(content, SIDE, threads)
        self._points = self._network.output(1, 1, 1, 3 * POINTS)
        self._presence = self._network.output(1, 1, 1, 1)

    def locate(self, frame: np.ndarray, joints: np.ndarray) -> np.ndarray | None:
        """The mesh of a person's face.

        Parameters
        ----------
        frame : (H, W, 3) uint8
            RGB.
        joints : (33, 2) float
            The person's joints in pixels, layout ``blazepose33``; NaN where not known.

        Returns
        -------
        (468, 3) float64 or None
            Pixels, x right, y down, z away from the camera; None where no face is seen.
        """
        region = face_region(joints)
        if region is None or (first := self._look(frame, region)) is None:
            return None
        # Joints say roughly where the face is; its own points say it well, as in MediaPipe's tracking.
        return self._look(frame, _about(first))

    def _look(self, frame: np.ndarray, region: Region) -> np.ndarray | None:
        if not MIN_PIXELS <= region.side <= 4 * max(frame.shape):
            return None
        self._network.run(crop(frame, region, SIDE, cv2.BORDER_REPLICATE), 1 / 255, 0.0)
        presence = 1 / (1 + math.exp(-float(self._network.read(self._presence).ravel()[0])))
        if presence < MIN_PRESENCE:
            return None
        mesh = self._network.read(self._points).reshape(POINTS, 3).astype(np.float64)
        depth = mesh[:, 2:] * (region.side / SIDE)
        return np.concatenate([region.to_frame(mesh[:, :2] / SIDE), depth], axis=1)


def face_region(joints: np.ndarray) -> Region | None:
    """Where a person's face would be by the joints (33, 2), upright; None where they are not known."""
    names = find_layout("blazepose33").joints
    eyes, mouth = (
        [joints[names.index(name)] for name in pair]
        for pair in (("right_eye", "left_eye"), ("mouth_right", "mouth_left"))
    )
    if not np.isfinite([*eyes, *mouth]).all():
        return None
    upper, lower = np.mean(eyes, axis=0), np.mean(mouth, axis=0)
    side = _EYES_TO_MOUTH * float(np.linalg.norm(upper - lower))
    return _region((upper + lower) / 2, side, eyes[0], eyes[1])


def _about(mesh: np.ndarray) -> Region:
    low, high = mesh[:, :2].min(axis=0), mesh[:, :2].max(axis=0)
    right, left = mesh[list(_EYE_CORNERS), :2]
    return _region((low + high) / 2, _MARGIN * float((high - low).max()), right, left)


def _region(centre: np.ndarray, side: float, right: np.ndarray, left: np.ndarray) -> Region:
    """Turned so that the line from the right to the left eye is level."""
    x, y = left - right
    return Region(float(centre[0]), float(centre[1]), side, math.atan2(y, x))
