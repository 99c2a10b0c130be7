"""Training the pose network: pictures with their joints, cut and varied together; the run, its file, its messages."""

from __future__ import annotations

import functools
import json
import shutil
from dataclasses import replace

import cv2
import keras
import numpy as np
import pytest
from keypoint_walks import walker
from small_walks import ROOT, in_subprocess
from videofiles import map_here

from gait.cache import Cache
from gait.errors import GaitmoodError, InterruptedRunError, NothingUsableError, VideoError
from gait.formats.true_joints import read_true_joints
from gait.labels import find_samples
from gait.pose import posenet, posenet_file
from gait.pose.posenet_finder import alignment_of
from gait.pose.tracking import region_from_points
from gait.skeleton import convert, find_layout
from gait.video import FrameSize, open_video
from synthesis.dataset import Style, make_dataset
from synthesis.poses import true_poses
from synthesis.walks import make_walk, save_joints
from training import callbacks
from training.pose_crops import MARGIN, STORED, PoseCrops, draw_region
from training.pose_dataset import PoseDataset, flip, place, vary
from training.pose_training import train
from training.posenet import PoseNetOptions

LAYOUT = find_layout("gait16")
PEOPLE, FRAMES = 4, 3


@pytest.fixture(scope="module")
def walkers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("walkers")
    style = Style(("happy", "sad"), ("any",), seconds=1.0, rate=FRAMES, size=FrameSize(160, 200))
    make_dataset(folder, PEOPLE, style=style, jobs=1)
    return folder


@pytest.fixture(autouse=True)
def _here(monkeypatch, tmp_path):
    """In an empty folder, without worker processes, with a tiny network."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gait.preprocess.walks.map_items", map_here)
    monkeypatch.setattr(posenet, "build", functools.partial(posenet.build, widths=(8, 8, 8)))


@pytest.fixture
def crops(walkers, tmp_path):
    prepared = PoseCrops().prepare(find_samples(walkers).samples, Cache(tmp_path / "store"))
    assert not prepared.left_out
    return prepared.walks


# --- Pictures with their joints -----------------------------------------------------------------------------


def test_true_joints_in_a_file_are_those_of_the_walk(tmp_path):
    walk = make_walk("sad", "oblique", subject=4, seconds=0.5, rate=8)
    save_joints(tmp_path / "w.joints.npz", walk)
    found, expected = read_true_joints(tmp_path / "w.joints.npz"), true_poses(walk)
    for name in ("image", "world", "root", "time", "visibility"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), atol=1e-4)
    assert (
        (found.layout, found.frame_size)
        == (expected.layout, expected.frame_size)
        == ("blazepose33", (640, 360))
    )


@pytest.mark.parametrize("content", [b"", b"no joints", "other arrays"])
def test_files_that_hold_no_true_joints_are_told(tmp_path, content):
    path = tmp_path / "w.joints.npz"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.savez(path, world=np.zeros((3, 2, 3)))
    with pytest.raises(VideoError, match=r"true joints cannot be read: w\.joints\.npz"):
        read_true_joints(path)


def test_pictures_show_the_frames_about_the_joints(walkers, crops):
    """Where the trunk's joints are said to be in a picture lies what the frame shows there."""
    assert len(crops) == 2 * PEOPLE
    apart = []
    for walk in crops:
        pictures, points, depth = (walk.entry.read(name) for name in ("pictures", "points", "depth"))
        assert (pictures.shape, pictures.dtype) == ((FRAMES, STORED, STORED, 3), np.uint8)
        truth = convert(read_true_joints(walk.sample.path.with_suffix(".joints.npz")), "gait16")
        height = np.abs(truth.world[..., 2]).sum() / np.abs(depth).sum()
        assert 1.3 < height < 2.1
        np.testing.assert_allclose(depth * height, truth.world[..., 2], atol=1e-3)
        with open_video(walk.sample.path) as video:
            for picture, places, image, (_, frame) in zip(pictures, points, truth.image, video, strict=True):
                for joint in map(LAYOUT.index, ("spine", "neck", "left_hip", "right_hip")):
                    x, y = (places[joint] * STORED).astype(int)
                    if 2 < x < STORED - 3 and 2 < y < STORED - 3:
                        near = frame[int(image[joint, 1]) - 1 :, int(image[joint, 0]) - 1 :][:3, :3]
                        seen = picture[y - 1 : y + 2, x - 1 : x + 2]
                        apart.append(np.abs(near.mean(axis=(0, 1)) - seen.mean(axis=(0, 1))).max())
    assert len(apart) > 20
    assert np.median(apart) < 12  # of 255; another place of the picture differs by more


