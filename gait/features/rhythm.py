"""How often a walker strides: a periodic curve fitted to how left and right legs trade places."""

from __future__ import annotations

import numpy as np

# Strides per second that are looked for: 30 to 200 steps a minute.
SLOWEST, FASTEST = 0.25, 1.67
# Less than this share of a stride is no rhythm: a single swing of a leg fits many.
LEAST_STRIDES = 0.7
# Of what the legs do against each other, the curve must explain this much.
LEAST_EXPLAINED = 0.5
# Root mean square of the differences below which nobody walks, body heights: 2 cm.
LEAST_SWING = 0.01
# A trace of ridge keeps short walks, in which slow curves look alike, from fitting huge ones that cancel.
_RIDGE = 1e-3


def stride_rate(signals: np.ndarray, time: np.ndarray) -> float | None:
    """Strides per second, or None where there is no rhythm.

    Left and right do the same half a stride apart, so any left-right difference turns into its opposite
    after half a stride, and is made of odd harmonics of the stride. The rate is the one at which ``c + a1
    cos(w t) + b1 sin(w t) + a3 cos(3 w t) + b3 sin(3 w t)``, w = 2 pi rate, leaves the least squared error
    over all signals together: least-squares spectral analysis (Vanicek 1969, Astrophys Space Sci
    4:387-391), which needs neither even steps of time nor whole strides; one step and a half is enough. The
    fundamental alone finds the neighbourhood, so that a third of the rate is not mistaken for it.

    Parameters
    ----------
    signals : (T, S) array
        Left-right differences in body heights; frames with NaN are passed over.
    time : (T,) array
        Seconds.
    """
    seen = np.isfinite(signals).all(axis=1)
    signals, time = signals[seen], time[seen]
    if len(time) < 6 or np.sqrt(signals.var(axis=0).sum()) < LEAST_SWING:
        return None
    span = time[-1] - time[0]
    lowest = max(SLOWEST, LEAST_STRIDES / span)
    if lowest >= FASTEST:
        return None
    grid = np.linspace(lowest, FASTEST, max(24, int(12 * span * (FASTEST - lowest))))
    rate, explained = _best(signals, time, grid, (1,))
    if explained < LEAST_EXPLAINED:
        return None
    # Twice finer: to a hundredth of what the length of the walk can tell apart.
    for width in (0.25, 0.03):
        near = rate + np.linspace(-width, width, 25) * min(rate, 1 / span)
        rate, _ = _best(signals, time, near, (1, 3))
    return rate if rate * span >= LEAST_STRIDES and SLOWEST <= rate <= FASTEST else None


def _best(
    signals: np.ndarray, time: np.ndarray, rates: np.ndarray, harmonics: tuple[int, ...]
) -> tuple[float, float]:
    """The rate that explains most, between grid points by a parabola, and the share it explains."""
    explained = _explained(signals, time, rates, harmonics)
    top = int(np.argmax(explained))
    offset = 0.0
    if 0 < top < len(rates) - 1:
        before, at, after = explained[top - 1 : top + 2]
        bend = before - 2 * at + after
        offset = 0.5 * (before - after) / bend if bend < 0 else 0.0
    return float(rates[top] + offset * (rates[1] - rates[0])), float(explained[top])


def _explained(
    signals: np.ndarray, time: np.ndarray, rates: np.ndarray, harmonics: tuple[int, ...]
) -> np.ndarray:
    """Share (F,) of the variance of signals (T, S) that curves of rates (F,) explain."""
    curves, signals = harmonic_basis(time, rates, harmonics), signals - signals.mean(axis=0)
    normal = curves.swapaxes(1, 2) @ curves
    normal += _RIDGE * len(time) * np.eye(normal.shape[-1])
    products = curves.swapaxes(1, 2) @ signals
    weights = np.linalg.solve(normal, products)
    # Squared error = s.s - 2 w.p + w.N.w, without making the curves; N without its ridge.
    explained = (2 * weights * products - weights * (normal @ weights)).sum(axis=(1, 2))
    ridge = _RIDGE * len(time) * (weights**2).sum(axis=(1, 2))
    return (explained + ridge) / (signals**2).sum()


def harmonic_basis(time: np.ndarray, rates: np.ndarray, harmonics: tuple[int, ...]) -> np.ndarray:
    """Curves (F, T, 1 + 2 H): one, then cosine and sine of each harmonic of each rate."""
    turn = 2 * np.pi * rates[:, None] * (time - time.mean())
    waves = [wave(order * turn) for order in harmonics for wave in (np.cos, np.sin)]
    return np.stack([np.ones_like(turn), *waves], axis=-1)
