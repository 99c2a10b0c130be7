"""Movement: speed, acceleration and jerk of hands, feet and head against the hips, and its smoothness."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gait.features.feature import Feature, FrameFeature, NotMeasurable, by_name, known, mean_of, peak_of
from gait.features.motion import HALF_WIDTH, Motion
from gait.features.posture import RANDHAVANE

BALASUBRAMANIAN = "Balasubramanian 2015, On the analysis of movement smoothness, J NeuroEng Rehabil 12:112"
ENDS = ("left_hand", "right_hand", "left_foot", "right_foot", "head")

_SPARC_CUTOFF, _SPARC_THRESHOLD = 10.0, 0.05
_SPARC_SAMPLES, _SPARC_PADDING = 64, 8
# A lap of one stride lacks its ends, where there are no derivatives; their speed is held.
_LEAST_STRIDE = 0.8


def magnitude(vectors: np.ndarray) -> np.ndarray:
    """Length (T,) of vectors (T, 3)."""
    return np.linalg.norm(vectors, axis=-1)


def log_dimensionless_jerk(speed: np.ndarray, jerk: np.ndarray, duration: float) -> float:
    """Log dimensionless jerk of a movement: -ln(D^4 / v_peak^2 mean(|jerk|^2)); negative, higher is smoother.

    That of Balasubramanian 2015, with the integral of |jerk|^2 over D written as D times its mean, so that
    the stretch looked at need not be one movement long.

    Parameters
    ----------
    speed, jerk : (T,) arrays
        Magnitudes; NaN is passed over.
    duration : float
        Seconds D of one movement; of walking, a stride.
    """
    peak, squared = np.nanmax(speed), np.nanmean(jerk**2)
    return float(-np.log(duration**4 / peak**2 * squared))


def spectral_arc_length(speed: np.ndarray, rate: float) -> float:
    """Spectral arc length (SPARC) of a speed profile (N,) of ``rate`` samples a second.

    Length of the curve of the Fourier magnitude, scaled to 1 at its top, over frequency, scaled to the band
    up to the last frequency under 10 Hz whose magnitude reaches 0.05 (Balasubramanian 2015); negative,
    higher is smoother.
    """
    count = _SPARC_PADDING * len(speed)
    size = np.abs(np.fft.rfft(speed, count))
    size = size / size.max()
    frequency = np.fft.rfftfreq(count, 1 / rate)
    inside = np.flatnonzero((frequency <= _SPARC_CUTOFF) & (size >= _SPARC_THRESHOLD))
    if len(inside) < 2:
        return 0.0
    band = slice(inside[0], inside[-1] + 1)
    width = np.diff(frequency[band]) / (frequency[band][-1] - frequency[band][0])
    return float(-np.hypot(width, np.diff(size[band])).sum())


def one_stride(motion: Motion) -> float:
    """Seconds of a stride.

    Raises
    ------
    NotMeasurable
        The legs have no rhythm, or less than 0.7 of a stride is seen.
    """
    if motion.stride_rate is None:
        raise NotMeasurable("no regular steps, or less than 0.7 of a stride in view")
    return 1 / motion.stride_rate


def _place(part: str) -> str:
    return part.removeprefix("left_").removeprefix("right_")


_ORDINALS = {"speed": "first", "acceleration": "second", "jerk": "third"}


def _change(order: str, unit: str, part: str) -> FrameFeature:
    method: Callable[[Motion, str], np.ndarray] = getattr(Motion, "velocity" if order == "speed" else order)
    words = f"{order} of the {part.replace('_', ' ')} against the hips"

    def compute(motion: Motion) -> np.ndarray:
        return magnitude(method(motion, part))

    formula = (
        f"length of the {_ORDINALS[order]} derivative of the place of {part.replace('_', ' ')}, by local cubic "
        f"regression over {2 * HALF_WIDTH:g} s"
    )
    return FrameFeature(
        f"{part}_{order}", unit, "movement", _place(part), words, formula, RANDHAVANE, compute
    )


_UNITS = {"speed": "heights/s", "acceleration": "heights/s^2", "jerk": "heights/s^3"}

FRAME_FEATURES: dict[str, FrameFeature] = by_name(
    _change(order, unit, part) for order, unit in _UNITS.items() for part in ENDS
)


def _strides(motion: Motion, part: str) -> list[np.ndarray]:
    """Speed profiles of single strides, one after the other, each of 64 samples."""
    stride = one_stride(motion)
    speed = magnitude(motion.velocity(part))
    known(speed)
    seen = np.isfinite(speed)
    time, speed = motion.time[seen], speed[seen]
    span = time[-1] - time[0]
    if span < _LEAST_STRIDE * stride:
        raise NotMeasurable(f"less than {_LEAST_STRIDE} of a stride in view, its ends left out")
    within = np.arange(_SPARC_SAMPLES) / _SPARC_SAMPLES * stride
    starts = time[0] + stride * np.arange(max(int(span / stride), 1))
    return [np.interp(start + within, time, speed) for start in starts]


def _sparc(motion: Motion, part: str) -> float:
    rate = _SPARC_SAMPLES / one_stride(motion)
    return float(np.mean([spectral_arc_length(profile, rate) for profile in _strides(motion, part)]))


def _jerkiness(motion: Motion, part: str) -> float:
    speed, jerk = magnitude(motion.velocity(part)), magnitude(motion.jerk(part))
    known(jerk)
    if not np.nanmax(speed) > 1e-6:
        raise NotMeasurable("it does not move")
    return log_dimensionless_jerk(speed, jerk, one_stride(motion))


def _smoothness(
    name: str, words: str, formula: str, measure: Callable[[Motion, str], float], parts: tuple[str, ...]
) -> Feature:
    place = _place(parts[0])
    words = f"{words} of the {place}; higher is smoother"

    def compute(motion: Motion) -> float:
        return float(np.mean([measure(motion, part) for part in parts]))

    if len(parts) > 1:
        formula += "; mean of left and right"
    return Feature(
        f"{place}_{name}", "1", "movement", place, "world", words, formula, BALASUBRAMANIAN, compute
    )


_LDLJ = "-ln(D^4 / largest speed^2 x mean of jerk^2), D the seconds of a stride"
_SPARC = (
    "- length of the curve of Fourier magnitude (1 at its top) over frequency (1 at the last one under "
    f"{_SPARC_CUTOFF:g} Hz that reaches {_SPARC_THRESHOLD:g}); mean of the strides"
)
_PAIRS = (("left_hand", "right_hand"), ("left_foot", "right_foot"), ("head",))

FEATURES: dict[str, Feature] = by_name(
    (
        *(mean_of(feature) for feature in FRAME_FEATURES.values()),
        *(peak_of(FRAME_FEATURES[f"{part}_speed"]) for part in ENDS),
        *(_smoothness("ldlj", "log dimensionless jerk", _LDLJ, _jerkiness, parts) for parts in _PAIRS),
        *(
            _smoothness("sparc", "spectral arc length of the speed", _SPARC, _sparc, parts)
            for parts in _PAIRS[:2]
        ),
    )
)
