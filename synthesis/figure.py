"""A clothed human figure of filled shapes around the joints, as polygons in the picture.

Limbs are tapered capsules, the torso a stack of elliptic rings, the head an ellipsoid with hair and face;
each shape has a depth, by which the renderer orders them. All frames are computed at once.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from synthesis.camera import Camera
from synthesis.joints import HEAD_RADII, INDEX, head_axes
from synthesis.kinematics import GaitParameters
from synthesis.person import Colour, Person

# A link of a limb: start and end (T, 3) in metres, the radii there in metres, the colour.
Link = tuple[np.ndarray, np.ndarray, tuple[float, float], Colour]
# Three nested layers shade a round surface: share of the width, shift toward the light, brightness.
_SHADES = ((1.0, 0.0, 0.80), (0.80, 0.07, 0.93), (0.5, 0.15, 1.03))


@dataclass(frozen=True)
class Shape:
    """One filled polygon a frame.

    Attributes
    ----------
    points : (T, N, 2) float32 array
        Pixels; the convex hull of them is filled.
    depth : (T,) array
        Metres from the camera: the larger, the earlier it is painted.
    colour : (3,) tuple
        RGB, light not yet applied.
    visible : (T,) bool array
        False where the shape is turned away.
    """

    points: np.ndarray
    depth: np.ndarray
    colour: Colour
    visible: np.ndarray


class _Painter:
    """Collects shapes; knows the camera and where the light comes from."""

    def __init__(self, camera: Camera, light_side: float):
        self.camera = camera
        self.light_side = light_side
        self.shapes: list[Shape] = []

    def add(
        self,
        points: np.ndarray,
        depth: np.ndarray,
        colour: Colour,
        shade: float = 1.0,
        seen: np.ndarray | None = None,
    ) -> None:
        visible = np.ones(len(points), bool) if seen is None else seen
        self.shapes.append(Shape(points.astype(np.float32), depth, _times(colour, shade), visible))

    def radius(self, metres: float, depth: np.ndarray) -> np.ndarray:
        return metres * self.camera.focal / depth

    def chain(self, links: list[Link], depth: np.ndarray) -> None:
        """Shaded capsules at one depth; links of a colour are painted as one, without rims at the joints."""
        for colour, run in itertools.groupby(links, key=lambda link: link[3]):
            self._run(list(run), depth, colour)

    def _run(self, links: list[Link], depth: np.ndarray, colour: Colour) -> None:
        outlines = []
        for start, end, radii, _ in links:
            (first, near), (second, far) = map(self.camera.project, (start, end))
            outlines.append((first, second, self.radius(radii[0], near), self.radius(radii[1], far)))
        for share, shift, shade in _SHADES:
            for first, second, wide, narrow in outlines:
                aside = shift * self.light_side * (wide + narrow)[:, None] * [1.0, -0.3]
                outline = capsule(first + aside, second + aside, wide * share, narrow * share)
                self.add(outline, depth, colour, shade)

    def depth(self, point: np.ndarray) -> np.ndarray:
        """Distance (T,) of a point (T, 3) along the camera's axis."""
        return self.camera.project(point)[1]


def build_figure(
    joints: np.ndarray, person: Person, parameters: GaitParameters, camera: Camera, light_side: float
) -> list[Shape]:
    """Shapes of a walking person for every frame.

    Parameters
    ----------
    joints : (T, V, 3) array
        World joints in metres.
    person : Person
        Body and clothes.
    parameters : GaitParameters
        Of which the head's inclination is used.
    camera : Camera
        The camera.
    light_side : float
        -1 (light from the left of the picture) to 1.

    Returns
    -------
    list of Shape
        In painting order among shapes of equal depth.
    """
    painter = _Painter(camera, light_side)
    for side in ("left", "right"):
        _add_leg(painter, joints, person, side)
    _add_torso(painter, joints, person)
    for side in ("left", "right"):
        _add_arm(painter, joints, person, side)
    _add_head(painter, joints, person, parameters)
    return painter.shapes


