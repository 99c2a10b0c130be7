"""From joints as an estimator sees them to joints one can measure: swaps, gaps, smoothing, and their order."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import find_peaks

from benchmarks import swaps as bench
from gait.errors import VideoError
from gait.pose.cleaning import clean
from gait.pose.gaps import fill_gaps
from gait.pose.loops import seams_of
from gait.pose.sequence import PoseSequence
from gait.pose.smoothing import smooth
from gait.skeleton import convert, find_layout
from synthesis.poses import true_poses
from synthesis.walks import make_walk

LAYOUT = find_layout("blazepose33")
LEFT_ANKLE, RIGHT_ANKLE = LAYOUT.index("left_ankle"), LAYOUT.index("right_ankle")


def walk_seen(
    name: str, seed: int = 20, seconds: float = 3.0, **exchanged
) -> tuple[PoseSequence, PoseSequence]:
    """A walk with an estimator's errors and exchanges (slices or index arrays for trunk and legs); the truth."""
    view = bench.VIEWS[name]
    truth = true_poses(bench.make_view(view, seed, seconds))
    rows = {group: np.zeros(len(truth), bool) for group in ("trunk", "legs")}
    for group, where in exchanged.items():
        rows[group][where] = True
    noisy = bench.add_errors(truth, np.random.default_rng(seed))
    return bench.filter_joints(bench.exchange(noisy, rows, view.sideways)), truth


def line(frames: int = 40, rate: float = 30.0, joints: str = "blazepose33") -> PoseSequence:
    """Every coordinate on a straight line of its own over time: what interpolation and filters keep."""
    time = np.arange(frames) / rate
    V = len(find_layout(joints))
    chance = np.random.default_rng(0)
    start, slope = chance.normal(size=(2, V, 6))
    values = start + slope * time[:, None, None]
    return PoseSequence(
        image=(100 * values[..., :2] + 500).astype(np.float32),
        world=values[..., 2:5].astype(np.float32),
        visibility=np.full((frames, V), 0.9, np.float32),
        time=time,
        frame_size=(480, 640),
        layout=joints,
        root=values[:, 0, 3:].astype(np.float32),
        root_unit="body",
        root_source="estimated",
    )


def without(sequence: PoseSequence, rows) -> PoseSequence:
    """The person not seen in some frames."""
    image, world, root = (array.copy() for array in (sequence.image, sequence.world, sequence.root))
    observed = sequence.observed.copy()
    for array in (image, world, root):
        array[rows] = np.nan
    observed[rows] = False
    return replace(sequence, image=image, world=world, root=root, observed=observed)


# --- swaps


@pytest.mark.parametrize("name", ["towards", "away", "half towards", "half away"])
@pytest.mark.parametrize(("first", "last"), [(30, 31), (20, 27), (15, 70), (0, 90)])
def test_exchanged_frames_are_put_right_and_no_others_touched(name, first, last):
    raw, truth = walk_seen(name, trunk=slice(first, last), legs=slice(first, last))
    known, count = bench.score(raw, truth)
    assert known
    assert count.swapped >= (last - first) // 2
    assert count.right == count.swapped
    assert count.touched == 0
    mended = clean(raw).mended
    assert mended[first:last].mean() > 0.9
    assert mended.sum() <= last - first + 1


@pytest.mark.parametrize("name", ["sideways, left", "sideways, right"])
@pytest.mark.parametrize(("first", "last"), [(10, 40), (0, 90)])
def test_a_walker_across_the_picture_who_is_taken_for_one_who_goes_backward(name, first, last):
    raw, truth = walk_seen(name, trunk=slice(first, last), legs=slice(first, last))
    known, count = bench.score(raw, truth)
    assert known
    assert count.right == count.swapped > (last - first) // 2
    assert count.touched == 0


@pytest.mark.parametrize("seed", [8023, 8035])
def test_a_facing_that_is_slightly_wrong_turns_no_walker_across_the_picture(seed):
    """By the facing, left lies a little to the other side than it does: no more than an error of it makes."""
    known, count = bench.measure_injected(seed, bench.VIEWS["sideways, left"], 3.0)
    assert known
    assert count.others > 20
    assert count.right == count.swapped > 0
    assert count.touched == 0


