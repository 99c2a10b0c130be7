"""Valence and arousal: where they come from, that models of every kind learn them, and how they are scored."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from keypoint_walks import write_npz_walks
from small_walks import SMALL, in_process, make_walks
from test_contract import NETWORKS, SHAPES, clips
from videofiles import map_here

from evaluation.affect import affect_lines, concordance, score_affect
from evaluation.report import make_report
from evaluation.report_json import report_json
from evaluation.report_text import report_text
from gait import bundle as bundles
from gait.affect import COLUMNS, NAMES, Affect, AffectAnswers, affect_of, coordinates
from gait.errors import GaitmoodError
from gait.labels import Sample
from gait.models import build_model, classical
from gait.models.affect import losses, with_affect, without_affect
from gait.models.classical import ClassicalModel, affect_regression, dump, restore
from gait.predict import answer_clips
from gait.predictions import Predictions, pooled

CLASSES = ("angry", "happy", "sad")


def sample(label=None, **known):
    return Sample(Path("a.mp4"), "a.mp4", label, **known)


# --- What is known of a walk ---------------------------------------------------------------------------------


def test_places_of_the_emotions():
    """Russell & Mehrabian 1977: angry -.51 .59, happy .81 .51, sad -.63 -.27, fearful -.64 .60, disgusted -.60 .35,
    surprised .40 .67; arousal from [-1, 1] to [0, 1]."""
    names = ("angry", "happy", "sad", "fear", "disgust", "surprise", "neutral")
    expected = [
        (-0.51, 0.795),
        (0.81, 0.755),
        (-0.63, 0.365),
        (-0.64, 0.8),
        (-0.60, 0.675),
        (0.40, 0.835),
        (0.0, 0.5),
    ]
    np.testing.assert_allclose(coordinates(names), expected, atol=1e-12)
    np.testing.assert_array_equal(coordinates(["anger", "happiness"]), coordinates(["angry", "happy"]))
    assert np.isnan(coordinates(["striding"])).all()


def test_the_label_file_comes_first_and_each_value_by_itself():
    found = affect_of([sample("sad", valence=0.25), sample("sad"), sample(None)], CLASSES)
    np.testing.assert_allclose(found.values, [(0.25, 0.365), (-0.63, 0.365), (np.nan, np.nan)])
    np.testing.assert_array_equal(found.derived, [(False, True), (True, True), (False, False)])
    words = found.describe()
    assert "2 derived from the emotion" in words
    assert "1 not known" in words
    assert "given" not in words


def test_soft_labels_weigh_the_places():
    found = affect_of([sample("happy", soft=(0.25, 0.5, 0.25))], CLASSES)
    valence = 0.25 * -0.51 + 0.5 * 0.81 + 0.25 * -0.63
    arousal = 0.25 * 0.795 + 0.5 * 0.755 + 0.25 * 0.365
    np.testing.assert_allclose(found.values, [(valence, arousal)])


def test_an_emotion_without_a_place_leaves_what_has_a_share_of_it_unknown():
    classes = ("angry", "striding")
    walks = [sample("angry", soft=(1.0, 0.0)), sample("angry", soft=(0.6, 0.4)), sample("striding")]
    np.testing.assert_array_equal(affect_of(walks, classes).known, [True, False, False])


# --- In a network ----------------------------------------------------------------------------------------------


def two_streams():
    """A network whose emotion is the mean of two heads, as MDT-GCN's is."""
    x = keras.Input((4,), name="x")
    first, second = (keras.layers.Dense(5, name=f"features{i}")(x) for i in (1, 2))
    logits = [keras.layers.Dense(3, name=f"logits{i}")(f) for i, f in enumerate((first, second))]
    emotion = keras.layers.Softmax(name="emotion")(keras.layers.Average(name="mean")(logits))
    return keras.Model(x, {"emotion": emotion, "first": logits[0]}, name="two_streams")


