"""Explanations of answers: models that look at one thing are explained by it, in words with the right numbers."""

from __future__ import annotations

import contextlib
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from explained import (
    NAMES,
    feature_walk,
    joint_walk,
    known_walks,
    looks_at,
    usual_rows,
    watches_joints,
    with_head_bent,
)
from keypoint_walks import walker, write_gaits, write_npz_walks
from small_walks import in_process
from videofiles import map_here

from evaluation import explain as script
from evaluation.attribution import explain_walk
from evaluation.importance import part_importance
from evaluation.population import compare, in_words, population_of
from evaluation.shapley import sampled_shapley, shapley
from gait import bundle as bundles
from gait import floors
from gait.errors import GaitmoodError, NothingUsableError
from gait.features import FEATURES, UNRELIABLE
from gait.features import words as words_module
from gait.features.words import amount, part_of, title, wording
from gait.options import read_options
from gait.pose.store import save_npz
from gait.preprocess import JointPreprocess
from gait.skeleton import find_layout
from training.options import TrainOptions
from training.session import train

SPEED, HEAD = NAMES.index("walking_speed"), NAMES.index("head_inclination_mean")


# --- Shapley values ------------------------------------------------------------------------------------------


def test_the_glove_game_and_the_airport_game():
    """Shapley values from the literature: two left gloves and a right one; runways of 1, 2 and 4 (Littlechild 1973)."""
    gloves = shapley(lambda s: (s[:, 0] | s[:, 1]) & s[:, 2], 3)
    np.testing.assert_allclose(gloves.values, [1 / 6, 1 / 6, 2 / 3])
    lengths = np.array([1, 2, 4])
    airport = shapley(lambda s: (s * lengths).max(axis=1), 3)
    np.testing.assert_allclose(airport.values, [1 / 3, 1 / 3 + 1 / 2, 1 / 3 + 1 / 2 + 2])
    assert airport.answer == 4
    assert airport.base == 0


def test_sampled_values_of_a_weighted_sum_are_exact():
    """Of w.x they are w times the distance to the reference's mean; a number without weight gets exactly nothing."""
    rng = np.random.default_rng(0)
    weights, row, reference = rng.normal(size=7), rng.normal(size=7), rng.normal(size=(5, 7))
    weights[3] = 0
    found = sampled_shapley(lambda rows: rows @ weights, row, reference, orders=15)
    np.testing.assert_allclose(found.values, weights * (row - reference.mean(axis=0)), atol=1e-12)
    assert found.values[3] == 0
    assert found.values.sum() == pytest.approx(found.answer - found.base)


def test_a_pair_that_works_together_shares_and_sampling_agrees_with_the_exact_values():
    row, reference = np.array([1.0, 1.0, 1.0, 5.0]), np.zeros((1, 4))

    def answer(rows):
        return rows[:, 0] * rows[:, 1] + (rows[:, 0] > 0.5) * rows[:, 2]

    exact = shapley(lambda s: answer(np.where(s, row, reference)), 4)
    np.testing.assert_allclose(exact.values, [1.0, 0.5, 0.5, 0.0])
    found = sampled_shapley(answer, row, reference, orders=400)
    np.testing.assert_allclose(found.values, exact.values, atol=0.05)
    assert (np.abs(found.values - exact.values) <= 4 * found.errors + 1e-12).all()


# --- Words ---------------------------------------------------------------------------------------------------


def test_every_feature_has_words_and_no_row_of_the_table_is_left_over():
    fits = {
        next(i for i, row in enumerate(words_module._TABLE) if re.fullmatch(row[0], feature.words))
        for feature in FEATURES.values()
    }
    assert fits == set(range(len(words_module._TABLE)))
    for feature in FEATURES.values():
        how = wording(feature)
        assert how.more != how.less
        assert "\\" not in how.subject + how.more + how.less
        assert amount(feature, 1.0).startswith("1")
        assert ": " not in title(feature)
        assert "positive" not in title(feature)


