"""Weights that a network's authors published, brought into ours.

The arrays have the names and layouts of PyTorch. A model file that takes such weights holds

- ``published_weights(arrays)``: the weights of each layer, by the layer's name, from :class:`TorchArrays`,
- ``PUBLISHED_CLASSES``: the emotions in the order of the published outputs, or None where that order is not known,
- ``build(shape, classes, published=True)``, where the published network differs from ours.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from gait.errors import GaitmoodError
from gait.models import architecture, build_model


class TorchArrays:
    """Arrays by name in PyTorch's layout, handed out in Keras's.

    Parameters
    ----------
    arrays : mapping of str to array
    """

    def __init__(self, arrays: Mapping[str, np.ndarray]):
        self._arrays = arrays
        self._left = set(arrays)

    def __contains__(self, name: str) -> bool:
        return name in self._arrays

    def __getitem__(self, name: str) -> np.ndarray:
        """An array as it is.

        Raises
        ------
        GaitmoodError
            There is none of this name.
        """
        if name not in self._arrays:
            raise GaitmoodError(f"the weights lack {name}; they are of another network, or of a part of it.")
        self._left.discard(name)
        return self._arrays[name]

    @property
    def left(self) -> list[str]:
        """Names of those that nobody has asked for."""
        return sorted(self._left)

    def drop(self, prefix: str) -> None:
        """Count as asked for what begins like this."""
        self._left = {name for name in self._left if not name.startswith(prefix)}

    def convolution(self, name: str) -> list[np.ndarray]:
        """Kernel (O, I, H, W) to (H, W, I, O), and bias."""
        return [self[f"{name}.weight"].transpose(2, 3, 1, 0), self[f"{name}.bias"]]

    def pointwise(self, name: str) -> list[np.ndarray]:
        """Kernel (O, I, 1, 1) or (O, I) to (I, O), and bias where there is one."""
        kernel = self[f"{name}.weight"]
        bias = [self[f"{name}.bias"]] if f"{name}.bias" in self else []
        return [kernel.reshape(kernel.shape[:2]).T, *bias]

    def normalisation(self, name: str) -> list[np.ndarray]:
        """Scale, offset, mean and variance."""
        return [self[f"{name}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")]


def published_parts(name: str) -> Any:
    """A network's file, one that takes published weights.

    Raises
    ------
    GaitmoodError
        It takes none.
    """
    parts = architecture(name)
    if not hasattr(parts, "published_weights"):
        raise GaitmoodError(f"--weights: no published weights of {name} are known; leave --weights out.")
    return parts


def published_model(name: str, shape: tuple[int, ...], classes: int, arrays: Mapping[str, np.ndarray]) -> Any:
    """The published form of a network, for inputs of ``shape``, with published weights.

    Raises
    ------
    GaitmoodError
        The network takes none, or these are not its weights, or for another number of classes or frames.
    """
    parts = published_parts(name)
    differs = "published" in inspect.signature(parts.build).parameters
    model = build_model(name, shape, classes, **({"published": True} if differs else {}))
    load_published(model, parts, arrays)
    return model


def load_published(model: Any, parts: Any, arrays: Mapping[str, np.ndarray]) -> None:
    """Set a network's weights to published ones: every weight, from every array.

    Raises
    ------
    GaitmoodError
        An array is missing, left over, of another shape, or holds NaN or infinity.
    """
    torch = TorchArrays(arrays)
    weights = parts.published_weights(torch)
    if torch.left:
        raise GaitmoodError(f"the weights hold what this network has not: {', '.join(torch.left[:5])}.")
    for layer in model.layers:
        if not layer.weights:
            continue
        wanted, found = [tuple(w.shape) for w in layer.weights], [w.shape for w in weights[layer.name]]
        if wanted != found:
            raise GaitmoodError(
                f"the weights of {layer.name} have the shapes {found}; for this input and number of classes {wanted} "
                "were expected. Use the number of classes and of frames (--frames) that they were trained for."
            )
        if not all(np.isfinite(array).all() for array in weights[layer.name]):
            raise GaitmoodError(
                f"the weights of {layer.name} hold NaN or infinity: their training went wrong, or the file is damaged."
            )
        layer.set_weights(weights[layer.name])
