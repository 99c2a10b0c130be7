"""MDT-GCN: NAME_joint.npy (N, 3, T, 16, 1), NAME_movement.npy, NAME_affective.npy and NAME_label.pkl."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any
from zipfile import BadZipFile

import numpy as np

from gait.formats.safe_pickle import load_pickle
from gait.formats.walks import (
    Collector,
    KeypointError,
    KeypointFile,
    KeypointOptions,
    check_integers,
    gait16_notes,
    gait16_walk,
    numbered,
)

PARTS = ("movement", "affective")


@dataclass(frozen=True, eq=False)
class MdtGcnData:
    """The arrays as they lie in the files, memory-mapped.

    Attributes
    ----------
    joint : (N, 3, T, 16, 1) array
    movement : (N, 8, T, 16, 1) array or None
        Channels as the authors made them: first and second difference, direction and its difference.
    affective : (N, ...) array or None
        Their 31 features a frame.
    names : tuple of str
        The file's own names, or ``0000``, ``0001``, ...
    labels : (N,) int array or None
    """

    joint: np.ndarray
    movement: np.ndarray | None
    affective: np.ndarray | None
    names: tuple[str, ...]
    labels: np.ndarray | None


def load_mdt_gcn(path: Path, labels: Path | str | bool | None = None) -> MdtGcnData:
    """The arrays of a joint file and of the files beside it.

    Parameters
    ----------
    path : Path
        ``NAME_joint.npy``; movement, affective and label files are looked for under the same NAME.
    labels : path, None or False
        The label file; None looks for ``NAME_label.pkl``, False reads none.

    Raises
    ------
    KeypointError
        Not such a file, shapes that do not fit, another joint count, or a pickle that holds more than data.
    """
    joint = _load_array(path)
    if joint.ndim != 5 or joint.shape[1] != 3 or joint.shape[3:] != (16, 1):
        joints = f" ({joint.shape[3]} joints)" if joint.ndim == 5 else ""
        raise KeypointError(
            f"shape (N, 3, T, 16, 1) expected (walk, x y z, frame, 16 joints, one person), found "
            f"{joint.shape}{joints}; name the joint file"
        )
    parts = {part: _load_beside(path, part, len(joint)) for part in PARTS}
    if parts["movement"] is not None and parts["movement"].shape != (joint.shape[0], 8, *joint.shape[2:]):
        raise KeypointError(f"movement {parts['movement'].shape} does not fit joints {joint.shape}")
    names, values = _load_labels(path, labels, len(joint))
    return MdtGcnData(joint, parts["movement"], parts["affective"], names, values)


def read_mdt_gcn(path: Path, options: KeypointOptions) -> KeypointFile:
    """Walks of an MDT-GCN joint file.

    Parameters
    ----------
    path : Path
        ``NAME_joint.npy``.
    options : KeypointOptions
        ``labels``, ``emotions``, ``rate``, ``first`` (MDT-GCN's own code calls the first block right),
        ``unit``.

    Raises
    ------
    KeypointError
        As :func:`load_mdt_gcn`; labels without a map or outside it; no walk usable.
    """
    data = load_mdt_gcn(path, options.labels)
    collector = Collector()
    emotions: list[str | None] = [None] * len(data.joint)
    if data.labels is not None:
        classes = options.emotion_map()
        pairs = zip(data.labels, data.names, strict=True)
        emotions = [classes[check_integers(value, name, classes)] for value, name in pairs]
        collector.notes.append(f"integers read as the map {options.emotions}: {numbered(classes)}")
    for name, points, emotion in zip(data.names, data.joint, emotions, strict=True):
        collector.add(
            name, lambda p=points: gait16_walk(p[..., 0].transpose(1, 2, 0), options, "mdt-gcn"), emotion
        )
    collector.notes += gait16_notes(options)
    return collector.finish()


def _load_array(path: Path) -> np.ndarray:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError, TokenError, BadZipFile) as error:
        raise KeypointError(f"not a readable .npy array of numbers ({str(error)[:120]})") from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "iuf":
        raise KeypointError("not an .npy array of numbers")
    return array


def _beside(path: Path, part: str, ending: str) -> Path:
    head, _, _ = path.stem.rpartition("joint")
    return path.with_name(f"{head}{part}{ending}")


def _load_beside(path: Path, part: str, count: int) -> np.ndarray | None:
    place = _beside(path, part, path.suffix)
    if "joint" not in path.stem or not place.is_file():
        return None
    array = _load_array(place)
    if len(array) != count:
        raise KeypointError(f"{place.name} has {len(array)} walks, the joints have {count}")
    return array


def _load_labels(
    path: Path, labels: Path | str | bool | None, count: int
) -> tuple[tuple[str, ...], np.ndarray | None]:
    """Names and integers; the pickle is (names, labels), as ST-GCN's feeders write it, or labels."""
    numbers = tuple(f"{i:04d}" for i in range(count))
    place = _beside(path, "label", ".pkl") if labels is None else labels and path.parent / labels
    if labels is None and ("joint" not in path.stem or not place.is_file()):
        place = False
    if place is False:
        return numbers, None
    try:
        names, values = _split(load_pickle(place.read_bytes()))
    except OSError as error:
        raise KeypointError(f"labels {place.name}: cannot be read ({error.strerror})") from error
    except KeypointError as error:
        raise KeypointError(f"labels {place.name}: {error}") from error
    if len(values) != count or (names is not None and len(names) != count):
        raise KeypointError(f"labels {place.name}: {len(values)} labels for {count} walks")
    return _unique(names, numbers), values


def _split(loaded: Any) -> tuple[list | None, np.ndarray]:
    names = None
    if isinstance(loaded, (list, tuple)) and len(loaded) == 2 and np.ndim(loaded[1]) == 1:
        names, loaded = list(loaded[0]), loaded[1]
    try:
        values = np.asarray(loaded)
    except ValueError:
        values = np.empty(0, object)
    if values.ndim != 1 or values.dtype.kind not in "iuf":
        raise KeypointError("a list of integers, or of names and one of integers, is expected")
    return names, values


def _unique(names: list | None, numbers: tuple[str, ...]) -> tuple[str, ...]:
    if names is None:
        return numbers
    texts = [str(name) for name in names]
    if len(set(texts)) == len(texts):
        return tuple(texts)
    return tuple(f"{number} {text}" for number, text in zip(numbers, texts, strict=True))
