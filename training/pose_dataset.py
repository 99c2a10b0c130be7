"""Pictures of walkers in batches, varied anew in every epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import cv2
import keras
import numpy as np

from gait.pose.posenet import targets
from gait.pose.posenet_file import LAYOUT
from gait.preprocess.walks import Walk
from gait.skeleton import find_layout
from training.pose_crops import MARGIN, STORED

_TURN, _ZOOM, _SHIFT = math.radians(10), 0.1, 0.06  # at most, either way
_HEAD_COVERED, _BOXES, _BLURRED, _GREY = 0.35, 0.4, 0.3, 0.1  # shares of the pictures


class PoseDataset(keras.utils.PyDataset):
    """Batches of ``(pictures, {output: targets})``; every picture comes once an epoch.

    Parameters
    ----------
    walks : sequence of Walk
        As :class:`training.pose_crops.PoseCrops` prepares them.
    side : int
        Of the pictures that the network sees.
    batch_size : int
    augment : bool
        Vary the pictures and shuffle them.
    seed : int
        With the epoch and the picture, it fixes the order and every variation.
    """

    def __init__(
        self, walks: Sequence[Walk], side: int, batch_size: int, *, augment: bool = False, seed: int = 0
    ):
        super().__init__()
        self._walks, self._side, self._batch_size = walks, side, batch_size
        self._augment, self._seed = augment, seed
        self._pictures = [
            (walk, row) for walk in range(len(walks)) for row in range(walks[walk].entry.length("depth"))
        ]
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Fix the order and the variations of an epoch; called at its beginning."""
        self._epoch = epoch
        self._order = np.arange(len(self._pictures))
        if self._augment:
            np.random.default_rng([self._seed, epoch]).shuffle(self._order)

    def __len__(self) -> int:
        return -(-len(self._order) // self._batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        pictures, points, depth = self.read(index)
        return pictures, targets(points, depth, self._side)

    def read(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A batch: pictures (N, S, S, 3) uint8, points (N, 16, 2) in units of them, depths (N, 16) body heights."""
        batch = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        shown = [self._read(int(number)) for number in batch]
        return tuple(np.stack(rows) for rows in zip(*shown, strict=True))

    def _read(self, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        walk, row = self._pictures[number]
        entry, rows = self._walks[walk].entry, slice(row, row + 1)
        picture, points, depth = (entry.read(name, rows)[0] for name in ("pictures", "points", "depth"))
        if not self._augment:
            return (*place(picture, points, self._side), depth)
        chance = np.random.default_rng([self._seed, self._epoch, number, 1])
        return vary(picture, points, depth, self._side, chance)


def place(
    picture: np.ndarray,
    points: np.ndarray,
    side: int,
    angle: float = 0.0,
    zoom: float = 1.0,
    shift: Any = (0.0, 0.0),
) -> tuple[np.ndarray, np.ndarray]:
    """What the network sees of a stored picture: its middle, turned, zoomed and shifted.

    Parameters
    ----------
    picture : (160, 160, 3) uint8
    points : (V, 2) float
        In units of the stored picture.
    side : int
        Of what comes out.
    angle, zoom, shift : float, float, (float, float)
        Radians, a factor on sizes, and shares of what is seen.

    Returns
    -------
    (side, side, 3) uint8 and (V, 2) float32
        The points in units of what is seen.
    """
    turn = MARGIN * zoom * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    offset = 0.5 + np.asarray(shift) - turn @ (0.5, 0.5)
    to_seen = np.column_stack([turn * side / STORED, offset * side])
    seen = cv2.warpAffine(picture, to_seen, (side, side), flags=cv2.INTER_LINEAR)
    return seen, (points @ turn.T + offset).astype(np.float32)


def vary(
    picture: np.ndarray, points: np.ndarray, depth: np.ndarray, side: int, chance: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A stored picture as the network sees it, varied: place, side, colours, sharpness, things before it."""
    angle, zoom, *shift = chance.uniform(-1, 1, 4)
    picture, points = place(
        picture, points, side, _TURN * angle, math.exp(_ZOOM * zoom), _SHIFT * np.array(shift)
    )
    if chance.random() < 0.5:
        picture, points, depth = flip(picture, points, depth)
    picture = _cover(picture.copy(), points, chance)
    return _light(picture, chance), points, depth


def flip(
    picture: np.ndarray, points: np.ndarray, depth: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The picture as a mirror shows it: left and right joints exchanged."""
    order = np.arange(len(points))
    for left, right in find_layout(LAYOUT).pairs:
        order[[left, right]] = right, left
    return picture[:, ::-1], (points * (-1, 1) + (1, 0))[order].astype(np.float32), depth[order]


def _cover(picture: np.ndarray, points: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Draw a black box over the head, as published gait data have it, or boxes of any colour anywhere."""
    side = len(picture)
    if chance.random() < _HEAD_COVERED:
        layout = find_layout(LAYOUT)
        head, neck = (points[layout.index(name)] for name in ("head", "neck"))
        reach = np.linalg.norm(head - neck) * chance.uniform(0.7, 1.2, 2)
        _fill(picture, (head - reach) * side, (head + reach) * side, np.zeros(3))
    if chance.random() < _BOXES:
        for _ in range(chance.integers(1, 4)):
            corner, reach = chance.uniform(-0.1, 1, 2), chance.uniform(0.03, 0.25, 2)
            _fill(picture, corner * side, (corner + reach) * side, chance.uniform(0, 255, 3))
    return picture


def _fill(picture: np.ndarray, low: np.ndarray, high: np.ndarray, colour: np.ndarray) -> None:
    (left, top), (right, bottom) = (
        corner.round().astype(int).clip(0, len(picture)) for corner in (low, high)
    )
    picture[top:bottom, left:right] = colour


def _light(picture: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Another brightness, contrast and tint; some without colour, some blurred; a little noise on all."""
    if chance.random() < _BLURRED:
        picture = cv2.GaussianBlur(picture, (3, 3), chance.uniform(0.4, 1.2))
    values = picture.astype(np.float32)
    if chance.random() < _GREY:
        values[:] = values.mean(axis=2, keepdims=True)
    contrast = chance.uniform(0.6, 1.3)
    values = (values - 128) * contrast + 128 + chance.uniform(-40, 40) + chance.uniform(-15, 15, 3)
    values += chance.standard_normal(values.shape, np.float32) * np.float32(chance.uniform(0, 8))
    return values.clip(0, 255).astype(np.uint8)
