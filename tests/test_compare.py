"""Finished runs side by side: the same folds or none, differences by hand, and the simple model's victory."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from keypoint_walks import write_npz_walks
from small_walks import in_process
from videofiles import map_here

from evaluation import compare as script
from evaluation.comparison import FILES, compare
from evaluation.finished import read_finished
from gait import metrics
from gait.errors import GaitmoodError
from gait.predictions import Predictions
from training import cross_validation

CLASSES = ("angry", "sad")


def write_run(
    folder: Path, model: str, answers, labels, subjects, *, parameters=100, fold_seed=0, names=None
):
    """The folder of a finished cross-validation whose model gave these answers."""
    folder.mkdir(parents=True)
    every = [f"w{i}.npz" for i in range(len(labels))]
    kept = [i for i, name in enumerate(every) if names is None or name in names]
    p = np.array([[0.8, 0.2] if a == "angry" else [0.2, 0.8] for a in answers])
    Predictions(
        tuple(every[i] for i in kept),
        CLASSES,
        p[kept],
        tuple(labels[i] for i in kept),
        tuple(subjects[i] for i in kept),
        (1,) * len(kept),
    ).save_csv(folder / "predictions.csv")
    order = sorted(set(subjects))
    dealt = {
        "protocol": "loso",
        "walks": [list(row) for row in zip(every, labels, subjects, strict=True)],
        "used": [every[i] for i in kept],
        "folds": [[(order.index(s) + fold_seed) % len(order) for s in subjects]],
    }
    (folder / "folds.json").write_text(json.dumps(dealt))
    fold = {"parameters": parameters, "training_seconds": 2.0, "prediction_seconds": 0.5, "walks": len(kept)}
    (folder / "result.json").write_text(json.dumps({"model": model, "folds": [fold]}))
    return folder


def world(right_of_ten: dict[str, int], people: int = 20):
    """Labels, subjects, and for each model answers of which so many of ten are right, person by person."""
    labels = ["angry", "sad"] * people
    subjects = [f"p{i // 2:02d}" for i in range(2 * people)]
    other = {"angry": "sad", "sad": "angry"}
    answers = {
        name: [y if i // 2 % 10 < right else other[y] for i, y in enumerate(labels)]
        for name, right in right_of_ten.items()
    }
    return labels, subjects, answers


def runs_of(tmp_path, right_of_ten, parameters):
    labels, subjects, answers = world(right_of_ten)
    return [
        read_finished(write_run(tmp_path / name, name, answers[name], labels, subjects, parameters=count))
        for name, count in parameters.items()
    ]


def test_rows_stand_by_accuracy_with_paired_differences(tmp_path):
    found = compare(runs_of(tmp_path, {"small": 5, "large": 9}, {"small": 10, "large": 4000}))
    assert [row.run.model for row in found.rows] == ["large", "small"]
    assert [row.accuracy[0] for row in found.rows] == [0.9, 0.5]
    best, small = found.rows
    assert best.to_best is None
    assert small.to_simplest is None
    assert best.to_simplest.found == pytest.approx(0.4)
    assert small.to_best.found == pytest.approx(-0.4)
    assert 0 < best.to_simplest.low < 0.4 < best.to_simplest.high
    assert best.to_simplest.p < 0.05
    assert "large does better than the simplest model, small, beyond chance" in found.text()


def test_the_simple_model_wins_where_the_large_one_is_not_told_from_it(tmp_path):
    found = compare(runs_of(tmp_path, {"small": 6, "large": 7}, {"small": 10, "large": 4000}))
    text = " ".join(found.text().split())
    assert "The simple model wins: large (70.0 %) cannot be told from small (60.0 %)" in text
    assert "400 times fewer fitted numbers" in text
    assert "take it" not in text


def test_the_simplest_may_be_the_best(tmp_path):
    found = compare(runs_of(tmp_path, {"small": 9, "large": 6}, {"small": 10, "large": 4000}))
    assert "The simplest model, small, is also the best: take it." in found.text()


@pytest.mark.parametrize(
    ("right", "words"),
    [
        (4, "By accuracy no model is worth taking: the best of them, small (40.0 %), is right no more often"),
        (5, "By accuracy no model is worth taking: the best of them, small (50.0 %), is right no more often"),
        (6, "But always answering 'angry' (50.0 %) may do as well as small: the difference is +10.0 ("),
    ],
)
def test_who_does_no_better_than_a_constant_answer_is_not_to_be_taken(tmp_path, right, words):
    found = compare(runs_of(tmp_path, {"small": right, "large": 3}, {"small": 10, "large": 4000}))
    text = " ".join(found.text().split())
    assert words in text
    assert "take it" not in text
    assert found.best.to_constant[0] == pytest.approx(right / 10 - 0.5)


def test_few_people_are_said_to_be_few(tmp_path):
    """Of five, 2 of the 32 exchanges are as far apart as can be: p is 0.0625 where all speak for one model."""
    labels, subjects, answers = world({"small": 0, "large": 10}, people=5)
    sizes = {"small": 10, "large": 4000}
    few = [
        read_finished(write_run(tmp_path / m, m, answers[m], labels, subjects, parameters=n))
        for m, n in sizes.items()
    ]
    found = compare(few)
    assert found.best.to_simplest.low == found.best.to_simplest.found == 1
    assert found.best.to_simplest.p == metrics.lowest_exchange_p(5) == 0.0625
    text = " ".join(found.text().split())
    assert (
        "With as few as 5 subjects intervals are narrower than they should be, and p cannot fall below 0.062"
        in text
    )
    assert "No difference between these models could be shown with so few: test more people." in text
    assert (
        "With as few as" not in compare(runs_of(tmp_path / "many", {"a": 5, "b": 9}, {"a": 1, "b": 9})).text()
    )


def test_copies_parted_by_folds_are_left_out_and_named_with_what_they_would_have_made(tmp_path):
    """The first two people's walks are copies, and the large model is right about them alone."""
    labels, subjects, answers = world({"small": 5, "large": 2})
    sizes = {"small": 10, "large": 4000}
    runs = [write_run(tmp_path / m, m, answers[m], labels, subjects, parameters=n) for m, n in sizes.items()]
    copies = [f"w{i}.npz" for i in range(40) if i // 2 % 10 < 2]
    said = {"leaks": copies, "leak_reasons": {copies[0]: "the same file as w9.npz"}}
    (runs[0] / "report.json").write_text(json.dumps(said))
    found = compare([read_finished(folder) for folder in runs])
    assert found.walks == 32
    assert {row.run.model: row.accuracy[0] for row in found.rows} == {"small": 12 / 32, "large": 0}
    for text in (found.text(), found.markdown()):
        assert "LEAK: of 8 walks a copy lies in another fold" in text
        assert "w0.npz: the same file as w9.npz" in text
        assert "With them, too high: small 50.0 %, large 20.0 %." in text
    everything = {"leaks": [f"w{i}.npz" for i in range(40)]}
    (runs[0] / "report.json").write_text(json.dumps(everything))
    with pytest.raises(GaitmoodError, match="walks of two people or more were expected"):
        compare([read_finished(folder) for folder in runs])


def test_runs_over_other_folds_or_labels_are_refused(tmp_path):
    labels, subjects, answers = world({"a": 5, "b": 6})
    a = write_run(tmp_path / "a", "a", answers["a"], labels, subjects)
    b = write_run(tmp_path / "b", "b", answers["b"], labels, subjects, fold_seed=1)
    with pytest.raises(GaitmoodError, match="have other folds"):
        compare([read_finished(a), read_finished(b)])
    c = write_run(tmp_path / "c", "c", answers["b"], labels[::-1], subjects)
    with pytest.raises(GaitmoodError, match="have other walks or labels"):
        compare([read_finished(a), read_finished(c)])


def test_walks_that_one_model_could_not_use_are_left_out_by_name(tmp_path):
    labels, subjects, answers = world({"a": 5, "b": 6})
    names = [f"w{i}.npz" for i in range(len(labels)) if i != 3]
    a = write_run(tmp_path / "a", "a", answers["a"], labels, subjects)
    b = write_run(tmp_path / "b", "b", answers["b"], labels, subjects, names=names)
    found = compare([read_finished(a), read_finished(b)])
    assert found.walks == len(labels) - 1
    assert "not every model could use them: w3.npz" in found.text()


def test_the_command_writes_text_markdown_csv_and_a_picture(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runs_of(tmp_path, {"small": 5, "large": 9}, {"small": 10, "large": 4000})
    assert script.main(["small", "large", "--output", "out"]) == 0
    assert "large" in capsys.readouterr().out
    assert sorted(p.name for p in Path("out").iterdir()) == sorted(FILES)
    with Path("out/comparison.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[0]["accuracy"]) == 0.9
    assert float(rows[0]["simplest_difference"]) == pytest.approx(0.4)
    assert rows[0]["best_p"] == ""
    assert Path("out/comparison.md").read_text().startswith("| model | accuracy |")
    assert Path("out/comparison.png").read_bytes().startswith(b"\x89PNG")


def test_too_few_runs_and_folders_that_are_none_are_refused(tmp_path):
    with pytest.raises(GaitmoodError, match="two finished runs or more"):
        script.main([str(tmp_path)])
    with pytest.raises(GaitmoodError, match=r"a finished cross-validation was expected .* no such folder"):
        script.main([str(tmp_path / "one"), str(tmp_path / "none")])


def changed(old: str, new: str):
    return lambda path: path.write_text(path.read_text().replace(old, new, 1))


@pytest.mark.parametrize(
    ("file", "damage", "words"),
    [
        ("result.json", Path.unlink, "interrupted: the command that began it goes on with --resume"),
        ("predictions.csv", Path.unlink, "no predictions.csv in it: put it back"),
        ("folds.json", Path.unlink, "no folds.json in it: put it back"),
        ("folds.json", lambda path: path.write_text("{}"), "there is no 'walks' in folds.json"),
        ("folds.json", lambda path: path.write_text("{"), "folds.json cannot be read as JSON"),
        (
            "result.json",
            lambda path: path.write_text("[]"),
            "no longer as train.py --cross-validate wrote it",
        ),
        ("result.json", changed('"parameters"', '"x"'), "folds with parameters, training_seconds"),
        ("predictions.csv", lambda path: path.write_text(""), "predictions.csv is empty"),
        (
            "predictions.csv",
            changed("w0.npz,angry", "w0.npz,sad"),
            "w0.npz is 'sad' in predictions.csv and 'angry' in",
        ),
        (
            "predictions.csv",
            changed("w0.npz", "other"),
            "the walks of predictions.csv are not those that folds.json",
        ),
    ],
)
def test_what_is_gone_or_was_changed_is_named_with_what_to_do(tmp_path, file, damage, words):
    labels, subjects, answers = world({"a": 5})
    folder = write_run(tmp_path / "a", "a", answers["a"], labels, subjects)
    damage(folder / file)
    with pytest.raises(GaitmoodError) as caught:
        read_finished(folder)
    assert words in str(caught.value)
    assert str(folder) in str(caught.value)


def test_exchanging_by_hand():
    """Two people; A speaks for the first model by two walks, B by one: of four exchanges two are as far apart."""
    labels = np.zeros(3, int)
    first, second = np.zeros(3, int), np.ones(3, int)
    assert metrics.exchange_p(labels, first, second, ["A", "A", "B"]) == 2 / 4
    assert metrics.exchange_p(labels, first, first, ["A", "A", "B"]) == 1


def test_many_people_are_exchanged_at_random_with_the_right_rate_of_false_alarms():
    rng = np.random.default_rng(0)
    alarms = 0
    for seed in range(200):
        labels = np.zeros(40, int)
        first, second = rng.integers(0, 2, (2, 40))
        alarms += metrics.exchange_p(labels, first, second, np.arange(40) // 2, draws=500, seed=seed) < 0.05
    assert alarms / 200 < 0.1
    assert (
        metrics.exchange_p(np.zeros(60, int), np.zeros(60, int), np.ones(60, int), np.arange(60) // 2) < 0.001
    )


def test_holm_by_hand():
    assert metrics.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert metrics.holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert metrics.holm([]) == []


def test_train_compares_several_models_on_the_same_folds(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gait.preprocess.walks.map_items", map_here)
    monkeypatch.setattr(cross_validation, "map_items", map_here)
    write_npz_walks(Path("videos"), CLASSES, people=3)
    models = ("--model", "logistic_regression,mlp", "--jobs", "1")
    done = in_process(capsys, "train", *models, "--cross-validate", "loso")
    assert done.code == 0, done.err
    assert "Cross-validation of mlp" in done.out
    assert "Picking the highest row and quoting its score flatters" in " ".join(done.out.split())
    assert in_process(capsys, "train", *models).code == 2
    assert (
        "unknown model 'svn'"
        in in_process(capsys, "train", "--model", "mlp,svn", "--cross-validate", "3").err
    )
