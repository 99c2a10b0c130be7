"""What is known of a frame, drawn over it: joints, label, probability bars, valence and arousal, frames a second."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from display.objects import Detection
from gait.drawing import draw_over, write_text
from gait.streaming.moments import Moment, Person, Verdict

WHITE, GREY, SKY, YELLOW = (255, 255, 255), (175, 178, 182), (86, 180, 233), (240, 228, 66)
_BESIDE = 0.3  # brightness of the picture below the panel
_LETTER = 0.0145  # height of a letter as a share of the picture's mean side
_SMALLEST_LETTER = 7
_STEADY = 0.9  # of the body's height from frame to frame, so that lines do not flicker


class Annotator:
    """Draws moments over their frames.

    Parameters
    ----------
    classes : sequence of str
        In the order of the probabilities.
    """

    def __init__(self, classes: Sequence[str]):
        self._classes = tuple(classes)
        self._heights: dict[int | None, float] = {}

    def draw(
        self, picture: np.ndarray, moment: Moment, rate: float | None, objects: Sequence[Detection] = ()
    ) -> np.ndarray:
        """A new picture (H, W, 3) uint8 with everything on it.

        Parameters
        ----------
        picture : (H, W, 3) uint8
            RGB.
        rate : float or None
            Frames per second that are worked on.
        objects : sequence of Detection
            Things in the scene.
        """
        canvas = picture
        for person in moment.people:
            if person.joints is not None:
                canvas = draw_over(canvas, person.joints, person.layout, self._height_of(person))
        canvas = canvas.copy() if canvas is picture else canvas
        letter = max(_SMALLEST_LETTER, round(_LETTER * (canvas.shape[0] + canvas.shape[1]) / 2))
        for found in objects:
            _draw_object(canvas, found, letter)
        several = len(moment.people) > 1
        top = letter
        for person in moment.people:
            top = self._draw_panel(canvas, person, top, letter, several)
            if several and person.joints is not None:
                _draw_number(canvas, person, letter)
        if rate is not None:
            write_text(canvas, f"{rate:.0f} frames/s", (letter, canvas.shape[0] - letter), letter, WHITE)
        return canvas

    def _height_of(self, person: Person) -> float:
        now = float(np.ptp(person.joints[:, 1]))
        before = self._heights.get(person.number, now)
        self._heights[person.number] = _STEADY * before + (1 - _STEADY) * now
        return self._heights[person.number]

    def _draw_panel(self, canvas: np.ndarray, person: Person, top: int, letter: int, several: bool) -> int:
        """One person's answer from ``top`` down; where the next one may begin."""
        verdict, line = person.verdict, round(1.9 * letter)
        affect = [(n, v, low) for n, v, low in _affect(verdict) if v is not None]
        bars = len(self._classes) if verdict.probabilities is not None else 0
        height = round(1.2 * letter) + line * (1 + bars + len(affect))
        left, width = letter, min(24 * letter, canvas.shape[1] - 2 * letter)
        area = canvas[top : top + height, left : left + width]
        np.multiply(area, _BESIDE, out=area, casting="unsafe")
        y = top + round(1.9 * letter)
        name = f"{person.number}  " if several and person.number is not None else ""
        write_text(canvas, name + _headline(verdict), (left + letter, y), round(1.15 * letter), WHITE)
        for row in range(bars):
            y += line
            best = row == int(verdict.probabilities.argmax()) and verdict.emotion is not None
            share = float(verdict.probabilities[row])
            values = (self._classes[row], f"{share:.0%}", 0.0, share, YELLOW if best else SKY)
            _draw_bar(canvas, (left, y, width, letter), *values)
        for label, value, low in affect:
            y += line
            origin, end = -low / (1 - low), (value - low) / (1 - low)
            _draw_bar(canvas, (left, y, width, letter), label, f"{value:+.2f}", origin, end, GREY)
        return top + height + letter // 2


def _affect(verdict: Verdict) -> tuple[tuple[str, float | None, float], ...]:
    """Name, value and lowest value of what is felt; the highest is 1."""
    return ("valence", verdict.valence, -1.0), ("arousal", verdict.arousal, 0.0)


def _headline(verdict: Verdict) -> str:
    return str(verdict.reason) if verdict.emotion is None else f"{verdict.emotion}  {verdict.confidence:.0%}"


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
    write_text(canvas, label, (left + letter, y), letter, WHITE)
    first, last = left + round(0.42 * width), left + width - round(4.2 * letter)
    length = last - first
    cv2.rectangle(canvas, (first, y - letter), (last, y), GREY, 1)
    low, high = sorted((first + round(start * length), first + round(end * length)))
    if high > low:
        cv2.rectangle(canvas, (low, y - letter), (high, y), colour, cv2.FILLED)
    write_text(canvas, value, (last + round(0.6 * letter), y), letter, WHITE)


def _draw_number(canvas: np.ndarray, person: Person, letter: int) -> None:
    """Who it is, and the label, above a head."""
    known = person.joints[np.isfinite(person.joints).all(axis=1)]
    if not len(known):
        return
    x, y = int(known[:, 0].mean()), int(known[:, 1].min())
    text = f"{person.number}  {person.verdict.emotion or '?'}"
    place = (max(0, x - 3 * letter), max(2 * letter, y - 3 * letter))
    write_text(canvas, text, (place[0] + 1, place[1] + 1), round(1.3 * letter), (0, 0, 0))
    write_text(canvas, text, place, round(1.3 * letter), YELLOW)


def _draw_object(canvas: np.ndarray, found: Detection, letter: int) -> None:
    left, top, right, bottom = (round(value) for value in found.box)
    cv2.rectangle(canvas, (left, top), (right, bottom), YELLOW, max(1, letter // 8))
    write_text(
        canvas, f"{found.name} {found.score:.0%}", (left, max(letter, top - letter // 2)), letter, YELLOW
    )
