"""Cross-validation: every walk once, by a model that never saw its walker; nothing lost by interruptions."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from keypoint_walks import hide, walker, write_npz_walks
from small_walks import in_process
from videofiles import map_here

from gait.errors import InterruptedRunError
from gait.models import classical
from gait.pose.store import save_npz
from gait.predictions import Predictions
from training import cross_validation
from training.cross_validation import cross_validate
from training.options import TrainOptions

FOREST = ("--model", "random_forest", "--jobs", "1")
EMOTIONS = ("angry", "sad")


@pytest.fixture(autouse=True)
def _small(monkeypatch, tmp_path):
    """In an empty folder, without worker processes, forests of five trees."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gait.preprocess.walks.map_items", map_here)
    monkeypatch.setattr(cross_validation, "map_items", map_here)
    forest = classical.Classical(
        classical.RandomForestClassifier, {"n_estimators": 5}, {"min_samples_leaf": [1]}
    )
    monkeypatch.setattr(classical, "random_forest", forest)
    write_npz_walks(Path("videos"), EMOTIONS, people=3)


def run_of() -> Path:
    (folder,) = Path("runs").iterdir()
    return folder


def results(folder: Path) -> list[dict]:
    return [json.loads(path.read_text()) for path in sorted(folder.glob("repeat-1/*/result.json"))]


def test_every_walk_is_predicted_once_and_its_walker_never_trained_on(capsys, monkeypatch):
    trained = {}
    real = cross_validation.fit_bundle

    def watched(options, walks, folder):
        out = {walk.sample.subject for walk in walks.held_out}
        trained[folder.name] = ({walk.sample.subject for walk in (*walks.train, *walks.validation)}, out)
        return real(options, walks, folder)

    monkeypatch.setattr(cross_validation, "fit_bundle", watched)
    done = in_process(capsys, "train", *FOREST, "--cross-validate", "loso")
    assert done.code == 0, done.err
    assert sorted(trained) == ["fold-01", "fold-02", "fold-03"]
    for number, (train, out) in enumerate(trained[name] for name in sorted(trained)):
        assert out == {f"p{number}"}
        assert train == {"p0", "p1", "p2"} - out
    predictions = Predictions.load_csv(run_of() / "predictions.csv")
    assert predictions.names == tuple(f"{e}/p{i}.npz" for e in EMOTIONS for i in range(3))
    assert predictions.labels == ("angry",) * 3 + ("sad",) * 3
    assert "Cross-validation, leave one subject out" in done.out
    assert "accuracy less that of always answering" in done.out
    assert "certainty is as trained" in done.out
    assert "No model was saved" in done.out
    assert not Path("saved_models").exists()
    assert [r["held_out"] for r in results(run_of())] == [["p0"], ["p1"], ["p2"]]
    assert all(r["model"] == "RandomForestClassifier" and r["parameters"] > 5 for r in results(run_of()))


def test_the_report_says_how_the_walks_were_read_and_what_was_calibrated(capsys, monkeypatch):
    real = cross_validation.fit_bundle
    heat = {"fold-01": 1.5, "fold-02": 1.0, "fold-03": 2.25}

    def tempered(options, walks, folder):
        bundle, epoch = real(options, walks, folder)
        return replace(bundle, record=replace(bundle.record, temperature=heat[folder.name])), epoch

    monkeypatch.setattr(cross_validation, "fit_bundle", tempered)
    out = in_process(capsys, "train", *FOREST, "--cross-validate", "loso").out
    assert "calibrated in 2 of 3 folds, by temperatures of 1.50 to 2.25" in out
    report = (run_of() / "report.txt").read_text()
    assert "How the walks were read" in report
    said = json.loads((run_of() / "report.json").read_text())["remarks"]
    assert said
    assert all(remark.strip() in report for remark in said)


def test_pooled_probabilities_are_those_of_the_folds_own_models():
    result = cross_validate(TrainOptions(model="random_forest", cross_validate="loso", jobs=1))
    folds = [
        Predictions.load_csv(result.folder / "repeat-1" / f"fold-{n:02d}" / "predictions.csv")
        for n in (1, 2, 3)
    ]
    of_walk = {name: p for fold in folds for name, p in zip(fold.names, fold.probabilities, strict=True)}
    pooled = result.repeats[0]
    np.testing.assert_array_equal(pooled.probabilities, [of_walk[name] for name in pooled.names])


