"""What an audit says of loops, of walks that it cannot compare, and of people whom nobody named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from keypoint_walks import played_over, walker
from videofiles import map_here, write_frames

from evaluation import audit
from gait.errors import DONE, LEFT_OUT, GaitmoodError, NothingUsableError
from gait.pose.store import save_npz


@pytest.fixture(autouse=True)
def _here(monkeypatch):
    """No worker processes."""
    monkeypatch.setattr("gait.fingerprint.taking.map_items", map_here)


def moving(frames: np.ndarray) -> list[np.ndarray]:
    """A bright spot that crosses the picture, at some of its 90 places."""
    down, across = np.mgrid[:64, :64]
    return [
        np.repeat(
            (200 * np.exp(-((across - 4 - 0.6 * t) ** 2 + (down - 32) ** 2) / 60))[..., None], 3, 2
        ).astype(np.uint8)
        for t in frames
    ]


def found_in(folder: Path, *more: str) -> dict:
    path = folder.parent / f"{folder.name}.json"
    assert audit.main([str(folder), *more, "--json", str(path)]) == DONE
    return json.loads(path.read_text(encoding="utf-8"))


def without_picture(sequence):
    return replace(sequence, image=np.full_like(sequence.image, np.nan), frame_size=(0, 0))


@pytest.mark.parametrize("seen", [lambda sequence: sequence, without_picture], ids=["picture", "space only"])
def test_of_joints_a_loop_is_named_and_a_regular_walk_is_not(tmp_path, seen):
    folder = tmp_path / "walks"
    folder.mkdir()
    for number, emotion in enumerate(("angry", "sad", "happy", "neutral")):
        whole = walker(emotion, 900 + number, "left", 6.0)
        save_npz(seen(whole), folder / f"{emotion}.npz")
        save_npz(seen(played_over(whole, 40 + number, 3)), folder / f"{emotion}-looped.npz")
    laps = found_in(folder)["a"]["laps"]
    assert sorted(laps) == [f"{emotion}-looped.npz" for emotion in ("angry", "happy", "neutral", "sad")]
    assert laps["sad-looped.npz"] == pytest.approx(41 / 30, abs=0.04)


def test_of_pictures_a_loop_is_named_and_a_way_through_the_picture_is_not(tmp_path, capsys):
    folder = tmp_path / "walks"
    folder.mkdir()
    write_frames(folder / "on.mp4", moving(np.arange(90)))
    write_frames(folder / "over.mp4", moving(np.tile(np.arange(30), 3)))
    assert found_in(folder)["a"]["laps"] == {"over.mp4": pytest.approx(1.0, abs=0.04)}
    assert "A: a few steps played over and over, of which every part is a copy of another (1): over.mp4" in (
        capsys.readouterr().out
    )


@pytest.mark.slow
@pytest.mark.realdata
def test_of_the_recorded_clips_none_is_a_copy_of_another_and_all_are_loops(ewalk, tmp_path):
    """1,830 pairs, 90 of one person in the same place; every clip is a few steps played over and over."""
    path = tmp_path / "found.json"
    assert (
        audit.main([str(ewalk / "videos"), "--labels", str(ewalk / "ratings.xlsx"), "--json", str(path)])
        == DONE
    )
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found["pairs"] == []
    assert (found["a"]["walks"], len(found["a"]["laps"]), found["a"]["not_compared"]) == (61, 61, [])


def test_walks_that_cannot_be_compared_are_not_said_to_be_new(tmp_path, capsys):
    for side, first in (("known", 0), ("new", 20)):
        (tmp_path / side).mkdir()
        write_frames(tmp_path / side / f"{side}.mp4", moving(np.arange(first, first + 60)))
    sides = [str(tmp_path / "known"), str(tmp_path / "new")]
    for number in range(12):
        write_frames(tmp_path / "new" / f"still{number:02d}.mp4", moving(np.full(30, number)))
    (tmp_path / "new" / "broken.mp4").write_bytes(b"")
    assert audit.main(sides) == DONE
    out = capsys.readouterr().out
    assert "Nothing found among the walks that could be compared. CANNOT SAY for 13 walks of B" in out
    assert "B: not compared (12): " in out
    assert "still09.mp4 and 2 more" in out
    assert "still10.mp4" not in out
    assert "B: left out: broken.mp4: " in out
    assert audit.main([*sides, "--strict"]) == LEFT_OUT


def test_joints_against_pictures_are_no_comparison(tmp_path, capsys):
    for side in ("known", "new"):
        (tmp_path / side).mkdir()
    write_frames(tmp_path / "known" / "walk.mp4", moving(np.arange(60)))
    save_npz(walker(), tmp_path / "new" / "walk.npz")
    assert audit.main([str(tmp_path / "known"), str(tmp_path / "new"), "--strict"]) == LEFT_OUT
    out = capsys.readouterr().out
    assert "CANNOT SAY whether a walk of B is a copy of one of A: none could be compared." in out
    assert "Nothing found" not in out


def test_a_side_without_a_walk_that_can_be_read_is_refused(tmp_path):
    (tmp_path / "text.mp4").write_text("no video", encoding="utf-8")
    with pytest.raises(NothingUsableError, match="no walk that can be read"):
        audit.main([str(tmp_path / "text.mp4")])


def test_a_place_that_cannot_be_written_to_is_refused_before_the_work(tmp_path):
    with pytest.raises(GaitmoodError, match=r"--json .*there is no folder"):
        audit.main([str(tmp_path / "nothing"), "--json", str(tmp_path / "none" / "x.json")])


def test_that_nobody_knows_who_walks_is_said_with_the_file_that_may_tell(tmp_path, capsys):
    for side, first in (("known", 0), ("new", 20)):
        (tmp_path / side).mkdir()
        write_frames(tmp_path / side / "walk.mp4", moving(np.arange(first, first + 60)))
    (tmp_path / "subjects.csv").write_text("video,subject\nwalk.mp4,ann\n", encoding="utf-8")
    (tmp_path / "labels.csv").write_text("video,label\nwalk.mp4,sad\n", encoding="utf-8")
    sides = [str(tmp_path / "known"), str(tmp_path / "new")]
    audit.main(sides)
    out = capsys.readouterr().out
    assert "B: who walks is not known of 1 of 1 walk" in out
    assert f"--labels {tmp_path / 'labels.csv'}" in out
    audit.main([*sides, "--labels", str(tmp_path / "labels.csv")])
    assert "subject ann also walks in walk.mp4" in capsys.readouterr().out
