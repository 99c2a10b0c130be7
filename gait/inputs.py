"""A model's inputs: one array, or several by name.

Several are held as one array of records (NumPy's structured arrays), so that clips are stacked, sliced and joined like
those of any other model; only Keras wants them apart.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

# Of one clip.
Shape = tuple[int, ...] | Mapping[str, tuple[int, ...]]


def records(arrays: Mapping[str, np.ndarray], axes: int = 1) -> np.ndarray:
    """Arrays that agree in their first ``axes`` axes as one array of that shape, a record of all of them each."""
    first = next(iter(arrays.values())).shape[:axes]
    kind = np.dtype([(name, array.dtype, array.shape[axes:]) for name, array in arrays.items()])
    joined = np.empty(first, kind)
    for name, array in arrays.items():
        joined[name] = array
    return joined


def by_name(inputs: np.ndarray) -> np.ndarray | dict[str, np.ndarray]:
    """What Keras takes: the array itself, or the arrays of its records by name."""
    names = inputs.dtype.names
    return inputs if names is None else {name: np.ascontiguousarray(inputs[name]) for name in names}


def zeros(shape: Shape, count: int) -> np.ndarray:
    """``count`` clips of zeros, float32."""
    if not isinstance(shape, Mapping):
        return np.zeros((count, *shape), np.float32)
    return records({name: np.zeros((count, *one), np.float32) for name, one in shape.items()})


def shape_of(inputs: np.ndarray) -> Shape:
    """The shape of one clip of inputs (N, ...)."""
    if inputs.dtype.names is None or inputs.ndim != 1:
        return inputs.shape[1:]
    return {name: inputs.dtype[name].shape for name in inputs.dtype.names}


def describe(shape: Shape) -> str:
    """A shape in words, such as ``30 x 80 x 45 x 3``."""
    if isinstance(shape, Mapping):
        return ", ".join(f"{name} {describe(one)}" for name, one in shape.items())
    return " x ".join(map(str, shape))
