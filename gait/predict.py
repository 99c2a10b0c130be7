"""From a bundle and prepared walks to probabilities, a clip and a walk: the only place that decides a label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from gait.bundle import Bundle
from gait.console import progress_bar
from gait.errors import GaitmoodError
from gait.predictions import Predictions
from gait.preprocess import Walk

BATCH = 16


def predict_walks(bundle: Bundle, walks: Sequence[Walk]) -> Predictions:
    """Probabilities of each walk: the mean over its clips.

    Batches have one fixed size whatever the walks are, filled up across walks, so that memory stays flat and a
    walk's result does not depend on its company.
    """
    how, model, classes = bundle.record.preprocess, bundle.model, bundle.record.classes
    counts = [len(how.starts(walk)) for walk in walks]
    sums = np.zeros((len(walks), len(classes)))
    with progress_bar("Predicting", sum(counts)) as bar:
        for owners, inputs in _batches(how, walks):
            probabilities = emotion_output(model.predict_on_batch(inputs))[: len(owners)]
            np.add.at(sums, owners, probabilities.astype(np.float64))
            bar.advance(len(owners))
    return Predictions(
        names=tuple(walk.sample.name for walk in walks),
        classes=classes,
        probabilities=sums / np.array(counts, float).reshape(-1, 1),
        labels=tuple(walk.sample.label for walk in walks),
        subjects=tuple(walk.sample.subject for walk in walks),
        clips=tuple(counts),
    )


def emotion_output(outputs: Any) -> np.ndarray:
    """The (N, K) emotion probabilities among a model's outputs (plain Keras models have one, unnamed).

    Raises
    ------
    GaitmoodError
        They are not probabilities: not finite, or they do not sum to 1.
    """
    emotion = np.asarray(outputs["emotion"] if isinstance(outputs, dict) else outputs)
    if not np.allclose(emotion.sum(axis=1), 1, atol=1e-3):
        raise GaitmoodError(
            "the model's emotion output is not a probability distribution (rows must be finite and sum to 1); "
            f"found the row {emotion[np.abs(emotion.sum(axis=1) - 1).argmax()]}."
        )
    return emotion


def _batches(how: Any, walks: Sequence[Walk]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(owners, inputs): which walk each clip belongs to, and BATCH clips, the last batch filled up with zeros."""
    owners: list[int] = []
    clips: list[np.ndarray] = []
    for index, walk in enumerate(walks):
        for start in how.starts(walk):
            owners.append(index)
            clips.append(how.read(walk, start))
            if len(clips) == BATCH:
                yield np.array(owners), how.to_input(np.stack(clips))
                owners, clips = [], []
    if clips:
        padding = [np.zeros_like(clips[0])] * (BATCH - len(clips))
        yield np.array(owners), how.to_input(np.stack(clips + padding))
