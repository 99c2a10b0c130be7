"""Parts of watching a video: who is seen, averaging, thresholds, the newest frame, memory that is let go."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keypoint_walks import walker

from gait.bundle import Record
from gait.clips import Sampler, resample
from gait.pose.tracking import Landmarks, PeopleTracker, Region
from gait.pose.watching import Watcher
from gait.predictions import Predictions
from gait.preprocess import JointPreprocess
from gait.preprocess.windows import MemoryEntry, store_seen
from gait.streaming.abstaining import ABOVE_CHANCE, Reason, calibrate, find_threshold
from gait.streaming.doubting import Doubts
from gait.streaming.judging import Averager
from gait.streaming.looking import look
from gait.streaming.moments import Shot, Verdict, Window
from gait.streaming.newest import Newest

FRAME = np.zeros((100, 60, 3), np.uint8)
RATE = 20.0


class Acted:
    """A finder that sees who is on: places of people by frame, ``None`` for somebody who is hidden."""

    def __init__(self, scenes):
        self._scenes, self._now, self._steps = scenes, -1, walker(seconds=3.0)

    def next(self):
        self._now += 1

    def detect(self, frame, thorough=False):
        return [self._region(place) for place in self._scenes[self._now] if place is not None]

    def _region(self, place):
        return Region(place[0], place[1], 50.0)

    def locate(self, frame, region):
        near = [p for p in self._scenes[self._now] if p is not None and abs(p[0] - region.x) < 15]
        if not near:
            return None
        (x, y, moves) = near[0]
        row = self._now if moves else 0
        world = self._poses()[row % len(self._poses())]
        image = np.column_stack([x + 20 * world[:, 0], y - 20 * world[:, 1]])
        return Landmarks(image, world, np.ones(33), np.array([[x, y], [x, y - 20.0]]))

    def _poses(self):
        return _blazepose_walk()


def _blazepose_walk():
    """World joints (T, 33, 3) of somebody whose feet swing."""
    t = np.arange(60) / RATE
    world = np.zeros((60, 33, 3))
    world[:, 11:13, 1], world[:, 23:25, 1], world[:, 25:27, 1], world[:, 27:33, 1] = 0.5, 0.0, -0.4, -0.8
    world[:, :11, 1] = 0.7
    world[:, 11::2, 0], world[:, 12::2, 0] = 0.15, -0.15
    swing = 0.3 * np.sin(2 * np.pi * t)
    world[:, 27, 2], world[:, 28, 2] = swing, -swing
    return world


def watched(scenes, upto=None):
    finder = Acted(scenes)
    watcher = Watcher(PeopleTracker(finder), {})
    for number in range(len(scenes) if upto is None else upto):
        finder.next()
        watcher.step(number / RATE, FRAME)
    return watcher


WALKS, STANDS = (20.0, 50.0, True), (45.0, 50.0, False)


# --- Who is in view ----------------------------------------------------------------------------------------


def test_a_walker_is_judged_by_the_window_and_a_bystander_is_not():
    found = look(watched([[STANDS, WALKS]] * 40), None, 1.0, people=1)
    ((number, window),) = found.items()
    assert isinstance(window, Window)
    assert window.frames == (19, 39)
    assert len(window.poses) == 21
    assert np.nanmean(window.poses.image[..., 0]) < 30  # the walker, though the other was found first
    both = look(watched([[STANDS, WALKS]] * 40), None, 1.0, people=2)
    assert list(both) == [number, 3 - number]
    assert both[3 - number] is Reason.STILL


@pytest.mark.parametrize(
    ("scenes", "reason"),
    [
        ([[]] * 40, Reason.NOBODY),
        ([[WALKS]] * 10, Reason.FILLING),
        ([[]] * 30 + [[WALKS]] * 10, Reason.FILLING),
        ([[WALKS]] * 25 + [[]] * 15, Reason.NOBODY),
        ([[WALKS]] * 22 + [[]] * 12 + [[WALKS]] * 6, Reason.NOBODY),  # back, but in half of the window unseen
        ([[STANDS]] * 40, Reason.STILL),
    ],
)
def test_why_nobody_is_judged(scenes, reason):
    assert list(look(watched(scenes), None, 1.0, people=1).values()) == [reason]


def test_somebody_hidden_for_a_moment_is_still_judged():
    scenes = [[WALKS]] * 30 + [[None]] * 6 + [[WALKS]] * 6
    (window,) = look(watched(scenes), None, 1.0, people=1).values()
    assert window.poses.observed.sum() == 15


def test_letting_go_of_old_frames_changes_no_window():
    scenes = [[STANDS]] * 20 + [[STANDS, WALKS]] * 40
    finder = Acted(scenes)
    whole, short = (Watcher(PeopleTracker(finder), {}) for _ in range(2))
    for number in range(len(scenes)):
        finder.next()
        for watcher in (whole, short):
            watcher.step(number / RATE, FRAME)
        short.forget(short.window_start(2.0))
        one, other = (look(watcher, None, 1.0, people=2) for watcher in (whole, short))
        assert list(one) == list(other)
        for a, b in zip(one.values(), other.values(), strict=True):
            if isinstance(a, Window):
                assert a.frames == b.frames
                np.testing.assert_array_equal(a.poses.world, b.poses.world)
                np.testing.assert_array_equal(a.poses.time, b.poses.time)
            else:
                assert a is b
    kept = [len(track.frames) for track in short._tracker.tracks]
    assert max(kept) <= 2.0 * RATE + 1
    assert short.count == whole.count == len(scenes)


def test_who_is_gone_for_long_is_forgotten():
    watcher = watched([[WALKS]] * 20 + [[]] * 60)
    watcher.forget(70)
    assert watcher._tracker.tracks == []


@given(st.lists(st.floats(0.01, 0.3), min_size=1, max_size=40), st.floats(3.0, 40.0))
def test_sampling_frame_by_frame_is_sampling_a_stream(steps, rate):
    times = np.concatenate([[0.0], np.cumsum(steps)])
    sampler = Sampler(rate)
    pushed = [frame for number, now in enumerate(times) for frame in sampler.take(now, number)]
    assert pushed == list(resample(zip(times, range(len(times)), strict=True), rate))


def test_a_window_in_memory_is_stored_as_a_walk_in_the_cache(tmp_path):
    from gait.cache import Cache

    how, poses = JointPreprocess(length=8, rate=10.0), walker(seconds=2.0)
    entry, cache = MemoryEntry(), Cache(tmp_path)
    store_seen(how, poses, (), entry)
    with cache.write("k") as writer:
        store_seen(how, poses, (), writer)
    for name in ("joints", "velocity"):
        np.testing.assert_array_equal(entry.read(name), cache.open("k").read(name))
        assert entry.length(name) == cache.open("k").length(name)


# --- From answers to words ---------------------------------------------------------------------------------


def answer(*probabilities, **more):
    return Verdict(probabilities=np.array(probabilities, float), **more)


def test_averaging_by_hand():
    averager = Averager(("a", "b"), 2, unsure_below=0.6)
    first = averager.take(1, answer(0.9, 0.1, valence=0.5, arousal=0.2))
    assert (first.emotion, first.confidence, first.valence) == ("a", 0.9, 0.5)
    second = averager.take(1, answer(0.1, 0.9, valence=-0.5, arousal=0.4))
    assert second.emotion is None
    assert second.reason is Reason.UNSURE
    np.testing.assert_allclose(second.probabilities, [0.5, 0.5])
    assert (second.valence, second.arousal) == pytest.approx((0.0, 0.3))
    third = averager.take(1, answer(0.3, 0.7))
    assert third.emotion == "b"
    np.testing.assert_allclose(third.probabilities, [0.2, 0.8])  # the first one is out
    assert third.valence is None  # as long as one of those averaged has none


def test_people_are_averaged_each_by_themselves_and_a_reason_interrupts():
    averager = Averager(("a", "b"), 5, unsure_below=0.0)
    averager.take(1, answer(1.0, 0.0))
    assert averager.take(2, answer(0.0, 1.0)).emotion == "b"
    assert averager.take(1, Verdict(reason=Reason.STILL)).reason is Reason.STILL
    np.testing.assert_allclose(averager.take(1, answer(0.2, 0.8)).probabilities, [0.2, 0.8])


def test_a_walk_is_in_doubt_where_its_windows_or_its_confidence_are():
    def said_of(confidence):
        return Predictions(
            ("w",), ("a", "b"), np.array([[confidence, 1 - confidence]]), (None,), (None,), (1,)
        )

    doubts = Doubts(0.6, 4.0)
    for number, reason in (
        (1, Reason.FILLING),
        (1, Reason.STILL),
        (1, Reason.STILL),
        (1, Reason.UNSURE),
        (2, Reason.FILLING),
    ):
        doubts.hear(number, Verdict(reason=reason))
    assert doubts.about(1, said_of(0.9)) == "none of its windows was answered: not walking"
    assert doubts.about(2, said_of(0.9)) == "no window of 4.0 s was full"
    assert doubts.about(3, said_of(0.5)) == "no window of 4.0 s was full; its confidence is below 0.60"
    doubts.hear(2, Verdict("a"))
    assert doubts.about(1, said_of(0.9)) is not None
    assert doubts.about(2, said_of(0.6)) is None
    assert doubts.about(2, said_of(0.59)) == "its confidence is below 0.60"
    assert doubts.about(None, said_of(0.9)) is None  # nobody is followed: one walk, whoever was in it


def test_the_threshold_is_where_answers_become_right_more_often_than_wrong():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.3, 0.9, 4000)
    right = rng.random(4000) < 1 / (1 + np.exp(-12 * (confidence - 0.55)))
    assert calibrate(right, confidence) == pytest.approx(0.55, abs=0.02)


@pytest.mark.parametrize(
    ("right", "confidence"),
    [
        (np.arange(19) % 2, np.linspace(0, 1, 19)),  # too few
        (np.arange(40) < 38, np.linspace(1, 0, 40)),  # too few wrong ones
        (np.arange(40) < 20, np.linspace(0, 1, 40)),  # the surer, the more often wrong
    ],
)
def test_where_confidence_says_nothing_no_threshold_is_chosen(right, confidence):
    assert calibrate(right, confidence) is None


def test_thresholds_in_their_order():
    record = Record("x", ("a", "b", "c", "d"), None)
    assert find_threshold(record).value == pytest.approx(0.25 + ABOVE_CHANCE)
    chosen = replace(record, validation={"unsure_below": 0.4, "walks": 45})
    assert find_threshold(chosen).value == 0.4
    assert "45 validation walks" in find_threshold(chosen).source
    assert find_threshold(chosen, 0.0).value == 0.0


# --- The newest frame --------------------------------------------------------------------------------------


def shots(count, gap=0.0):
    for number in range(count):
        yield Shot(number, number * gap, FRAME, None, 0.0)


def test_the_newest_frame_is_used_and_the_others_are_counted():
    read, go = threading.Event(), threading.Event()

    def source():
        yield from shots(1)
        go.wait(10)
        yield from (replace(shot, number=shot.number + 1, seconds=9.0) for shot in shots(5))
        read.set()

    with Newest(source(), paced=False) as newest:
        used = []
        for shot in newest:
            used.append((shot.number, shot.seconds))
            if len(used) == 1:
                go.set()
                read.wait(10)  # five frames come while the first is worked on
    assert used == [(0, 0.0), (1, 9.0)]
    assert newest.dropped == 4


def test_a_file_in_place_of_a_camera_is_held_back():
    start = time.monotonic()
    with Newest(shots(4, gap=0.1), paced=True) as newest:
        assert len(list(newest)) + newest.dropped == 4
    assert time.monotonic() - start >= 0.3


def test_what_a_camera_raises_is_raised_where_its_frames_are_used():
    def broken():
        yield from shots(1)
        raise OSError("unplugged")

    with pytest.raises(OSError, match="unplugged"), Newest(broken(), paced=False) as newest:
        list(newest)


def test_leaving_early_ends_the_reading():
    def endless():
        while True:
            yield from shots(1)

    with Newest(endless(), paced=False) as newest:
        next(iter(newest))
    assert not newest._thread.is_alive()
