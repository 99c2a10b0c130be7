"""Joints as pictures: a body on its floor seen by a camera of ours, or joints on top of a video's frame.

Everything here is drawn with OpenCV's anti-aliased lines: a picture takes a few milliseconds, so that the same
functions serve a live page, an animation and a report. Blue is left and orange is right, two colours of Okabe and
Ito's palette (2008, "Color Universal Design"), which people with any kind of colour vision can tell apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np

from gait.skeleton import Layout, find_layout
from gait.video import FrameSize, fit_frame

LEFT, RIGHT, MIDDLE = (0, 114, 178), (213, 94, 0), (85, 85, 90)
PAPER, INK = (250, 250, 250), (70, 70, 74)
_HEAD = (205, 206, 209)
_FLOOR, _SHADOW = np.array([206, 208, 210]), (226, 227, 226)
# The camera's distance from the point that it looks at, in picture heights measured there: no strong perspective.
_DISTANCE = 2.8
# Nearer to the camera than this share of its distance nothing is drawn.
_NEAREST = 0.1
_SHIFT = 4  # sub-pixel bits of OpenCV's drawing
_FLOOR_CELLS = 7  # from the middle of the floor to its edge
# Radii of dots and of bones as shares of the body's height; face, hands and feet are finer than the limbs.
_THICK, _FINE = (0.0145, 0.0095), (0.0055, 0.0045)
_HEAD_RADIUS = 0.056  # half of a head's breadth and height, on average (Drillis and Contini 1966)
_DETAIL = ("eye", "ear", "mouth", "nose", "pinky", "thumb", "index", "toe", "heel")


@dataclass(frozen=True)
class View:
    """Where the camera stands.

    Attributes
    ----------
    azimuth : float
        Degrees about the vertical: 0 sees a walk of a video as the video does, 90 from the right of that.
    elevation : float
        Degrees above the horizontal, -89 to 89.
    centre : (float, float, float)
        The point in the middle of the picture, same unit and axes as the joints.
    span : float
        Height of the picture at that point.
    body : float
        Height of the body, which sets how thick its lines are.
    """

    azimuth: float = 35.0
    elevation: float = 12.0
    centre: tuple[float, float, float] = (0.0, 0.9, 0.0)
    span: float = 2.2
    body: float = 1.7

    def over(self, place: np.ndarray) -> View:
        """The same camera at another place (3,) of the floor; its height stays."""
        return replace(self, centre=(float(place[0]), self.centre[1], float(place[2])))

    def project(self, points: np.ndarray, size: FrameSize) -> tuple[np.ndarray, np.ndarray]:
        """Points (..., 3), y up -> pixels (..., 2) as (x, y) in a picture of this size, and depth (...).

        The depth is the distance along the line of sight over that of ``centre``: 1 there, less when nearer.
        """
        turn, lift = np.radians(self.azimuth), np.radians(self.elevation)
        right = np.array([np.cos(turn), 0.0, -np.sin(turn)])
        towards = np.array([np.sin(turn) * np.cos(lift), np.sin(lift), np.cos(turn) * np.cos(lift)])
        away = (np.asarray(points, np.float64) - self.centre) / (self.span * _DISTANCE)
        depth = 1 - away @ towards
        across = np.stack([away @ right, -(away @ np.cross(towards, right))], axis=-1)
        seen = across / np.maximum(depth, _NEAREST)[..., None] * _DISTANCE * size.height
        return seen + np.array([size.width / 2, size.height / 2]), depth


def draw(joints: np.ndarray, layout: str, size: FrameSize, view: View = View()) -> np.ndarray:
    """A body on its floor, in perspective: left limbs blue, right ones orange, their shadow below them.

    Parameters
    ----------
    joints : (V, 3) array
        y up, the floor at y = 0; see :func:`gait.placing.place`. A joint that holds NaN is not drawn, nor are
        its bones.
    layout : str
        Name of the layout, see :mod:`gait.skeleton`.
    size : FrameSize
        Height and width of the picture in pixels.
    view : View
        The camera.

    Returns
    -------
    (H, W, 3) uint8
        RGB.

    Raises
    ------
    GaitmoodError
        The layout is unknown.
    ValueError
        The joints are not as many as the layout's.
    """
    skeleton = _layout_of(joints, layout, axes=3)
    canvas = np.empty((size.height, size.width, 3), np.uint8)
    canvas[:] = PAPER
    _draw_floor(canvas, view, size)
    body = view.body / view.span * size.height
    shadow = np.where(np.isfinite(joints).all(axis=1, keepdims=True), joints * (1, 0, 1), np.nan)
    _draw_body(canvas, *view.project(shadow, size), skeleton, body, _SHADOW, edged=False)
    _draw_body(canvas, *view.project(joints, size), skeleton, body, head=True)
    return canvas


def draw_over(
    frame: np.ndarray,
    points: np.ndarray,
    layout: str,
    height: float | None = None,
    colour: tuple[int, int, int] | None = None,
) -> np.ndarray:
    """A copy of a video's frame with a body's joints on top of it, in the colours of :func:`draw`.

    Parameters
    ----------
    frame : (H, W, 3) uint8
        RGB.
    points : (V, 2) array
        Pixels, x to the right, y down; what holds NaN is not drawn.
    layout : str
        Name of the layout.
    height : float, optional
        Height of the body in pixels, which sets how thick the lines are; by default from the highest to the lowest
        of these points. Give one value for a walk, and the lines do not flicker.
    colour : (int, int, int), optional
        RGB, for all joints: where left and right are not known.

    Raises
    ------
    GaitmoodError
        The layout is unknown.
    ValueError
        The points are not as many as the layout's joints.
    """
    skeleton = _layout_of(points, layout, axes=2)
    canvas = np.array(frame)
    known = points[np.isfinite(points).all(axis=1)]
    if len(known):
        height = np.ptp(known[:, 1]) if height is None else height
        _draw_body(canvas, points, np.ones(len(points)), skeleton, max(float(height), 40.0), colour)
    return canvas


def side_colours(layout: str) -> tuple[tuple[int, int, int], ...]:
    """RGB colour of each joint: of its side, or of neither."""
    return _colours(find_layout(layout))[0]


def write_text(
    picture: np.ndarray,
    text: str,
    place: tuple[int, int],
    height: int,
    colour: Sequence[int] = INK,
    align: Literal["left", "right"] = "left",
) -> int:
    """Write a line into a picture, in place; the number of pixels that it is wide.

    Parameters
    ----------
    place : (int, int)
        x of its left end (or of its right one, where ``align`` says so) and y of its base line.
    height : int
        Of a capital letter, in pixels.
    """
    width, (scale, thick) = text_width(text, height), _letters(height)
    start = (place[0] - (width if align == "right" else 0), place[1])
    cv2.putText(picture, text, start, cv2.FONT_HERSHEY_SIMPLEX, scale, tuple(colour), thick, cv2.LINE_AA)
    return width


def text_width(text: str, height: int) -> int:
    """Pixels that :func:`write_text` would take."""
    return cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, *_letters(height))[0][0]


def _letters(height: int) -> tuple[float, int]:
    """OpenCV's scale and line width for capital letters of a height."""
    return height / 21, max(1, round(height / 11))


