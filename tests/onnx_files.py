"""ONNX files made on the spot: detectors that see bright places, in the forms of the YOLO family.

The bytes are those of the format's own description (onnx.proto); no package that writes it is installed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

SIDE, CELLS = 64, (8, 16, 32)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _field(number: int, value: int | bytes | str) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _fields(number: int, values: list) -> bytes:
    return b"".join(_field(number, value) for value in values)


def _tensor(name: str, array: np.ndarray) -> bytes:
    kind = {np.dtype(np.float32): 1, np.dtype(np.int64): 7}[array.dtype]
    return _fields(1, list(array.shape)) + _field(2, kind) + _field(8, name) + _field(9, array.tobytes())


def _value(name: str, shape: tuple[int, ...]) -> bytes:
    lengths = b"".join(_field(1, _field(1, length)) for length in shape)
    return _field(1, name) + _field(2, _field(1, _field(1, 1) + _field(2, lengths)))


def _node(kind: str, inputs: list[str], output: str, **numbers: int | list[int]) -> bytes:
    attributes = b""
    for name, value in numbers.items():
        # AttributeProto: name 1, i 3, ints 8, type 20 (2 INT, 7 INTS)
        body = (
            _field(3, value) + _field(20, 2) if isinstance(value, int) else _fields(8, value) + _field(20, 7)
        )
        attributes += _field(5, _field(1, name) + body)
    return _fields(1, inputs) + _field(2, output) + _field(4, kind) + attributes


def write_onnx(
    path: Path,
    nodes: list[bytes],
    constants: dict[str, np.ndarray],
    output: tuple[int, ...],
    metadata: dict[str, str] | None = None,
) -> Path:
    """A network from ``images`` (1, 3, SIDE, SIDE) to ``boxes``."""
    graph = _fields(1, nodes) + _field(2, "tiny")
    graph += _fields(5, [_tensor(name, array) for name, array in constants.items()])
    graph += _field(11, _value("images", (1, 3, SIDE, SIDE))) + _field(12, _value("boxes", output))
    model = _field(1, 8) + _field(7, graph) + _field(8, _field(1, "") + _field(2, 13))
    for key, value in (metadata or {}).items():
        model += _field(14, _field(1, key) + _field(2, value))
    path.write_bytes(model)
    return path


def bright_places(path: Path, kind: str, metadata: dict[str, str] | None = None) -> Path:
    """A detector whose score in a cell is the cell's brightness, for boxes as wide as two cells.

    ``kind``: ``v8`` (1, 4 + 1, N), ``v5`` (1, 3N, 5 + 1) or ``x`` (1, N, 5 + 1), see display/objects.py.
    """
    seen = 255.0 if kind == "x" else 1.0
    constants = {"weights": np.full((1, 3, 1, 1), 1 / 3 / seen, np.float32), "row": np.array([1, -1, 1])}
    nodes, grids = [], []
    for cell in CELLS:
        pool = {"kernel_shape": [cell, cell], "strides": [cell, cell]}
        nodes.append(_node("AveragePool", ["images"], f"pool{cell}", **pool))
        nodes.append(_node("Conv", [f"pool{cell}", "weights"], f"grey{cell}", kernel_shape=[1, 1]))
        nodes.append(_node("Reshape", [f"grey{cell}", "row"], f"score{cell}"))
        columns, rows = np.meshgrid(*[np.arange(SIDE // cell)] * 2)
        corner = np.stack([columns, rows], axis=-1).reshape(-1, 2)
        pixels = np.concatenate([(corner + 0.5) * cell, np.full_like(corner, 2 * cell)], axis=1)
        units = np.concatenate([np.full(corner.shape, 0.5), np.full(corner.shape, np.log(2))], axis=1)
        grids.append(units if kind == "x" else pixels)
    places = np.concatenate(grids).astype(np.float32)[None]
    nodes.append(_node("Concat", [f"score{cell}" for cell in CELLS], "scores", axis=1))
    if kind == "v8":
        constants["places"] = places
        nodes.append(_node("Concat", ["places", "scores"], "rows", axis=2))
        nodes.append(_node("Transpose", ["rows"], "boxes", perm=[0, 2, 1]))
        return write_onnx(path, nodes, constants, (1, 5, places.shape[1]), metadata)
    constants["places"] = np.concatenate([places, np.ones_like(places[..., :1])], axis=2)
    if kind == "x":
        nodes.append(_node("Concat", ["places", "scores"], "boxes", axis=2))
        return write_onnx(path, nodes, constants, (1, places.shape[1], 6), metadata)
    nodes.append(_node("Concat", ["places", "scores"], "once", axis=2))
    nodes.append(_node("Concat", ["once"] * 3, "boxes", axis=1))
    return write_onnx(path, nodes, constants, (1, 3 * places.shape[1], 6), metadata)