def test_heads_see_what_the_emotion_is_told_from():
    plain = two_streams()
    model = with_affect(plain)
    assert set(model.output) == {"emotion", "first", "valence", "arousal"}
    assert model.get_layer("valence").kernel.shape == (10, 1)
    x = np.random.default_rng(0).normal(scale=30, size=(50, 4)).astype(np.float32)
    said = model.predict_on_batch(x)
    np.testing.assert_array_equal(said["emotion"], plain.predict_on_batch(x)["emotion"])
    assert -1 <= said["valence"].min() < -0.5 < 0.5 < said["valence"].max() <= 1
    assert 0 <= said["arousal"].min() < 0.3 < 0.7 < said["arousal"].max() <= 1
    assert with_affect(model) is model
    assert set(without_affect(model).output) == {"emotion", "first"}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_can_be_built_with_them_and_without(name):
    shape = SHAPES[name].input_shape
    with_them, without = (set(build_model(name, shape, 3, affect=wanted).output) for wanted in (True, False))
    assert with_them - without == {"valence", "arousal"}
    assert "emotion" in without


@pytest.mark.parametrize("name", ["cnn_lstm", "keypoint_lstm"])
def test_the_heads_are_kept_in_the_file(name, tmp_path):
    keras.utils.set_random_seed(1)
    model = build_model(name, SHAPES[name].input_shape, 3, affect=True)
    bundle = bundles.Bundle(tmp_path / "m.h5", model, bundles.Record(name, CLASSES, SHAPES[name]))
    bundles.save(bundle.path, model, bundle.record)
    before, after = (answer_clips(one, clips(name)) for one in (bundle, bundles.load(bundle.path)))
    assert np.ptp(before.valence) > 1e-6
    np.testing.assert_allclose(after.valence, before.valence, atol=1e-6)
    np.testing.assert_allclose(after.arousal, before.arousal, atol=1e-6)


def test_what_is_not_known_is_not_taught():
    model = with_affect(two_streams())
    model.compile(keras.optimizers.SGD(0.1), losses())
    before = {name: model.get_layer(name).get_weights() for name in NAMES}
    targets = {"valence": np.array([0.5, np.nan]), "arousal": np.full(2, np.nan)}
    logs = model.train_on_batch(np.ones((2, 4), np.float32), targets, return_dict=True)
    assert logs["arousal_loss"] == 0
    assert logs["valence_loss"] > 0
    moved = {
        name: not np.array_equal(before[name][0], model.get_layer(name).get_weights()[0]) for name in NAMES
    }
    assert moved == {"valence": True, "arousal": False}


# --- In a classical model --------------------------------------------------------------------------------------


def fitted(rows=40):
    """Valence follows the first feature, arousal the second; the scale is far beyond their ranges."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, 3))
    y = np.arange(rows) % 3
    emotion = classical.logistic_regression.build(0).fit(X, y)
    return ClassicalModel(emotion, affect_regression(1.0).fit(X, X[:, :2] * (0.8, 0.3) + (0, 0.5))), X


def test_a_classical_model_answers_inside_the_ranges_and_knows_what_is_missing():
    model, X = fitted()
    X[0, 0] = np.nan
    said = model.predict_on_batch(X)
    assert said["valence"].shape == (40, 1)
    assert said["valence"].min() == -1
    assert said["valence"].max() == 1
    assert np.corrcoef(said["arousal"][1:, 0], X[1:, 1])[0, 1] > 0.95
    again = restore(dump(model)).predict_on_batch(X)
    np.testing.assert_array_equal(again["valence"], said["valence"])
    assert model.count_params() == ClassicalModel(model.pipeline).count_params() + 2 * 3 + 2


# --- Scores ----------------------------------------------------------------------------------------------------


def test_concordance_by_hand():
    # Means 2 and 3, both variances 2/3, covariance 2/3: 2 (2/3) / (2/3 + 2/3 + 1).
    assert concordance([1, 2, 3], [2, 3, 4]) == pytest.approx(4 / 7)
    assert concordance([1, 2, 3], [1, 2, 3]) == pytest.approx(1)
    assert concordance([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)
    assert concordance([1, 2, 3], [2, 2, 2]) == 0
    assert np.isnan(concordance([2, 2], [2, 2]))


def test_concordance_is_correlation_times_accuracy():
    """Lin's own decomposition: Pearson's correlation times C_b = 2 / (v + 1/v + u^2)."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=30)
    y = 0.4 * x + rng.normal(0.3, 0.5, 30)
    v = x.std() / y.std()
    u = (x.mean() - y.mean()) / np.sqrt(x.std() * y.std())
    assert concordance(x, y) == pytest.approx(np.corrcoef(x, y)[0, 1] * 2 / (v + 1 / v + u**2))


