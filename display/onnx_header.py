"""What an ONNX file says of its input and of itself, which OpenCV does not tell.

An ONNX file is a protocol buffer (onnx.proto, Apache-2.0; the numbers below are its field numbers): few fields of it
are wanted, and none of its weights.
"""

from __future__ import annotations

from collections.abc import Iterator

from gait.errors import GaitmoodError

_GRAPH, _METADATA = 7, 14  # of the model
_INPUT = 11  # of the graph
_NAME, _TYPE = 1, 2  # of an input
_TENSOR, _SHAPE, _DIMENSION, _LENGTH = 1, 2, 1, 1  # type -> tensor -> shape -> its lengths
_KEY, _VALUE = 1, 2  # of an entry of the metadata

_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5  # wire types


def read_header(content: bytes) -> tuple[tuple[int, ...], dict[str, str]]:
    """The shape of the first input, 0 for lengths that are open, and the metadata.

    Raises
    ------
    GaitmoodError
        It is no ONNX file.
    """
    try:
        whole = memoryview(content)
        graph = _first(whole, _GRAPH)
        entries = [_fields(entry) for number, entry in _walk(whole) if number == _METADATA]
        kind = _first(_first(graph, _INPUT), _TYPE)
        shape = _first(_first(kind, _TENSOR), _SHAPE)
        lengths = [_fields(part).get(_LENGTH, 0) for number, part in _walk(shape) if number == _DIMENSION]
    except (LookupError, ValueError, TypeError, StopIteration) as error:
        raise GaitmoodError("an ONNX file was expected; it has no graph with an input") from error
    metadata = {_text(entry.get(_KEY)): _text(entry.get(_VALUE)) for entry in entries}
    return tuple(length if isinstance(length, int) else 0 for length in lengths), metadata


def _text(value: object) -> str:
    return bytes(value).decode("utf-8", "replace") if isinstance(value, memoryview) else ""


def _first(message: memoryview, field: int) -> memoryview:
    return next(
        value for number, value in _walk(message) if number == field and isinstance(value, memoryview)
    )


def _fields(message: memoryview) -> dict[int, int | memoryview]:
    return dict(_walk(message))


def _walk(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Field numbers and values of a message; parts are not copied."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
        elif kind in (_EIGHT, _BYTES, _FOUR):
            length = {_EIGHT: 8, _FOUR: 4}.get(kind)
            if length is None:
                length, at = _varint(message, at)
            value, at = message[at : at + length], at + length
        else:
            raise ValueError(f"wire type {kind}")
        if at > len(message):
            raise ValueError("cut off")
        yield tag >> 3, value


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]  # IndexError, a LookupError, past the end
        value, shift, at = value | (byte & 127) << shift, shift + 7, at + 1
        if byte < 128:
            return value, at
