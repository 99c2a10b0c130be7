"""A model file: what it knows survives, what is no model is refused, and it appears whole or not at all."""

import errno
import json
import os
from dataclasses import replace

import h5py
import keras
import numpy as np
import pytest

from gait import bundle as bundles
from gait.bundle import KnownWalk, Record
from gait.errors import BundleError, DiskFullError, GaitmoodError
from gait.model_files import free_name, newest
from gait.models import build_model
from gait.predict import predict_clips, predict_walks
from gait.preprocess import ClipPreprocess

HOW = ClipPreprocess(length=4, rate=12.5, height=14, width=11, background="keep")
CLASSES = ("angry", "glücklich", "sad")


def tiny_model(outputs=3, activation="softmax", shape=HOW.input_shape, name="emotion"):
    """A plain Keras model, quick to build."""
    inputs = keras.Input(shape)
    x = keras.layers.Flatten()(inputs)
    return keras.Model(inputs, {name: keras.layers.Dense(outputs, activation=activation, name=name)(x)})


def a_record(**changes):
    values = {
        "architecture": "",
        "classes": CLASSES,
        "preprocess": HOW,
        "walks": (
            KnownWalk("angry/ä b 歩.mp4", "c0ffee", "p1", "angry", "train"),
            KnownWalk("sad/c.mp4", "beef", None, "sad", "held-out"),
        ),
        "options": {"rate": 12.5, "labels": None, "augment": True},
        "seed": 7,
        "temperature": 1.3,
        "versions": {"keras": "3.15.1"},
        "history": {"loss": [1.5, 0.1 + 0.2]},
        "validation": {"accuracy": 0.5},
    }
    return Record(**{**values, **changes})


def save(tmp_path, model=None, record=None):
    path = tmp_path / "model.h5"
    bundles.save(path, model or tiny_model(), record or a_record())
    return path


# --- Round trip --------------------------------------------------------------------------------------------


def test_what_a_bundle_knows_comes_back_as_it_was(tmp_path):
    assert bundles.read_record(save(tmp_path)) == a_record()
    bundle = bundles.load(tmp_path / "model.h5")
    assert bundle.record == a_record()
    assert bundle.path == tmp_path / "model.h5"


def test_lists_and_attributes_beyond_64_kb_come_back(tmp_path):
    walks = tuple(KnownWalk(f"w{i}.mp4", f"{i:064x}", f"p{i % 9}", "sad", "train") for i in range(3000))
    record = a_record(walks=walks, history={"loss": [i / 7 for i in range(20_000)]})
    path = save(tmp_path, record=record)
    with h5py.File(path) as file:
        assert len(file.attrs["gaitmood_history"]) > 65_536
    assert bundles.read_record(path) == record


def test_gists_of_the_training_walks_come_back_with_what_is_not_known(tmp_path):
    gists = np.random.default_rng(0).random((2, 5)).astype(np.float32)
    gists[1, 3] = np.nan
    path = save(tmp_path, record=a_record(gists=gists))
    np.testing.assert_array_equal(bundles.read_record(path).gists, gists)


def test_a_bundle_without_walks_comes_back(tmp_path):
    assert bundles.read_record(save(tmp_path, record=a_record(walks=()))).walks == ()


def test_the_file_says_what_it_is_in_plain_hdf5(tmp_path):
    with h5py.File(save(tmp_path)) as file:
        assert file.attrs["gaitmood_format"] == 1
        assert json.loads(file.attrs["gaitmood_classes"]) == list(CLASSES)
        assert [s.decode() for s in file["gaitmood/walks/split"][:]] == ["train", "held-out"]


def test_training_majority_is_of_the_training_side_and_the_first_of_equals():
    walks = [KnownWalk(f"{i}", f"{i}", None, label, "train") for i, label in enumerate(("sad", "angry"))]
    walks += [KnownWalk("x", "x", None, "sad", "validation"), KnownWalk("y", "y", None, "sad", "held-out")]
    assert a_record(walks=tuple(walks)).training_majority == "angry"
    assert a_record(walks=tuple(walks[:1])).training_majority == "sad"
    assert a_record(walks=()).training_majority is None


def test_a_folded_model_is_saved_with_stock_layers_and_loaded_folded(tmp_path):
    model = build_model("cnn_lstm", HOW.input_shape, 3)
    path = save(tmp_path, model, a_record(architecture="cnn_lstm"))
    with h5py.File(path) as file:
        assert "FoldedTimeDistributed" not in file.attrs["model_config"]
        assert "TimeDistributed" in file.attrs["model_config"]
    kinds = [type(layer).__name__ for layer in bundles.load(path).model.layers]
    assert kinds.count("FoldedTimeDistributed") == 5
    assert "TimeDistributed" not in kinds


