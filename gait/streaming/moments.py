"""What is seen and said of a video, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gait.pose.sequence import PoseSequence
from gait.predictions import Predictions
from gait.preprocess.landmark_clips import Chosen
from gait.streaming.abstaining import Reason


@dataclass(frozen=True, eq=False)
class Shot:
    """A frame on its way.

    Attributes
    ----------
    number : int
        From 0 on.
    seconds : float
        From the first frame.
    picture : (H, W, 3) uint8
        RGB.
    small : (h, w, 3) uint8 or None
        The same as a frame model wants it, before black is put around it.
    started : float
        ``time.perf_counter()`` when reading it began.
    """

    number: int
    seconds: float
    picture: np.ndarray
    small: np.ndarray | None
    started: float


@dataclass(frozen=True, eq=False)
class Window:
    """The last stretch of a video, as long as a clip, to judge somebody by.

    Attributes
    ----------
    number : int or None
        Whose it is; None where people are not followed.
    frames : (int, int)
        Its first and last frame.
    chosen : tuple of (row, small, picture)
        For a model that looks at frames: those at its rate, counted from the first.
    poses : PoseSequence or None
        As they were estimated, where the model wants them.
    """

    number: int | None
    frames: tuple[int, int]
    chosen: tuple[Chosen, ...] = ()
    poses: PoseSequence | None = None


@dataclass(frozen=True, eq=False)
class Verdict:
    """What is said of somebody at a moment.

    Attributes
    ----------
    emotion : str or None
        None where there is a ``reason``.
    reason : Reason or None
        Why there is no emotion.
    probabilities : (K,) float64 or None
        They are there for the unsure, too.
    valence, arousal : float or None
        None where the model has no such output.
    frames : (int, int) or None
        First and last frame of the newest window behind it.
    """

    emotion: str | None = None
    reason: Reason | None = None
    probabilities: np.ndarray | None = None
    valence: float | None = None
    arousal: float | None = None
    frames: tuple[int, int] | None = None

    @property
    def confidence(self) -> float | None:
        """The highest probability."""
        return None if self.probabilities is None else float(self.probabilities.max())


@dataclass(frozen=True, eq=False)
class Person:
    """Somebody in a frame.

    Attributes
    ----------
    number : int or None
        By order of appearance; None where nobody is in view, or people are not followed.
    verdict : Verdict
        What is said of them.
    joints : (V, 2) float32 or None
        Pixels; None where they are not seen in this frame.
    layout : str
        Which joints these are.
    """

    number: int | None
    verdict: Verdict
    joints: np.ndarray | None = None
    layout: str = "blazepose33"


@dataclass(frozen=True, eq=False)
class Moment:
    """What is known of a frame: one person or more, or one without number where nobody is in view."""

    number: int
    seconds: float
    people: tuple[Person, ...]


@dataclass(frozen=True, eq=False)
class WholeWalk:
    """What is said of a whole walk.

    Attributes
    ----------
    number : int or None
        Whose it is; None where people are not followed.
    predictions : Predictions or None
        Of this one walk, as test.py makes them.
    reason : str or None
        Why there is no prediction, as test.py says it.
    doubt : str or None
        Why a prediction that is there is not to be relied on.
    """

    number: int | None
    predictions: Predictions | None = None
    reason: str | None = None
    doubt: str | None = None
