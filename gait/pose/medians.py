"""The median of a few numbers, asked thousands of times a walk."""

from __future__ import annotations

import numpy as np


def median(values: np.ndarray) -> float:
    """Median of (N,) finite numbers, N at least 1: ``np.median``, whose checks take longer than the sorting."""
    ordered = np.sort(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