def capsule(
    first: np.ndarray, second: np.ndarray, wide: np.ndarray, narrow: np.ndarray, corners: int = 7
) -> np.ndarray:
    """Outline of two circles and their common tangents: centres (T, 2), radii (T,) -> (T, 2 * corners, 2)."""
    along = second - first
    length = np.maximum(np.linalg.norm(along, axis=-1), 1e-6)
    angle = np.arctan2(along[:, 1], along[:, 0])[:, None]
    tangent = np.arccos(np.clip((wide - narrow) / length, -1, 1))[:, None]
    arc = np.linspace(-1, 1, corners)
    front, back = angle + tangent * arc, angle + np.pi + (np.pi - tangent) * arc
    ends = [
        centre[:, None] + radius[:, None, None] * np.stack([np.cos(turn), np.sin(turn)], axis=-1)
        for centre, radius, turn in ((second, narrow, front), (first, wide, back))
    ]
    return np.concatenate(ends, axis=1)


def _times(colour: Colour, shade: float) -> Colour:
    red, green, blue = (int(min(255, part * shade)) for part in colour)
    return red, green, blue


def _between(start: np.ndarray, end: np.ndarray, share: float) -> np.ndarray:
    return start + share * (end - start)


def _add_leg(painter: _Painter, joints: np.ndarray, person: Person, side: str) -> None:
    looks, size = person.looks, person.body.height * person.body.girth
    hip, knee, ankle, heel, ball, toe = (
        joints[:, INDEX[f"{side}_{part}"]] for part in ("hip", "knee", "ankle", "heel", "ball", "toe")
    )
    # Legs are ordered among themselves, and both lie behind the hem of the shirt.
    torso = painter.depth(joints[:, INDEX["chest"]])
    depth = torso + 0.06 + 0.1 * (painter.depth((hip + knee + ankle) / 3) - torso)
    _add_shoe(painter, (ankle, heel, ball, toe), person, depth)
    shin = looks.trousers if looks.long_trousers else looks.skin
    links: list[Link] = [(knee, _between(knee, ankle, 0.95), (0.034 * size, 0.023 * size), shin)]
    if looks.long_trousers:
        links.append(
            (_between(knee, ankle, 0.4), _between(knee, ankle, 0.93), (0.031 * size, 0.029 * size), shin)
        )
    links.append((hip, knee, (0.050 * size, 0.037 * size), looks.trousers))
    painter.chain(links, depth)


def _add_shoe(painter: _Painter, foot: tuple[np.ndarray, ...], person: Person, depth: np.ndarray) -> None:
    ankle, heel, ball, toe = foot
    thick = 0.016 * person.body.height
    up = np.array([0.0, thick, 0.0])
    back = _between(heel, ankle, 0.25)
    colour = person.looks.shoes
    links = [
        (_between(ankle, heel, 0.1), back, (1.5 * thick, 1.3 * thick), colour),
        (back, ball + up, (1.3 * thick, 1.25 * thick), colour),
        (ball + up, toe + 0.7 * up, (1.25 * thick, 0.8 * thick), colour),
    ]
    painter.chain(links, depth)


# The torso from the hips up: share of the way from pelvis to neck, half breadth and half depth as shares of
# the body's height. Shoulders, arms and neck are shapes of their own.
_RINGS = (
    (-0.10, 0.092, 0.066),
    (0.06, 0.094, 0.068),
    (0.36, 0.082, 0.060),
    (0.68, 0.096, 0.068),
    (0.86, 0.100, 0.056),
    (0.985, 0.040, 0.036),
)


def _add_torso(painter: _Painter, joints: np.ndarray, person: Person) -> None:
    rings = [_ring(joints, person, *ring) for ring in _RINGS]
    depth = painter.depth(joints[:, INDEX["chest"]]) - 0.07
    light = painter.light_side
    looks = person.looks
    _add_shoulders(painter, joints, person, depth)
    for share, _, shade in _SHADES:
        for lower, upper in itertools.pairwise(rings):
            painter.add(_narrowed(painter, lower, upper, share, light), depth, looks.top, shade)
    if looks.pattern == "stripes":
        for at in (0.12, 0.30, 0.48, 0.66):
            _add_band(painter, joints, person, (at, at + 0.07), depth)
    for part in ("logo", "open"):
        if looks.pattern == part:
            _add_front(painter, joints, person, part, depth)


