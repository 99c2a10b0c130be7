"""BlazePose: arithmetic by hand, joints on synthetic walkers, agreement with MediaPipe on real clips."""

from __future__ import annotations

import pickle
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gait.errors import GaitmoodError, VideoError
from gait.pose.blazepose import (
    BlazePose,
    crop,
    decode_boxes,
    find_strips,
    make_anchors,
    merge_overlapping,
    refine_points,
    world_axes,
)
from gait.pose.estimators import (
    ESTIMATORS,
    PoseSettings,
    check_ready,
    estimate,
    estimate_people,
    estimate_video,
)
from gait.pose.tracking import Region
from gait.pose.weights import FILES, Weights, WeightsError, load_weights
from gait.video import open_video, write_video

REPOSITORY = Path(__file__).resolve().parents[1]


# --- arithmetic ---------------------------------------------------------------------------------------------


def test_anchors_go_row_by_row_grid_after_grid():
    anchors = make_anchors()
    assert anchors.shape == (2254, 2)
    np.testing.assert_allclose(anchors[[0, 1, 2]], [[0.5 / 28] * 2, [0.5 / 28] * 2, [1.5 / 28, 0.5 / 28]])
    np.testing.assert_allclose(anchors[56], [0.5 / 28, 1.5 / 28])
    np.testing.assert_allclose(anchors[28 * 28 * 2], [0.5 / 14] * 2)
    np.testing.assert_allclose(anchors[-6:], [[6.5 / 7] * 2] * 6)


def test_boxes_by_hand():
    raw = np.array([[22.4, -11.2, 44.8, 89.6, 0, 0, 0, -112, 22.4, 0, 2.24, 4.48]])
    boxes, points = decode_boxes(raw, np.array([[0.5, 0.25]]))
    np.testing.assert_allclose(boxes, [[0.5, 0.0, 0.7, 0.4]], atol=1e-12)
    np.testing.assert_allclose(points[0], [[0.5, 0.25], [0.5, -0.25], [0.6, 0.25], [0.51, 0.27]])


def test_overlapping_boxes_are_averaged_by_score():
    boxes = np.array([[0, 0, 1, 1], [0, 0, 1, 0.8], [5, 5, 6, 6], [0, 0, 1, 0.2]], float)
    points = np.arange(4.0)[:, None, None] * np.ones((4, 3, 2))
    scores = np.array([0.6, 0.9, 0.7, 0.5])
    # The surest is box 1. It overlaps box 0 by 0.8, box 3 by 0.2 / 0.8 = 0.25, which is below 0.3.
    people = merge_overlapping(boxes, points, scores)
    assert [person[0, 0] for person in people] == pytest.approx([0.9 / 1.5, 2.0, 3.0])
    assert people[0].shape == (3, 2)


def test_box_without_area_ends():
    assert len(merge_overlapping(np.zeros((3, 4)), np.zeros((3, 4, 2)), np.ones(3))) == 3


