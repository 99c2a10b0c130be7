"""VS-GCNN and its images: against the published checkpoint, against NumPy, and what is reported of views."""

import json
from dataclasses import dataclass, replace

import keras
import numpy as np
import pytest
from small_walks import AsTheyAre

from evaluation.report import make_report
from evaluation.report_files import write_report
from evaluation.report_text import report_text
from gait import bundle as bundles
from gait import embedding, skeleton
from gait.errors import GaitmoodError
from gait.models import vs_gcnn
from gait.models.published import load_published, published_model
from gait.predict import answer_clips, answer_walks
from gait.predictions import Predictions, pooled
from gait.preprocess import JointPreprocess
from gait.views import ViewAnswers

V = 16
CLASSES = ("angry", "happy", "sad")


@pytest.fixture(scope="module")
def recorded(reference):
    """Recorded weights, gaits, images and logits."""
    folder = reference / "vs_gcnn"
    return dict(np.load(folder / "weights.npz")), dict(np.load(folder / "io.npz"))


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


# --- The published checkpoint ------------------------------------------------------------------------------


@pytest.mark.realdata
def test_images_are_the_published_ones(recorded):
    gaits = [gait.reshape(-1, V, 3) for name, gait in recorded[1].items() if name.startswith("gait")]
    assert len(gaits) == 3
    for gait, image in zip(gaits, recorded[1]["images"][:3], strict=True):
        assert np.abs(embedding.gait_image(gait) - image).max() < 0.01  # of 255
        assert (
            np.abs(np.array(vs_gcnn.GaitImage(244, 244)(gait[None].astype(np.float32)))[0] - image).max()
            < 0.01
        )


@pytest.mark.realdata
def test_is_the_published_function(recorded):
    weights, io = recorded
    images = keras.Input((244, 244, 3))
    model = keras.Model(images, vs_gcnn.network(images, 4))
    load_published(model, vs_gcnn, weights)
    outputs = model.predict_on_batch(io["images"])
    assert np.abs(outputs["view_emotion"] - io["logits"]).max() / np.abs(io["logits"]).max() < 1e-4
    table = io["logits"].reshape(4, 4, 4)  # emotion, view
    joint = softmax(io["logits"]).reshape(4, 4, 4)
    np.testing.assert_allclose(outputs["emotion"], joint.sum(axis=2), atol=1e-4)
    np.testing.assert_allclose(outputs["view"], joint.sum(axis=1), atol=1e-4)
    np.testing.assert_allclose(outputs["emotion_by_view"], softmax(table.transpose(0, 2, 1)), atol=1e-4)


@pytest.mark.realdata
def test_published_weights_of_another_number_of_classes_or_network_are_refused(recorded):
    with pytest.raises(GaitmoodError, match=r"lack "):
        published_model("vs_gcnn", (48, V, 9), 4, {"x": np.zeros(2)})
    with pytest.raises(GaitmoodError, match=r"no published weights of st_gcn are known"):
        published_model("st_gcn", (48, V, 9), 4, recorded[0])
    name = "conv_stage_1.VSGCNN_stage_1_conv_1.bias"
    spoiled = {**recorded[0], name: np.full_like(recorded[0][name], np.nan)}
    with pytest.raises(GaitmoodError, match="weights of stage1_convolution1 hold NaN or infinity"):
        published_model("vs_gcnn", (48, V, 9), 4, spoiled)


# --- Images ------------------------------------------------------------------------------------------------


def test_resizing_by_hand():
    # Two pixels to four: centres at -0.25, 0.25, 0.75, 1.25 of the old ones.
    np.testing.assert_allclose(embedding.resize_shares(2, 4), [[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]])
    np.testing.assert_allclose(embedding.resize_shares(7, 3).sum(axis=1), 1)
    np.testing.assert_array_equal(embedding.resize_shares(5, 5), np.eye(5))


def test_images_agree_with_opencv():
    import cv2

    joints = drawn(9, V, 3).astype(np.float64)
    low, high = joints.min(axis=(0, 1)), joints.max(axis=(0, 1))
    wanted = cv2.resize((high - joints) * (255 / (high - low)), (31, 40))
    image = embedding.gait_image(joints, 40, 31)
    np.testing.assert_allclose(image, wanted, atol=1e-3)
    layer = vs_gcnn.GaitImage(40, 31)(np.concatenate([joints, joints], axis=-1)[None].astype(np.float32))
    np.testing.assert_allclose(np.array(layer)[0], image, atol=1e-3)
    # Red is x, and the largest x is black.
    t, v = np.unravel_index(joints[..., 0].argmax(), (9, V))
    assert embedding.gait_image(joints, 9, V)[t, v, 0] == 0