def _add_shoulders(painter: _Painter, joints: np.ndarray, person: Person, depth: np.ndarray) -> None:
    """The slope from the neck to both shoulder joints, which closes the gap between torso and arms."""
    size = person.body.height * person.body.girth
    neck, chest = joints[:, INDEX["neck"]], joints[:, INDEX["chest"]]
    base = _between(neck, chest, 0.12)
    links: list[Link] = [
        (base, joints[:, INDEX[f"{side}_shoulder"]], (0.034 * size, 0.033 * size), person.looks.top)
        for side in ("left", "right")
    ]
    painter.chain(links, depth)


def _ring(joints: np.ndarray, person: Person, share: float, half: float, deep: float) -> np.ndarray:
    """An elliptic ring (T, 12, 3) about the spine, turned from the hips' direction to the shoulders'."""
    pelvis, neck = joints[:, INDEX["pelvis"]], joints[:, INDEX["neck"]]
    body = person.body
    across = _side_axis(joints, share)
    up = neck - pelvis
    front = np.cross(across, up / np.linalg.norm(up, axis=-1, keepdims=True))
    turn = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    breadth = (
        body.shoulder_half / (0.112 * body.height) if share > 0.5 else body.hip_half / (0.052 * body.height)
    )
    # Girth adds to depth more than to breadth, as bellies do.
    wide, thick = half * body.height * breadth * np.sqrt(body.girth), deep * body.height * body.girth**1.5
    flat = (
        wide * np.cos(turn)[None, :, None] * across[:, None]
        + thick * np.sin(turn)[None, :, None] * front[:, None]
    )
    return (pelvis + share * up)[:, None] + flat


def _side_axis(joints: np.ndarray, share: float) -> np.ndarray:
    """Unit vector to the body's left (T, 3), between the hips' line and the shoulders'."""
    lines = [
        joints[:, INDEX[f"left_{part}"]] - joints[:, INDEX[f"right_{part}"]] for part in ("hip", "shoulder")
    ]
    hips, shoulders = (line / np.linalg.norm(line, axis=-1, keepdims=True) for line in lines)
    mixed = _between(hips, shoulders, float(np.clip(share, 0, 1)))
    return mixed / np.linalg.norm(mixed, axis=-1, keepdims=True)


def _narrowed(
    painter: _Painter, lower: np.ndarray, upper: np.ndarray, share: float, light: float
) -> np.ndarray:
    """Two rings in the picture, narrowed about their middle and moved toward the light."""
    pixels = []
    for ring in (lower, upper):
        flat, _ = painter.camera.project(ring)
        middle = flat.mean(axis=1, keepdims=True)
        half = np.ptp(flat[..., 0], axis=1)[:, None, None] / 2
        pixels.append(middle + (flat - middle) * [share, 1.0] + light * (1 - share) * 0.6 * half * [1.0, 0.0])
    return np.concatenate(pixels, axis=1)


def _add_band(
    painter: _Painter, joints: np.ndarray, person: Person, span: tuple[float, float], depth: np.ndarray
) -> None:
    halves = np.interp(span, [ring[0] for ring in _RINGS], [ring[1] for ring in _RINGS])
    deeps = np.interp(span, [ring[0] for ring in _RINGS], [ring[2] for ring in _RINGS])
    lower, upper = (_ring(joints, person, *ring) for ring in zip(span, halves, deeps, strict=True))
    painter.add(_narrowed(painter, lower, upper, 1.0, 0.0), depth, person.looks.accent, 0.92)


def _add_front(painter: _Painter, joints: np.ndarray, person: Person, kind: str, depth: np.ndarray) -> None:
    """What only the chest shows: a printed logo, or a strip of the shirt under an open jacket."""
    pelvis, neck = joints[:, INDEX["pelvis"]], joints[:, INDEX["neck"]]
    across = _side_axis(joints, 0.7)
    up = neck - pelvis
    front = np.cross(across, up / np.linalg.norm(up, axis=-1, keepdims=True))
    low, high, half = (0.55, 0.75, 0.03) if kind == "logo" else (0.0, 0.94, 0.022)
    ahead = 0.064 * person.body.height * person.body.girth**1.5 * front
    corners = [
        pelvis + share * up + ahead + side * half * person.body.height * across
        for share, side in ((low, -1), (low, 1), (high, 1), (high, -1))
    ]
    seen = _faces(painter.camera, pelvis, front, 0.12)
    painter.add(painter.camera.project(np.stack(corners, 1))[0], depth, person.looks.accent, 0.97, seen)