def slow_refine(points, heat_maps, kernel=7, sure=0.5):
    """The same written as loops over cells, as the calculator's description has it."""
    side = heat_maps.shape[0]
    refined = points.astype(float).copy()
    for n, (x, y) in enumerate(points):
        column, row = int(x * side), int(y * side)
        if not (0 <= column < side and 0 <= row < side):
            continue
        cells = [
            (c, r, 1 / (1 + np.exp(-float(heat_maps[r, c, n]))))
            for r in range(max(0, row - kernel // 2), min(side, row + kernel // 2 + 1))
            for c in range(max(0, column - kernel // 2), min(side, column + kernel // 2 + 1))
        ]
        weights = np.array([w for *_, w in cells])
        if weights.max() >= sure:
            refined[n] = (
                (np.array([(c, r) for c, r, _ in cells]) * weights[:, None]).sum(0) / weights.sum() / side
            )
    return refined


@given(st.integers(0, 2**32 - 1))
def test_refinement_against_loops(seed):
    rng = np.random.default_rng(seed)
    points = rng.uniform(-0.2, 1.2, (9, 2))
    heat_maps = rng.normal(-3, 2, (12, 12, 9))
    np.testing.assert_allclose(refine_points(points, heat_maps), slow_refine(points, heat_maps), atol=1e-6)


def test_refinement_by_hand():
    heat_maps = np.full((16, 16, 3), -50.0)
    heat_maps[5, 8, 0] = 50.0  # a certain cell at column 8, row 5
    heat_maps[5, 8, 1] = -1.0  # one below the confidence
    heat_maps[5, 13, 2] = 50.0  # one outside of the kernel
    points = np.full((3, 2), 0.4)  # cell 6, 6
    refined = refine_points(points, heat_maps)
    np.testing.assert_allclose(refined, [[8 / 16, 5 / 16], [0.4, 0.4], [0.4, 0.4]], atol=1e-6)


def test_crop_is_upright_and_matches_the_region():
    frame = np.zeros((120, 200, 3), np.uint8)
    region = Region(90, 60, 64, np.radians(30))
    spots = np.array([[0.25, 0.25], [0.75, 0.5]])
    for x, y in region.to_frame(spots):
        cv2.circle(frame, (round(x), round(y)), 2, (255, 255, 255), -1)
    picture = crop(frame, region, 128, cv2.BORDER_CONSTANT)
    assert picture.shape == (128, 128, 3)
    for x, y in (spots * 128).round().astype(int):
        assert picture[y, x, 0] > 200
    assert picture[:, :, 0].sum() < 60 * 255 * 4


def test_borders_of_crops():
    frame = np.full((10, 10, 3), 200, np.uint8)
    beside = Region(-20, 5, 8)
    assert crop(frame, beside, 4, cv2.BORDER_REPLICATE).min() == 200
    assert crop(frame, beside, 4, cv2.BORDER_CONSTANT).max() == 0


def test_world_axes_point_up_and_towards_the_camera():
    upright = world_axes(np.array([[0.1, -0.5, -0.2]]), Region(0, 0, 1, 0.0))
    np.testing.assert_allclose(upright, [[0.1, 0.5, 0.2]])
    # Leaning a quarter turn to the right in the picture, the head (up in the region) points to the right.
    leaning = world_axes(np.array([[0.0, -0.5, 0.0]]), Region(0, 0, 1, np.pi / 2))
    np.testing.assert_allclose(leaning, [[0.5, 0.0, 0.0]], atol=1e-12)


@given(st.integers(16, 3000), st.integers(16, 6000))
def test_strips_cover_wide_pictures_only(height, width):
    strips = find_strips(height, width)
    if width * 16 <= height * 9:
        assert strips == []
    if strips:
        assert (strips[0][0], strips[-1][1]) == (0, width)
        assert all(after[0] <= (first + last) // 2 + 1 for (first, last), after in pairwise(strips))


# --- interface, without a network ---------------------------------------------------------------------------


def frames_of(array, rate=30):
    return [(i / rate, frame) for i, frame in enumerate(array)]


def test_unknown_estimator_lists_the_known():
    with pytest.raises(GaitmoodError, match="blazepose, mediapipe, posenet"):
        estimate([], name="openpose")
    assert sorted(ESTIMATORS) == ["blazepose", "mediapipe", "posenet"]


def test_settings_travel_and_threads_do_not_change_the_key(tmp_path):
    own_models(tmp_path / "a", b"own")
    settings = PoseSettings(models=tmp_path / "a", threads=2)
    assert pickle.loads(pickle.dumps(settings)) == settings
    assert settings.key() == PoseSettings(models=tmp_path / "a").key()
    assert settings.key() != PoseSettings(models=tmp_path / "a", still=True).key()
    assert settings.key() != PoseSettings().key()


def own_models(folder: Path, content: bytes) -> Path:
    folder.mkdir()
    for file in FILES:
        (folder / file.name).write_bytes(content)
    return folder


def test_joints_in_the_cache_depend_on_what_the_model_files_hold_and_not_on_their_place(tmp_path):
    one, same, other = (
        PoseSettings(models=own_models(tmp_path / name, content)).key()
        for name, content in (("a", b"own"), ("b", b"own"), ("c", b"other"))
    )
    assert one == same != other
    with pytest.raises(WeightsError, match=r"pose_detection.tflite .*--pose-models PATH"):
        PoseSettings(models=tmp_path / "gone").key()


def test_import_needs_no_tensorflow_and_starts_nothing():
    code = (
        "import sys, gait.pose.estimators; "
        "print([m for m in ('tensorflow', 'keras', 'ai_edge_litert', 'mediapipe') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_file_that_is_no_network():
    with pytest.raises(WeightsError, match="LiteRT cannot read it"):
        BlazePose(Weights(b"nothing", b"nothing", "here"))


def test_mediapipe_in_our_axes(fake_mediapipe):
    task, stamps = fake_mediapipe
    shots = np.full((4, 40, 80, 3), 200, np.uint8)
    shots[2] = 0
    sequence = estimate(frames_of(shots, rate=10_000), name="mediapipe", models=task)
    assert sequence.observed.tolist() == [True, True, False, True]
    np.testing.assert_allclose(sequence.image[0, 5], [20, 20])
    np.testing.assert_allclose(sequence.world[0, 5], [0.25, -0.5, -0.1], atol=1e-6)
    assert sequence.visibility[0, 5] == 0.75
    assert stamps == sorted(set(stamps))


def test_mediapipe_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(GaitmoodError, match=r"pip install mediapipe.*use --poses blazepose"):
        estimate(frames_of(np.zeros((1, 8, 8, 3), np.uint8)), name="mediapipe")


def test_mediapipe_without_its_task_file(fake_mediapipe, tmp_path):
    with pytest.raises(GaitmoodError, match=r"task file; found .*no\.task"):
        estimate(frames_of(np.zeros((1, 8, 8, 3), np.uint8)), name="mediapipe", models=tmp_path / "no.task")
    (tmp_path / "no.task").write_bytes(b"no archive")
    with pytest.raises(
        GaitmoodError, match=r"no\.task: MediaPipe cannot use it; .*Unable to open zip archive"
    ):
        check_ready(PoseSettings("mediapipe", models=tmp_path / "no.task"))


# --- the networks on synthetic walkers ----------------------------------------------------------------------


def shoot(view, seconds=1.0, seed=3, subject=0, emotion="neutral"):
    """A synthetic walk and its frames."""
    from synthesis.render import render
    from synthesis.walks import make_walk

    walk = make_walk(emotion, view, seed=seed, subject=subject, seconds=seconds)
    return walk, list(render(walk))


def timed(walk, frames):
    return list(zip(walk.time, frames, strict=True))


@pytest.fixture(scope="module")
def front():
    return shoot("front")


@pytest.fixture(scope="module")
def side():
    return shoot("left", seed=5, subject=1, emotion="happy")


def test_joints_of_a_synthetic_walker(pose_models, side):
    from synthesis.joints import INDEX

    walk, frames = side
    sequence = estimate(timed(walk, frames))
    assert sequence.coverage == 1.0
    assert (sequence.layout, sequence.frame_size) == ("blazepose33", frames[0].shape[:2])
    np.testing.assert_array_equal(sequence.time, walk.time)
    # The hips' and shoulders' middles do not depend on left and right, which may be exchanged.
    tall = np.ptp(walk.image[..., 1], axis=1).mean()
    for pair, names in (
        ((11, 12), ("left_shoulder", "right_shoulder")),
        ((23, 24), ("left_hip", "right_hip")),
    ):
        truth = walk.image[:, [INDEX[name] for name in names]].mean(axis=1)
        error = np.linalg.norm(sequence.image[:, pair].mean(axis=1) - truth, axis=1)
        assert error.mean() < 0.05 * tall


def test_world_joints_stand_upright_in_metres(pose_models, front):
    walk, frames = front
    sequence = estimate(timed(walk, frames))
    hips, ankles, shoulders = (
        sequence.world[:, pair].mean(axis=1) for pair in ((23, 24), (27, 28), (11, 12))
    )
    assert np.abs(hips).max() < 0.05
    assert (shoulders[:, 1] > 0.3).all()
    assert (ankles[:, 1] < -0.5).all()
    assert sequence.root_source == "estimated"
    assert sequence.root_unit == "body"
    assert np.polyfit(walk.time, sequence.root[:, 2], 1)[0] > 0  # walks towards the camera


def test_video_file_gives_the_same_as_its_frames(pose_models, front, tmp_path):
    _, frames = front
    path = tmp_path / "walk.mp4"
    write_video(path, frames[:12], 25)
    with open_video(path) as video:
        decoded = [(seconds, frame.copy()) for seconds, frame in video]
    one, other = estimate_video(path, PoseSettings()), estimate(decoded)
    np.testing.assert_array_equal(one.image, other.image)
    np.testing.assert_allclose(one.time, np.arange(12) / 25, atol=1e-3)
    assert one.notes["damaged"] == 0


def test_threads_do_not_change_the_answer(pose_models, front):
    walk, frames = front
    one, two = (estimate(timed(walk, frames)[:5], threads=n) for n in (1, 2))
    np.testing.assert_allclose(one.image, two.image, atol=1e-3)


def test_still_mode_looks_at_every_frame_alone(pose_models, front):
    walk, frames = front
    shots = timed(walk, frames)[:6]
    forward, backward = (estimate(part, still=True) for part in (shots, shots[::-1]))
    np.testing.assert_array_equal(forward.image, backward.image[::-1])
    assert forward.coverage == 1.0


def test_nobody_in_view(pose_models):
    empty = np.full((8, 90, 160, 3), 128, np.uint8)
    sequence = estimate(frames_of(empty))
    assert (sequence.coverage, sequence.notes["people"], len(sequence)) == (0.0, 0, 8)
    assert np.isnan(sequence.world).all()
    assert (sequence.root, sequence.root_source) == (None, "none")


def test_half_a_body_is_told(pose_models, front):
    walk, frames = front
    cut = [frame[: int(0.45 * len(frame))] for frame in frames]
    sequence = estimate(timed(walk, cut))
    assert sequence.coverage > 0.9
    assert sequence.notes["legs_visible"] < 0.1
    assert estimate(timed(walk, frames)).notes["legs_visible"] == 1.0


def test_of_two_people_the_longer_walker_is_followed(pose_models, front, side):
    """Side by side, the second leaves after two thirds of the time; then the two exchanged."""
    walk, frames = front
    width, part = frames[0].shape[1], len(frames) * 2 // 3
    grey = np.full_like(frames[0], 127)
    other = [*side[1][:part], *[grey] * (len(frames) - part)]
    for on_left in (True, False):
        pairs = zip(frames, other, strict=True) if on_left else zip(other, frames, strict=True)
        shots = timed(walk, [np.concatenate(pair, axis=1) for pair in pairs])
        first, second = estimate_people(shots, PoseSettings(), people=3)
        assert (np.nanmedian(first.image[..., 0]) < width) == on_left
        assert (np.nanmedian(second.image[..., 0]) > width) == on_left
        assert first.coverage > 0.95
        assert 0.5 < second.coverage < 0.75
        assert first.notes["people"] == 2
        np.testing.assert_array_equal(estimate(shots).image, first.image)


def test_picture_that_changes_size(pose_models):
    shots = [(0.0, np.zeros((40, 60, 3), np.uint8)), (0.1, np.zeros((60, 40, 3), np.uint8))]
    with pytest.raises(VideoError, match="size changes"):
        estimate(shots)


def test_no_frames(pose_models):
    with pytest.raises(VideoError, match="not one frame"):
        estimate([])


def test_exchanged_model_files(pose_models):
    check_ready(PoseSettings())
    weights = load_weights()
    with pytest.raises(WeightsError, match="may be exchanged"):
        BlazePose(Weights(weights.landmarks, weights.detector, "exchanged"))


# --- agreement with MediaPipe on real clips -----------------------------------------------------------------


@pytest.fixture(scope="module")
def recorded(reference):
    with np.load(reference / "blazepose" / "mediapipe.npz", allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


@pytest.mark.realdata
def test_still_mode_agrees_with_mediapipe(pose_models, ewalk, recorded):
    """Under 3 px of 1920 on the mean, and somebody is seen in the same frames."""
    finder = BlazePose(load_weights())
    errors, seen = [], []
    for video in np.unique(recorded["still_video"]):
        rows = {int(recorded["still_frame"][k]): k for k in np.flatnonzero(recorded["still_video"] == video)}
        for number, frame in read_frames(ewalk / "videos" / video, set(rows)):
            theirs = recorded["still_image"][rows[number], :, :2] * frame.shape[1::-1]
            regions = finder.detect(frame)
            ours = finder.locate(frame, regions[0]) if regions else None
            seen.append((ours is not None, bool(np.isfinite(theirs).all())))
            if all(seen[-1]):
                errors.append(np.linalg.norm(ours.image - theirs, axis=1).mean())
    assert len(seen) == 40
    assert all(ours == theirs for ours, theirs in seen)
    assert np.mean(errors) < 3.0


@pytest.mark.realdata
@pytest.mark.parametrize("clip", ["041", "009"])
def test_tracking_agrees_with_mediapipe(pose_models, ewalk, recorded, clip):
    """Where MediaPipe seldom exchanges left and right, the smoothed joints lie close to its own."""
    with open_video(ewalk / "videos" / f"VID_RGB_{clip}.mp4") as video:
        sequence = estimate([shot for shot, _ in zip(video, range(60), strict=False)])
    theirs = recorded[f"video_{clip}_image"][:60, :, :2] * (1080, 1920)
    error = np.linalg.norm(sequence.image - theirs, axis=2).mean(axis=1)
    assert sequence.coverage == 1.0
    assert np.median(error) < 5.0


def read_frames(path, wanted):
    with av.open(str(path)) as video:
        for number, frame in enumerate(video.decode(video=0)):
            if number in wanted:
                yield number, frame.to_ndarray(format="rgb24")
            if number >= max(wanted):
                return
