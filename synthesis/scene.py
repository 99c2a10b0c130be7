"""Where the walk takes place: a room, a corridor or a yard as a box of six planes, and its light."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from gait.errors import GaitmoodError
from synthesis.camera import Camera

Tint = tuple[float, float, float]


@dataclass(frozen=True)
class Scene:
    """A box around walker and camera, its surfaces and its light.

    Attributes
    ----------
    low, high : (3,) tuple
        Corners of the box in metres; the floor is at y = 0.
    floor, wall, ceiling : (3,) tuple
        Colours, RGB 0 to 255.
    floor_pattern : str
        "plain", "tiles" or "planks".
    wall_pattern : str
        "plain", "panels" or "hedge" (a wall of 2 m under the sky).
    light : (3,) tuple
        Factor on red, green and blue: brightness and warmth.
    light_side : float
        -1 (from the left of the picture) to 1 (from its right).
    grain_seed : int
        Seed of the surfaces' texture.
    """

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    floor: Tint
    wall: Tint
    ceiling: Tint
    floor_pattern: str
    wall_pattern: str
    light: Tint
    light_side: float
    grain_seed: int


PLACES = ("varied", "hall")


def draw_scene(rng: np.random.Generator, space: np.ndarray, camera: Camera, place: str = "varied") -> Scene:
    """Draw a place that holds the whole walk and the camera.

    Parameters
    ----------
    rng : numpy Generator
        The chance.
    space : (N, 3) array
        Points that must lie inside.
    camera : Camera
        Stands inside as well.
    place : str
        "varied": corridors, rooms and yards in all colours; "hall": rooms with a light wall and a dull floor
        that differ little, as in a gait laboratory.

    Raises
    ------
    GaitmoodError
        The place is not known.
    """
    if place not in PLACES:
        raise GaitmoodError(f"place must be one of {', '.join(PLACES)}, found {place!r}")
    scene = _draw_varied(rng, space, camera)
    if place == "varied":
        return scene
    return replace(
        scene,
        high=(scene.high[0], 3.0, scene.high[2]),
        floor=_grey(rng, 110, 130),
        wall=_grey(rng, 190, 210),
        ceiling=(228.0, 228.0, 228.0),
        floor_pattern="plain",
        wall_pattern="plain",
        light=tuple(0.75 + 0.25 * part for part in scene.light),
    )


def _draw_varied(rng: np.random.Generator, space: np.ndarray, camera: Camera) -> Scene:
    corners = np.concatenate([space, [camera.position]])
    low, high = corners.min(axis=0), corners.max(axis=0)
    narrow, wide, behind = rng.uniform(0.5, 1.1, 2), rng.uniform(1.5, 5.0, 2), rng.uniform(1.0, 6.0, 2)
    kind = rng.choice(("corridor", "room", "yard"), p=(0.35, 0.45, 0.20))
    beside = narrow if kind == "corridor" else wide
    light = rng.uniform(0.72, 1.12) * (1 + rng.uniform(-0.06, 0.06) * np.array([1.0, 0.0, -1.0]))
    patterns = ("plain", "tiles", "planks"), ("plain", "panels")
    floor_pattern, wall_pattern = (str(rng.choice(names)) for names in patterns)
    floor, wall, ceiling = _grey(rng, 60, 170), _grey(rng, 120, 225), _grey(rng, 190, 235)
    if kind == "yard":
        floor_pattern, wall_pattern = "plain", "hedge"
        wall, ceiling = (70.0, 100.0, 60.0), (190.0, 210.0, 232.0)
    return Scene(
        low=(float(low[0] - beside[0]), 0.0, float(low[2] - behind[0])),
        high=(float(high[0] + beside[1]), 40.0 if kind == "yard" else float(rng.uniform(2.5, 3.3)),
              float(high[2] + behind[1])),
        floor=floor, wall=wall, ceiling=ceiling, floor_pattern=floor_pattern, wall_pattern=wall_pattern,
        light=tuple(map(float, light)), light_side=float(rng.uniform(-1, 1)),
        grain_seed=int(rng.integers(2**31)),
    )  # fmt: skip


def _grey(rng: np.random.Generator, low: float, high: float) -> Tint:
    """A dull colour: a brightness with a little hue."""
    red, green, blue = (rng.uniform(low, high) + rng.uniform(-13, 13, 3)).tolist()
    return red, green, blue


def paint_background(scene: Scene, camera: Camera) -> np.ndarray:
    """The empty scene as the camera sees it: (H, W, 3) uint8 RGB, one ray a pixel."""
    rays = _rays(camera)
    axis, point, distance = _first_hit(scene, np.asarray(camera.position), rays)
    up = rays[..., 1] > 0
    colours = np.where(
        (axis == 1)[..., None], np.where(up[..., None], scene.ceiling, scene.floor), scene.wall
    )
    shade = np.where(axis == 0, 0.9, 1.0) * (1.08 - 0.25 * np.clip(distance / 15, 0, 1))
    shade *= np.where(axis == 1, np.where(up, 1.0, _floor_pattern(scene, point, distance)), 1.0)
    shade *= np.where(axis != 1, _wall_pattern(scene, point, axis), 1.0)
    colours, shade = _open_the_sky(scene, colours, shade, axis, point, up)
    grain = np.random.default_rng(scene.grain_seed).normal(1, 0.03, shade.shape)
    picture = colours * (shade * grain)[..., None] * np.asarray(scene.light)
    return cv2.GaussianBlur(np.clip(picture, 0, 255).astype(np.uint8), (3, 3), 0)


def _rays(camera: Camera) -> np.ndarray:
    height, width = camera.size.height, camera.size.width
    x, y = np.meshgrid(np.arange(width) + 0.5 - width / 2, np.arange(height) + 0.5 - height / 2)
    return np.stack([x, y, np.full_like(x, camera.focal)], axis=-1) / camera.focal @ camera.rotation


def _first_hit(scene: Scene, eye: np.ndarray, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Axis of the wall that each ray from inside the box meets, the point and the distance."""
    planes = np.where(rays > 0, scene.high, scene.low)
    safe = np.where(np.abs(rays) < 1e-9, 1e-9, rays)
    distances = (planes - eye) / safe
    distances[distances <= 0] = np.inf
    axis = distances.argmin(axis=-1)
    distance = np.take_along_axis(distances, axis[..., None], axis=-1)
    return axis, eye + distance * rays, distance[..., 0]


