"""Emotion-Gait and STEP: an .h5 with one dataset a gait, (T, 48), and one with an integer for each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

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
from gait.label_names import listed
from gait.pose.sequence import PoseSequence

COLUMNS = 48


def read_emotion_gait(path: Path, options: KeypointOptions) -> KeypointFile:
    """Walks of an Emotion-Gait or STEP features file.

    Parameters
    ----------
    path : Path
        One dataset a gait, (T, 48): 16 joints x (x, y, z), y up.
    options : KeypointOptions
        ``labels`` (None: the file beside whose name has ``labels`` for ``features``), ``emotions``, ``rate``,
        ``first``, ``unit``.

    Raises
    ------
    KeypointError
        Not such a file; labels without a map, with other keys, or outside the map; no gait usable.
    """
    with open_h5(path) as file:
        gaits = {name: item for name, item in file.items() if isinstance(item, h5py.Dataset)}
        if not gaits:
            raise KeypointError("no gaits in it; expected one dataset a gait, T rows of 48 columns")
        if is_labels(file):
            raise KeypointError("holds labels, one number a gait, and no joints; name the features file")
        collector = Collector()
        labels = _read_labels(path, options, list(gaits), collector.notes)
        for name, data in gaits.items():
            collector.add(name, lambda data=data: _read_gait(data, options), labels.get(name))
    collector.notes += gait16_notes(options)
    return collector.finish()


@contextmanager
def open_h5(path: Path) -> Iterator[h5py.File]:
    """An open HDF5 file; raises KeypointError where it is none, or where what is read of it is damaged."""
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:  # h5py's answers to damage
        raise KeypointError(f"not a readable HDF5 file ({str(error).strip()[:120]})") from error


def is_labels(file: h5py.File) -> bool:
    """Whether a file holds one number a dataset, as label files do."""
    items = list(file.values())
    return bool(items) and all(isinstance(item, h5py.Dataset) and item.size == 1 for item in items)


def _read_gait(data: h5py.Dataset, options: KeypointOptions) -> PoseSequence:
    if data.ndim != 2 or data.shape[1] != COLUMNS or data.dtype.kind not in "iuf":
        width = data.shape[1] if data.ndim == 2 else None
        joints = f" = {width // 3} joints" if width and width % 3 == 0 else ""
        raise KeypointError(
            f"T rows of {COLUMNS} columns = 16 joints x (x, y, z) expected, found shape {data.shape}{joints}"
        )
    try:
        values = data[()]
    except (OSError, ValueError) as error:
        raise KeypointError(f"its values cannot be read ({error})") from error
    return gait16_walk(np.asarray(values).reshape(-1, 16, 3), options, "emotion-gait")


def _read_labels(path: Path, options: KeypointOptions, gaits: list[str], notes: list[str]) -> dict[str, str]:
    """Emotion of each gait; empty without labels."""
    place = options.labels
    if place is None:
        beside = path.with_name(path.name.replace("features", "labels"))
        place = beside if beside != path and beside.is_file() else False
    if place is False:
        return {}
    place = path.parent / place if options.labels is not None else place
    try:
        classes = options.emotion_map()
        with open_h5(place) as file:
            values = {name: item[()] for name, item in file.items() if isinstance(item, h5py.Dataset)}
        paired = _pair(gaits, values, place.name, notes)
        numbers = {gait: check_integers(values[key], key, classes) for gait, key in paired.items()}
    except KeypointError as error:
        raise KeypointError(f"labels {place.name}: {error}") from error
    notes.append(f"{place.name}: integers read as the map {options.emotions}: {numbered(classes)}")
    return {gait: classes[number] for gait, number in numbers.items()}


def _pair(gaits: list[str], values: dict, file: str, notes: list[str]) -> dict[str, str]:
    """Key in the labels file for each gait: the same key; in sorted order where no key is the same."""
    common = [gait for gait in gaits if gait in values]
    if not common and len(gaits) == len(values):
        notes.append(f"{file}: no key is a gait's; paired in sorted order, as the authors do")
        return dict(zip(sorted(gaits), sorted(values), strict=True))
    if not common:
        raise KeypointError(
            f"{len(values)} labels for {len(gaits)} gaits and no key in common (such as "
            f"{listed(list(values)[:1])} and {gaits[0]}); the labels of another file?"
        )
    for what, names in (
        ("gaits without a label", [gait for gait in gaits if gait not in values]),
        ("labels without a gait", [key for key in values if key not in gaits]),
    ):
        if names:
            notes.append(f"{file}: {what} ({len(names)}): {listed(names)}")
    return {gait: gait for gait in common}