def test_pictures_are_of_people_near_far_and_in_part():
    points = convert(walker(), "gait16").image[0].astype(np.float64)
    own = region_from_points(alignment_of(points, "gait16")).side * MARGIN
    drawn = [draw_region(points, (640, 360), np.random.default_rng(i)) for i in range(400)]
    sides = np.array([region.side for region in drawn]) / own
    inside = [
        (np.abs(points - (region.x, region.y)) < region.side / MARGIN / 2).all(axis=1).mean()
        for region in drawn
    ]
    assert 0.5 < np.mean((sides > 0.75) & (sides < 1.45)) < 0.8
    assert np.mean(sides > 2) > 0.05
    assert np.mean(np.array(inside) == 1) > 0.4
    assert np.mean(np.array(inside) == 0) > 0.02


def dots(points, side=STORED):
    """A dark picture with a bright dot at each joint, each of another colour."""
    picture = np.zeros((side, side, 3), np.uint8)
    for number, (x, y) in enumerate(points * side):
        cv2.circle(picture, (round(x), round(y)), 2, (255, 15 * number, 255 - 15 * number), cv2.FILLED)
    return picture


SPREAD_OUT = 0.25 + 0.5 * np.stack(np.meshgrid(np.linspace(0, 1, 4), np.linspace(0, 1, 4)), axis=-1).reshape(
    16, 2
)


def colour_at(picture, point):
    x, y = (point * len(picture)).round().astype(int)
    return picture[y, x].astype(int)


def test_without_variation_the_middle_is_seen():
    seen, points = place(dots(SPREAD_OUT), SPREAD_OUT, 128)
    np.testing.assert_array_equal(seen, dots(SPREAD_OUT)[16:-16, 16:-16])
    np.testing.assert_allclose(points, (SPREAD_OUT - 0.5) * MARGIN + 0.5, atol=1e-6)


def test_joints_follow_their_picture_however_it_is_turned():
    seen, points = place(dots(SPREAD_OUT), SPREAD_OUT, 96, angle=0.4, zoom=0.8, shift=(0.05, -0.03))
    for number, point in enumerate(points):
        assert np.abs(colour_at(seen, point) - (255, 15 * number, 255 - 15 * number)).max() < 60


def test_a_mirrored_picture_has_left_and_right_exchanged():
    depth = np.arange(16.0)
    seen, points, deep = flip(dots(SPREAD_OUT), SPREAD_OUT, depth)
    left, right = LAYOUT.index("left_knee"), LAYOUT.index("right_knee")
    np.testing.assert_allclose(points[left], [1 - SPREAD_OUT[right, 0], SPREAD_OUT[right, 1]], atol=1e-6)
    assert (deep[left], deep[right]) == (right, left)
    again = flip(seen, points, deep)
    np.testing.assert_array_equal(again[0], dots(SPREAD_OUT))
    np.testing.assert_allclose(again[1], SPREAD_OUT, atol=1e-6)
    assert again[2].tolist() == depth.tolist()


