"""Rating spreadsheets: how several people judged each video, in the layout that survey tools export.

Row 1 holds the video's name above each of its columns, row 2 the question, which ends in `` - EMOTION``;
every further row is one participant, with numbers from 1 to 5, empty where the video was not rated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gait.errors import LabelError
from gait.label_files import Table, cell_number, cell_text, has_label_columns
from gait.label_names import class_name, fold, listed

LOWEST, HIGHEST = 1, 5
# Everything up to the last dash between spaces; spreadsheets like to turn hyphens into longer dashes.
_QUESTION = re.compile(r"^.*\s[-\u2013\u2014]\s+(?P<emotion>.+)$", re.DOTALL)


@dataclass(frozen=True)
class Ratings:
    """Raw answers, for agreement figures.

    Attributes
    ----------
    classes : tuple of str
        K class names in order.
    values : mapping of str to (participants, K) float arrays
        By the sample's name; a row is NaN where that participant did not rate the video.
    """

    classes: tuple[str, ...]
    values: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Survey:
    """A rating spreadsheet as read, before videos are looked for.

    Attributes
    ----------
    answers : mapping of str to mapping of str to (participants,) float arrays
        Video as written -> class -> ratings, NaN where not rated. A participant counts for a video only with
        a rating for every class, so the NaNs of a video's classes agree.
    columns : mapping of str to str
        Where each video stands, for messages.
    notes : tuple of str
        Columns not used and answers left out.
    """

    answers: Mapping[str, Mapping[str, np.ndarray]]
    columns: Mapping[str, str]
    notes: tuple[str, ...]


def is_survey(table: Table) -> bool:
    """Whether a table is laid out as a rating spreadsheet: a question `` - EMOTION`` under a video's name."""
    if len(table.rows) < 2 or has_label_columns(table):
        return False
    return any(
        _emotion(question) and cell_text(name) for name, question in zip(*table.rows[:2], strict=False)
    )


def _emotion(question: object) -> str | None:
    match = _QUESTION.match(cell_text(question))
    return class_name(match["emotion"]) if match else None


def read_survey(table: Table) -> Survey:
    """Read the answers of a rating spreadsheet.

    Raises
    ------
    LabelError
        A rating is no number from 1 to 5 (the cell is named), a column has no video's name, a class stands
        twice for a video or is missing, or there are fewer than two classes.
    """
    columns = _video_columns(table)
    participants = [
        (number, row)
        for number, row in enumerate(table.rows[2:], table.first_row + 2)
        if any(cell_text(cell) for cell in row)
    ]
    answers, partial = {}, []
    for video, by_class in columns.items():
        answers[video] = {
            emotion: np.array([_rating(table, n, row, i, f"{video}, {emotion}") for n, row in participants])
            for emotion, i in by_class.items()
        }
        for row in _leave_out_partial(answers[video]):
            partial.append(f"{_participant(*participants[row])} on {video}")
    notes = [*table.notes, *_unused_columns(table, columns)]
    if partial:
        text = f"answers left out because only some emotions were rated ({len(partial)})"
        notes.append(f"{table.path.name}: {text}: {listed(partial)}")
    where = {video: "columns " + _letters(sorted(by_class.values())) for video, by_class in columns.items()}
    return Survey(answers, where, tuple(notes))


def _video_columns(table: Table) -> dict[str, dict[str, int]]:
    """Video as first written -> class -> column index."""
    spelling: dict[str, str] = {}
    columns: dict[str, dict[str, int]] = {}
    questions = table.rows[1]
    names = (*table.rows[0], *[None] * len(questions))
    for i, question in enumerate(questions):
        emotion, name = _emotion(question), cell_text(names[i])
        if emotion is None:
            continue
        if not name:
            raise LabelError(
                f"{table.path}: no video's name in row {table.first_row} of column {_letters([i])}"
            )
        by_class = columns.setdefault(spelling.setdefault(fold(name), name), {})
        if emotion in by_class:
            both = _letters([by_class[emotion], i])
            raise LabelError(f"{table.path}: columns {both} are both {emotion} of {name}; keep one")
        by_class[emotion] = i
    _check_classes(table, columns)
    return columns


def _check_classes(table: Table, columns: dict[str, dict[str, int]]) -> None:
    # A set, listed in a message: what orders classes for use is gait.labels.order_classes alone.
    everything = set().union(*columns.values())
    if len(everything) < 2:
        raise LabelError(
            f"{table.path} rates {listed(everything)} only; expected two or more emotions a video"
        )
    for video, by_class in columns.items():
        missing = everything - by_class.keys()
        if missing:
            at = _letters(sorted(by_class.values()))
            raise LabelError(
                f"{table.path}: {video} (columns {at}) has no column for {listed(sorted(missing))}"
            )


def _rating(table: Table, number: int, row: tuple, column: int, what: str) -> float:
    value = row[column] if column < len(row) else None
    try:
        rating = cell_number(value, LOWEST, HIGHEST)
    except ValueError as error:
        cell = f"{_letters([column])}{number}"
        expected = f"expected a number from {LOWEST} to {HIGHEST}, or nothing"
        raise LabelError(f"{table.path}: cell {cell} ({what}) holds {value!r}; {expected}") from error
    return np.nan if rating is None else rating


def _leave_out_partial(by_class: Mapping[str, np.ndarray]) -> list[int]:
    """Set rows with some but not all classes rated to NaN, in place; returns those rows."""
    missing = np.isnan(np.stack(list(by_class.values())))
    rows = np.flatnonzero(missing.any(axis=0) & ~missing.all(axis=0))
    for ratings in by_class.values():
        ratings[rows] = np.nan
    return rows.tolist()


def _participant(number: int, row: tuple) -> str:
    name = cell_text(row[0])
    return f"{name} (row {number})" if name and not name.replace(".", "").isdigit() else f"row {number}"


def _unused_columns(table: Table, columns: dict[str, dict[str, int]]) -> list[str]:
    """A note on filled columns that are no ratings; the first one names the participants and is expected."""
    used = {i for by_class in columns.values() for i in by_class.values()} | {0}
    filled = {i for row in table.rows for i, cell in enumerate(row) if cell_text(cell)}
    unknown = []
    for i in sorted(filled - used):
        header = [cell_text(row[i]) for row in table.rows[:2] if i < len(row)]
        unknown.append(f"{_letters([i])} ({' / '.join(filter(None, header)) or 'no header'})")
    return (
        [f"{table.path.name}: unknown columns, not used ({len(unknown)}): {listed(unknown)}"]
        if unknown
        else []
    )


def _letters(columns: list[int]) -> str:
    from openpyxl.utils import get_column_letter

    return ", ".join(get_column_letter(i + 1) for i in columns)