def test_words_are_those_of_the_feature():
    how = wording(FEATURES["left_hand_head_distance_mean"])
    assert (how.subject, how.more, how.less) == ("left hand", "farther from the head", "closer to the head")
    assert wording(FEATURES["cadence"]).more == "more frequent"
    assert title(FEATURES["left_arm_swing_range"]) == "swing of the left upper arm seen from the side, range"
    assert part_of(FEATURES["left_hand_speed_mean"]) == "hands"
    assert amount(FEATURES["trunk_lean_mean"], -0.2) == "0 degrees"
    with pytest.raises(ValueError, match=r"no row of gait/features/words.py fits 'wagging of the tail'"):
        wording(replace(FEATURES["cadence"], words="wagging of the tail"))


def population(values, name="walking_speed", other="sad"):
    """A bundle's neutral walks with these values, and one walk of another class."""
    rows = usual_rows(len(values) + 1)
    rows[:-1, NAMES.index(name)], rows[-1] = values, 99
    bundle = looks_at({name: 1}, rows, ["neutral"] * len(values) + [other])
    return population_of(bundle.record, "sad")


def test_a_walk_against_the_neutral_walks_by_hand():
    """Of speeds 0.01 to 0.25 those above 0.04 are 21 of 25, 84 %; the median is 0.13."""
    neutral = population(np.arange(1, 26) / 100)
    assert in_words(compare("walking_speed", 0.04, neutral), neutral.noun) == (
        "walking slower than in 84 % of neutral walks, by 0.09 body heights/s (0.04; their median 0.13)"
    )
    assert in_words(compare("walking_speed", 0.3, neutral), neutral.noun).startswith(
        "walking faster than in all 25 neutral walks, by 0.17 body heights/s"
    )
    assert in_words(compare("walking_speed", 0.13, neutral), neutral.noun) == (
        "as usual: speed at which the standing foot is left behind, on a treadmill too "
        "(0.13; the middle half of neutral walks: 0.07 to 0.19 body heights/s)"
    )


def test_few_walks_are_counted_and_fewer_are_not_compared_with():
    bent = population([18, 19, 20, 21, 22, np.nan], "head_inclination_mean")
    found = compare("head_inclination_mean", 33, bent)
    assert found.walks == 5
    assert in_words(found, bent.noun) == (
        "head bent further forward than in all 5 neutral walks, by 13 degrees (33; their median 20)"
    )
    assert "than in 4 of 5 neutral walks" in in_words(compare("head_inclination_mean", 21.5, bent), bent.noun)
    few = population([18, 19, np.nan, np.nan], "head_inclination_mean")
    assert in_words(compare("head_inclination_mean", 33, few), few.noun) == (
        "inclination of the line from neck to face, mean: 33 degrees"
    )
    assert "this walk does not tell" in in_words(compare("head_inclination_mean", np.nan, bent), bent.noun)


# --- One walk ------------------------------------------------------------------------------------------------


def world(count: int = 30):
    """Thirty neutral and thirty sad walks, by chance."""
    rows = usual_rows(2 * count)
    return rows, ["neutral"] * count + ["sad"] * count


def test_a_model_that_looks_at_one_feature_is_explained_by_exactly_that_feature():
    rows, labels = world()
    bundle = looks_at({"head_inclination_mean": 2.0}, rows, labels)
    row = rows[0].copy()
    row[[HEAD, SPEED]] = 1.6, 0.2  # its speed is odder than its head, and does not matter
    found = explain_walk(bundle, feature_walk(row))
    assert found.answer == "sad"
    first, *rest = found.features
    assert first.name == "head_inclination_mean"
    assert first.points == pytest.approx(found.probabilities["sad"] - found.base)
    assert first.points > 0.3
    assert all(share.points == 0 for share in rest)
    assert {share.name: share.points for share in found.parts if share.points} == {
        "head": pytest.approx(first.points)
    }
    text = found.text()
    assert "head bent further forward than in all 30 neutral walks, by 1 degree " in text
    assert "walking" not in text.split("The features that moved it most")[1]


