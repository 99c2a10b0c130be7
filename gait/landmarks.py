"""Fifty landmarks of a person: of the face where it is looked for and seen, else of the body.

Face: indices of MediaPipe's face mesh (Kartynnik et al. 2019, "Real-time facial surface geometry from monocular video
on mobile GPUs"; its contours are named in ``face_mesh_connections.py`` of MediaPipe 0.10), the corners and the course
of eyes, brows, nose, lips and outline. Body: BlazePose's 33 joints; the other 17 places are missing.
"""

from __future__ import annotations

import numpy as np

from gait import skeleton

POINTS = 50
BODY, NONE, FACE = -1, 0, 1  # what a point is, in a mask
BODY_LAYOUT = "blazepose33"
MIN_VISIBILITY = 0.5  # of joints that count as seen, as MediaPipe draws them

_MIDDLE = {
    "forehead": 10,
    "nose_bridge": 168,
    "nose_ridge": 6,
    "nose_tip": 1,
    "nose_base": 2,
    "upper_lip_outer": 0,
    "upper_lip_inner": 13,
    "lower_lip_inner": 14,
    "lower_lip_outer": 17,
    "chin": 152,
}
# The person's right, and left.
_SIDES = {
    "eye_outer": (33, 263),
    "eye_top_outer": (160, 387),
    "eye_top": (159, 386),
    "eye_top_inner": (158, 385),
    "eye_inner": (133, 362),
    "eye_bottom_inner": (153, 380),
    "eye_bottom": (145, 374),
    "eye_bottom_outer": (144, 373),
    "brow_outer": (70, 300),
    "brow_outer_middle": (63, 293),
    "brow_middle": (105, 334),
    "brow_inner_middle": (66, 296),
    "brow_inner": (107, 336),
    "nostril": (98, 327),
    "mouth_corner": (61, 291),
    "upper_lip_side": (40, 270),
    "upper_lip_middle": (37, 267),
    "lower_lip_side": (91, 321),
    "lower_lip_middle": (84, 314),
    "cheek": (234, 454),
}
# Name and index in the mesh of each point, in their order.
FACE_POINTS = {
    **_MIDDLE,
    **{f"right_{name}": right for name, (right, _) in _SIDES.items()},
    **{f"left_{name}": left for name, (_, left) in _SIDES.items()},
}
FACE_PAIRS = tuple(
    (list(FACE_POINTS).index(f"left_{name}"), list(FACE_POINTS).index(f"right_{name}")) for name in _SIDES
)


def face_landmarks(mesh: np.ndarray) -> np.ndarray:
    """The face's points (50, 3): from between the outer corners of the eyes, in their distance, y up.

    Parameters
    ----------
    mesh : (468, 3) float
        Pixels, x right, y down, z away from the camera.
    """
    points = mesh[list(FACE_POINTS.values())] * (1, -1, -1)
    right, left = (points[list(FACE_POINTS).index(f"{side}_eye_outer")] for side in ("right", "left"))
    return ((points - (left + right) / 2) / np.linalg.norm(left - right)).astype(np.float32)


def body_landmarks(world: np.ndarray, visibility: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The body's points: from the middle of the hips, in torso lengths, as the camera sees them.

    Parameters
    ----------
    world : (T, 33, 3) float
        Layout ``blazepose33``; NaN where not known.
    visibility : (T, 33) float

    Returns
    -------
    landmarks : (T, 50, 3) float32
        0 where missing.
    mask : (T, 50) int8
        ``BODY`` for a joint that is known and seen, else ``NONE``.

    Raises
    ------
    VideoError
        The torso cannot be measured.
    """
    T, V = world.shape[:2]
    points = skeleton.scale_by_torso(skeleton.centre_on_hips(world, BODY_LAYOUT), BODY_LAYOUT)
    seen = np.isfinite(points).all(axis=2) & (visibility >= MIN_VISIBILITY)
    landmarks, mask = np.zeros((T, POINTS, 3), np.float32), np.full((T, POINTS), NONE, np.int8)
    landmarks[:, :V] = np.where(seen[..., None], points, 0)
    mask[:, :V] = np.where(seen, BODY, NONE)
    return landmarks, mask


def mirror(landmarks: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks (T, 50, 3) and their mask (T, 50) as a mirror shows them: sides exchanged, x negated."""
    of_face = (mask == FACE).any(axis=1)[:, None]
    face, body = (_exchanged(pairs) for pairs in (FACE_PAIRS, skeleton.find_layout(BODY_LAYOUT).pairs))
    order = np.where(of_face, face, body)
    mirrored = np.take_along_axis(landmarks, order[..., None], axis=1) * np.array([-1, 1, 1], landmarks.dtype)
    return mirrored, np.take_along_axis(mask, order, axis=1)


def _exchanged(pairs: tuple[tuple[int, int], ...]) -> np.ndarray:
    """The order (50,) of the points in which left and right have changed places."""
    order = np.arange(POINTS)
    for left, right in pairs:
        order[[left, right]] = right, left
    return order
