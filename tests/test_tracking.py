"""Following people: regions, one-euro smoothing, who is the walker. No network is run."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gait.pose.tracking import (
    LOOK_EVERY,
    MEMORY_SECONDS,
    MOST_PEOPLE,
    Landmarks,
    OneEuroFilter,
    PeopleTracker,
    Region,
    Track,
    rank_tracks,
    region_from_points,
    stepping_frames,
)

RATE = 20.0
coordinates = st.floats(-2000, 2000)


# --- regions ------------------------------------------------------------------------------------------------


def test_upright_person_gives_upright_region():
    assert region_from_points(np.array([[100.0, 200.0], [100.0, 120.0]])) == Region(100.0, 200.0, 200.0, 0.0)


@pytest.mark.parametrize(
    ("head", "degrees"), [((180, 200), 90.0), ((20, 200), -90.0), ((100 + 80 / math.sqrt(3), 120), 30.0)]
)
def test_region_turns_with_the_body(head, degrees):
    region = region_from_points(np.array([(100.0, 200.0), head]))
    assert math.degrees(region.angle) == pytest.approx(degrees)


@given(coordinates, coordinates, coordinates, coordinates)
def test_second_point_is_straight_above_the_first(x, y, dx, dy):
    points = np.array([[x, y], [x + dx, y + dy]])
    if math.hypot(dx, dy) < 1:
        return
    region = region_from_points(points, scale=1.25)
    # In the region the circle's radius is 0.5 / 1.25 of the side.
    np.testing.assert_allclose(region.to_frame(np.array([[0.5, 0.5], [0.5, 0.1]])), points, atol=1e-6)
    assert -math.pi <= region.angle < math.pi


# --- one-euro filter ----------------------------------------------------------------------------------------


def test_one_euro_by_hand():
    """Casiez et al. 2012, algorithm 1, worked out for two steps of 0.1 s."""
    smooth = OneEuroFilter(min_cutoff=1.0, beta=0.5, derivative_cutoff=1.0)
    first = smooth(0.0, np.array([2.0]))
    second = smooth(0.1, np.array([3.0]))
    slow = 1 / (1 + 1 / (2 * math.pi * 1.0 * 0.1))  # 0.38587
    speed = slow * 10.0
    alpha = 1 / (1 + 1 / (2 * math.pi * (1.0 + 0.5 * speed) * 0.1))  # 0.64800
    assert first == [2.0]
    assert second[0] == pytest.approx(2.0 + alpha, abs=1e-12)
    assert second[0] == pytest.approx(2.648, abs=1e-3)


def test_one_euro_speed_is_relative_to_size():
    """A body twice as large that moves twice as fast is smoothed the same."""
    small, large = OneEuroFilter(0.05, 80, 1), OneEuroFilter(0.05, 80, 1)
    values = np.cumsum(np.random.default_rng(0).normal(size=(30, 3, 2)), axis=0)
    for i, value in enumerate(values):
        np.testing.assert_allclose(2 * small(i / 30, value, 50.0), large(i / 30, 2 * value, 100.0))


def test_one_euro_keeps_rest_and_removes_jitter():
    smooth = OneEuroFilter(0.05, 80, 1)
    jitter = np.random.default_rng(1).normal(0, 0.5, (200, 5))
    out = np.array([smooth(i / 30, 100 + jitter[i], 400.0) for i in range(200)])
    assert out[50:].std() < 0.5 * jitter.std()
    assert out[50:].mean() == pytest.approx(100, abs=0.2)


# --- following ----------------------------------------------------------------------------------------------


class People:
    """A finder that sees people at given places; a frame is an array whose first element is its number.

    ``places`` maps a person to a function from the frame's number to (x, height in pixels), or None where the
    person is not in view.
    """

    def __init__(self, **places):
        self.places = places
        self.detections = 0

    def _present(self, frame):
        at = {name: place(int(frame[0])) for name, place in self.places.items()}
        return {name: where for name, where in at.items() if where is not None}

    def detect(self, frame, thorough=False):
        self.detections += 1
        regions = [
            region_from_points(_landmarks(x, h, 0).alignment) for x, h in self._present(frame).values()
        ]
        return regions * 2 if thorough else regions

    def locate(self, frame, region):
        present = self._present(frame)
        near = [
            (abs(x - region.x), x, h) for x, h in present.values() if abs(x - region.x) < 0.3 * region.side
        ]
        if not near:
            return None
        return _landmarks(*min(near)[1:], int(frame[0]))


def _landmarks(x, height, number, stride=0.4):
    """Somebody at x, ``height`` pixels tall, whose feet swing once a second."""
    image = np.zeros((33, 2))
    image[:, 0] = x + height / 8 * np.sin(np.arange(33) * np.pi / 2)
    image[:, 1] = 300 - height * np.linspace(1, 0, 33)
    world = np.zeros((33, 3))
    world[27, 2] = stride * np.sin(2 * np.pi * number / RATE)
    world[28, 2] = -world[27, 2]
    alignment = np.array([[x, 300 - height / 2], [x, 300 - height]])
    return Landmarks(image, world, np.ones(33), alignment)


def follow(finder, frames):
    tracker = PeopleTracker(finder)
    for i in range(frames):
        tracker.step(i / RATE, np.array([i]))
    return tracker.tracks


def test_one_walker_is_one_track_and_the_detector_rests():
    finder = People(a=lambda i: (100 + 2 * i, 200))
    (track,) = follow(finder, 60)
    assert track.frames == list(range(60))
    assert finder.detections == 60 / LOOK_EVERY


def test_smoothed_joints_follow_the_walker():
    (track,) = follow(People(a=lambda i: (100 + 2 * i, 200)), 60)
    np.testing.assert_allclose([image[0, 0] for image in track.image], 100 + 2 * np.arange(60), atol=2)


def test_walker_lost_for_a_moment_stays_the_same():
    tracks = follow(People(a=lambda i: None if 20 <= i < 28 else (100 + 2 * i, 200)), 50)
    assert [t.frames for t in tracks] == [[*range(20), *range(28, 50)]]
    # Smoothing starts afresh: the first joints after the gap are not drawn back to those before it.
    assert tracks[0].image[20][0, 0] == 100 + 2 * 28


def test_return_after_a_long_time_is_somebody_new():
    back = 10 + int(MEMORY_SECONDS * RATE) + 2
    tracks = follow(People(a=lambda i: None if 10 <= i < back else (100, 200)), back + 10)
    assert [len(t.frames) for t in tracks] == [10, 10]


def test_somebody_far_away_is_not_taken_for_who_was_lost():
    tracks = follow(
        People(a=lambda i: (100, 200) if i < 10 else None, b=lambda i: (900, 200) if i >= 12 else None), 30
    )
    assert [t.frames for t in tracks] == [list(range(10)), list(range(12, 30))]


def test_two_people_are_two_tracks_and_the_late_one_is_found_soon():
    tracks = follow(People(a=lambda i: (100, 200), b=lambda i: (400, 150) if i >= 5 else None), 60)
    assert [len(t.frames) for t in tracks] == [60, 60 - LOOK_EVERY]


def test_people_who_cross_are_not_merged_for_good():
    tracks = follow(People(a=lambda i: (100 + 5 * i, 200), b=lambda i: (400 - 5 * i, 200)), 70)
    first, second = tracks
    assert len(tracks) == 2
    assert first.frames == list(range(70))
    assert len(second.frames) > 60
    ends = sorted(track.image[-1][0, 0] for track in tracks)
    np.testing.assert_allclose(ends, [400 - 5 * 69, 100 + 5 * 69], atol=15)


def test_second_finding_on_the_same_body_is_nobody_new():
    """A smaller region about the chest, in which the finder sees a small person."""
    finder = People(a=lambda i: (100, 200))
    small = Region(100, 180, 60)
    finder.detect = lambda frame, thorough=False: [small]
    whole = finder.locate
    finder.locate = lambda frame, region: _landmarks(102, 90, 0) if region == small else whole(frame, region)
    tracker = PeopleTracker(finder)
    tracker.tracks = tracker._active = [make_track([0])]
    for i in range(1, 40):
        tracker.step(i / RATE, np.array([i]))
    assert len(tracker.tracks) == 1


def test_a_crowd_is_not_followed_whole():
    crowd = {f"p{k}": (lambda i, k=k: (150 * k, 100)) for k in range(MOST_PEOPLE + 3)}
    assert len(follow(People(**crowd), 20)) == MOST_PEOPLE


def test_nobody():
    finder = People()
    assert follow(finder, 20) == []
    assert finder.detections == 20


# --- who is the walker --------------------------------------------------------------------------------------


def make_track(frames, height=200, stride=0.4):
    track = Track()
    for i in frames:
        track.add(i, i / RATE, _landmarks(100, height, i, stride))
    return track


def test_steps_are_counted_where_the_ankles_move():
    assert stepping_frames(make_track(range(60)), RATE) == 60
    assert stepping_frames(make_track(range(60), stride=0.0), RATE) == 0


def test_steps_do_not_need_left_and_right():
    """Left and right exchanged in every third frame give the same count."""
    track = make_track(range(60))
    for i in range(0, 60, 3):
        track.world[i][[27, 28]] = track.world[i][[28, 27]]
    assert stepping_frames(track, RATE) == 60


def test_longest_walker_comes_first():
    short, long = make_track(range(30, 60)), make_track(range(10, 60))
    assert rank_tracks([short, long], RATE) == [long, short]


def test_walker_comes_before_a_longer_bystander():
    walker, bystander = make_track(range(20, 60)), make_track(range(80), stride=0.0)
    assert rank_tracks([bystander, walker], RATE) == [walker, bystander]


def test_ties_go_to_the_larger():
    far, near = make_track(range(40), height=100), make_track(range(40), height=250)
    assert rank_tracks([far, near], RATE) == [near, far]


def test_single_frame_can_be_ranked():
    one = make_track([0])
    assert rank_tracks([one], float("nan")) == [one]