def answers_of(true, predicted, derived=True):
    true = np.array(true, float)
    return AffectAnswers(np.array(predicted, float), Affect(true, np.isfinite(true) & derived))


def predictions_of(affect, names="abcd", subjects=("p", "p", "q", "q")):
    labels = ["angry", "happy", "sad", "sad"]
    return Predictions(tuple(names), CLASSES, np.full((4, 3), 1 / 3), labels, subjects, (1,) * 4, affect)


TRUE = [(-0.5, 0.8), (0.8, 0.7), (-0.6, np.nan), (0.2, 0.3)]
SAID = [(-0.4, 0.6), (0.5, 0.6), (-0.6, 0.9), (0.4, 0.6)]


def test_scores_are_over_what_is_known_and_did_not_leak():
    scores = score_affect(predictions_of(answers_of(TRUE, SAID)), leaked=(False, False, False, True))
    valence, arousal = (scores.dimensions[name] for name in NAMES)
    assert (valence.walks, arousal.walks) == (3, 2)
    assert valence.error == pytest.approx((0.1 + 0.3 + 0) / 3)
    assert valence.error_of_mean == pytest.approx(np.abs(np.array([-0.5, 0.8, -0.6]) + 0.1).mean())
    assert valence.concordance == pytest.approx(concordance([-0.5, 0.8, -0.6], [-0.4, 0.5, -0.6]))
    assert arousal.error == pytest.approx(0.15)
    assert "3 derived" in scores.source
    text = "\n".join(affect_lines(scores))
    assert f"{valence.concordance:.2f}" in text
    assert "Lin 1989" in text


def test_nothing_is_scored_where_nothing_is_said_or_known():
    assert score_affect(predictions_of(None)) is None
    assert score_affect(predictions_of(answers_of(np.full((4, 2), np.nan), SAID))) is None
    assert affect_lines(None) == []


def test_the_report_says_it_and_its_json_too():
    for affect in (answers_of(TRUE, SAID), None):
        report = make_report(predictions_of(affect), title="t", model="m")
        assert ("Valence (-1 to 1)" in report_text(report)) == (affect is not None)
        found = json.loads(json.dumps(report_json(report), allow_nan=False))
        assert ("valence" in found["walks"][0]) == (affect is not None)
    assert found["affect"] is None


# --- Predictions in a file -------------------------------------------------------------------------------------


def test_a_table_of_predictions_gives_back_what_was_saved(tmp_path):
    affect = AffectAnswers(np.array(SAID) / 3, Affect(np.array(TRUE) / 7, np.isfinite(TRUE) & [True, False]))
    before = predictions_of(affect)
    before.save_csv(tmp_path / "p.csv")
    after = Predictions.load_csv(tmp_path / "p.csv")
    np.testing.assert_array_equal(after.affect.predicted, affect.predicted)
    np.testing.assert_array_equal(after.affect.true.values, affect.true.values)
    np.testing.assert_array_equal(after.affect.true.derived, affect.true.derived)
    assert after.classes == CLASSES


def test_a_table_without_them_has_no_such_columns(tmp_path):
    predictions_of(None).save_csv(tmp_path / "p.csv")
    assert not set(COLUMNS) & set((tmp_path / "p.csv").read_text().splitlines()[0].split(","))
    assert Predictions.load_csv(tmp_path / "p.csv").affect is None


