"""From a sample to a model's input: the same object in training, testing and predicting, saved in the bundle.

A kind of preprocessing offers

- ``prepare(samples, cache, jobs)``: does the slow part once, into the cache, in parallel;
- ``starts(walk)``: where a prepared walk's clips begin;
- ``read(walk, start, step)``: one clip as stored, compact;
- ``to_input(clips)``: a batch of clips as the numbers a model sees;
- ``window_seconds``: how much of a video an answer looks back on, and, where poses are what is stored,
  ``store(sequence, entry)``: what :mod:`gait.preprocess.windows` needs to do the same while a video runs;
- ``input_shape``, ``settings()``: what a model and a bundle need to know;
- ``missing``: whether NaN, not known, may stand in an input;
- ``keypoints``: whether keypoint files serve as walks, as videos do.

A model with several inputs gets records of them, see :mod:`gait.inputs`.
"""

from __future__ import annotations

from typing import Any

from gait.errors import GaitmoodError
from gait.preprocess.clips import ClipPreprocess, choose_frame_size
from gait.preprocess.features import FeaturePreprocess
from gait.preprocess.joints import JointPreprocess
from gait.preprocess.landmark_clips import LandmarkClipPreprocess
from gait.preprocess.walks import Prepared, Walk

__all__ = [
    "KINDS",
    "ClipPreprocess",
    "FeaturePreprocess",
    "JointPreprocess",
    "LandmarkClipPreprocess",
    "Prepared",
    "Walk",
    "choose_frame_size",
    "restore",
]

KINDS = {
    "clips": ClipPreprocess,
    "landmark clips": LandmarkClipPreprocess,
    "joints": JointPreprocess,
    "features": FeaturePreprocess,
}


def restore(settings: dict[str, Any]) -> Any:
    """The preprocessing that a bundle's settings describe.

    Raises
    ------
    GaitmoodError
        This version does not know that kind, or one of its settings.
    """
    values = dict(settings)
    kind = values.pop("kind", None)
    if kind not in KINDS:
        raise GaitmoodError(f"unknown preprocessing '{kind}'; this version knows {', '.join(KINDS)}.")
    try:
        return KINDS[kind](**values)
    except TypeError as error:
        raise GaitmoodError(
            f"the preprocessing is described as this version does not know it: {error}."
        ) from error
