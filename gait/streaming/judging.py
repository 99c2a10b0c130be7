"""From windows to verdicts: all of them in one call of the model, then averaged over time."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gait.bundle import Bundle
from gait.errors import VideoError
from gait.predict import AFFECT, answer_walks
from gait.preprocess.windows import MemoryEntry, make_walk, store_seen
from gait.streaming.abstaining import Reason
from gait.streaming.moments import Verdict, Window


def judge(bundle: Bundle, windows: Sequence[Window], batch: int) -> list[tuple[Window, Verdict]]:
    """What the model says of each window, taken as a walk of its own; without an emotion yet.

    Parameters
    ----------
    batch : int
        Clips that the model sees at once.
    """
    walks, usable, verdicts = [], [], []
    for window in windows:
        try:
            entry = MemoryEntry()
            store_seen(bundle.record.preprocess, window.poses, window.chosen, entry)
            walks.append(make_walk("window", entry))
            usable.append(window)
        except VideoError:  # joints that are needed are not known
            verdicts.append((window, Verdict(reason=Reason.BODY, frames=window.frames)))
    if walks:
        answers = answer_walks(bundle, walks, batch)
        affect = [_floats(getattr(answers, name), len(walks)) for name in AFFECT]
        rows = zip(usable, answers.probabilities, *affect, strict=True)
        verdicts += [
            (w, Verdict(None, None, p, valence, arousal, w.frames)) for w, p, valence, arousal in rows
        ]
    return verdicts


def _floats(values: np.ndarray | None, count: int) -> list[float | None]:
    """Numbers one by one, or as many None."""
    return [None] * count if values is None else values.tolist()


class Averager:
    """Verdicts averaged over the last few, and named where they are sure enough.

    Parameters
    ----------
    classes : sequence of str
        The model's, in order.
    count : int
        Verdicts that are averaged, each person's own.
    unsure_below : float
        Confidence below which no emotion is named.
    """

    def __init__(self, classes: Sequence[str], count: int, unsure_below: float):
        self._classes, self._unsure_below = classes, unsure_below
        self._last: dict[int | None, deque[Verdict]] = defaultdict(lambda: deque(maxlen=count))

    def take(self, number: int | None, verdict: Verdict) -> Verdict:
        """The verdict to show when this one has come; one that has a reason interrupts the average."""
        if verdict.probabilities is None:
            self._last.pop(number, None)
            return verdict
        last = self._last[number]
        last.append(verdict)
        probabilities = np.mean([one.probabilities for one in last], axis=0)
        affect = {name: _mean([getattr(one, name) for one in last]) for name in AFFECT}
        mean = replace(verdict, probabilities=probabilities, **affect)
        if mean.confidence < self._unsure_below:
            return replace(mean, reason=Reason.UNSURE)
        return replace(mean, emotion=self._classes[int(probabilities.argmax())])


def _mean(values: list[float | None]) -> float | None:
    return None if None in values else float(np.mean(values))
