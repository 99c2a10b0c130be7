"""The model card: the report's numbers, what is known of the people, and what is forbidden."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from explained import known_walks, looks_at, usual_rows
from keypoint_walks import write_npz_walks
from small_walks import in_process
from videofiles import map_here

from evaluation.card import model_card
from evaluation.report import make_report
from evaluation.report_text import human_lines, key_figures
from gait import bundle as bundles
from gait.agreement import human_agreement
from gait.predictions import Predictions

CLASSES = ("neutral", "sad")


def bundle(subjects=None, **known):
    labels = ["neutral"] * 6 + ["sad"] * 6
    made = looks_at({"cadence": 1.0}, usual_rows(12), labels)
    walks = known_walks(labels)
    if subjects:
        walks = tuple(replace(w, subject=s) for w, s in zip(walks, subjects, strict=True))
    record = replace(made.record, walks=walks, **known)
    return replace(made, record=record, path=Path("saved_models/walks.h5"))


def report(right: int, of: int = 40, people: int = 20, **more):
    labels = [CLASSES[i % 2] for i in range(of)]
    p = np.array(
        [[0.9, 0.1] if (label == "neutral") == (i < right) else [0.1, 0.9] for i, label in enumerate(labels)]
    )
    predictions = Predictions(
        tuple(f"w{i}.mp4" for i in range(of)),
        CLASSES,
        p,
        tuple(labels),
        tuple(f"t{i % people}" for i in range(of)),
        (1,) * of,
    )
    return make_report(predictions, title="Test on videosTest", model="m", **more)


def words(text: str) -> str:
    return " ".join(text.split())


def test_the_card_holds_the_reports_numbers():
    tested = report(34)
    card = model_card(tested, bundle())
    assert "# Model card: walks.h5" in card
    for name, value in key_figures(tested, tested.summary):
        assert f"| {name} | {value} |" in card
    assert "85.0 % (95 % interval" in card
    assert "resampling 20 subjects" in card
    s = tested.summary.scores
    for k, name in enumerate(CLASSES):
        row = f"| {name} | {100 * s.precision[k]:.1f} | {100 * s.recall[k]:.1f} | {100 * s.f_score[k]:.1f} | 20 |"
        assert row in card
    assert "| neutral | 6 | 0 | 0 | 20 |" in card
    assert "train: 12 walks of 12 people" in card
    assert "tested: 40 walks of 20 people" in card


def test_what_is_forbidden_is_said_and_what_is_measured_is_perceived():
    card = words(model_card(report(34), bundle()))
    assert "Regulation (EU) 2024/1689 (the European AI Act), Article 5(1)(f)" in card
    assert "At work and in education" in card
    assert "medical or safety reasons" in card
    assert "how a walk looks, not what the walker feels" in card


def test_limits_are_those_of_this_training_and_this_test():
    good = words(model_card(report(38), bundle()))
    assert "does not surely do better" not in good
    assert "too few to say" not in good
    assert "people tested also walk in training" not in good
    poor = words(model_card(report(20, people=4), bundle(subjects=["t0", "t1", None] * 4)))
    assert "does not surely do better than always answering" in poor
    assert "The test rests on 4 subjects: too few to say" in poor
    assert "2 of the people tested also walk in training" in poor
    assert "Not all people of the training are known by name" in poor
    assert "no more than 2 people walk" in poor
    assert "probabilities that it states are not how often it is right" in poor
    floors = {"speed alone": ["neutral", "sad"] * 20}
    assert "What needs no model does as well in this test: speed alone." in words(
        model_card(report(34, floors=floors), bundle())
    )


def test_a_demonstration_is_called_one():
    assert "**It was trained on synthetic walkers**" in model_card(report(34), bundle(options={"demo": True}))
    assert "synthetic" not in model_card(report(34), bundle())


def test_leaks_are_left_out_of_the_cards_numbers():
    tested = report(34, leaks=[f"w{i}.mp4" for i in range(10)])
    card = model_card(tested, bundle())
    assert "**10 of the walks tested" in card
    for name, value in key_figures(tested, tested.without_leaks):
        assert f"| {name} | {value} |" in card
    everything = model_card(report(34, leaks=[f"w{i}.mp4" for i in range(40)]), bundle())
    assert "No score can be given" in everything
    assert "| accuracy |" not in everything


def test_how_well_people_agree_stands_on_lines_of_its_own():
    rng = np.random.default_rng(0)
    ratings = {f"w{i}.mp4": rng.random((12, 2)) for i in range(40)}
    tested = report(34, human=human_agreement(ratings))
    card = model_card(tested, bundle())
    for line in human_lines(tested):
        assert f"\n{line}\n" in card
    assert "what raters saw" in card


def test_names_do_not_break_the_card():
    tested = report(34)
    odd = replace(bundle(options={"videos": "x/a|b\n# c <i>"}), path=Path("x|y.h5"))
    card = model_card(tested, odd)
    assert "x\\|y.h5" in card
    assert "a\\|b\\\\n# c &lt;i>" in card


def test_test_py_writes_it_beside_the_report(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gait.preprocess.walks.map_items", map_here)
    monkeypatch.setattr("gait.fingerprint.taking.map_items", map_here)
    write_npz_walks(Path("videosTest"), CLASSES, people=2, first=30)
    bundles.save(Path("saved_models/planted.h5"), bundle().model, bundle().record)
    done = in_process(capsys, "test", "--card", "--output", "out", "--jobs", "1")
    assert done.code == 0, done.err
    assert "MODEL_CARD.md" in done.out
    card = Path("out/MODEL_CARD.md").read_text()
    accuracy = next(
        line for line in Path("out/report.txt").read_text().splitlines() if line.startswith("accuracy:")
    )
    assert f"| accuracy | {accuracy.removeprefix('accuracy: ')} |" in card
    again = in_process(capsys, "test", "--output", "without", "--jobs", "1")
    assert again.code == 0, again.err
    assert not Path("without/MODEL_CARD.md").exists()


@pytest.mark.parametrize("label", [None])
def test_walks_without_labels_have_a_card_without_a_score(label):
    tested = make_report(
        Predictions(("a",), CLASSES, np.array([[0.5, 0.5]]), (label,), (None,), (1,)),
        title="Test on x",
        model="m",
    )
    assert "No score can be given" in model_card(tested, bundle())
