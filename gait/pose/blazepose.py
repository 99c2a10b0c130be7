"""BlazePose on LiteRT: a person detector, and a landmark network that sees the person's region upright.

The graph is the one that MediaPipe publishes (modules ``pose_detection`` and ``pose_landmark``; Bazarevsky et
al. 2020, "BlazePose: On-device Real-time Body Pose tracking"; Grishchenko et al. 2022, "BlazePose GHUM
Holistic"). No TensorFlow is in the process.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from gait.backend import silent_stderr
from gait.pose.tracking import Landmarks, Region, region_from_points
from gait.pose.weights import Weights, WeightsError

LAYOUT = "blazepose33"
LANDMARKS = 33
DETECTOR_SIDE, LANDMARK_SIDE, HEAT_MAP_SIDE = 224, 256, 64
ANCHOR_GRIDS = ((28, 2), (14, 2), (7, 6))  # cells a side, anchors a cell
MIN_SCORE = 0.5
MIN_OVERLAP = 0.3
MIN_PRESENCE = 0.5
HEAT_MAP_KERNEL = 7
HEAT_MAP_CONFIDENCE = 0.5
_ALIGNMENT = slice(33, 35)


class BlazePose:
    """Finds people in frames; see :class:`gait.pose.tracking.Finder`.

    Parameters
    ----------
    weights : Weights
        The two model files' contents.
    threads : int
        Threads of each network. One a process is best where several videos run side by side.
    """

    def __init__(self, weights: Weights, threads: int = 1):
        self._detector = Network(weights.detector, DETECTOR_SIDE, threads)
        self._landmarks = Network(weights.landmarks, LANDMARK_SIDE, threads)
        self._boxes = self._detector.output(1, 2254, 12)
        self._scores = self._detector.output(1, 2254, 1)
        self._points = self._landmarks.output(1, 195)
        self._presence = self._landmarks.output(1, 1)
        self._heat_maps = self._landmarks.output(1, HEAT_MAP_SIDE, HEAT_MAP_SIDE, 39)
        self._world = self._landmarks.output(1, 117)
        self._anchors = make_anchors()

    def detect(self, frame: np.ndarray, thorough: bool = False) -> list[Region]:
        """Regions of the people in a frame (H, W, 3) uint8 RGB, the surest first.

        The detector sees the whole picture, as in MediaPipe, and then is often blind to people who are far
        away or side by side. ``thorough``: in wide pictures it also looks at upright strips, so that a person
        may be found more than once.
        """
        height, width = frame.shape[:2]
        found = self._detect_in(frame, Region(width / 2, height / 2, max(height, width)))
        if thorough:
            for left, right in find_strips(height, width):
                strip = Region((right - left) / 2, height / 2, height)
                inside = self._detect_in(frame[:, left:right], strip)
                found += [replace(region, x=region.x + left) for region in inside]
        return found

    def _detect_in(self, frame: np.ndarray, whole: Region) -> list[Region]:
        picture = crop(frame, whole, DETECTOR_SIDE, cv2.BORDER_CONSTANT)
        self._detector.run(picture, 2 / 255, -1.0)
        scores = _sigmoid(self._detector.read(self._scores)[0, :, 0])
        sure = np.flatnonzero(scores >= MIN_SCORE)
        if not len(sure):
            return []
        boxes, points = decode_boxes(self._detector.read(self._boxes)[0, sure], self._anchors[sure])
        people = merge_overlapping(boxes, points, scores[sure])
        return [region_from_points(whole.to_frame(person[:2])) for person in people]

    def locate(self, frame: np.ndarray, region: Region) -> Landmarks | None:
        """Joints of the person in a region of a frame; None where the network sees nobody there."""
        if region.side < 2:
            return None
        picture = crop(frame, region, LANDMARK_SIDE, cv2.BORDER_REPLICATE)
        self._landmarks.run(picture, 1 / 255, 0.0)
        if float(self._landmarks.read(self._presence)[0, 0]) <= MIN_PRESENCE:
            return None
        raw = self._landmarks.read(self._points).reshape(39, 5)
        points = refine_points(raw[:, :2] / LANDMARK_SIDE, self._landmarks.read(self._heat_maps)[0])
        points = region.to_frame(points.astype(np.float64))
        world = self._landmarks.read(self._world).reshape(39, 3)[:LANDMARKS]
        return Landmarks(
            points[:LANDMARKS],
            world_axes(world, region),
            _sigmoid(raw[:LANDMARKS, 3]),
            points[_ALIGNMENT],
        )


def crop(frame: np.ndarray, region: Region, side: int, border: int) -> np.ndarray:
    """A region of a frame, upright, as (side, side, 3) uint8; ``border`` is OpenCV's border mode."""
    turn = region.rotation * region.side / side
    corner = region.to_frame(np.zeros((1, 2)))[0]
    to_source = np.column_stack([turn, corner])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(frame, to_source, (side, side), flags=flags, borderMode=border)


