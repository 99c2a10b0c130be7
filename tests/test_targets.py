"""Models with several outputs: what each of them is shown, and what is not known is not learned."""

from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from gait.labels import Sample
from gait.models.losses import KnownMeanSquaredError, cross_entropy
from gait.preprocess import ClipPreprocess, Walk
from training.dataset import ClipDataset

HOW = ClipPreprocess(length=4, rate=10.0, height=3, width=2, background="keep")
LABELS = [0, 2, 1, 2, 2]


class FakeEntry:
    """A walk of frames whose pixels all hold its number."""

    def __init__(self, number, frames=4):
        self._frames = np.full((frames, 3, 2, 3), number, np.uint8)

    def length(self, name):
        return len(self._frames)

    def read(self, name, rows=slice(None)):
        return self._frames[rows]


def dataset(architecture, lengths=(4, 8, 4, 4, 4), **how):
    walks = [
        Walk(Sample(Path(f"{i}.mp4"), f"{i}.mp4"), f"{i}", FakeEntry(i, n)) for i, n in enumerate(lengths)
    ]
    return ClipDataset(HOW, walks, np.array(LABELS), architecture=architecture, batch_size=3, **how)


def darkened(inputs, which):
    """Variant 0 as it is, variant 1 negative."""
    return inputs * np.where(which, -1, 1).reshape(-1, 1, 1, 1, 1)


def epoch_of(data):
    """(walk, copy) of every row of an epoch, targets by name, and weights."""
    rows, targets, weights = [], {}, []
    for i in range(len(data)):
        x, y, w = data[i]
        first = x[:, 0, 0, 0, 0] * 255
        rows += [(round(abs(v)), int(v < 0)) for v in first]
        for name, values in y.items():
            targets.setdefault(name, []).extend(values.tolist())
        weights += w.tolist()
    return rows, targets, np.array(weights)


def test_every_clip_comes_in_every_variant_with_targets_and_weight_of_its_walk():
    parts = SimpleNamespace(
        COPIES=2, copy=darkened, targets=lambda inputs, known: {"both": 2 * known["emotion"] + known["copy"]}
    )
    rows, targets, weights = epoch_of(dataset(parts, balance="weights", shuffle=True))
    # Walk 0 is black, so its two copies look alike.
    assert sorted(rows) == sorted([(0, 0)] * 2 + [(w, c) for w in (1, 1, 2, 3, 4) for c in (0, 1)])
    assert targets["emotion"] == [LABELS[walk] for walk, _ in rows]
    assert [b for (w, _), b in zip(rows, targets["both"], strict=True) if w] == [
        2 * LABELS[walk] + copy for walk, copy in rows if walk
    ]
    assert set(targets) == {"emotion", "both"}
    assert weights.mean() == pytest.approx(1)
    # The long walk's two clips weigh half each; each variant as much as the other.
    by_row = {row: w for row, w in zip(rows, weights, strict=True)}
    assert by_row[1, 0] == by_row[1, 1] == pytest.approx(by_row[3, 0] / 2)


def test_targets_see_the_inputs_and_distributions():
    soft = np.eye(3)[LABELS] * 0.7 + 0.1
    parts = SimpleNamespace(targets=lambda inputs, known: {"mean": inputs.mean(axis=(1, 2, 3, 4))})
    rows, targets, _ = epoch_of(dataset(parts, soft=soft))
    np.testing.assert_allclose(targets["mean"], [walk / 255 for walk, _ in rows], rtol=1e-6)
    np.testing.assert_array_equal(targets["emotion"], soft[[walk for walk, _ in rows]])


def test_a_variation_is_of_the_copy_and_the_same_in_every_run():
    parts = SimpleNamespace(COPIES=2, copy=darkened)
    one, two = (dataset(parts, augment=True, shuffle=True, seed=3) for _ in range(2))
    for i in range(len(one)):
        np.testing.assert_array_equal(one[i][0], two[i][0])


@pytest.fixture
def two_heads():
    """A network with a trained output, another one, and one that is computed from the first."""
    keras.utils.set_random_seed(1)
    x = keras.Input((4,), name="x")
    logits = keras.layers.Dense(3, name="logits")(x)
    value = keras.layers.Dense(2, name="value")(x)
    emotion = keras.layers.Softmax(name="emotion", dtype="float32")(logits)
    model = keras.Model(x, {"emotion": emotion, "logits": logits, "value": value})
    model.compile(
        keras.optimizers.SGD(0.1),
        loss={"logits": cross_entropy(False), "value": KnownMeanSquaredError()},
        metrics={"emotion": "accuracy"},
    )
    return model


def batch(value):
    x = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    y = np.array([0, 2, 1])
    return x, {"emotion": y, "logits": y, "value": np.array(value, np.float32)}


def test_an_output_without_a_loss_has_a_metric_and_what_is_not_known_moves_nothing(two_heads):
    before = [w.copy() for w in two_heads.get_weights()]
    x, y = batch(np.full((3, 2), np.nan))
    logs = two_heads.train_on_batch(x, y, return_dict=True)
    after = two_heads.get_weights()
    assert logs["value_loss"] == 0
    assert logs["emotion_accuracy"] in (0, pytest.approx(1 / 3), pytest.approx(2 / 3), 1)
    moved = [not np.array_equal(a, b) for a, b in zip(before, after, strict=True)]
    names = [w.path for w in two_heads.weights]
    assert moved == ["logits" in name for name in names]


def test_known_mean_squared_error_by_hand():
    y = np.array([[1.0, np.nan, 3.0], [np.nan, np.nan, np.nan], [0.0, 2.0, 4.0]])
    p = np.array([[2.0, 9.0, 5.0], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
    loss = KnownMeanSquaredError(reduction=None)
    np.testing.assert_allclose(loss(y, p), [(1 + 4) / 2, 0, 20 / 3], rtol=1e-6)
    # A number a sample, as Keras hands it out, with or without an axis of its own.
    np.testing.assert_allclose(loss(np.array([1.0, np.nan]), np.array([[3.0], [5.0]])), [4, 0])


def test_a_checkpoint_of_several_losses_goes_on_as_if_nothing_had_happened(two_heads, tmp_path):
    x, y = batch([[1, np.nan], [np.nan, np.nan], [0, 2]])
    two_heads.train_on_batch(x, y)
    two_heads.save(tmp_path / "last.keras")
    again = keras.models.load_model(tmp_path / "last.keras")
    first, second = (model.train_on_batch(x, y, return_dict=True) for model in (two_heads, again))
    assert first == second
    assert first["value_loss"] > 0
