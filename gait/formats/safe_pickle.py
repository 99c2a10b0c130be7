"""Pickles read as data: containers, text, numbers and numpy arrays, never code.

A pickle is a program: it names any function of any module and calls it. Here only a short table of names
is answered, and none of them with the real thing. ``numpy.ndarray`` and ``numpy.dtype`` in particular are
inert stand-ins whose state is checked before an array is made of it: numpy's own objects accept a state from
a pickle that describes raw bytes as pointers.
"""

from __future__ import annotations

import io
import math
import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from gait.formats.walks import KeypointError

_DTYPE = re.compile(r"[biufcSUO]\d*")
BROKEN = (
    pickle.UnpicklingError, EOFError, ValueError, TypeError, IndexError, KeyError, AttributeError,
    OverflowError, RecursionError, MemoryError, ImportError,
)  # fmt: skip


def load_pickle(data: bytes) -> Any:
    """The contents of a pickle, nothing of it executed.

    Parameters
    ----------
    data : bytes
        A pickle of any protocol, of Python 3 or 2.

    Returns
    -------
    object
        Containers, text, numbers, None and numpy arrays; ordered dictionaries as plain ones.

    Raises
    ------
    KeypointError
        It asks for anything else, which is named; or it is damaged.
    """
    try:
        return resolve(DataUnpickler(io.BytesIO(data), encoding="latin1").load())
    except BROKEN as error:
        raise KeypointError(f"not a readable pickle ({type(error).__name__}: {error})") from error


class Inert:
    """A function that a pickle may call; it cannot be altered by what the pickle says of it."""

    __slots__ = ("_function", "_name")

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self._name, self._function = name, function

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)

    def __setstate__(self, state: Any) -> None:
        raise KeypointError(f"the pickle tries to alter {self._name}; it is refused")


class _Ordered(dict):
    """An ordered dictionary, whose attributes are no contents: PyTorch keeps versions of layers in one."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        pass


class _Dtype:
    """Stands for a numpy.dtype of plain numbers or text."""

    __slots__ = ("code", "order")

    def __init__(self, code: Any, *_: Any) -> None:
        if not isinstance(code, str) or not _DTYPE.fullmatch(code):
            raise KeypointError(f"the pickle holds an array of {code!r}; plain numbers or text are expected")
        self.code, self.order = code, "="

    def __setstate__(self, state: Any) -> None:
        order, *inner = state[1:5]
        if order not in ("<", ">", "=", "|") or any(part is not None for part in inner):
            raise KeypointError("the pickle holds a structured array; plain numbers or text are expected")
        self.order = order

    def make(self) -> np.dtype:
        return np.dtype(self.code if self.order == "|" else self.order + self.code)


class StandIn:
    """Stands for an array until everything is read."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    def make(self, seen: dict[int, Any]) -> np.ndarray:
        """The array; ``seen`` holds what is made already."""
        raise NotImplementedError


class _Array(StandIn):
    """Stands for a numpy.ndarray."""

    __slots__ = ("data", "dtype", "fortran", "shape")

    def __setstate__(self, state: Any) -> None:
        _, self.shape, self.dtype, self.fortran, self.data = state

    def make(self, seen: dict[int, Any]) -> np.ndarray:
        if not isinstance(self.dtype, _Dtype):
            raise KeypointError("the pickle holds an array without a type")
        if not all(isinstance(size, int) and size >= 0 for size in self.shape):
            raise KeypointError(f"the pickle holds an array of shape {self.shape}")
        dtype, count = self.dtype.make(), math.prod(self.shape)
        if dtype.kind == "O":
            flat = np.empty(len(self.data), dtype=object)
            flat[:] = [_resolve(item, seen) for item in self.data]
        else:
            flat = np.frombuffer(_raw(self.data), dtype=dtype, count=count).copy()
        return flat.reshape(self.shape, order="F" if self.fortran else "C")


def _raw(data: Any) -> bytes:
    return data.encode("latin1") if isinstance(data, str) else bytes(memoryview(data))


