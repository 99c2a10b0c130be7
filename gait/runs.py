"""Run folders: where a training or a test leaves what it writes beside the model."""

from __future__ import annotations

import json
import time
from pathlib import Path

from gait.errors import GaitmoodError
from gait.predictions import write_beside


def new_run(runs: Path, name: str) -> Path:
    """Make a folder ``runs/DATE-TIME-NAME`` (with a number where it is taken)."""
    stem = f"{time.strftime('%Y%m%d-%H%M%S')}-{name}"
    runs.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        folder = runs / (stem if number == 1 else f"{stem}-{number}")
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            number += 1


def refuse_filled(folder: Path) -> None:
    """Whether what takes minutes has a place to go is known before: refuse a folder that holds something.

    Raises
    ------
    GaitmoodError
        The folder of ``--output`` is there and is not empty, or is a file.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise GaitmoodError(
            f"--output: a new or empty folder was expected; {folder} is there and is not empty."
        )


def write_json(path: Path, value: object) -> None:
    """Write JSON beside and rename it into place."""
    write_beside(path, (json.dumps(value, indent=1) + "\n").encode())
