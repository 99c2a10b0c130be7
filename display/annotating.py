"""What is known of a frame, drawn over it: joints, label, probability bars, valence and arousal, frames a second."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from display.objects import Detection
from display.panels import SMALLEST_LETTER, WHITE, YELLOW, Panels, fitted
from gait.drawing import draw_over, text_width, write_text
from gait.streaming.moments import Moment, Person

# One colour, neither the left's nor the right's: the estimator often takes one side for the other, which is only known
# once a whole window has been cleaned. Okabe and Ito's bluish green.
_BODY = (0, 158, 115)
_LETTER = 0.0145  # height of a letter as a share of the picture's mean side
_STEADY = 0.9  # of the body's height from frame to frame, so that lines do not flicker


class Annotator:
    """Draws moments over their frames.

    Parameters
    ----------
    classes : sequence of str
        In the order of the probabilities.
    """

    def __init__(self, classes: Sequence[str]):
        self._panels = Panels(classes)
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
                canvas = draw_over(canvas, person.joints, person.layout, self._height_of(person), _BODY)
        canvas = canvas.copy() if canvas is picture else canvas
        letter = max(SMALLEST_LETTER, round(_LETTER * (canvas.shape[0] + canvas.shape[1]) / 2))
        for found in objects:
            _draw_object(canvas, found, letter)
        self._panels.draw(canvas, moment.people, letter)
        for person in moment.people:
            if len(moment.people) > 1 and person.joints is not None:
                _draw_number(canvas, person, letter)
        if rate is not None:
            write_text(canvas, f"{rate:.0f} frames/s", (letter, canvas.shape[0] - letter), letter, WHITE)
        return canvas

    def _height_of(self, person: Person) -> float:
        now = float(np.ptp(person.joints[:, 1]))
        before = self._heights.get(person.number, now)
        self._heights[person.number] = _STEADY * before + (1 - _STEADY) * now
        return self._heights[person.number]


def _draw_number(canvas: np.ndarray, person: Person, letter: int) -> None:
    """Who it is, and the label, above a head."""
    known = person.joints[np.isfinite(person.joints).all(axis=1)]
    if not len(known):
        return
    x, y = int(known[:, 0].mean()), int(known[:, 1].min())
    text = f"{person.number}  {person.verdict.emotion or '?'}"
    place = (x - 3 * letter, max(2 * letter, y - 3 * letter))
    _write_inside(canvas, text, place, round(1.3 * letter), edge=True)


def _draw_object(canvas: np.ndarray, found: Detection, letter: int) -> None:
    left, top, right, bottom = (round(value) for value in found.box)
    cv2.rectangle(canvas, (left, top), (right, bottom), YELLOW, max(1, letter // 8))
    place = (left, max(round(1.4 * letter), top - letter // 2))
    _write_inside(canvas, f"{found.name} {found.score:.0%}", place, letter)


def _write_inside(
    canvas: np.ndarray, text: str, place: tuple[int, int], letter: int, edge: bool = False
) -> None:
    """Write a line at a place, or as near to it as it stays in the picture; with a dark edge if wanted."""
    text, letter = fitted(text, "", letter, canvas.shape[1])
    x = min(max(0, place[0]), canvas.shape[1] - text_width(text, letter))
    if edge:
        write_text(canvas, text, (x + 1, place[1] + 1), letter, (0, 0, 0))
    write_text(canvas, text, (x, place[1]), letter, YELLOW)
