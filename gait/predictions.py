"""What a model said of each walk, and its CSV file: the form in which predictions reach every report."""

from __future__ import annotations

import contextlib
import csv
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gait.affect import COLUMNS as _AFFECT
from gait.affect import AffectAnswers
from gait.affect import pooled as pooled_affect
from gait.errors import DiskFullError, GaitmoodError, is_disk_full
from gait.views import ViewAnswers, first_column
from gait.views import pooled as pooled_views

_COLUMNS = ("video", "true", "predicted", "subject", "clips")
_PREFIX = "p_"
# A model may answer in float32 or float16; its softmax then adds up to 1 only roughly.
_SUM_TOLERANCE = 5e-3


@dataclass(frozen=True, eq=False)
class Predictions:
    """Probabilities for N walks and what is known of the walks.

    Attributes
    ----------
    names : tuple of str
        One a walk.
    classes : tuple of str
        The K classes in the model's order.
    probabilities : (N, K) float64
        Made read-only; each row sums to 1.
    labels : tuple of (str or None)
        The true label, one of ``classes``; None where unlabelled.
    subjects : tuple of (str or None)
        Who walks; None where unknown.
    clips : tuple of int
        The number of clips that each walk's probabilities are the mean of.
    affect : AffectAnswers or None
        Valence and arousal, where the model says them.
    views : ViewAnswers or None
        Its answer for each view, where the model tells views apart.

    Raises
    ------
    ValueError
        Where lengths or shapes differ, or a row is no probability distribution.
    GaitmoodError
        Where a label is not among the classes: the model was trained on others.
    """

    names: tuple[str, ...]
    classes: tuple[str, ...]
    probabilities: np.ndarray
    labels: tuple[str | None, ...]
    subjects: tuple[str | None, ...]
    clips: tuple[int, ...]
    affect: AffectAnswers | None = None
    views: ViewAnswers | None = None

    def __post_init__(self):
        for field in ("names", "classes", "labels", "subjects", "clips"):
            object.__setattr__(self, field, tuple(getattr(self, field)))
        probabilities = np.array(self.probabilities, dtype=np.float64)
        probabilities.flags.writeable = False
        object.__setattr__(self, "probabilities", probabilities)
        self._check_shapes()
        self._check_values()

    def _check_shapes(self) -> None:
        expected = (len(self.names), len(self.classes))
        if self.probabilities.shape != expected:
            raise ValueError(f"expected probabilities of shape {expected}, got {self.probabilities.shape}")
        for field in ("labels", "subjects", "clips"):
            if len(getattr(self, field)) != len(self.names):
                raise ValueError(
                    f"expected {len(self.names)} {field}, one a walk, got {len(getattr(self, field))}"
                )
        if self.affect is not None and self.affect.predicted.shape != (len(self.names), 2):
            raise ValueError(f"expected a valence and an arousal a walk, got {self.affect.predicted.shape}")

    def _check_values(self) -> None:
        p = self.probabilities
        # Written so that NaN fails too.
        valid = (p >= 0).all(axis=1) & (np.abs(p.sum(axis=1) - 1) <= _SUM_TOLERANCE)
        if not valid.all():
            i = int(np.flatnonzero(~valid)[0])
            raise ValueError(
                f"expected probabilities that sum to 1 for {self.names[i]!r}, got {p[i].tolist()}"
            )
        unknown = sorted({x for x in self.labels if x is not None} - set(self.classes))
        if unknown:
            raise GaitmoodError(
                f"the model knows the classes {', '.join(self.classes)}, but walks are labelled "
                f"{', '.join(unknown)}; test it on its own classes, or train a model on these"
            )

    @property
    def predicted(self) -> tuple[str, ...]:
        """The class of the highest probability of each walk; of equal ones the first."""
        return tuple(self.classes[k] for k in self.probabilities.argmax(axis=1))

    def save_csv(self, path: str | Path) -> None:
        """Write one row a walk: video, true, predicted, subject, clips, and ``p_CLASS`` for each class.

        Where the model says them, valence and arousal follow, each with what is known and where that comes from, and
        then, where it tells views apart, how likely it takes each (``view_VIEW``) and its answer there
        (``VIEW:CLASS``).

        Probabilities keep every digit, so that ``load_csv`` gives back what was saved.
        """
        text = io.StringIO(newline="")
        # Lines end as RFC 4180 says: with a bare newline a carriage return in a name would not be quoted.
        writer = csv.writer(text)
        affect, views = self.affect, self.views
        more = [*(_AFFECT if affect else ()), *(views.columns(self.classes) if views else ())]
        writer.writerow([*_COLUMNS, *(_PREFIX + c for c in self.classes), *more])
        for i, predicted in enumerate(self.predicted):
            known = (self.names[i], self.labels[i] or "", predicted, self.subjects[i] or "", self.clips[i])
            probabilities = (repr(float(p)) for p in self.probabilities[i])
            more = [*(affect.cells(i) if affect else ()), *(views.cells(i) if views else ())]
            writer.writerow([*known, *probabilities, *more])
        # File names that are not UTF-8 arrive as surrogates (PEP 383) and must get out the same way.
        write_beside(path, text.getvalue().encode("utf-8", "surrogateescape"))

    @classmethod
    def load_csv(cls, path: str | Path) -> Predictions:
        """Read what ``save_csv`` wrote; the column ``predicted`` is derived again from the probabilities.

        Raises
        ------
        GaitmoodError
            Where the file cannot be read or is no such table.
        """
        try:
            with Path(path).open(encoding="utf-8", errors="surrogateescape", newline="") as file:
                lines = list(csv.reader(file))
        except (OSError, ValueError, csv.Error) as e:
            raise GaitmoodError(f"cannot read predictions from {path}: {e}") from e
        if not lines:
            raise GaitmoodError(f"{path} is empty: a table of predictions was expected. Make it anew.")
        header, *rows = lines
        table, of_views = header[: first_column(header)], header[first_column(header) :]
        has_affect = tuple(table[-len(_AFFECT) :]) == _AFFECT
        classes = table[len(_COLUMNS) : -len(_AFFECT) if has_affect else None]
        if tuple(header[: len(_COLUMNS)]) != _COLUMNS or not all(c.startswith(_PREFIX) for c in classes):
            raise GaitmoodError(
                f"{path} is no table of predictions: expected the columns {', '.join(_COLUMNS)} and "
                f"{_PREFIX}CLASS for each class, found {', '.join(header)}"
            )
        try:
            return cls._from_rows([c.removeprefix(_PREFIX) for c in classes], rows, has_affect, of_views)
        except ValueError as e:
            raise GaitmoodError(f"{path} is damaged: {e}") from e

    @classmethod
    def _from_rows(
        cls, classes: list[str], rows: list[list[str]], has_affect: bool, of_views: list[str]
    ) -> Predictions:
        end = len(_COLUMNS) + len(classes)
        width = end + has_affect * len(_AFFECT)
        for number, row in enumerate(rows, start=2):
            if len(row) != width + len(of_views):
                raise ValueError(f"row {number} has {len(row)} cells, expected {width + len(of_views)}")
        views = (
            ViewAnswers.of_cells(of_views, [row[width:] for row in rows], len(classes)) if of_views else None
        )
        return cls(
            names=tuple(row[0] for row in rows),
            classes=tuple(classes),
            probabilities=np.array([row[len(_COLUMNS) : end] for row in rows], dtype=float).reshape(
                len(rows), len(classes)
            ),
            labels=tuple(row[1] or None for row in rows),
            subjects=tuple(row[3] or None for row in rows),
            clips=tuple(int(row[4]) for row in rows),
            affect=AffectAnswers.of_cells([row[end:width] for row in rows]) if has_affect else None,
            views=views,
        )


