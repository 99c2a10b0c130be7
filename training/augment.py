"""Variations of a training clip, of frames or of joints, that leave its emotion as it is."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from gait import landmarks, skeleton
from gait.inputs import records

MAX_SHIFT, MAX_ZOOM = 0.06, 0.12
BRIGHTNESS, CONTRAST = 30.0, 0.2
MAX_STRETCH = 0.1
MAX_TURN, MAX_SCALE = 15.0, 0.1  # degrees; share
JOINT_NOISE = 0.01  # torso lengths, standard deviation
DROPPED_FRAMES, HIDDEN_JOINTS = 0.03, 0.1
LONGEST_HIDDEN = 12  # frames: half a second at the usual rate, the longest gap that cleaning fills


def vary_time(start: float, length: int, frames: int, rng: np.random.Generator) -> tuple[float, float]:
    """Shift a clip by up to half its length and play it up to 10 % faster or slower.

    Returns
    -------
    start, step : float
        First frame, such that the clip ends inside the walk where that is long enough; frames per frame.
    """
    step = 1 + rng.uniform(-MAX_STRETCH, MAX_STRETCH)
    shifted = start + rng.uniform(-0.5, 0.5) * length
    return float(np.clip(shifted, 0, max(0, frames - 1 - step * (length - 1)))), step


def vary_joints(clip: np.ndarray, layout: str, rng: np.random.Generator) -> np.ndarray:
    """Mirror, turn about the vertical, scale, shake, drop frames and hide joints.

    Parameters
    ----------
    clip : (T, V, 6) float32
        Positions in torso lengths, and velocities.
    layout : str
        Of the joints; it tells what is left and right.

    Returns
    -------
    (T, V, 6) float32
        A dropped frame repeats the one before; a joint that is hidden for a while moves straight on, as where
        cleaning fills a gap. Joints of a picture stay in its plane.
    """
    T, V, _ = clip.shape
    parts = [clip[..., :3], clip[..., 3:]]
    if rng.random() < 0.5:
        pairs = skeleton.find_layout(layout).pairs
        parts = [skeleton.mirror(part, pairs) for part in parts]
    angle, scale = np.radians(rng.uniform(-MAX_TURN, MAX_TURN)), 1 + rng.uniform(-MAX_SCALE, MAX_SCALE)
    varied = np.concatenate([skeleton.turn(part, angle) * scale for part in parts], axis=-1)
    varied[..., :3] += rng.normal(0, JOINT_NOISE, (T, V, 3))
    if skeleton.has_no_depth(clip[..., :3]):
        varied[..., [2, 5]] = 0
    for t in np.flatnonzero(rng.random(T - 1) < DROPPED_FRAMES) + 1:  # nothing comes before the first
        varied[t] = varied[t - 1]
    for joint in np.flatnonzero(rng.random(V) < HIDDEN_JOINTS):
        _hide(varied[:, joint], rng)
    return varied.astype(np.float32)


def _hide(moves: np.ndarray, rng: np.random.Generator) -> None:
    """A straight line in place of a stretch of a joint's way (T, 6), at the stretch's mean velocity."""
    last = len(moves) - 1
    count = int(rng.integers(1, LONGEST_HIDDEN + 1))
    first = int(rng.integers(1, max(2, last - count + 1)))  # its ends are known
    stretch, end = np.arange(first, min(first + count, last)), min(first + count, last)
    share = ((stretch - first + 1) / (end - first + 1))[:, None]
    moves[stretch, :3] = (1 - share) * moves[first - 1, :3] + share * moves[end, :3]
    if len(stretch):
        moves[stretch, 3:] = moves[stretch, 3:].mean(axis=0)


def vary_clip(clip: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mirror, crop a little, and change brightness and contrast, the same way in every frame.

    Parameters
    ----------
    clip : (T, H, W, 3) uint8

    Returns
    -------
    (T, H, W, 3) uint8
    """
    return _vary_frames(clip, rng)[0]


def vary_landmark_clip(clip: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Vary the frames as :func:`vary_clip` does; where they are mirrored, so are the landmarks.

    Parameters
    ----------
    clip : () record of ``frames``, ``landmarks`` and ``mask``
        See :class:`gait.preprocess.landmark_clips.LandmarkClipPreprocess`.
    """
    frames, mirrored = _vary_frames(clip["frames"], rng)
    points = clip["landmarks"], clip["mask"]
    points = landmarks.mirror(*points) if mirrored else points
    return records({"frames": frames, "landmarks": points[0], "mask": points[1]}, axes=0)


def _vary_frames(clip: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, bool]:
    """Frames (T, H, W, 3) varied, and whether they were mirrored."""
    height, width = clip.shape[1:3]
    zoom = 1 + rng.uniform(0, MAX_ZOOM)
    sign = -1.0 if rng.random() < 0.5 else 1.0
    shift = rng.uniform(-MAX_SHIFT, MAX_SHIFT, 2) * (width, height)
    centre = np.array([width - 1, height - 1]) / 2
    scale = np.array([sign * zoom, zoom])
    matrix = np.column_stack([np.diag(scale), centre - scale * centre + shift])
    gain, offset = 1 + rng.uniform(-CONTRAST, CONTRAST), rng.uniform(-BRIGHTNESS, BRIGHTNESS)
    table = np.clip((np.arange(256) - 128) * gain + 128 + offset, 0, 255).astype(np.uint8)
    frames = [
        cv2.warpAffine(table[frame], matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
        for frame in clip
    ]
    return np.stack(frames), sign < 0


def vary(clip: np.ndarray, how: Any, rng: np.random.Generator) -> np.ndarray:
    """Vary a clip as its kind of preprocessing asks."""
    if how.kind == "joints":
        return vary_joints(clip, how.layout, rng)
    return vary_landmark_clip(clip, rng) if how.kind == "landmark clips" else vary_clip(clip, rng)