def find_strips(height: int, width: int) -> list[tuple[int, int]]:
    """First and one-past-last columns of 9:16 strips over a wider picture, each half in the next; or none."""
    strip = round(height * 9 / 16)
    if width < 4 / 3 * strip:
        return []
    count = math.ceil((width - strip) / (strip / 2)) + 1
    starts = np.linspace(0, width - strip, count).round().astype(int)
    return [(int(start), int(start) + strip) for start in starts]


def make_anchors() -> np.ndarray:
    """Centres (2254, 2) of the detector's anchors as x, y in [0, 1]: row by row, grid after grid."""
    grids = []
    for cells, repeats in ANCHOR_GRIDS:
        centres = (np.arange(cells) + 0.5) / cells
        grid = np.stack(np.meshgrid(centres, centres), axis=-1).reshape(-1, 2)
        grids.append(np.repeat(grid, repeats, axis=0))
    return np.concatenate(grids)


def decode_boxes(raw: np.ndarray, anchors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The detector's answer in units of its input.

    Parameters
    ----------
    raw : (N, 12) float
        Offsets in pixels of the input: centre and size of the face's box, then four points.
    anchors : (N, 2) float
        The anchors they belong to.

    Returns
    -------
    (N, 4) and (N, 4, 2) float
        Boxes as left, top, right, bottom; points: middle of the hips, size and rotation of the whole body,
        middle of the shoulders, size and rotation of the upper body.
    """
    scaled = raw.astype(np.float64) / DETECTOR_SIDE
    centre, size = scaled[:, :2] + anchors, scaled[:, 2:4]
    boxes = np.concatenate([centre - size / 2, centre + size / 2], axis=1)
    return boxes, scaled[:, 4:].reshape(-1, 4, 2) + anchors[:, None]


def merge_overlapping(boxes: np.ndarray, points: np.ndarray, scores: np.ndarray) -> list[np.ndarray]:
    """Weighted non-maximum suppression: one set of points a person, the surest first.

    The surest box and all that overlap it (intersection over union above ``MIN_OVERLAP``) give one person,
    whose points are the mean of theirs, weighted by score; then the same with those that are left.

    Parameters
    ----------
    boxes : (N, 4) float
        Left, top, right, bottom.
    points : (N, P, 2) float
        Points that belong to them.
    scores : (N,) float
        Positive.

    Returns
    -------
    list of (P, 2) float arrays
    """
    left = np.argsort(-scores, kind="stable")
    people = []
    while len(left):
        close = _overlaps(boxes[left[0]], boxes[left]) > MIN_OVERLAP
        close[0] = True  # even a box without area goes with itself
        people.append(np.average(points[left[close]], axis=0, weights=scores[left[close]]))
        left = left[~close]
    return people


def _overlaps(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    inner = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    shared = np.prod(np.maximum(inner, 0), axis=1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return shared / np.maximum(np.prod(box[2:] - box[:2]) + areas - shared, 1e-12)


def refine_points(points: np.ndarray, heat_maps: np.ndarray) -> np.ndarray:
    """Landmarks moved to the centre of mass of their heat maps nearby.

    Parameters
    ----------
    points : (N, 2) float
        x, y in [0, 1] of the region.
    heat_maps : (S, S, N) float
        Logits, one map a landmark.

    Returns
    -------
    (N, 2) float32
        Where the map's sigmoid reaches ``HEAT_MAP_CONFIDENCE`` within the ``HEAT_MAP_KERNEL`` square about
        the point's cell: the mean of the cells there (their indices over S), weighted by the sigmoid.
        Elsewhere, and for points outside of the region, the point itself.
    """
    side, count = heat_maps.shape[0], len(points)
    cells = np.trunc(points * side).astype(int)  # (N, 2) column, row
    reach = (HEAT_MAP_KERNEL - 1) // 2
    around = np.arange(-reach, reach + 1)
    columns = cells[:, 0, None, None] + around[None, None, :]
    rows = cells[:, 1, None, None] + around[None, :, None]
    valid = (columns >= 0) & (columns < side) & (rows >= 0) & (rows < side)
    logits = heat_maps[rows.clip(0, side - 1), columns.clip(0, side - 1), np.arange(count)[:, None, None]]
    weights = np.where(valid, _sigmoid(logits), 0)
    total = np.maximum(weights.sum(axis=(1, 2)), 1e-12)
    centre = np.stack([(weights * columns).sum(axis=(1, 2)), (weights * rows).sum(axis=(1, 2))], axis=1)
    inside = ((cells >= 0) & (cells < side)).all(axis=1)
    trusted = inside & (weights.max(axis=(1, 2)) >= HEAT_MAP_CONFIDENCE)
    refined = centre / total[:, None] / side
    return np.where(trusted[:, None], refined, points).astype(np.float32)


def world_axes(world: np.ndarray, region: Region) -> np.ndarray:
    """World landmarks (N, 3) of an upright region (y down, z away from the camera) in the project's axes.

    The region's rotation is undone, then y points up and z towards the camera.
    """
    turned = world.astype(np.float64)
    turned[:, :2] = turned[:, :2] @ region.rotation.T
    return turned * (1.0, -1.0, -1.0)


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(values, -60, 60)))


class Network:
    """A LiteRT network with one square RGB picture as its input."""

    def __init__(self, content: bytes, side: int, threads: int):
        from ai_edge_litert.interpreter import Interpreter

        try:
            with silent_stderr():  # LiteRT tells every process which of its backends it took
                self._interpreter = Interpreter(model_content=content, num_threads=threads)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise WeightsError(
                f"a BlazePose model file was expected, but LiteRT cannot read it ({error})."
            ) from error
        details = self._interpreter.get_input_details()[0]
        if tuple(details["shape"]) != (1, side, side, 3):
            raise WeightsError(
                f"a BlazePose network with an input of (1, {side}, {side}, 3) was expected, found "
                f"{tuple(int(n) for n in details['shape'])}. The two files may be exchanged."
            )
        self._input = details["index"]
        self._picture = np.empty((1, side, side, 3), np.float32)

    def output(self, *shape: int) -> int:
        """Index of the output of a shape; files of other releases hold them in another order."""
        found: list[dict[str, Any]] = self._interpreter.get_output_details()
        for details in found:
            if tuple(details["shape"]) == shape:
                return details["index"]
        shapes = ", ".join(str(tuple(int(n) for n in d["shape"])) for d in found)
        raise WeightsError(f"a BlazePose network with an output of {shape} was expected, found {shapes}.")

    def run(self, picture: np.ndarray, scale: float, offset: float) -> None:
        """Run on a picture (side, side, 3) uint8, scaled to picture * scale + offset."""
        np.multiply(picture[None], np.float32(scale), out=self._picture)
        if offset:
            self._picture += np.float32(offset)
        self._interpreter.set_tensor(self._input, self._picture)
        self._interpreter.invoke()

    def read(self, index: int) -> np.ndarray:
        """Copy of an output."""
        return self._interpreter.get_tensor(index)