def _faces(camera: Camera, point: np.ndarray, normal: np.ndarray, least: float = 0.0) -> np.ndarray:
    """Whether surfaces at points (T, 3) with unit normals (T, 3) look at the camera -> (T,)."""
    toward = np.asarray(camera.position) - point
    return (normal * toward).sum(axis=-1) > least * np.linalg.norm(toward, axis=-1)


def _add_arm(painter: _Painter, joints: np.ndarray, person: Person, side: str) -> None:
    looks, size = person.looks, person.body.height * person.body.girth
    shoulder, elbow, wrist, hand, thumb, index, pinky = (
        joints[:, INDEX[f"{side}_{part}"]]
        for part in ("shoulder", "elbow", "wrist", "hand", "thumb", "index", "pinky")
    )
    knuckles = (index + pinky) / 2
    bare = not looks.long_sleeves
    links: list[Link] = [
        (wrist, thumb, (0.010 * size, 0.008 * size), looks.skin),
        (
            _between(wrist, knuckles, 0.2),
            _between(knuckles, hand, 0.7),
            (0.018 * size, 0.013 * size),
            looks.skin,
        ),
        (elbow, wrist, (0.024 * size, 0.017 * size), looks.skin if bare else looks.top),
    ]
    if bare:
        links.append((shoulder, elbow, (0.028 * size, 0.024 * size), looks.skin))
        links.append((shoulder, _between(shoulder, elbow, 0.75), (0.033 * size, 0.032 * size), looks.top))
    else:
        links.append((shoulder, elbow, (0.033 * size, 0.027 * size), looks.top))
    # A hand before the body is painted over it, an arm swung away from the camera behind it.
    painter.chain(links, np.min([painter.depth(joint) for joint in (shoulder, elbow, wrist)], axis=0))


def _sphere(count: int) -> np.ndarray:
    """Evenly spread unit vectors (count, 3) (left, up, forward), on a golden spiral."""
    up = 1 - 2 * (np.arange(count) + 0.5) / count
    turn = np.arange(count) * np.pi * (3 - np.sqrt(5))
    ring = np.sqrt(1 - up**2)
    return np.stack([ring * np.cos(turn), up, ring * np.sin(turn)], axis=-1)


class _Head:
    """The head's own frame: places points and small shapes on its surface."""

    def __init__(self, painter: _Painter, centre: np.ndarray, axes: np.ndarray, height: float):
        self.painter, self.centre, self.axes, self.height = painter, centre, axes, height
        self.depth = painter.depth(centre) - 0.03

    def surface(self, directions: np.ndarray, scale: float | np.ndarray = 1.0) -> np.ndarray:
        """Points (T, N, 3) on the head for unit directions (N, 3)."""
        return self.centre[:, None] + (directions * HEAD_RADII * scale * self.height) @ self.axes

    def patch(
        self, directions: np.ndarray, colour: Colour, scale: float | np.ndarray = 1.0, shade: float = 1
    ) -> None:
        """The visible part of a piece of the surface, as one convex shape."""
        points = self.surface(directions, scale)
        normals = directions / HEAD_RADII
        normals = normals / np.linalg.norm(normals, axis=-1, keepdims=True) @ self.axes
        toward = np.asarray(self.painter.camera.position) - self.centre
        facing = toward / np.linalg.norm(toward, axis=-1, keepdims=True) @ normals.T > 0.03
        first = facing.argmax(axis=1)
        # A hidden point is put onto a visible one, where it does not change the hull.
        points = np.where(facing[..., None], points, points[np.arange(len(points)), first][:, None])
        pixels, _ = self.painter.camera.project(points)
        self.painter.add(pixels, self.depth, colour, shade, facing.sum(axis=1) > 2)

    def spot(self, place: tuple[float, float, float], radii: tuple[float, float], colour: Colour) -> None:
        """A small upright ellipse at (left, up, forward), shares of the height; ``radii`` in millimetres."""
        offset = np.asarray(place) * self.height
        point = self.centre + offset @ self.axes
        normal = np.array([place[0], 0.0, place[2]])
        normal = np.broadcast_to(normal / np.linalg.norm(normal) @ self.axes, point.shape)
        turn = np.linspace(0, 2 * np.pi, 10, endpoint=False)
        flat = np.stack([radii[0] * np.cos(turn), radii[1] * np.sin(turn), np.zeros(10)], axis=-1) / 1000
        seen = _faces(self.painter.camera, point, normal, 0.15)
        pixels, _ = self.painter.camera.project(point[:, None] + flat @ self.axes)
        self.painter.add(pixels, self.depth, colour, 1.0, seen)


