"""Weights that were trained elsewhere: NAME.npz, or a PyTorch checkpoint (.pth, .pt, .pth.tar), without PyTorch.

A checkpoint is a pickle beside raw numbers, in a zip archive (PyTorch 1.6 and later) or one after the other in one file
(before). The pickle is read as data: containers and tensors are made, everything else that it asks for becomes an inert
placeholder, and nothing of it is run.
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from gait.errors import GaitmoodError
from gait.formats.safe_pickle import BROKEN, DataUnpickler, Inert, StandIn, resolve
from gait.formats.walks import KeypointError
from gait.pose.store import DAMAGED

ENDINGS = (".npz", ".pth", ".pt", ".pth.tar")
# The first of the pickles of the older format.
_MAGIC = 0x1950A86A20F9469CFC6C
# Where training scripts keep the weights among other things.
_STATES = ("model_state_dict", "state_dict", "model")
_NUMBERS = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a weight file by their names.

    Parameters
    ----------
    path : Path
        ``.npz`` of plain arrays, or a PyTorch checkpoint: a dictionary of tensors, or a dictionary that holds it as
        ``model_state_dict``, ``state_dict`` or ``model``.

    Returns
    -------
    dict of str to array
        Without the counters of batch normalisation, which nothing is computed with.

    Raises
    ------
    GaitmoodError
        There is no such file; it is no weight file or a damaged one; it holds no arrays.
    """
    if not path.is_file():
        raise GaitmoodError(f"{path}: no such weight file.")
    if not path.name.endswith(ENDINGS):
        raise GaitmoodError(f"{path}: a weight file ({', '.join(ENDINGS)}) was expected.")
    try:
        with path.open("rb") as file:
            arrays = _read_npz(file) if path.suffix == ".npz" else _state_of(_read_checkpoint(file))
    except (*BROKEN, *DAMAGED, KeypointError) as error:
        raise GaitmoodError(f"{path}: not a readable weight file ({str(error)[:200]}).") from error
    # A network that was trained on several GPUs says so before every name.
    names = {
        name: name.removeprefix("module.") for name in arrays if not name.endswith("num_batches_tracked")
    }
    if not names:
        raise GaitmoodError(f"{path}: holds no weights: arrays by name were expected.")
    return {plain: arrays[name] for name, plain in names.items()}


def _read_npz(file: BinaryIO) -> dict[str, np.ndarray]:
    with np.load(file, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    if text := [name for name, array in arrays.items() if array.dtype.kind not in "biuf"]:
        raise KeypointError(f"plain numbers were expected, found something else in {text[0]}")
    return arrays


def _state_of(contents: Any) -> dict[str, np.ndarray]:
    if isinstance(contents, dict):
        for key in _STATES:
            if isinstance(contents.get(key), dict):
                contents = contents[key]
                break
        return {name: value for name, value in contents.items() if isinstance(value, np.ndarray)}
    raise KeypointError(f"a dictionary of tensors was expected, found {type(contents).__name__}")


class Placeholder:
    """Stands for anything that is neither a container nor a tensor: it takes what is done to it and does nothing."""

    __slots__ = ()

    def __new__(cls, *_: Any, **__: Any) -> Placeholder:
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, _: Any) -> None:
        pass

    def __setitem__(self, _: Any, __: Any) -> None:
        pass

    def append(self, _: Any) -> None:
        pass

    def extend(self, _: Any) -> None:
        pass

    def add(self, _: Any) -> None:
        pass


class _Storage:
    """The numbers that tensors look at; known when everything is read."""

    __slots__ = ("count", "dtype", "numbers")

    def __init__(self, kind: Any, count: Any) -> None:
        if not isinstance(kind, _Kind) or not isinstance(count, int) or count < 0:
            raise KeypointError("a tensor of a kind that is not known")
        self.dtype, self.count, self.numbers = np.dtype(kind.dtype), count, None

    def fill(self, raw: bytes) -> None:
        if len(raw) != self.count * self.dtype.itemsize:
            raise KeypointError(
                f"{self.count} numbers were expected, found {len(raw)} bytes: cut off or damaged"
            )
        self.numbers = np.frombuffer(raw, self.dtype)


class _Kind:
    """Stands for a storage type of PyTorch."""

    __slots__ = ("dtype",)

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype


class _Tensor(StandIn):
    """Stands for a tensor until its storage is filled."""

    __slots__ = ("offset", "shape", "storage", "strides")

    def __init__(self, storage: _Storage, offset: Any, shape: Any, strides: Any) -> None:
        sizes = (offset, *shape, *strides)
        if not all(isinstance(n, int) and n >= 0 for n in sizes) or math.prod(shape) > storage.count:
            raise KeypointError("a tensor that is not described by plain numbers")
        self.storage, self.offset, self.shape, self.strides = storage, offset, tuple(shape), tuple(strides)

    def make(self, seen: dict[int, Any]) -> np.ndarray:
        numbers = self.storage.numbers
        reach = sum((n - 1) * step for n, step in zip(self.shape, self.strides, strict=True))
        if numbers is None or (math.prod(self.shape) and self.offset + reach >= len(numbers)):
            raise KeypointError("a tensor reaches beyond its numbers")
        places = np.full(self.shape, self.offset)
        for axis, (n, step) in enumerate(zip(self.shape, self.strides, strict=True)):
            places += step * np.arange(n).reshape([-1 if a == axis else 1 for a in range(len(self.shape))])
        return np.asarray(numbers[places])  # a tensor without axes is not a bare number


def _rebuild(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> Any:
    return _Tensor(storage, offset, shape, strides) if isinstance(storage, _Storage) else Placeholder()


def _parameter(tensor: Any, *_: Any) -> Any:
    return tensor


def _allowed() -> dict[tuple[str, str], Any]:
    makers = {"_rebuild_tensor": _rebuild, "_rebuild_tensor_v2": _rebuild, "_rebuild_parameter": _parameter}
    return {
        **DataUnpickler.allowed,
        **{("torch", name): _Kind(dtype) for name, dtype in _NUMBERS.items()},
        **{("torch._utils", name): Inert(f"torch._utils.{name}", make) for name, make in makers.items()},
    }


class CheckpointUnpickler(DataUnpickler):
    """Tensors and containers; anything else is a placeholder. ``storage`` finds the numbers that a tensor names."""

    allowed = _allowed()

    def __init__(self, data: BinaryIO, storage: Callable[..., Any]) -> None:
        super().__init__(data, encoding="latin1")
        self._storage = storage

    def find_class(self, module: str, name: str) -> Any:
        found = self.allowed.get((module, name))
        # A type of its own each time, for a pickle may ask for an object of it, and could alter a shared one.
        return type("Placeholder", (Placeholder,), {"__slots__": ()}) if found is None else found

    def persistent_load(self, pid: Any) -> Any:
        return self._storage(*pid) if isinstance(pid, tuple) and pid else Placeholder()


def _read_checkpoint(file: BinaryIO) -> Any:
    data = file.read()
    return _read_archive(data) if zipfile.is_zipfile(io.BytesIO(data)) else _read_stream(io.BytesIO(data))


def _read_archive(data: bytes) -> Any:
    """PyTorch 1.6 and later: ``NAME/data.pkl``, and a file ``NAME/data/KEY`` for each storage."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        (pickled,) = (
            name for name in archive.namelist() if name.count("/") == 1 and name.endswith("/data.pkl")
        )
        folder = pickled.removesuffix("data.pkl") + "data/"

        def find(
            tag: Any, kind: Any = None, key: Any = None, _: Any = None, count: Any = None, *__: Any
        ) -> Any:
            if tag != "storage" or not isinstance(kind, _Kind):
                return Placeholder()
            storage, place = _Storage(kind, count), f"{folder}{key}"
            if archive.getinfo(place).file_size != count * storage.dtype.itemsize:
                raise KeypointError(f"{place} is not {count} numbers long")
            storage.fill(archive.read(place))
            return storage

        return resolve(CheckpointUnpickler(io.BytesIO(archive.read(pickled)), find).load())


def _read_stream(file: BinaryIO) -> Any:
    """Before PyTorch 1.6: magic number, version, system and contents pickled; then the storages."""
    storages: dict[Any, _Storage] = {}

    def find(
        tag: Any, kind: Any = None, key: Any = None, _: Any = None, count: Any = None, view: Any = None
    ) -> Any:
        if tag != "storage" or not isinstance(kind, _Kind) or view is not None:
            return Placeholder()
        return storages.setdefault(key, _Storage(kind, count))

    def load() -> Any:
        return CheckpointUnpickler(file, find).load()

    if load() != _MAGIC:
        raise KeypointError("neither a zip archive nor an older PyTorch checkpoint")
    load(), load()  # version and system: numbers lie as on every computer of today
    contents = load()
    for key in load():
        count = int.from_bytes(file.read(8), "little")
        if key not in storages or count != storages[key].count:
            raise KeypointError(f"storage {key} is not as described: damaged")
        storages[key].fill(file.read(count * storages[key].dtype.itemsize))
    return resolve(contents)
