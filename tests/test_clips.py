"""Which frames make a clip: against brute force, and on files."""

from __future__ import annotations

import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from videofiles import number_of, write_numbered

from gait.cache import Cache
from gait.clips import (
    clip_indices,
    letterbox,
    nearest_frames,
    resample,
    store_frames,
    window_starts,
)
from gait.errors import VideoError
from gait.video import FrameSize

steps = st.lists(st.integers(1, 400), max_size=60)
rates = st.sampled_from([1.0, 5.0, 7.5, 10.0, 12.5, 15.0, 25.0, 29.97, 30.0, 60.0])


def times_of(milliseconds: list[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(milliseconds)]) / 1000


@given(steps, rates)
def test_nearest_frames_against_brute_force(milliseconds, rate):
    times = times_of(milliseconds)
    chosen = nearest_frames(times, rate)
    for k, index in enumerate(chosen):
        distances = np.abs(times - k / rate)
        assert distances[index] <= distances.min() + 2e-9
        if index and abs(distances[index - 1] - distances[index]) < 1e-12:
            pytest.fail("of two equally near frames the earlier one is wanted")
    # All targets up to the last stamp, and none behind it.
    assert (len(chosen) - 1) / rate <= times[-1] + 1e-6
    assert len(chosen) / rate > times[-1]


def test_nearest_frames_by_hand():
    # Targets 0, 0.1, 0.2, 0.3; 0.1 lies midway between frames 1 and 2.
    assert nearest_frames(np.array([0, 0.05, 0.15, 0.31]), 10).tolist() == [0, 1, 2, 3]
    assert nearest_frames(np.array([0.0]), 15).tolist() == [0]
    # 30 frames a second taken at 15: every second one.
    assert nearest_frames(np.arange(9) / 30, 15).tolist() == [0, 2, 4, 6, 8]
    # And at 60: each twice, but for the last.
    assert nearest_frames(np.arange(3) / 30, 60).tolist() == [0, 0, 1, 1, 2]


@given(steps, rates)
def test_a_stream_is_resampled_to_the_same_frames(milliseconds, rate):
    times = times_of(milliseconds)
    frames = ((seconds, np.array([i])) for i, seconds in enumerate(times))
    assert [int(frame[0]) for frame in resample(frames, rate)] == nearest_frames(times, rate).tolist()


def test_resampling_holds_two_frames_at_a_time():
    alive = weakref.WeakSet()

    class Shot:
        pass

    def shots():
        for i in range(50):
            shot = Shot()
            alive.add(shot)
            yield i / 30, shot
            del shot

    most = 0
    for _ in resample(shots(), 25):
        most = max(most, len(alive))
    assert most <= 3  # two, and the one handed out


def test_no_frames_give_none():
    assert list(resample(iter(()), 15)) == []


@given(st.integers(1, 500), st.integers(1, 60))
def test_windows_cover_every_frame_and_are_spread_evenly(frames, length):
    starts = window_starts(frames, length)
    assert starts[0] == 0
    if frames <= length:
        assert starts.tolist() == [0]
        return
    assert starts[-1] == frames - length
    covered = {i for start in starts for i in range(start, start + length)}
    assert covered == set(range(frames))
    assert (len(starts) - 1) * length < frames <= len(starts) * length  # as few as possible
    gaps = np.diff(starts)
    assert gaps.max() - gaps.min() <= 1


@given(st.integers(1, 90), st.integers(1, 60), st.integers(0, 89))
def test_short_walks_are_looped(frames, length, start):
    indices = clip_indices(start % frames, length, frames)
    assert indices.tolist() == [(start % frames + i) % frames for i in range(length)]


def test_a_stretched_clip():
    assert clip_indices(0, 6, 100, 1.5).tolist() == [0, 1, 3, 4, 6, 7]
    assert clip_indices(2.5, 4, 100, 0.5).tolist() == [2, 3, 3, 4]
    # 0.1 * 10 is 1 for a user, if not for a computer.
    assert clip_indices(0, 11, 100, 0.1)[-1] == 1


def test_letterbox_centres_on_black():
    frame = np.full((20, 10, 3), 200, np.uint8)
    boxed = letterbox(frame, FrameSize(20, 45))
    assert boxed.shape == (20, 45, 3)
    assert (boxed[:, 17:27] == 200).all()
    assert boxed.sum() == frame.sum()
    assert letterbox(frame, FrameSize(20, 10)) is frame


def stored(path, tmp_path):
    cache = Cache(tmp_path / "cache")
    with cache.write("walk") as entry:
        store_frames(path, 15.0, FrameSize(24, 40), entry)
    return cache.find("walk")


def test_stored_frames_are_those_of_the_walk_in_the_middle_of_the_box(tmp_path):
    entry = stored(write_numbered(tmp_path / "walk.mp4", 31), tmp_path)
    frames = entry.read("frames")
    assert frames.shape == (16, 24, 40, 3)
    assert frames.dtype == np.uint8
    # 48 x 64 into 24 x 40: 24 x 32, four black columns left and right.
    assert [number_of(frame[:, 4:36]) for frame in frames] == list(range(0, 31, 2))
    assert frames[:, :, :4].max() == frames[:, :, 36:].max() == 0
    assert entry.meta["decoded"] == 31
    assert entry.meta["damaged"] == 0


@pytest.mark.parametrize(
    ("count", "says"),
    [(1, "1 frame decoded"), (13, "13 frames decoded, 0.47 s")],
)
def test_less_than_half_a_second_is_too_short(tmp_path, count, says):
    path = write_numbered(tmp_path / "short.mp4", count)
    with pytest.raises(VideoError, match=f"too short: {says}.*at least 0.5 s"):
        stored(path, tmp_path)
    assert list((tmp_path / "cache").iterdir()) == []


def test_half_a_second_is_enough(tmp_path):
    assert stored(write_numbered(tmp_path / "walk.mp4", 15), tmp_path).length("frames") == 8