def test_features_that_pull_both_ways_have_their_signs():
    rows, labels = world()
    bundle = looks_at({"head_inclination_mean": 2.0, "walking_speed": -1.0}, rows, labels)
    row = rows[0].copy()
    row[[HEAD, SPEED]] = 1.6, 1.3  # a bent head and a fast walk
    found = explain_walk(bundle, feature_walk(row))
    points = {share.name: share.points for share in found.features}
    assert points["head_inclination_mean"] > 0.2
    assert points["walking_speed"] < -0.02
    assert sum(points.values()) == pytest.approx(found.probabilities["sad"] - found.base)


def test_the_same_walk_has_the_same_explanation_and_values_are_json():
    rows, labels = world(60)  # more neutral walks than are exchanged with
    bundle = looks_at({"head_inclination_mean": 2.0, "cadence": 1.0}, rows, labels)
    row = rows[0] + 0.3
    row[SPEED] = np.nan
    one, two = (explain_walk(bundle, feature_walk(row)) for _ in range(2))
    assert one.text() == two.text()
    assert "50 of 60 neutral walks of training" in " ".join(one.text().split())
    values = json.loads(json.dumps(one.to_json(), allow_nan=False))
    told = {feature["name"]: feature for feature in values["features"]}
    assert told["head_inclination_mean"]["unit"] == "degrees"
    assert told["walking_speed"]["value"] is None


def test_the_answer_neutral_is_held_against_all_walks():
    rows, labels = world()
    found = explain_walk(looks_at({"head_inclination_mean": 2.0}, rows, labels), feature_walk(rows[0] - 0.4))
    assert found.answer == "neutral"
    assert found.held_against.endswith("60 walks of training")


def test_without_the_walks_of_training_medians_stand_in_and_that_is_said():
    rows, labels = world()
    bundle = looks_at({"head_inclination_mean": 2.0}, rows, labels, gists=False)
    row = rows[0].copy()
    row[HEAD] = 1.6
    found = explain_walk(bundle, feature_walk(row))
    assert found.features[0].points > 0.3
    text = " ".join(found.text().split())
    assert "does not hold the walks it was trained on, so values stand without a comparison" in text
    assert "inclination of the line from neck to face, mean: 2 degrees" in text


def test_what_a_view_does_not_tell_is_marked():
    rows, labels = world()
    name = "trunk_lean_mean"
    assert name in UNRELIABLE["front"] - UNRELIABLE["left"]
    bundle = looks_at({name: 2.0}, rows, labels)
    row = rows[0].copy()
    row[NAMES.index(name)] = 1.6
    front = explain_walk(bundle, feature_walk(row, facing="towards")).text()
    assert re.search(r"^\? .*trunk leaning further forward", front, re.MULTILINE)
    assert "seen from this view (front)" in front
    for facing in ("left", "half away, left", None):
        assert "?" not in explain_walk(bundle, feature_walk(row, facing=facing)).text()


# --- Networks of joints ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def joints():
    """How joints are prepared, and sequences of synthetic walkers: four sad, four neutral."""
    how = JointPreprocess(length=24)
    return how, [(walker(label, person), label) for label in ("neutral", "sad") for person in range(4)]


def joint_bundle(how, model, walks):
    labels = [walk.sample.label for walk in walks]
    record = bundles.Record("", ("neutral", "sad"), how, known_walks(labels), gists=floors.gists(how, walks))
    return bundles.Bundle(Path("planted.h5"), model, record)


def of_joints(name: str, channels: slice) -> np.ndarray:
    """Places (16, 9) of some joints' numbers."""
    places = np.zeros((16, 9), bool)
    for row, joint in enumerate(find_layout("gait16").joints):
        places[row, channels] = joint.endswith(name)
    return places


