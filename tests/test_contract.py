"""What every model promises. A new one costs a line in ``SHAPES``."""

import functools
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from small_walks import AsTheyAre

from gait import bundle as bundles
from gait.errors import GaitmoodError
from gait.inputs import by_name, describe, records
from gait.models import MODELS, architecture, build_model, mdt_gcn
from gait.models.classical import Choice, ClassicalModel
from gait.predict import BATCH, predict_clips
from gait.preprocess import (
    KINDS,
    ClipPreprocess,
    FeaturePreprocess,
    JointPreprocess,
    LandmarkClipPreprocess,
)
from gait.representation import represent

CLASSES = ("angry", "happy", "sad")
ROOT = Path(__file__).resolve().parents[1]

# A small input for each model: what prepares it, every axis of another size.
FEATURES = FeaturePreprocess(
    names=("cadence", "stride_length", "step_width", "walking_speed", "bounce", "sway")
)
SHAPES = {
    "cnn_lstm": ClipPreprocess(length=4, rate=10.0, height=14, width=11),
    "keypoint_lstm": JointPreprocess(length=7, rate=10.0),
    "st_gcn": JointPreprocess(length=7, rate=10.0),
    "mdt_gcn": JointPreprocess(length=7, rate=10.0),
    "vs_gcnn": JointPreprocess(length=7, rate=10.0),
    "spatiotemporal": LandmarkClipPreprocess(length=3, rate=10.0, height=19, width=16),
    "random_forest": FEATURES,
    "extra_trees": FEATURES,
    "svm": FEATURES,
    "logistic_regression": FEATURES,
    "mlp": FEATURES,
    "best_classical": FEATURES,
}
# Networks with layers of their own: the file opens where these are imported.
OWN_LAYERS = ("spatiotemporal", "st_gcn", "mdt_gcn", "vs_gcnn")
NETWORKS = [name for name in MODELS if MODELS[name].kind != "features"]


