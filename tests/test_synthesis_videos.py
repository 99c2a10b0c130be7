"""The synthetic walkers' pictures and folders."""

import csv
from pathlib import Path

import numpy as np
import pytest

from gait.errors import GaitmoodError
from gait.video import FrameSize, open_video
from synthesis import dataset
from synthesis.camera import VIEWS
from synthesis.dataset import Style, make_dataset, make_demo
from synthesis.joints import INDEX
from synthesis.render import render
from synthesis.scene import paint_background
from synthesis.walks import joints_path, make_walk

SMALL = FrameSize(128, 72)
QUICK = Style(emotions=("happy", "sad"), views=("front", "left"), seconds=0.4, rate=10, size=SMALL)


@pytest.mark.parametrize("view", VIEWS)
def test_the_figure_lies_where_the_joints_are(view):
    walk = make_walk("neutral", view, seed=2, subject=3, seconds=0.5, rate=6)
    empty = paint_background(walk.scene, walk.camera).astype(int)
    for number, frame in enumerate(render(walk)):
        assert frame.shape == (640, 360, 3)
        assert frame.dtype == np.uint8
        painted = (np.abs(frame - empty).sum(axis=-1) > 12).astype(float)
        image = walk.image[number]
        low, high = np.floor(image.min(axis=0)).astype(int), np.ceil(image.max(axis=0)).astype(int)
        margin = round(0.12 * (high[1] - low[1]))
        inside = painted[
            max(low[1] - margin, 0) : high[1] + margin, max(low[0] - margin, 0) : high[0] + margin
        ]
        assert painted.sum() == inside.sum()  # Nothing is painted far from the body,
        for name in ("chest", "pelvis", "head", "left_knee", "right_knee"):
            x, y = image[INDEX[name]].astype(int)
            assert painted[y - 2 : y + 3, x - 2 : x + 3].mean() > 0.5, name  # and the body is.


def test_a_covered_face_is_a_black_box_over_head_and_nose():
    walk = make_walk("happy", "front", seed=2, subject=1, seconds=0.2)
    for image, frame in zip(walk.image, render(walk, covered_face=True), strict=True):
        for name in ("nose", "left_eye", "right_mouth"):
            x, y = image[INDEX[name]].astype(int)
            assert (frame[y - 2 : y + 3, x - 2 : x + 3] == 0).all()
    assert (next(iter(render(walk)))[y - 2 : y + 3, x - 2 : x + 3] != 0).any()


def test_a_face_is_seen_from_the_front_and_hair_from_the_back():
    def head(view: str) -> np.ndarray:
        walk = make_walk("neutral", view, seed=2, subject=haired, seconds=0.1, rate=10, place="hall")
        x, y = walk.image[0, INDEX["head"]].astype(int)
        frame = next(iter(render(walk)))
        return frame[y - 1 : y + 2, x - 1 : x + 2].mean(axis=(0, 1)), walk

    haired = next(s for s in range(99) if _looks(s).hair_style == "short" and _contrast(_looks(s)) > 400)
    face, walk = head("front")
    back, _ = head("back")
    looks = walk.person.looks
    assert np.abs(face - looks.skin).sum() < np.abs(face - looks.hair).sum()
    assert np.abs(back - looks.hair).sum() < np.abs(back - looks.skin).sum()


def _contrast(looks) -> int:
    return sum(looks.skin) - sum(looks.hair)


def _looks(subject: int):
    return make_walk("neutral", seed=2, subject=subject, seconds=0.05).person.looks


def test_same_seed_same_frames_and_another_subject_other_clothes():
    first, second = (
        np.stack(list(render(make_walk("sad", "right", seed=1, subject=4, seconds=0.3, size=SMALL))))
        for _ in "ab"
    )
    assert np.array_equal(first, second)
    other = np.stack(list(render(make_walk("sad", "right", seed=1, subject=5, seconds=0.3, size=SMALL))))
    assert not np.array_equal(first, other)


