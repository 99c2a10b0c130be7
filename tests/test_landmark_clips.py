"""Clips of frames and landmarks: that the landmarks belong to the frames, and what the mask says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from keypoint_walks import hide, walker
from videofiles import map_here, number_of, numbered, write_frames

from gait import skeleton
from gait.bundle import Bundle, Record
from gait.cache import Cache
from gait.inputs import by_name, describe, records, shape_of, zeros
from gait.labels import Sample
from gait.landmarks import BODY, FACE, NONE, body_landmarks, face_landmarks, mirror
from gait.pose import cleaning
from gait.predict import answer_walks
from gait.preprocess import LandmarkClipPreprocess, restore
from training.augment import vary

HOW = LandmarkClipPreprocess(length=5, rate=12.0, height=48, width=64, background="keep")


@pytest.fixture(autouse=True)
def _here(monkeypatch):
    monkeypatch.setattr("gait.preprocess.walks.map_items", map_here)


@pytest.fixture
def store(tmp_path) -> Cache:
    return Cache(tmp_path / "store")


@pytest.fixture
def poses(monkeypatch):
    """What an estimator sees in a video of 40 frames: wrists hidden in some of them, nobody in others."""
    whole = skeleton.convert(walker(seconds=2.0), "blazepose33")
    arrays = {n: getattr(whole, n)[:40] for n in ("world", "image", "visibility", "time", "root")}
    sequence = replace(whole, **arrays, observed=None, mended=None, unique=None)
    sequence = hide(hide(sequence, slice(5, 15), slice(15, 17)), slice(30, 40))
    asked = []

    def estimate(path, settings):
        asked.append(path)
        return sequence

    monkeypatch.setattr("gait.preprocess.poses.estimate_video", estimate)
    monkeypatch.setattr("gait.preprocess.poses.check_ready", lambda settings: None)
    return sequence, asked


@pytest.fixture
def video(tmp_path, poses) -> Sample:
    """Frames that show their number, at the poses' rate."""
    path = tmp_path / "walk.avi"
    write_frames(path, [numbered(i) for i in range(40)], rate=round(poses[0].rate))
    return Sample(path, "walk.avi", "happy")


def stored(how, sample, store):
    prepared = how.prepare([sample], store)
    assert not prepared.left_out
    (walk,) = prepared.walks
    return walk, prepared.notes


def test_every_frame_has_the_landmarks_of_its_own_moment(video, store, poses):
    walk, notes = stored(HOW, video, store)
    clean = cleaning.clean(poses[0])
    landmarks, mask = body_landmarks(clean.world, clean.visibility)
    for start in HOW.starts(walk):
        clip = HOW.read(walk, start)
        rows = [number_of(frame) for frame in clip["frames"]]
        assert len(set(rows)) == 5
        np.testing.assert_array_equal(clip["landmarks"], landmarks[rows])
        np.testing.assert_array_equal(clip["mask"], mask[rows])
    said = walk.entry.read("mask")
    assert (said[0, :33] == BODY).all()
    assert (said[-1] == NONE).all()
    assert {NONE, BODY} == set(said[:, 15])
    assert any("landmarks of a person in" in note for note in notes)


def test_a_model_gets_them_by_name_in_batches_like_any_other(video, store):
    walk, _ = stored(HOW, video, store)
    clips = np.stack([HOW.read(walk, start) for start in HOW.starts(walk)])
    inputs = HOW.to_input(clips)
    assert shape_of(inputs) == HOW.input_shape
    named = by_name(inputs)
    assert {name: array.dtype for name, array in named.items()} == dict.fromkeys(named, np.dtype(np.float32))
    np.testing.assert_allclose(named["frames"] * 255, clips["frames"], atol=1e-4)
    np.testing.assert_array_equal(named["mask"], clips["mask"])
    seen = []

    class Model:
        def predict_on_batch(self, inputs):
            seen.append(inputs)
            p = np.abs(inputs["landmarks"][:, 0, :3, 0]) + 0.1
            return {"emotion": p / p.sum(axis=1, keepdims=True)}

    bundle = Bundle(Path("m.h5"), Model(), Record("spatiotemporal", ("a", "b", "c"), HOW))
    whole = answer_walks(bundle, [walk, walk]).probabilities
    np.testing.assert_allclose(whole[0], whole[1])
    assert set(seen[0]) == set(HOW.input_shape)
    assert len(seen[0]["frames"]) == len(seen[0]["mask"])


