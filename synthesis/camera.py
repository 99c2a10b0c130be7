"""Static pinhole cameras: where they stand, what they see."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gait.errors import GaitmoodError
from gait.video import FrameSize

VIEWS = ("front", "back", "left", "right", "oblique")
ANY_VIEW = "any"

# Azimuth of the camera about the walker in degrees: 0 in front of it, 90 on its left, 180 behind.
_AZIMUTH = {"front": 0.0, "left": 90.0, "back": 180.0, "right": 270.0}
_FARTHEST = 40.0
# Metres per second that hardly any natural walk exceeds.
FASTEST = 2.4


@dataclass(frozen=True)
class Camera:
    """A pinhole camera without distortion; its axes are x right, y down, z into the picture.

    Attributes
    ----------
    position : (3,) tuple
        Metres in the walker's world (y up, the walker going along +z, its left at +x).
    target : (3,) tuple
        The point in the middle of the picture.
    focal : float
        Focal length in pixels.
    size : FrameSize
        The picture.
    """

    position: tuple[float, float, float]
    target: tuple[float, float, float]
    focal: float
    size: FrameSize

    @property
    def rotation(self) -> np.ndarray:
        """World to camera axes (3, 3): the rows are right, down and ahead."""
        ahead = np.subtract(self.target, self.position)
        ahead = ahead / np.linalg.norm(ahead)
        right = np.cross(ahead, [0.0, 1.0, 0.0])
        right = right / np.linalg.norm(right)
        return np.stack([right, np.cross(ahead, right), ahead])

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """World points (..., 3) in metres -> pixels (..., 2) as (x, y) and depth (...) in metres."""
        inside = (points - np.asarray(self.position)) @ self.rotation.T
        depth = np.maximum(inside[..., 2], 0.05)
        centre = np.array([self.size.width / 2, self.size.height / 2])
        return inside[..., :2] / depth[..., None] * self.focal + centre, inside[..., 2]


def stage(seconds: float, on_the_spot: bool = False) -> np.ndarray:
    """Corners (8, 3) in metres of the space that a fast walk of this length needs, about the origin.

    Cameras and rooms are drawn around this space, not around the walk itself: else the camera's distance, and
    so the walker's size, would give away the speed.
    """
    half = 0.45 + (0 if on_the_spot else FASTEST * seconds / 2)
    return np.array([(x, y, z) for x in (-0.45, 0.45) for y in (0.0, 2.0) for z in (-half, half)])


def draw_camera(
    rng: np.random.Generator, view: str, size: FrameSize, space: np.ndarray, joints: np.ndarray
) -> Camera:
    """Draw a camera: azimuth, height, distance and focal length vary, the walker stays in the picture.

    Parameters
    ----------
    rng : numpy Generator
        Four numbers are drawn whatever the view.
    view : str
        One of :data:`VIEWS`. "left" sees the walker's left side; "oblique" is 30 to 55 degrees off the front. Or "any":
        from all around.
    size : FrameSize
        Height and width of the picture.
    space : (8, 3) array
        See :func:`stage`; the camera steps back until all of it is in the picture.
    joints : (T, V, 3) array
        The walk, its middle at z = 0; only one that leaves the space moves the camera further back.

    Raises
    ------
    GaitmoodError
        The view is not known, or no distance shows the whole walk.
    """
    if view not in (*VIEWS, ANY_VIEW):
        raise GaitmoodError(f"view must be one of {', '.join(VIEWS)}, {ANY_VIEW}, found {view!r}")
    turn, up, far, zoom = rng.uniform(-1, 1, 4)
    oblique = np.sign(turn) * (42.5 + 12.5 * (2 * abs(turn) - 1))
    drawn = {"oblique": oblique, ANY_VIEW: 180 * turn}
    azimuth = np.radians(drawn[view] if view in drawn else _AZIMUTH[view] + 7 * turn)
    target, height = (0.0, 0.95 + 0.05 * up, 0.0), 1.35 + 0.25 * up
    camera = Camera((0.0, 0.0, 0.0), target, float(1.12 + 0.08 * zoom) * size.height, size)
    distance = 4.6 + 0.4 * far
    while distance < _FARTHEST:
        place = (distance * np.sin(azimuth), height, distance * np.cos(azimuth))
        camera = replace(camera, position=tuple(map(float, place)))
        if _sees(camera, space) and _sees(camera, joints):
            return camera
        distance *= 1.03
    raise GaitmoodError(
        f"a walk of {np.ptp(joints[..., 2]):.1f} m does not fit into a picture of "
        f"{size.width} x {size.height}; make it shorter, or the picture larger"
    )


def _sees(camera: Camera, joints: np.ndarray, margin: float = 0.03) -> bool:
    pixels, depth = camera.project(joints)
    edge = margin * min(camera.size.height, camera.size.width)
    right, bottom = camera.size.width - edge, camera.size.height - edge
    inside = (pixels > edge).all() and (pixels[..., 0] < right).all() and (pixels[..., 1] < bottom).all()
    return bool(inside and (depth > 0.8).all())