def test_a_damaged_table_is_refused(tmp_path):
    predictions_of(answers_of(TRUE, SAID)).save_csv(tmp_path / "p.csv")
    text = (tmp_path / "p.csv").read_text()
    for wrong in (text.replace("derived", "guessed"), text.replace("-0.4,", "much,")):
        (tmp_path / "p.csv").write_text(wrong)
        with pytest.raises(GaitmoodError, match="damaged"):
            Predictions.load_csv(tmp_path / "p.csv")


def test_pooling_keeps_walk_and_values_together():
    first = predictions_of(answers_of(TRUE, SAID), names="bdfh")
    second = predictions_of(answers_of(np.array(TRUE) - 0.1, np.array(SAID) + 0.1), names="aceg")
    both = pooled([first, second])
    assert "".join(both.names) == "abcdefgh"
    np.testing.assert_allclose(both.affect.predicted[::2], np.array(SAID) + 0.1)
    np.testing.assert_allclose(both.affect.true.values[1::2], TRUE)
    assert pooled([first, predictions_of(None, names="aceg")]).affect is None


# --- The scripts -----------------------------------------------------------------------------------------------


@pytest.fixture
def _here(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gait.preprocess.walks.map_items", map_here)


def give_values(folder: Path, values) -> None:
    """A labels.csv in place of class folders, with a valence and an arousal for each class."""
    with (folder / "labels.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["video", "label", "subject", "valence", "arousal"])
        for path in sorted(folder.glob("*/*.mp4")):
            name = path.parent.name
            writer.writerow([f"{name}/{path.name}", name, path.stem, *values[name]])


@pytest.mark.usefixtures("_here")
def test_trained_with_them_a_model_is_tested_on_them(capsys):
    make_walks(Path("videos"), {"left": -1, "right": 1}, people=4)
    give_values(Path("videos"), {"left": (-0.5, 0.25), "right": (0.5, 0.75)})
    done = in_process(
        capsys, "train", "--affect", "--hold-out", "0.25", "--epochs", "1", *SMALL[:-3], "--no-augment"
    )
    assert done.code == 0, done.err
    assert "Valence and arousal: 4 given by the label file" in done.out
    done = in_process(capsys, "test", "--model", "saved_models/cnn_lstm.h5", "--held-out", "--jobs", "1")
    assert done.code == 0, done.err
    assert "given by the label file\n" in done.out  # walks left and right are mirror images: one may leak
    with next(Path("runs").glob("*-test-*/predictions.csv")).open() as file:
        rows = {row["true"]: row for row in csv.DictReader(file)}
    assert (rows["left"]["true_valence"], rows["left"]["true_arousal"]) == ("-0.5", "0.25")
    assert rows["right"]["valence_from"] == "given"
    assert -1 <= float(rows["right"]["valence"]) <= 1


@pytest.mark.usefixtures("_here")
def test_emotions_without_a_place_are_refused_before_anything_is_fitted(capsys):
    make_walks(Path("videos"), {"left": -1, "right": 1}, people=2)
    done = in_process(capsys, "train", "--affect", *SMALL)
    assert done.code == 2
    assert "left, right have no place" in done.err
    assert "labels.csv" in done.err
    assert not list(Path("saved_models").glob("*"))


@pytest.mark.usefixtures("_here")
def test_a_classical_model_is_trained_and_cross_validated_with_them(capsys, monkeypatch):
    forest = replace(classical.random_forest, fixed={"n_estimators": 5}, grid={"min_samples_leaf": [1]})
    monkeypatch.setattr(classical, "random_forest", forest)
    monkeypatch.setattr("training.cross_validation.map_items", map_here)
    write_npz_walks(Path("videos"), ("angry", "sad"), people=3)
    common = ("--affect", "--model", "random_forest", "--jobs", "1")
    done = in_process(capsys, "train", *common, "--cross-validate", "3")
    assert done.code == 0, done.err
    assert "true values: 6 derived from the emotion" in done.out
    (table,) = Path("runs").glob("*cross-validation*/predictions.csv")
    affect = Predictions.load_csv(table).affect
    assert set(affect.true.values[:, 0]) == {-0.51, -0.63}
    assert np.isfinite(affect.predicted).all()
