"""Variations of a training clip that leave its emotion as it is."""

from __future__ import annotations

import cv2
import numpy as np

MAX_SHIFT, MAX_ZOOM = 0.06, 0.12
BRIGHTNESS, CONTRAST = 30.0, 0.2
MAX_STRETCH = 0.1


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


def vary_clip(clip: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mirror, crop a little, and change brightness and contrast, the same way in every frame.

    Parameters
    ----------
    clip : (T, H, W, 3) uint8

    Returns
    -------
    (T, H, W, 3) uint8
    """
    height, width = clip.shape[1:3]
    zoom = 1 + rng.uniform(0, MAX_ZOOM)
    sign = -1.0 if rng.random() < 0.5 else 1.0
    shift = rng.uniform(-MAX_SHIFT, MAX_SHIFT, 2) * (width, height)
    centre = np.array([width - 1, height - 1]) / 2
    scale = np.array([sign * zoom, zoom])
    matrix = np.column_stack([np.diag(scale), centre - scale * centre + shift])
    gain, offset = 1 + rng.uniform(-CONTRAST, CONTRAST), rng.uniform(-BRIGHTNESS, BRIGHTNESS)
    table = np.clip((np.arange(256) - 128) * gain + 128 + offset, 0, 255).astype(np.uint8)
    return np.stack(
        [
            cv2.warpAffine(table[frame], matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
            for frame in clip
        ]
    )