@pytest.fixture(autouse=True, scope="module")
def _few_blocks():
    """MDT-GCN with two of its blocks, one crossing; test_mdt_gcn.py has it whole."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mdt_gcn, "BLOCKS", ((64, 1), (64, 2)))
        patch.setattr(mdt_gcn, "CROSSINGS", (1,))
        yield


every_model = pytest.mark.parametrize("name", MODELS)
every_network = pytest.mark.parametrize("name", NETWORKS)


def clips(name, count=5, seed=0):
    shape, rng = SHAPES[name].input_shape, np.random.default_rng(seed)
    if isinstance(shape, dict):
        return records({part: rng.random((count, *one), np.float32) for part, one in shape.items()})
    return rng.random((count, *shape), np.float32)


@functools.cache
def make(name):
    """The bundle that tests look at and leave as it is."""
    return fresh(name)


def fresh(name, seed=0):
    """A bundle whose answers differ from clip to clip: an untrained network, or a model fitted to noise."""
    if name in NETWORKS:
        keras.utils.set_random_seed(seed)
        model = build_model(name, SHAPES[name].input_shape, len(CLASSES))
    else:
        parts = architecture(name)
        parts = architecture(parts.candidates[0]) if isinstance(parts, Choice) else parts
        pipeline = parts.build(seed)
        model = ClassicalModel(pipeline.fit(clips(name, 30, seed=9), np.arange(30) % len(CLASSES)))
    record = bundles.Record(architecture=name, classes=CLASSES, preprocess=SHAPES[name])
    return bundles.Bundle(None, model, record)


def saved(tmp_path, bundle):
    path = tmp_path / "model.h5"
    bundles.save(path, bundle.model, bundle.record)
    return path


def test_every_model_has_a_small_input_here():
    assert set(SHAPES) == set(MODELS)


def test_an_unknown_model_is_refused_with_the_known_ones():
    with pytest.raises(GaitmoodError, match=r"unknown model 'transformer'.*cnn_lstm"):
        build_model("transformer", (4, 14, 11, 3), 3)


@every_network
def test_declares_what_training_needs(name):
    parts = architecture(name)
    assert 0 < parts.LEARNING_RATE < 1
    outputs = set(make(name).model.output)
    assert set(parts.losses(soft=False)) <= outputs
    assert set(parts.losses(soft=True)) <= outputs


@every_model
def test_eats_what_the_registry_says(name):
    assert isinstance(SHAPES[name], KINDS[MODELS[name].kind])


@every_network
def test_is_functional_with_a_named_emotion_output_in_float32(name):
    model = make(name).model
    assert isinstance(model, keras.Model)
    assert set(model.output) == set(model.output_names)
    outputs = model.predict_on_batch(by_name(clips(name)))
    assert outputs["emotion"].shape == (5, len(CLASSES))
    assert outputs["emotion"].dtype == np.float32


@every_model
def test_probabilities_sum_to_one_and_differ_between_clips(name):
    p = predict_clips(make(name), clips(name))
    assert p.min() > 0
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-6)
    assert np.ptp(p, axis=0).max() > 1e-7


@every_model
def test_prediction_of_a_subset_is_the_subset_of_the_prediction(name):
    bundle, x = make(name), clips(name, BATCH + 3)
    everything = predict_clips(bundle, x)
    for subset in ([0], [BATCH + 2], [5, 2, BATCH + 1]):
        np.testing.assert_allclose(predict_clips(bundle, x[subset]), everything[subset], atol=1e-7)


@every_model
def test_what_is_loaded_answers_as_what_was_saved_and_keeps_the_class_order(name, tmp_path):
    bundle, x = make(name), clips(name)
    loaded = bundles.load(saved(tmp_path, bundle))
    assert loaded.record.classes == CLASSES
    assert loaded.record.preprocess == SHAPES[name]
    np.testing.assert_allclose(predict_clips(loaded, x), predict_clips(bundle, x), atol=1e-6)
    assert np.ptp(predict_clips(loaded, x), axis=0).max() > 1e-7


@every_model
def test_what_a_model_makes_of_a_walk_can_be_read_off_before_its_answer(name):
    bundle, x = make(name), clips(name)
    plain = replace(bundle, record=replace(bundle.record, preprocess=AsTheyAre()))
    found = represent(plain, [x[:2], x[2:4], x[:2]])
    assert np.isfinite(found).all()
    assert np.abs(found[0] - found[1]).max() > 0
    np.testing.assert_array_equal(found[0], found[2])


@every_model
def test_same_seed_same_answers(name):
    first, second = (predict_clips(fresh(name, 7), clips(name)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@every_network
def test_same_seed_same_weights(name):
    first, second, other = (fresh(name, seed).model.get_weights() for seed in (7, 7, 8))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def lesson(parts, x, emotion):
    """A batch as training's dataset makes it."""
    copies = np.arange(len(x)) % getattr(parts, "COPIES", 1)
    x = parts.copy(x, copies) if copies.any() else x
    targets = {"emotion": emotion}
    if getattr(parts, "AFFECT", False):
        targets |= {"valence": np.linspace(-1, 1, len(x)), "arousal": np.linspace(0, 1, len(x))}
    more = parts.targets(x, {**targets, "copy": copies}) if hasattr(parts, "targets") else {}
    return by_name(x), {**targets, **more}


@every_network
def test_learns(name):
    """Gradients reach every weight, for labels and for distributions over classes."""
    x = clips(name, 3)
    for soft, targets in ((False, np.array([0, 1, 2])), (True, np.eye(3)[[2, 1, 0]])):
        model = fresh(name).model
        before = model.get_weights()
        # One step is not worth a graph.
        model.compile(keras.optimizers.Adam(0.01), architecture(name).losses(soft), run_eagerly=True)
        model.train_on_batch(*lesson(architecture(name), x, targets))
        after = model.get_weights()
        # One number that is added to every logit changes no probability, and so is not learned (VS-GCNN's last bias).
        pairs = [(a, b) for a, b in zip(before, after, strict=True) if a.size > 1]
        assert all(not np.array_equal(a, b) for a, b in pairs)


