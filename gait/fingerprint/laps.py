"""Walks that are one stretch played over and over: every part of them is a copy of another part."""

from __future__ import annotations

import numpy as np

from gait.fingerprint.copies import RULES
from gait.fingerprint.prints import RATE, Prints

SHORTEST = 0.6  # seconds; no stride of a walk is shorter
ALIKE = 0.92


def lap_of(prints: Prints) -> float | None:
    """Seconds after which a walk comes back to the same, all along; None where it does not.

    The shortest of half steps of time at which the changes of the whole walk correlate with themselves by
    ``ALIKE``, the highest of its neighbours. At least two laps are needed to see one. Who walks on the spot as
    evenly as a machine cannot be told from a loop.
    """
    for kind, one in prints.items():
        rows = RULES[kind].curve(one).rows
        halves = np.arange(int(np.ceil(2 * SHORTEST * RATE)), len(rows))  # half steps, up to half of the walk
        alike = np.array([_alike(rows, half) for half in halves])
        for place in np.flatnonzero(alike >= ALIKE):
            if alike[place] >= alike[max(0, place - 2) : place + 3].max():
                return float(halves[place] / 2 / RATE)
    return None


def _alike(rows: np.ndarray, half_steps: int) -> float:
    """Correlation of rows (T, D) with those some half steps later, which lie between two where that is odd."""
    later = rows[half_steps // 2 :]
    if half_steps % 2:
        later = (later[1:] + later[:-1]) / 2
    now = rows[: len(later)]
    return float((now * later).sum() / max(np.sqrt((now**2).sum() * (later**2).sum()), 1e-12))