def pooled(parts: Sequence[Predictions]) -> Predictions:
    """The predictions of several tests as those of one, sorted by name.

    Raises
    ------
    ValueError
        There is none, or their classes differ.
    """
    if not parts or any(part.classes != parts[0].classes for part in parts):
        raise ValueError("expected predictions, at least one, over the same classes")
    rows = [(part, i) for part in parts for i in range(len(part.names))]
    rows.sort(key=lambda row: row[0].names[row[1]])
    columns = {
        field: tuple(getattr(part, field)[i] for part, i in rows)
        for field in ("names", "labels", "subjects", "clips")
    }
    probabilities = np.array([part.probabilities[i] for part, i in rows])
    affect = views = None
    if all(part.affect is not None for part in parts):
        affect = pooled_affect([part.affect.take([i]) for part, i in rows])
    if all(part.views is not None for part in parts):
        views = pooled_views([part.views.take([i]) for part, i in rows])
    return Predictions(
        classes=parts[0].classes, probabilities=probabilities, affect=affect, views=views, **columns
    )


def write_beside(path: str | Path, data: bytes) -> None:
    """Write a file beside its final place and rename it there, so that no half-written one is ever seen.

    Raises
    ------
    GaitmoodError
        Where it cannot be written (a full disk, a folder without permission); nothing is left behind.
    """
    path = Path(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as e:
        kind = DiskFullError if is_disk_full(e) else GaitmoodError
        raise kind(f"cannot write {path}: {e.strerror or e}; free some space or choose another place") from e
    finally:
        # Gone already where all went well; a Ctrl-C leaves nothing half-written either.
        with contextlib.suppress(OSError):
            beside.unlink()
