"""One content-addressed store for what is slow to make: clip frames and poses.

An entry is a folder of ``.npy`` files with a ``meta.json`` that holds what is known of it and a checksum of
every array. It is written beside and renamed into place, so it is there whole or not at all. Arrays are
appended frame by frame while they are made and read slice by slice, so memory does not grow with the length
of a walk.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import time
import uuid
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from gait.errors import DiskFullError

LIMIT_BYTES = 20 * 2**30
_DAY = 86_400


def default_folder() -> Path:
    """The user's cache folder, or what the environment variable GAITMOOD_CACHE names."""
    import platformdirs

    return Path(os.environ.get("GAITMOOD_CACHE") or platformdirs.user_cache_dir("gaitmood", appauthor=False))


def content_hash(path: Path | str) -> str:
    """SHA-256 of a file's bytes, as hexadecimal digits: what a walk is known by, whatever it is called."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def entry_key(kind: str, content: str, settings: Mapping[str, Any]) -> str:
    """Key of an entry: what it holds, the content hash of its source, and the settings it was made with."""
    text = json.dumps([kind, content, dict(settings)], sort_keys=True)
    return f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:40]}"


class Entry:
    """A finished entry: ``meta`` and arrays that are read slice by slice."""

    def __init__(self, folder: Path, meta: dict[str, Any]):
        self.folder = folder
        self.meta = meta

    def length(self, name: str) -> int:
        """Length of the array's first axis."""
        return self.meta["arrays"][name]["shape"][0]

    def read(self, name: str, rows: slice | np.ndarray = slice(None)) -> np.ndarray:
        """Copy of some rows of an array. The file is mapped only while they are copied."""
        mapped = np.load(self.folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
        return np.array(mapped[rows])


class EntryWriter:
    """An entry in the making: ``append`` rows to arrays, set ``meta``."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._arrays: dict[str, _GrowingArray] = {}
        self.meta: dict[str, Any] = {}

    def append(self, name: str, rows: np.ndarray) -> None:
        """Append rows along the first axis; every call gives the same other axes and type."""
        if name not in self._arrays:
            self._arrays[name] = _GrowingArray(self._folder / f"{name}.npy", rows)
        self._arrays[name].append(rows)

    def close(self) -> None:
        arrays = {name: array.close() for name, array in self._arrays.items()}
        (self._folder / "meta.json").write_text(json.dumps({**self.meta, "arrays": arrays}), encoding="utf-8")

    def abandon(self) -> None:
        for array in self._arrays.values():
            # On a full disk closing fails too, for what is still in the buffer.
            with suppress(OSError):
                array.file.close()


class _GrowingArray:
    """A .npy file whose first axis grows: NumPy's header has room for its length, put in at the end."""

    def __init__(self, path: Path, rows: np.ndarray):
        self.file = path.open("w+b")
        self._tail, self._dtype, self._rows, self._crc = rows.shape[1:], rows.dtype, 0, 0
        self._write_header()

    def _write_header(self) -> None:
        header = {"descr": self._dtype.str, "fortran_order": False, "shape": (self._rows, *self._tail)}
        self.file.seek(0)
        np.lib.format.write_array_header_1_0(self.file, header)

    def append(self, rows: np.ndarray) -> None:
        if rows.shape[1:] != self._tail or rows.dtype != self._dtype:
            raise ValueError(
                f"rows of {self._tail} {self._dtype} expected, got {rows.shape[1:]} {rows.dtype}"
            )
        data = np.ascontiguousarray(rows).data
        self._crc = zlib.crc32(data, self._crc)
        self.file.write(data)
        self._rows += len(rows)

    def close(self) -> dict[str, Any]:
        self._write_header()
        self.file.close()
        return {"shape": [self._rows, *self._tail], "dtype": self._dtype.str, "crc32": self._crc}


class Cache:
    """The store.

    Parameters
    ----------
    folder : path, optional
        Where entries lie; by default the user's cache folder.
    limit_bytes : int
        Above this, :meth:`prune` removes the entries that were used longest ago.
    """

    def __init__(self, folder: Path | str | None = None, limit_bytes: int = LIMIT_BYTES):
        self.folder = Path(folder) if folder else default_folder()
        self.limit_bytes = limit_bytes
        self._run = str(os.getpid())

    def find(self, key: str) -> Entry | None:
        """The entry, its checksums verified, or None. A damaged one is removed, so that it is made again."""
        folder = self.folder / key
        if not folder.exists():
            return None
        try:
            meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
            sound = all(_inspect(folder / f"{name}.npy") == array for name, array in meta["arrays"].items())
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            sound = False
        if not sound:
            shutil.rmtree(folder, ignore_errors=True)
            return None
        with suppress(OSError):  # another user's cache can be read, too
            os.utime(folder / "meta.json")
        return Entry(folder, meta)

    def open(self, key: str) -> Entry:
        """An entry that :meth:`find` has verified before in this run."""
        folder = self.folder / key
        return Entry(folder, json.loads((folder / "meta.json").read_text(encoding="utf-8")))

    @contextmanager
    def write(self, key: str) -> Iterator[EntryWriter]:
        """Make an entry; it appears when the block ends, and not at all if the block fails.

        Raises
        ------
        DiskFullError
            There is no room left on the disk.
        """
        part = self.folder / f".part-{self._run}-{uuid.uuid4().hex[:8]}"
        writer = None
        try:
            part.mkdir(parents=True)
            writer = EntryWriter(part)
            yield writer
            writer.close()
            _rename(part, self.folder / key)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFullError(
                    f"the disk is full while writing the cache in {self.folder}. Nothing half-written is "
                    "left; free some room, or name a folder on another disk with --cache, and run the same "
                    "command again."
                ) from error
            raise
        finally:
            if writer is not None:
                writer.abandon()
            shutil.rmtree(part, ignore_errors=True)

    @contextmanager
    def session(self) -> Iterator[Cache]:
        """The store for worker processes: what killed ones have half-written is removed when the block ends.

        Give it to the workers, and end them before the block ends.
        """
        store = Cache(self.folder, self.limit_bytes)
        store._run = f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
        try:
            yield store
        finally:
            for part in self.folder.glob(f".part-{store._run}-*"):
                shutil.rmtree(part, ignore_errors=True)

    def discard_parts(self) -> None:
        """Remove what writers that were killed together with their session left: parts older than a day."""
        for part in self.folder.glob(".part-*"):
            with suppress(FileNotFoundError):  # its writer is just done
                if time.time() - part.stat().st_mtime > _DAY:
                    shutil.rmtree(part, ignore_errors=True)

    def prune(self, started: float) -> int:
        """Remove the entries used longest ago until the store is below its limit.

        Entries used since ``started`` (seconds since the epoch) stay, even above the limit.

        Returns
        -------
        int
            Bytes removed.
        """
        self.discard_parts()
        entries = []
        for meta in self.folder.glob("[!.]*/meta.json"):
            with suppress(FileNotFoundError):  # another run removes it
                size = sum(file.stat().st_size for file in meta.parent.iterdir())
                entries.append((meta.stat().st_mtime, size, meta.parent))
        total, removed = sum(size for _, size, _ in entries), 0
        for used, size, folder in sorted(entries):
            # A second to spare: the clock of file times lags behind.
            if total - removed <= self.limit_bytes or used >= started - 1:
                break
            shutil.rmtree(folder, ignore_errors=True)
            removed += size
        return removed


def _inspect(path: Path) -> dict[str, Any]:
    """What ``meta.json`` should say of an array."""
    crc = 0
    with path.open("rb") as file:
        np.lib.format.read_magic(file)
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        while block := file.read(1 << 20):
            crc = zlib.crc32(block, crc)
    return {"shape": list(shape), "dtype": dtype.str, "crc32": crc}


def _rename(part: Path, target: Path) -> None:
    """Rename a folder into place; if another run was quicker, its entry, which is the same, stays."""
    try:
        part.rename(target)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.EACCES) or not target.exists():
            raise