@every_network
def test_holds_no_lambda_layer(name):
    kinds = [type(layer).__name__ for layer in make(name).model._flatten_layers()]
    assert len(kinds) > 2
    assert "Lambda" not in kinds


@every_model
def test_an_empty_input_is_refused(name):
    with pytest.raises(GaitmoodError, match="at least one clip was expected, found none"):
        predict_clips(make(name), clips(name)[:0])


@pytest.mark.parametrize("name", [name for name in MODELS if not SHAPES[name].missing])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_refused(name, bad):
    x = clips(name)
    (x if x.dtype.names is None else x["landmarks"])[3].flat[7] = bad
    with pytest.raises(GaitmoodError, match=r"finite numbers were expected.*clip 3"):
        predict_clips(make(name), x)


@every_model
def test_a_wrong_shape_is_refused_with_both_shapes(name):
    shape, x = SHAPES[name].input_shape, clips(name)
    expected = describe(shape) if isinstance(shape, dict) else ", ".join(map(str, shape))
    for wrong in (x[0], x[None], x[:, :-1] if x.dtype.names is None else x["frames"]):
        with pytest.raises(GaitmoodError) as caught:
            predict_clips(make(name), wrong)
        assert expected in str(caught.value)
        assert str(wrong.shape) in str(caught.value)


def test_an_input_too_small_to_build_for_is_refused():
    with pytest.raises(GaitmoodError, match=r"cnn_lstm cannot be built for inputs of 2 x 3 x 2 x 3"):
        build_model("cnn_lstm", (2, 3, 2, 3), 3)


def test_features_that_are_not_known_are_answered_all_the_same():
    x = clips("random_forest")
    x[1, 2] = np.nan
    p = predict_clips(make("random_forest"), x)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-6)
    x[3, 1] = np.inf
    with pytest.raises(GaitmoodError, match=r"infinity is in clip 3"):
        predict_clips(make("random_forest"), x)


def test_a_classical_file_that_asks_for_foreign_code_is_refused(tmp_path):
    import h5py
    import skops.io

    path = saved(tmp_path, make("logistic_regression"))
    foreign = np.frombuffer(skops.io.dumps(Unwelcome()), np.uint8)
    with h5py.File(path, "r+") as file:
        del file["gaitmood/scikit-learn"]
        file["gaitmood/scikit-learn"] = foreign
    with pytest.raises(GaitmoodError, match="Unwelcome"):
        bundles.load(path)


class Unwelcome:
    """A type that no classical model needs."""


def opened_elsewhere(names, tmp_path, before, after="", **environment):
    """What plain Keras answers in a process of its own: starting one costs more than asking it."""
    for name in names:
        bundle = make(name)
        bundles.save(tmp_path / f"{name}.h5", bundle.model, bundle.record)
        np.save(tmp_path / f"{name}.npy", clips(name))
    code = f"""{before}
import sys
from dataclasses import replace
import keras, numpy
for name in {list(names)}:
    model = keras.models.load_model(f"{{name}}.h5")
    x = numpy.load(f"{{name}}.npy")
    x = {{part: x[part] for part in x.dtype.names}} if x.dtype.names else x
    numpy.save(f"{{name}}-answers.npy", model.predict(x, verbose=0)["emotion"])
{after}
"""
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**plain, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    for name in names:
        answers = np.load(tmp_path / f"{name}-answers.npy")
        np.testing.assert_allclose(answers, predict_clips(make(name), clips(name)), atol=1e-6, err_msg=name)


def test_plain_keras_opens_the_files_in_a_process_that_knows_nothing_of_us(tmp_path):
    stranger = "assert not [n for n in sys.modules if n.split('.')[0] in ('gait', 'training', 'synthesis')]"
    opened_elsewhere([name for name in NETWORKS if name not in OWN_LAYERS], tmp_path, "", stranger)


def test_plain_keras_opens_the_files_where_the_models_own_layers_are_imported(tmp_path):
    imports = "\n".join(f"import {MODELS[name].where}" for name in OWN_LAYERS)
    opened_elsewhere(OWN_LAYERS, tmp_path, imports, PYTHONPATH=str(ROOT))
