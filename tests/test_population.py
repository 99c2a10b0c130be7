"""Batch normalisation predicts by the statistics of the training clips as they are."""

import keras
import numpy as np
import pytest
from keras import layers

from gait.models import architecture, build_model
from gait.preprocess import JointPreprocess
from gait.preprocess.walks import Walk
from training.dataset import ClipDataset
from training.fitting import fit, fresh_model
from training.options import TrainOptions
from training.population import settle

HOW = JointPreprocess(length=8, rate=10.0)


class Entry:
    """A walk's entry in memory: joints that sway, more or less and about another place."""

    def __init__(self, seed: int):
        rng = np.random.default_rng(seed)
        self._arrays = {
            "joints": rng.normal(seed % 3, 1 + seed % 2, (11, 16, 3)).astype(np.float32),
            "velocity": rng.normal(0, 5, (11, 16, 3)).astype(np.float32),
        }

    def length(self, name: str) -> int:
        return len(self._arrays[name])

    def read(self, name: str) -> np.ndarray:
        return self._arrays[name]


def walks(count: int) -> list[Walk]:
    return [Walk(None, str(i), Entry(i)) for i in range(count)]


def net() -> keras.Model:
    inputs = keras.Input((3,))
    x = layers.BatchNormalization(name="first")(inputs)
    x = layers.Dropout(0.5, name="drop")(layers.Dense(4, name="dense")(x))
    inner = keras.Sequential([keras.Input((4,)), layers.BatchNormalization(name="second")], name="inner")
    return keras.Model(inputs, inner(x))


def test_statistics_are_those_of_all_inputs_however_they_are_dealt_into_batches():
    model, x = net(), np.random.default_rng(0).normal([1, 2, 3], [1, 4, 9], (50, 3)).astype(np.float32)
    settle(model, [x[:7], x[7:40], x[40:]])
    norm = model.get_layer("first")
    np.testing.assert_allclose(norm.moving_mean, x.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(norm.moving_variance, x.var(axis=0), rtol=1e-4)


def test_nothing_is_dropped_out_meanwhile_and_all_is_as_before_afterwards():
    model, x = net(), np.random.default_rng(1).normal(size=(64, 3)).astype(np.float32)
    weights = [w.numpy() for w in model.trainable_variables]
    settle(model, [x])
    dense = model.get_layer("dense")((x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-3)).numpy()
    inner = model.get_layer("inner").get_layer("second")
    np.testing.assert_allclose(inner.moving_variance, dense.var(axis=0), rtol=1e-4)
    assert model.get_layer("drop").rate == 0.5
    assert inner.momentum == model.get_layer("first").momentum == 0.99
    for before, after in zip(weights, model.trainable_variables, strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_network_without_batch_normalisation_is_left_alone():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    settle(model, iter(()))


def test_training_settles_them_on_clips_that_are_not_varied(tmp_path):
    options, labels = TrainOptions(model="keypoint_lstm", epochs=1), np.arange(6) % 2
    keras.utils.set_random_seed(0)
    dataset = ClipDataset(
        HOW, walks(6), labels, architecture=architecture("keypoint_lstm"), augment=True, shuffle=True
    )
    fitted = fit(fresh_model(options, HOW.input_shape, 2, False), dataset, None, options, tmp_path)
    shown = np.concatenate(list(dataset.inputs_as_they_are(100)))
    flat = shown.reshape(-1, shown.shape[2] * shown.shape[3])
    norm = fitted.model.get_layer("normalise")
    np.testing.assert_allclose(norm.moving_mean, flat.mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(norm.moving_variance, flat.var(axis=0), rtol=1e-3, atol=1e-6)


def test_clips_as_they_are_come_in_every_copy_and_at_most_so_many():
    dataset = ClipDataset(
        HOW, walks(3), np.arange(3), architecture=architecture("vs_gcnn"), augment=True, batch_size=4
    )
    sizes = [len(x) for x in dataset.inputs_as_they_are(100)]
    assert sum(sizes) == len(dataset._clips)
    assert max(sizes) == 4
    assert sum(len(x) for x in dataset.inputs_as_they_are(5)) == 5


@pytest.mark.parametrize("name", ["keypoint_lstm", "st_gcn"])
def test_a_network_then_predicts_what_it_says_in_training_without_dropout(name):
    keras.utils.set_random_seed(0)
    how = JointPreprocess(length=16, rate=10.0)
    model = build_model(name, how.input_shape, 2)
    x = np.random.default_rng(0).normal(3, 2, (6, *how.input_shape)).astype(np.float32)
    settle(model, [x])
    for layer in model._flatten_layers():
        if isinstance(layer, layers.Dropout):
            layer.rate = 0.0
    trained = model(x, training=True)["emotion"]
    np.testing.assert_allclose(model(x, training=False)["emotion"], trained, atol=1e-3)