def test_trunk_and_legs_are_mended_apart():
    raw, truth = walk_seen("half towards", trunk=slice(10, 40), legs=slice(55, 75))
    cleaned = clean(raw)
    notes = cleaned.notes["swaps"]
    assert 28 <= notes["trunk"] <= 31
    assert 18 <= notes["legs"] <= 22
    assert bench.score(raw, truth)[1].right == bench.score(raw, truth)[1].swapped


@pytest.mark.parametrize(
    ("name", "facing"),
    [
        ("towards", "towards"),
        ("away", "away"),
        ("sideways, left", "right"),
        ("sideways, right", "left"),
        ("half towards", "half towards"),
        ("half away", "half away"),
    ],
)
@pytest.mark.parametrize("exchanged", [slice(0, 0), slice(0, 90)])
def test_the_direction_is_told_whatever_is_called_left(name, facing, exchanged):
    # Views are named by the side that the camera sees: who shows their right side walks to the picture's
    # right.
    direction = clean(walk_seen(name, trunk=exchanged, legs=exchanged)[0]).notes["direction"]
    assert direction["known"]
    assert direction["facing"].startswith(facing)
    assert direction["reason"]


def test_an_unknown_direction_is_marked_and_most_labels_are_kept():
    # Feet hidden, on the spot, from in front: nothing tells front from back.
    raw, _ = walk_seen("on the spot, front", trunk=slice(0, 60), legs=slice(0, 60))
    shown = convert(raw, "coco17")
    cleaned = clean(shown)
    direction = cleaned.notes["direction"]
    assert direction == {"known": False, "facing": None, "angle": None, "reason": direction["reason"]}
    assert "neither grows nor shrinks" in direction["reason"]
    assert cleaned.mended[62:].all()
    assert not cleaned.mended[:58].any()


def test_what_mending_does_to_a_frame():
    raw, truth = walk_seen("half towards", trunk=slice(20, 50), legs=slice(20, 50))
    cleaned = clean(raw)
    inner = slice(24, 46)
    for places in (truth.image, cleaned.image):
        assert (places[inner, LAYOUT.shoulders[0], 0] > places[inner, LAYOUT.shoulders[1], 0]).all()
    before, after = (np.abs(one.world[inner] - truth.world[inner]).mean() for one in (raw, cleaned))
    assert after < 0.06 < before
    nose = LAYOUT.index("nose")
    assert np.abs(cleaned.world[inner, nose] - truth.world[inner, nose]).mean() < 0.1


def test_visibility_goes_with_the_joint():
    raw, _ = walk_seen("towards", trunk=slice(30, 50), legs=slice(30, 50))
    visibility = np.tile(np.linspace(0.1, 0.9, 33, dtype=np.float32), (len(raw), 1))
    cleaned = clean(replace(raw, visibility=visibility))
    left, right = LAYOUT.shoulders
    assert cleaned.visibility[40, left] == visibility[40, right]
    assert cleaned.visibility[10, left] == visibility[10, left]


@pytest.mark.parametrize("layout", ["coco17", "gait16"])
def test_other_layouts_are_mended_too(layout):
    raw, _ = walk_seen("towards", trunk=slice(30, 50), legs=slice(30, 50))
    mended = clean(convert(raw, layout)).mended
    assert mended[31:49].all()
    assert not mended[:28].any()
    assert not mended[53:].any()


def test_a_walk_without_a_picture_is_not_looked_at_for_swaps():
    sequence = true_poses(make_walk("neutral", "front", seed=1, seconds=2.0))
    without = {"image": np.full_like(sequence.image, np.nan), "root_source": "estimated"}
    cleaned = clean(replace(sequence, **without))
    assert cleaned.notes["swaps"]["frames"] == 0
    assert not cleaned.notes["direction"]["known"]
    assert "no joints in a picture" in cleaned.notes["direction"]["reason"]


def test_measured_joints_keep_their_sides_wherever_their_room_lies():
    sequence = true_poses(make_walk("happy", "oblique", seed=3, seconds=2.0))
    elsewhere = replace(sequence, root=(sequence.root + np.array([20, 0, 5])).astype(np.float32))
    cleaned = clean(elsewhere)
    assert cleaned.notes["swaps"]["frames"] == 0
    assert not cleaned.mended.any()
    assert "measured joints" in cleaned.notes["direction"]["reason"]


def test_joints_that_are_never_seen_do_no_harm():
    raw, _ = walk_seen("towards", trunk=slice(30, 50), legs=slice(30, 50))
    image, world = raw.image.copy(), raw.world.copy()
    for joint in ("left_wrist", "right_heel", "nose"):
        image[:, LAYOUT.index(joint)] = world[:, LAYOUT.index(joint)] = np.nan
    mended = clean(replace(raw, image=image, world=world)).mended
    assert mended[31:49].all()
    assert mended.sum() <= 22