def draw_legend(picture: np.ndarray, place: tuple[int, int], height: int) -> None:
    """Write which colour is which side into a picture, in place; arguments as of :func:`write_text`."""
    x, y = place
    for word, colour in (("left", LEFT), ("right", RIGHT)):
        middle = _fixed(np.array([x + height / 2, y - height / 2]))
        cv2.circle(picture, middle, int(height / 2 * 2**_SHIFT), colour, cv2.FILLED, cv2.LINE_AA, _SHIFT)
        x += round(1.5 * height)
        x += write_text(picture, word, (x, y), height) + round(1.5 * height)


def floor_cell(span: float) -> float:
    """Side of a square of the floor: 1, 2 or 5 times a power of ten, about a fifth of the picture's height."""
    power = 10.0 ** np.floor(np.log10(span / 5))
    return float(max(step * power for step in (1, 2, 5) if step * power <= span / 4))


def _layout_of(points: np.ndarray, name: str, axes: int) -> Layout:
    skeleton = find_layout(name)
    if points.shape != (len(skeleton), axes):
        raise ValueError(f"joints of shape {(len(skeleton), axes)} expected for {name}, found {points.shape}")
    return skeleton


@lru_cache
def _colours(skeleton: Layout) -> tuple[tuple[tuple[int, int, int], ...], tuple[tuple[int, int, int], ...]]:
    """Colours of joints and of bones; a bone is of the side of its ends, where they are not of both."""
    sides = [0] * len(skeleton)
    for left, right in skeleton.pairs:
        sides[left], sides[right] = 1, -1
    table = {0: MIDDLE, 1: LEFT, -1: RIGHT}
    both = [{sides[a], sides[b]} - {0} for a, b in skeleton.edges]
    bones = tuple(table[min(found)] if len(found) == 1 else MIDDLE for found in both)
    return tuple(table[side] for side in sides), bones


