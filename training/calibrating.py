"""A temperature for what a model says of its certainty, fitted on validation walks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gait.bundle import Bundle
from gait.calibration import fit_temperature
from gait.console import say
from gait.predict import predict_clips
from gait.preprocess import Walk

FEWEST = 20  # with fewer walks than this the temperature would be noise


def calibrated(bundle: Bundle, walks: Sequence[Walk]) -> Bundle:
    """The bundle with a temperature, where there are validation walks enough; no label changes by it.

    Every walk counts the same, however many clips it has.
    """
    if len(walks) < FEWEST:
        if walks:
            say(
                f"What the model says of its certainty is as trained: a temperature is fitted on {FEWEST} validation "
                f"walks or more, found {len(walks)}."
            )
        return bundle
    how, classes = bundle.record.preprocess, bundle.record.classes
    rows, labels, weights = [], [], []
    for walk in walks:
        clips = predict_clips(bundle, how.to_input(np.stack([how.read(walk, s) for s in how.starts(walk)])))
        rows.append(clips)
        labels += [classes.index(walk.sample.label)] * len(clips)
        weights += [1 / len(clips)] * len(clips)
    temperature = fit_temperature(np.concatenate(rows), np.array(labels), np.array(weights))
    tendency = "too sure" if temperature > 1 else "not sure enough"
    say(
        f"Temperature {temperature:.2f}, fitted on the validation walks: as trained, the model was {tendency}."
    )
    return replace(bundle, record=replace(bundle.record, temperature=temperature))
