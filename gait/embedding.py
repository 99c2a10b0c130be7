"""A pose sequence as an image, and the same walk seen from four sides (VS-GCNN).

Narayanan et al. 2020, ProxEmo: Gait-based emotion learning and multi-view proxemic fusion for socially-aware robot
navigation, IROS, section IV: x, y and z of the joints over time are the three colours of an image.
"""

from __future__ import annotations

import numpy as np

from gait.skeleton import turn

# What a camera at +z sees of a walker, in the order of the published view groups: the data they were made of has its
# walkers face -z, away from such a camera, and group g is turned by 90 g to 90 g + 90 degrees from there.
VIEWS = ("back", "left", "front", "right")
# How far the walker is moved in its view, in the unit of the joints.
DISTANCE = 1.5


def seen_from(points: np.ndarray, view: int) -> np.ndarray:
    """A walk turned about the vertical to a view and moved along with it.

    The published augmentation. An image of the walk does not tell how far it was moved: each colour runs from the
    smallest to the largest value.

    Parameters
    ----------
    points : (..., 3) float
        y up; the walker faces +z.
    view : int
        Place in :data:`VIEWS`.

    Returns
    -------
    (..., 3) array
    """
    angle = view_angle(view)
    step = DISTANCE * np.array([np.sin(angle), 0, np.cos(angle)])
    return turn(points, angle) + step.astype(points.dtype)


def view_angle(view: int) -> float:
    """By how much (radians) a walker who faces +z is turned to be seen from a view; front: 0."""
    return np.radians(90.0 * (view - VIEWS.index("front")))


def gait_image(joints: np.ndarray, height: int = 244, width: int = 244) -> np.ndarray:
    """The image of a walk: time down, joints across; x, y, z as red, green, blue.

    Each colour is ``(max - value) * 255 / (max - min)`` over the whole walk, then resized bilinearly. A coordinate that
    never changes is 0 everywhere.

    Parameters
    ----------
    joints : (T, V, 3) float
    height, width : int

    Returns
    -------
    (height, width, 3) float64
        0 to 255.
    """
    largest, smallest = joints.max(axis=(0, 1)), joints.min(axis=(0, 1))
    extent = largest - smallest
    colours = (largest - joints) * np.divide(255.0, extent, out=np.zeros(3), where=extent > 0)
    T, V, _ = joints.shape
    return np.einsum("ht,tvc,wv->hwc", resize_shares(T, height), colours, resize_shares(V, width))


def resize_shares(size: int, wanted: int) -> np.ndarray:
    """How much each of ``size`` pixels in a row adds to each of ``wanted``, bilinearly.

    Pixel centres lie half a pixel from the edge; beyond the outermost ones their value goes on (as OpenCV's
    ``INTER_LINEAR``).

    Returns
    -------
    (wanted, size) float64
        Rows sum to 1.
    """
    places = ((np.arange(wanted) + 0.5) * size / wanted - 0.5).clip(0, size - 1)
    return np.maximum(0, 1 - np.abs(places[:, None] - np.arange(size)))
