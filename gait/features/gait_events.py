"""Gait: cadence, stride, speed, step width, bounce and sway."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gait.features.feature import Feature, Needs, NotMeasurable, by_name, known, spread
from gait.features.motion import SIDES, Motion
from gait.features.movement import one_stride
from gait.features.rhythm import harmonic_basis

ZENI = "Zeni 2008, Two simple methods for determining gait events, Gait Posture 27:710-714"
MURRAY_1964 = "Murray 1964, Walking patterns of normal men, J Bone Joint Surg Am 46:335-360"
MICHALAK = "Michalak 2009, Embodiment of sadness and depression, Psychosom Med 71:580-587"
VANICEK = "Vanicek 1969, Approximate spectral analysis by least-squares fit, Astrophys Space Sci 4:387-391"
HOF = "Hof 1996, Scaling gait data to body size, Gait Posture 4:222-223"

# A foot stands while, against the hips, it moves backward in this part of its range from rear to front:
# most of the time flat, after the heel has come down and before it rises.
_STANDING = (0.25, 0.75)
# Feet count as farthest apart above this share of their largest distance along the way.
_APART = 0.9


def stance_speed(foot: np.ndarray, velocity: np.ndarray) -> np.ndarray:
    """Speeds at which a standing foot is left behind by the hips: the walking speed, seen from the body.

    Parameters
    ----------
    foot, velocity : (T,) arrays
        Forward place of the foot against the hips, and its derivative; NaN is passed over.

    Returns
    -------
    (n,) array
        -velocity in the frames in which the foot moves backward within 25 to 75 % of its range. On a
        treadmill as on the floor: no path of the body is needed.
    """
    low, high = np.nanquantile(foot, (0.02, 0.98))
    rear, front = (low + share * (high - low) for share in _STANDING)
    standing = (foot > rear) & (foot < front) & (velocity < 0)
    return -velocity[standing]


def oscillation(values: np.ndarray, time: np.ndarray, rate: float) -> tuple[float, float]:
    """Range and phase of the part of (T,) values that goes ``rate`` times a second.

    Least squares of ``c + d t + a cos(w t) + b sin(w t)``, w = 2 pi rate. The range is 2 sqrt(a^2 + b^2);
    the phase atan2(b, a) / 2 pi, the share of a period, 0 to 1, at which it is largest, time counted from
    the middle of the walk. Drift of the whole body, and what goes at other rates, is no part of it. NaN is
    passed over.
    """
    curves = harmonic_basis(time, np.array([rate]), (1,))[0]
    curves = np.column_stack([curves, time - time.mean()])
    seen = np.isfinite(values)
    _, a, b, _ = np.linalg.lstsq(curves[seen], values[seen], rcond=None)[0]
    return float(2 * np.hypot(a, b)), float(np.arctan2(b, a) / (2 * np.pi)) % 1


def width_of_steps(ahead: np.ndarray, aside: np.ndarray) -> float:
    """Mean distance across the way of the two feet while both stand, the left one to the left positive.

    Both stand when they are farthest apart along the way. Each foot in front counts half, so that an error
    in the heading cancels.

    Parameters
    ----------
    ahead, aside : (T,) arrays
        Left foot less right foot, along and across the way; NaN is passed over.

    Raises
    ------
    NotMeasurable
        One of the feet is never in front, or too few frames are known.
    """
    low, high = np.quantile(known(ahead), (0.02, 0.98))
    half = (high - low) / 2
    widths = [aside[sign * (ahead - low - half) > _APART * half] for sign in (1, -1)]
    if not all(len(width) for width in widths):
        raise NotMeasurable("one of the feet is never seen in front")
    return float(np.mean([width.mean() for width in widths]))


def _between_feet(motion: Motion) -> np.ndarray:
    """Left foot less right foot (T, 3)."""
    return motion["left_foot"] - motion["right_foot"]


def _walking_speed(motion: Motion) -> float:
    speeds = []
    for side in SIDES:
        velocity = motion.velocity(f"{side}_foot")[:, 2]
        known(velocity)
        speeds.extend(stance_speed(motion[f"{side}_foot"][:, 2], velocity))
    if len(speeds) < 2:
        raise NotMeasurable("no foot is seen standing on the floor")
    return float(np.median(speeds))


def _step_width(motion: Motion) -> float:
    aside, _, ahead = _between_feet(motion).T
    return width_of_steps(ahead, aside)


def _stance_share(motion: Motion) -> float:
    return float(np.mean([(known(motion.velocity(f"{side}_foot")[:, 2]) < 0).mean() for side in SIDES]))


def _foot_lift(motion: Motion) -> float:
    return float(np.mean([spread(motion[f"{side}_foot"][:, 1]) for side in SIDES]))


def _hip_rise(motion: Motion, stride: float) -> float:
    # The lower foot is the one that stands on the floor.
    height = -np.minimum(motion["left_foot"][:, 1], motion["right_foot"][:, 1])
    known(height)
    return oscillation(height, motion.time, 2 / stride)[0]


def _path(motion: Motion, axis: int) -> np.ndarray:
    """The hips through space (T,) along an axis: 0 to the left, 1 up, 2 forward."""
    if motion.root is None:
        raise NotMeasurable("the path of the hips through space is not known")
    known(motion.root[:, axis])
    return motion.root[:, axis]


def _progress_speed(motion: Motion) -> float:
    """Slope of the path forward, least squares."""
    ahead = _path(motion, 2)
    seen = np.isfinite(ahead)
    if seen.sum() < 2:
        raise NotMeasurable("a single frame does not move")
    return float(np.polyfit(motion.time[seen] - motion.time[seen].mean(), ahead[seen], 1)[0])


def _gait(
    name: str, unit: str, part: str, source: str, words: str, formula: str,
    compute: Callable[[Motion, float], float], needs: Needs = "world",
) -> Feature:  # fmt: skip
    """A feature of walks that have a rhythm; ``compute`` is also given the seconds of a stride."""
    return Feature(
        name, unit, "gait", part, needs, words, formula, source, lambda m: compute(m, one_stride(m))
    )


# fmt: off
FEATURES: dict[str, Feature] = by_name((
    _gait("cadence", "steps/min", "legs", VANICEK, "steps a minute",
          "120 / seconds of a stride, at which a wave and its third harmonic fit left less right knee and foot best",
          lambda m, stride: 120 / stride),
    _gait("stride_length", "heights", "legs", MURRAY_1964,
          "way from one contact of a foot to its next: walking speed x 120 / cadence",
          "walking_speed x seconds of a stride",
          lambda m, stride: _walking_speed(m) * stride, "depth"),
    _gait("walking_speed", "heights/s", "legs", ZENI,
          "speed at which the standing foot is left behind, on a treadmill too",
          f"median backward speed of both feet, each while it moves backward within {_STANDING[0]:.0%} to "
          f"{_STANDING[1]:.0%} of its way from rear to front",
          lambda m, _: _walking_speed(m), "depth"),
    _gait("step_length", "heights", "legs", MURRAY_1964,
          "distance of the ankles along the way when farthest apart; up to a tenth less than half a stride, "
          "for the rear heel is raised by then",
          "half of the range (98% less 2% quantile) of left less right foot, forward",
          lambda m, _: spread(_between_feet(m)[:, 2]) / 2, "depth"),
    _gait("step_width", "heights", "legs", MURRAY_1964,
          "distance of the ankles across the way when both feet stand",
          f"mean of left less right foot to the side, while they are apart forward by {_APART:.0%} of the most; either "
          "foot in front counts half",
          lambda m, _: _step_width(m), "depth"),
    _gait("stance_share", "1", "legs", ZENI,
          "share of the time in which a foot goes back against the hips",
          "share of the frames in which the forward speed of a foot is negative; mean of left and right",
          lambda m, _: _stance_share(m), "depth"),
    _gait("foot_lift", "heights", "legs", MURRAY_1964,
          "vertical range of the feet against the hips",
          "98% less 2% quantile of the height of a foot; mean of left and right", lambda m, _: _foot_lift(m)),
    _gait("hip_rise", "heights", "trunk", MICHALAK,
          "vertical movement of the hips above the lower foot, once a step: bounce where no path is known",
          "range of the wave of a step's length fitted to the height of the hips above the lower foot",
          _hip_rise),
    _gait("bounce", "heights", "trunk", MICHALAK, "vertical movement of the hips, once a step",
          "range of the wave of a step's length fitted to the height of the hips' path",
          lambda m, stride: oscillation(_path(m, 1), m.time, 2 / stride)[0], "root"),
    _gait("sway", "heights", "trunk", MICHALAK, "movement of the hips from side to side, once a stride",
          "range of the wave of a stride's length fitted to the hips' path to the side",
          lambda m, stride: oscillation(_path(m, 0), m.time, 1 / stride)[0], "root"),
    _gait("progress_stride", "heights", "whole body", HOF, "way of the hips through space in a stride",
          "progress_speed x seconds of a stride",
          lambda m, stride: _progress_speed(m) * stride, "root"),
    Feature("progress_speed", "heights/s", "gait", "whole body", "root",
            "speed of the hips through space along the way faced",
            "slope of the hips' path forward over time, least squares", HOF, _progress_speed),
))
# fmt: on
