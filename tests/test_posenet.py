"""The pose network: heat maps, depths, lifting, its file, finding people, and as an estimator like the others."""

from __future__ import annotations

from dataclasses import replace

import h5py
import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keypoint_walks import walker
from small_walks import in_process
from videofiles import map_here

from benchmarks import posenet as bench
from benchmarks.posenet import compare
from gait import bundle as bundles
from gait.errors import BundleError, GaitmoodError
from gait.model_files import newest
from gait.pose import posenet, posenet_file, posenet_finder
from gait.pose.accuracy import correct_keypoints, scaled_errors, torso_size
from gait.pose.estimators import PoseSettings, check_ready, estimate
from gait.pose.heat_maps import draw_heat_maps, find_peaks
from gait.pose.lifting import STATURE, lift
from gait.pose.posenet_finder import PoseNet, alignment_of, cut, find_windows
from gait.pose.root import TRUNK_AND_LEG, stature
from gait.pose.tracking import Region
from gait.skeleton import convert, find_layout
from gait.video import FrameSize, write_video
from synthesis.render import render
from synthesis.walks import make_walk

GAIT16 = find_layout("gait16")
RECORD = posenet_file.PoseNetRecord("gait16", 64)
TINY = {"side": 64, "widths": (4, 6, 8)}


# --- Heat maps ----------------------------------------------------------------------------------------------


@given(st.integers(0, 2**32 - 1), st.floats(0.6, 2.5))
def test_a_normal_distribution_is_read_out_at_its_mean(seed, spread):
    """Every axis another size: 3 pictures, 18 cells, 5 joints."""
    points = np.random.default_rng(seed).uniform(1.5 / 18, 1 - 1.5 / 18, (3, 5, 2))
    maps = draw_heat_maps(points, 18, spread).astype(np.float64)
    assert maps.shape == (3, 18, 18, 5)
    np.testing.assert_allclose(maps.sum(axis=(1, 2)), 1, rtol=1e-5)
    np.testing.assert_allclose(find_peaks(np.log(maps + 1e-30)), points, atol=1e-5)


def test_heat_maps_have_x_along_columns_and_their_mass_at_the_place():
    maps = draw_heat_maps(np.array([[[0.25, 0.75]]]), 40, 1.25)[0, ..., 0]
    centres = (np.arange(40) + 0.5) / 40
    assert maps.sum(axis=0) @ centres == pytest.approx(0.25, abs=1e-6)
    assert maps.sum(axis=1) @ centres == pytest.approx(0.75, abs=1e-6)
    # A cell one standard deviation of 1.25 cells from the mean has exp(-1/2) of the highest.
    row, column = 29, 9
    away = np.exp(-0.5 * (0.5**2 + 0.5**2) / 1.25**2)
    assert maps[row, column] == pytest.approx(away / (2 * np.pi * 1.25**2), rel=1e-3)


def test_joints_outside_of_the_picture_and_unknown_ones_have_empty_maps():
    points = np.array([[[0.5, 0.5], [1.0, 0.5], [0.5, -0.01], [np.nan, 0.5]]])
    assert draw_heat_maps(points, 8, 1.0).sum(axis=(1, 2)).round(5).tolist() == [[1, 0, 0, 0]]


def test_the_read_out_stays_within_half_a_cell_and_at_the_edge_takes_the_cell():
    logits = np.random.default_rng(0).normal(size=(2, 7, 11, 3))
    logits[0, 0, 4, 0] = logits[1, 6, 10, 2] = 50.0
    logits[1, :, :, 1] = 1.0  # a plateau
    peaks = find_peaks(logits)
    for n in range(2):
        for v in range(3):
            row, column = divmod(int(logits[n, :, :, v].argmax()), 11)
            apart = peaks[n, v] * (11, 7) - (column + 0.5, row + 0.5)
            assert np.abs(apart).max() <= 0.5
    assert peaks[0, 0, 1] == 0.5 / 7  # in the first row: no row before it to compare with
    np.testing.assert_allclose(peaks[1, 2], [10.5 / 11, 6.5 / 7])
    np.testing.assert_allclose(peaks[1, 1], [0.5 / 11, 0.5 / 7])


# --- The network --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny():
    keras.utils.set_random_seed(1)
    return posenet.build(**TINY)