# --- gaps


def test_short_gaps_are_filled_and_stay_marked_as_not_observed():
    sequence = line()
    filled, gaps = fill_gaps(without(sequence, [7, 20, 21, 22, 23]))
    np.testing.assert_allclose(filled.world, sequence.world, atol=1e-4)
    np.testing.assert_allclose(filled.image, sequence.image, atol=1e-2)
    np.testing.assert_allclose(filled.root, sequence.root, atol=1e-4)
    assert np.flatnonzero(~filled.observed).tolist() == [7, 20, 21, 22, 23]
    assert (gaps.filled, gaps.frames, gaps.left_open) == (2, 5, 0)
    assert gaps.longest_seconds == pytest.approx(5 / 30, abs=1e-3)


def test_the_limit_is_in_seconds_and_longer_gaps_stay_open():
    for rate, longest_filled in ((30.0, 14), (50.0, 24)):
        sequence = line(80, rate)
        for missing in (longest_filled, longest_filled + 1):
            filled, gaps = fill_gaps(without(sequence, slice(20, 20 + missing)))
            assert np.isfinite(filled.world).all() == (missing == longest_filled)
            assert gaps.left_open == (missing != longest_filled)


def test_nothing_is_made_up_before_the_first_and_after_the_last_frame():
    filled, gaps = fill_gaps(without(line(), [0, 1, 38, 39]))
    assert np.isnan(filled.world[[0, 1, 38, 39]]).all()
    assert gaps.filled == gaps.left_open == 0


def test_a_gap_across_a_seam_stays_open():
    filled, gaps = fill_gaps(without(line(), [9, 10, 11]), seams=(10,))
    assert np.isnan(filled.world[9:12]).all()
    assert gaps.left_open == 1


def test_single_joints_are_filled_by_themselves():
    sequence = line()
    world = sequence.world.copy()
    world[5, 3] = world[12:15, 8] = np.nan
    filled, gaps = fill_gaps(replace(sequence, world=world))
    np.testing.assert_allclose(filled.world, sequence.world, atol=1e-4)
    assert gaps.filled == 0  # of whole frames


# --- smoothing


@pytest.mark.parametrize("rate", [30.0, 60.0, 119.88])
def test_the_filter_passes_walking_stops_jitter_and_shifts_nothing(rate):
    base = line(round(4 * rate), rate)
    t = base.time
    for frequency, least, most in ((1.0, 0.99, 1.01), (6.0, 0.69, 0.72), (12.0, 0.0, 0.14)):
        wave = np.sin(2 * np.pi * frequency * t)
        world = np.broadcast_to(wave[:, None, None], base.world.shape).astype(np.float32)
        result = smooth(replace(base, world=world)).world[:, 2, 1]
        inner = slice(round(rate), -round(rate))
        gain = (result[inner] @ wave[inner]) / (wave[inner] @ wave[inner])
        # At the cutoff a Butterworth filter, here of two passes together, leaves 1 / sqrt(2).
        assert least <= gain <= most
        quadrature = np.cos(2 * np.pi * frequency * t)[inner]
        assert abs(result[inner] @ quadrature) < 0.02 * (quadrature @ quadrature)


def test_uneven_time_steps_are_taken_from_time():
    chance = np.random.default_rng(3)
    base = line(150)
    time = np.cumsum(chance.choice([0.02, 0.05], 150))
    wave = np.sin(2 * np.pi * 0.9 * time)
    world = np.broadcast_to(wave[:, None, None], base.world.shape).astype(np.float32)
    result = smooth(replace(base, time=time, world=world)).world[:, 0, 0]
    np.testing.assert_allclose(result[15:-15], wave[15:-15], atol=0.04)


def test_a_low_rate_and_a_short_stretch_are_left_alone():
    slow, short = line(40, 12.0), line(9)
    assert smooth(slow) is slow
    np.testing.assert_array_equal(smooth(short).world, short.world)


