"""From a bundle and walks to probabilities, a clip and a walk: the only place that decides a label."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gait.affect import NAMES as AFFECT
from gait.affect import AffectAnswers, affect_of
from gait.bundle import Bundle, emotion_of
from gait.calibration import temper
from gait.console import progress_bar
from gait.errors import GaitmoodError
from gait.inputs import by_name, describe, shape_of
from gait.models import architecture
from gait.predictions import Predictions
from gait.preprocess import Walk
from gait.views import ViewAnswers

BATCH = 16
# Outputs of models that tell views apart: how likely each is, and the answer within each.
VIEWS = ("view", "emotion_by_view")
_LEAST = 1e-45  # what is less is 0 in the float32 of a model's output


@dataclass(frozen=True, eq=False)
class Answers:
    """What a model says of N clips or walks.

    Attributes
    ----------
    probabilities : (N, K) float64
        In the order of the bundle's classes.
    valence, arousal : (N,) float64 or None
        In [-1, 1] and [0, 1]; None where the model has no such output.
    by_view : (N, V, K) float64 or None
        Probability of each view and class together, whose sum over views is ``probabilities``; None where the model
        tells no views apart.
    """

    probabilities: np.ndarray
    valence: np.ndarray | None = None
    arousal: np.ndarray | None = None
    by_view: np.ndarray | None = None


def predict_walks(bundle: Bundle, walks: Sequence[Walk]) -> Predictions:
    """Probabilities of each walk: the mean over its clips.

    Raises
    ------
    GaitmoodError
        The model answers something else than probabilities.
    """
    how = bundle.record.preprocess
    counts = tuple(len(how.starts(walk)) for walk in walks)
    with progress_bar("Predicting", sum(counts)) as bar:
        answers = answer_walks(bundle, walks, advance=bar.advance)
    return Predictions(
        names=tuple(walk.sample.name for walk in walks),
        classes=bundle.record.classes,
        probabilities=answers.probabilities,
        labels=tuple(walk.sample.label for walk in walks),
        subjects=tuple(walk.sample.subject for walk in walks),
        clips=counts,
        affect=_beside_known(answers, walks, bundle.record.classes),
        views=_in_views(answers, bundle),
    )


def _beside_known(answers: Answers, walks: Sequence[Walk], classes: Sequence[str]) -> AffectAnswers | None:
    if answers.valence is None or answers.arousal is None:
        return None
    true = affect_of([walk.sample for walk in walks], classes)
    return AffectAnswers(np.stack([answers.valence, answers.arousal], axis=1), true)


def _in_views(answers: Answers, bundle: Bundle) -> ViewAnswers | None:
    if answers.by_view is None:
        return None
    names = architecture(bundle.record.architecture).VIEWS
    return ViewAnswers.of_table(names, answers.by_view)


def answer_walks(
    bundle: Bundle,
    walks: Sequence[Walk],
    batch: int = BATCH,
    advance: Callable[[int], object] = lambda _: None,
) -> Answers:
    """What the model says of each walk: the mean over its clips.

    Clips are batched across walks, a few at a time, so that memory stays flat.

    Parameters
    ----------
    batch : int
        Clips that the model sees at once.
    advance : function
        Is told how many clips are done.
    """
    how, names = bundle.record.preprocess, ("probabilities", *AFFECT, "by_view")
    sums = {"probabilities": np.zeros((len(walks), len(bundle.record.classes)))}
    counts = np.zeros(len(walks))
    for owners, stored in _batches(how, walks, batch):
        answers = answer_clips(bundle, how.to_input(stored), batch)
        np.add.at(counts, owners, 1)
        for name in names:
            if (values := getattr(answers, name)) is not None:
                total = sums.setdefault(name, np.zeros((len(walks), *values.shape[1:])))
                np.add.at(total, owners, values)
        advance(len(owners))
    return Answers(**{name: (total.T / counts).T for name, total in sums.items()})


def predict_clips(bundle: Bundle, inputs: np.ndarray) -> np.ndarray:
    """Probabilities of each clip, (N, K) float64; see :func:`answer_clips`."""
    return answer_clips(bundle, inputs).probabilities


def answer_clips(bundle: Bundle, inputs: np.ndarray, batch: int = BATCH) -> Answers:
    """What the model says of each clip, its certainty set right by the bundle's temperature.

    The model always sees batches of one size, filled up with zeros, so that a clip's result does not depend
    on its company and nothing is compiled twice.

    Parameters
    ----------
    inputs : (N, ...) float
        What the bundle's preprocessing makes of clips.
    batch : int
        The size of the batches.

    Raises
    ------
    GaitmoodError
        There is no clip, it has another shape than the model's input, it holds a number that is not finite,
        or the model answers something else than probabilities.
    """
    inputs = np.asarray(inputs)
    _check_inputs(inputs, bundle.record.preprocess)
    rows = []
    for first in range(0, len(inputs), batch):
        chunk = inputs[first : first + batch]
        padding = np.zeros((batch - len(chunk), *chunk.shape[1:]), chunk.dtype)
        outputs = bundle.model.predict_on_batch(by_name(np.concatenate([chunk, padding])))
        stated, temperature = _probabilities(outputs), bundle.record.temperature
        row = {"probabilities": temper(stated, temperature), **_affect(outputs)}
        row |= _by_view(outputs, stated, temperature)
        rows.append({name: values[: len(chunk)] for name, values in row.items()})
    return Answers(**{name: np.concatenate([row[name] for row in rows]) for name in rows[0]})


def _check_inputs(inputs: np.ndarray, how: Any) -> None:
    shape, found = how.input_shape, shape_of(inputs)
    if found != shape:
        if isinstance(shape, dict):
            words = describe(found) if isinstance(found, dict) else f"an array {inputs.shape}"
            raise GaitmoodError(f"inputs {describe(shape)} were expected, found {words}.")
        raise GaitmoodError(
            f"inputs of shape (N, {', '.join(map(str, shape))}) were expected, found {inputs.shape}."
        )
    if len(inputs) == 0:
        raise GaitmoodError("at least one clip was expected, found none.")
    # A sum is not finite when a term is not, and needs no mask of the inputs' size.
    add = np.nansum if how.missing else np.sum
    named = by_name(inputs)
    for array in named.values() if isinstance(named, dict) else (inputs,):
        if not np.isfinite(add(array, dtype=np.float64)):
            bad = next(i for i, clip in enumerate(array) if not np.isfinite(add(clip, dtype=np.float64)))
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


def _affect(outputs: Any) -> dict[str, np.ndarray]:
    """The valence and arousal (N,) among a model's outputs, where it has them."""
    named = outputs if isinstance(outputs, dict) else {}
    return {name: np.asarray(named[name], np.float64).reshape(-1) for name in AFFECT if name in named}


def _by_view(outputs: Any, stated: np.ndarray, temperature: float) -> dict[str, np.ndarray]:
    """The probabilities (N, V, K) of view and class together, where the model tells views apart.

    A temperature changes how likely the classes ``stated`` are, (N, K), and not from where each of them is seen: the
    sum over views stays the answer. No view is quite impossible, so that there is an answer within each.
    """
    if not isinstance(outputs, dict) or not set(VIEWS) <= set(outputs):
        return {}
    view, within = (np.asarray(outputs[name], np.float64) for name in VIEWS)
    stated = np.maximum(stated, _LEAST)
    tempering = temper(stated, temperature) / stated
    return {"by_view": np.maximum(view, _LEAST)[:, :, None] * within * tempering[:, None]}


def _batches(how: Any, walks: Sequence[Walk], batch: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(owners, clips): which walk each clip belongs to, and up to ``batch`` clips as stored."""
    owners: list[int] = []
    clips: list[np.ndarray] = []
    for index, walk in enumerate(walks):
        for start in how.starts(walk):
            owners.append(index)
            clips.append(how.read(walk, start))
            if len(clips) == batch:
                yield np.array(owners), np.stack(clips)
                owners, clips = [], []
    if clips:
        yield np.array(owners), np.stack(clips)