def pictures(count, side=64, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def test_outputs_and_size_of_the_network(tiny):
    assert {name: output.shape[1:] for name, output in tiny.output.items()} == {
        "heat_maps": (16, 16, 16),
        "depth": (16,),
        "presence": (16,),
    }
    whole = posenet.build()
    assert whole.count_params() == 644_128
    assert whole.output["heat_maps"].shape == (None, 32, 32, 16)


def test_depth_is_the_mean_of_the_depth_map_over_the_place(tiny):
    parts = keras.Model(tiny.input, [tiny.get_layer("heat_maps").output, tiny.get_layer("depth_maps").output])
    heat, depth = (answer.astype(np.float64) for answer in parts.predict_on_batch(pictures(3)))
    places = np.exp(heat - heat.max(axis=(1, 2), keepdims=True))
    expected = (places * depth).sum(axis=(1, 2)) / places.sum(axis=(1, 2))
    np.testing.assert_allclose(tiny.predict_on_batch(pictures(3))["depth"], expected, atol=1e-4)


def test_losses_against_numpy_and_unknown_joints_weigh_nothing():
    rng = np.random.default_rng(2)
    points = rng.uniform(0.1, 0.9, (3, 16, 2))
    points[0, 4:], points[2] = np.nan, 1.5
    goal = posenet.targets(points, rng.normal(size=(3, 16)), 24)
    heat, depth = rng.normal(size=(3, 6, 6, 16)).astype(np.float32), np.zeros((3, 16), np.float32)
    logs = heat - np.log(np.exp(heat).sum(axis=(1, 2), keepdims=True))
    crossed = -(goal["heat_maps"] * logs).sum(axis=(1, 2, 3)) / np.array([4, 16, 1])
    losses = posenet.losses()
    np.testing.assert_allclose(losses["heat_maps"].call(goal["heat_maps"], heat), crossed, rtol=1e-5)
    known = [np.abs(goal["depth"][0, :4]).mean(), np.abs(goal["depth"][1]).mean(), 0]
    np.testing.assert_allclose(losses["depth"].call(goal["depth"], depth), known, rtol=1e-5)
    assert goal["presence"].sum(axis=1).tolist() == [4, 16, 0]


def test_a_tiny_network_learns_where_joints_are_how_deep_and_whether_at_all():
    """A square whose brightness is its depth; in a third of the pictures there is none."""
    rng = np.random.default_rng(0)

    def draw(count):
        shown = rng.integers(0, 30, (count, 32, 32, 3), dtype=np.uint8)
        places, depth = rng.uniform(0.15, 0.85, (count, 2)), rng.uniform(-0.5, 0.5, count)
        for picture, (x, y), far in zip(shown, (places * 32).astype(int), depth, strict=True):
            picture[y - 2 : y + 3, x - 2 : x + 3] = 160 + 180 * far
        gone = rng.random(count) < 1 / 3
        shown[gone] = shown[gone].clip(0, 29)
        places[gone] = np.nan
        return shown, np.repeat(places[:, None], 16, axis=1), np.repeat(depth[:, None], 16, axis=1)

    keras.utils.set_random_seed(3)
    model = posenet.build(32, (8, 12, 16))
    model.compile(keras.optimizers.Adam(0.004), loss=posenet.losses(), loss_weights=posenet.LOSS_WEIGHTS)
    for step in range(300):
        if step == 240:
            model.optimizer.learning_rate = 0.0004
        shown, points, depth = draw(32)
        model.train_on_batch(shown, posenet.targets(points, depth, 32))
    shown, points, depth = draw(60)
    answer = model.predict_on_batch(shown)
    here = np.isfinite(points[:, 0, 0])
    away = np.linalg.norm(find_peaks(answer["heat_maps"]) - points, axis=-1)[here]
    assert np.median(away) < 0.1  # a cell is 0.125, and the middle of the picture is 0.27 away
    assert np.abs(answer["depth"] - depth)[here].mean() < 0.08  # a constant answer would be off by 0.25
    assert ((answer["presence"] > 0.5) == here[:, None]).mean() > 0.95


# --- From pictures to space ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("at", "focal"), [((0.4, -0.3, 5.0), None), ((-0.8, 0.2, 2.6), 900.0)])
def test_lifting_gives_back_the_joints_of_a_level_camera(at, focal):
    """Joints of a walker in front of a camera of known focal length, seen from any place, at any size."""
    sequence = convert(walker("angry", 3, "oblique"), "gait16")
    world = sequence.world[10].astype(np.float64)
    height = stature(world[None], "gait16")
    frame = (720, 1280)
    length = focal or 0.8 * 1280
    x, y, far = (world + np.array((at[0], at[1], -at[2]))).T
    image = np.stack([640 + length * x / -far, 360 - length * y / -far], axis=1)
    found = lift(image, world[:, 2] / height, frame, "gait16", focal)
    np.testing.assert_allclose(found, world * STATURE / height, atol=2e-3)
    assert stature(found[None], "gait16") == pytest.approx(STATURE, rel=1e-3)
    assert np.abs(found[0]).max() < 1e-9


def test_lifting_of_joints_in_one_point_is_finite():
    assert np.isfinite(lift(np.full((16, 2), 50.0), np.zeros(16), (100, 100), "gait16")).all()


def test_trunk_and_legs_of_the_two_layouts():
    blazepose = find_layout("blazepose33")
    assert blazepose.trunk_and_legs == ((11, 12), (23, 24), (25, 26), (27, 28))
    assert GAIT16.trunk_and_legs == ((4, 7), (10, 13), (11, 14), (12, 15))
    sequence = walker()
    both = stature(sequence.world), stature(convert(sequence, "gait16").world, "gait16")
    assert both[0] == pytest.approx(both[1], rel=1e-6)
    assert 0.7 < TRUNK_AND_LEG < 0.8


# --- Scores -------------------------------------------------------------------------------------------------


def test_correct_keypoints_by_hand():
    true = np.zeros((2, 16, 2))
    true[:, GAIT16.index("left_hip")] = (30.0, 140.0)
    true[:, GAIT16.index("right_shoulder")] = (0.0, 100.0)  # 50 from the left hip, so 10 is the limit
    found = true.copy()
    found[0, 3], found[0, 8], found[1, 5] = (0, 9.9), (7.2, 7.2), np.nan
    true[1, 0] = np.nan
    assert torso_size(true, "gait16").tolist() == [50, 50]
    near = correct_keypoints(found, true, "gait16")
    assert np.argwhere(near == 0).tolist() == [[0, 8], [1, 5]]
    assert np.argwhere(np.isnan(near)).tolist() == [[1, 0]]
    assert correct_keypoints(found, true, "gait16", size=np.array([49.0, 51.0]))[0, 3] == 0


def test_scaled_errors_do_not_see_size_and_place_and_see_all_else():
    true = convert(walker(), "gait16").world[:7]
    np.testing.assert_allclose(scaled_errors(true * 1.7 + (1, 2, 3), true, "gait16"), 0, atol=1e-5)
    found = true.astype(np.float64)
    found[2, 6, 0] = np.nan
    found[3] *= (-1, 1, 1)
    errors = scaled_errors(found, true, "gait16")
    assert np.isnan(errors[2, 6])
    assert np.nanmax(errors[[0, 1, 2, 4, 5, 6]]) < 1e-5
    assert errors[3].mean() > 0.1
    # One joint 0.3 m aside; the best scale moves the others a little, so less than 0.3 and not 0.
    aside = true.astype(np.float64)
    aside[0, 9, 2] += 0.3
    a, b = aside[0] - aside[0, 0], true[0] - true[0, 0]
    scale = np.linalg.lstsq(a.reshape(-1, 1), b.ravel(), rcond=None)[0][0]
    np.testing.assert_allclose(
        scaled_errors(aside, true, "gait16")[0], np.linalg.norm(scale * a - b, axis=1), atol=1e-5
    )


def test_the_benchmark_tells_misplaced_joints_from_exchanged_sides_and_lost_walkers():
    true = convert(walker(), "gait16")
    image, world, observed = true.image.copy(), true.world.copy(), true.observed.copy()
    for left, right in GAIT16.pairs:
        image[10:20, [left, right]] = image[10:20, [right, left]]
    image[:5], world[:5], observed[:5] = np.nan, np.nan, False
    found = compare(replace(true, image=image, world=world, observed=observed), true)
    assert found.found.mean() == 1 - 5 / len(true)
    assert (found.near[:5] == 0).all()
    assert found.near[20:].all()
    assert found.near[10:20].mean() < found.near_without_sides[10:20].mean() == 1
    assert np.isnan(found.millimetres[:5]).all()
    np.testing.assert_allclose(found.millimetres[5:], 0, atol=1e-2)


# --- The file -----------------------------------------------------------------------------------------------


@pytest.fixture
def saved(tiny, tmp_path):
    record = posenet_file.PoseNetRecord(
        "gait16", 64, {"epochs": 3}, 7, {"keras": "3"}, {"loss": [2.0, 1.0]}, {"pck": 0.5}
    )
    posenet_file.save(tmp_path / "posenet.h5", tiny, record)
    return tmp_path / "posenet.h5", record


def test_the_file_gives_back_the_network_and_all_that_it_knows(tiny, saved):
    path, record = saved
    model, found = posenet_file.load(path)
    assert found == record
    before, after = tiny.predict_on_batch(pictures(3)), model.predict_on_batch(pictures(3))
    for name, values in before.items():
        np.testing.assert_allclose(after[name], values, atol=1e-6)
    assert isinstance(keras.models.load_model(path, compile=False), keras.Model)
    assert [one.name for one in path.parent.iterdir()] == ["posenet.h5"]


def test_missing_file_says_how_to_train_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = PoseSettings("posenet")
    for ask in (lambda: check_ready(settings), settings.key, lambda: estimate([], name="posenet")):
        with pytest.raises(
            GaitmoodError, match=r"saved_models/posenet.h5 is not there\. .*training\.posenet"
        ):
            ask()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda file: file.attrs.modify("gaitmood_posenet", 99), "newer Gaitmood .format 99"),
        (lambda file: file.attrs.__delitem__("gaitmood_posenet"), "holds no pose network"),
        (lambda file: file.attrs.__delitem__("gaitmood_layout"), "damaged"),
        (lambda file: file.attrs.modify("gaitmood_side", "48"), "pictures of .48, 48, 3. was expected"),
        (lambda file: file.attrs.modify("gaitmood_layout", '"coco17"'), "of 17 joints were expected"),
        (lambda file: file.attrs.__delitem__("model_config"), "Keras cannot load it"),
    ],
)
def test_other_files_are_refused_by_name(saved, spoil, words):
    path, _ = saved
    with h5py.File(path, "r+") as file:
        spoil(file)
    with pytest.raises(GaitmoodError, match=f"posenet.h5: .*{words}"):
        posenet_file.load(path)


