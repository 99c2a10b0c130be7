"""Variations of training clips keep what they must."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gait.clips import clip_indices
from training.augment import vary_clip, vary_time

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