@lru_cache
def _radii(skeleton: Layout) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Radii of joints and of bones, shares of the body's height."""
    fine = [any(word in joint for word in _DETAIL) for joint in skeleton.joints]
    joints = tuple((_FINE if small else _THICK)[0] for small in fine)
    return joints, tuple((_FINE if fine[a] or fine[b] else _THICK)[1] for a, b in skeleton.edges)


@lru_cache
def _head(skeleton: Layout) -> tuple[int, ...]:
    """The joints whose middle is the middle of the head."""
    names = ("head",) if "head" in skeleton.joints else ("left_ear", "right_ear")
    return tuple(skeleton.index(name) for name in names)


def _draw_body(
    canvas: np.ndarray,
    pixels: np.ndarray,
    depth: np.ndarray,
    skeleton: Layout,
    body: float,
    one: tuple[int, int, int] | None = None,
    head: bool = False,
    edged: bool = True,
) -> None:
    """Bones and joints from far to near; all in one colour where ``one`` is given.

    ``body`` is the body's height in pixels at depth 1; ``head`` asks for a ball where the head is, ``edged`` for a
    thin light edge around everything.
    """
    known = np.isfinite(pixels).all(axis=1) & (depth > _NEAREST)
    places = _fixed_all(np.where(known[:, None], pixels, 0), canvas.shape)
    shapes = _shapes(places, depth, known, skeleton)
    parts = list(_head(skeleton))
    if head and known[parts].all():
        middle = _fixed(pixels[parts].mean(axis=0))
        shapes.append((depth[parts].mean(), _HEAD_RADIUS, _HEAD, middle, middle))
    edge = max(0.0035 * body, 0.8) if edged else 0
    for far, radius, colour, start, end in sorted(shapes, key=_by_depth):
        pixel = radius * body / far
        if edge:
            _capsule(canvas, start, end, pixel + edge, PAPER)
        _capsule(canvas, start, end, pixel, one or colour)


def _shapes(
    places: list[tuple[int, int]], depth: np.ndarray, known: np.ndarray, skeleton: Layout
) -> list[tuple]:
    """Depth, radius, colour and both ends of everything that a body is drawn with."""
    (joint_colours, bone_colours), (joint_radii, bone_radii) = _colours(skeleton), _radii(skeleton)
    shapes, nearest = [], depth.copy()
    for i, (a, b) in enumerate(skeleton.edges):
        if known[a] and known[b]:
            far = (depth[a] + depth[b]) / 2
            shapes.append((far, bone_radii[i], bone_colours[i], places[a], places[b]))
            nearest[[a, b]] = np.minimum(nearest[[a, b]], far)
    # A dot lies over all bones that end in it.
    dots = [(nearest[i] - 1e-6, joint_radii[i], joint_colours[i], places[i], places[i])
            for i in np.flatnonzero(known)]  # fmt: skip
    return shapes + dots