def test_a_file_that_is_cut_off_is_refused(saved):
    path, _ = saved
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(GaitmoodError, match=r"posenet\.h5: not a pose network, or only a part of one"):
        check_ready(PoseSettings("posenet", models=path))


def test_a_pose_network_is_not_taken_for_a_model_of_emotions(saved):
    path, _ = saved
    with pytest.raises(BundleError, match="no model in"):
        newest(path.parent)
    with pytest.raises(BundleError, match="a pose network, which finds joints"):
        bundles.read_record(path)


def test_joints_in_the_cache_depend_on_the_weights(tiny, saved):
    path, _ = saved
    settings = PoseSettings("posenet", models=path)
    before = settings.key()
    assert before == settings.key()
    posenet_file.save(path, tiny, posenet_file.PoseNetRecord("gait16", 64, seed=8))
    assert settings.key() != before
    assert PoseSettings().key() == {"name": "blazepose", "still": False, "models": None, "version": 1}


# --- Finding people -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width"), [(640, 360), (100, 333), (200, 200)])
@pytest.mark.parametrize("part", [1, 2, 4])
def test_windows_cover_the_picture_each_half_in_the_next(height, width, part):
    windows = find_windows(height, width, part)
    assert {window.side for window in windows} == {max(height, width) / part}
    covered = np.zeros((height, width), int)
    rows, columns = np.ogrid[:height, :width]
    for window in windows:
        covered += (abs(rows + 0.5 - window.y) <= window.side / 2) & (
            abs(columns + 0.5 - window.x) <= window.side / 2
        )
    assert covered.min() >= 1
    assert len(windows) == 1 if part == 1 else covered[height // 2, width // 2] >= 2


def test_a_cut_shows_its_region_and_black_beyond_the_frame():
    frame = np.full((60, 100, 3), 90, np.uint8)
    frame[10:20, 70:80] = 250
    picture, shown = cut(frame, Region(85.2, 9.7, 40.1), 80)
    assert (shown.x, shown.y, shown.side) == (85.0, 10.0, 40.0)
    low = (np.array([[70, 10], [80, 20]]) - (65, -10)) / 40 * 80  # where the white square must be
    (left, top), (right, bottom) = low.astype(int)
    assert picture[top + 2 : bottom - 2, left + 2 : right - 2].min() == 250
    assert picture[:18].max() == picture[:, 72:].max() == 0  # above and to the right of the frame
    assert picture[30, 5].tolist() == [90, 90, 90]
    np.testing.assert_allclose(shown.to_frame(np.array([[0.125, 0.5]])), [[70, 10]])


def test_a_cut_far_away_from_the_frame_is_black():
    assert cut(np.full((20, 30, 3), 200, np.uint8), Region(-500, 5, 40), 16)[0].max() == 0


# A standing person between a red head and green feet, in units of the distance between them, head first.
_FIGURE = np.array(
    [(0, 0.5), (0, 0.33), (0, 0.12), (0, 0), (0.12, 0.18), (0.15, 0.35), (0.15, 0.5), (-0.12, 0.18), (-0.15, 0.35),
     (-0.15, 0.5), (0.06, 0.5), (0.06, 0.75), (0.06, 1), (-0.06, 0.5), (-0.06, 0.75), (-0.06, 1)]
)  # fmt: skip


class RedAndGreen:
    """A network that sees red heads and green feet: what ours would answer if it knew such people."""

    def predict_on_batch(self, shown):
        points = np.full((len(shown), 16, 2), 0.5)
        presence = np.zeros((len(shown), 16))
        for n, picture in enumerate(shown.astype(int)):
            spots = [np.argwhere(picture[..., c] > 60 + picture[..., 2 - c - (c == 1)]) for c in (0, 1)]
            if all(len(spot) for spot in spots):
                head, feet = ((spot.mean(axis=0)[::-1] + 0.5) / len(picture) for spot in spots)
                points[n] = head + _FIGURE * (feet - head)[1]
                presence[n] = ((points[n] > 0) & (points[n] < 1)).all(axis=1) * 0.98
        maps = np.log(draw_heat_maps(points, 32, 1.25).astype(np.float64) + 1e-30)
        return {"heat_maps": maps, "depth": np.zeros((len(shown), 16)) + 0.01, "presence": presence}


def stick(x, top, tall, size=(240, 400), place=0):
    """A frame with one such person, in one of many dark places; and the joints."""
    tiles = np.random.default_rng(place).integers(10, 45, (size[0] // 10, size[1] // 10, 1))
    frame = np.kron(tiles, np.ones((10, 10, 3))).astype(np.uint8)
    dot = max(2, tall // 20)
    frame[top - dot : top + dot, x - dot : x + dot] = (250, 30, 30)
    frame[top + tall - dot : top + tall + dot, x - dot : x + dot] = (30, 250, 30)
    return frame, (x, top) + _FIGURE * tall


@pytest.fixture
def finder():
    return PoseNet(RedAndGreen(), RECORD)


@pytest.mark.parametrize(("x", "top", "tall"), [(200, 40, 160), (60, 30, 120), (330, 120, 50), (180, 60, 60)])
def test_people_are_found_wherever_and_however_large_they_are(finder, x, top, tall):
    frame, joints = stick(x, top, tall)
    (region, *_) = finder.detect(frame)
    assert np.hypot(region.x - joints[0, 0], region.y - joints[0, 1]) < 0.1 * tall
    found = finder.locate(frame, region)
    np.testing.assert_allclose(found.image, joints, atol=0.03 * tall)
    assert (found.layout, found.image.shape, found.world.shape) == ("gait16", (16, 2), (16, 3))
    assert found.visibility.min() > 0.9
    assert found.world[3, 1] > 0.6 > 0 > found.world[12, 1]  # head up, foot down


def test_nobody_and_nothing_to_look_at(finder):
    empty = np.full((90, 160, 3), 40, np.uint8)
    assert finder.detect(empty, thorough=True) == []
    assert finder.locate(empty, Region(80, 45, 60)) is None
    assert finder.locate(empty, Region(80, 45, 3)) is None


def test_the_region_of_a_body_stands_upright_about_its_hips():
    joints = 100 + 50 * _FIGURE
    hips, above = alignment_of(joints, "gait16")
    np.testing.assert_allclose(hips, joints[0])
    assert above[0] == hips[0]
    assert hips[1] - above[1] == pytest.approx(
        posenet_finder.CIRCLE * np.linalg.norm(joints - hips, axis=1).max()
    )


def test_estimated_poses_have_the_layout_the_root_and_the_notes_of_any_estimator(finder, monkeypatch):
    monkeypatch.setattr(posenet_finder, "open_finder", lambda path: finder)
    shots, truth = zip(*(stick(100 + 4 * i, 40, 120) for i in range(20)), strict=True)
    frames = [(i / 20, frame) for i, frame in enumerate(shots)]
    frames[7:9] = [(i / 20, np.full_like(shots[0], 30)) for i in (7, 8)]
    for still in (False, True):
        sequence = estimate(iter(frames), name="posenet", still=still)
        assert (sequence.layout, sequence.image.shape) == ("gait16", (20, 16, 2))
        assert np.flatnonzero(~sequence.observed).tolist() == [7, 8]
        assert np.nanmax(np.abs(sequence.image - truth)) < 8
        assert sequence.notes["people"] == 1
        assert sequence.notes["legs_visible"] == 1.0
        assert sequence.root_source == "estimated"
        x = sequence.root[sequence.observed, 0]
        assert (np.diff(x) > 0).all()  # crosses the picture to the right


# --- `--poses posenet`, end to end -------------------------------------------------------------------------


def test_a_keypoint_model_is_trained_and_tested_on_its_joints(tiny, finder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gait.preprocess.walks.map_items", map_here)
    for person in range(3):
        for emotion, step in (("happy", 5), ("sad", 2)):
            (tmp_path / "videos" / emotion).mkdir(parents=True, exist_ok=True)
            frames = [stick(100 + step * t, 40, 120, place=10 * person + step)[0] for t in range(12)]
            write_video(tmp_path / "videos" / emotion / f"p{person}.mp4", frames, 10)
    network, small = (
        ("--model", "keypoint_lstm", "--poses", "posenet"),
        ("--frames", "8", "--epochs", "1", "--jobs", "1"),
    )
    arguments = (*network, *small, "--validation", "0")
    missing = in_process(capsys, "train", *arguments)
    assert missing.code == 2
    assert "python -m training.posenet" in missing.err
    posenet_file.save(tmp_path / posenet_file.DEFAULT_FILE, tiny, RECORD)
    monkeypatch.setattr(posenet_finder, "open_finder", lambda path: finder)  # this one sees such people
    trained = in_process(capsys, "train", *arguments)
    assert trained.code == 0, trained.err + trained.out
    assert "left out" not in trained.out
    tested = in_process(capsys, "test", "--videos", "videos", "--jobs", "1")
    assert tested.code == 0, tested.err + tested.out
    assert "saved_models/keypoint_lstm.h5" in tested.out
    assert bundles.read_record(tmp_path / "saved_models" / "keypoint_lstm.h5").preprocess.poses == "posenet"


def test_a_network_that_sees_somebody_everywhere_does_no_harm(tiny, tmp_path):
    """Joints anywhere in every window: bodies grow from frame to frame, and are let go of."""
    weights = tiny.get_weights()
    tiny.get_layer("presence").bias.assign(np.full(16, 9.0))
    posenet_file.save(tmp_path / "posenet.h5", tiny, RECORD)
    tiny.set_weights(weights)
    walk = make_walk("happy", seconds=0.6, rate=10, size=FrameSize(96, 72))
    sequence = estimate(
        zip(walk.time.tolist(), render(walk), strict=True), name="posenet", models=tmp_path / "posenet.h5"
    )
    assert len(sequence) == 6
    assert sequence.layout == "gait16" or sequence.coverage == 0
    assert np.nanmax(np.abs(sequence.image), initial=0) < 4 * 96


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "needs a pose network that you have trained"),
        (("--clips", "nowhere"), "--clips: a folder with videos (.mp4) was expected, found nowhere"),
        (("--views", "nowhere"), "--views: of front, back, left, right, oblique, any were expected"),
        (("--walks", "0"), "--walks: a number above 0 was expected"),
    ],
)
def test_what_cannot_be_measured_is_named(tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GaitmoodError) as refused:
        bench.main(arguments)
    assert words in str(refused.value)


def test_measuring_names_what_failed_and_says_when_nothing_is_left(monkeypatch, capsys):
    monkeypatch.setattr(bench, "map_items", map_here)

    def fail(item):
        raise GaitmoodError(f"walk {item} is broken")

    with pytest.raises(GaitmoodError, match="front: nothing could be measured"):
        bench.measure(fail, [7], "front", 1)
    assert "front, 7: walk 7 is broken" in capsys.readouterr().err
