"""What is said of each person, in panels over a frame that leave neither the picture nor their own edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from gait.drawing import text_width, write_text
from gait.streaming.moments import Person, Verdict

WHITE, GREY, SKY, YELLOW = (255, 255, 255), (175, 178, 182), (86, 180, 233), (240, 228, 66)
SMALLEST_LETTER = 7
_BESIDE = 0.3  # brightness of the picture below a panel
_LEAST = 0.6  # of the letters' usual height, where panels need room: below it bars are left out instead
_TIGHT = 0.75  # the same of a text that is too long: below it the text is cut
# In heights of a letter, and the labels' share of a panel's width.
_WIDTH, _LINE, _EDGE, _VALUE, _LABELS = 24, 1.9, 1.2, 5.6, 0.42
_DOTS = "..."


@dataclass(frozen=True)
class Arrangement:
    """Where panels are.

    Attributes
    ----------
    letter : int
        Height of a capital letter in pixels.
    rows : int
        Lines that a panel has room for, the headline among them.
    width : int
        Of a panel.
    places : tuple of (int, int)
        Left and top of each; fewer than people where not even headlines have room.
    """

    letter: int
    rows: int
    width: int
    places: tuple[tuple[int, int], ...]


class Panels:
    """Draws a panel for each person, always in the same arrangement as long as there are as many.

    Parameters
    ----------
    classes : sequence of str
        In the order of the probabilities.
    """

    def __init__(self, classes: Sequence[str]):
        self._classes = tuple(classes)
        self._rows = 1 + len(self._classes)

    def draw(self, canvas: np.ndarray, people: Sequence[Person], letter: int) -> None:
        """Draw into a picture (H, W, 3), in place; ``letter`` is the usual height of its letters in pixels."""
        if not people:
            return
        affect = max(len(_affect(person.verdict)) for person in people)
        self._rows = max(self._rows, 1 + len(self._classes) + affect)
        how = arrange(canvas.shape[:2], letter, len(people), self._rows)
        for person, place in zip(people, how.places, strict=False):
            self._draw_panel(canvas, person, place, how, several=len(people) > 1)

    def _draw_panel(
        self, canvas: np.ndarray, person: Person, place: tuple[int, int], how: Arrangement, several: bool
    ) -> None:
        verdict, letter, (left, top) = person.verdict, how.letter, place
        bars = _likeliest(verdict, how.rows - 1)
        affect = _affect(verdict)[: how.rows - 1 - len(bars)]
        height = _height(letter, 1 + len(bars) + len(affect))
        area = canvas[top : top + height, left : left + how.width]
        np.multiply(area, _BESIDE, out=area, casting="unsafe")
        line = round(_LINE * letter)
        lines = [
            (left, top + line * (row + 1), how.width, letter) for row in range(1 + len(bars) + len(affect))
        ]
        who = f"{person.number}  " if several and person.number is not None else ""
        _write_headline(canvas, lines[0], who, verdict)
        for row, at in zip(bars, lines[1:], strict=False):
            best = row == int(verdict.probabilities.argmax()) and verdict.emotion is not None
            share = float(verdict.probabilities[row])
            _draw_bar(canvas, at, self._classes[row], f"{share:.0%}", 0.0, share, YELLOW if best else SKY)
        for (label, value, low), at in zip(affect, lines[1 + len(bars) :], strict=True):
            origin, end = -low / (1 - low), (value - low) / (1 - low)
            _draw_bar(canvas, at, label, f"{value:+.2f}", origin, end, GREY)


@lru_cache(maxsize=64)
def arrange(size: tuple[int, int], letter: int, people: int, rows: int) -> Arrangement:
    """Room for so many panels of so many lines in a picture of height and width ``size``.

    They stand below each other, then beside each other; where that is not enough letters become smaller, and then
    the panels shorter. The picture's lowest line stays free.
    """
    for smaller in range(letter, max(SMALLEST_LETTER, round(_LEAST * letter)) - 1, -1):
        found = _grid(size, letter, smaller, rows)
        if len(found.places) >= people:
            return found
    for fewer in range(rows - 1, 0, -1):
        found = _grid(size, letter, smaller, fewer)
        if len(found.places) >= people:
            break
    return found


def _grid(size: tuple[int, int], margin: int, letter: int, rows: int) -> Arrangement:
    """All places for panels, column by column."""
    height, gap = _height(letter, rows), max(letter // 2, 1)
    width = max(min(_WIDTH * letter, size[1] - 2 * margin), 1)
    tops = range(margin, size[0] - 3 * margin - height + 1, height + gap)
    lefts = range(margin, size[1] - margin - width + 1, width + gap)
    return Arrangement(letter, rows, width, tuple((left, top) for left in lefts for top in tops))


def _height(letter: int, rows: int) -> int:
    return round(_EDGE * letter) + round(_LINE * letter) * rows


def _likeliest(verdict: Verdict, most: int) -> list[int]:
    """Numbers of the classes that have a bar, in their order; those least likely have none where room is short."""
    if verdict.probabilities is None:
        return []
    return sorted(np.argsort(-verdict.probabilities, kind="stable")[:most].tolist())


def _affect(verdict: Verdict) -> list[tuple[str, float, float]]:
    """Name, value and lowest value of what is felt, where it is said; the highest is 1."""
    felt = ("valence", verdict.valence, -1.0), ("arousal", verdict.arousal, 0.0)
    return [(name, value, low) for name, value, low in felt if value is not None]


def _write(
    canvas: np.ndarray, text: str, place: tuple[int, int], letter: int, room: int, end: str = ""
) -> None:
    text, letter = fitted(text, end, letter, room)
    write_text(canvas, text, place, letter, WHITE)


def _write_headline(canvas: np.ndarray, place: tuple[int, int, int, int], who: str, verdict: Verdict) -> None:
    left, y, width, letter = place
    sure = verdict.emotion is not None
    said, share = (verdict.emotion, f"  {verdict.confidence:.0%}") if sure else (str(verdict.reason), "")
    _write(canvas, who + said, (left + letter, y), round(1.15 * letter), width - 2 * letter, share)


def _draw_bar(
    canvas: np.ndarray,
    place: tuple[int, int, int, int],
    label: str,
    value: str,
    start: float,
    end: float,
    colour: tuple[int, int, int],
) -> None:
    """A label, a bar from ``start`` to ``end`` (shares of its full length), and its value.

    ``place`` is left, base line, width and height of a letter.
    """
    left, y, width, letter = place
    first, last = left + round(_LABELS * width), left + width - round(_VALUE * letter)
    _write(canvas, label, (left + letter, y), letter, first - left - round(1.5 * letter))
    length = last - first
    cv2.rectangle(canvas, (first, y - letter), (last, y), GREY, 1)
    low, high = sorted((first + round(start * length), first + round(end * length)))
    if high > low:
        cv2.rectangle(canvas, (low, y - letter), (high, y), colour, cv2.FILLED)
    beside = last + round(0.6 * letter)
    _write(canvas, value, (beside, y), letter, left + width - beside)


@lru_cache(maxsize=1024)
def fitted(text: str, end: str, height: int, room: int) -> tuple[str, int]:
    """A line of letters of a height that takes at most ``room`` pixels: smaller or cut where it is too long.

    ``end`` belongs to it and is never cut. The line and the height of its letters are returned.
    """
    least = max(min(height, SMALLEST_LETTER), round(_TIGHT * height))
    for smaller in range(height, least - 1, -1):
        if text_width(text + end, smaller) <= room:
            return text + end, smaller
    while text and text_width(text + _DOTS + end, least) > room:
        text = text[:-1].rstrip()
    return text + _DOTS + end, least
