"""Probes: planted shortcuts are found. A model of the person, of the speed, of one part is called one."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from keypoint_walks import write_npz_walks
from small_walks import AsTheyAre, in_process
from videofiles import map_here

from evaluation import compare as script
from evaluation.finished import Finished
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
PEOPLE = tuple(f"p{i // 3 % 6}" for i in range(36))


def run_of(model="m", said=LABELS, leaks=(), **noted) -> Finished:
    """A finished run of one fold, over six people, that answered so and noted this."""
    classes = ("angry", "neutral", "sad")
    p = np.eye(3)[[classes.index(a) for a in said]] * 0.7 + 0.1
    predictions = Predictions(NAMES, classes, p, LABELS, PEOPLE, (1,) * 36)
    return Finished(Path("x"), model, predictions, {}, (noted,), dict.fromkeys(leaks, ""))


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


def test_the_representation_is_what_enters_the_last_layer():
    inputs = keras.Input((3,))
    hidden = keras.layers.Dense(4, activation="relu", name="h")(inputs)
    logits = keras.layers.Dense(2, name="logits")(hidden)
    model = keras.Model(inputs, {"emotion": keras.layers.Softmax(name="emotion")(logits)})
    walk = [np.array([1.0, 2, 3], np.float32), np.array([-1.0, 0, 2], np.float32)]
    record = Record(architecture="", classes=("a", "b"), preprocess=AsTheyAre())
    (found,) = represent(Bundle(None, model, record), [walk])
    kernel, bias = model.get_layer("h").get_weights()
    np.testing.assert_allclose(found, np.maximum(np.stack(walk) @ kernel + bias, 0).mean(axis=0), rtol=1e-5)


def test_nearest_and_chance_by_hand():
    rows = np.array([[0.0, 5], [0.1, 5], [9, 5], [9.1, 5]])
    for names, right in ((["a", "a", "b", "b"], True), (["a", "b", "a", "b"], False)):
        hits, by_chance = shared_with_nearest(rows, names)
        assert hits.tolist() == [right] * 4
        assert by_chance == pytest.approx(1 / 3)
    assert shared_with_nearest(rows, ["a", "a", "b", "c"])[0].tolist() == [True, True, False, False]


# --- Lines -------------------------------------------------------------------------------------------------


def identity(subject: int, emotion: int, of="held-out") -> dict:
    """So many of each person's six walks lie nearest to one of the same subject, of the same emotion."""
    place = {name: i // 18 * 3 + i % 3 for i, name in enumerate(NAMES)}
    hits = {name: [at < subject, at < emotion] for name, at in place.items()}
    return {"of": of, "subject": [subject / 6, 0.1], "emotion": [emotion / 6, 0.4], "hits": hits}


def test_a_model_of_the_person_is_called_one():
    person, feeling, neither = (
        run_of(name, identity=identity(*counts))
        for name, counts in (("person", (5, 2)), ("feeling", (1, 6)), ("neither", (1, 3)))
    )
    text = "\n".join(identity_lines([person, feeling, neither, run_of("none", identity=None)]))
    assert "person (held-out): the subject 83.3 % (83.3 to 83.3 %), by chance 10.0 %" in text
    assert "emotion 33.3 % (33.3 to 33.3 %), by chance 40.0 %: tells the person better" in text
    assert text.count(": tells the emotion better") == 2
    assert "none: subjects unknown" in text


def test_where_people_disagree_no_verdict_is_given():
    """Of half of the people every walk is known by its person, of the others by its emotion."""
    first = {"p0", "p1", "p2"}
    hits = {name: [who in first, who not in first] for name, who in zip(NAMES, PEOPLE, strict=True)}
    noted = {"of": "training", "subject": [0.5, 0.2], "emotion": [0.5, 0.2], "hits": hits}
    (_, text, *_) = identity_lines([run_of("svm", identity=noted)])
    assert text.endswith("cannot be told which it tells better")
    assert (
        "svm (training; of the features themselves, the same for all classical models): the subject 50.0 % ("
        in text
    )


def test_the_walks_left_out_speak_before_those_of_training():
    run = run_of("m", identity=identity(5, 2, of="training"))
    both = replace(run, folds=(*run.folds, {"identity": identity(1, 6)}))
    assert "m (held-out): the subject 16.7 %" in identity_lines([both])[1]


def test_shares_that_older_runs_noted_are_read_without_a_verdict():
    (_, text, *_) = identity_lines([run_of("old", identity={"subject": [0.9, 0.05], "emotion": [0.4, 0.3]})])
    assert "old (training): the subject 90.0 %, by chance 5.0 %, the emotion 40.0 %" in text
    assert "an older run, without intervals" in text


@pytest.mark.parametrize("lines", [identity_lines, speed_lines, view_lines, occlusion_lines])
def test_runs_from_before_the_probes_are_said_to_be_such(lines):
    assert "  old: this run did not note it; cross-validate again" in lines([run_of("old")])


def test_a_model_of_the_speed_falls_to_chance_where_speeds_are_alike():
    """Each third of the speed holds every class; a model that answers by the third is right a third of the time."""
    speed = {name: float(i // 12) + 0.01 * (i % 12) for i, name in enumerate(NAMES)}
    by_speed = [("sad", "neutral", "angry")[i // 12] for i in range(36)]
    noted = {"speed": speed, "floors": {SPEED: dict(zip(NAMES, by_speed, strict=True))}}
    (*_, text) = speed_lines([run_of("knows", said=LABELS, **noted)])
    assert "knows (36 walks, by speed): 100.0 % (" in text
    assert ") [100.0 %]; speed alone 33.3 % (" in text


def test_chance_is_the_same_among_walks_of_like_speed_where_a_class_walks_slowly_only():
    """Sad is in the slowest third alone: who always answers sad is right of one class in three, matched or not."""
    speed = {
        name: (0.0 if label == "sad" else 1.0) + 0.01 * i
        for i, (name, label) in enumerate(zip(NAMES, LABELS, strict=True))
    }
    (*_, text) = speed_lines([run_of("keypoint_lstm", said=["sad"] * 36, speed=speed)])
    assert (
        "keypoint_lstm (36 walks, by how much what the model sees changes from frame to frame): 33.3 % ("
        in text
    )
    assert text.endswith("[33.3 %]")


def test_walks_without_a_speed_are_counted_and_named():
    speed = {name: None if i < 2 else float(i) for i, name in enumerate(NAMES)}
    (*_, text) = speed_lines([run_of("svm", speed=speed)])
    assert "svm (34 of 36 walks, by walking speed): 100.0 %" in text
    assert text.endswith("; not known of w00, w01")


def test_copies_in_other_folds_are_asked_nothing():
    speed = {name: float(i) for i, name in enumerate(NAMES)}
    (*_, text) = speed_lines([run_of("svm", leaks=NAMES[:6], speed=speed)])
    assert "svm (30 walks" in text


def test_views_with_enough_walks_are_scored_by_themselves():
    view = {name: ("towards" if i < 30 else "away" if i < 34 else None) for i, name in enumerate(NAMES)}
    said = [y if i < 15 else "angry" for i, y in enumerate(LABELS)]
    (_, text) = view_lines([run_of("m", said=said, view=view)])
    assert re.search(r"towards 66\.7 % \(\d+\.\d to \d+\.\d %\) of 30", text)
    assert "away" not in text


def test_hiding_what_a_model_lives_on_is_seen():
    gone = dict.fromkeys(NAMES, "angry")
    (_, whole, *parts) = occlusion_lines(
        [run_of("m", hidden={"arms": dict(zip(NAMES, LABELS, strict=True)), "legs": gone})]
    )
    assert whole.startswith("  m (100.0 % (")
    assert "+0.0 points (+0.0 to +0.0), 0% change" in parts[0]
    assert "without legs: 33.3 % (33.3 to 33.3 %), -66.7 points (-66.7 to -66.7), 67% change" in parts[1]


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
    asked = [
        json.loads(path.read_text())["identity"]
        for path in sorted(Path(runs[0]).glob("repeat-1/*/result.json"))
    ]
    # One of the folds leaves two people out, the other one.
    assert sorted((one["of"], len(one["hits"])) for one in asked) == [("held-out", 4), ("training", 4)]
    probes = ("--identity", "--speed", "--view", "--occlusion")
    assert script.main([*runs, *probes, "--output", "out"]) == 0
    printed = capsys.readouterr().out
    for words in ("(held-out", "Speed-matched", "View:", "Occlusion:"):
        assert words in printed
    assert "Identity" in Path("out/probes.txt").read_text()
