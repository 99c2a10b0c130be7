"""What was said of every frame, as JSON and as CSV; the form is described in docs/predict.md."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gait.streaming.moments import Moment

SCHEMA = "gaitmood.prediction/1"


def rows_of(moment: Moment, classes: Sequence[str]) -> Iterator[dict[str, Any]]:
    """A row as JSON values for each person of a frame."""
    for person in moment.people:
        verdict = person.verdict
        yield {
            "frame": moment.number,
            "time": round(moment.seconds, 6),
            "person": person.number,
            "emotion": verdict.emotion,
            "confidence": verdict.confidence,
            "probabilities": named(classes, verdict.probabilities),
            "valence": verdict.valence,
            "arousal": verdict.arousal,
            "reason": None if verdict.reason is None else str(verdict.reason),
            "window": None if verdict.frames is None else list(verdict.frames),
        }


def named(classes: Sequence[str], probabilities: Any) -> dict[str, float] | None:
    """Probabilities (K,) by the names of their classes."""
    return None if probabilities is None else dict(zip(classes, map(float, probabilities), strict=True))


class _Beside:
    """A text file beside its target that is renamed into place by ``finish``, and gone where there was none."""

    def __init__(self, path: Path, newline: str | None = None):
        self._path, self._part = path, path.with_name(f".{path.name}.part")
        # Names that are not UTF-8 arrive as surrogates (PEP 383) and must get out the same way.
        self.file = self._part.open("w+", encoding="utf-8", errors="surrogateescape", newline=newline)

    def finish(self) -> None:
        self.file.close()
        self._part.replace(self._path)

    def abandon(self) -> None:
        self.file.close()
        self._part.unlink(missing_ok=True)


class JsonLog:
    """Rows into a JSON file, the facts of the whole before them; a context manager.

    Memory does not grow with the rows. Without ``finish`` nothing is left.

    Parameters
    ----------
    path : Path
        Target.
    as_list : bool
        The rows alone.
    """

    def __init__(self, path: Path, as_list: bool = False):
        self._path, self._as_list = path, as_list

    def __enter__(self) -> JsonLog:
        self._rows = _Beside(self._path.with_name(f"{self._path.name}.rows"))
        self._whole = _Beside(self._path)
        self._between = "\n"
        return self

    def __exit__(self, *_: object) -> None:
        self._rows.abandon()
        self._whole.abandon()

    def add(self, row: dict[str, Any]) -> None:
        """Take a row."""
        self._rows.file.write(self._between + json.dumps(row, ensure_ascii=False))
        self._between = ",\n"

    def finish(self, facts: dict[str, Any]) -> None:
        """Write the facts and then the rows, and put the file into place."""
        file = self._whole.file
        if not self._as_list:
            file.write(json.dumps(facts, indent=1, ensure_ascii=False).removesuffix("\n}") + ',\n "frames": ')
        file.write("[")
        self._rows.file.seek(0)
        shutil.copyfileobj(self._rows.file, file)
        file.write("\n]\n" if self._as_list else "\n]}\n")
        self._whole.finish()


class CsvLog:
    """Rows into a CSV file; a context manager. Without ``finish`` nothing is left.

    Parameters
    ----------
    path : Path
        Target.
    classes : sequence of str
        In the order of the probabilities.
    """

    def __init__(self, path: Path, classes: Sequence[str]):
        self._path = path
        shares, ends = (
            [f"p_{name}" for name in classes],
            ["valence", "arousal", "reason", "window_first", "window_last"],
        )
        self._columns = ["frame", "time", "person", "emotion", "confidence", *shares, *ends]

    def __enter__(self) -> CsvLog:
        self._beside = _Beside(self._path, newline="")
        self._writer = csv.DictWriter(self._beside.file, self._columns, extrasaction="ignore")
        self._writer.writeheader()
        return self

    def __exit__(self, *_: object) -> None:
        self._beside.abandon()

    def add(self, row: dict[str, Any]) -> None:
        """Take a row."""
        shares = {f"p_{name}": share for name, share in (row["probabilities"] or {}).items()}
        first, last = row["window"] or (None, None)
        self._writer.writerow(row | shares | {"window_first": first, "window_last": last})

    def finish(self, _: dict[str, Any]) -> None:
        """Put the file into place; facts of the whole have no place in it."""
        self._beside.finish()
