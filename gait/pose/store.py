"""Pose sequences in files: cache entries, and this project's own keypoint file, ``.npz``."""

from __future__ import annotations

import json
import os
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from gait.cache import Entry, EntryWriter
from gait.errors import GaitmoodError
from gait.pose.sequence import PoseSequence

FORMAT = 1
_ARRAYS = {
    "image": np.float32,
    "world": np.float32,
    "visibility": np.float32,
    "time": np.float64,
    "observed": np.bool_,
    "mended": np.bool_,
}
# What zipfile, zlib, NumPy and JSON raise over bytes that are not theirs: NotImplementedError and RuntimeError
# stand for a compression and an encryption that nobody asked for.
_DAMAGED = (
    OSError,
    ValueError,
    KeyError,
    EOFError,
    AttributeError,
    TypeError,
    NotImplementedError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
)
_FACTS = ("frame_size", "layout", "root_unit", "root_source", "unique", "notes")


def to_entry(sequence: PoseSequence, writer: EntryWriter) -> None:
    """Write a pose sequence into a cache entry in the making."""
    for name, array in _arrays(sequence).items():
        writer.append(name, array)
    writer.meta["pose"] = _facts(sequence)


def from_entry(entry: Entry) -> PoseSequence:
    """Read a pose sequence from a cache entry that :func:`to_entry` filled."""
    return _sequence({name: entry.read(name) for name in entry.meta["arrays"]}, entry.meta["pose"])


def save_npz(sequence: PoseSequence, path: Path | str) -> None:
    """Write a pose sequence to a compressed ``.npz``, beside its target and then renamed into place."""
    target = Path(path)
    part = target.with_name(f".part-{os.getpid()}-{target.name}")
    facts = {"gaitmood_pose": FORMAT, **_facts(sequence)}
    try:
        with part.open("wb") as file:
            np.savez_compressed(file, facts=np.array(json.dumps(facts)), **_arrays(sequence))
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def load_npz(path: Path | str) -> PoseSequence:
    """Read a pose sequence that :func:`save_npz` wrote. Nothing in the file is executed.

    Raises
    ------
    GaitmoodError
        The file is not such a file, is damaged, holds arrays that do not fit, or comes from a newer version.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        facts = json.loads(str(arrays.pop("facts")))
        found = facts.pop("gaitmood_pose")
    except _DAMAGED as error:
        raise GaitmoodError(
            f"{path}: a keypoint file of this project (.npz) was expected ({type(error).__name__}: {error})."
        ) from error
    if found > FORMAT:
        raise GaitmoodError(
            f"{path}: format {found} is newer than this version reads ({FORMAT}); update the project."
        )
    missing = [name for name in _ARRAYS if name not in arrays] + [n for n in _FACTS if n not in facts]
    if missing:
        raise GaitmoodError(f"{path}: {', '.join(missing)} expected in the file, but not found.")
    try:
        return _sequence(arrays, facts)
    except (ValueError, IndexError) as error:
        raise GaitmoodError(f"{path}: {error}.") from error


def _arrays(sequence: PoseSequence) -> dict[str, np.ndarray]:
    arrays = {name: np.asarray(getattr(sequence, name), dtype) for name, dtype in _ARRAYS.items()}
    if sequence.root is not None:
        arrays["root"] = np.asarray(sequence.root, np.float32)
    return arrays


def _facts(sequence: PoseSequence) -> dict[str, Any]:
    facts = {name: getattr(sequence, name) for name in _FACTS}
    return facts | {"frame_size": list(sequence.frame_size), "unique": list(sequence.unique)}


def _sequence(arrays: dict[str, np.ndarray], facts: dict[str, Any]) -> PoseSequence:
    known = {name: arrays[name] for name in (*_ARRAYS, "root") if name in arrays}
    values = {name: facts[name] for name in _FACTS}
    values |= {"frame_size": tuple(facts["frame_size"]), "unique": tuple(facts["unique"])}
    return PoseSequence(**known, **values)
