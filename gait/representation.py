"""What a model makes of a walk before its last step: to ask what else stands in it than the emotion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gait.bundle import Bundle
from gait.inputs import by_name
from gait.models.classical import ClassicalModel
from gait.preprocess import Walk


def represent(bundle: Bundle, walks: Sequence[Walk]) -> np.ndarray:
    """The representation of each walk, mean over its clips.

    Returns
    -------
    (N, D) float
        Of a network what enters the last layer with weights on the way to ``emotion``; of a classical model the
        scaled features, without NaN.
    """
    how, compute = bundle.record.preprocess, _computer(bundle.model)
    rows = []
    for walk in walks:
        stored = np.stack([how.read(walk, start) for start in how.starts(walk)])
        rows.append(compute(how.to_input(stored)).reshape(len(stored), -1).mean(axis=0))
    return np.stack(rows)


def _computer(model: Any) -> Any:
    if isinstance(model, ClassicalModel):
        return model.pipeline[:-1].transform
    import keras

    tensor = model.output["emotion"]
    while True:
        # Where this tensor was made: a layer that a folded model shares with its twin has `input` of the twin.
        layer, node, _ = tensor._keras_history
        tensor = layer._inbound_nodes[node].input_tensors[0]
        if getattr(layer, "weights", ()):
            break
    inner = keras.Model(model.inputs, tensor)
    return lambda inputs: np.asarray(inner.predict_on_batch(by_name(inputs)))


def shared_with_nearest(rows: np.ndarray, names: Sequence[str]) -> tuple[np.ndarray, float]:
    """Of which rows the nearest other row bears the same name, (N,) bool, and how often a random other row does.

    Parameters
    ----------
    rows : (N, D) float
        Each column is scaled by its spread first.
    names : sequence of N str
        Such as the subjects, or the emotions.
    """
    spread = rows.std(axis=0)
    scaled = (rows - rows.mean(axis=0)) / np.where(spread > 0, spread, 1)
    far = ((scaled[:, None] - scaled[None]) ** 2).sum(axis=-1)
    np.fill_diagonal(far, np.inf)
    same = np.asarray(names)[:, None] == np.asarray(names)[None]
    np.fill_diagonal(same, False)
    by_chance = float(same.sum() / len(rows) / (len(rows) - 1))
    return same[np.arange(len(rows)), far.argmin(axis=1)], by_chance