# --- Names -------------------------------------------------------------------------------------------------


def test_a_taken_name_gets_a_number_unless_it_may_be_overwritten(tmp_path):
    assert free_name(tmp_path, "m").name == "m.h5"
    for taken, following in (("m.h5", "m-2.h5"), ("m-2.h5", "m-3.h5")):
        (tmp_path / taken).touch()
        assert free_name(tmp_path, "m").name == following
    assert free_name(tmp_path, "m", overwrite=True).name == "m.h5"


def test_the_newest_model_is_the_one_written_last(tmp_path):
    for age, name in enumerate(("c.h5", "a.h5", "b.h5", ".z.1.part.h5")):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1000 + age, 1000 + age))
    assert newest(tmp_path).name == "b.h5"


def test_no_model_says_how_to_make_one(tmp_path):
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(BundleError, match=r"no model in .*train\.py"):
            newest(folder)


# --- What is no model --------------------------------------------------------------------------------------


def refused(path, **how):
    with pytest.raises(BundleError) as caught:
        bundles.load(path, **how)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_a_missing_file_is_refused(tmp_path):
    assert "no such model file" in refused(tmp_path / "m.h5")


@pytest.mark.parametrize("content", [b"", b"not a model, just words\n" * 99])
def test_what_is_no_hdf5_is_refused(tmp_path, content):
    (tmp_path / "m.h5").write_bytes(content)
    assert "not a model file" in refused(tmp_path / "m.h5")


def test_a_folder_is_refused(tmp_path):
    assert "not a model file" in refused(tmp_path)


def test_hdf5_without_a_model_is_refused(tmp_path):
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["table"] = np.arange(3)
    assert "holds no Keras model_config" in refused(tmp_path / "m.h5")


