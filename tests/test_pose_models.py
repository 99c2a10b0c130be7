"""``--pose-models``: asked for before the work, remembered by the model, named anew where it has moved."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from keypoint_walks import walker
from small_walks import make_walks, ran
from videofiles import map_here

from gait import bundle as bundles
from gait.errors import GaitmoodError
from gait.models import classical
from gait.pose.estimators import PoseSettings
from gait.pose.root import estimate_root
from gait.preprocess import (
    ClipPreprocess,
    FeaturePreprocess,
    JointPreprocess,
    LandmarkClipPreprocess,
    restore,
)
from gait.preprocess.poses import pose_settings_of, with_pose_models

FOREST = ("--model", "random_forest", "--jobs", "1")


@pytest.fixture
def world(tmp_path, monkeypatch):
    """Six videos in an empty folder, and an estimator that knows who walks in them and notes how it was asked."""
    monkeypatch.chdir(tmp_path)
    for module in (
        "gait.preprocess.walks",
        "gait.fingerprint.taking",
        "evaluation.testing",
        "training.cross_validation",
    ):
        monkeypatch.setattr(f"{module}.map_items", map_here)
    few = classical.Classical(
        classical.RandomForestClassifier, {"n_estimators": 5}, {"min_samples_leaf": [1, 2]}
    )
    monkeypatch.setattr(classical, "random_forest", few)
    make_walks(tmp_path / "videos", {"happy": 1, "sad": -1}, people=3)
    asked = []

    def estimate(path: Path, settings: PoseSettings):
        asked.append(settings)
        seen = walker(path.parent.name, int(path.stem[1:]), seconds=3.0)
        root = estimate_root(seen.image, seen.world, seen.visibility, seen.frame_size)
        return replace(seen, root=root, root_unit="body", root_source="estimated")

    monkeypatch.setattr("gait.preprocess.poses.estimate_video", estimate)
    return asked


def test_mediapipe_from_training_to_prediction(world, fake_mediapipe, tmp_path, capsys):
    mediapipe = (*FOREST, "--poses", "mediapipe")
    error = ran(capsys, "train", *mediapipe, code=2)
    assert "needs the path of a pose_landmarker_*.task file; found None. --pose-models PATH names it" in error
    error = ran(capsys, "train", *mediapipe, "--pose-models", "no.task", code=2)
    assert "found no.task" in error
    assert error.count("no.task") == 1  # asked once, not for every video
    assert world == []
    task, moved = Path("pose_landmarker_full.task"), Path("elsewhere.task")
    out = ran(capsys, "train", *mediapipe, "--pose-models", task)
    assert set(world) == {PoseSettings("mediapipe", models=task)}
    assert len(world) == 6
    assert "Poses: none of the 6 walks is a loop; a person in view in 100% of the frames" in out
    assert "Features not reliable from the views of these walks: 46 of 97 from front (6 walks)" in out
    how = bundles.read_record(Path("saved_models/random_forest.h5")).preprocess
    assert (how.poses, how.pose_models) == ("mediapipe", str(task))

    out = ran(capsys, "test", "--videos", "videos", "--jobs", "1")
    assert "poses.csv" in out
    task.rename(moved)
    assert "found pose_landmarker_full.task" in ran(
        capsys, "test", "--videos", "videos", "--jobs", "1", code=2
    )
    again = ran(capsys, "test", "--videos", "videos", "--jobs", "1", "--pose-models", moved)
    assert out.partition("Written")[0] == again.partition("Written")[0]
    assert len(world) == 6  # the same file in another place: what it said before is known
    for run in ("*-random_forest", "*-test-random_forest"):
        for table in Path("runs").glob(f"{run}/poses.csv"):
            with table.open(encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
            assert [row["frames"] for row in rows] == ["90"] * 6
            assert {row["direction"] for row in rows} == {"towards"}
    assert len(list(Path("runs").glob("*/poses.csv"))) == 3

    video = "videos/happy/p0.mp4"
    assert "found pose_landmarker_full.task" in ran(capsys, "predict", video, code=2)
    assert "nobody was found in view" in ran(capsys, "predict", video, "--pose-models", moved)


def test_ones_own_blazepose_files_are_looked_for_before_the_work(world, capsys):
    error = ran(capsys, "train", *FOREST, "--pose-models", "mine", code=2)
    assert "mine: a folder with pose_detection.tflite and pose_landmark_full.tflite" in error
    assert "--pose-models PATH names another place" in error
    Path("mine").mkdir()
    (Path("mine") / "pose_detection.tflite").write_bytes(b"x")
    error = ran(capsys, "train", *FOREST, "--pose-models", "mine", code=2)
    assert "mine: pose_landmark_full.tflite expected in this folder" in error
    assert world == []
    shutil.copy("mine/pose_detection.tflite", "mine/pose_landmark_full.tflite")
    out = ran(capsys, "train", *FOREST, "--pose-models", "mine", "--cross-validate", "2")
    assert set(world) == {PoseSettings("blazepose", models=Path("mine"))}
    assert "predictions.csv, poses.csv" in out


def test_a_pose_network_in_another_place_is_looked_for_there(world, capsys):
    error = ran(capsys, "train", *FOREST, "--poses", "posenet", "--pose-models", "mine.h5", code=2)
    assert "mine.h5 is not there" in error
    assert "--pose-models PATH names another" in error


@pytest.mark.parametrize("kind", [FeaturePreprocess, JointPreprocess, LandmarkClipPreprocess])
def test_every_preprocessing_of_poses_keeps_the_path(kind):
    how = kind(poses="mediapipe", pose_models="a.task")
    assert restore(how.settings()) == how
    assert pose_settings_of(how) == PoseSettings("mediapipe", models=Path("a.task"))
    assert pose_settings_of(with_pose_models(how, Path("b.task"))).models == Path("b.task")
    assert with_pose_models(how, None) is how
    before = {name: value for name, value in how.settings().items() if name != "pose_models"}
    assert restore(before).pose_models is None  # bundles from before there was the option


def test_a_model_of_frames_has_no_pose_models():
    assert pose_settings_of(ClipPreprocess()) is None
    with pytest.raises(GaitmoodError, match="--pose-models: this model looks at frames alone"):
        with_pose_models(ClipPreprocess(), Path("a.task"))