def test_a_network_that_looks_at_the_place_of_the_head_is_explained_by_the_posture_of_the_head(joints):
    how, sequences = joints
    walks = [joint_walk(sequence, how, f"{i}", label) for i, (sequence, label) in enumerate(sequences)]
    model = watches_joints(how, of_joints("head", slice(2, 3)), 12.0, squared=False)
    bundle = joint_bundle(how, model, walks)
    found = explain_walk(bundle, joint_walk(with_head_bent(sequences[0][0], 40), how))
    first, *rest = found.parts
    assert first.name == "posture of the head"
    assert first.points == pytest.approx(found.probabilities["sad"] - found.base, abs=1e-4)
    assert first.points > 0.1
    assert all(abs(share.points) < 1e-4 for share in rest)


def test_a_network_that_looks_at_the_speed_of_feet_is_explained_by_the_movement_of_the_legs(joints):
    how, sequences = joints
    walks = [joint_walk(sequence, how, f"{i}", label) for i, (sequence, label) in enumerate(sequences)]
    model = watches_joints(how, of_joints("foot", slice(3, 6)), 0.5, squared=True, threshold=3.0)
    bundle = joint_bundle(how, model, walks)
    found = explain_walk(bundle, joint_walk(walker("angry", 7), how))
    first, *rest = found.parts
    assert first.name == "movement of the legs"
    assert first.points > 0.2
    assert all(abs(share.points) < 1e-4 for share in rest)
    older = replace(bundle, record=replace(bundle.record, gists=None))
    stilled = explain_walk(older, joint_walk(walker("angry", 7), how))
    assert stilled.parts[0].name == "movement of the legs"
    assert stilled.base == pytest.approx(
        1 / (1 + np.exp(1.5)), abs=1e-3
    )  # feet that keep still score 0 - 0.5 x 3
    assert "the same body kept still" in stilled.text()


# --- A set of walks -------------------------------------------------------------------------------------------


def test_permutation_importance_finds_the_planted_part():
    rows, labels = world()
    rows[:, HEAD] = np.where(np.array(labels) == "sad", 1.5, 0.5)
    bundle = looks_at({"head_inclination_mean": 2.0}, rows, labels)
    walks = [feature_walk(r, f"{i}", label) for i, (r, label) in enumerate(zip(rows, labels, strict=True))]
    found = part_importance(bundle, walks)
    assert found.accuracy == 1
    first, *rest = found.parts
    assert first.part == "head"
    assert first.fall == pytest.approx(0.5, abs=0.1)  # half of the walks take a head of the other class
    assert first.changed == pytest.approx(first.fall)
    assert all((one.fall, one.spread, one.changed) == (0, 0, 0) for one in rest)
    assert {one.part for one in found.parts} == {part_of(feature) for feature in FEATURES.values()}
    nobody = [feature_walk(r, f"{i}") for i, r in enumerate(rows)]
    unlabelled = part_importance(bundle, nobody)
    assert np.isnan(unlabelled.accuracy)
    assert unlabelled.parts[0].part == "head"
    assert "accuracy" not in unlabelled.text("x")
    json.dumps(unlabelled.to_json(), allow_nan=False)


def test_permutation_importance_of_a_network_of_joints(joints):
    how, sequences = joints
    walks = [joint_walk(sequence, how, f"{i}") for i, (sequence, _) in enumerate(sequences)]
    feet = of_joints("foot", slice(3, 6))
    clips = [
        np.concatenate([how.to_input(how.read(w, start)[None]) for start in how.starts(w)]) for w in walks
    ]
    speeds = [np.mean(clip[:, :, feet] ** 2) for clip in clips]
    middle = float(np.median(speeds))
    labels = ["sad" if speed > middle else "neutral" for speed in speeds]
    walks = [
        replace(w, sample=replace(w.sample, label=label)) for w, label in zip(walks, labels, strict=True)
    ]
    model = watches_joints(how, feet, 1.0, squared=True, threshold=middle)
    found = part_importance(joint_bundle(how, model, walks), walks)
    assert found.accuracy > 0.7
    assert found.parts[0].part == "legs"
    assert found.parts[0].fall > 0.2
    assert [one.changed for one in found.parts[1:]] == [0, 0, 0]


