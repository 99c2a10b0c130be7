"""Pose sequences in files: cache entries, and this project's own keypoint file, ``.npz``."""

from __future__ import annotations

import json
import os
import struct
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path
from tokenize import TokenError
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
# What zipfile, zlib, NumPy (whose headers are Python's) and JSON raise over bytes that are not theirs:
# NotImplementedError and RuntimeError stand for a compression and an encryption that nobody asked for.
DAMAGED = (
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
    SyntaxError,
    TokenError,
)
# Notes that later steps read, and what they read of them.
_NOTES = {
    "loop": ("period", "seams"),
    "direction": ("known", "facing", "reason"),
    "gaps": ("filled", "left_open"),
}
_KINDS = {str: "a name", dict: "names and values"}
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
        if "facts" not in arrays:
            raise GaitmoodError(_other_kind(path, arrays))
        facts = json.loads(str(arrays.pop("facts")))
        found = facts.pop("gaitmood_pose")
    except DAMAGED as error:
        raise GaitmoodError(
            f"{path}: a keypoint file of this project (.npz) was expected ({type(error).__name__}: {error})."
        ) from error
    if type(found) is not int:
        raise GaitmoodError(f"{path}: gaitmood_pose: the number of a format was expected, found {found!r}.")
    if found > FORMAT:
        raise GaitmoodError(
            f"{path}: format {found} is newer than this version reads ({FORMAT}); update the project."
        )
    missing = [name for name in _ARRAYS if name not in arrays] + [n for n in _FACTS if n not in facts]
    if missing:
        raise GaitmoodError(f"{path}: {', '.join(missing)} expected in the file, but not found.")
    try:
        sequence = _sequence(_numbers(arrays), facts)
        _check(sequence)
    except (ValueError, IndexError) as error:
        raise GaitmoodError(f"{path}: {error}.") from error
    return sequence


def _other_kind(path: Path | str, arrays: Collection[str]) -> str:
    held = ", ".join(sorted(arrays)) or "nothing"
    text = (
        f"{path}: a keypoint file of this project (.npz), with 'facts', was expected; this one holds {held}."
    )
    if {"joint_names", "camera_rotation"} <= set(arrays):
        return f"{text} These are the true joints that python -m synthesis writes beside a video: name the video."
    return f"{text} Another program wrote it, or a version from before such files: write it anew from its source."


def _numbers(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays as we store them; whole numbers may stand for real ones and for true and false."""
    dtypes = {**_ARRAYS, "root": np.float32}
    for name in dtypes.keys() & arrays.keys():
        kinds = "biu" if dtypes[name] is np.bool_ else "iuf"
        if arrays[name].dtype.kind not in kinds:
            expected = "true and false" if dtypes[name] is np.bool_ else "numbers"
            raise ValueError(f"{name}: {expected} expected, found {arrays[name].dtype}")
    with np.errstate(over="ignore"):  # too large for us is infinite, which readers of joints refuse by name
        return {name: arrays[name].astype(dtypes[name], copy=False) for name in dtypes.keys() & arrays.keys()}


def _check(sequence: PoseSequence) -> None:
    """Raise ValueError where a fact is none, or a visibility no share."""
    T, (first, last) = len(sequence), sequence.unique
    if not (T == 0 or 0 <= first < last <= T):
        raise ValueError(f"unique: first and one-past-last of {T} frames expected, found {first} and {last}")
    if sequence.root_unit not in (None, "m", "body"):
        raise ValueError(f"root_unit: m, body or null expected, found {sequence.root_unit!r}")
    if sequence.root_source not in ("true", "estimated", "none"):
        raise ValueError(f"root_source: true, estimated or none expected, found {sequence.root_source!r}")
    for name, facts in _NOTES.items():
        note = sequence.notes.get(name, dict.fromkeys(facts))
        if not isinstance(note, dict) or not set(facts) <= set(note):
            raise ValueError(f"notes: {name} with {', '.join(facts)} expected, found {note!r}")
    wrong = sequence.visibility[~((sequence.visibility >= 0) & (sequence.visibility <= 1))]  # NaN too
    if wrong.size:
        raise ValueError(f"visibility: numbers from 0 to 1 expected, found {wrong[0]:g}")


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
    values |= {name: _two_numbers(name, facts[name]) for name in ("frame_size", "unique")}
    for name, kind in (("layout", str), ("notes", dict)):
        if not isinstance(values[name], kind):
            raise ValueError(f"{name}: {_KINDS[kind]} expected, found {values[name]!r}")
    return PoseSequence(**known, **values)


def _two_numbers(name: str, value: Any) -> tuple[int, int]:
    if not (isinstance(value, list) and len(value) == 2 and all(type(one) is int for one in value)):
        raise ValueError(f"{name}: two whole numbers expected, found {value!r}")
    return value[0], value[1]