def test_a_coordinate_that_never_changes_is_black_and_no_division_by_zero():
    joints = drawn(5, V, 3)
    joints[..., 1] = 2.5
    layer = np.array(vs_gcnn.GaitImage(8, 8)(joints[None]))
    assert np.isfinite(layer).all()
    assert not layer[..., 1].any()
    assert not embedding.gait_image(joints, 8, 8)[..., 1].any()


def test_four_views_turn_about_the_vertical_and_a_shift_leaves_the_image_as_it_is():
    forward = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    origin = np.zeros((1, 3))
    faces = {
        view: embedding.seen_from(forward, i) - embedding.seen_from(origin, i)
        for i, view in enumerate(embedding.VIEWS)
    }
    # Of a camera at +z: who faces +x shows it the right side.
    for view, direction in {
        "front": (0, 0, 1),
        "right": (1, 0, 0),
        "back": (0, 0, -1),
        "left": (-1, 0, 0),
    }.items():
        np.testing.assert_allclose(faces[view][0], direction, atol=1e-9)
        np.testing.assert_allclose(faces[view][1], (0, 1, 0), atol=1e-9)
    walk = drawn(6, V, 3).astype(np.float64)
    for view in range(4):
        seen = embedding.seen_from(walk, view)
        turned = skeleton.turn(walk, embedding.view_angle(view))
        assert np.abs(seen - turned).max() > 1
        np.testing.assert_allclose(embedding.gait_image(seen), embedding.gait_image(turned), atol=1e-6)
    right = embedding.VIEWS.index("right")
    left_hip = np.array(
        [0.1, 0, 0]
    )  # the walker's left is +x facing +z; seen from its right it is far away, at -z
    np.testing.assert_allclose(skeleton.turn(left_hip, embedding.view_angle(right)), (0, 0, -0.1), atol=1e-9)


# --- The network -------------------------------------------------------------------------------------------


