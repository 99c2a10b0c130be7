"""Stretches that are played over and over, told from walks that are merely regular."""

from dataclasses import replace

import numpy as np
import pytest

from gait.pose.loops import find_loop, mark_loop, seams_of
from gait.pose.sequence import PoseSequence
from gait.video import FrameSize
from synthesis.poses import true_poses
from synthesis.walks import make_walk

SIZES = FrameSize(640, 360), FrameSize(360, 640)


def estimated(walk, seed=0, error=0.003):
    """True joints with an estimator's errors, in body heights, some of them lasting over frames."""
    chance = np.random.default_rng(seed)
    truth = true_poses(walk)
    noise = chance.normal(size=truth.image.shape)
    for t in range(1, len(noise)):
        noise[t] = 0.6 * noise[t - 1] + 0.8 * noise[t]
    height = np.ptp(truth.image[..., 1], axis=1)[:, None, None]
    return replace(truth, image=(truth.image + error * height * noise).astype(np.float32))


def played(sequence: PoseSequence, lap: int, frames: int, error=0.002, seed=1) -> PoseSequence:
    """The first ``lap`` frames of a sequence over and over; a filter's memory differs a little each time."""
    rows = np.arange(frames) % lap
    chance = np.random.default_rng(seed)
    height = np.ptp(sequence.image[rows][..., 1], axis=1)[:, None, None]
    image = sequence.image[rows] + error * height * chance.normal(size=sequence.image[rows].shape)
    return PoseSequence(
        image=image.astype(np.float32),
        world=sequence.world[rows],
        visibility=sequence.visibility[rows],
        time=np.arange(frames) / 30,
        frame_size=sequence.frame_size,
        layout=sequence.layout,
        root=sequence.root[rows],
        root_unit="m",
        root_source="true",
    )


def exchanged(sequence, rows):
    """Left and right exchanged in some frames."""
    from gait.skeleton import find_layout

    image = sequence.image.copy()
    for left, right in find_layout(sequence.layout).pairs:
        image[np.ix_(rows, [left, right])] = image[np.ix_(rows, [right, left])]
    return replace(sequence, image=image)


@pytest.mark.parametrize("lap", [27, 39, 61, 117])
@pytest.mark.parametrize("view", ["front", "oblique"])
def test_a_lap_is_found_with_its_period_and_all_seams(lap, view):
    walk = make_walk("neutral", view, seed=3, seconds=4.0)
    loop = find_loop(played(estimated(walk), lap, 240))
    assert loop is not None
    assert loop.period == lap
    assert loop.seams == tuple(range(lap, 240, lap))
    assert loop.unique == (0, lap)


def test_a_loop_whose_laps_differ_by_a_frame_is_followed():
    sequence = estimated(make_walk("happy", "front", seed=4, seconds=2.0))
    rows = np.concatenate([np.arange(n) for n in (36, 35, 36, 36, 35)])
    loop = find_loop(
        replace(
            played(sequence, 60, len(rows)),
            image=sequence.image[rows],
        )
    )
    assert loop is not None
    assert loop.seams == (36, 71, 107, 143)


def test_exchanged_sides_do_not_hide_a_loop():
    sequence = played(estimated(make_walk("sad", "front", seed=5, seconds=3.0)), 40, 200)
    rows = np.flatnonzero(np.random.default_rng(0).random(200) < 0.4)
    assert find_loop(exchanged(sequence, rows)).period == 40


def test_missing_frames_do_not_hide_a_loop():
    sequence = played(estimated(make_walk("angry", "oblique", seed=6, seconds=2.0)), 35, 210)
    image = sequence.image.copy()
    image[[0, 50, 51, 90, 140, 141, 142]] = np.nan
    assert find_loop(replace(sequence, image=image)).period == 35


def test_walkers_who_get_on_are_no_loops():
    for seed in range(60):
        view = ("front", "back", "oblique", "left", "right")[seed % 5]
        walk = make_walk("neutral", view, seed=seed, seconds=4.0, size=SIZES[seed % 5 > 2])
        assert find_loop(estimated(walk, seed)) is None, (seed, view)


def test_walkers_on_the_spot_are_no_loops_however_regular():
    # Synthetic cycles are exactly equal: only the estimator's errors differ. The first have a whole number of
    # frames a stride, so that every frame of it comes back.
    for seed in range(60):
        view = ("front", "back", "oblique", "left")[seed % 4]
        walk = make_walk("happy", view, seed=seed, seconds=6.0, on_the_spot=True)
        if seed < 20:
            parameters = replace(walk.parameters, cadence=120.0 * 30 / (28 + seed))
            parameters = replace(parameters, speed=0.6 * 1.7 * parameters.cadence / 120)
            walk = make_walk("happy", view, seed=seed, seconds=6.0, on_the_spot=True, parameters=parameters)
        assert find_loop(estimated(walk, seed, error=0.003 if seed % 2 else 0.0)) is None, (seed, view)


def test_a_walker_on_the_spot_whose_sides_are_exchanged_every_stride_is_no_loop():
    walk = make_walk("neutral", "front", seed=8, seconds=6.0, on_the_spot=True)
    stride = round(30 * 120 / walk.parameters.cadence)
    rows = np.flatnonzero(np.arange(180) % stride < 5)
    assert find_loop(exchanged(estimated(walk), rows)) is None


def test_marking_sets_the_first_lap_and_the_notes():
    sequence = played(estimated(make_walk("neutral", "front", seed=9, seconds=2.0)), 30, 100)
    marked = mark_loop(sequence)
    assert marked.unique == (0, 30)
    assert marked.notes["loop"] == {"period": 30, "seconds": 1.0, "seams": [30, 60, 90]}
    assert seams_of(marked) == (30, 60, 90)


def test_marking_leaves_other_walks_as_they_are():
    sequence = estimated(make_walk("neutral", "front", seed=9, seconds=2.0))
    assert mark_loop(sequence) is sequence
    assert seams_of(sequence) == ()


@pytest.mark.parametrize("frames", [1, 2, 10])
def test_a_few_frames_are_no_loop(frames):
    sequence = estimated(make_walk("neutral", "front", seed=9, seconds=frames / 30))
    assert find_loop(sequence) is None


def test_a_walk_in_which_nobody_was_seen_is_no_loop():
    sequence = estimated(make_walk("neutral", "front", seed=9, seconds=2.0))
    assert find_loop(replace(sequence, image=np.full_like(sequence.image, np.nan))) is None


@pytest.mark.realdata
def test_the_seams_of_recorded_clips_are_found(reference):
    recorded = np.load(reference / "blazepose" / "mediapipe.npz")
    for clip, period in (("009", 31), ("030", 35), ("041", 36)):
        image = recorded[f"video_{clip}_image"][..., :2] * (1080, 1920)
        sequence = PoseSequence(
            image=image.astype(np.float32),
            world=recorded[f"video_{clip}_world"][..., :3],
            visibility=recorded[f"video_{clip}_image"][..., 3],
            time=np.arange(len(image)) / 30,
            frame_size=(1920, 1080),
            layout="blazepose33",
        )
        loop = find_loop(sequence)
        assert loop is not None, clip
        assert loop.period == period
        assert set(loop.seams) == set(range(period, 240, period))
