"""Walks into frames: the empty scene, a soft shadow, the figure's shapes from far to near."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from synthesis.camera import Camera
from synthesis.figure import Shape, build_figure
from synthesis.joints import INDEX
from synthesis.scene import paint_background
from synthesis.walks import Walk

_SHIFT = 4  # Sub-pixel bits of OpenCV's drawing.


def render(walk: Walk, covered_face: bool = False) -> Iterator[np.ndarray]:
    """Frames of a walk, one after the other.

    Parameters
    ----------
    walk : Walk
        What to show.
    covered_face : bool
        Draw the black box over the face that published gait data carry.

    Yields
    ------
    (H, W, 3) uint8 array
        RGB; a new array each time.
    """
    scene = walk.scene
    background = paint_background(scene, walk.camera)
    shapes = build_figure(walk.joints, walk.person, walk.parameters, walk.camera, scene.light_side)
    polygons = [np.round(shape.points * 2**_SHIFT).astype(np.int32) for shape in shapes]
    colours = [tuple(np.minimum(np.multiply(shape.colour, scene.light), 255).tolist()) for shape in shapes]
    order = np.argsort(-np.stack([shape.depth for shape in shapes]), axis=0, kind="stable")
    shadows = _shadow_outlines(walk)
    boxes = _face_boxes(walk) if covered_face else None
    for number in range(len(walk.time)):
        frame = background.copy()
        _paint_shadow(frame, shadows[number])
        _paint_figure(frame, shapes, polygons, colours, order[:, number], number)
        if boxes is not None:
            (left, top), (right, bottom) = boxes[number].tolist()
            cv2.rectangle(frame, (left, top), (right, bottom), (0, 0, 0), cv2.FILLED)
        yield frame


def _paint_figure(
    frame: np.ndarray,
    shapes: list[Shape],
    polygons: list[np.ndarray],
    colours: list[tuple[float, ...]],
    order: np.ndarray,
    number: int,
) -> None:
    for index in order.tolist():
        if shapes[index].visible[number]:
            hull = cv2.convexHull(polygons[index][number])
            cv2.fillConvexPoly(frame, hull, colours[index], cv2.LINE_AA, _SHIFT)


def _shadow_outlines(walk: Walk) -> np.ndarray:
    """The shadow on the floor under the body as pixels (T, N, 2)."""
    turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    feet = walk.joints[:, [INDEX[f"{side}_{part}"] for side in ("left", "right") for part in ("heel", "toe")]]
    middle, reach = feet.mean(axis=1), np.ptp(feet[..., 2], axis=1)
    ring = np.zeros((len(feet), len(turn), 3))
    ring[..., 0] = middle[:, None, 0] + 0.26 * np.cos(turn) + 0.12 * walk.scene.light_side
    ring[..., 2] = middle[:, None, 2] + (0.10 + 0.5 * reach[:, None]) * np.sin(turn)
    return walk.camera.project(ring)[0]


def _paint_shadow(frame: np.ndarray, outline: np.ndarray, strength: float = 0.45, soft: int = 4) -> None:
    height, width = frame.shape[:2]
    low = np.maximum(np.floor(outline.min(axis=0)).astype(int) - 3 * soft, 0)
    high = np.minimum(np.ceil(outline.max(axis=0)).astype(int) + 3 * soft, [width, height])
    if (high <= low).any():
        return
    part = frame[low[1] : high[1], low[0] : high[0]]
    mask = np.zeros(part.shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, np.round(outline - low).astype(np.int32), 255)
    mask = cv2.blur(mask, (4 * soft + 1, 2 * soft + 1))
    keep = cv2.merge([255 - (mask * strength).astype(np.uint8)] * 3)
    cv2.multiply(part, keep, dst=part, scale=1 / 255)


def _face_boxes(walk: Walk) -> np.ndarray:
    """Corners (T, 2, 2) of the box over the head, in whole pixels."""
    names = ("head_top", "nose", "left_ear", "right_ear", "left_mouth", "right_mouth", "head")
    pixels = walk.image[:, [INDEX[name] for name in names]]
    depth = _depth(walk.camera, walk.joints[:, INDEX["head"]])
    margin = (0.03 * walk.person.body.height * walk.camera.focal / depth)[:, None]
    return np.stack([pixels.min(axis=1) - margin, pixels.max(axis=1) + margin], axis=1).round().astype(int)


def _depth(camera: Camera, points: np.ndarray) -> np.ndarray:
    return camera.project(points)[1]
