"""Windows dealt at random beside whole subjects left out: the windows, what both sides share, what is told."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from keypoint_walks import played_over, walker
from videofiles import map_here

from benchmarks import window_split
from gait.cache import Cache
from gait.errors import GaitmoodError
from gait.pose.store import save_npz
from gait.predictions import Predictions
from gait.runs import write_json
from training.options import TrainOptions
from training.walks import TrainingWalks, gather_walks

LAP = 30  # frames at 30 a second: 24 at the 24 a second that training samples


@pytest.fixture
def videos(tmp_path, monkeypatch) -> Path:
    """Two emotions of three people; the walks of p0 are laps of a second, five times over."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gait.preprocess.walks.map_items", map_here)
    monkeypatch.setattr(window_split, "map_items", map_here)
    rows = ["video,subject"]
    for emotion in ("angry", "sad"):
        Path("videos", emotion).mkdir(parents=True)
        for person in range(3):
            walk = (
                played_over(walker(emotion, 0), LAP, 5) if person == 0 else walker(emotion, person, seconds=4)
            )
            save_npz(walk, Path("videos", emotion, f"p{person}.npz"))
            rows.append(f"{emotion}/p{person}.npz,p{person}")
    Path("videos/subjects.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "videos"


@pytest.fixture
def found(videos):
    return gather_walks(TrainOptions(model="keypoint_lstm", videos=videos, jobs=1), Cache("cache"))


def test_windows_are_cut_as_the_walk_plays(found):
    how = found.preprocess
    windows = window_split.cut(found.walks, how, Cache("windows"))
    of_walk = {}
    for window in windows:
        of_walk.setdefault(window.sample.source, []).append(window)
    looped, long = of_walk["angry/p0.npz"], of_walk["sad/p1.npz"]
    assert [w.sample.name for w in looped] == [f"angry/p0.npz window {n}" for n in (1, 2, 3)]
    walks = {walk.sample.name: walk for walk in found.walks}
    lap = how.read(walks["angry/p0.npz"], 0)
    frames = how.frames(walks["angry/p0.npz"])
    assert frames < how.length  # the house keeps one lap
    starts = np.round(np.linspace(0, 5 * frames - how.length, 3)).astype(int)
    for window, start in zip(looped, starts, strict=True):
        assert list(how.starts(window)) == [0]
        rows = (start + np.arange(how.length)) % frames
        np.testing.assert_array_equal(how.read(window, 0), lap[rows])  # the first frames of lap are all of it
    whole = walks["sad/p1.npz"]
    for window, start in zip(long, how.starts(whole), strict=True):
        np.testing.assert_array_equal(how.read(window, 0), how.read(whole, start))
    assert len(window_split.cut(found.walks, how, Cache("fewer"), most=2)) == 12


def test_whole_subjects_are_left_out_or_windows_of_anybody(found):
    windows = window_split.cut(found.walks, found.preprocess, Cache("windows"))
    people = np.array([w.sample.subject for w in windows])
    grouped = window_split.deal(windows, "subject", 3, seed=0)
    assert all(len(set(grouped[people == person])) == 1 for person in ("p0", "p1", "p2"))
    dealt = window_split.deal(windows, "window", 3, seed=0)
    assert any(len(set(dealt[people == person])) > 1 for person in ("p0", "p1", "p2"))
    assert (dealt != window_split.deal(windows, "window", 3, seed=1)).any()


@pytest.mark.parametrize("by", ["subject", "window"])
def test_every_window_is_tested_once_and_trained_on_in_the_other_folds(found, by):
    windows = window_split.cut(found.walks, found.preprocess, Cache("windows"))
    walks = TrainingWalks(windows, (), (), found.classes, found.preprocess, ())
    options = window_split.WindowSplitOptions(model="keypoint_lstm", folds=3, epochs=1)
    tasks = window_split._tasks(options, "keypoint_lstm", walks, by, Path("run"))
    names = [window.sample.name for window in windows]
    assert sorted(w.sample.name for task in tasks for w in task.walks.held_out) == sorted(names)
    for task in tasks:
        assert not task.walks.validation  # no epoch is chosen
        assert {w.sample.name for w in task.walks.train} == set(names) - {
            w.sample.name for w in task.walks.held_out
        }
    known = [window_split._known(tasks, of) for of in (lambda s: s.source, lambda s: s.subject)]
    assert known == [0, 0] if by == "subject" else min(known) > 0.5
    assert (
        len(window_split._tasks(replace(options, max_folds=1), "keypoint_lstm", walks, by, Path("run"))) == 1
    )


def knows_walks(task):
    """In place of training: right about windows of walks trained on, 'angry' for all others."""
    task.folder.mkdir(parents=True)
    trained = {window.sample.source for window in task.walks.train}
    out = [window.sample for window in task.walks.held_out]
    answers = [s.label if s.source in trained else "angry" for s in out]
    Predictions(
        names=[s.name for s in out],
        classes=task.walks.classes,
        probabilities=np.eye(2)[[task.walks.classes.index(answer) for answer in answers]],
        labels=[s.label for s in out],
        subjects=[s.subject for s in out],
        clips=[1] * len(out),
    ).save_csv(task.folder / "predictions.csv")
    write_json(task.folder / "result.json", {"parameters": 1234, "best_epoch": 2, "training_seconds": 3.0})


def test_both_splits_are_scored_and_told_side_by_side(videos, capsys, monkeypatch):
    monkeypatch.setattr(window_split, "run_fold", knows_walks)
    arguments = ["--model", "keypoint_lstm,st_gcn", "--epochs", "2", "--folds", "3", "--jobs", "1"]
    assert window_split.main([*arguments, "--windows", "2", "--cache", "cache"]) == 0
    out = capsys.readouterr().out
    assert "12 windows of 48 frames from 6 walks" in out
    assert "st_gcn, 1,234 parameters" in out
    (folder,) = Path("runs").glob("*-window-split-keypoint_lstm")
    subject, window = json.loads((folder / "window-split.json").read_text())["splits"]
    assert [subject[name] for name in ("split", "known_walks", "known_subjects")] == ["subject", 0, 0]
    assert subject["windows"] == window["windows"] == 12
    assert subject["accuracy"] == 0.5  # half are sad
    assert window["accuracy"] > 0.5
    assert (subject["majority"], subject["balanced_accuracy"], subject["seconds_an_epoch"]) == (0.5, 0.5, 1.5)
    more = 100 * (window["accuracy"] - 0.5)
    assert f"Dealing windows at random changes the accuracy by {more:+.1f} points" in out
    (row,) = [
        line for line in out.split("st_gcn")[0].splitlines() if line.startswith("whole subjects left out")
    ]
    assert row.split()[4:8] == ["12", "0%", "0%", "50.0"]


@pytest.mark.slow
def test_a_network_is_trained_on_each_for_all_epochs(videos):
    arguments = [
        "--model",
        "keypoint_lstm",
        "--epochs",
        "1",
        "--folds",
        "2",
        "--max-folds",
        "1",
        "--jobs",
        "1",
    ]
    assert window_split.main([*arguments, "--windows", "2", "--cache", "cache"]) == 0
    (folder,) = Path("runs").glob("*-window-split-keypoint_lstm")
    for split in json.loads((folder / "window-split.json").read_text())["splits"]:
        said = Predictions.load_csv(folder / split["split"] / "fold-01" / "predictions.csv")
        assert len(said.names) == split["windows"]
        right = [true == answer for true, answer in zip(said.labels, said.predicted, strict=True)]
        assert split["accuracy"] == np.mean(right)
        log = (folder / split["split"] / "fold-01" / "log.csv").read_text()
        assert len(log.splitlines()) == 2  # one epoch


def test_models_without_windows_of_joints_are_refused():
    with pytest.raises(GaitmoodError, match="a network of joints was expected; cnn_lstm is not one"):
        window_split.main(["--model", "st_gcn,cnn_lstm"])


def test_numbers_that_nothing_can_be_measured_with_are_refused():
    for flags, said in (
        (("--folds", "1"), "from 2 on was expected, found 1"),
        (("--windows", "0"), "from 1 on"),
    ):
        with pytest.raises(GaitmoodError, match=said):
            window_split.main(list(flags))
