"""Movement vectors: a walk's mean stride in ten steps, as distances between joints and the ways joints go.

For comparing whole walks with each other, as clustering does. A stride and not the whole video is cut into ten
steps, beginning where the left foot is farthest ahead: ten steps over all of a video would tell how long it was
filmed, and at which foot it began. Left and right do the same half a stride apart (the two halves of a stride are
each other's mirror image): then half a stride is enough, and a walk and its mirror image have one vector. How fast
a stride is, and what left and right do differently, is no part of it.
"""

from __future__ import annotations

import numpy as np

from gait import skeleton
from gait.errors import VideoError
from gait.features.gait_events import oscillation
from gait.features.motion import JOINT, LAYOUT, Motion, first_lap
from gait.features.rhythm import FASTEST, SLOWEST
from gait.pose.sequence import PoseSequence

STEPS = 10
# Ten steps a stride tell waves apart up to the fourth harmonic; 6 Hz, the usual limit of gait analysis (Winter
# 2009, Biomechanics and Motor Control of Human Movement, 4th ed., 3.4), lies a little above it.
HARMONICS = 4
# A gap in the stride must stay below half a wave of the highest harmonic, 1 / 8, or the curve is free in it.
LEAST_COVERED = 0.9
# A joint that goes less than this in a step, body heights, stands: its direction is noise. 3 mm.
STILL = 0.002

_PAIRS = np.triu_indices(len(JOINT), 1)
_SIZES = (STEPS * len(_PAIRS[0]), STEPS * len(JOINT) * 3, STEPS * len(JOINT))
GROUPS = dict(
    zip(
        ("distances", "directions", "lengths"),
        (slice(sum(_SIZES[:i]), sum(_SIZES[: i + 1])) for i in range(len(_SIZES))),
        strict=True,
    )
)
"""Which places of a movement vector hold what."""


def stride_of(sequence: PoseSequence) -> np.ndarray:
    """The mean stride of a walk's first lap, see :func:`mean_stride`.

    Where no rhythm is found in a lap that is played over and over, the lap is taken for a stride: such clips
    are cut so that they join.

    Raises
    ------
    VideoError
        There is neither a rhythm nor such a lap, less than half a stride is seen, or the body cannot be measured.
    GaitmoodError
        The layout does not convert to ``gait16``.
    """
    motion = first_lap(sequence)
    rate = motion.stride_rate
    if rate is None and sequence.unique != (0, len(sequence)):
        rate = sequence.rate / len(motion)
    if rate is None or not SLOWEST <= rate <= FASTEST:
        raise VideoError("no rhythm of steps is found; a movement vector needs a stride")
    return mean_stride(motion, rate)


def mean_stride(motion: Motion, rate: float) -> np.ndarray:
    """The mean stride at ten instants, the first where the left foot is farthest ahead of the right.

    Every joint's path is a Fourier series of four harmonics of the stride, fitted by least squares to all
    frames in which all joints are known, and to their mirror images half a stride later.

    Parameters
    ----------
    motion : Motion
    rate : float
        Strides per second.

    Returns
    -------
    (10, 16, 3) float64
        Axes and unit as :attr:`gait.features.motion.Motion.joints`; the step after the last is the first.

    Raises
    ------
    VideoError
        Less than half a stride is seen with all joints.
    """
    seen = np.isfinite(motion.joints).all(axis=(1, 2))
    time, joints = motion.time[seen], motion.joints[seen]
    if not len(time):
        raise VideoError("the joints are never all known together; a movement vector needs them all")
    phases = (time - time.mean()) * rate
    phases = np.concatenate([phases, phases + 0.5])
    _check_covered(phases, float(np.median(np.diff(motion.time))) * rate)
    axis = 1 if motion.flat else 2  # a picture does not show what is ahead: the left foot is highest instead
    ahead = joints[:, JOINT["left_foot"], axis] - joints[:, JOINT["right_foot"], axis]
    _, start = oscillation(ahead, time, rate)
    both = np.concatenate([joints, skeleton.mirror(joints, skeleton.find_layout(LAYOUT).pairs)])
    weights = np.linalg.lstsq(_waves(phases), both.reshape(len(both), -1), rcond=None)[0]
    steps = _waves(start + np.arange(STEPS) / STEPS) @ weights
    return steps.reshape(STEPS, *joints.shape[1:])


def _check_covered(phases: np.ndarray, step: float) -> None:
    """Raise VideoError where phases (n,) of frames ``step`` strides apart leave too much of the stride open."""
    places = np.sort(phases % 1)
    gap = np.diff(np.append(places, places[0] + 1)).max() - step
    if gap > 1 - LEAST_COVERED or len(phases) < 2 * HARMONICS + 1:
        raise VideoError(
            f"a movement vector needs half a stride in which all joints are known; {max(gap, 0):.0%} of the "
            "stride is missing"
        )


def _waves(phase: np.ndarray) -> np.ndarray:
    """Curves (n, 1 + 2 H) at phases (n,) counted in strides: one, then cosine and sine of each harmonic."""
    turn = 2 * np.pi * phase[:, None] * np.arange(1, HARMONICS + 1)
    return np.concatenate([np.ones_like(turn[:, :1]), np.cos(turn), np.sin(turn)], axis=1)


def movement_vector(stride: np.ndarray) -> np.ndarray:
    """A stride as one vector.

    Parameters
    ----------
    stride : (10, 16, 3) array
        See :func:`stride_of`.

    Returns
    -------
    (1840,) float64
        Parts as in :data:`GROUPS`: at every step the distances of all 120 pairs of joints (body heights); the
        directions, unit vectors, in which the 16 joints go from there to the next step, zero for one that
        stands; and how far they go (body heights).
    """
    between = stride[:, _PAIRS[0]] - stride[:, _PAIRS[1]]
    ways = np.roll(stride, -1, axis=0) - stride
    lengths = np.linalg.norm(ways, axis=-1)
    moves = (lengths >= STILL)[..., None]
    directions = np.divide(ways, lengths[..., None], out=np.zeros_like(ways, np.float64), where=moves)
    parts = (np.linalg.norm(between, axis=-1), directions, lengths)
    return np.concatenate([part.ravel() for part in parts]).astype(np.float64)


def balance(vectors: np.ndarray) -> np.ndarray:
    """Movement vectors (N, 1840) less their mean, each of the three groups scaled to the same total variance.

    Directions are numbers up to 1, distances differ by hundredths: as they are, only directions would count.
    Scaling whole groups and not single numbers leaves what hardly moves as small as it is.
    """
    centred = vectors - vectors.mean(axis=0)
    for part in GROUPS.values():
        size = np.sqrt((centred[:, part] ** 2).sum(axis=1).mean())
        if size > 0:
            centred[:, part] /= size
    return centred
