"""From a bundle and walks to probabilities, a clip and a walk: the only place that decides a label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from gait.bundle import Bundle, emotion_of
from gait.console import progress_bar
from gait.errors import GaitmoodError
from gait.predictions import Predictions
from gait.preprocess import Walk

BATCH = 16


def predict_walks(bundle: Bundle, walks: Sequence[Walk]) -> Predictions:
    """Probabilities of each walk: the mean over its clips.

    Clips are batched across walks, a few at a time, so that memory stays flat.

    Raises
    ------
    GaitmoodError
        The model answers something else than probabilities.
    """
    how, classes = bundle.record.preprocess, bundle.record.classes
    counts = [len(how.starts(walk)) for walk in walks]
    sums = np.zeros((len(walks), len(classes)))
    with progress_bar("Predicting", sum(counts)) as bar:
        for owners, stored in _batches(how, walks):
            np.add.at(sums, owners, predict_clips(bundle, how.to_input(stored)))
            bar.advance(len(owners))
    return Predictions(
        names=tuple(walk.sample.name for walk in walks),
        classes=classes,
        probabilities=sums / np.array(counts, float).reshape(-1, 1),
        labels=tuple(walk.sample.label for walk in walks),
        subjects=tuple(walk.sample.subject for walk in walks),
        clips=tuple(counts),
    )


def predict_clips(bundle: Bundle, inputs: np.ndarray) -> np.ndarray:
    """Probabilities of each clip.

    The model always sees batches of one size, filled up with zeros, so that a clip's result does not depend
    on its company and nothing is compiled twice.

    Parameters
    ----------
    inputs : (N, ...) float
        What the bundle's preprocessing makes of clips.

    Returns
    -------
    (N, K) float64
        In the order of the bundle's classes.

    Raises
    ------
    GaitmoodError
        There is no clip, it has another shape than the model's input, it holds a number that is not finite,
        or the model answers something else than probabilities.
    """
    inputs = np.asarray(inputs)
    _check_inputs(inputs, bundle.record.preprocess)
    rows = []
    for first in range(0, len(inputs), BATCH):
        chunk = inputs[first : first + BATCH]
        padding = np.zeros((BATCH - len(chunk), *chunk.shape[1:]), chunk.dtype)
        outputs = bundle.model.predict_on_batch(np.concatenate([chunk, padding]))
        rows.append(_probabilities(outputs)[: len(chunk)])
    return np.concatenate(rows)


def _check_inputs(inputs: np.ndarray, how: Any) -> None:
    shape = how.input_shape
    if inputs.shape[1:] != shape:
        raise GaitmoodError(
            f"inputs of shape (N, {', '.join(map(str, shape))}) were expected, found {inputs.shape}."
        )
    if len(inputs) == 0:
        raise GaitmoodError("at least one clip was expected, found none.")
    # A sum is not finite when a term is not, and needs no mask of the inputs' size.
    add = np.nansum if how.missing else np.sum
    if not np.isfinite(add(inputs, dtype=np.float64)):
        bad = next(i for i, clip in enumerate(inputs) if not np.isfinite(add(clip, dtype=np.float64)))
        found = "infinity" if how.missing else "NaN or infinity"
        raise GaitmoodError(f"finite numbers were expected as inputs; {found} is in clip {bad}.")


def _probabilities(outputs: Any) -> np.ndarray:
    """The (N, K) emotion probabilities among a model's outputs."""
    emotion = np.asarray(emotion_of(outputs), dtype=np.float64)
    wrong = ~((emotion >= 0).all(axis=1) & (np.abs(emotion.sum(axis=1) - 1) <= 1e-3))  # NaN is wrong too
    if wrong.any():
        raise GaitmoodError(
            "the model's emotion output is not a probability distribution (rows must not be negative and sum "
            f"to 1); found the row {emotion[wrong.argmax()]}. Its last layer should be a softmax."
        )
    return emotion


def _batches(how: Any, walks: Sequence[Walk]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(owners, clips): which walk each clip belongs to, and up to BATCH clips as stored."""
    owners: list[int] = []
    clips: list[np.ndarray] = []
    for index, walk in enumerate(walks):
        for start in how.starts(walk):
            owners.append(index)
            clips.append(how.read(walk, start))
            if len(clips) == BATCH:
                yield np.array(owners), np.stack(clips)
                owners, clips = [], []
    if clips:
        yield np.array(owners), np.stack(clips)
