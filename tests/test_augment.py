"""Variations of training clips keep what they must."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gait.clips import clip_indices
from gait.skeleton import find_layout, mirror
from training import augment
from training.augment import vary, vary_clip, vary_joints, vary_time

T, H, W = 5, 24, 16


def clip(seed: int = 0) -> np.ndarray:
    """Five smooth pictures of a bright left and a dark right half, brighter from frame to frame."""
    shots = np.full((T, H, W, 3), 60, np.uint8)
    shots[:, :, : W // 2] = 150
    return shots + (4 * np.arange(T, dtype=np.uint8))[:, None, None, None]


@given(st.integers(0, 2**32 - 1))
def test_shape_and_type_stay_and_the_source_is_left_alone(seed):
    source = np.random.default_rng(0).integers(0, 256, (T, H, W, 3), dtype=np.uint8)
    before = source.copy()
    varied = vary_clip(source, np.random.default_rng(seed))
    assert varied.shape == (T, H, W, 3)
    assert varied.dtype == np.uint8
    np.testing.assert_array_equal(source, before)


@given(st.integers(0, 2**32 - 1))
def test_every_frame_is_varied_the_same_way(seed):
    still = np.repeat(np.random.default_rng(0).integers(0, 256, (1, H, W, 3), dtype=np.uint8), T, axis=0)
    varied = vary_clip(still, np.random.default_rng(seed))
    for frame in varied[1:]:
        np.testing.assert_array_equal(frame, varied[0])


@given(st.integers(0, 2**32 - 1))
def test_brightness_and_contrast_stay_in_their_bounds(seed):
    for value in (0, 60, 128, 200, 255):
        varied = vary_clip(np.full((T, H, W, 3), value, np.uint8), np.random.default_rng(seed))
        assert varied.min() == varied.max()
        # Contrast at most 20 % about mid-grey, brightness at most 30.
        low = np.clip(128 + (value - 128) * (1.2 if value < 128 else 0.8) - 30, 0, 255)
        high = np.clip(128 + (value - 128) * (0.8 if value < 128 else 1.2) + 30, 0, 255)
        assert low - 1 <= int(varied[0, 0, 0, 0]) <= high + 1


def is_mirrored(varied: np.ndarray) -> bool:
    return varied[:, :, :3].mean() < varied[:, :, -3:].mean()


def test_half_of_the_clips_are_mirrored():
    rng = np.random.default_rng(0)
    share = np.mean([is_mirrored(vary_clip(clip(), rng)) for _ in range(800)])
    assert share == pytest.approx(0.5, abs=0.06)  # three and a half standard deviations


def test_the_walker_stays_in_the_picture():
    # A square in the middle, 12 of 80 pixels wide, moves by at most the shift and the zoom allow.
    source = np.zeros((1, 80, 80, 3), np.uint8)
    source[:, 34:46, 34:46] = 255
    rng = np.random.default_rng(1)
    centres, areas = [], []
    for _ in range(200):
        varied = vary_clip(source, rng)[0, ..., 0].astype(float)
        mask = (varied > (varied.max() + varied.min()) / 2).astype(np.uint8)
        moments = cv2.moments(mask, binaryImage=True)
        centres.append((moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]))
        areas.append(moments["m00"] / 144)
    offsets = np.abs(np.array(centres) - 39.5)
    assert offsets.max() <= 0.06 * 80 + 1
    assert offsets.max() > 3  # it does move
    assert 0.85 <= min(areas) <= 1.1
    assert 1.1 < max(areas) <= 1.12**2 + 0.15


def test_the_same_seed_gives_the_same_variation():
    one, two, other = (vary_clip(clip(), np.random.default_rng(seed)) for seed in (5, 5, 6))
    np.testing.assert_array_equal(one, two)
    assert (one != other).any()


@given(
    st.integers(2, 60).flatmap(lambda length: st.tuples(st.just(length), st.integers(1, 300))),
    st.floats(0, 1),
    st.integers(0, 2**32 - 1),
)
def test_a_shifted_and_stretched_clip_stays_inside_its_walk(sizes, where, seed):
    length, frames = sizes
    start = round(where * max(0, frames - length))
    begin, step = vary_time(start, length, frames, np.random.default_rng(seed))
    assert 0.9 <= step <= 1.1
    assert begin >= 0
    assert abs(begin - start) <= length / 2 + 0.1 * length + 1
    if frames >= 1.1 * length:
        indices = clip_indices(begin, length, frames, step)
        assert (np.diff(indices) >= 0).all()  # it was not looped
        assert begin + step * (length - 1) <= frames - 1 + 1e-9


def test_starts_and_tempos_spread():
    rng = np.random.default_rng(0)
    begins, steps = zip(*(vary_time(100, 30, 300, rng) for _ in range(500)), strict=True)
    assert min(begins) < 88
    assert max(begins) > 112
    assert np.mean(begins) == pytest.approx(100, abs=2)
    assert np.mean(steps) == pytest.approx(1, abs=0.01)
    assert min(steps) < 0.92
    assert max(steps) > 1.08


# --- Joints ------------------------------------------------------------------------------------------------

GAIT = find_layout("gait16")


def joints(frames: int = 9, seed: int = 0) -> np.ndarray:
    """(T, 16, 6) noise: positions with the root at rest, and velocities."""
    clip = np.random.default_rng(seed).normal(size=(frames, 16, 6)).astype(np.float32)
    clip[:, 0] = 0
    return clip


@pytest.fixture
def rigid(monkeypatch):
    """Only mirror, turn and scale."""
    for name in ("JOINT_NOISE", "DROPPED_FRAMES", "HIDDEN_JOINTS"):
        monkeypatch.setattr(augment, name, 0)


def lengths(positions: np.ndarray) -> np.ndarray:
    """(T, E) lengths of the bones."""
    return np.stack(
        [np.linalg.norm(positions[:, a] - positions[:, b], axis=-1) for a, b in GAIT.edges], axis=1
    )


def test_mirrored_twice_is_the_same():
    positions = joints()[..., :3]
    once = mirror(positions, GAIT.pairs)
    np.testing.assert_array_equal(mirror(once, GAIT.pairs), positions)
    left, right = GAIT.pairs[0]
    np.testing.assert_array_equal(once[:, left], positions[:, right] * [-1, 1, 1])


def swapped(bones: np.ndarray) -> np.ndarray:
    """The bones (T, E) in the order they have after left and right joints changed names."""
    exchanged = dict(GAIT.pairs) | {right: left for left, right in GAIT.pairs}
    place = {frozenset(edge): i for i, edge in enumerate(GAIT.edges)}
    return bones[:, [place[frozenset(exchanged.get(j, j) for j in edge)] for edge in GAIT.edges]]


@pytest.mark.usefixtures("rigid")
def test_turns_and_mirrors_keep_bone_lengths_up_to_one_scale():
    clip, mirrored = joints(), 0
    before = lengths(clip[..., :3])
    for seed in range(60):
        varied = vary_joints(clip, "gait16", np.random.default_rng(seed))
        assert varied.shape == clip.shape
        assert varied.dtype == np.float32
        after = lengths(varied[..., :3])
        as_is, exchanged = after / before, after / swapped(before)
        ratio = min((as_is, exchanged), key=np.ptp)
        mirrored += ratio is exchanged
        assert np.ptp(ratio) < 1e-4
        assert 0.9 <= ratio.mean() <= 1.1
        np.testing.assert_allclose(  # heights change by the scale alone; a turn is about the vertical
            np.sort(varied[..., 1]), np.sort(clip[..., 1] * ratio.mean()), atol=1e-4
        )
        speed = [np.linalg.norm(c[..., 3:], axis=-1).sum() for c in (varied, clip)]
        assert speed[0] / speed[1] == pytest.approx(ratio.mean(), abs=1e-4)
    assert 15 < mirrored < 45


@pytest.mark.usefixtures("rigid")
def test_velocities_turn_with_positions():
    positions = np.cumsum(joints(30)[..., :3] * 0.1, axis=0)
    clip = np.concatenate([positions, np.gradient(positions, axis=0)], axis=-1).astype(np.float32)
    for seed in range(10):
        varied = vary_joints(clip, "gait16", np.random.default_rng(seed))
        np.testing.assert_allclose(varied[..., 3:], np.gradient(varied[..., :3], axis=0), atol=1e-5)


def test_noise_is_small_and_leaves_velocities_alone(monkeypatch):
    for name in ("MAX_TURN", "MAX_SCALE", "DROPPED_FRAMES", "HIDDEN_JOINTS"):
        monkeypatch.setattr(augment, name, 0)
    still = np.zeros((200, 16, 6), np.float32)
    varied = vary_joints(still, "gait16", np.random.default_rng(0))
    assert varied[..., :3].std() == pytest.approx(0.01, rel=0.05)
    assert (varied[..., 3:] == 0).all()


def test_a_dropped_frame_repeats_the_one_before_and_the_first_is_never_dropped(monkeypatch):
    for name in ("MAX_TURN", "MAX_SCALE", "JOINT_NOISE", "HIDDEN_JOINTS"):
        monkeypatch.setattr(augment, name, 0)
    monkeypatch.setattr(augment, "DROPPED_FRAMES", 0.4)
    clip = np.zeros((40, 16, 6), np.float32)
    clip[..., 1] = np.arange(40)[:, None]
    repeated = 0
    for seed in range(20):
        shown = vary_joints(clip, "gait16", np.random.default_rng(seed))[:, 5, 1]
        assert shown[0] == 0
        kept = shown == np.arange(40)
        repeated += (~kept).sum()
        np.testing.assert_array_equal(shown[1:][~kept[1:]], shown[:-1][~kept[1:]])
    assert 0.3 < repeated / (20 * 39) < 0.5


def test_a_hidden_joint_moves_straight_on_between_what_is_known(monkeypatch):
    for name in ("MAX_TURN", "MAX_SCALE", "JOINT_NOISE", "DROPPED_FRAMES"):
        monkeypatch.setattr(augment, name, 0)
    monkeypatch.setattr(augment, "HIDDEN_JOINTS", 0.5)
    monkeypatch.setattr(augment.skeleton, "mirror", lambda part, pairs: part)
    clip, hidden = joints(40, seed=3), 0
    for seed in range(10):
        shown = vary_joints(clip, "gait16", np.random.default_rng(seed))
        for joint in range(1, 16):
            (frames,) = np.nonzero((shown[:, joint, :3] != clip[:, joint, :3]).any(axis=1))
            if not len(frames):
                continue
            hidden += 1
            first, end = frames[0] - 1, frames[-1] + 1
            assert 0 <= first < end < 40
            assert len(frames) <= augment.LONGEST_HIDDEN
            line = np.linspace(clip[first, joint, :3], clip[end, joint, :3], end - first + 1)
            np.testing.assert_allclose(shown[first : end + 1, joint, :3], line, atol=1e-6)
            mean = clip[frames, joint, 3:].mean(axis=0)
            np.testing.assert_allclose(shown[frames, joint, 3:], np.tile(mean, (len(frames), 1)), atol=1e-6)
    assert 50 < hidden < 100


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_clips_of_few_frames_can_be_varied(frames, monkeypatch):
    monkeypatch.setattr(augment, "HIDDEN_JOINTS", 1.0)
    for seed in range(20):
        assert np.isfinite(vary_joints(joints(frames), "gait16", np.random.default_rng(seed))).all()


def test_joints_are_varied_the_same_way_by_the_same_seed_and_the_source_is_left_alone():
    class How:
        kind, layout = "joints", "gait16"

    clip = joints()
    one, two, other = (vary(clip, How, np.random.default_rng(seed)) for seed in (5, 5, 6))
    np.testing.assert_array_equal(one, two)
    assert (one != other).any()
    np.testing.assert_array_equal(clip, joints())
