"""Words, numbers and columns of plain text."""

from __future__ import annotations

import math
import textwrap
import unicodedata
from collections.abc import Sequence

WIDTH = 110
# A longer name stands on a line of its own, so that one file does not push the whole table to the right.
NAME_WIDTH = 40


def percent(x: float) -> str:
    """A share in words."""
    return f"{100 * x:.1f} %"


def count(n: int, noun: str) -> str:
    """So many of them, in words."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def some(names: Sequence[str], most: int) -> str:
    """The first of some names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(printable, names[:most])) + more


def with_interval(value: float, interval: tuple[float, float]) -> str:
    """A share with its interval, where there is one."""
    low, high = interval
    return percent(value) if math.isnan(low) else f"{percent(value)} ({100 * low:.1f} to {percent(high)})"


def class_headings(classes: Sequence[str], room: int) -> tuple[list[str], list[str]]:
    """Return column headings and the lines that explain them: names, or numbers where they are too wide."""
    names = [printable(c) for c in classes]
    if sum(max(width(n), 5) + 2 for n in names) <= room:
        return names, []
    numbers = [str(k) for k in range(1, len(names) + 1)]
    key = ", ".join(f"{k} = {n}" for k, n in zip(numbers, names, strict=True))
    return numbers, textwrap.wrap(f"columns: {key}", WIDTH)


def table(rows: Sequence[Sequence[str]], align: str, first_width: int = WIDTH) -> list[str]:
    """Lay out rows in columns two blanks apart; ``align`` holds ``l`` or ``r`` for each column.

    A first cell wider than ``first_width`` stands on a line of its own.
    """
    widths = [max(width(row[j]) for row in rows) for j in range(len(align))]
    widths[0] = max(w for w in (width(row[0]) for row in rows) if w <= first_width)
    lines = []
    for first, *rest in rows:
        if width(first) > widths[0]:
            lines.append(first)
            first = ""
        cells = [_pad(cell, w, side) for cell, w, side in zip([first, *rest], widths, align, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return lines


def _pad(text: str, room: int, side: str) -> str:
    blanks = " " * (room - width(text))
    return blanks + text if side == "r" else text + blanks


def width(text: str) -> int:
    """Return the columns a text takes on a terminal: wide characters two, combining ones none (UAX 11)."""
    return sum(
        0 if unicodedata.category(c) in ("Mn", "Me") else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def printable(text: str) -> str:
    """Escape what would break a line, steer a terminal, or cannot be encoded; names come from files."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