def _floor_pattern(scene: Scene, point: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Brightness of the floor: joints of tiles or planks, drawn as wide as a pixel is far."""
    if scene.floor_pattern == "plain":
        return np.ones(distance.shape)
    across, along = (0.5, 0.5) if scene.floor_pattern == "tiles" else (0.18, 40.0)
    soft = 0.006 + 0.004 * distance
    lines = np.maximum(
        _line(point[..., 0] / across, soft / across), _line(point[..., 2] / along, soft / along)
    )
    boards = np.sin(np.floor(point[..., 0] / across) * 12.9898 + np.floor(point[..., 2] / along) * 78.233)
    return (1 - 0.3 * lines) * (1 + 0.05 * boards)


def _wall_pattern(scene: Scene, point: np.ndarray, axis: np.ndarray) -> np.ndarray:
    along = np.where(axis == 0, point[..., 2], point[..., 0])
    if scene.wall_pattern == "hedge":
        return 1 + 0.12 * np.sin(along * 9) * np.sin(point[..., 1] * 11)
    baseboard = np.where(point[..., 1] < 0.1, 0.55, 1.0)
    if scene.wall_pattern == "plain":
        return baseboard
    return baseboard * (1 - 0.25 * _line(along / 1.2, np.full(along.shape, 0.02)))


def _line(where: np.ndarray, width: np.ndarray) -> np.ndarray:
    """1 on whole numbers, falling to 0 at ``width`` beside them."""
    return np.clip(1 - np.abs(where - np.round(where)) / width, 0, 1) * np.clip(0.25 / width, 0, 1)


def _open_the_sky(
    scene: Scene, colours: np.ndarray, shade: np.ndarray, axis: np.ndarray, point: np.ndarray, up: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    if scene.wall_pattern != "hedge":
        return colours, shade
    sky = ((axis != 1) & (point[..., 1] > 2.0)) | ((axis == 1) & up)
    return np.where(sky[..., None], scene.ceiling, colours), np.where(sky, 1.0, shade)
