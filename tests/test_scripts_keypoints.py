"""train.py and test.py on keypoint files: found, labelled, trained on, told apart, and what is left out."""

from __future__ import annotations

import pickle
import shutil

import h5py
import numpy as np
import pytest
from keypoint_walks import hide, walker, write_gaits, write_npz_walks
from small_walks import ran
from videofiles import map_here

from gait import bundle as bundles
from gait.formats import KeypointOptions
from gait.labels import find_samples
from gait.models import classical
from gait.pose.store import save_npz
from gait.preprocess.walks import walk_content

FOREST = ("--model", "random_forest", "--jobs", "1")
LSTM = ("--model", "keypoint_lstm", "--jobs", "1", "--epochs", "2", "--frames", "12")
STEP = {
    "a1": 0,
    "n1": 1,
    "h1": 2,
    "s1": 3,
    "a2": 0,
    "n2": 1,
    "h2": 2,
    "s2": 3,
    "a3": 0,
    "n3": 1,
    "h3": 2,
    "s3": 3,
}


@pytest.fixture(autouse=True)
def _small(monkeypatch, tmp_path):
    """In an empty folder, without worker processes, forests of twenty trees."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gait.preprocess.walks.map_items", map_here)
    monkeypatch.setattr("evaluation.testing.map_items", map_here)
    monkeypatch.setattr(
        classical, "random_forest", classical.Classical(
            classical.RandomForestClassifier, {"n_estimators": 20}, {"min_samples_leaf": [1, 2]}
        ),
    )  # fmt: skip


@pytest.mark.parametrize("model", [FOREST, LSTM], ids=["random_forest", "keypoint_lstm"])
def test_a_folder_of_keypoint_files_end_to_end(tmp_path, capsys, model):
    write_npz_walks(tmp_path / "videos", people=5)
    write_npz_walks(tmp_path / "videosTest", people=2, first=20)
    shutil.copy(tmp_path / "videos" / "sad" / "p0.npz", tmp_path / "videosTest" / "sad" / "renamed.npz")
    save_npz(hide(walker(), slice(None)), tmp_path / "videosTest" / "sad" / "nan.npz")
    (tmp_path / "videosTest" / "sad" / "bad.json").write_text("{")
    out = ran(capsys, "train", *model, "--hold-out", "0.2")
    assert "Found 10 walks in videos/ (5 subjects); labels from class folders." in out
    network = model is LSTM
    assert ("log.csv, curves.png" in out) == network
    assert ("validation report" in out) == network
    assert ("Trained on every walk that is not held out" in out) != network
    out = ran(capsys, "test")
    assert "sad/renamed.npz" in out[: out.index("Predictions (")]  # a leak, by its joints
    assert "no joint is known in any frame (all are NaN)" in out
    assert "sad/bad.json" in out
    assert "not readable JSON" in out
    assert "Scores on 4 labelled walks" in out  # without the leak
    assert "Scores on 2 labelled walks" in ran(capsys, "test", "--held-out")
    assert "sad/renamed.npz: the same file as sad/p0.npz" in ran(capsys, "test", "--strict", code=2)
    (tmp_path / "videosTest" / "sad" / "renamed.npz").unlink()
    ran(capsys, "test", "--strict", code=1)


def test_one_file_with_many_walks_and_their_labels(tmp_path, capsys):
    write_gaits(tmp_path / "videos", STEP)
    error = ran(capsys, "train", *FOREST, code=3)
    assert "features.h5: labels labels.h5: the labels are integers" in error
    assert "--emotions" in error
    assert "step: 0 angry, 1 neutral, 2 happy, 3 sad" in error
    out = ran(capsys, "train", *FOREST, "--emotions", "step", "--hold-out", "0.34", "--keypoint-rate", "25")
    assert "Found 12 walks in videos/ (subjects unknown); labels from the keypoint files." in out
    assert "Walks per class: angry 3, happy 3, neutral 3, sad 3" in out
    assert "features.h5: labels.h5: integers read as the map step" in out
    record = bundles.read_record(tmp_path / "saved_models" / "random_forest.h5")
    names = {walk.name for walk in record.walks}
    assert names == {f"features.h5#{name}" for name in STEP}
    assert len({walk.content for walk in record.walks}) == 12
    # The bundle knows map and rate: nothing is said again.
    assert "Scores on 4 labelled walks" in ran(capsys, "test", "--held-out")
    write_gaits(tmp_path / "videosTest", {"x": 0, "y": 2}, first=40)
    with h5py.File(tmp_path / "videosTest" / "features.h5", "a") as file:
        file["wrong"] = np.zeros((20, 51))
    out = ran(capsys, "test")
    assert "features.h5#wrong" in out
    assert "17 joints" in out
    assert "Scores on 2 labelled walks" in out


def test_what_test_is_told_wins_over_the_bundle(tmp_path, capsys):
    write_gaits(tmp_path / "videos", STEP)
    ran(capsys, "train", *FOREST, "--emotions", "step")
    out = ran(capsys, "test", "--videos", "videos", "--emotions", "proxemo")
    assert "integers read as the map proxemo" in out


def test_a_pickle_that_tries_to_run_code_is_left_out_with_the_reason(tmp_path, capsys):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    write_npz_walks(tmp_path / "videos", people=3)
    np.save(tmp_path / "videos" / "x_joint.npy", np.zeros((2, 3, 20, 16, 1)))
    (tmp_path / "videos" / "x_label.pkl").write_bytes(pickle.dumps(Evil()))
    out = ran(capsys, "train", *FOREST)
    assert "left out: x_joint.npy: labels x_label.pkl:" in out
    assert not (tmp_path / "ran").exists()


def test_models_of_frames_name_the_keypoint_files_they_cannot_read(tmp_path, capsys):
    write_npz_walks(tmp_path / "videos", people=1)
    error = ran(capsys, "train", code=3)
    assert "no videos in videos/" in error
    assert "keypoint files, which this model does not read: choose a keypoint model (2)" in error
    assert "angry/p0.npz, sad/p0.npz" in error


def test_a_video_is_the_walk_where_a_keypoint_file_of_its_name_lies_beside_it(tmp_path):
    (file,) = write_npz_walks(tmp_path, emotions=("sad",), people=1)
    file.with_suffix(".mp4").touch()
    (tmp_path / "sad" / "p7.mp4").touch()
    (tmp_path / "sad" / "p7.joints.npz").touch()  # true joints of a synthetic walker
    (tmp_path / "sad" / "p8.joints.npz").touch()
    found = find_samples(tmp_path, keypoints=KeypointOptions())
    assert [sample.name for sample in found.samples] == ["sad/p0.mp4", "sad/p7.mp4"]
    assert (
        "keypoint files beside a video of the same name, which is read instead (1): sad/p0.npz" in found.notes
    )


def test_a_table_says_more_than_the_file_and_the_file_more_than_the_folder(tmp_path):
    write_gaits(tmp_path / "joy", {"a": 0, "b": 3})
    options = KeypointOptions(emotions="step")
    found = find_samples(tmp_path, keypoints=options)
    assert {s.name: s.label for s in found.samples} == {
        "joy/features.h5#a": "angry",
        "joy/features.h5#b": "sad",
    }
    (tmp_path / "labels.csv").write_text("video,label,subject\njoy/features.h5#b,happy,anna\n")
    found = find_samples(tmp_path, keypoints=options)
    assert [(s.label, s.subject) for s in found.samples] == [("angry", None), ("happy", "anna")]
    assert found.classes == ("angry", "happy")
    unlabelled = find_samples(tmp_path, keypoints=KeypointOptions(labels=False))
    assert [s.label for s in unlabelled.samples] == [None, "happy"]


def test_a_walk_is_known_by_its_joints_whatever_its_file_is_called(tmp_path):
    write_gaits(tmp_path / "one", {"a": 0, "b": 3})
    write_gaits(tmp_path / "two", {"x": 0})
    options = KeypointOptions(labels=False)
    a, b, x = (walk_content(s) for s in find_samples(tmp_path, keypoints=options).samples)
    assert a == x != b
    slower = find_samples(tmp_path, keypoints=KeypointOptions(labels=False, rate=10.0)).samples
    assert walk_content(slower[0]) != a


def test_soft_labels_are_refused_for_classical_models_before_any_work(tmp_path, capsys):
    (tmp_path / "videos").mkdir()
    error = ran(capsys, "train", *FOREST, "--soft-labels", code=2)
    assert "--soft-labels is for networks; random_forest learns" in error


@pytest.mark.parametrize("balance", ["weights", "oversample", "cut", "none"])
def test_classical_training_with_and_without_validation_walks(tmp_path, capsys, balance):
    write_npz_walks(tmp_path / "videos", people=4)
    (tmp_path / "videos" / "sad" / "p0.npz").unlink()
    out = ran(capsys, "train", *FOREST, "--validation", "0", "--balance", balance)
    assert "Split: train on 7 walks" in out
    assert "validate" not in out
    out = ran(capsys, "train", *FOREST, "--validation", "0.25", "--balance", balance)
    assert "Split: validate on" in out
    assert "Validation walks (not trained on)" in out
    assert "validation report" in out
