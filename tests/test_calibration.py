"""Calibration: known temperatures are found, bins and curves by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from gait import calibration
from gait.bundle import Bundle, Record
from gait.predict import predict_clips
from training.calibrating import FEWEST, calibrated


def drawn(temperature: float, rows: int = 6000, K: int = 3, seed: int = 0):
    """Labels drawn from tempered probabilities: those stated are off by this temperature."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=2, size=(rows, K))
    stated = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    true = calibration.temper(stated, temperature)
    labels = (rng.random((rows, 1)) > true.cumsum(axis=1)).sum(axis=1).clip(max=K - 1)
    return stated, labels


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_a_known_temperature_is_found_and_mends_the_calibration(temperature):
    stated, labels = drawn(temperature)
    found = calibration.fit_temperature(stated, labels)
    assert found == pytest.approx(temperature, rel=0.1)
    mended = calibration.temper(stated, found)
    assert calibration.reliability(mended, labels).error < 0.03
    np.testing.assert_array_equal(mended.argmax(axis=1), stated.argmax(axis=1))
    np.testing.assert_allclose(mended.sum(axis=1), 1)


def test_a_temperature_is_that_of_divided_logits():
    logits = np.array([[1.0, -2, 0.5]])

    def softmax(z):
        return np.exp(z) / np.exp(z).sum()

    np.testing.assert_allclose(calibration.temper(softmax(logits), 2.0), softmax(logits / 2))


def test_always_wrong_is_as_unsure_as_allowed_and_weights_count():
    stated = np.array([[0.9, 0.1]] * 4)
    assert calibration.fit_temperature(stated, np.ones(4, int)) == pytest.approx(
        calibration.HOTTEST, rel=0.01
    )
    labels = np.array([0, 0, 1, 1])
    sure = calibration.fit_temperature(stated, labels, np.array([1, 1, 1e-6, 1e-6]))
    assert sure == pytest.approx(calibration.COOLEST, rel=0.01)


def test_bins_and_error_by_hand():
    probabilities = np.array([[0.95, 0.05], [0.05, 0.95], [0.62, 0.38], [0.68, 0.32], [1.0, 0.0]])
    found = calibration.reliability(probabilities, np.array([0, 0, 0, 0, 0]))
    np.testing.assert_allclose(found.confidence, [0.65, (0.95 + 0.95 + 1) / 3])
    np.testing.assert_allclose(found.accuracy, [1, 2 / 3])
    assert found.rows.tolist() == [2, 3]
    assert found.error == pytest.approx((2 * 0.35 + 3 * abs(2.9 / 3 - 2 / 3)) / 5)


def test_the_abstention_curve_by_hand_answers_equals_together():
    probabilities = np.array([[0.6, 0.4], [0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
    share, accuracy = calibration.abstention_curve(probabilities, np.array([0, 0, 1, 0]))
    np.testing.assert_allclose(share, [0.25, 0.5, 1.0])
    np.testing.assert_allclose(accuracy, [1.0, 0.5, 0.5])


# --- In a bundle -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sample:
    label: str


@dataclass(frozen=True)
class Walk:
    sample: Sample
    clips: np.ndarray


@dataclass(frozen=True)
class Logits:
    """Preprocessing whose walks hold the logits of their clips."""

    input_shape = (3,)
    missing = False

    def starts(self, walk):
        return range(len(walk.clips))

    def read(self, walk, start):
        return walk.clips[start]

    def to_input(self, stored):
        return stored


class Softmax:
    def predict_on_batch(self, x):
        return {"emotion": np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)}


def make(count: int, temperature: float):
    stated, labels = drawn(temperature, rows=count)
    walks = [Walk(Sample("abc"[y]), np.log(p)[None]) for p, y in zip(stated, labels, strict=True)]
    return Bundle(
        None, Softmax(), Record(architecture="", classes=("a", "b", "c"), preprocess=Logits())
    ), walks


def test_training_fits_the_temperature_that_predictions_then_use(tmp_path, capsys):
    bundle, walks = make(600, 2.5)
    found = calibrated(bundle, walks)
    assert found.record.temperature == pytest.approx(2.5, rel=0.25)
    assert "as trained, the model was too sure" in capsys.readouterr().out
    x = np.stack([walk.clips[0] for walk in walks[:5]])
    plain, tempered = predict_clips(bundle, x), predict_clips(found, x)
    np.testing.assert_allclose(tempered, calibration.temper(plain, found.record.temperature))
    np.testing.assert_array_equal(tempered.argmax(axis=1), plain.argmax(axis=1))


def test_few_walks_give_no_temperature_and_that_is_said(capsys):
    bundle, walks = make(FEWEST - 1, 2.5)
    assert calibrated(bundle, walks) is bundle
    assert f"{FEWEST} validation walks or more, found {FEWEST - 1}" in capsys.readouterr().out


def test_every_walk_counts_the_same_however_many_clips_it_has():
    bundle, walks = make(400, 1.0)
    often = [Walk(w.sample, np.repeat(w.clips, 1 + 20 * (i % 7 == 0), axis=0)) for i, w in enumerate(walks)]
    assert calibrated(bundle, often).record.temperature == pytest.approx(
        calibrated(bundle, walks).record.temperature
    )
