"""Strips of pictures that show a walk at a glance: frames of its video, and its skeleton below where it is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from gait.cache import Cache
from gait.drawing import draw, frame_inside
from gait.errors import GaitmoodError, VideoError
from gait.formats.listing import read_walk
from gait.labels import Sample
from gait.placing import fit_view, follow, is_flat, place, usual_azimuth
from gait.pose.estimators import PoseSettings
from gait.pose.sequence import PoseSequence
from gait.predictions import Predictions
from gait.preprocess.poses import clean_file, known_poses, pose_settings_of
from gait.preprocess.walks import walk_content
from gait.segments import Segment
from gait.video import FrameSize, expected_frames, open_video

MOST = 6  # mistakes with pictures
_MOMENTS = 7
_HEIGHT = 150
_SKELETON = FrameSize(_HEIGHT, 110)
_GAP = 3
_QUALITY = 82


def worst_mistakes(predictions: Predictions, leaked: Sequence[bool] = (), most: int = MOST) -> list[int]:
    """Rows of the labelled walks that are wrong, the surest of its answer against the true one first.

    Those where ``leaked``, (N,) or nothing, is true are not scored and left out.
    """
    rows = np.arange(len(predictions.names))
    labels = [
        p if label is None else label
        for p, label in zip(predictions.predicted, predictions.labels, strict=True)
    ]
    true = np.array([predictions.classes.index(label) for label in labels], dtype=int)
    lead = predictions.probabilities.max(axis=1, initial=0) - predictions.probabilities[rows, true]
    known = set(np.flatnonzero(leaked).tolist())
    wrong = [i for i in rows.tolist() if labels[i] != predictions.predicted[i] and i not in known]
    return sorted(wrong, key=lambda i: (-lead[i], predictions.names[i]))[:most]


def poses_used(preprocess: Any) -> PoseSettings:
    """The estimator that a preprocessing takes its poses from; the usual one where it takes none."""
    return pose_settings_of(preprocess) or PoseSettings()


def mistake_strips(
    predictions: Predictions,
    samples: Sequence[Sample],
    cache: Cache,
    poses: PoseSettings | None = None,
    leaked: Sequence[bool] = (),
) -> dict[str, bytes]:
    """Pictures of the worst mistakes.

    Parameters
    ----------
    predictions : Predictions
        Whose worst mistakes are shown.
    samples : sequence of Sample
        Where the walks of these predictions lie.
    cache : Cache
        Where poses may be known from. None are estimated.
    poses : PoseSettings, optional
        The estimator that they come from, by default the usual one.
    leaked : (N,) sequence of bool, optional
        Walks that are not scored and not shown.

    Returns
    -------
    dict of str to bytes
        Walk's name -> JPEG; a walk that can no longer be read has none.
    """
    places = {sample.name: sample for sample in samples}
    strips: dict[str, bytes] = {}
    for row in worst_mistakes(predictions, leaked):
        sample = places.get(predictions.names[row])
        picture = None if sample is None else _strip(sample, cache, poses or PoseSettings())
        if picture is not None:
            strips[sample.name] = picture
    return strips


def _strip(sample: Sample, cache: Cache, settings: PoseSettings) -> bytes | None:
    try:
        if sample.keypoints is not None:
            sequence = read_walk(sample.path, sample.keypoints)[0]
            sequence = sequence if is_flat(sequence) else clean_file(sequence)
            return _jpeg([_skeletons(sequence, _moments(*sequence.unique), _SKELETON)])
        known = known_poses(walk_content(sample), settings, cache)
        if known is None or not known.observed.any():
            return _jpeg([_frames(sample.footage, _moments(0, expected_frames(sample.footage)))])
        # A walk that is played over and over is seen once: its moments are then those of a stride or two.
        rows = _moments(*known.unique)
        frames = _frames(sample.footage, rows)
        size = FrameSize(_HEIGHT, max(frames[0].shape[1], _SKELETON.width))
        return _jpeg([[frame_inside(frame, size) for frame in frames], _skeletons(known, rows, size)])
    except (GaitmoodError, OSError):
        return None


def _moments(first: int, end: int) -> list[int]:
    """Rows in the middle of equal parts of a walk."""
    return [first + int((part + 0.5) * (end - first) / _MOMENTS) for part in range(_MOMENTS)]


def _frames(path: Path | Segment, rows: Sequence[int]) -> list[np.ndarray]:
    """Frames (H, W, 3) of these numbers, ascending; of a damaged video those that there are."""
    frames: list[np.ndarray] = []
    with open_video(path, FrameSize(_HEIGHT, 2 * _HEIGHT)) as video:
        for number, (_, frame) in enumerate(video):
            frames += [frame] * rows.count(number)
            if number >= rows[-1]:
                break
    if not frames:
        raise VideoError("not one frame could be decoded")
    size = FrameSize(_HEIGHT, frames[0].shape[1])
    return [frame_inside(frame, size) for frame in frames]


def _skeletons(sequence: PoseSequence, rows: Sequence[int], size: FrameSize) -> list[np.ndarray]:
    joints = place(sequence)
    path = follow(joints, sequence.layout)
    view = fit_view(joints, sequence.layout, size, usual_azimuth(sequence))
    return [draw(joints[row], sequence.layout, size, view.over(path[row])) for row in rows]


def _jpeg(rows: Sequence[Sequence[np.ndarray]]) -> bytes:
    """Pictures of one size in rows, a little apart, as a JPEG file."""
    height, width = rows[0][0].shape[:2]
    columns = max(map(len, rows))
    shape = (len(rows) * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, 3)
    canvas = np.full(shape, 255, np.uint8)
    for i, row in enumerate(rows):
        for j, picture in enumerate(row):
            top, left = i * (height + _GAP), j * (width + _GAP)
            canvas[top : top + height, left : left + width] = picture
    return cv2.imencode(".jpg", canvas[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