def test_varied_pictures_keep_their_joints_and_are_a_function_of_the_chance():
    points = SPREAD_OUT.astype(np.float32)
    first, again = (vary(dots(points), points, np.zeros(16), 128, np.random.default_rng(3)) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
    bright = []
    for seed in range(40):
        picture, places, _ = vary(dots(points), points, np.zeros(16), 128, np.random.default_rng(seed))
        assert (picture.shape, picture.dtype) == ((128, 128, 3), np.uint8)
        bright += [
            colour_at(picture, place).max() - np.median(picture)
            for place in places
            if (abs(place - 0.5) < 0.48).all()
        ]
    assert np.mean(np.array(bright) > 60) > 0.8  # the rest is covered, or dim


def test_every_picture_comes_once_an_epoch_in_an_order_of_its_own(crops):
    data = PoseDataset(crops, 128, 5, augment=True, seed=1)
    assert len(data) == -(-2 * PEOPLE * FRAMES // 5)
    shown, goal = data[0]
    assert shown.shape == (5, 128, 128, 3)
    assert {name: values.shape for name, values in goal.items()} == {
        "heat_maps": (5, 32, 32, 16),
        "depth": (5, 16),
        "presence": (5, 16),
    }
    order = data._order.tolist()
    data.set_epoch(1)
    assert sorted(data._order) == sorted(order)
    assert data._order.tolist() != order
    data.set_epoch(0)
    np.testing.assert_array_equal(data[0][0], shown)


# --- The run ------------------------------------------------------------------------------------------------


@pytest.fixture
def options(walkers, tmp_path):
    return PoseNetOptions(
        walkers=walkers, epochs=2, batch_size=9, validation=0.25, cache=tmp_path / "store", jobs=1
    )


class StopAfter(keras.callbacks.Callback):
    """Ctrl-C in the first batch after an epoch."""

    def __init__(self, bar, epochs):
        super().__init__()

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt


def test_a_run_leaves_a_network_that_knows_how_it_was_made_and_can_be_interrupted(
    options, monkeypatch, capsys
):
    result = train(options)
    said = capsys.readouterr().out
    assert f"Pictures: {6 * FRAMES} of 3 people to train on, {2 * FRAMES} of 1 others for validation." in said
    assert "PCK@0.2" in said
    model, record = posenet_file.load(result.model)
    assert str(result.model) == "saved_models/posenet.h5"
    assert (record.layout, record.side, record.seed) == ("gait16", 128, 0)
    assert len(record.history["val_loss"]) == 2
    assert record.options["epochs"] == 2
    assert {"tensorflow", "keras", "numpy"} <= record.versions.keys()
    assert record.validation["pictures"] == 2 * FRAMES
    assert json.loads((result.folder / "result.json").read_text())["model"] == str(result.model)
    assert model.output["heat_maps"].shape[1:] == (32, 32, 16)

    with monkeypatch.context() as patch:
        patch.setattr(callbacks, "Bar", StopAfter)
        again = r"epoch 1 is kept\. .*training\.posenet --resume --runs runs/posenet"
        with pytest.raises(InterruptedRunError, match=again):
            train(options)
    resumed = train(PoseNetOptions(resume=True))
    assert str(resumed.model) == "saved_models/posenet-2.h5"  # the first is kept
    same = zip(model.get_weights(), posenet_file.load(resumed.model)[0].get_weights(), strict=True)
    assert all(np.allclose(one, other, atol=1e-6) for one, other in same)


def test_nothing_to_resume(options):
    with pytest.raises(
        GaitmoodError, match=r"no interrupted run in runs/posenet/\. .*python -m training\.posenet"
    ):
        train(replace(options, resume=True))


@pytest.mark.parametrize("folder", ["missing", "empty"])
def test_no_walkers_says_how_to_make_some(options, tmp_path, folder):
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        NothingUsableError, match=f"no walkers in .*{folder}/.*python -m synthesis .*{folder} --subj"
    ):
        train(replace(options, walkers=tmp_path / folder))


def test_videos_without_their_joints_are_named_and_left_out(walkers, tmp_path):
    folder = shutil.copytree(walkers, tmp_path / "walkers")
    videos = sorted(folder.rglob("*.mp4"))
    videos[0].with_suffix(".joints.npz").unlink()
    shorter = make_walk("happy", subject=9, seconds=0.5, rate=4, size=FrameSize(160, 200))
    save_joints(videos[1].with_suffix(".joints.npz"), shorter)
    videos[2].with_suffix(".joints.npz").write_bytes(b"PK")
    prepared = PoseCrops().prepare(find_samples(folder).samples, Cache(tmp_path / "store"))
    reasons = [reason for _, reason in prepared.left_out]
    assert [name for name, _ in prepared.left_out] == [v.relative_to(folder).as_posix() for v in videos[:3]]
    assert "no true joints beside it" in reasons[0]
    assert "do not belong together" in reasons[1]
    assert "cannot be read" in reasons[2]
    assert len(prepared.walks) == 2 * PEOPLE - 3


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"validation": 0.0}, {"seed": -1}, {"name": "a/b"}])
def test_options_that_no_run_could_be_made_with(wrong):
    with pytest.raises(GaitmoodError, match=f"--{next(iter(wrong))}"):
        PoseNetOptions(**wrong)


def test_help_answers_before_keras_is_imported(tmp_path):
    code = (
        "import runpy, sys; sys.argv = ['x', '--help']\n"
        "try: runpy.run_module('training.posenet', run_name='__main__', alter_sys=True)\n"
        "except SystemExit as end: code = end.code\n"
        "print('CODE', code, *[n for n in ('tensorflow', 'keras', 'cv2', 'h5py') if n in sys.modules])"
    )
    import sys

    ran = in_subprocess(ROOT, [sys.executable, "-c", code])
    assert ran.out.splitlines()[-1] == "CODE 0", ran.err
    assert "--walkers" in ran.out
