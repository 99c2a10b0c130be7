"""The folded twin computes what the stock layers compute, and shares their weights."""

import keras
import numpy as np
import pytest
from keras import layers, ops
from keras.layers import TimeDistributed

from gait.models import MODELS, architecture
from gait.models.folding import FoldedTimeDistributed, fold, unfold

# Every axis of another size, so that a swapped one fails.
N, T, H, W, C, K = 2, 5, 13, 11, 3, 4


def clips(seed=0):
    return np.random.default_rng(seed).random((N, T, H, W, C), np.float32)


def small_model(*inner, shape=(T, H, W, C)):
    """A frame model of the given wrapped layers, a flat end and an LSTM."""
    inputs = x = keras.Input(shape)
    for layer in inner:
        x = TimeDistributed(layer)(x)
    x = layers.LSTM(6)(TimeDistributed(layers.Flatten())(x))
    return keras.Model(inputs, {"emotion": layers.Dense(K, activation="softmax", name="emotion")(x)})


def gradients(model, x, y):
    """The loss's gradient for every weight, by one step of plain gradient descent."""
    before = [w.copy() for w in model.get_weights()]
    model.compile(keras.optimizers.SGD(1.0), {"emotion": "sparse_categorical_crossentropy"})
    model.train_on_batch(x, {"emotion": y})
    steps = [old - new for old, new in zip(before, model.get_weights(), strict=True)]
    model.set_weights(before)
    return steps


def types(model):
    return [type(layer) for layer in model.layers]


def answer(model, x, **how):
    return ops.convert_to_numpy(model(x, **how)["emotion"])


@pytest.mark.parametrize("name", [name for name in MODELS if MODELS[name].kind == "clips"])
def test_every_frame_model_and_its_twin_give_the_same_outputs_and_gradients(name):
    keras.utils.set_random_seed(3)
    stock = architecture(name).build((T, H, W, C), K)
    folded = fold(stock)
    assert TimeDistributed not in types(folded)
    np.testing.assert_allclose(answer(folded, clips()), answer(stock, clips()), atol=1e-6)
    y = np.array([1, 3])
    for a, b in zip(gradients(folded, clips(), y), gradients(stock, clips(), y), strict=True):
        assert np.abs(b).max() > 0
        np.testing.assert_allclose(a, b, atol=1e-5 * max(1, np.abs(b).max()))


def test_training_one_twin_trains_the_other():
    stock = small_model(layers.Conv2D(2, 3))
    folded = fold(stock)
    before = answer(stock, clips())
    folded.compile("sgd", {"emotion": "sparse_categorical_crossentropy"})
    folded.train_on_batch(clips(), {"emotion": np.array([0, 2])})
    assert np.abs(answer(stock, clips()) - before).max() > 1e-6
    np.testing.assert_allclose(answer(stock, clips()), answer(folded, clips()), atol=1e-6)
    assert all(a is b for a, b in zip(stock.variables, folded.variables, strict=True))


def test_unfolding_and_folding_again_changes_nothing_however_often():
    folded = fold(small_model(layers.Conv2D(2, 3), layers.MaxPooling2D(2)))
    again = folded
    for _ in range(3):
        again = fold(unfold(again))
    assert types(again) == types(folded)
    assert [layer.name for layer in again.layers] == [layer.name for layer in folded.layers]
    assert again.output_names == ["emotion"]
    np.testing.assert_array_equal(answer(again, clips()), answer(folded, clips()))


def test_a_model_without_time_distributed_is_returned_as_it_is():
    inputs = keras.Input((T, 7))
    model = keras.Model(inputs, {"emotion": layers.Dense(K)(layers.LSTM(3)(inputs))})
    assert fold(model) is model
    assert unfold(model) is model


def test_a_model_inside_a_model_is_folded_too():
    inner = small_model(layers.Conv2D(2, 3))
    inputs = keras.Input((T, H, W, C))
    outer = keras.Model(inputs, {"emotion": inner(inputs)["emotion"]})
    folded = fold(outer)
    nested = next(layer for layer in folded.layers if isinstance(layer, keras.Model))
    assert FoldedTimeDistributed in types(nested)
    assert TimeDistributed not in types(nested)
    np.testing.assert_allclose(answer(folded, clips()), answer(outer, clips()), atol=1e-6)


def test_a_whole_model_may_be_wrapped():
    frame = keras.Input((H, W, C))
    backbone = keras.Model(frame, layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(frame)))
    stock = small_model(backbone)
    np.testing.assert_allclose(answer(fold(stock), clips()), answer(stock, clips()), atol=1e-6)


def test_a_time_axis_of_unknown_length_works():
    stock = small_model(layers.Conv2D(2, 3), shape=(None, H, W, C))
    folded = fold(stock)
    assert FoldedTimeDistributed in types(folded)
    for length in (1, T):
        x = clips()[:, :length]
        np.testing.assert_allclose(answer(folded, x), answer(stock, x), atol=1e-6)


def test_the_training_flag_reaches_a_wrapped_dropout():
    folded = fold(small_model(layers.Dropout(0.5, seed=1)))
    np.testing.assert_array_equal(answer(folded, clips()), answer(folded, clips(), training=False))
    assert np.abs(answer(folded, clips(), training=True) - answer(folded, clips())).max() > 1e-4


def test_a_wrapped_batch_normalisation_learns_from_all_frames_of_the_batch():
    norm = layers.BatchNormalization(momentum=0.0)
    folded = fold(small_model(norm))
    answer(folded, clips(), training=False)
    np.testing.assert_array_equal(norm.moving_mean, np.zeros(C))
    answer(folded, clips(), training=True)
    np.testing.assert_allclose(norm.moving_mean, clips().mean(axis=(0, 1, 2, 3)), rtol=1e-5)


def test_a_frozen_layer_and_its_precision_stay_as_they_are():
    stock = small_model(layers.Conv2D(2, 3, dtype="mixed_bfloat16"))
    wrapper = stock.layers[1]
    wrapper.trainable = False
    folded = fold(stock)
    assert folded.layers[1].trainable is False
    assert folded.layers[1].dtype_policy == wrapper.dtype_policy
    assert len(folded.trainable_weights) == len(stock.trainable_weights)


def test_the_unfolded_file_holds_only_stock_layers(tmp_path):
    folded = fold(small_model(layers.Conv2D(2, 3)))
    unfold(folded).save(tmp_path / "model.h5", include_optimizer=False)
    loaded = keras.models.load_model(tmp_path / "model.h5", compile=False)
    assert all(kind.__module__.startswith("keras.") for kind in types(loaded))
    np.testing.assert_allclose(answer(loaded, clips()), answer(folded, clips()), atol=1e-6)
