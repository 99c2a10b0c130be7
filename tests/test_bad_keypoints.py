"""Own keypoint files with something wrong in them: left out by name with the reason, and the rest goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from keypoint_walks import in_picture, walker, work_here, write_coco, write_npz_walks
from small_walks import in_process

from gait.formats import KeypointError, KeypointOptions, read_keypoints
from gait.formats.walks import gait16_walk
from gait.pose.facts import facts_of
from gait.pose.sequence import PoseSequence
from gait.pose.store import save_npz
from gait.skeleton import convert, find_layout

HAND = find_layout("blazepose33").index("left_wrist")


def at(sequence: PoseSequence, value: float) -> PoseSequence:
    world = sequence.world.copy()
    world[7, HAND, 1] = value
    return replace(sequence, world=world)


def held(sequence: PoseSequence) -> PoseSequence:
    names = ("world", "image", "visibility")
    return replace(sequence, **{name: np.repeat(getattr(sequence, name)[:1], 60, axis=0) for name in names})


def timed(sequence: PoseSequence, change: Callable[[np.ndarray], np.ndarray]) -> PoseSequence:
    return replace(sequence, time=change(sequence.time.copy()))


def equal(time: np.ndarray) -> np.ndarray:
    time[5] = time[4]
    return time


# Name -> (what is done to a good walk, the reason that is given).
FAULTS = {
    "equal": (lambda s: timed(s, equal), "grow from frame to frame expected, found 0.133333 in frame 4 and 0.133333"),
    "all_equal": (lambda s: timed(s, np.zeros_like), "grow from frame to frame expected, found 0 in frame 0 and 0"),
    "backwards": (lambda s: timed(s, lambda t: t[::-1]), "expected, found 1.96667 in frame 0 and 1.93333 in frame 1"),
    "nan_time": (lambda s: timed(s, lambda t: np.where(t > 1, np.nan, t)), "in frame 30 and nan in frame 31"),
    "milliseconds": (lambda s: timed(s, lambda t: 1000 * t), "time stamps 33.3333 apart on average; seconds expected"),
    "upside_down": (lambda s: replace(s, world=-s.world), "the head lies below the feet along y"),
    "infinite": (lambda s: at(s, np.inf), "left_wrist is infinite in frame 7"),
    "far": (lambda s: at(s, 1e9), "left_wrist lies 1e+09 from the middle of the body in frame 7"),
    "still": (held, "nothing moves: the body holds one pose in all frames"),
}  # fmt: skip


@pytest.mark.parametrize("model", ["random_forest", "keypoint_lstm"])
def test_each_is_left_out_with_its_reason(tmp_path, capsys, monkeypatch, model):
    work_here(monkeypatch, tmp_path)
    write_npz_walks(tmp_path / "videos", people=3)
    for name, (spoil, _) in FAULTS.items():
        save_npz(spoil(walker()), tmp_path / "videos" / "sad" / f"{name}.npz")
    turned = in_picture(walker())
    write_coco(tmp_path / "videos" / "sad" / "turned.json", replace(turned, image=900 - turned.image))
    done = in_process(capsys, "train", "--model", model, "--jobs", "1", "--epochs", "1", "--frames", "12")
    assert done.code == 0, done.err
    for name, (_, reason) in FAULTS.items():
        (line,) = [line for line in done.out.splitlines() if f"left out: sad/{name}.npz: " in line]
        assert reason in line
    assert "left out: sad/turned.json: the head lies below the feet along y" in done.out
    assert done.out.count("left out: ") == len(FAULTS) + 1


def test_a_hand_that_is_far_for_a_hand_is_still_a_hand(tmp_path):
    save_npz(at(walker(), 3.0), tmp_path / "a.npz")
    assert len(read_keypoints(tmp_path / "a.npz")) == 1
    save_npz(at(walker(), 1e30), tmp_path / "b.npz")
    with pytest.raises(KeypointError, match=r"left_wrist lies 1e\+30 from the middle"):
        read_keypoints(tmp_path / "b.npz")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"images": [1, 2]}, "'images' is not a list of objects"),
        ({"images": [{"id": [0]}]}, r"'images': id is '\[0\]', a number was expected"),
        ({"images": [{"id": 0, "frame_id": "one"}]}, "'images': frame_id is 'one', a number was expected"),
        ({"images": [{"id": 0, "width": "640"}]}, "'images': width is '640', a number was expected"),
        ({"image_id": [3]}, r"'annotations': image_id is '\[3\]', a number was expected"),
        ({"track_id": {}}, "'annotations': track_id is '{}', a number was expected"),
    ],
)
def test_entries_of_a_coco_file_that_are_no_numbers_are_named(tmp_path, changes, reason):
    content = {"annotations": json.loads(write_coco(tmp_path / "a.json", in_picture(walker())).read_text())}
    (content if "images" in changes else content["annotations"][3]).update(changes)
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(KeypointError, match=reason):
        read_keypoints(tmp_path / "a.json")


def test_a_walk_of_which_one_joint_is_never_known_is_in_view_all_the_same(tmp_path):
    hidden = walker()
    points = convert(hidden, "gait16").world + hidden.root[:, None]
    points[:, find_layout("gait16").index("left_hand")] = np.nan
    sequence = gait16_walk(points, KeypointOptions(), "test")
    assert sequence.observed.all()
    assert facts_of(sequence).coverage == 1
