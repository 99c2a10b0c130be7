"""What the scripts say: plain lines, and one progress bar that turns into plain lines off a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


def say(text: str = "") -> None:
    """Print a line of the script's story to standard output, at once."""
    print(text, flush=True)


def warn(text: str) -> None:
    """Print something the user should know of to standard error."""
    print(f"warning: {text}", file=sys.stderr, flush=True)


class Progress:
    """Handle of a running progress bar: ``advance`` it, and let ``note`` stand behind it."""

    def __init__(self, advance, note):
        self.advance = advance
        self.note = note


def counted(items: Iterable[T], bar: Progress) -> Iterator[T]:
    """The items one by one; the bar advances when one is done with."""
    for item in items:
        yield item
        bar.advance()


@contextmanager
def progress_bar(title: str, total: int) -> Iterator[Progress]:
    """Show one progress bar with the time left on standard error.

    On a terminal it is drawn in place; elsewhere a plain line is printed every ten seconds and at the end.
    """
    with _terminal_bar(title, total) if sys.stderr.isatty() else _plain_bar(title, total) as bar:
        yield bar


@contextmanager
def _terminal_bar(title: str, total: int) -> Iterator[Progress]:
    from rich import progress as rich_progress
    from rich.console import Console

    columns = (
        rich_progress.TextColumn("{task.description}"),
        rich_progress.BarColumn(),
        rich_progress.MofNCompleteColumn(),
        rich_progress.TimeRemainingColumn(),
        rich_progress.TextColumn("{task.fields[note]}"),
    )
    with rich_progress.Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=total, note="")
        yield Progress(lambda n=1: bar.advance(task, n), lambda text: bar.update(task, note=text))


@contextmanager
def _plain_bar(title: str, total: int, every: float = 10.0) -> Iterator[Progress]:
    start = last = time.monotonic()
    state = {"done": 0, "note": ""}

    def line() -> None:
        spent = time.monotonic() - start
        left = spent / max(state["done"], 1) * (total - state["done"])
        text = f"{title}: {state['done']}/{total}, {spent:.0f} s, {left:.0f} s left  {state['note']}"
        print(text.rstrip(), file=sys.stderr, flush=True)

    def advance(n: int = 1) -> None:
        nonlocal last
        state["done"] += n
        if time.monotonic() - last > every:
            last = time.monotonic()
            line()

    yield Progress(advance, lambda text: state.update(note=text))
    line()