def test_a_model_that_is_no_better_than_one_answer_is_said_to_be():
    rows, labels = world()
    bundle = looks_at({"head_inclination_mean": 2.0}, rows, labels)
    walks = [feature_walk(row + 1, "w", "neutral") for row in rows]
    assert "does no better here than always giving the most frequent label" in " ".join(
        part_importance(bundle, walks).text("x").split()
    )
    with pytest.raises(GaitmoodError, match="two walks or more"):
        part_importance(bundle, walks[:1])


# --- The command ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a real bundle, trained on neutral and sad walkers by train.py, and walks to explain."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()):
        patch.chdir(folder)
        patch.setattr("gait.preprocess.walks.map_items", map_here)
        patch.setattr("gait.fingerprint.taking.map_items", map_here)
        write_npz_walks(Path("videos"), ("neutral", "sad"), people=6)
        write_npz_walks(Path("tests"), ("neutral", "sad"), people=2, first=30)
        save_npz(with_head_bent(walker("neutral", 30), 25), Path("tests/bent.npz"))
        train(TrainOptions(model="logistic_regression", jobs=1))
    return folder


def explain(folder: Path, monkeypatch, *arguments: str) -> dict:
    """What ``python -m evaluation.explain`` writes into a new folder."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr("gait.preprocess.walks.map_items", map_here)
    out = Path(f"out-{len(list(folder.glob('out-*')))}")
    assert script.main([*arguments, "--output", str(out), "--jobs", "1"]) == 0
    return json.loads((out / "explanation.json").read_text()) | {"folder": out}


def test_a_bent_head_is_told_by_a_real_bundle(trained, monkeypatch, capsys):
    found = explain(trained, monkeypatch, "tests/bent.npz", "tests/neutral/p30.npz")
    assert found["model"] == "saved_models/logistic_regression.h5"
    bent, upright = (
        {feature["name"]: feature for feature in walk["features"]}["head_inclination_mean"]
        for walk in found["walks"]
    )
    assert bent["value"] - upright["value"] == pytest.approx(25, abs=0.2)
    assert bent["value"] - bent["median"] > 15
    assert "head bent further forward" in bent["words"]
    sign = 1 if found["walks"][0]["answer"] == "sad" else -1
    assert sign * bent["points"] > 0.01  # of two classes: what speaks for sad speaks against neutral
    heads = [{p["name"]: p["points"] for p in walk["parts"]}["head"] for walk in found["walks"]]
    assert sign * heads[0] > 0.01
    assert sign * (heads[0] - heads[1]) > 0.01
    out = capsys.readouterr().out
    assert "The features that moved it most" in out
    assert "not what the walker feels" in " ".join(out.split())
    assert (found["folder"] / "explanation.txt").read_text() in out


def test_folders_and_sets_of_walks_and_the_same_again_by_config(trained, monkeypatch, capsys):
    found = explain(trained, monkeypatch, "tests/sad", "--data", "tests")
    assert [walk["walk"] for walk in found["walks"]] == ["tests/sad/p30.npz", "tests/sad/p31.npz"]
    assert found["importance"]["walks"] == 5
    assert found["importance"]["labelled"] == 4
    assert found["importance"]["trained_on"] == 0
    assert "part taken from other walks" in capsys.readouterr().out
    options = found["folder"] / "options.json"
    assert read_options(script.ExplainOptions, options).walks == ("tests/sad",)
    again = trained / "again"
    assert script.main(["--config", str(options), "--output", str(again)]) == 0
    assert (again / "explanation.json").read_text() == (found["folder"] / "explanation.json").read_text()


def test_walks_of_the_training_are_said_to_be(trained, monkeypatch):
    found = explain(trained, monkeypatch, "videos/sad/p0.npz", "tests/sad/p30.npz", "--data", "videos")
    remembered, new = found["walks"]
    assert (
        "The model was trained on this walk: its answer may be remembered, not judged." in remembered["notes"]
    )
    assert new["notes"] == []
    assert found["importance"]["trained_on"] == 12
    text = " ".join((found["folder"] / "explanation.txt").read_text().split())
    assert "12 of these walks were in training: the accuracy flatters." in text


def test_one_walk_of_a_file_of_many(trained, monkeypatch):
    monkeypatch.chdir(trained)
    write_gaits(trained / "gaits", {"first": 1, "second": 3}, first=40)
    found = explain(trained, monkeypatch, "gaits/features.h5#second", "--emotions", "step")
    assert [(walk["walk"], walk["label"]) for walk in found["walks"]] == [("gaits/features.h5#second", "sad")]
    with pytest.raises(GaitmoodError, match="holds no walk of that name"):
        explain(trained, monkeypatch, "gaits/features.h5#third", "--emotions", "step")


def test_wrong_use(trained, monkeypatch, tmp_path):
    monkeypatch.chdir(trained)
    with pytest.raises(GaitmoodError, match="a walk to explain was expected"):
        script.main([])
    with pytest.raises(GaitmoodError, match=r"none\.mp4: no such file"):
        script.main(["none.mp4"])
    with pytest.raises(GaitmoodError, match="--jobs: a number above 0"):
        script.main(["tests", "--jobs", "0"])
    (tmp_path / "options.json").write_text('{"walks": [3]}')
    with pytest.raises(GaitmoodError, match="walks: str was expected, found 3"):
        script.main(["--config", str(tmp_path / "options.json")])
    (tmp_path / "broken.npz").write_bytes(b"no joints")
    monkeypatch.setattr("gait.preprocess.walks.map_items", map_here)
    with pytest.raises(NothingUsableError, match="none of the walks to explain can be used"):
        script.main([str(tmp_path / "broken.npz")])
    (tmp_path / "empty").mkdir()
    with pytest.raises(NothingUsableError, match="no walks in"):
        script.main(["--data", str(tmp_path / "empty")])


def test_a_network_of_joints_brings_the_features_of_its_training_walks(trained, monkeypatch, capsys):
    monkeypatch.chdir(trained)
    monkeypatch.setattr("gait.preprocess.walks.map_items", map_here)
    monkeypatch.setattr("gait.fingerprint.taking.map_items", map_here)
    done = in_process(
        capsys,
        "train",
        "--model",
        "keypoint_lstm",
        "--epochs",
        "1",
        "--frames",
        "12",
        "--validation",
        "0",
        "--jobs",
        "1",
    )
    assert done.code == 0, done.err
    record = bundles.read_record("saved_models/keypoint_lstm.h5")
    assert list(record.measured) == list(FEATURES)
    assert record.measured["head_inclination_mean"].shape == (12,)
    classical = bundles.read_record("saved_models/logistic_regression.h5")
    np.testing.assert_array_equal(
        record.measured["head_inclination_mean"],
        classical.gists[:, 1 + list(FEATURES).index("head_inclination_mean")],
    )
    found = explain(trained, monkeypatch, "tests/bent.npz", "--model", "saved_models/keypoint_lstm.h5")
    (walk,) = found["walks"]
    assert len(walk["parts"]) == 8
    assert sum(p["points"] for p in walk["parts"]) == pytest.approx(
        walk["probabilities"][walk["answer"]] - walk["base"], abs=1e-4
    )
    assert walk["features"] == []
