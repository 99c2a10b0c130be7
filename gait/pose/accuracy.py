"""How near estimated joints are to true ones: scores of pose estimators."""

from __future__ import annotations

import numpy as np

from gait.skeleton import centre_on_hips, find_layout

SHARE = 0.2


def correct_keypoints(
    found: np.ndarray, true: np.ndarray, layout: str, share: float = SHARE, size: np.ndarray | None = None
) -> np.ndarray:
    """Which joints lie within a share of the torso's size from the truth: PCK is the mean of this.

    The torso's size is the distance from the left hip to the right shoulder in the true picture (Sapp and Taskar 2013,
    "MODEC: Multimodal Decomposable Models for Human Pose Estimation", section 6.2, who count all shares).

    Parameters
    ----------
    found, true : (T, V, 2) float
        Places in the picture, in one unit. A joint that was not found is NaN, and wrong.
    layout : str
        Name of the joint layout.
    share : float
    size : (T,) float, optional
        Torso sizes to use instead.

    Returns
    -------
    (T, V) float64
        1 and 0; NaN where the truth is not known.
    """
    size = torso_size(true, layout) if size is None else size
    with np.errstate(invalid="ignore"):
        near = np.linalg.norm(found - true, axis=-1) <= share * size[:, None]
    return np.where(np.isfinite(true).all(axis=-1) & np.isfinite(size)[:, None], near, np.nan)


def torso_size(points: np.ndarray, layout: str) -> np.ndarray:
    """Distance (T,) from the left hip to the right shoulder of points (T, V, D)."""
    skeleton = find_layout(layout)
    return np.linalg.norm(points[:, skeleton.hips[0]] - points[:, skeleton.shoulders[1]], axis=-1)


def scaled_errors(found: np.ndarray, true: np.ndarray, layout: str) -> np.ndarray:
    """Distance of each joint from the truth, both centred on the hips, the found body scaled to the true one.

    The scale is the one factor a frame that makes the sum of squared distances least: N-MPJPE of Rhodin et al. 2018,
    "Unsupervised Geometry-Aware Representation for 3D Human Pose Estimation", section 4.1. One camera cannot tell how
    large somebody is. Nothing is turned.

    Parameters
    ----------
    found, true : (T, V, 3) float
        World joints.
    layout : str
        Name of the joint layout.

    Returns
    -------
    (T, V) float64
        In the unit of ``true``; NaN where a joint is not known on both sides.
    """
    found, true = (centre_on_hips(points.astype(np.float64), layout) for points in (found, true))
    both = np.isfinite(found + true).all(axis=-1, keepdims=True)
    a, b = np.where(both, found, 0.0), np.where(both, true, 0.0)
    square = np.square(a).sum(axis=(1, 2))
    scale = (a * b).sum(axis=(1, 2)) / np.where(square > 0, square, np.nan)
    return np.linalg.norm(scale[:, None, None] * found - true, axis=-1)
