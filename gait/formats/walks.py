"""What every reader of keypoint files returns, and the checks that all of them share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gait.errors import GaitmoodError
from gait.label_names import class_name
from gait.pose.sequence import PoseSequence
from gait.skeleton import find_layout

# Jerk, the third difference, needs four.
MIN_FRAMES = 4

# What the integers of the published label files mean. The same files were released with different maps, and
# nothing in a file tells which one is meant.
EMOTION_MAPS: dict[str, tuple[str, ...]] = {
    "step": ("angry", "neutral", "happy", "sad"),
    "proxemo": ("angry", "happy", "sad", "neutral"),
}

DEFAULT_RATE = 30.0
"""Frames per second of files that do not say. The three gaits that come with ProxEmo hold one stride in
26, 30 and 32 frames; at 30 frames per second that is 0.9 to 1.1 s, the stride time of people who walk (1.0 to
1.1 s, Murray et al. 1964, J Bone Joint Surg 46-A:335). Other sets of the same format may have been thinned
out: say ``rate`` where it is known."""


# Joints of a body lie up to four times as far from its middle as joints usually do, from their median.
_FAR = 50.0
# Seconds from frame to frame: what is slower shows no steps, and is likely milliseconds.
_SLOWEST = 1.0


class KeypointError(GaitmoodError):
    """A keypoint file or walk cannot be used; the message is the reason, without the file's name."""


# Option of a training or a test -> field of KeypointOptions.
RUN_OPTIONS = {
    "emotions": "emotions",
    **{f"keypoint_{name}": name for name in ("rate", "first", "labels", "unit", "person")},
}


@dataclass(frozen=True)
class KeypointOptions:
    """What keypoint files do not say themselves. A format that does not need an option leaves it alone.

    Attributes
    ----------
    rate : float or None
        Frames per second, for files without: Emotion-Gait, MDT-GCN, OpenPose and COCO. None is
        :data:`DEFAULT_RATE`.
    labels : path, None or False
        File with the labels of Emotion-Gait or MDT-GCN, in the folder of the joints where no other is named; None
        looks there for the name the authors gave it, False reads no labels.
    emotions : str or None
        Which of :data:`EMOTION_MAPS` the integers of those labels mean.
    first : {"left", "right"}
        Which side the first arm and leg of Emotion-Gait and MDT-GCN are, see :mod:`gait.skeleton`.
    unit : float or None
        Metres in one unit of the file; None is 0.01 for BVH and 1 for Emotion-Gait and MDT-GCN.
    person : int
        Which person of OpenPose and COCO files with several: 0 is the one seen in most frames, and so on.
    """

    rate: float | None = None
    labels: Path | str | Literal[False] | None = None
    emotions: str | None = None
    first: Literal["left", "right"] = "left"
    unit: float | None = None
    person: int = 0

    def __post_init__(self) -> None:
        if self.first not in ("left", "right"):
            raise KeypointError(f"first is {self.first!r}; expected left or right")
        for name, value in (("rate", self.rate), ("unit", self.unit)):
            if value is not None and not 0 < value < np.inf:
                raise KeypointError(f"{name} is {value}; expected a positive number")
        if self.person < 0:
            raise KeypointError(f"person is {self.person}; expected 0 (the one seen in most frames), 1, ...")

    @classmethod
    def of_run(cls, options: Mapping[str, Any]) -> KeypointOptions:
        """What the options of a training or a test, as a bundle keeps them, say of keypoint files.

        Raises
        ------
        KeypointError
            A value that cannot be meant. Labels lie beside the joints: a model is tested on others than it was
            trained on.
        """
        said = {RUN_OPTIONS[name]: options.get(name) for name in RUN_OPTIONS}
        if (labels := said["labels"]) and Path(labels).name != labels:
            raise KeypointError(
                f"--keypoint-labels: the name of a file beside the joints was expected, found {labels}"
            )
        return cls(**{name: value for name, value in said.items() if value is not None})

    def emotion_map(self) -> tuple[str, ...]:
        """The chosen integer-to-emotion map.

        Raises
        ------
        KeypointError
            None was chosen, or it is unknown; the message lists them.
        """
        if self.emotions in EMOTION_MAPS:
            return EMOTION_MAPS[self.emotions]
        known = "; ".join(f"{name}: {numbered(names)}" for name, names in EMOTION_MAPS.items())
        found = f"unknown map {self.emotions!r}" if self.emotions else "which emotions they mean was not said"
        raise KeypointError(f"the labels are integers and {found}; choose emotions (--emotions) from {known}")