def test_without_landmarks_no_pose_is_estimated(video, store, poses):
    walk, _ = stored(replace(HOW, landmarks="none"), video, store)
    assert not poses[1]
    assert not walk.entry.read("mask").any()
    assert len(walk.entry.read("mask")) == walk.entry.length("frames")


def test_faces_come_first_where_they_are_seen(video, store, poses, monkeypatch):
    meshes = np.random.default_rng(0).normal(100, 9, (40, 468, 3))
    given = []

    class Mesh:
        def __init__(self, content):
            assert content == b"network"

        def locate(self, frame, joints):
            number = number_of(frame)
            given.append((number, joints))
            return meshes[number] if number % 2 else None

    monkeypatch.setattr("gait.preprocess.landmark_clips.load_face_mesh", lambda: b"network")
    monkeypatch.setattr("gait.preprocess.landmark_clips.FaceMesh", Mesh)
    walk, _ = stored(replace(HOW, landmarks="face", height=24, width=32), video, store)
    assert walk.entry.read("frames").shape[1:3] == (24, 32)
    numbers = [number for number, _ in given]
    clean = cleaning.clean(poses[0])
    for number, joints in given:
        np.testing.assert_array_equal(joints, clean.image[number])
    mask, landmarks = walk.entry.read("mask"), walk.entry.read("landmarks")
    for row, number in enumerate(numbers):
        if number % 2:
            assert (mask[row] == FACE).all()
            np.testing.assert_allclose(landmarks[row], face_landmarks(meshes[number]), rtol=1e-5)
        else:
            assert FACE not in mask[row]


def test_settings_make_it_again_and_each_kind_has_its_own_entry(video, store):
    how = replace(HOW, landmarks="none", background="subtract")
    assert restore(how.settings()) == how
    walks = [stored(one, video, store)[0] for one in (HOW, how, replace(how, width=32))]
    assert [walk.entry.read("frames").shape[2] for walk in walks] == [64, 64, 32]
    assert walks[0].entry.read("mask").any()
    assert not walks[1].entry.read("mask").any()


def test_a_video_is_mirrored_with_its_landmarks(video, store):
    walk, _ = stored(HOW, video, store)
    clip = HOW.read(walk, 0)
    before = clip.copy()
    mirrored = 0
    for seed in range(12):
        varied = vary(clip, HOW, np.random.default_rng(seed))
        assert varied.dtype == clip.dtype
        for name, array in zip(("landmarks", "mask"), mirror(clip["landmarks"], clip["mask"]), strict=True):
            if np.array_equal(varied["landmarks"], clip["landmarks"]):
                np.testing.assert_array_equal(varied[name], clip[name])
            else:
                np.testing.assert_array_equal(varied[name], array)
        # The picture of frame 0 is dark; frame 1's white column stands on the left.
        other = next(i for i, frame in enumerate(clip["frames"]) if number_of(frame) not in (0, 255))
        columns = clip["frames"][other].mean(axis=(0, 2)) > 128
        seen = varied["frames"][other].mean(axis=(0, 2))
        is_mirrored = np.corrcoef(seen, columns[::-1])[0, 1] > np.corrcoef(seen, columns)[0, 1]
        assert is_mirrored == (not np.array_equal(varied["landmarks"], clip["landmarks"]))
        mirrored += is_mirrored
    assert 0 < mirrored < 12
    np.testing.assert_array_equal(clip, before)


def test_records_are_stacked_sliced_and_joined_like_arrays():
    arrays = {"a": np.arange(24.0).reshape(4, 3, 2), "b": np.arange(4, dtype=np.int8)}
    joined = records(arrays)
    assert joined.shape == (4,)
    again = by_name(np.concatenate([joined[:1], joined[1:]]))
    assert all(np.array_equal(again[name], arrays[name]) for name in arrays)
    assert describe(shape_of(joined)) == "a 3 x 2, b "
    assert shape_of(zeros({"a": (3, 2)}, 5)) == {"a": (3, 2)}
    plain = zeros((3, 2), 5)
    assert plain.shape == (5, 3, 2)
    assert by_name(plain) is plain
    assert shape_of(plain) == (3, 2)
    assert describe((3, 2)) == "3 x 2"
