"""A walk made ready for measuring: joints in body heights that face +z, and how they change with time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from gait.errors import VideoError
from gait.features.rhythm import stride_rate
from gait.pose.loops import seams_of
from gait.pose.root import TRUNK_AND_LEG
from gait.pose.sequence import PoseSequence
from gait.skeleton import centre_on_hips, convert, find_layout, has_no_depth, heading_angle, turn

LAYOUT = "gait16"
JOINT = {name: place for place, name in enumerate(find_layout(LAYOUT).joints)}
SIDES = ("left", "right")

# Half the width in seconds of the stretch that a derivative is taken from: speed passes up to 4.6 Hz (half
# the power), acceleration and jerk up to 2.7 Hz, at any frame rate. Gait analysis smooths places at 6 Hz
# before it takes differences (Winter 2009, Biomechanics and Motor Control of Human Movement, 4th ed., 3.4).
HALF_WIDTH = 0.15
# At low frame rates the window grows to hold this many steps on either side: a cubic needs four frames.
_LEAST_STEPS = 2.5


@dataclass(frozen=True, eq=False)
class Motion:
    """What every feature is computed from.

    Attributes
    ----------
    joints : (T, 16, 3) float64
        Layout ``gait16``, from the middle of the hips, body heights; y up, the walker facing +z, its left
        at +x. NaN where not known.
    time : (T,) float64
        Seconds.
    root : (T, 3) float64 or None
        Path of the middle of the hips, unit and axes as ``joints``.
    breaks : tuple of int
        Frames at which the walk jumps (it is played over again); no movement is measured across them.
    """

    joints: np.ndarray
    time: np.ndarray
    root: np.ndarray | None = None
    breaks: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.time)

    def __getitem__(self, joint: str) -> np.ndarray:
        """Place (T, 3) of a joint."""
        return self.joints[:, JOINT[joint]]

    @cached_property
    def flat(self) -> bool:
        """Whether joints are known in the picture only, from wherever it was taken; z is then 0, x to its right."""
        return has_no_depth(self.joints)

    @cached_property
    def _derivatives(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return derivatives(self.joints, self.time, self.breaks)

    def velocity(self, joint: str) -> np.ndarray:
        """(T, 3) heights per second, against the hips."""
        return self._derivatives[0][:, JOINT[joint]]

    def acceleration(self, joint: str) -> np.ndarray:
        """(T, 3) heights per second squared, against the hips."""
        return self._derivatives[1][:, JOINT[joint]]

    def jerk(self, joint: str) -> np.ndarray:
        """(T, 3) heights per second cubed, against the hips."""
        return self._derivatives[2][:, JOINT[joint]]

    @cached_property
    def stride_rate(self) -> float | None:
        """Strides per second, see :func:`gait.features.rhythm.stride_rate`; None without a rhythm."""
        left, right = (self.joints[:, [JOINT[f"{side}_knee"], JOINT[f"{side}_foot"]]] for side in SIDES)
        # Forward and up: to the side legs hardly move. What is forward in a picture depends on the view.
        axes = slice(2) if self.flat else slice(1, 3)
        return stride_rate((left - right)[..., axes].reshape(len(self), -1), self.time)

    def whole_strides(self, values: np.ndarray) -> np.ndarray:
        """The first of (T,) values that fill whole strides, so that no part of the stride counts more often.

        NaN at both ends is left out first. All of them where there is no rhythm, or less than a stride.
        """
        seen = np.flatnonzero(np.isfinite(values))
        if self.stride_rate is None or len(seen) < 2:
            return values
        first, last = seen[0], seen[-1]
        step = (self.time[last] - self.time[first]) / (last - first)
        strides = int((self.time[last] - self.time[first] + step) * self.stride_rate + 0.01)
        if strides < 1:
            return values
        end = self.time[first] + strides / self.stride_rate - 0.01 * step
        return values[first : np.searchsorted(self.time, end)]


def first_lap(sequence: PoseSequence) -> Motion:
    """Motion of the part of a walk that is not a repetition."""
    return _to_motion(sequence, slice(*sequence.unique), ())


def whole_walk(sequence: PoseSequence) -> Motion:
    """Motion of all frames of a walk, broken where it is played over again."""
    return _to_motion(sequence, slice(None), seams_of(sequence))


def _to_motion(sequence: PoseSequence, frames: slice, breaks: tuple[int, ...]) -> Motion:
    sequence = convert(sequence, LAYOUT)
    world, root = sequence.world[frames].astype(np.float64), sequence.root
    root = None if root is None else root[frames].astype(np.float64)
    height, angle = body_height(world), heading_angle(world, LAYOUT, root)
    joints = turn(centre_on_hips(world, LAYOUT) / height, -angle)
    if root is not None:
        root = turn(root / (height if sequence.root_unit == "m" else 1.0), -angle)
    return Motion(joints, sequence.time[frames], root, breaks)


def body_height(world: np.ndarray) -> float:
    """Height of the body in the unit of its joints (T, 16, 3), from trunk, thigh and shank.

    Median over frames and sides of shoulder-hip, hip-knee and knee-ankle together, over 0.779: the height
    of the shoulder less that of the ankle, as a share of the stature (Drillis and Contini 1966). The
    measure of :func:`gait.pose.root.stature`, so that paths in body heights fit.

    Raises
    ------
    VideoError
        A side of trunk and leg is never known whole, or has no length.
    """
    parts = ("shoulder", "hip", "knee", "foot")
    chain = [world[:, [JOINT[f"{side}_{part}"] for side in SIDES]] for part in parts]
    lengths = sum(np.linalg.norm(a - b, axis=-1) for a, b in pairwise(chain))
    lengths = lengths[np.isfinite(lengths)]
    if not lengths.size or not np.median(lengths) > 0:
        raise VideoError("the body cannot be measured: shoulder, hip, knee and foot are never known together")
    return float(np.median(lengths)) / TRUNK_AND_LEG


def derivatives(
    values: np.ndarray, time: np.ndarray, breaks: tuple[int, ...] = (), half_width: float = HALF_WIDTH
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First, second and third derivative after time by local cubic regression.

    Around every frame a cubic is fitted to the values of the frames within ``half_width`` seconds, weighted
    with Epanechnikov's kernel 1 - (distance / half_width)^2; its coefficients are the derivatives (Fan and
    Gijbels 1996, Local Polynomial Modelling, section 3.1; with even steps and weights this is Savitzky and
    Golay 1964, Anal Chem 36:1627-1639). Steps in time may differ, and the frame rate changes how finely is
    looked, not what is measured.

    Parameters
    ----------
    values : (T, ...) array
        NaN where not known; gaps are bridged for their neighbours' sake, and stay NaN themselves.
    time : (T,) array
        Seconds, increasing.
    breaks : tuple of int
        Frames before which nothing connects.
    half_width : float
        Seconds; widened to 2.5 steps of time where these are longer.

    Returns
    -------
    three (T, ...) arrays
        NaN also nearer than half of ``half_width`` to an end or a break: there is only one side to look at.
    """
    flat = values.reshape(len(values), -1)
    found = np.full((3, *flat.shape), np.nan)
    for start, stop in pairwise((0, *breaks, len(values))):
        if stop - start >= 4:
            found[:, start:stop] = _local_cubic(flat[start:stop], time[start:stop], half_width)
    found = np.where(np.isfinite(flat), found, np.nan)
    first, second, third = found.reshape(3, *values.shape)
    return first, second, third