@dataclass(frozen=True, eq=False)
class KeypointWalk:
    """One walk of a keypoint file.

    Attributes
    ----------
    name : str
        Unique within its file: the name the file gives it, or the file's own without ending.
    sequence : PoseSequence
    label : str or None
        Emotion, lower case.
    soft : mapping of str to float, or None
        Emotion -> share, summing to 1.
    """

    name: str
    sequence: PoseSequence
    label: str | None = None
    soft: Mapping[str, float] | None = None


@dataclass(frozen=True)
class KeypointFile(Sequence):
    """The walks of one file, a sequence of :class:`KeypointWalk`.

    Attributes
    ----------
    walks : tuple of KeypointWalk
    left_out : tuple of (str, str)
        Name and reason of walks that cannot be used.
    notes : tuple of str
        What was assumed, for the user to see: the emotion map, the rate, the side of the first block.
    """

    walks: tuple[KeypointWalk, ...]
    left_out: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.walks)

    def __getitem__(self, index):
        return self.walks[index]

    def __iter__(self) -> Iterator[KeypointWalk]:
        return iter(self.walks)


def numbered(names: Sequence[str]) -> str:
    """``0 angry, 1 happy``."""
    return ", ".join(f"{i} {name}" for i, name in enumerate(names))


def check_integers(values: Any, what: str, classes: Sequence[str]) -> int:
    """One integer label that the map holds.

    Raises
    ------
    KeypointError
        Not one whole number, or outside the map.
    """
    array = np.asarray(values)
    if array.size != 1 or array.dtype.kind not in "iufb" or float(array.reshape(())) % 1:
        raise KeypointError(f"the label of {what} is not one integer but {str(values)[:60]}")
    label = int(array.reshape(()))
    if not 0 <= label < len(classes):
        raise KeypointError(
            f"the label of {what} is {label}, but the chosen map holds {numbered(classes)}; choose another"
        )
    return label


def gait16_walk(points: np.ndarray, options: KeypointOptions, source: str) -> PoseSequence:
    """A pose sequence of 3-D joints in the row order of Emotion-Gait.

    Parameters
    ----------
    points : (T, 16, 3) array
        Root, spine, neck, head, two arms, two legs; y up; NaN where not known.
    options : KeypointOptions
        ``first``, ``unit`` and ``rate``.
    source : str
        Format, for the notes.

    Raises
    ------
    KeypointError
        See :func:`pose_from_world`.
    """
    points = np.asarray(points, dtype=np.float64) * (options.unit or 1.0)
    if options.first == "right":
        points = points[:, [0, 1, 2, 3, 7, 8, 9, 4, 5, 6, 13, 14, 15, 10, 11, 12]] * [-1, 1, 1]
    rate = options.rate or DEFAULT_RATE
    notes = {"source": source, "first": options.first, "rate_assumed": options.rate is None}
    return pose_from_world(points, np.arange(len(points)) / rate, "gait16", notes)


def gait16_notes(options: KeypointOptions) -> list[str]:
    """What reading a file in that row order assumes."""
    side = "taken as it stands" if options.first == "left" else "read as a mirror image, x negated"
    notes = [f"first arm and leg read as {options.first}, coordinates {side}"]
    if options.rate is None:
        notes.append(f"no rate in the file: {DEFAULT_RATE:g} frames per second assumed")
    return notes


def pose_from_world(points: np.ndarray, time: np.ndarray, layout: str, notes: dict[str, Any]) -> PoseSequence:
    """A pose sequence of measured 3-D joints.

    Parameters
    ----------
    points : (T, V, 3) array
        Metres, y up, right-handed; NaN where not known. The path of the hips becomes ``root`` where it moves.
    time : (T,) array
        Seconds.
    layout : str
        Name of the layout.
    notes : dict
        Kept in the sequence.

    Raises
    ------
    KeypointError
        Too few frames, nothing known, or no body, see :func:`check_body`.
    """
    skeleton = find_layout(layout)
    points = np.where(np.isfinite(points), points, np.nan)
    known = np.isfinite(points).all(axis=-1)
    check_length(len(points))
    if not known.any():
        raise KeypointError("no joint is known in any frame (all are NaN)")
    check_body(points, layout)
    hips = points[:, list(skeleton.root)].mean(axis=1)
    path = hips[np.isfinite(hips).all(axis=1)]
    moves = len(path) > 0 and bool(np.ptp(path, axis=0).max() > 1e-9)
    return PoseSequence(
        image=np.full((*points.shape[:2], 2), np.nan, np.float32),
        world=(points - hips[:, None]).astype(np.float32),
        visibility=known.astype(np.float32),
        time=np.asarray(time, dtype=np.float64),
        frame_size=(0, 0),
        layout=layout,
        root=hips.astype(np.float32) if moves else None,
        root_unit="m" if moves else None,
        root_source="true" if moves else "none",
        observed=known.any(axis=1),
        notes=notes,
    )