def test_a_folder_of_walks(tmp_path):
    videos = make_dataset(tmp_path / "walks", 3, style=QUICK, seed=7, first_subject=20, jobs=1)
    assert len(videos) == 6
    with (tmp_path / "walks" / "subjects.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {tmp_path / "walks" / row["video"] for row in rows} == set(videos)
    assert {row["subject"] for row in rows} == {"s0020", "s0021", "s0022"}
    seen = set()
    for path in videos:
        with open_video(path) as video:
            assert [frame.shape for _, frame in video] == 4 * [(128, 72, 3)]
        with np.load(joints_path(path)) as truth:
            assert str(truth["emotion"]) == path.parent.name
            assert f"s{int(truth['subject']):04}" == path.name[:5]
            seen.add((str(truth["emotion"]), str(truth["view"])))
    assert len(seen) == 4  # Every emotion from every view: a view does not tell the emotion.
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".")]


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "happy").mkdir()
    mine = tmp_path / "happy" / "mine.MOV"
    mine.write_bytes(b"mine")
    with pytest.raises(GaitmoodError, match="holds videos already"):
        make_dataset(tmp_path, 1, style=QUICK)
    with pytest.raises(GaitmoodError, match="--hold-out"):
        make_demo(tmp_path, tmp_path / "test")
    with pytest.raises(GaitmoodError, match="--hold-out"):
        make_demo(tmp_path / "videos", tmp_path)
    assert not make_demo(tmp_path, tmp_path / "happy")
    mine.unlink()
    (tmp_path / "subjects.csv").write_text("video,subject\n")
    with pytest.raises(GaitmoodError, match=r"subjects\.csv"):
        make_dataset(tmp_path, 1, style=QUICK)
    assert (tmp_path / "subjects.csv").read_text() == "video,subject\n"


def test_a_failed_or_stopped_run_leaves_nothing(tmp_path, monkeypatch):
    broken = Style(seconds=0.4, rate=10, size=SMALL, views=("above",))
    with pytest.raises(GaitmoodError, match=r"could not be made.*above"):
        make_dataset(tmp_path, 1, style=broken, jobs=1)
    assert list(tmp_path.iterdir()) == []

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(dataset, "map_items", stop)
    with pytest.raises(KeyboardInterrupt):
        make_dataset(tmp_path, 1, style=QUICK)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_cleared(tmp_path):
    left = tmp_path / ".synthetic-walks-part" / "happy"
    left.mkdir(parents=True)
    (left / "s0000-w00.mp4").write_bytes(b"half")
    videos = make_dataset(tmp_path, 1, style=QUICK, jobs=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["happy", "sad", "subjects.csv"]
    assert len(videos) == 2


def test_no_people_or_no_views_are_refused(tmp_path):
    with pytest.raises(GaitmoodError, match="at least one"):
        make_dataset(tmp_path / "a", 0)
    with pytest.raises(GaitmoodError, match="at least one"):
        make_dataset(tmp_path / "b", 1, style=Style(views=()))


def test_the_demo_shares_nobody_between_training_and_test(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(dataset, "_render_all", lambda plans, jobs: made.extend(plans))
    assert make_demo(tmp_path / "videos", tmp_path / "videosTest", seed=1)
    train, test = (
        [plan for plan in made if plan.video.is_relative_to(tmp_path / name)]
        for name in ("videos", "videosTest")
    )
    assert len(train) + len(test) == len(made)
    assert len(test) >= 48
    assert len({plan.subject for plan in test}) >= 16
    assert {plan.subject for plan in train}.isdisjoint(plan.subject for plan in test)
    for plans in (train, test):
        counts = [
            sum(plan.emotion == emotion for plan in plans) for emotion in ("angry", "happy", "neutral", "sad")
        ]
        assert len(set(counts)) == 1
        assert sum(counts) == len(plans)


def test_help_and_a_run_of_the_command(tmp_path, capsys):
    from synthesis.__main__ import main

    flags = "--subjects 1 --emotions sad --views back --seconds 0.3 --fps 10 --height 128 --width 72 --jobs 1"
    assert main([str(tmp_path / "out"), *flags.split()]) == 0
    assert "Made 1 walks of 1 people" in capsys.readouterr().out
    assert [path.parent.name for path in Path(tmp_path / "out").rglob("*.mp4")] == ["sad"]
