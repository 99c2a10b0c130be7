"""Searching settings: repeatable, judged by validation walks only, and what was found is what is trained with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from keypoint_walks import write_npz_walks
from small_walks import in_process
from videofiles import map_here

from gait import bundle as bundles
from gait.errors import GaitmoodError
from training.options import TrainOptions
from training.search import search
from training.walks import TrainingWalks


def walks(validation=("v",)):
    return TrainingWalks(("t",), validation, ("h",), ("angry", "sad"), None, ())


class Fits:
    """Stands for training: the loss is lowest at a learning rate of 0.002; remembers what it was given."""

    def __init__(self):
        self.seen = []

    def __call__(self, options, walks, folder):
        self.seen.append((options.learning_rate, options.batch_size, options.balance, folder.name))
        loss = abs(options.learning_rate - 0.002) * 1000
        return None, {"val_loss": [9.0, loss, 10.0]}, 2


def options(**more):
    return TrainOptions(model="keypoint_lstm", search=12, seed=3, **more)


def test_the_first_trial_is_the_defaults_and_the_best_is_taken(tmp_path):
    fits = Fits()
    found = search(options(), walks(), tmp_path, fits)
    assert len(fits.seen) == 12
    assert fits.seen[0] == (0.001, 8, "weights", "trial-01")
    best = min(fits.seen, key=lambda seen: abs(seen[0] - 0.002))
    assert (found.learning_rate, found.batch_size, found.balance) == best[:3]
    assert abs(found.learning_rate - 0.002) < 0.001
    assert all(0.0002 <= seen[0] <= 0.005 for seen in fits.seen)


def test_same_seed_same_trials_and_a_resumed_search_is_not_repeated(tmp_path):
    one, two, three = Fits(), Fits(), Fits()
    first = search(options(), walks(), tmp_path / "a", one)
    search(options(), walks(), tmp_path / "b", two)
    assert one.seen == two.seen
    assert search(options(), walks(), tmp_path / "a", three) == first
    assert not three.seen


def test_a_loss_that_is_no_number_never_wins(tmp_path):
    def broken(options, walks, folder):
        good = folder.name == "trial-01"
        return None, {"val_loss": [1.0 if good else float("nan")]}, 1

    assert search(options(), walks(), tmp_path, broken).learning_rate == 0.001


def test_nothing_to_judge_by_is_refused(tmp_path):
    with pytest.raises(GaitmoodError, match="leave --validation above 0"):
        search(options(), walks(validation=()), tmp_path, Fits())


def test_train_searches_and_trains_with_what_it_found(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gait.preprocess.walks.map_items", map_here)
    write_npz_walks(Path("videos"), people=4)
    small = ("--model", "keypoint_lstm", "--epochs", "1", "--frames", "8", "--jobs", "1", "--search", "2")
    done = in_process(capsys, "train", *small)
    assert done.code == 0, done.err
    assert "Searched 2 settings inside the training subjects" in done.out
    (folder,) = Path("runs").iterdir()
    chosen = json.loads((folder / "search.json").read_text())["chosen"]
    record = bundles.read_record(Path("saved_models/keypoint_lstm.h5"))
    assert {name: record.options[name] for name in chosen} == chosen
    assert not list(folder.glob("search/*/checkpoint"))
