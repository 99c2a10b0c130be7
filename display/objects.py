"""Things in the scene: a detector of the YOLO family from an ONNX file, run by OpenCV.

Three kinds of output are understood, told apart by their shape for C classes and N boxes:

- (1, 4 + C, N): YOLOv8 and its successors; centre and size in pixels of the input, a score a class;
- (1, N, 5 + C) with three boxes a cell: YOLOv5; the same with a score that there is anything before the classes;
- (1, N, 5 + C) with one box a cell: YOLOX (Ge et al. 2021, "YOLOX: Exceeding YOLO Series in 2021"); centre from the
  cell's corner in cells, logarithm of the size in cells. It sees BGR from 0 to 255, the others RGB from 0 to 1.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from display.onnx_header import read_header
from gait.backend import silent_stderr
from gait.errors import GaitmoodError

SOURCE = (
    "YOLOX (Apache-2.0), object_detection_yolox_2022nov.onnx of "
    "https://github.com/opencv/opencv_zoo/tree/main/models/object_detection_yolox"
)
MIN_SCORE, MOST_OVERLAP = 0.5, 0.5
CELLS = (8, 16, 32)  # pixels of the input that a cell of each grid is wide
_GREY = (114, 114, 114)  # around the picture, as these networks are trained
_SIDE = 640  # of an input whose size is open


@dataclass(frozen=True)
class Detection:
    """A thing: its name, how sure the detector is, and left, top, right, bottom in pixels."""

    name: str
    score: float
    box: tuple[float, float, float, float]


class ObjectFinder:
    """Finds things in pictures.

    Names come from the file's own metadata (``names``), or from a text file beside it (``yolox.names`` for
    ``yolox.onnx``), one a line in the order of the classes; without, things are called by their class's number.

    Parameters
    ----------
    path : path or str
        An ``.onnx`` file.

    Raises
    ------
    GaitmoodError
        There is no such file, OpenCV cannot run it, or it does not answer as the YOLO family does.
    """

    def __init__(self, path: Path | str):
        self._path = Path(path)
        if not self._path.is_file():
            raise GaitmoodError(f"--objects: {path}: no such file. One to use: {SOURCE}")
        try:
            shape, metadata = read_header(self._path.read_bytes())
            if len(shape) != 4 or shape[1] not in (0, 3):
                raise GaitmoodError(f"its input is {shape}, not pictures (1, 3, height, width)")
            with silent_stderr():
                self._network = cv2.dnn.readNetFromONNX(str(self._path))
                self._height, self._width = shape[2] or _SIDE, shape[3] or _SIDE
                self._kind = self._kind_of(
                    self._run(np.zeros((self._height, self._width, 3), np.uint8)).shape
                )
        except (cv2.error, GaitmoodError) as error:
            raise GaitmoodError(
                f"--objects: {path}: not a detector of the YOLO family that OpenCV can run: "
                f"{str(error).strip().splitlines()[-1]}. One to use: {SOURCE}"
            ) from error
        self._names = _names(self._path, metadata)

    def _kind_of(self, shape: tuple[int, ...]) -> str:
        cells = sum((self._height // cell) * (self._width // cell) for cell in CELLS)
        if len(shape) == 3 and shape[0] == 1:
            if shape[1] == 3 * cells and shape[2] > 5:
                return "three a cell"
            if shape[1] == cells and shape[2] > 5:
                return "one a cell"
            if 4 < shape[1] < shape[2]:
                return "classes only"
        raise GaitmoodError(f"its output is {shape}")

    def _run(self, picture: np.ndarray, raw: bool = False) -> np.ndarray:
        """The network's answer to a picture (H, W, 3) of its own input's size, RGB."""
        scale = 1.0 if raw else 1 / 255
        self._network.setInput(cv2.dnn.blobFromImage(picture, scale, swapRB=raw))
        return self._network.forward()

    def find(self, picture: np.ndarray) -> list[Detection]:
        """The things in a picture (H, W, 3) uint8 RGB, the surest first."""
        height, width = picture.shape[:2]
        scale = min(self._height / height, self._width / width)
        fitted = cv2.resize(picture, (round(width * scale), round(height * scale)))
        beside = (self._height - fitted.shape[0], self._width - fitted.shape[1])
        fitted = cv2.copyMakeBorder(fitted, 0, beside[0], 0, beside[1], cv2.BORDER_CONSTANT, value=_GREY)
        boxes, scores = self._decode(self._run(fitted, raw=self._kind == "one a cell")[0])
        best = scores.argmax(axis=1)
        scores = scores[np.arange(len(scores)), best]
        corners = boxes[:, :2] - boxes[:, 2:] / 2
        rectangles = np.concatenate([corners, boxes[:, 2:]], axis=1)
        kept = cv2.dnn.NMSBoxesBatched(
            rectangles.tolist(), scores.tolist(), best.tolist(), MIN_SCORE, MOST_OVERLAP
        )
        ends = np.concatenate([corners, corners + boxes[:, 2:]], axis=1) / scale
        ends = np.clip(ends, 0, (width, height, width, height))
        things = [
            Detection(self._name(int(best[i])), float(scores[i]), tuple(ends[i].tolist())) for i in kept
        ]
        return sorted(things, key=lambda thing: -thing.score)

    def _decode(self, answer: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Boxes (N, 4), centre and size in pixels of the input, and scores (N, C)."""
        if self._kind == "classes only":
            return answer.T[:, :4], answer.T[:, 4:]
        scores = answer[:, 4:5] * answer[:, 5:]
        if self._kind == "three a cell":
            return answer[:, :4], scores
        corners, sides = _grid(self._height, self._width)
        centres = (answer[:, :2] + corners) * sides
        return np.concatenate([centres, np.exp(answer[:, 2:4]) * sides], axis=1), scores

    def _name(self, number: int) -> str:
        return self._names.get(number, f"class {number}")


def _grid(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Corner (N, 2) of every cell in cells as x, y, and its side (N, 1) in pixels: grid after grid, row by row."""
    corners, sides = [], []
    for cell in CELLS:
        columns, rows = np.meshgrid(np.arange(width // cell), np.arange(height // cell))
        corners.append(np.stack([columns, rows], axis=-1).reshape(-1, 2))
        sides.append(np.full((corners[-1].shape[0], 1), cell))
    return np.concatenate(corners), np.concatenate(sides)


def _names(path: Path, metadata: dict[str, str]) -> dict[int, str]:
    beside = path.with_suffix(".names")
    if beside.is_file():
        return dict(enumerate(beside.read_text(encoding="utf-8").split("\n")))
    try:
        names = ast.literal_eval(metadata.get("names", "{}"))
        return {int(number): str(name) for number, name in dict(names).items()}
    except (ValueError, SyntaxError, TypeError):
        return {}
