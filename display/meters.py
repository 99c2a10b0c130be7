"""How fast frames are worked on."""

from __future__ import annotations

import time
from collections import Counter, deque

import numpy as np


class RateMeter:
    """Frames a second over the last second."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def tick(self) -> float | None:
        """Count a frame; the rate, None before the second one."""
        now = time.perf_counter()
        self._times.append(now)
        while now - self._times[0] > 1 and len(self._times) > 2:
            self._times.popleft()
        return (len(self._times) - 1) / (now - self._times[0]) if len(self._times) > 1 else None


class LatencyMeter:
    """How long frames take, to a tenth of a millisecond, in memory that does not grow."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self._first: float | None = None
        self._last = 0.0
        self.frames = 0

    def add(self, started: float) -> None:
        """A frame that was begun at ``started`` (``time.perf_counter()``) is done."""
        self._last = time.perf_counter()
        self._first = started if self._first is None else self._first
        self._counts[round((self._last - started) * 1e4)] += 1
        self.frames += 1

    @property
    def rate(self) -> float:
        """Frames a second from the beginning of the first to the end of the last."""
        return self.frames / (self._last - self._first) if self.frames else 0.0

    def milliseconds(self, share: float) -> float:
        """The time within which a share of the frames was done."""
        if not self.frames:
            return float("nan")
        spent = np.array(sorted(self._counts.items()))
        return float(spent[np.searchsorted(np.cumsum(spent[:, 1]), share * self.frames), 0] / 10)