def test_a_stretch_that_slows_down_too_far_is_left_as_it_is_and_said_to_be():
    """A phone in the dark, or dropped frames: most steps are short, and yet there are 10 frames a second."""
    base = line(40)
    time = np.concatenate([np.arange(24) / 30, 0.8 + np.arange(16) / 5])
    jitter = np.random.default_rng(4).normal(0, 0.01, base.world.shape).astype(np.float32)
    uneven = replace(base, time=time, world=base.world + jitter, root_source="true")  # no swaps to look for
    assert uneven.rate == pytest.approx(30)
    cleaned = clean(uneven)
    np.testing.assert_array_equal(cleaned.world, uneven.world)
    assert cleaned.notes["smoothing"] == {"cutoff": None}
    # A gap divides it: the stretch of 30 frames a second before it is filtered, the slow one after it is not.
    divided = clean(without(uneven, slice(25, 30)))
    assert np.abs(divided.world[:24] - uneven.world[:24]).max() > 0.005
    np.testing.assert_array_equal(divided.world[30:], uneven.world[30:])
    assert divided.notes["smoothing"] == {"cutoff": 6.0}


@pytest.mark.parametrize("seed", range(12))
def test_cleaning_takes_any_frame_times_that_increase(seed):
    chance = np.random.default_rng(seed)
    frames = int(chance.integers(12, 60))
    steps = chance.choice([0.001, 1 / 120, 1 / 30, 0.2, 1.5], frames, p=chance.dirichlet(np.ones(5)))
    truth = true_poses(make_walk("happy", "front", subject=seed, seconds=2.0))
    kept = {name: getattr(truth, name)[:frames] for name in ("image", "world", "visibility", "root")}
    walk = replace(truth, **kept, time=np.cumsum(steps), observed=None, mended=None, unique=None)
    walk = replace(walk, root_source="estimated", root_unit="body")  # true joints are not looked at for swaps
    cleaned = clean(without(walk, slice(frames // 3, frames // 3 + 2)))
    for name in ("image", "world"):
        before, after = getattr(walk, name), getattr(cleaned, name)
        known = cleaned.observed[:, None, None] & np.isfinite(before)
        assert np.isfinite(after[known]).all()
        assert np.abs(after[known]).max() <= 2 * np.abs(before[known]).max()


def test_gaps_and_seams_are_not_smeared():
    sequence = without(line(80), slice(30, 50))
    world = sequence.world.copy()
    world[60:] += 5
    result = smooth(replace(sequence, world=world), seams=(60,))
    np.testing.assert_allclose(result.world, world, atol=1e-4)
    assert np.isnan(result.world[30:50]).all()


def cadence_and_stride(sequence: PoseSequence) -> tuple[float, float]:
    """Steps a minute from the ankles' largest distances, and how far both ankles come apart, metres."""
    apart = sequence.world[:, LEFT_ANKLE, 2] - sequence.world[:, RIGHT_ANKLE, 2]
    tops = [find_peaks(side * apart, distance=8)[0] for side in (1, -1)]
    strides = [np.diff(sequence.time[top]).mean() for top in tops]
    return 120 / np.mean(strides), float(np.mean([np.abs(apart[top]).mean() for top in tops]))


@pytest.mark.parametrize("emotion", ["angry", "happy", "neutral", "sad"])
@pytest.mark.parametrize("rate", [25.0, 30.0, 60.0])
def test_cadence_and_stride_of_known_walkers_are_kept(emotion, rate):
    walk = make_walk(emotion, "front", seed=11, seconds=8.0, rate=rate, on_the_spot=True)
    before = true_poses(walk)
    cadence, length = cadence_and_stride(smooth(before))
    assert cadence == pytest.approx(walk.parameters.cadence, rel=0.005)
    assert length == pytest.approx(cadence_and_stride(before)[1], rel=0.005)


# --- all together


def looped(lap: int = 40, laps: int = 4) -> PoseSequence:
    rows = np.tile(np.arange(lap), laps)
    truth = true_poses(make_walk("neutral", "front", seed=12, seconds=3.0))
    return PoseSequence(
        image=truth.image[rows],
        world=truth.world[rows],
        visibility=truth.visibility[rows],
        time=np.arange(len(rows)) / 30,
        frame_size=truth.frame_size,
        layout=truth.layout,
        root=truth.root[rows],
        root_unit="m",
        root_source="estimated",
    )


def test_a_seam_stays_sharp():
    raw = looped()
    cleaned = clean(raw)
    assert cleaned.unique == (0, 40)
    assert seams_of(cleaned) == (40, 80, 120)
    jump = raw.image[40] - raw.image[39]
    np.testing.assert_allclose(cleaned.image[40] - cleaned.image[39], jump, atol=0.2 * np.abs(jump).max())
    assert not cleaned.mended.any()


@pytest.mark.parametrize(
    "walk", [lambda: looped(laps=16), lambda: walk_seen("towards", seconds=10.0)[0]], ids=["loop", "walk"]
)
def test_long_walks_are_cleaned_piece_by_piece_to_the_same_joints(walk, monkeypatch):
    sequence, found = walk(), []
    for most in (10**6, 40):
        monkeypatch.setattr("gait.pose.labelling.KEPT_FRAMES", most)
        monkeypatch.setattr("gait.pose.smoothing._AT_ONCE", 100 * most)
        tracemalloc.start()
        cleaned = clean(sequence)
        found.append((cleaned, tracemalloc.get_traced_memory()[1]))
        tracemalloc.stop()
    (whole, much), (pieces, little) = found
    assert len(sequence) > 5 * 40
    assert little < 0.8 * much
    for name in ("image", "world", "mended"):
        np.testing.assert_array_equal(getattr(pieces, name), getattr(whole, name))


def test_swaps_are_mended_before_gaps_are_filled_between_them():
    raw, truth = walk_seen("towards", trunk=slice(30, 60), legs=slice(30, 60))
    gappy = without(raw, slice(27, 34))
    cleaned = clean(gappy)
    assert cleaned.notes["gaps"] == {
        "filled": 1,
        "frames": 7,
        "left_open": 0,
        "longest_seconds": pytest.approx(8 / 30, abs=1e-3),
        "limit_seconds": 0.5,
    }
    shoulders = list(LAYOUT.shoulders)
    error = np.abs(cleaned.image[27:34, shoulders] - truth.image[27:34, shoulders]).max()
    width = np.abs(truth.image[30, shoulders[0], 0] - truth.image[30, shoulders[1], 0])
    assert error < 0.35 * width  # interpolated across an exchange, they would meet in the middle


def test_the_raw_sequence_is_not_changed_and_what_was_known_is_kept():
    raw, _ = walk_seen("towards", trunk=slice(30, 40))
    before = {name: getattr(raw, name).copy() for name in ("image", "world", "visibility", "root", "mended")}
    cleaned = clean(replace(raw, notes={"source": "somewhere", "people": 2}))
    for name, array in before.items():
        np.testing.assert_array_equal(getattr(raw, name), array)
    assert cleaned.notes["source"] == "somewhere"
    assert cleaned.notes["people"] == 2
    assert cleaned.image.dtype == cleaned.world.dtype == cleaned.root.dtype == np.float32


def test_cleaning_twice_is_refused():
    cleaned = clean(line())
    with pytest.raises(VideoError, match="cleaned before"):
        clean(cleaned)


@pytest.mark.parametrize("frames", [0, 1, 2, 5])
def test_very_short_sequences_pass_through(frames):
    sequence = line(frames)
    cleaned = clean(sequence)
    assert len(cleaned) == frames
    np.testing.assert_array_equal(cleaned.world, sequence.world)


def test_a_sequence_in_which_nobody_was_seen_passes_through():
    cleaned = clean(without(line(), slice(None)))
    assert cleaned.coverage == 0
    assert np.isnan(cleaned.world).all()
    assert not cleaned.mended.any()


@pytest.mark.realdata
def test_recorded_clips_agree_with_themselves_lap_by_lap(reference):
    """Laps of a loop show the same frames: exchanged in one and not in the other, they contradict each other."""
    recorded = np.load(reference / "blazepose" / "mediapipe.npz")
    for clip, least, most in (("041", 0, 2), ("009", 8, 30), ("030", 80, 130)):
        image, world = recorded[f"video_{clip}_image"], recorded[f"video_{clip}_world"][..., :3]
        raw = PoseSequence(
            image=(image[..., :2] * (1080, 1920)).astype(np.float32),
            world=(world * (1, -1, -1)).astype(np.float32),
            visibility=image[..., 3],
            time=np.arange(len(image)) / 30,
            frame_size=(1920, 1080),
            layout="blazepose33",
        )
        cleaned = clean(raw)
        assert cleaned.notes["direction"]["facing"] == "towards"
        assert least <= cleaned.mended.sum() <= most
        left, right = LAYOUT.shoulders
        apart = cleaned.image[:, left, 0] - cleaned.image[:, right, 0]
        assert (apart > 0).mean() > 0.99