def test_a_network_keeps_no_checkpoint_and_goes_through_the_same_door(capsys):
    options = ("--model", "keypoint_lstm", "--epochs", "1", "--frames", "8", "--jobs", "1")
    done = in_process(capsys, "train", *options, "--cross-validate", "2", "--validation", "0")
    assert done.code == 0, done.err
    assert "2 folds, grouped by subject" in done.out
    assert not list(run_of().glob("**/checkpoint"))
    assert "Model keypoint_lstm" in (run_of() / "repeat-1" / "fold-01" / "log.txt").read_text()


def test_an_interrupted_run_does_only_what_is_missing_to_the_same_result(monkeypatch):
    options = TrainOptions(model="random_forest", cross_validate="loso", jobs=1)
    whole = cross_validate(TrainOptions(model="random_forest", cross_validate="loso", jobs=1, runs=Path("a")))
    real, fitted = cross_validation.fit_bundle, []

    def interrupted(options, walks, folder):
        if folder.name == "fold-02" and not fitted.count("resumed"):
            raise KeyboardInterrupt
        fitted.append(folder.name)
        return real(options, walks, folder)

    monkeypatch.setattr(cross_validation, "fit_bundle", interrupted)
    with pytest.raises(InterruptedRunError, match=r"--resume --model random_forest --cross-validate loso"):
        cross_validate(options)
    assert fitted == ["fold-01"]
    fitted.append("resumed")
    result = cross_validate(TrainOptions(resume=True, cross_validate="loso"))
    assert fitted == ["fold-01", "resumed", "fold-02", "fold-03"]
    np.testing.assert_array_equal(result.repeats[0].probabilities, whole.repeats[0].probabilities)


def test_resuming_with_other_walks_is_refused(monkeypatch, capsys):
    real = cross_validation.fit_bundle

    def interrupted(options, walks, folder):
        if folder.name == "fold-02":
            raise KeyboardInterrupt
        return real(options, walks, folder)

    monkeypatch.setattr(cross_validation, "fit_bundle", interrupted)
    assert in_process(capsys, "train", *FOREST, "--cross-validate", "loso").code == 130
    Path("videos/sad/p2.npz").rename("videos/sad/p9.npz")
    done = in_process(capsys, "train", "--resume", "--cross-validate", "loso")
    assert done.code == 2
    assert "have changed since" in done.err


def test_a_failed_fold_is_named_and_the_others_are_kept(monkeypatch, capsys):
    real = cross_validation.fit_bundle

    def failing(options, walks, folder):
        if folder.name == "fold-02":
            raise ValueError("no luck")
        return real(options, walks, folder)

    monkeypatch.setattr(cross_validation, "fit_bundle", failing)
    done = in_process(capsys, "train", *FOREST, "--cross-validate", "loso")
    assert done.code == 2
    assert "1 of 3 folds failed" in done.err
    assert "repeat-1/fold-02: " in done.err
    assert "no luck" in done.err
    assert len(results(run_of())) == 2


def test_repeats_deal_anew_and_report_their_spread(capsys):
    done = in_process(capsys, "train", *FOREST, "--cross-validate", "2", "--repeats", "3")
    assert done.code == 0, done.err
    folds = json.loads((run_of() / "folds.json").read_text())["folds"]
    assert len({tuple(fold) for fold in folds}) > 1
    rows = (run_of() / "repeats.csv").read_text().splitlines()
    assert rows[0] == "repeat,accuracy,balanced_accuracy,macro_f_score"
    assert len(rows) == 4
    accuracies = 100 * np.array([float(row.split(",")[1]) for row in rows[1:]])
    assert f"accuracy: {accuracies.mean():.1f} %, {accuracies.std(ddof=1):.1f}" in done.out


