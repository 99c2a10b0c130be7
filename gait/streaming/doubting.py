"""How far the answer for a whole walk is borne out by what was said of its windows."""

from __future__ import annotations

from collections import Counter, defaultdict

from gait.predictions import Predictions
from gait.streaming.abstaining import Reason
from gait.streaming.moments import Verdict


class Doubts:
    """Hears what is said of each window, and knows in the end whether the walk's answer is to be relied on.

    The walk is what ``test.py`` says of it, and that never abstains: somebody who stands for the whole of a video is
    labelled like somebody who walks.

    Parameters
    ----------
    unsure_below : float
        Confidence below which no emotion is named.
    seconds : float
        Length of a window.
    """

    def __init__(self, unsure_below: float, seconds: float):
        self._unsure_below, self._seconds = unsure_below, seconds
        self._said: dict[int | None, Counter[Reason | None]] = defaultdict(Counter)

    def hear(self, number: int | None, verdict: Verdict) -> None:
        """Take what is said of a person's window; without a reason where an emotion is named."""
        self._said[number][verdict.reason] += 1

    def about(self, number: int | None, said: Predictions) -> str | None:
        """Why the answer for a walk is not to be relied on, in words; None where nothing speaks against it.

        Parameters
        ----------
        number : int or None
            Whose walk; None where people are not followed.
        said : Predictions
            Of this one walk.
        """
        confidence = float(said.probabilities[0].max())
        doubts = [self._unanswered(number)]
        if confidence < self._unsure_below:
            doubts.append(f"its confidence is below {self._unsure_below:.2f}")
        return "; ".join(filter(None, doubts)) or None

    def _unanswered(self, number: int | None) -> str | None:
        """Words where none of the windows has an emotion: what was said of most of them."""
        every = sum(self._said.values(), Counter()) if number is None else self._said[number]
        if every[None]:
            return None
        reasons = [reason for reason, _ in every.most_common() if reason is not Reason.FILLING]
        if not reasons:
            return f"no window of {self._seconds:.1f} s was full"
        return f"none of its windows was answered: {reasons[0]}"
