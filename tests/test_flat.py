"""Joints in the picture only: what a flat figure keeps, what it does not tell, and training and testing on it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from keypoint_walks import hide, in_picture, walker, work_here, write_coco, write_npz_walks, write_openpose
from small_walks import ran
from videofiles import map_here

from gait import bundle as bundles
from gait.cache import Cache
from gait.errors import VideoError
from gait.features import FEATURES, FRAME_FEATURES, frame_features, measure
from gait.features.motion import body_height
from gait.formats.listing import WalkInFile
from gait.labels import Sample
from gait.pose.cleaning import clean
from gait.pose.flat import flatten, is_flat
from gait.preprocess import JointPreprocess
from gait.skeleton import convert, find_layout
from synthesis.camera import VIEWS
from training.augment import vary_joints

REMARK = "joints in the picture only: depth is not known, compare only walks of one view"


def flat_walker(view: str, layout: str = "coco17", emotion: str = "happy", subject: int = 1):
    """A walk in three dimensions, and what a picture shows of it."""
    whole = convert(walker(emotion, subject, view, 4.0), layout)
    return whole, in_picture(whole)


@pytest.mark.parametrize("view", VIEWS)
def test_a_flat_figure_has_the_proportions_that_the_camera_saw(view):
    whole, seen = flat_walker(view)
    found = flatten(seen)
    assert is_flat(seen)
    assert not is_flat(found)
    assert (found.world[..., 2] == 0).all()
    assert found.root is None
    hips = whole.world[:, list(find_layout("coco17").hips)].mean(axis=1, keepdims=True)
    stature = body_height(convert(whole, "gait16").world.astype(np.float64))
    true = (whole.world - hips)[..., :2] * 1.70 / stature
    error = np.linalg.norm(found.world[..., :2] - true, axis=-1)
    # Perspective: who comes nearer shows feet that are nearer still. Who crosses the picture does not.
    assert error.mean() < (0.02 if view in ("left", "right") else 0.05)
    sizes = np.ptp(found.world[..., 1], axis=1)
    assert sizes[-30:].mean() == pytest.approx(
        sizes[:30].mean(), rel=0.05
    )  # though the picture's grow or shrink


def test_of_nobody_and_of_no_legs_no_figure_is_made():
    with pytest.raises(VideoError, match="all are NaN"):
        is_flat(hide(walker(), slice(None)))
    knees = list(find_layout("coco17").knees)
    _, seen = flat_walker("left")
    with pytest.raises(VideoError, match="the body cannot be measured"):
        flatten(hide(seen, slice(None), knees))


@pytest.mark.parametrize("view", VIEWS)
def test_what_needs_depth_is_not_measured_and_the_reason_is_said(view):
    whole, seen = flat_walker(view)
    found, true = measure(flatten(seen)), measure(whole)
    missing = {name for name, value in found.values.items() if np.isnan(value)}
    assert missing == {name for name, feature in FEATURES.items() if feature.needs != "world"}
    deep = {name for name, feature in FEATURES.items() if feature.needs == "depth"}
    assert {"walking_speed", "left_arm_swing_range", "trunk_lean_mean"} <= deep
    assert {found.reasons[name] for name in deep} == {"joints in the picture only: depth is not known"}
    assert found.values["cadence"] == pytest.approx(true.values["cadence"], rel=0.03)
    rows = frame_features(flatten(seen), tuple(FRAME_FEATURES))
    lost = {name for name, column in zip(FRAME_FEATURES, rows.T, strict=True) if np.isnan(column).all()}
    assert lost == {name for name, feature in FRAME_FEATURES.items() if feature.needs == "depth"}


def test_an_elbow_seen_from_the_side_is_measured_in_the_picture():
    whole, seen = flat_walker("left")
    true, found = measure(whole).values, measure(flatten(seen)).values
    for name in ("left_elbow_angle_mean", "left_knee_angle_range", "left_hand_head_distance_mean"):
        assert found[name] == pytest.approx(true[name], rel=0.08), name


@pytest.mark.parametrize("view", VIEWS)
def test_left_and_right_stay_as_the_file_has_them(view):
    """Without depth the mending would exchange up to half the frames of true joints."""
    for subject, emotion in enumerate(("happy", "sad", "angry")):
        _, seen = flat_walker(view, emotion=emotion, subject=subject)
        found = clean(replace(seen, frame_size=(0, 0)))
        assert not found.mended.any()
        assert not found.notes["direction"]["known"]


@pytest.mark.parametrize(("view", "hidden"), [("left", "right_ear"), ("back", "nose")])
def test_a_head_is_made_of_what_the_view_shows_of_it(view, hidden):
    _, seen = flat_walker(view)
    place = find_layout("coco17").index(hidden)
    whole, part = convert(seen, "gait16"), convert(hide(seen, slice(None), place), "gait16")
    head = find_layout("gait16").index("head")
    height = np.ptp(seen.image[..., 1], axis=1).mean()
    apart = np.linalg.norm(whole.image[:, head] - part.image[:, head], axis=1)
    assert (apart < 0.06 * height).all()
    assert (apart > 0).all()
    # An ear that is seen now and then is no part of it: the head would jump.
    now_and_then = convert(hide(seen, slice(0, 90), place), "gait16")
    np.testing.assert_allclose(now_and_then.image[:, head], part.image[:, head])


def stored(folder, sequence) -> np.ndarray:
    path = write_coco(folder / "a.json", sequence)
    how = JointPreprocess(length=12)
    (walk,) = how.prepare([Sample(path, "a.json", keypoints=WalkInFile())], Cache(folder / "store"), 1).walks
    assert walk.flat
    return how.read(walk, 0)


def test_a_flat_figure_is_not_turned_round_and_stays_flat(tmp_path, monkeypatch):
    monkeypatch.setattr("gait.preprocess.walks.map_items", map_here)
    front, back = (stored(tmp_path / view, flat_walker(view)[1]) for view in ("front", "back"))
    left, right = find_layout("gait16").shoulders
    assert (front[:, left, 0] > front[:, right, 0]).all()  # the walker's left, on the picture's right
    assert (back[:, left, 0] < back[:, right, 0]).all()
    for clip in (front, back):
        varied = vary_joints(clip, "gait16", np.random.default_rng(1))
        assert (clip[..., [2, 5]] == 0).all()
        assert (varied[..., [2, 5]] == 0).all()
        assert np.abs(varied[..., 0] - clip[..., 0]).max() > 0.01


# --- train.py and test.py ---------------------------------------------------------------------------------------

FOREST = ("--model", "random_forest", "--jobs", "1")
LSTM = ("--model", "keypoint_lstm", "--jobs", "1", "--epochs", "1", "--frames", "12")


def write_flat_walks(folder, kind: str, people: int = 4, first: int = 0) -> None:
    for emotion in ("angry", "sad"):
        for person in range(first, first + people):
            seen = in_picture(walker(emotion, person, "left"))
            if kind == "coco":
                write_coco(folder / emotion / f"p{person}.json", seen)
            else:
                write_openpose(folder / emotion, f"p{person}", seen)


@pytest.fixture
def here(monkeypatch, tmp_path):
    return work_here(monkeypatch, tmp_path)


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        pytest.param("openpose", FOREST, id="openpose-random_forest"),
        pytest.param("openpose", LSTM, id="openpose-keypoint_lstm", marks=pytest.mark.slow),
        pytest.param("coco", FOREST, id="coco-random_forest"),
        pytest.param("coco", LSTM, id="coco-keypoint_lstm"),
    ],
)
def test_joints_of_pictures_end_to_end(here, capsys, kind, model):
    write_flat_walks(here / "videos", kind)
    write_flat_walks(here / "videosTest", kind, people=2, first=20)
    out = ran(capsys, "train", *model)
    assert "Found 8 walks in videos/" in out
    assert out.count(REMARK) == 1
    assert f"(8 walks): {REMARK}" in out
    assert "left out" not in out
    assert "no rate in the file: 30 frames per second assumed" in out
    (file,) = (here / "saved_models").glob("*.h5")
    record = bundles.read_record(file)
    assert record.flat == len(record.training_labels) > 0
    out = ran(capsys, "test")
    assert "Scores on 4 labelled walks" in out
    assert "the model was trained on" not in out
    (report,) = (here / "runs").glob("*test-*/report.txt")
    read = report.read_text(encoding="utf-8").partition("How the walks were read")[2]
    assert f"(4 walks): {REMARK}" in read
    assert "Poses: none of the 4 walks is a loop" in read
    write_npz_walks(here / "deep", people=1, first=30)
    out = ran(capsys, "test", "--videos", "deep")
    said = "2 of 2 walks have joints with depth, the model was trained on joints in the picture only"
    assert said in out


def test_a_model_of_joints_with_depth_says_so_of_flat_walks_and_training_on_both_says_so(here, capsys):
    write_npz_walks(here / "videos", people=3)
    write_flat_walks(here / "flat", "coco", people=1, first=20)
    ran(capsys, "train", *FOREST)
    out = ran(capsys, "test", "--videos", "flat")
    said = "2 of 2 walks have joints in the picture only, the model was trained on joints with depth"
    assert said in out
    write_flat_walks(here / "videos", "coco", people=1, first=40)
    out = ran(capsys, "train", *FOREST)
    assert "2 of 8 walks have joints in the picture only, the others have depth, too" in out