def check_time(time: np.ndarray) -> None:
    """Refuse time stamps (T,) that are none, in seconds.

    Raises
    ------
    KeypointError
        They do not grow from frame to frame, or lie more than a second apart on average.
    """
    wrong = np.flatnonzero(~(np.diff(time) > 0))  # NaN too
    if len(wrong):
        before, after = time[wrong[0] : wrong[0] + 2]
        raise KeypointError(
            f"time stamps in seconds that grow from frame to frame expected, found {before:g} in frame {wrong[0]} and "
            f"{after:g} in frame {wrong[0] + 1}"
        )
    if len(time) > 1 and not (step := float(time[-1] - time[0]) / (len(time) - 1)) <= _SLOWEST:
        raise KeypointError(
            f"time stamps {step:g} apart on average; seconds expected, and at least one frame each"
        )


def check_length(frames: int) -> None:
    """Refuse a walk that is too short.

    Raises
    ------
    KeypointError
    """
    if frames < MIN_FRAMES:
        raise KeypointError(f"too short: {frames} frame{'s' * (frames != 1)}, at least {MIN_FRAMES} expected")


def check_body(points: np.ndarray, layout: str) -> None:
    """Refuse joints that are no upright body.

    Parameters
    ----------
    points : (T, V, 3) array
        Any unit, any centre, y up; NaN where not known.
    layout : str
        Name of the layout.

    Raises
    ------
    KeypointError
        A joint is infinite or far away from all others, or the head lies below the feet.
    """
    joints = find_layout(layout).joints
    if np.isinf(points).any():
        frame, joint = np.argwhere(np.isinf(points).any(axis=2))[0]
        raise KeypointError(f"{joints[joint]} is infinite in frame {frame}; NaN stands for what is not known")
    _check_near(points.astype(np.float64), joints)
    _check_upright(points, joints)


def _check_near(points: np.ndarray, joints: tuple[str, ...]) -> None:
    frames = np.flatnonzero(np.isfinite(points).all(axis=2).any(axis=1))
    if not len(frames):
        return
    seen = points[frames]
    away = np.linalg.norm(seen - np.nanmedian(seen, axis=1, keepdims=True), axis=2)
    usual, farthest = float(np.nanmedian(away)), float(np.nanmax(away))
    if farthest > _FAR * usual > 0:
        row, joint = np.argwhere(away == farthest)[0]
        raise KeypointError(
            f"{joints[joint]} lies {farthest:.3g} from the middle of the body in frame {frames[row]}, joints usually "
            f"lie {usual:.3g} from it; is a value broken? NaN stands for what is not known"
        )


def _check_upright(points: np.ndarray, joints: tuple[str, ...]) -> None:
    low = [i for i, joint in enumerate(joints) if joint.endswith(("_foot", "_ankle"))]
    high = [i for i, joint in enumerate(joints) if joint in ("head", "nose")]
    gap = points[:, high, 1].mean(axis=1) - points[:, low, 1].mean(axis=1)
    gap = gap[np.isfinite(gap)]
    if gap.size and not np.median(gap) > 0:
        raise KeypointError(
            "the head lies below the feet along y; a file with y up is expected, turn the coordinates"
        )


class Collector:
    """Gathers the walks of a file and the reasons of those left out."""

    def __init__(self) -> None:
        self.walks: list[KeypointWalk] = []
        self.left_out: list[tuple[str, str]] = []
        self.notes: list[str] = []

    def add(self, name: str, make, label: str | None = None) -> None:
        """Add the walk that ``make()`` returns, or the reason why it cannot be used."""
        try:
            sequence = make()
        except KeypointError as error:
            self.left_out.append((name, str(error)))
            return
        self.walks.append(KeypointWalk(name, sequence, class_name(label) if label else None))

    def finish(self) -> KeypointFile:
        """The file.

        Raises
        ------
        KeypointError
            No walk can be used.
        """
        if not self.walks:
            if len(self.left_out) == 1:
                raise KeypointError(self.left_out[0][1])
            first = f"; the first, {self.left_out[0][0]}: {self.left_out[0][1]}" if self.left_out else ""
            raise KeypointError(f"none of {len(self.left_out)} walks can be used{first}")
        return KeypointFile(tuple(self.walks), tuple(self.left_out), tuple(self.notes))
