"""PoseSequence: a walk as joints over time, with nothing measured thrown away."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

RootSource = Literal["true", "estimated", "none"]


@dataclass(frozen=True, eq=False)
class PoseSequence:
    """One person's joints over T frames and V joints.

    Attributes
    ----------
    image : (T, V, 2) float32
        Pixels, x to the right, y down; NaN where nothing is known.
    world : (T, V, 3) float32
        Metres, centred on the middle of the hips, x to the right in the picture, y up, z towards the camera; NaN
        where nothing is known.
    visibility : (T, V) float32
        In [0, 1]: how sure the estimator is that the joint is in the picture and not hidden.
    time : (T,) float64
        Seconds, increasing.
    frame_size : (int, int)
        Height and width of the picture in pixels; (0, 0) where there was none.
    layout : str
        Name of the joint layout, see :mod:`gait.skeleton`.
    root : (T, 3) float32 or None
        Path of the hips' middle, axes as in ``world``; None where it is not known.
    root_unit : {"m", "body"} or None
        Metres, or body heights.
    root_source : {"true", "estimated", "none"}
        Measured, estimated from the body's size in the picture, or not there.
    observed : (T,) bool
        The estimator saw the person; joints of other frames were filled in, or are NaN.
    mended : (T,) bool
        Left and right were exchanged by the estimator and put right here.
    unique : (int, int)
        First and one-past-last frame of the first lap of a walk that is played over and over; (0, T) otherwise.
    notes : dict
        What the steps before found, in JSON values: source, people in view, direction unknown, and so on.
    """

    image: np.ndarray
    world: np.ndarray
    visibility: np.ndarray
    time: np.ndarray
    frame_size: tuple[int, int]
    layout: str
    root: np.ndarray | None = None
    root_unit: Literal["m", "body"] | None = None
    root_source: RootSource = "none"
    observed: np.ndarray = None  # type: ignore[assignment]
    mended: np.ndarray = None  # type: ignore[assignment]
    unique: tuple[int, int] = None  # type: ignore[assignment]
    notes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        T, V = self.world.shape[:2]
        _fill(self, "observed", np.isfinite(self.world).all(axis=(1, 2)))
        _fill(self, "mended", np.zeros(T, bool))
        _fill(self, "unique", (0, T))
        expected = {
            "image": (T, V, 2),
            "world": (T, V, 3),
            "visibility": (T, V),
            "time": (T,),
            "observed": (T,),
            "mended": (T,),
        }
        if self.root is not None:
            expected["root"] = (T, 3)
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name}: shape {shape} expected, found {getattr(self, name).shape}")

    def __len__(self) -> int:
        return len(self.time)

    @property
    def rate(self) -> float:
        """Frames per second: the median over the steps of time; NaN for fewer than two frames."""
        return float(1 / np.median(np.diff(self.time))) if len(self) > 1 else float("nan")

    @property
    def coverage(self) -> float:
        """Share of frames in which the person was seen."""
        return float(self.observed.mean()) if len(self) else 0.0


def _fill(sequence: PoseSequence, name: str, default: Any) -> None:
    if getattr(sequence, name) is None:
        object.__setattr__(sequence, name, default)
