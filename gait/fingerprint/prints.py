"""What a fingerprint is: a walk as numbers that change with time, 15 times a second, small enough to be kept.

A copy made by another encoder, at another size or frame rate, gives nearly the same numbers. Before values are
taken at fixed instants they are smoothed with a triangle as wide as two of the steps between them: only then is
what lies between two instants what a straight line between them says, and a copy that was cut by a third of a step
gives the same curve.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gait.errors import GaitmoodError

RATE = 15.0
SECONDS = 60.0  # what comes later is not looked at: a fingerprint stays small however long a video is
SHORTEST = 0.6

PICTURE, MOTION = "picture", "motion"
# Of what the changes amount to: the rounding makes up a fiftieth of their energy. Joints are few: finer.
FINEST = {PICTURE: 0.02, MOTION: 0.004}


@dataclass(frozen=True, eq=False)
class Print:
    """A walk as numbers: what stays, and what changes.

    Attributes
    ----------
    base : (D,) float32
        The mean over time.
    changes : (T, D) int8
        The rest, ``RATE`` rows a second, in units of ``step``.
    step : float
    lap : float or None
        Of joints, the seconds of a lap of a walk that is played over and over.
    """

    base: np.ndarray
    changes: np.ndarray
    step: float
    lap: float | None = None

    @property
    def seconds(self) -> float:
        """From the first to the last instant."""
        return (len(self.changes) - 1) / RATE

    def values(self) -> np.ndarray:
        """The changes (T, D) float32 in their own unit."""
        return self.changes.astype(np.float32) * np.float32(self.step)


Prints = Mapping[str, Print]
"""A walk's fingerprints by kind: of its pictures, of its joints, or both."""


def make_print(values: np.ndarray, kind: str) -> Print | None:
    """A fingerprint of values (T, D) at ``RATE``; None where they are too few, or nothing changes."""
    if len(values) < SHORTEST * RATE:
        return None
    base = values.mean(axis=0)
    changes = values - base
    size = float(np.sqrt((changes**2).sum(axis=1).mean()))
    if not size > 0:
        return None
    step = max(FINEST[kind] * size, float(np.abs(changes).max()) / 127)
    return Print(base.astype(np.float32), np.round(changes / step).astype(np.int8), step)


def at_fixed_rate(values: np.ndarray, time: np.ndarray, rate: float = RATE) -> np.ndarray:
    """Values (F, D) at the times (F,) as smooth values at the instants k / rate, (T, D).

    Weighted with a triangle that reaches to the instants before and after, or to the frames before and after
    where those are farther apart. The first ``SECONDS`` only.
    """
    steps = np.diff(time)
    reach = max(1 / rate, float(np.median(steps)) if len(steps) else 0.0)
    last = min(time[-1] if len(time) else 0.0, SECONDS)
    instants = np.arange(int(last * rate + 1e-6) + 1) / rate
    weights = np.maximum(1 - np.abs(instants[:, None] - time) / reach, 0)
    alone = weights.sum(axis=1) == 0  # in a gap of the time stamps
    weights[alone, np.abs(instants[alone, None] - time).argmin(axis=1)] = 1
    return (weights / weights.sum(axis=1, keepdims=True)) @ values


def pack(prints: Prints) -> bytes:
    """Fingerprints as the bytes of a compressed .npz; nothing is pickled."""
    arrays = {}
    for kind, one in prints.items():
        arrays[f"{kind}_base"] = one.base.astype(np.float16 if kind == PICTURE else np.float32)
        arrays[f"{kind}_changes"] = np.ascontiguousarray(
            one.changes.T
        )  # slow curves one by one: half the size
        arrays[f"{kind}_step"] = np.float64(one.step)
        if one.lap is not None:
            arrays[f"{kind}_lap"] = np.float64(one.lap)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def kinds_of(packed: bytes) -> set[str]:
    """The kinds of fingerprints in what :func:`pack` packed; none in no bytes. Errors as of :func:`unpack`."""
    if not packed:
        return set()
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as file:
            names = file.namelist()
    except zipfile.BadZipFile as error:
        raise _damaged(error) from error
    return {name.removesuffix("_base.npy") for name in names if name.endswith("_base.npy")}


def unpack(packed: bytes) -> dict[str, Print]:
    """The fingerprints that :func:`pack` packed; none in no bytes.

    Raises
    ------
    GaitmoodError
        The bytes are damaged.
    """
    if not packed:
        return {}
    try:
        with np.load(io.BytesIO(packed), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        kinds = [name.removesuffix("_base") for name in arrays if name.endswith("_base")]
        return {
            kind: Print(
                arrays[f"{kind}_base"].astype(np.float32),
                np.ascontiguousarray(arrays[f"{kind}_changes"].T),
                float(arrays[f"{kind}_step"]),
                float(arrays[f"{kind}_lap"]) if f"{kind}_lap" in arrays else None,
            )
            for kind in kinds
        }
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise _damaged(error) from error


def _damaged(error: Exception) -> GaitmoodError:
    return GaitmoodError(f"a fingerprint is damaged ({error!r}); train the model again.")
