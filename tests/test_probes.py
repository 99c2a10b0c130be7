"""Probes: planted shortcuts are found. A model of the person, of the speed, of one part is called one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest
from keypoint_walks import write_npz_walks
from small_walks import in_process
from videofiles import map_here

from evaluation import compare as script
from evaluation.comparison import Finished
from evaluation.probing import identity_lines, occlusion_lines, speed_lines, view_lines
from gait.bundle import Bundle, Record
from gait.features import FEATURES
from gait.floors import SPEED
from gait.occlusion import hide, parts_of
from gait.predictions import Predictions
from gait.preprocess import ClipPreprocess, FeaturePreprocess, JointPreprocess
from gait.representation import represent, shared_with_nearest
from gait.skeleton import find_layout
from training import cross_validation

NAMES = tuple(f"w{i:02d}" for i in range(36))
LABELS = ("angry", "neutral", "sad") * 12


def run_of(model="m", said=LABELS, **noted) -> Finished:
    """A finished run of one fold that answered so and noted this."""
    classes = ("angry", "neutral", "sad")
    p = np.eye(3)[[classes.index(a) for a in said]] * 0.7 + 0.1
    predictions = Predictions(NAMES, classes, p, LABELS, ("p",) * 36, (1,) * 36)
    return Finished(Path("x"), model, predictions, {}, (noted,))


# --- Hiding ------------------------------------------------------------------------------------------------


def test_features_of_a_part_become_unknown_and_no_others():
    how = FeaturePreprocess()
    inputs = np.ones((2, len(how.names)), np.float32)
    hidden = {part: np.isnan(hide(how, inputs, part)[0]) for part in parts_of(how)}
    assert not np.any(np.sum(list(hidden.values()), axis=0) > 1)
    for part, gone in hidden.items():
        assert {FEATURES[n].part for n, g in zip(how.names, gone, strict=True) if g} <= {
            "arms": {"arms", "hand"}, "legs": {"legs", "foot"}, "head": {"head"}, "trunk": {"trunk"}
        }[part]  # fmt: skip
        assert gone.any()
    assert np.isfinite(inputs).all()


@pytest.mark.parametrize("layout", ["gait16", "blazepose33", "coco17"])
def test_every_joint_is_of_one_part_and_stands_still_when_hidden(layout):
    how = JointPreprocess(length=5, layout=layout)
    inputs = np.random.default_rng(0).random((2, *how.input_shape)).astype(np.float32)
    changed = [(hide(how, inputs, part) != inputs).any(axis=(0, 1, 3)) for part in parts_of(how)]
    np.testing.assert_array_equal(np.sum(changed, axis=0), 1)
    legs = hide(how, inputs, "legs")
    moving = np.ptp(legs, axis=1).max(axis=(0, 2)) > 1e-6
    names = np.array(find_layout(layout).joints)
    assert {"left_knee", "right_knee"} <= set(names[~moving])
    assert not {"left_knee", "left_elbow"} <= set(names[~moving])


def test_half_a_picture_stands_still():
    how = ClipPreprocess(length=4, height=6, width=5)
    inputs = np.random.default_rng(0).random((2, 4, 6, 5, 3)).astype(np.float32)
    upper = hide(how, inputs, "upper half")
    assert np.ptp(upper[:, :, :3], axis=1).max() < 1e-6
    np.testing.assert_array_equal(upper[:, :, 3:], inputs[:, :, 3:])
    np.testing.assert_allclose(upper[:, 0, :3], inputs[:, :, :3].mean(axis=1), rtol=1e-5)


# --- Representation ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plain:
    """Preprocessing whose walks are lists of vectors."""

    def starts(self, walk):
        return range(len(walk))

    def read(self, walk, start):
        return walk[start]

    def to_input(self, stored):
        return stored


def test_the_representation_is_what_enters_the_last_layer():
    inputs = keras.Input((3,))
    hidden = keras.layers.Dense(4, activation="relu", name="h")(inputs)
    logits = keras.layers.Dense(2, name="logits")(hidden)
    model = keras.Model(inputs, {"emotion": keras.layers.Softmax(name="emotion")(logits)})
    walk = [np.array([1.0, 2, 3], np.float32), np.array([-1.0, 0, 2], np.float32)]
    record = Record(architecture="", classes=("a", "b"), preprocess=Plain())
    (found,) = represent(Bundle(None, model, record), [walk])
    kernel, bias = model.get_layer("h").get_weights()
    np.testing.assert_allclose(found, np.maximum(np.stack(walk) @ kernel + bias, 0).mean(axis=0), rtol=1e-5)


def test_nearest_and_chance_by_hand():
    rows = np.array([[0.0, 5], [0.1, 5], [9, 5], [9.1, 5]])
    assert shared_with_nearest(rows, ["a", "a", "b", "b"]) == (1.0, pytest.approx(1 / 3))
    assert shared_with_nearest(rows, ["a", "b", "a", "b"]) == (0.0, pytest.approx(1 / 3))


# --- Lines -------------------------------------------------------------------------------------------------


def test_a_model_of_the_person_is_called_one():
    person = run_of("person", identity={"subject": [0.9, 0.05], "emotion": [0.4, 0.3]})
    feeling = run_of("feeling", identity={"subject": [0.2, 0.05], "emotion": [0.8, 0.3]})
    text = "\n".join(identity_lines([person, feeling, run_of("none", identity=None)]))
    assert "person: the subject 90% (5%), the emotion 40% (30%): tells the person better" in text
    assert "feeling: the subject 20% (5%), the emotion 80% (30%): tells the emotion better" in text
    assert "none: subjects unknown" in text


@pytest.mark.parametrize("lines", [identity_lines, speed_lines, view_lines, occlusion_lines])
def test_runs_from_before_the_probes_are_said_to_be_such(lines):
    (_, text, *_) = lines([run_of("old")])
    assert text == "  old: this run did not note it; cross-validate again"


def test_a_model_of_the_speed_falls_to_chance_where_speeds_are_alike():
    """Each third of the speed holds every class; a model that answers by the third is right a third of the time."""
    speed = {name: float(i // 12) + 0.01 * (i % 12) for i, name in enumerate(NAMES)}
    by_speed = [("sad", "neutral", "angry")[i // 12] for i in range(36)]
    noted = {"speed": speed, "floors": {SPEED: dict(zip(NAMES, by_speed, strict=True))}}
    (_, text) = speed_lines([run_of("knows", said=LABELS, **noted)])
    assert "knows: 100.0% (100.0%); speed alone 33.3% (33.3%)" in text


def test_views_with_enough_walks_are_scored_by_themselves():
    view = {name: ("towards" if i < 30 else "away" if i < 34 else None) for i, name in enumerate(NAMES)}
    said = [y if i < 15 else "angry" for i, y in enumerate(LABELS)]
    (_, text) = view_lines([run_of("m", said=said, view=view)])
    assert "towards 66.7% of 30" in text
    assert "away" not in text


def test_hiding_what_a_model_lives_on_is_seen():
    gone = dict.fromkeys(NAMES, "angry")
    (_, text) = occlusion_lines(
        [run_of("m", hidden={"arms": dict(zip(NAMES, LABELS, strict=True)), "legs": gone})]
    )
    assert "arms 100.0%, 0% change" in text
    assert "legs 33.3%, 67% change" in text


def test_runs_note_what_the_probes_read(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gait.preprocess.walks.map_items", map_here)
    monkeypatch.setattr(cross_validation, "map_items", map_here)
    write_npz_walks(Path("videos"), ("angry", "sad"), people=3)
    small = ("--jobs", "1", "--epochs", "1", "--frames", "8", "--validation", "0")
    for model in ("logistic_regression", "keypoint_lstm"):
        done = in_process(capsys, "train", "--model", model, *small, "--cross-validate", "2")
        assert done.code == 0, done.err
    runs = sorted(map(str, Path("runs").iterdir()))
    fold = json.loads((Path(runs[0]) / "repeat-1/fold-01/result.json").read_text())
    assert set(fold["hidden"]) == {"arms", "legs", "head", "trunk"}
    assert all(np.isfinite(list(fold["speed"].values())))
    probes = ("--identity", "--speed", "--view", "--occlusion")
    assert script.main([*runs, *probes, "--output", "out"]) == 0
    printed = capsys.readouterr().out
    for words in ("tells the", "Speed-matched", "View:", "Occlusion:"):
        assert words in printed
    assert "Identity" in Path("out/probes.txt").read_text()
