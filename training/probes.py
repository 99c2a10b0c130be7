"""What a fold of cross-validation notes of its model beside the predictions, for evaluation.compare to read."""

from __future__ import annotations

from typing import Any

import numpy as np

from gait import floors
from gait.bundle import Bundle
from gait.occlusion import hide, parts_of
from gait.predict import predict_clips
from gait.representation import represent, shared_with_nearest
from training.walks import TrainingWalks


def probe(bundle: Bundle, walks: TrainingWalks) -> dict[str, Any]:
    """Facts about a fold's model, as JSON values.

    - ``floors``: what answers that need no model say of each walk left out, see :mod:`gait.floors`;
    - ``speed`` and ``view``: of each walk left out;
    - ``identity``: how often the nearest other training walk, by the model's representation, is of the same
      subject or emotion, and how often any other one is;
    - ``hidden``: for each part that can be hidden, the answer to each walk left out.
    """
    names = [walk.sample.name for walk in walks.held_out]
    gists = floors.gists(walks.preprocess, walks.held_out)
    given = floors.answers(bundle.record.gists, bundle.record.training_labels, gists)
    return {
        "floors": {floor: dict(zip(names, labels, strict=True)) for floor, labels in given.items()},
        "speed": {n: float(g) if np.isfinite(g) else None for n, g in zip(names, gists[:, 0], strict=True)},
        "view": {walk.sample.name: walk.entry.meta.get("facing") for walk in walks.held_out},
        "identity": _identity(bundle, walks),
        "hidden": _hidden(bundle, walks),
    }


def _identity(bundle: Bundle, walks: TrainingWalks) -> dict[str, list[float]] | None:
    """Nearest and by chance, for subject and emotion; None where subjects are not known or walk once only."""
    samples = [walk.sample for walk in walks.train]
    subjects = [sample.subject for sample in samples]
    if None in subjects or len(set(subjects)) in (1, len(subjects)):
        return None
    rows = represent(bundle, walks.train)
    return {
        "subject": list(shared_with_nearest(rows, subjects)),
        "emotion": list(shared_with_nearest(rows, [sample.label for sample in samples])),
    }


def _hidden(bundle: Bundle, walks: TrainingWalks) -> dict[str, dict[str, str]]:
    how, classes = walks.preprocess, bundle.record.classes
    answers: dict[str, dict[str, str]] = {part: {} for part in parts_of(how)}
    for walk in walks.held_out:
        inputs = how.to_input(np.stack([how.read(walk, start) for start in how.starts(walk)]))
        for part, of_walk in answers.items():
            found = predict_clips(bundle, hide(how, inputs, part)).mean(axis=0)
            of_walk[walk.sample.name] = classes[int(found.argmax())]
    return answers