def test_weights_without_a_model_are_refused(tmp_path):
    tiny_model().save_weights(tmp_path / "m.weights.h5")
    assert "holds no Keras model_config" in refused(tmp_path / "m.weights.h5")


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_a_truncated_file_is_refused(tmp_path, share):
    path = save(tmp_path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert "only a part of one" in refused(path)


def test_a_newer_format_is_refused_by_name(tmp_path):
    path = save(tmp_path)
    with h5py.File(path, "r+") as file:
        file.attrs["gaitmood_format"] = bundles.FORMAT + 41
    text = refused(path)
    assert "newer Gaitmood" in text
    assert "42" in text


@pytest.mark.parametrize("harm", ["table", "attribute", "json"])
def test_a_file_that_lost_what_it_knew_is_refused(tmp_path, harm):
    path = save(tmp_path)
    with h5py.File(path, "r+") as file:
        if harm == "table":
            del file["gaitmood"]
        elif harm == "attribute":
            del file.attrs["gaitmood_classes"]
        else:
            file.attrs["gaitmood_classes"] = '["angry", '
    assert "damaged" in refused(path)


def test_a_kind_of_preprocessing_of_tomorrow_is_refused(tmp_path):
    path = save(tmp_path)
    with h5py.File(path, "r+") as file:
        file.attrs["gaitmood_preprocess"] = '{"kind": "smell"}'
    with pytest.raises(GaitmoodError, match="unknown preprocessing 'smell'"):
        bundles.load(path)


def test_layers_that_are_not_known_here_are_refused(tmp_path):
    path = save(tmp_path)
    with h5py.File(path, "r+") as file:
        file.attrs["model_config"] = file.attrs["model_config"].replace("Flatten", "Flatterm")
    assert "Keras cannot load it" in refused(path)


def test_another_number_of_outputs_than_classes_is_refused(tmp_path):
    text = refused(save(tmp_path, tiny_model(outputs=4)))
    assert "3 classes" in text
    assert "4 outputs" in text


def test_another_input_than_the_preprocessing_makes_is_refused(tmp_path):
    text = refused(save(tmp_path, tiny_model(shape=(4, 11, 14, 3))))
    assert "(4, 14, 11, 3)" in text
    assert "(4, 11, 14, 3)" in text


# --- Plain Keras files -------------------------------------------------------------------------------------


def plain_file(tmp_path, model):
    model.save(tmp_path / "plain.h5")
    return tmp_path / "plain.h5"


def test_a_plain_keras_file_says_which_options_to_give(tmp_path):
    path = plain_file(tmp_path, tiny_model(name="whatever"))
    assert bundles.read_record(path) is None
    text = refused(path)
    assert "--classes" in text
    assert "--rate" in text


def test_with_them_it_is_a_bundle_like_any_other(tmp_path):
    model = tiny_model(name="whatever")
    path = plain_file(tmp_path, model)
    record = bundles.plain_record(path, CLASSES, 12.5)
    assert record.preprocess == replace(HOW, background="keep")
    x = np.random.default_rng(0).random((3, *HOW.input_shape), np.float32)
    found = predict_clips(bundles.load(path, assumed=record), x)
    np.testing.assert_allclose(found, model.predict(x, verbose=0)["whatever"], atol=1e-6)


def test_an_old_model_with_one_plain_output_works_too(tmp_path):
    model = keras.Sequential(
        [keras.Input(HOW.input_shape), keras.layers.Flatten(), keras.layers.Dense(3, "softmax")]
    )
    path = plain_file(tmp_path, model)
    bundle = bundles.load(path, assumed=bundles.plain_record(path, CLASSES, 12.5))
    x = np.random.default_rng(0).random((3, *HOW.input_shape), np.float32)
    np.testing.assert_allclose(predict_clips(bundle, x), model.predict(x, verbose=0), atol=1e-6)


@pytest.mark.parametrize(
    ("classes", "model", "match"),
    [
        (("a", "b"), {}, "2 classes .*3 outputs"),
        (("a", "b", "a"), {}, "different names were expected"),
        (("a", "b", ""), {}, "different names were expected"),
        (CLASSES, {"shape": (4, 11)}, r"clips \(N, T, H, W, 3\)"),
        (CLASSES, {"shape": (4, 14, 11, 1)}, r"clips \(N, T, H, W, 3\)"),
    ],
)
def test_options_that_do_not_fit_a_plain_file_are_refused(tmp_path, classes, model, match):
    path = plain_file(tmp_path, tiny_model(**model))
    with pytest.raises(BundleError, match=match):
        bundles.plain_record(path, classes, 15.0)


def test_a_model_that_answers_no_probabilities_is_refused():
    x = np.random.default_rng(0).random((3, *HOW.input_shape), np.float32)
    for activation in ("linear", "sigmoid"):
        bundle = bundles.Bundle(None, tiny_model(activation=activation), a_record())
        with pytest.raises(GaitmoodError, match="not a probability distribution"):
            predict_clips(bundle, x)


class _Fixed:
    """A model that answers one row, whatever it sees."""

    def __init__(self, row):
        self._row = row

    def predict_on_batch(self, inputs):
        return {"emotion": np.tile(np.array(self._row), (len(inputs), 1))}


@pytest.mark.parametrize("row", [[2.0, -1.0, 0.0], [np.nan, 0.5, 0.5], [0.1, 0.1, 0.1]])
def test_rows_that_are_no_distribution_are_refused_even_where_they_sum_to_one(row):
    x = np.zeros((1, *HOW.input_shape), np.float32)
    with pytest.raises(GaitmoodError, match="not a probability distribution"):
        predict_clips(bundles.Bundle(None, _Fixed(row), a_record()), x)


def test_predicting_no_walks_gives_no_rows():
    predictions = predict_walks(bundles.Bundle(None, _Fixed([1.0, 0.0, 0.0]), a_record()), [])
    assert predictions.probabilities.shape == (0, 3)


# --- Whole or not at all -----------------------------------------------------------------------------------


@pytest.mark.parametrize("there_before", [False, True])
@pytest.mark.parametrize("moment", ["weights", "record"])
def test_a_failure_in_the_middle_leaves_nothing_half_written(tmp_path, monkeypatch, there_before, moment):
    path = save(tmp_path) if there_before else tmp_path / "model.h5"
    before = path.read_bytes() if there_before else None
    target = "save_keras" if moment == "weights" else "_write_record"
    real = getattr(bundles, target)

    def fail(*arguments):
        real(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(bundles, target, fail)
    with pytest.raises(KeyboardInterrupt):
        bundles.save(path, tiny_model(), a_record(seed=8))
    assert [p.name for p in tmp_path.iterdir()] == (["model.h5"] if there_before else [])
    assert not there_before or path.read_bytes() == before


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        # What h5py raises: the system's reason in words, without its number.
        OSError("Can't synchronously write data (errno = 28, error message = 'No space left on device')"),
        RuntimeError("Unable to flush file (errno = 28, error message = 'No space left on device')"),
    ],
)
def test_a_full_disk_is_named_and_leaves_nothing(tmp_path, monkeypatch, error):
    def full(*_):
        raise error

    monkeypatch.setattr(bundles, "_write_record", full)
    with pytest.raises(DiskFullError, match=r"model\.h5 could not be written"):
        save(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_another_failure_of_the_system_is_not_called_a_full_disk(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(bundles, "_write_record", fail)
    with pytest.raises(OSError, match="Input/output error"):
        save(tmp_path)
    assert list(tmp_path.iterdir()) == []