def _local_cubic(values: np.ndarray, time: np.ndarray, half_width: float) -> np.ndarray:
    """(3, T, C) derivatives of (T, C) values of one unbroken stretch of at least four frames."""
    step = float(np.median(np.diff(time)))
    width = max(half_width, _LEAST_STEPS * step)
    reach = min(int(np.ceil(width / max(step, 1e-6))) + 1, len(time))
    places = np.arange(len(time))[:, None] + np.arange(-reach, reach + 1)
    inside = (places >= 0) & (places < len(time))
    places = places.clip(0, len(time) - 1)
    away = (time[places] - time[:, None]) / width
    weight = np.where(inside, np.maximum(1 - away**2, 0), 0)
    powers = away[..., None] ** np.arange(4)
    normal = np.einsum("tw,twi,twj->tij", weight, powers, powers)
    usable = (weight > 0).sum(axis=1) >= 4
    normal[~usable] = np.eye(4)
    # (T, 4, W): what each neighbour adds to each coefficient.
    share = np.linalg.solve(normal, (weight[..., None] * powers).swapaxes(1, 2))
    coefficients = np.einsum("tiw,twc->itc", share, bridge(values, time)[places])
    coefficients[:, ~usable] = np.nan
    half = width / 2
    coefficients[:, (time - time[0] < half - 1e-9) | (time[-1] - time < half - 1e-9)] = np.nan
    return coefficients[1:] * np.array([1 / width, 2 / width**2, 6 / width**3])[:, None, None]


def bridge(values: np.ndarray, time: np.ndarray) -> np.ndarray:
    """(T, C) values with gaps filled on straight lines and the ends held; NaN where all are."""
    filled = values.copy()
    for column in np.flatnonzero(~np.isfinite(values).all(axis=0)):
        seen = np.isfinite(values[:, column])
        if seen.any():
            filled[:, column] = np.interp(time, time[seen], values[seen, column])
    return filled