def _by_depth(shape: tuple) -> float:
    return -shape[0]


def _capsule(
    canvas: np.ndarray, start: tuple[int, int], end: tuple[int, int], radius: float, colour: tuple[int, ...]
) -> None:
    """A line with round ends; a dot where they are one."""
    if start == end:
        around = max(int(radius * 2**_SHIFT), 2**_SHIFT)
        cv2.circle(canvas, start, around, colour, cv2.FILLED, cv2.LINE_AA, _SHIFT)
    else:
        cv2.line(canvas, start, end, colour, max(round(2 * radius), 1), cv2.LINE_AA, _SHIFT)


def _draw_floor(canvas: np.ndarray, view: View, size: FrameSize) -> None:
    """A grid at y = 0 that fades out around the body. Its lines stand still when the camera follows a walker."""
    cell = floor_cell(view.span)
    middle = np.array([view.centre[0], view.centre[2]]) / cell
    steps = np.arange(-_FLOOR_CELLS, _FLOOR_CELLS + 1)
    columns, rows = np.meshgrid(np.floor(middle[0]) + steps, np.floor(middle[1]) + steps, indexing="ij")
    nodes = np.stack([columns, np.zeros_like(rows), rows], axis=-1) * cell
    pixels, depth = view.project(nodes, size)
    places = _fixed_all(pixels.reshape(-1, 2), canvas.shape)
    index = np.arange(len(places)).reshape(depth.shape)
    pairs = np.concatenate(
        [np.stack([index[:-1].ravel(), index[1:].ravel()], axis=1),
         np.stack([index[:, :-1].ravel(), index[:, 1:].ravel()], axis=1)]
    )  # fmt: skip
    ends = np.stack([columns.ravel(), rows.ravel()], axis=1)[pairs]
    away = np.linalg.norm(ends.mean(axis=1) - middle, axis=1) / _FLOOR_CELLS
    seen = (depth.ravel()[pairs] > 2 * _NEAREST).all(axis=1)
    thick = max(1, round(size.height / 500))
    for near, far in ((0.8, 1.0), (0.6, 0.8), (0.4, 0.6), (0.0, 0.4)):
        chosen = seen & (away >= near) & (away < far)
        lines = np.array(places, np.int32)[pairs[chosen]]
        strength = 1 - near
        colour = tuple((strength * _FLOOR + (1 - strength) * np.array(PAPER)).round().tolist())
        cv2.polylines(canvas, list(lines), False, colour, thick, cv2.LINE_AA, _SHIFT)


def _fixed(point: np.ndarray) -> tuple[int, int]:
    """A point (2,) in the fixed-point numbers that OpenCV draws with."""
    x, y = np.round(point * 2**_SHIFT).astype(int).tolist()
    return x, y


def _fixed_all(points: np.ndarray, shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """Points (N, 2) as :func:`_fixed`; those far outside the picture stay where OpenCV can still count."""
    limit = 20 * max(shape)
    return [_fixed(point) for point in np.clip(points, -limit, limit)]


def frame_inside(frame: np.ndarray, size: FrameSize) -> np.ndarray:
    """A frame, as large as it fits, in the middle of a picture (H, W, 3) of this size."""
    if frame.shape[:2] == (size.height, size.width):
        return frame
    frame = fit_frame(frame, size)
    height, width = frame.shape[:2]
    left, top = (size.width - width) // 2, (size.height - height) // 2
    canvas = np.full((size.height, size.width, 3), PAPER, np.uint8)
    canvas[top : top + height, left : left + width] = frame
    return canvas


def to_png(picture: np.ndarray) -> bytes:
    """A picture (H, W, 3) RGB as the bytes of a .png file."""
    return cv2.imencode(".png", picture[..., ::-1])[1].tobytes()
