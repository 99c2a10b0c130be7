"""A pose sequence in the room where it is drawn: on a floor at y = 0, walking along it where its path is known."""

from __future__ import annotations

import numpy as np

from gait.drawing import View
from gait.errors import VideoError
from gait.features.motion import LAYOUT, body_height
from gait.pose.flat import is_flat
from gait.pose.sequence import PoseSequence
from gait.skeleton import centre_on_hips, convert, find_layout, torso_length
from gait.video import FrameSize

# Length of the trunk in metres that joints in a picture are scaled to: 0.288 of the stature (shoulder less hip,
# Drillis and Contini 1966) of somebody 1.7 m tall.
_TRUNK = 0.49
# The floor is as high as the lowest joint is in this share of the frames of a measured path: one bad frame
# does not lower it.
_FLOOR_PERCENTILE = 2


def place(sequence: PoseSequence) -> np.ndarray:
    """Joints in the room.

    Where the path of the hips was measured, it is kept. Where it was estimated from a picture, its way over the
    floor is kept, and in every frame the lowest joint stands on the floor, as one foot of a walker does. Without
    a path the walker walks on the spot. Joints that are known in the picture only become a flat figure, as wide
    and as high as in the picture.

    Parameters
    ----------
    sequence : PoseSequence
        In any layout.

    Returns
    -------
    (T, V, 3) float64
        Metres (or the unit of the file), y up from a floor at 0; NaN where not known.

    Raises
    ------
    VideoError
        No joint is known in any frame.
    """
    if is_flat(sequence):
        return _stand(_flat_figure(sequence))
    joints = sequence.world.astype(np.float64)
    path = _path(sequence)
    if path is None:
        return _stand(joints)
    joints = joints + path[:, None]
    if sequence.root_source != "true":
        return _stand(joints)
    lowest = _lowest(joints)
    joints[..., 1] -= np.nanpercentile(lowest, _FLOOR_PERCENTILE)
    return joints


def usual_azimuth(sequence: PoseSequence) -> float:
    """From where a walk is shown, in degrees: from half aside, and a flat figure from where it was seen."""
    return 0.0 if is_flat(sequence) else View.azimuth


def follow(joints: np.ndarray, layout: str) -> np.ndarray:
    """Where a camera that follows the walker looks: the middle of the hips on the floor, (T, 3).

    Gaps are bridged on straight lines; where the hips are never known it is the middle of all joints.
    """
    skeleton = find_layout(layout)
    middle = joints[:, list(skeleton.root)].mean(axis=1)
    seen = np.isfinite(middle).all(axis=1)
    if not seen.any():
        known = joints[np.isfinite(joints).all(axis=2)]
        return np.broadcast_to(known.mean(axis=0) * (1, 0, 1), middle.shape)
    frames = np.arange(len(joints))
    bridged = [np.interp(frames, frames[seen], middle[seen, axis]) for axis in (0, 2)]
    return np.stack([bridged[0], np.zeros(len(joints)), bridged[1]], axis=1)


def fit_view(
    joints: np.ndarray,
    layout: str,
    size: FrameSize,
    azimuth: float = View.azimuth,
    elevation: float = View.elevation,
) -> View:
    """One view for a whole walk: the body fits into the picture in every frame, seen from any side.

    Parameters
    ----------
    joints : (T, V, 3) array
        As :func:`place` gives them.
    layout : str
        Name of the layout.
    size : FrameSize
        The picture.
    azimuth, elevation : float
        Degrees, as in :class:`gait.drawing.View`.

    Returns
    -------
    View
        Its ``centre`` is that of the first frame.
    """
    middle = follow(joints, layout)
    known = np.isfinite(joints).all(axis=2)
    around = np.linalg.norm((joints - middle[:, None])[..., [0, 2]], axis=2)[known]
    tall, wide = np.percentile(joints[known][:, 1], 99.5), 2 * np.percentile(around, 99.5)
    lift = np.radians(elevation)
    # What a body of this height and width covers, with room for lines and words around it.
    height = tall * np.cos(lift) + wide * abs(np.sin(lift))
    span = max(1.32 * height, 1.12 * wide * size.height / size.width, 1e-6)
    x, _, z = middle[0]
    return View(
        azimuth, elevation, (float(x), float(0.5 * tall), float(z)), float(span), float(max(tall, 1e-6))
    )


def _path(sequence: PoseSequence) -> np.ndarray | None:
    """Path (T, 3) of the hips in the unit of ``world``, gaps bridged; None where it is not known."""
    if sequence.root is None or not np.isfinite(sequence.root).all(axis=1).any():
        return None
    root, frames = sequence.root.astype(np.float64), np.arange(len(sequence))
    seen = np.isfinite(root).all(axis=1)
    path = np.stack([np.interp(frames, frames[seen], root[seen, axis]) for axis in range(3)], axis=1)
    if sequence.root_unit == "m":
        return path
    try:
        return path * body_height(convert(sequence, LAYOUT).world)
    except VideoError:
        return None  # a body that cannot be measured walks on the spot


def _flat_figure(sequence: PoseSequence) -> np.ndarray:
    """Joints of a picture as metres (T, V, 3) in one plane, from the middle of the hips."""
    image = sequence.image.astype(np.float64)
    points = np.concatenate([image * (1, -1), np.zeros_like(image[..., :1])], axis=-1)
    points[~np.isfinite(image).all(axis=2)] = np.nan
    scale = _TRUNK / torso_length(image, sequence.layout)
    return centre_on_hips(points, sequence.layout) * scale


def _stand(joints: np.ndarray) -> np.ndarray:
    """Every frame moved up or down until its lowest joint lies on the floor."""
    lowest = _lowest(joints)
    joints[..., 1] -= np.where(np.isfinite(lowest), lowest, 0)[:, None]
    return joints


def _lowest(joints: np.ndarray) -> np.ndarray:
    """y of the lowest known joint (T,); NaN where none is."""
    heights = np.where(np.isfinite(joints).all(axis=2), joints[..., 1], np.inf).min(axis=1)
    return np.where(np.isfinite(heights), heights, np.nan)
