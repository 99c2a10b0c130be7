"""Files of models, whatever they hold: where they lie, and how they are written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from gait.errors import BundleError, DiskFullError, is_disk_full, require_room

POSE_NETWORK = "gaitmood_posenet"  # attribute of a file that holds no bundle, see gait.pose.posenet_file


def free_name(folder: Path, name: str, overwrite: bool = False) -> Path:
    """``folder/NAME.h5``, or ``NAME-2.h5`` and so on where that is taken and may not be overwritten."""
    path, number = folder / f"{name}.h5", 2
    while path.exists() and not overwrite:
        path, number = folder / f"{name}-{number}.h5", number + 1
    return path


def model_files(folder: Path) -> list[Path]:
    """The model files in a folder, the one written last at the end; pose networks are no models of emotions."""
    files = sorted(folder.glob("*.h5"), key=lambda path: (path.stat().st_mtime, path.name))
    return [path for path in files if not path.name.startswith(".") and not _is_pose_network(path)]


def newest(folder: Path) -> Path:
    """The model file in a folder that was written last.

    Raises
    ------
    BundleError
        There is none.
    """
    files = model_files(folder)
    if not files:
        raise BundleError(f"no model in {folder}/. Train one with: python train.py")
    return files[-1]


def _is_pose_network(path: Path) -> bool:
    try:
        with h5py.File(path) as file:
            return POSE_NETWORK in file.attrs
    except OSError:  # no HDF5 file at all: whoever loads it says so
        return False


@contextmanager
def written_whole(path: Path, size: int) -> Iterator[Path]:
    """Where to write a model file of about ``size`` bytes, so that it appears at ``path`` whole or not at all.

    Raises
    ------
    DiskFullError
        There is no room left; a file that was there before is as it was.
    """
    part = path.with_name(f".{path.stem}.{os.getpid()}.part.h5")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        require_room(path.parent, size)
        yield part
        part.replace(path)
    except (OSError, RuntimeError) as error:
        if is_disk_full(error):
            raise DiskFullError(
                f"the disk is full: {path} could not be written, and nothing half-written is left."
            ) from error
        raise
    finally:
        part.unlink(missing_ok=True)


def save_keras(model: Any, path: Path) -> None:
    """Write a model in Keras's own ``.h5`` layout, without its optimizer."""
    import logging

    # Keras suggests its newer .keras format for every .h5; .h5 is the product here by choice.
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        model.save(path, include_optimizer=False)
    finally:
        logger.setLevel(level)
