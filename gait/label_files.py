"""Tables that carry labels: .csv and .xlsx as rows of cells; the entries of labels.csv and subjects.csv."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gait.errors import LabelError
from gait.label_names import class_name, listed

EXPECTED = (
    "expected a table with the columns video and label (optional: subject, split, valence, arousal), or a "
    "rating spreadsheet with video names in row 1, questions that end in ' - EMOTION' in row 2 and one "
    "participant a row from row 3 on, or an EiLA table of people in boxes, as .csv (UTF-8) or .xlsx"
)
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Table:
    """The cells of one file; ``rows[0]`` is the first row that is not blank, ``first_row`` its number.

    Cells are text in a .csv; text, numbers, dates or None in an .xlsx.
    """

    path: Path
    rows: tuple[tuple[Any, ...], ...]
    first_row: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entry:
    """What a file says of one video: ``values`` are fields of a Sample, None where a cell is empty."""

    video: str
    where: str
    values: Mapping[str, Any]


@dataclass
class Entries:
    """All entries of one file, and what the user should know of it."""

    file: str
    items: list[Entry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def cell_text(value: Any) -> str:
    """A cell as stripped text; a whole number without the ``.0`` that spreadsheets give it."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()


def cell_number(value: Any, low: float, high: float) -> float | None:
    """A cell as a number in ``[low, high]``, with a decimal point or comma; None where it is empty.

    Raises
    ------
    ValueError
        The cell holds something else.
    """
    text = cell_text(value)
    if not text:
        return None
    number = float(text.replace(",", "."))
    if not low <= number <= high:  # NaN too
        raise ValueError(text)
    return number