def _add_head(painter: _Painter, joints: np.ndarray, person: Person, parameters: GaitParameters) -> None:
    body, looks = person.body, person.looks
    axes = head_axes(parameters)
    centre, neck = joints[:, INDEX["head"]], joints[:, INDEX["neck"]]
    size = body.height * body.girth**0.5
    head = _Head(painter, centre, axes, body.height)
    painter.chain([(neck, _between(neck, centre, 0.6), (0.033 * size, 0.031 * size), looks.skin)], head.depth)
    _add_long_hair(painter, head, person)
    directions = _sphere(150)
    _add_scalp(head, directions, looks.hair_style, looks.hair, looks.skin)
    for side in (1, -1):
        head.spot((0.0445 * side, -0.002, -0.004), (7, 15), _times(looks.skin, 0.85))
    # The face is the front of the head below the hair line.
    face = directions[(directions[:, 2] > 0.12) & (directions[:, 1] < 0.62)]
    head.patch(face, looks.skin, shade=0.88)
    cheek = directions[(directions[:, 2] > 0.35) & (directions[:, 1] < 0.5) & (directions[:, 1] > -0.8)]
    head.patch(cheek, looks.skin)
    _add_face(head, person)


def _add_scalp(head: _Head, directions: np.ndarray, style: str, hair: Colour, skin: Colour) -> None:
    if style == "bald":
        head.patch(directions, skin, shade=0.92)
        return
    head.patch(directions[(directions[:, 2] < 0.2) | (directions[:, 1] > -0.3)], skin, shade=0.85)
    cap = directions[(directions[:, 1] > 0.45) | ((directions[:, 2] < 0.0) & (directions[:, 1] > -0.55))]
    head.patch(cap, hair, 1.09)
    crown = cap[(cap[:, 1] > 0.3)]
    head.patch(crown, hair, 1.03, shade=1.2)


def _add_long_hair(painter: _Painter, head: _Head, person: Person) -> None:
    height, style = person.body.height, person.looks.hair_style
    if style not in ("long", "bun"):
        return
    back = head.centre + (np.array([0, 0.01, -0.04]) * height) @ head.axes
    end = head.centre + (np.array([0, -0.10, -0.055]) * height) @ head.axes
    if style == "bun":
        back = end = head.centre + (np.array([0, 0.035, -0.07]) * height) @ head.axes
    wide = (0.043, 0.036) if style == "long" else (0.024, 0.024)
    painter.chain([(back, end, (wide[0] * height, wide[1] * height), person.looks.hair)], painter.depth(end))


def _add_face(head: _Head, person: Person) -> None:
    skin, hair = person.looks.skin, person.looks.hair
    for side in (1, -1):
        head.spot((0.018 * side, 0.009, 0.0500), (13.5, 6.5), (240, 238, 234))
        head.spot((0.018 * side, 0.009, 0.0505), (6, 6.5), (38, 28, 24))
        head.spot((0.018 * side, 0.017, 0.0505), (15, 3), _times(hair, 0.8))
    nose = head.centre + (np.array([[0, 0.008, 0.053]]) * head.height) @ head.axes
    tip = head.centre + (np.array([[0, -0.008, 0.062]]) * head.height) @ head.axes
    radius = 0.0055 * head.height
    seen = _faces(head.painter.camera, tip, np.broadcast_to(head.axes[2], tip.shape), -0.1)
    (first, near), (second, far) = head.painter.camera.project(nose), head.painter.camera.project(tip)
    wide = head.painter.radius(0.6 * radius, near), head.painter.radius(1.5 * radius, far)
    head.painter.add(capsule(first, second, *wide), head.depth, skin, 0.80, seen)
    head.spot((0.0, -0.029, 0.051), (22, 5), (150, 72, 68))