def test_models_that_leave_out_different_walks_share_their_folds(capsys):
    broken = hide(walker("sad", 2), slice(None))
    save_npz(broken, Path("videos/sad/p2.npz"))
    done = in_process(capsys, "train", *FOREST, "--cross-validate", "loso")
    assert done.code == 0, done.err
    assert "sad/p2.npz" in done.out
    folds = json.loads((run_of() / "folds.json").read_text())
    assert [name for name, *_ in folds["walks"]][-1] == "sad/p2.npz"
    assert "sad/p2.npz" not in folds["used"]
    assert len(Predictions.load_csv(run_of() / "predictions.csv").names) == 5


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--cross-validate", "1"), "loso or a number of folds from 2 on"),
        (("--cross-validate", "people"), "loso or a number of folds from 2 on"),
        (("--cross-validate", "9"), "9 folds need as many subjects"),
        (("--cross-validate", "loso", "--hold-out", "0.2"), "--hold-out is of no use"),
        (("--repeats", "3"), "add --cross-validate"),
    ],
)
def test_what_cannot_be_done_is_said(flags, words, capsys):
    done = in_process(capsys, "train", *FOREST, *flags)
    assert done.code == 2
    assert words in done.err


# --- Several models, interrupted -----------------------------------------------------------------------------


COMPARED = ("--model", "random_forest,logistic_regression", "--cross-validate", "loso", "--jobs", "1")


def interrupt_in(monkeypatch, model: str, fold: str = "fold-02") -> list[tuple[str, str]]:
    """Ctrl-C in one fold of one model, once; the folds that were fitted."""
    real, fitted = cross_validation.fit_bundle, []

    def interrupted(options, walks, folder):
        if (options.model, folder.name) == (model, fold) and (model, "stopped") not in fitted:
            fitted.append((model, "stopped"))
            raise KeyboardInterrupt
        fitted.append((options.model, folder.name))
        return real(options, walks, folder)

    monkeypatch.setattr(cross_validation, "fit_bundle", interrupted)
    return fitted


def test_an_interrupted_comparison_goes_on_with_what_is_missing(monkeypatch, capsys):
    fitted = interrupt_in(monkeypatch, "logistic_regression")
    stopped = in_process(capsys, "train", *COMPARED, "--seed", "3")
    assert stopped.code == 130
    again = "python train.py --resume --model random_forest,logistic_regression --cross-validate loso"
    assert again in stopped.err
    done = in_process(capsys, *again.removeprefix("python ").replace("train.py", "train").split())
    assert done.code == 0, done.err
    folds = ["fold-01", "fold-02", "fold-03"]
    assert [fold for model, fold in fitted if model == "random_forest"] == folds
    assert [fold for model, fold in fitted if model == "logistic_regression"] == [
        "fold-01",
        "stopped",
        *folds[1:],
    ]
    assert "random_forest" in done.out.split("to the constant")[1]
    seeds = {json.loads(path.read_text())["seed"] for path in Path("runs").glob("*/options.json")}
    assert seeds == {3}
    assert len(list(Path("runs").glob("*-cross-validation-*"))) == 2


def test_a_comparison_that_never_began_is_not_resumed(capsys):
    done = in_process(capsys, "train", *COMPARED, "--resume")
    assert done.code == 2
    assert "no cross-validation of random_forest, logistic_regression has begun in runs/" in done.err


def test_another_model_than_the_interrupted_one_is_not_resumed_in_its_place(monkeypatch, capsys):
    interrupt_in(monkeypatch, "random_forest")
    stopped = in_process(capsys, "train", *FOREST, "--cross-validate", "loso")
    assert "--resume --model random_forest --cross-validate loso" in stopped.err
    other = in_process(capsys, "train", "--model", "svm", "--resume", "--cross-validate", "loso")
    assert other.code == 2
    assert "no interrupted run in runs/ has --model svm, --cross-validate loso" in other.err
    assert "the newest there has --model random_forest, --cross-validate loso" in other.err
    assert (
        in_process(capsys, "train", "--model", "random_forest", "--resume", "--cross-validate", "3").code == 2
    )
    assert in_process(capsys, "train", "--resume", "--cross-validate", "loso").code == 0


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--model", "svm,svm", "--cross-validate", "loso"), "svm is named twice"),
        (("--model", "svm", "--search", "3"), "--search is for networks; svm always searches"),
        (("--model", "svm,mlp", "--search", "3", "--cross-validate", "loso"), "--search is for networks"),
    ],
)
def test_what_would_be_ignored_is_refused(flags, words, capsys):
    done = in_process(capsys, "train", *flags, "--jobs", "1")
    assert done.code == 2
    assert words in done.err
