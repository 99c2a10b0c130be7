"""Joints in the picture and their depths to joints in space, on the scale of a body of usual height.

A pinhole camera that looks level shows the joint i of a body whose hips are at the distance Z at

    u_i = f (X + x_i) / (Z - z_i),    v_i = f (Y + y_i) / (Z - z_i),

u to the right and v up from the middle of the picture, z towards the camera. With the depths z_i known and s = Z / f,
the length that a pixel has at the hips' distance, joints are x_i + X = u_i (s - z_i / f), and the same with v. What
is left to find is s: it is the one that makes trunk, thigh and shank together as long as they are in people.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from gait.pose.root import FOCAL_RATIO, TRUNK_AND_LEG
from gait.skeleton import Layout, find_layout

STATURE = 1.70  # metres, about the mean of women and men; one picture cannot tell how tall somebody is
_PASSES = 12
_CLOSEST = 0.5  # of the first guess of s, which leaves depth out and so is the largest possible


def lift(
    image: np.ndarray,
    depth: np.ndarray,
    frame_size: tuple[int, int],
    layout: str,
    focal: float | None = None,
) -> np.ndarray:
    """World joints from their pixels and depths.

    Parameters
    ----------
    image : (V, 2) float
        Pixels, x to the right, y down.
    depth : (V,) float
        Towards the camera from the middle of the hips, in body heights.
    frame_size : (int, int)
        Height and width of the picture.
    layout : str
        Name of the joint layout.
    focal : float, optional
        Focal length in pixels; by default ``gait.pose.root.FOCAL_RATIO`` of the longer side.

    Returns
    -------
    (V, 3) float64
        Metres of somebody ``STATURE`` tall, from the middle of the hips; x to the right, y up, z towards the camera.
    """
    skeleton = find_layout(layout)
    focal = focal or FOCAL_RATIO * max(frame_size)
    rays = (image - (frame_size[1] / 2, frame_size[0] / 2)) * (1.0, -1.0)
    size = first = TRUNK_AND_LEG / max(_chain(rays, skeleton), 1e-6)
    for _ in range(_PASSES):
        length = _chain(_place(rays, depth, focal, size), skeleton)
        size = max(size * TRUNK_AND_LEG / max(length, 1e-6), _CLOSEST * first)
    points = _place(rays, depth, focal, size)
    return STATURE * (points - points[list(skeleton.root)].mean(axis=0))


def _place(rays: np.ndarray, depth: np.ndarray, focal: float, size: float) -> np.ndarray:
    """Joints (V, 3) in body heights, where a pixel at the hips' distance is ``size`` of them."""
    return np.column_stack([rays * (size - depth / focal)[:, None], depth])


def _chain(points: np.ndarray, layout: Layout) -> float:
    """Length of trunk, thigh and shank, the mean of both sides, unit of ``points`` (V, D)."""
    chain = [points[list(part)] for part in layout.trunk_and_legs]
    return float(sum(np.linalg.norm(a - b, axis=-1).mean() for a, b in pairwise(chain)))
