"""The path of the walker through space, from the body's size in the picture.

Under a pinhole model a body of length L (metres) at the distance Z appears l = f L / Z pixels long, so
Z = f L / l. Rather than one length, all of trunk and legs are used: joint i, at (x_i, y_i, z_i) from the
middle of the hips (world joints: y up, z towards the camera), appears at

    u_i = f (X + x_i) / (Z - z_i),    v_i = f (Y + y_i) / (Z - z_i),

u to the right and v up from the middle of the picture. Multiplied out, f X - u_i Z = -u_i z_i - f x_i and the
same with v and Y: linear in (X, Y, Z), solved by weighted least squares in every frame.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from gait.skeleton import find_layout

# Focal length over the picture's longer side: about that of a phone's main camera (28 mm on 36 mm film, cut a
# little for video) and of a webcam. An error in it stretches the distance by the same factor; growth stays
# growth.
FOCAL_RATIO = 0.8
# Height of the shoulder less that of the ankle, over the stature: 0.818 - 0.039 (Drillis and Contini 1966).
TRUNK_AND_LEG = 0.779
# In metres: residuals above this lose their weight, so that one misplaced joint does not move the whole body.
TOLERANCE = 0.05
LAYOUT = "blazepose33"
_PASSES = 3


def estimate_root(
    image: np.ndarray,
    world: np.ndarray,
    visibility: np.ndarray,
    frame_size: tuple[int, int],
    focal: float | None = None,
    layout: str = LAYOUT,
) -> np.ndarray:
    """Path of the hips' middle in body heights, from one static camera.

    Parameters
    ----------
    image : (T, V, 2) float
        Joints, pixels.
    world : (T, V, 3) float
        The same in metres, axes as in :class:`gait.pose.sequence.PoseSequence`.
    visibility : (T, V) float
        The joints' weights, in [0, 1].
    frame_size : (int, int)
        Height and width of the picture.
    focal : float, optional
        Focal length in pixels; by default ``FOCAL_RATIO`` of the longer side.
    layout : str
        Name of the joint layout.

    Returns
    -------
    (T, 3) float32
        The camera is the origin, so z is minus the distance and grows when the walker approaches. Metres of
        the estimator divided by the stature it gives the walker (median over the frames), which it does not
        know well. NaN where the person is not seen.
    """
    height, width = frame_size
    focal = focal or FOCAL_RATIO * max(frame_size)
    used = np.ravel(find_layout(layout).trunk_and_legs)
    rays = (image[:, used].astype(np.float64) - (width / 2, height / 2)) * (1, -1)
    joints = world[:, used].astype(np.float64)
    root = np.full((len(image), 3), np.nan)
    seen = np.isfinite(rays).all(axis=(1, 2)) & np.isfinite(joints).all(axis=(1, 2))
    if not seen.any():
        return root.astype(np.float32)
    trust = np.maximum(visibility[:, used], 0.05)
    root[seen] = _solve(rays[seen] / focal, joints[seen], trust[seen])
    root[:, 2] *= -1
    return (root / stature(world, layout)).astype(np.float32)


def stature(world: np.ndarray, layout: str = LAYOUT) -> float:
    """Body height in metres from trunk, thigh and shank of world joints (T, V, 3): median over the frames.

    Stature = (trunk + thigh + shank) / ``TRUNK_AND_LEG``, the mean of both sides.
    """
    chain = [world[:, list(part)].astype(np.float64) for part in find_layout(layout).trunk_and_legs]
    lengths = sum(np.linalg.norm(a - b, axis=-1).mean(axis=1) for a, b in pairwise(chain))
    return float(np.nanmedian(lengths)) / TRUNK_AND_LEG


def _solve(rays: np.ndarray, joints: np.ndarray, trust: np.ndarray) -> np.ndarray:
    """(T, 3) X, Y, Z from rays u / f, v / f (T, J, 2), joints (T, J, 3) and weights (T, J)."""
    T, J = trust.shape
    left = np.zeros((T, J, 2, 3))
    left[:, :, 0, 0] = left[:, :, 1, 1] = 1
    left[:, :, :, 2] = -rays
    right = -rays * joints[:, :, 2:] - joints[:, :, :2]
    weights = trust
    for _ in range(_PASSES):
        weighted = left * weights[:, :, None, None]
        normal = np.einsum("tjki,tjkl->til", weighted, left) + 1e-9 * np.eye(3)
        solved = np.linalg.solve(normal, np.einsum("tjki,tjk->ti", weighted, right)[..., None])[..., 0]
        residual = np.linalg.norm(np.einsum("tjki,ti->tjk", left, solved) - right, axis=-1)
        weights = trust / (1 + (residual / TOLERANCE) ** 2)
    return solved
