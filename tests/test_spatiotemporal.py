"""The spatiotemporal network: as described, counted, and blind to the coordinates of what is missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from small_walks import in_process, make_walks
from videofiles import map_here

from gait.inputs import by_name, zeros
from gait.labels import Sample
from gait.landmarks import BODY, FACE, NONE
from gait.models import architecture, build_model
from gait.models.spatiotemporal_blocks import (
    ChannelAttention,
    KnownMean,
    KnownPoints,
    MultiScaleTemporalAttention,
    SpatialAttention,
)
from gait.preprocess import LandmarkClipPreprocess, Walk
from training.affect import learns_affect
from training.fitting import fresh_model
from training.options import TrainOptions
from training.walks import TrainingWalks

SMALLEST = LandmarkClipPreprocess(length=3, height=19, width=16)


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(3)
    return build_model("spatiotemporal", SMALLEST.input_shape, 4)


def some_clips(count=2):
    rng = np.random.default_rng(0)
    clips = zeros(SMALLEST.input_shape, count)
    clips["frames"] = rng.random(clips["frames"].shape)
    clips["landmarks"] = rng.normal(size=clips["landmarks"].shape)
    clips["mask"] = BODY
    return clips


def answers(network, clips):
    said = network.predict_on_batch(by_name(clips))
    return np.concatenate([said["emotion"], said["valence"], said["arousal"]], axis=1)


# --- What it is made of ----------------------------------------------------------------------------------------


def test_parameters_of_every_part_by_hand():
    """At the published size; convolutions k*k*in*out + out, normalisation 4 a channel, LSTM 4 (in + out + 1) out."""
    convolutions = sum(9 * a * b + b + 4 * b for a, b in ((3, 64), (64, 128), (128, 256), (256, 512)))
    temporal = (1 + 3 + 5) * 512 * 512 + 3 * 512 + 512 * 3 + 3
    channels, places = 2 * 4 * (512 + 256 + 1) * 256, 7 * 7 * 2 + 1
    landmarks = (50 * 4) * 256 + 256 + 256 * 128 + 128
    fusion = (512 + 128) * 640 + 640
    heads = 640 * 4 + 4 + 2 * 641
    expected = [convolutions, temporal, channels + places, landmarks, fusion, heads]
    keras.backend.clear_session()
    model = build_model("spatiotemporal", LandmarkClipPreprocess().input_shape, 4)
    parts = architecture("spatiotemporal").COMPONENTS
    sizes = [
        sum(layer.count_params() for layer in model.layers if layer.weights and layer.name.startswith(start))
        for _, start, _ in parts
    ]
    assert sizes == expected
    assert sum(sizes) == model.count_params() == 5_990_636


def test_the_published_figures_are_those_of_the_description():
    published = [number for *_, number in architecture("spatiotemporal").COMPONENTS]
    assert published == [3.2e6, 0.8e6, 0.5e6, 0.3e6, 2.1e6, 1.1e6]


def test_it_is_trained_as_described():
    model = fresh_model(TrainOptions(model="spatiotemporal"), SMALLEST.input_shape, 4, False, affect=True)
    assert isinstance(model.optimizer, keras.optimizers.AdamW)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.001)
    assert model.optimizer.weight_decay == pytest.approx(1e-4)
    assert model._compile_loss._user_loss_weights == {"emotion": 0.5, "valence": 1.0, "arousal": 1.0}
    assert architecture("spatiotemporal").EPOCHS == 50
    assert TrainOptions().patience == 10


# --- What it does ----------------------------------------------------------------------------------------------


def test_what_a_missing_point_holds_changes_nothing(network):
    clips = some_clips()
    clips["mask"][0, 1, 7:20] = NONE
    clips["mask"][1, 2] = NONE
    before = answers(network, clips)
    clips["landmarks"][0, 1, 7:20] = 1e6
    clips["landmarks"][1, 2] = -3
    np.testing.assert_array_equal(answers(network, clips), before)
    clips["landmarks"][0, 1, 6] += 1
    assert np.abs(answers(network, clips) - before)[0].max() > 1e-7


def test_a_missing_point_is_not_a_point_at_the_origin(network):
    clips = some_clips()
    clips["landmarks"][:, :, :10] = 0
    at_origin = answers(network, clips)
    clips["mask"][:, :, :10] = NONE
    assert np.abs(answers(network, clips) - at_origin).max() > 1e-7
    clips["mask"][:, :, :10] = FACE  # nor is a face a body
    assert np.abs(answers(network, clips) - at_origin).max() > 1e-7


def test_nobody_in_view_is_answered_from_the_frames(network):
    clips = some_clips()
    clips["mask"] = NONE
    said = answers(network, clips)
    assert np.isfinite(said).all()
    assert np.abs(said[0] - said[1]).max() > 1e-7


def test_frames_without_points_do_not_count_in_the_mean():
    x = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    known = np.array([[1, 0, 1], [0, 0, 0]], np.float32)
    np.testing.assert_allclose(KnownMean()([x, known]), [[2, 3], [0, 0]])


def test_known_points_are_numbers_and_their_mask():
    landmarks = np.array([[[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [1, 1, 1]]]], np.float32)
    numbers, known = KnownPoints()([landmarks, np.array([[[BODY, NONE], [NONE, NONE]]], np.float32)])
    np.testing.assert_array_equal(numbers, [[[1, 2, 3, 0, 0, 0, -1, 0], [0] * 8]])
    np.testing.assert_array_equal(known, [[1, 0]])


def test_temporal_attention_sees_two_frames_either_way_and_its_weights_sum_to_one():
    keras.utils.set_random_seed(0)
    layer = MultiScaleTemporalAttention()
    x = np.random.default_rng(0).normal(size=(1, 9, 2, 3, 4)).astype(np.float32)
    base = np.array(layer(x))
    changed = x.copy()
    changed[0, 4, 1, 1] += 1
    moved = np.abs(np.array(layer(changed)) - base).max(axis=(0, 2, 3, 4)) > 1e-6
    assert np.flatnonzero(moved).tolist() == [2, 3, 4, 5, 6]
    # Scales that all give the same, whatever the weights, are added once.
    for scale in layer.scales:
        scale.set_weights([np.zeros_like(scale.kernel), np.ones_like(scale.bias)])
    np.testing.assert_allclose(layer(x), x + 1, atol=1e-5)


@pytest.mark.parametrize(("kind", "gated"), [(ChannelAttention, (2, 3)), (SpatialAttention, (4,))])
def test_gates_lie_between_nothing_and_all_and_are_one_along_what_they_do_not_look_at(kind, gated):
    keras.utils.set_random_seed(0)
    layer = kind()
    x = np.random.default_rng(0).random((2, 5, 3, 4, 6)).astype(np.float32) + 0.5
    gate = np.array(layer(x)) / x
    assert 0 < gate.min() < gate.max() < 1
    assert np.ptp(gate, axis=gated).max() < 1e-5
    others = tuple(axis for axis in (1, 2, 3, 4) if axis not in gated)
    assert np.ptp(gate, axis=others).max() > 1e-3


def test_channel_attention_remembers_other_frames():
    keras.utils.set_random_seed(0)
    layer = ChannelAttention()
    x = np.random.default_rng(0).random((1, 5, 3, 4, 6)).astype(np.float32) + 0.5
    gate = np.array(layer(x)) / x
    changed = x.copy()
    changed[0, 0] *= 3
    after = np.array(layer(changed)) / changed
    assert np.abs(after - gate)[0, 4].max() > 1e-5


# --- The scripts -----------------------------------------------------------------------------------------------


@pytest.fixture
def _here(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gait.preprocess.walks.map_items", map_here)


@pytest.mark.usefixtures("_here")
def test_the_summary_shows_every_part_beside_the_published_number_and_trains_nothing(capsys):
    done = in_process(capsys, "train", "--summary", "--model", "spatiotemporal")
    assert done.code == 0, done.err
    rows = [line.split("  ") for line in done.out.splitlines()]
    table = {row[0]: [cell.strip() for cell in row[1:] if cell] for row in rows if len(row) > 1}
    assert table["spatial CNN"] == ["1,554,816", "about 3.2 million"]
    assert table["total"] == ["5,990,636", "about 8.0 million"]
    assert "frames 16 x 224 x 224 x 3, landmarks 16 x 50 x 3, mask 16 x 50; 4 classes (assumed" in done.out
    assert not list(Path().iterdir())


@pytest.mark.usefixtures("_here")
def test_the_summary_is_of_the_walks_that_there_are(capsys):
    make_walks(Path("videos"), {"happy": 1, "sad": -1, "calm": 0}, people=1)
    done = in_process(capsys, "train", "--summary", "--affect")
    assert "input: 30 x 60 x 80 x 3; 3 classes (in the walks found)" in done.out
    assert [line.split() for line in done.out.splitlines() if line.startswith("valence")] == [
        ["valence", "65"]
    ]
    done = in_process(capsys, "train", "--summary", "--model", "svm")
    assert done.code == 2
    assert "--summary is for networks" in done.err


@pytest.mark.slow
@pytest.mark.usefixtures("_here")
def test_trained_and_tested_from_the_command_line(capsys):
    make_walks(Path("videos"), {"left": -1, "happy": 1}, people=4)
    small = ("--frames", "3", "--rate", "10", "--frame-size", "16x19", "--epochs", "1", "--jobs", "1")
    common = ("--model", "spatiotemporal", "--landmarks", "none", "--hold-out", "0.25")
    done = in_process(capsys, "train", *common, *small)
    assert done.code == 0, done.err
    # "left" has no place among the emotions; half of the walks are enough.
    assert "2 derived from the emotion (Russell & Mehrabian 1977), 2 not known" in done.out
    assert "input frames 3 x 16 x 19 x 3, landmarks 3 x 50 x 3, mask 3 x 50" in done.out
    done = in_process(capsys, "test", "--held-out", "--jobs", "1")
    assert done.code == 0, done.err
    assert "Valence (-1 to 1)" in done.out


def test_emotions_of_ones_own_without_a_place_need_no_valence(capsys):
    samples = [Sample(Path(f"{n}.mp4"), f"{n}.mp4", label) for n, label in enumerate(("left", "right"))]
    part = tuple(Walk(one, one.name, None) for one in samples)
    walks = TrainingWalks(part, (), (), ("left", "right"), SMALLEST, ())
    options = TrainOptions(model="spatiotemporal")
    assert not learns_affect(options, walks)
    assert "2 not known; the model is built without them" in capsys.readouterr().out
    model = fresh_model(options, SMALLEST.input_shape, 2, False, affect=False)
    assert set(model.output) == {"emotion"}
    assert model._compile_loss._user_loss_weights == {"emotion": 0.5}


def test_seven_categories_of_faces_and_a_place_for_each(capsys):
    faces = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
    part = tuple(Walk(Sample(Path(f"{one}.mp4"), one, one), one, None) for one in faces)
    walks = TrainingWalks(part, (), (), faces, replace(SMALLEST, landmarks="face"), ())
    options = TrainOptions(model="spatiotemporal", landmarks="face")
    assert learns_affect(options, walks)
    assert "7 derived from the emotion" in capsys.readouterr().out
    model = fresh_model(options, walks.preprocess.input_shape, len(faces), soft=True, affect=True)
    clips = some_clips()
    clips["mask"] = FACE
    said = model.predict_on_batch(by_name(clips))
    assert said["emotion"].shape == (2, 7)
    np.testing.assert_allclose(said["emotion"].sum(axis=1), 1, atol=1e-6)