def _reconstruct(kind: Any, *_: Any) -> _Array:
    if kind is not _NDARRAY:
        raise KeypointError("the pickle holds an array of a kind of its own; it is refused")
    return _Array()


def _from_buffer(data: Any, dtype: Any, shape: Any, order: Any) -> _Array:
    array = _Array()
    array.__setstate__((1, shape, dtype, order == "F", data))
    return array


def _scalar(dtype: Any, data: Any) -> Any:
    if not isinstance(dtype, _Dtype) or dtype.code.startswith("O"):
        raise KeypointError("the pickle holds an array item that is not a plain number or text")
    return np.frombuffer(_raw(data), dtype=dtype.make(), count=1)[0]


def _encode(text: str, encoding: str = "latin1") -> bytes:
    if encoding.lower().replace("-", "").replace("_", "") not in ("latin1", "utf8", "ascii"):
        raise KeypointError(f"the pickle asks for the text encoding {encoding!r}")
    return text.encode(encoding)


def _empty_bytes(*args: Any) -> bytes:
    if args:
        raise KeypointError("the pickle builds bytes in a way that is not known; it is refused")
    return b""


def _refuse(*_: Any) -> None:
    raise KeypointError("the pickle builds an array in a way that is not known; it is refused")


_NDARRAY = Inert("numpy.ndarray", _refuse)
_CORES = ("numpy.core", "numpy._core")


def _allowed() -> dict[tuple[str, str], Any]:
    table: dict[tuple[str, str], Callable[..., Any]] = {
        ("numpy", "dtype"): _Dtype,
        ("_codecs", "encode"): _encode,
        ("collections", "OrderedDict"): _Ordered,
        ("__builtin__", "bytes"): _empty_bytes,
        **{(core + ".multiarray", "_reconstruct"): _reconstruct for core in _CORES},
        **{(core + ".multiarray", "scalar"): _scalar for core in _CORES},
        **{(core + ".numeric", "_frombuffer"): _from_buffer for core in _CORES},
        **{
            (module, kind.__name__): kind
            for module in ("builtins", "__builtin__")
            for kind in (set, frozenset)
        },
    }
    made = {key: Inert(".".join(key), function) for key, function in table.items()}
    return {**made, ("numpy", "ndarray"): _NDARRAY}


class DataUnpickler(pickle.Unpickler):
    """Answers the names in ``allowed`` and refuses all others by name.

    A subclass for another format extends ``allowed`` (module and name -> :class:`Inert`).
    """

    allowed = _allowed()

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.allowed:
            raise KeypointError(
                f"the pickle asks for {module}.{name}, which could run code; only numbers, text, lists and "
                "numpy arrays are read. Nothing was run. Save the labels anew as plain lists"
            )
        return self.allowed[module, name]

    def persistent_load(self, pid: Any) -> Any:
        raise KeypointError("the pickle refers to something outside itself; it is refused")


def resolve(value: Any) -> Any:
    """What was read, with arrays in place of their stand-ins; raises as making them does."""
    return _resolve(value, {})


def _resolve(value: Any, seen: dict[int, Any]) -> Any:
    """The value with arrays in place of their stand-ins; what is shared or refers to itself stays so.

    ``seen`` keeps every value beside what was made of it: an id is only good while its object lives.
    """
    if isinstance(value, (_Dtype, Inert)):
        raise KeypointError("the pickle holds a type where data are expected")
    if not isinstance(value, (StandIn, list, dict, tuple, set, frozenset)):
        return value
    if id(value) not in seen:
        if isinstance(value, (list, dict)):
            seen[id(value)] = value, value
            _resolve_items(value, seen)
        elif isinstance(value, StandIn):
            seen[id(value)] = value, value.make(seen)
        else:
            seen[id(value)] = value, type(value)(_resolve(item, seen) for item in value)
    return seen[id(value)][1]


def _resolve_items(value: list | dict, seen: dict[int, Any]) -> None:
    items = list(enumerate(value)) if isinstance(value, list) else list(value.items())
    for key, item in items:
        _resolve(key, seen)  # refuses a stand-in as a key
        value[key] = _resolve(item, seen)