def test_grouped_convolution_sees_its_own_group_only():
    inputs = keras.Input((6, 5, 8))
    model = keras.Model(inputs, vs_gcnn._convolution(inputs, 12, 4, "c"))
    kernel, bias = drawn(3, 3, 2, 12), drawn(12, seed=1)
    model.get_layer("c").set_weights([kernel, bias])
    x = drawn(2, 6, 5, 8, seed=2)
    wanted = np.zeros((2, 4, 3, 12))
    for f in range(12):
        own = x[..., 2 * (f // 3) : 2 * (f // 3) + 2]
        for i in range(4):
            for j in range(3):
                wanted[:, i, j, f] = (own[:, i : i + 3, j : j + 3] * kernel[..., f]).sum(
                    axis=(1, 2, 3)
                ) + bias[f]
    np.testing.assert_allclose(model.predict_on_batch(x), np.maximum(wanted, 0), rtol=1e-3, atol=1e-4)
    keras_own = keras.layers.Conv2D(12, 3, groups=4, activation="relu")
    keras_own.build(x.shape)
    keras_own.set_weights([kernel, bias])
    np.testing.assert_allclose(model.predict_on_batch(x), np.array(keras_own(x)), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("classes", [2, 3, 4, 7])
def test_the_map_has_a_row_for_every_emotion(classes):
    model = vs_gcnn.build((9, V, 9), classes)
    assert model.output["view_emotion"].shape == (None, 4 * classes)
    assert model.get_layer("stage3_convolution2").output.shape == (None, classes, 4, 1)
    if classes == 4:
        assert model.get_layer("image").output.shape == (None, 244, 244, 3)


def test_the_whole_network_is_its_stages_in_order():
    """Two grouped stages and a last one, of 32, 64 and 16 channels a group; the first two convolutions and the last are
    whole, a stage is normalised at its end (Narayanan et al. 2020, fig. 4; the published layers' shapes).
    """
    width = vs_gcnn.joints_size(1)
    images = keras.Input((244, width, 3))
    model = keras.Model(images, vs_gcnn.network(images, 1)["view_emotion"])
    rng = np.random.default_rng(0)
    for layer in model.layers:  # as spread as it takes for numbers to stay near 1 through nine layers
        layer.set_weights(
            [
                rng.normal(0, (2 / np.prod(w.shape[:-1])) ** 0.5, w.shape)
                if len(w.shape) > 1
                else rng.uniform(0.5, 1.5, w.shape)
                for w in layer.weights
            ]
        )
    weights = {layer.name: [np.array(w) for w in layer.weights] for layer in model.layers if layer.weights}

    def windows(x, step):
        return np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(0, 1))[::step, ::step]

    def convolved(x, name, groups=1, step=1):
        kernel, bias = weights[name]
        own = zip(np.split(x, groups, axis=-1), np.split(kernel, groups, axis=-1), strict=True)
        parts = [np.tensordot(windows(part, step), k.transpose(2, 0, 1, 3), 3) for part, k in own]
        return np.maximum(np.concatenate(parts, axis=-1) + bias, 0)

    def pooled(x):
        return windows(x, 2).max(axis=(-2, -1))

    def normalised(x, name):
        gamma, beta, mean, variance = weights[name]
        return (x - mean) / np.sqrt(variance + 1e-5) * gamma + beta

    image = rng.uniform(0, 1, (244, width, 3)).astype(np.float32)
    x = convolved(image.swapaxes(0, 1), "stage1_convolution0")  # joints down, as published
    x = pooled(convolved(x, "stage1_convolution1"))
    x = pooled(convolved(x, "stage1_convolution2", groups=4))
    x = normalised(x, "stage1_normalise")
    x = pooled(convolved(x, "stage2_convolution1", groups=4))
    x = pooled(convolved(x, "stage2_convolution2", groups=4))
    x = normalised(x, "stage2_normalise")
    assert [weights[f"stage{n}_convolution1"][0].shape[-1] for n in (1, 2, 3)] == [4 * 32, 4 * 64, 4 * 16]
    x = convolved(x, "stage3_convolution1", groups=4)
    x = convolved(x, "stage3_convolution2", step=2)
    assert x.shape == (1, 4, 1)
    assert np.ptp(x) > 0.01  # alive
    np.testing.assert_allclose(model.predict_on_batch(image[None])[0], x.ravel(), rtol=1e-3, atol=1e-3)


def test_answers_are_sums_of_one_softmax():
    inputs = keras.Input((12,))
    model = keras.Model(inputs, vs_gcnn._answers(inputs, 3))
    logits = 3 * drawn(5, 12)
    outputs = model.predict_on_batch(logits)
    joint = softmax(logits).reshape(5, 3, 4)
    np.testing.assert_allclose(outputs["emotion"], joint.sum(axis=2), atol=1e-6)
    np.testing.assert_allclose(outputs["view"], joint.sum(axis=1), atol=1e-6)
    within = (joint / joint.sum(axis=1, keepdims=True)).swapaxes(1, 2)
    np.testing.assert_allclose(outputs["emotion_by_view"], within, atol=1e-6)


# --- Training ----------------------------------------------------------------------------------------------


def test_copies_are_the_walk_in_every_view_and_targets_name_it():
    inputs = drawn(4, 5, V, 9)
    copies = vs_gcnn.copy(inputs, np.arange(4))
    for view in range(4):
        np.testing.assert_allclose(
            copies[view, ..., :3], embedding.seen_from(inputs[view, ..., :3], view), atol=1e-6
        )
    known = {"emotion": np.array([2, 0, 1, 2]), "copy": np.arange(4)}
    made = vs_gcnn.targets(copies, known)
    assert made["view_emotion"].tolist() == [8, 1, 6, 11]
    assert set(made) | {"emotion"} == set(vs_gcnn.build((5, V, 9), 3).output)


def test_distributions_are_put_into_the_view_that_is_shown():
    soft = np.array([[0.7, 0.2, 0.1], [0.0, 0.5, 0.5]])
    made = vs_gcnn.targets(drawn(2, 5, V, 9), {"emotion": soft, "copy": np.array([3, 1])})["view_emotion"]
    table = made.reshape(2, 3, 4)
    np.testing.assert_allclose(table[0, :, 3], soft[0])
    np.testing.assert_allclose(table[1, :, 1], soft[1])
    np.testing.assert_allclose(made.sum(axis=1), 1)


# --- What is reported --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bundle():
    keras.utils.set_random_seed(3)
    how = JointPreprocess(length=7, rate=10.0)
    model = vs_gcnn.build(how.input_shape, len(CLASSES))
    return bundles.Bundle(
        None, model, bundles.Record(architecture="vs_gcnn", classes=CLASSES, preprocess=how)
    )


def test_answers_of_clips_hold_the_views(bundle):
    answers = answer_clips(bundle, drawn(3, 7, V, 9), batch=3)
    assert answers.by_view.shape == (3, 4, 3)
    np.testing.assert_allclose(answers.by_view.sum(axis=(1, 2)), 1, atol=1e-6)
    np.testing.assert_allclose(answers.probabilities, answers.by_view.sum(axis=1), atol=1e-6)


class SoftmaxOfLogits:
    """Stands for the network: its answers to logits."""

    def __init__(self):
        inputs = keras.Input((12,))
        self._model = keras.Model(inputs, vs_gcnn._answers(inputs, 3))

    def predict_on_batch(self, x):
        return self._model.predict_on_batch(x)


@dataclass(frozen=True)
class LogitClips(AsTheyAre):
    """Walks are the logits of their clips."""

    input_shape = (12,)
    missing = False


@pytest.fixture(scope="module")
def of_logits():
    record = bundles.Record(architecture="vs_gcnn", classes=CLASSES, preprocess=LogitClips())
    return bundles.Bundle(None, SoftmaxOfLogits(), record)


@pytest.mark.parametrize("temperature", [0.25, 1.0, 3.0])
def test_a_walk_is_the_sum_over_its_views_whatever_the_temperature_and_the_clips(of_logits, temperature):
    tempered = replace(of_logits, record=replace(of_logits.record, temperature=temperature))
    walks = [4 * drawn(clips, 12, seed=clips) for clips in (1, 2, 5)]
    found = answer_walks(tempered, walks)
    views = ViewAnswers.of_table(embedding.VIEWS, found.by_view)
    combined = np.einsum("nv,nvk->nk", views.shares, views.probabilities)
    np.testing.assert_allclose(found.probabilities, combined, atol=1e-6)
    np.testing.assert_allclose(views.shares.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(views.probabilities.sum(axis=2), 1, atol=1e-6)
    # By hand: the temperature of the classes, which no label changes by; from where a class is seen stays.
    joint = softmax(walks[0]).reshape(3, 4).astype(np.float64)
    powers = joint.sum(axis=1) ** (1 / temperature)
    wanted = joint / joint.sum(axis=1, keepdims=True) * (powers / powers.sum())[:, None]
    np.testing.assert_allclose(found.by_view[0], wanted.T, atol=1e-6)


@pytest.mark.parametrize("temperature", [0.25, 1.0, 4.0])
def test_a_view_that_is_out_of_the_question_has_an_answer_too(of_logits, temperature):
    """Its share is 0 in float32; so is one of the classes, in every view."""
    logits = np.zeros((3, 4), np.float32)
    logits[:, 1], logits[2], logits[1, 0] = 200, -200, 1
    tempered = replace(of_logits, record=replace(of_logits.record, temperature=temperature))
    found = answer_walks(tempered, [logits.reshape(1, 12)])
    views = ViewAnswers.of_table(embedding.VIEWS, found.by_view)
    np.testing.assert_allclose(views.shares[0], [0, 1, 0, 0], atol=1e-9)
    odds = views.probabilities[0, 0, 1] / views.probabilities[0, 0, 0]
    assert odds == pytest.approx(np.e, rel=1e-5)


def predictions(names=("a.mp4", "b.mp4"), affect=None):
    rng = np.random.default_rng(5)
    shares = softmax(rng.normal(size=(len(names), 4)))
    answers = softmax(rng.normal(size=(len(names), 4, 3)))
    return Predictions(
        names=names,
        classes=CLASSES,
        probabilities=np.einsum("nv,nvk->nk", shares, answers),
        labels=("angry", None)[: len(names)],
        subjects=(None,) * len(names),
        clips=(1, 2)[: len(names)],
        affect=affect,
        views=ViewAnswers(embedding.VIEWS, shares, answers),
    )


def test_views_go_through_the_table_and_back(tmp_path):
    from gait.affect import Affect, AffectAnswers

    known = Affect(np.array([[0.1, 0.2], [np.nan, 0.3]]), np.zeros((2, 2), bool))
    for affect in (None, AffectAnswers(np.array([[0.5, 0.6], [0.7, 0.8]]), known)):
        said = predictions(affect=affect)
        said.save_csv(tmp_path / "p.csv")
        back = Predictions.load_csv(tmp_path / "p.csv")
        assert back.views.views == embedding.VIEWS
        np.testing.assert_array_equal(back.views.shares, said.views.shares)
        np.testing.assert_array_equal(back.views.probabilities, said.views.probabilities)
        np.testing.assert_array_equal(back.probabilities, said.probabilities)
        assert (back.affect is None) == (affect is None)
    header, *rows = (tmp_path / "p.csv").read_text().splitlines()
    assert "view_front" in header
    assert "left:sad" in header
    broken = [header.replace(",left:sad", "", 1), *(row.rpartition(",")[0] for row in rows)]
    (tmp_path / "broken.csv").write_text("\n".join(broken))
    with pytest.raises(GaitmoodError, match=r"damaged: expected 16 columns for 4 views, found 15"):
        Predictions.load_csv(tmp_path / "broken.csv")


def test_pooled_predictions_keep_the_views_of_each_walk():
    first, second = predictions(("b.mp4",)), predictions(("a.mp4",))
    both = pooled([first, second])
    assert both.names == ("a.mp4", "b.mp4")
    np.testing.assert_array_equal(both.views.shares[1], first.views.shares[0])


def test_the_report_tells_every_view_and_all_together(tmp_path):
    said = predictions()
    report = make_report(said, title="T", model="m")
    lines = report_text(report).splitlines()
    at = lines.index("By view (in %)")
    assert lines[at + 1].split() == ["video", *embedding.VIEWS, "taken", "for", "combined"]
    best = said.views.probabilities[0].argmax(axis=1)
    row = lines[at + 2].split()
    assert row[0] == "a.mp4"
    assert row[1:9:2] == [CLASSES[k] for k in best]
    assert int(row[2]) == round(100 * said.views.probabilities[0, 0].max())
    assert row[9] == embedding.VIEWS[said.views.shares[0].argmax()]
    assert row[-1] == said.predicted[0]
    write_report(report, tmp_path / "r")
    walk = json.loads((tmp_path / "r" / "report.json").read_text())["walks"][1]
    assert list(walk["views"]) == list(embedding.VIEWS)
    left = walk["views"]["left"]
    assert left["predicted"] == max(left["probabilities"], key=left["probabilities"].get)
    assert sum(view["share"] for view in walk["views"].values()) == pytest.approx(1)
    combined = sum(v["share"] * v["probabilities"]["sad"] for v in walk["views"].values())
    assert walk["probabilities"]["sad"] == pytest.approx(combined)


def test_predicting_tells_every_view_and_all_together(bundle):
    from collections import Counter

    from display.destinations import Destinations
    from display.telling import describe, facts_of
    from display.watching import Job, Watched
    from gait.sources import Source
    from gait.streaming.abstaining import Threshold
    from gait.streaming.moments import WholeWalk
    from gait.streaming.stream import StreamSettings

    said = predictions(("a.mp4",))
    seen = Watched((480, 270), 60, 0, 0, 2.0, Counter(angry=60), (WholeWalk(None, said),), 30.0, 9.0)
    source = Source("a.mp4", "file", "a.mp4")
    job = Job(bundle, StreamSettings(0.4), None)
    walk = facts_of(source, job, seen, Threshold(0.4, "said"))["walk"]
    assert list(walk["views"]) == list(embedding.VIEWS)
    for name in CLASSES:
        combined = sum(v["share"] * v["probabilities"][name] for v in walk["views"].values())
        assert walk["probabilities"][name] == pytest.approx(combined)
    lines = describe(source, job, seen, Destinations()).splitlines()
    for view, answer in walk["views"].items():
        (line,) = [line for line in lines if f"seen from {view} " in line]
        assert f"({answer['share']:.0%} likely): {answer['predicted']} " in line
        assert all(f"{c} {p:.2f}" in line for c, p in answer["probabilities"].items())
