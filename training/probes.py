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
    - ``identity``: of which walks the nearest other one, by the model's representation, is of the same subject and of
      the same emotion, how often that is, and how often any other walk is;
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


def _identity(bundle: Bundle, walks: TrainingWalks) -> dict[str, Any] | None:
    """Asked of the walks left out where several people are; else of those of training, whose emotion was learned.

    None where subjects are not known, or walk once only.
    """
    for side, part in (("held-out", walks.held_out), ("training", walks.train)):
        samples = [walk.sample for walk in part]
        subjects, emotions = [s.subject for s in samples], [s.label for s in samples]
        if None in subjects or len(set(subjects)) in (0, 1, len(subjects)) or len(set(emotions)) == 1:
            continue
        rows = represent(bundle, part)
        (person, any_person), (emotion, any_emotion) = (
            shared_with_nearest(rows, of) for of in (subjects, emotions)
        )
        hits = zip((s.name for s in samples), person.tolist(), emotion.tolist(), strict=True)
        return {
            "of": side,
            "subject": [float(person.mean()), any_person],
            "emotion": [float(emotion.mean()), any_emotion],
            "hits": {name: list(both) for name, *both in hits},
        }
    return None


def _hidden(bundle: Bundle, walks: TrainingWalks) -> dict[str, dict[str, str]]:
    how, classes = walks.preprocess, bundle.record.classes
    answers: dict[str, dict[str, str]] = {part: {} for part in parts_of(how)}
    for walk in walks.held_out:
        inputs = how.to_input(np.stack([how.read(walk, start) for start in how.starts(walk)]))
        for part, of_walk in answers.items():
            found = predict_clips(bundle, hide(how, inputs, part)).mean(axis=0)
            of_walk[walk.sample.name] = classes[int(found.argmax())]
    return answers