def read_table(path: Path) -> Table:
    """Read a .csv (comma or semicolon, UTF-8, byte order mark or not) or an .xlsx, told apart by content.

    Raises
    ------
    LabelError
        The file is missing, empty, not text in UTF-8, or a broken spreadsheet.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise LabelError(f"{path} cannot be read ({error.strerror}); {EXPECTED}") from error
    notes: tuple[str, ...] = ()
    if data.startswith(b"PK"):
        rows, notes = _read_xlsx(path, data)
    else:
        rows = _read_csv(path, data)
    filled = [i for i, row in enumerate(rows) if any(cell_text(cell) for cell in row)]
    if not filled:
        raise LabelError(f"{path} is empty; {EXPECTED}")
    return Table(path, tuple(map(tuple, rows[filled[0] : filled[-1] + 1])), filled[0] + 1, notes)


def _read_xlsx(path: Path, data: bytes) -> tuple[list[tuple[Any, ...]], tuple[str, ...]]:
    from openpyxl import load_workbook

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sheets = load_workbook(io.BytesIO(data), data_only=True).worksheets
            filled = [s for s in sheets if any(cell_text(c) for row in s.values for c in row)]
            rows = list(filled[0].values) if filled else []
    except Exception as error:  # openpyxl answers damage with whatever its parsers raise
        raise LabelError(f"{path} is not a readable .xlsx spreadsheet ({error!r}); {EXPECTED}") from error
    if len(filled) < 2:
        return rows, ()
    skipped = listed([sheet.title for sheet in filled[1:]])
    return rows, (f"{path.name}: only the sheet {filled[0].title} is read, not {skipped}",)


def _read_csv(path: Path, data: bytes) -> list[list[str]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LabelError(
            f"{path} is not text in UTF-8 (byte {error.start}); save it as 'CSV UTF-8' or .xlsx"
        ) from error
    if "\0" in text:
        raise LabelError(f"{path} holds binary data; {EXPECTED}")
    try:
        lines = io.StringIO(text, newline="")
        # Strict: a quote left open would swallow the rest of the file.
        return list(csv.reader(lines, delimiter=_separator(text), strict=True))
    except csv.Error as error:
        raise LabelError(f"{path} is not a well-formed .csv ({error}); {EXPECTED}") from error


def _separator(text: str) -> str:
    """Comma or semicolon, whichever splits the first line into more cells."""
    first = text.lstrip().splitlines()[:1]
    return max(",;", key=lambda separator: max(map(len, csv.reader(first, delimiter=separator)), default=0))


def has_label_columns(table: Table) -> bool:
    """Whether the first row names the two columns of a labels.csv."""
    return {"video", "label"} <= set(_header(table))


def read_label_entries(table: Table) -> Entries:
    """Entries of a labels.csv: video, label, and where given subject, split, valence and arousal.

    Raises
    ------
    LabelError
        A column is missing or doubled; a row has no video, too many cells, or a value outside its scale.
    """
    parsers = {
        "label": lambda cell: class_name(cell_text(cell)) or None,
        "subject": _subject,
        "split": _split,
        "valence": lambda cell: cell_number(cell, -1, 1),
        "arousal": lambda cell: cell_number(cell, 0, 1),
    }
    entries = _read_entries(table, parsers, ("video", "label"), f"; {EXPECTED}")
    empty = [f"{e.video} ({e.where})" for e in entries.items if e.values["label"] is None]
    if empty:
        entries.notes.append(f"{table.path.name}: rows with an empty label ({len(empty)}): {listed(empty)}")
    return entries


def read_subject_entries(table: Table) -> Entries:
    """Entries of a subjects.csv: video and subject. Raises LabelError as :func:`read_label_entries` does."""
    entries = _read_entries(table, {"subject": _subject}, ("video", "subject"))
    empty = [f"{e.video} ({e.where})" for e in entries.items if e.values["subject"] is None]
    if empty:
        entries.notes.append(f"{table.path.name}: rows with an empty subject ({len(empty)}): {listed(empty)}")
    return entries


def _subject(cell: Any) -> str | None:
    return cell_text(cell) or None


def _split(cell: Any) -> str | None:
    text = cell_text(cell).lower()
    if text and text not in SPLITS:
        raise ValueError(text)
    return text or None


_SCALES = {
    "valence": "a number from -1 to 1",
    "arousal": "a number from 0 to 1",
    "split": " or ".join(SPLITS),
}


def _read_entries(
    table: Table, parsers: Mapping[str, Callable], needed: tuple[str, ...], hint: str = ""
) -> Entries:
    columns = _columns(table, needed, hint)
    used = {name: parse for name, parse in parsers.items() if name in columns}
    entries = Entries(table.path.name, notes=list(table.notes))
    unknown = [name for name in columns if name not in ("video", *parsers)]
    if unknown:
        entries.notes.append(
            f"{table.path.name}: unknown columns, not used ({len(unknown)}): {listed(unknown)}"
        )
    for number, row in enumerate(table.rows[1:], table.first_row + 1):
        if any(cell_text(cell) for cell in row):
            entries.items.append(_read_entry(table, number, row, columns, used))
    return entries


def _read_entry(table: Table, number: int, row: tuple, columns: dict[str, int], parsers: Mapping) -> Entry:
    where = f"{table.path}, row {number}"
    width = len(table.rows[0])
    if any(cell_text(cell) for cell in row[width:]):
        raise LabelError(
            f"{where} has more cells than the header ({width}); put quotes round text with a separator"
        )
    cells = {name: row[i] if i < len(row) else None for name, i in columns.items()}
    video = cell_text(cells["video"])
    if not video:
        raise LabelError(f"{where} names no video; fill the cell or remove the row")
    values = {}
    for name, parse in parsers.items():
        try:
            values[name] = parse(cells[name])
        except ValueError as error:
            raise LabelError(f"{where}: {name} is {cells[name]!r}, expected {_SCALES[name]}") from error
    return Entry(video, f"row {number}", values)


def _header(table: Table) -> list[str]:
    return [cell_text(cell).lower() for cell in table.rows[0]]


def _columns(table: Table, needed: tuple[str, ...], hint: str) -> dict[str, int]:
    header = _header(table)
    found = f"found the columns {listed(filter(None, header))}"
    missing = [name for name in needed if name not in header]
    if missing:
        raise LabelError(f"{table.path} has no column {' and no column '.join(missing)}; {found}{hint}")
    for name in header:
        if name and header.count(name) > 1:
            raise LabelError(f"{table.path} has the column {name} twice; {found}")
    return {
        name or f"(column {i + 1}, no name)": i for i, name in enumerate(header) if name or _used(table, i)
    }


def _used(table: Table, column: int) -> bool:
    return any(cell_text(row[column]) for row in table.rows if column < len(row))
