"""The formulas of the features, by hand calculation and by independent implementations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import savgol_coeffs

from gait.features import FRAME_FEATURES, MDT_GCN_31, walk_features
from gait.features.feature import NotMeasurable, known, spread
from gait.features.gait_events import oscillation, stance_speed, width_of_steps
from gait.features.laban import directness, kinetic_energy, mean_magnitude
from gait.features.motion import JOINT, Motion, bridge, derivatives
from gait.features.movement import log_dimensionless_jerk, spectral_arc_length
from gait.features.posture import box_volume, inclination, joint_angle, triangle_area, twist
from gait.features.rhythm import stride_rate
from gait.features.symmetry import phase_difference, symmetry_index
from gait.pose.sequence import PoseSequence

# A pose in body heights that can be reckoned by hand: left arm raised to the front and bent at a right angle,
# right arm straight down; left leg forward by 45 degrees, right leg straight down; the trunk upright.
POSE = {
    "root": (0, 0, 0), "spine": (0, 0.15, 0), "neck": (0, 0.3, 0), "head": (0, 0.4, 0.1),
    "left_shoulder": (0.1, 0.3, 0), "left_elbow": (0.1, 0.3, 0.2), "left_hand": (0.1, 0.5, 0.2),
    "right_shoulder": (-0.1, 0.3, 0), "right_elbow": (-0.1, 0.1, 0), "right_hand": (-0.1, -0.1, 0),
    "left_hip": (0.05, 0, 0), "left_knee": (0.05, -0.2, 0.2), "left_foot": (0.05, -0.4, 0.4),
    "right_hip": (-0.05, 0, 0), "right_knee": (-0.05, -0.2, 0), "right_foot": (-0.05, -0.4, 0),
}  # fmt: skip


def motion(pose: dict = POSE, frames: int = 3) -> Motion:
    joints = np.array([pose[name] for name in JOINT], np.float64)
    return Motion(np.tile(joints, (frames, 1, 1)), np.arange(frames) / 30)


BY_HAND = {
    "shoulders_neck_angle": 180,
    "left_shoulder_slope": 0,
    "body_inclination": np.degrees(np.arctan(0.1 / 0.4)),
    "left_hand_root_distance": np.sqrt(0.1**2 + 0.5**2 + 0.2**2),
    "right_hand_shoulder_distance": 0.4,
    "right_elbow_root_distance": 0.1 * np.sqrt(2),
    "hands_neck_area": 0.5 * np.linalg.norm(np.cross((0.1, 0.2, 0.2), (-0.1, -0.4, 0))),
    "shoulders_neck_area": 0,
    "left_shoulder_angle": 90,
    "right_shoulder_angle": 90,
    "left_elbow_angle": 90,
    "right_elbow_angle": 180,
    "spine_angle": 180,
    "neck_angle": 135,
    "right_foot_root_distance": np.sqrt(0.05**2 + 0.4**2),
    "hips_neck_area": 0.5 * 0.1 * 0.3,
    "feet_root_area": 0.5 * np.linalg.norm(np.cross((0.05, -0.4, 0.4), (-0.05, -0.4, 0))),
    "left_hip_angle": 90,
    "left_knee_angle": 180,
    "foot_distance": np.sqrt(0.1**2 + 0.4**2),
    "trunk_lean": 0,
    "trunk_side_lean": 0,
    "trunk_twist": 0,
    "head_inclination": 45,
    "head_height": 0.4,
    "body_volume": 0.2 * 0.9 * 0.4,
    "hand_distance": np.sqrt(0.2**2 + 0.6**2 + 0.2**2),
    "left_hand_head_distance": np.sqrt(0.1**2 + 0.1**2 + 0.1**2),
    "left_arm_swing": 90,
    "right_arm_swing": 0,
    "right_arm_spread": 0,
    "left_thigh_swing": 45,
    "right_thigh_swing": 0,
}


@pytest.mark.parametrize("name", BY_HAND)
def test_hand_made_pose(name):
    np.testing.assert_allclose(FRAME_FEATURES[name].compute(motion()), BY_HAND[name], atol=1e-9)


@pytest.mark.parametrize(
    ("name", "joint", "place", "value"),
    [
        ("trunk_lean", "neck", (0, 0.3, 0.3), 45),
        ("trunk_lean", "neck", (0, 0.3, -0.3), -45),
        ("trunk_side_lean", "neck", (0.3, 0.3, 0), 45),
        ("trunk_side_lean", "neck", (-0.3, 0.3, 0), -45),
        ("left_arm_spread", "left_elbow", (0.3, 0.1, 0), 45),
        ("right_arm_spread", "right_elbow", (-0.3, 0.1, 0), 45),
        ("right_arm_spread", "right_elbow", (0.1, 0.1, 0), -45),
        ("right_arm_swing", "right_elbow", (-0.1, 0.1, -0.2), -45),
        ("head_inclination", "head", (0, 0.4, -0.1), -45),
        ("right_knee_angle", "right_foot", (-0.05, -0.2, -0.3), 90),
        # The left shoulder forward: the front of the shoulders faces to the right.
        ("trunk_twist", "left_shoulder", (-0.1, 0.3, 0.2), -90),
        ("trunk_twist", "right_shoulder", (0.1, 0.3, 0.2), 90),
    ],
)
def test_signs(name, joint, place, value):
    np.testing.assert_allclose(FRAME_FEATURES[name].compute(motion(POSE | {joint: place})), value, atol=1e-9)


def test_the_31_are_those_of_step_in_their_order():
    """By joint numbers as the published code lists them, computed here once more and in other ways."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(5, 16, 3))
    points[:, 0] = 0

    def angle(a, b, c):
        u, v = points[:, a] - points[:, b], points[:, c] - points[:, b]
        return np.degrees(np.arccos((u * v).sum(1) / np.linalg.norm(u, axis=1) / np.linalg.norm(v, axis=1)))

    def dist(a, b):
        return np.sqrt(((points[:, a] - points[:, b]) ** 2).sum(1))

    def area(a, b, c):  # Heron
        sides = np.stack([dist(a, b), dist(b, c), dist(c, a)])
        half = sides.sum(0) / 2
        return np.sqrt(half * np.prod(half - sides, axis=0))

    upright = np.degrees(np.arccos(points[:, 3, 1] / np.linalg.norm(points[:, 3], axis=1)))
    expected = [
        angle(7, 2, 4), angle(2, 4, 7), angle(4, 7, 2), upright,
        dist(6, 0), dist(9, 0), dist(6, 4), dist(9, 7), dist(5, 0), dist(8, 0),
        area(9, 2, 6), area(7, 2, 4), area(9, 0, 6), area(8, 2, 5),
        angle(2, 4, 5), angle(2, 7, 8), angle(4, 5, 6), angle(7, 8, 9), angle(2, 1, 0), angle(3, 2, 1),
        dist(12, 0), dist(15, 0),
        area(15, 2, 12), area(13, 2, 10), area(15, 0, 12), area(14, 2, 11),
        angle(0, 10, 11), angle(0, 13, 14), angle(10, 11, 12), angle(13, 14, 15), dist(12, 15),
    ]  # fmt: skip
    walk = Motion(points, np.arange(5) / 30)
    for name, values in zip(MDT_GCN_31, expected, strict=True):
        np.testing.assert_allclose(FRAME_FEATURES[name].compute(walk), values, rtol=1e-6, err_msg=name)


def test_body_lengths_are_the_unit():
    """Trunk, thigh and shank of the pose are 0.3, 0.2 root 2 and so on; times 2, and back to heights."""
    joints = np.tile(np.array([POSE[name] for name in JOINT], np.float32) * 2, (40, 1, 1))
    sequence = PoseSequence(
        image=np.zeros((40, 16, 2), np.float32), world=joints, visibility=np.ones((40, 16), np.float32),
        time=np.arange(40) / 30, frame_size=(0, 0), layout="gait16",
    )  # fmt: skip
    left = np.sqrt(0.3**2 + 0.05**2) + 2 * np.sqrt(0.2**2 + 0.2**2)
    right = np.sqrt(0.3**2 + 0.05**2) + 0.4
    height = (left + right) / 2 / 0.779
    assert walk_features(sequence)["head_height_mean"] == pytest.approx(0.4 / height, rel=1e-5)


# Primitives


def row(*point) -> np.ndarray:
    return np.array([point], np.float64)


def test_angles_areas_volumes():
    assert joint_angle(row(1, 0, 0), row(0, 0, 0), row(1, 1, 0)) == pytest.approx(45)
    assert joint_angle(row(1, 0, 0), row(0, 0, 0), row(-1, 1e-9, 0)) == pytest.approx(180)
    assert np.isnan(joint_angle(row(1, 0, 0), row(1, 0, 0), row(1, 1, 0)))
    assert triangle_area(row(0, 0, 0), row(3, 0, 0), row(0, 0, 4)) == pytest.approx(6)
    assert inclination(row(0, 1, np.sqrt(3)), 2) == pytest.approx(60)
    assert box_volume(np.array([[[0, 0, 0], [2, 3, 4], [1, 1, 1]]], float)) == pytest.approx(24)
    assert twist(row(1, 0, -0.1), row(-1, 0, 0.1)) == pytest.approx(-180)


@given(st.integers(5, 9), st.floats(10, 60))
@settings(max_examples=20, deadline=None)
def test_derivatives_of_a_cubic_are_exact(frames, rate):
    rng = np.random.default_rng(frames)
    time = np.cumsum(rng.uniform(0.8, 1.2, 4 * frames)) / rate
    values = np.stack([time**3 - 2 * time, 5 - time**2], axis=1)
    first, second, third = derivatives(values, time)
    known_rows = np.isfinite(first).all(axis=1)
    assert known_rows.sum() > 2
    at = time[known_rows, None]
    np.testing.assert_allclose(first[known_rows], np.hstack([3 * at**2 - 2, -2 * at]), atol=1e-5)
    np.testing.assert_allclose(second[known_rows], np.hstack([6 * at, -2 + 0 * at]), atol=1e-4)
    np.testing.assert_allclose(third[known_rows], np.hstack([6 + 0 * at, 0 * at]), atol=1e-2)


def test_derivatives_against_savitzky_golay():
    """By weighted least squares around two frames; of a smooth curve, as SciPy's filter of that window."""
    time = np.arange(60) / 30
    values = np.random.default_rng(1).normal(size=(60, 1))
    width = 0.3
    offsets = np.arange(-8, 9) / 30
    weights = np.sqrt(1 - (offsets / width) ** 2)
    design = np.vander(offsets, 4, increasing=True) * weights[:, None]
    first = derivatives(values, time, half_width=width)[0]
    for centre in (20, 35):
        fitted = np.linalg.lstsq(design, values[centre - 8 : centre + 9, 0] * weights, rcond=None)[0]
        assert first[centre, 0] == pytest.approx(fitted[1], rel=1e-9)
    # Both see the slope of a smooth curve.
    smooth = np.sin(2 * time)[:, None]
    golay = savgol_coeffs(17, 3, deriv=1, delta=1 / 30, use="dot") @ smooth[12:29, 0]
    assert derivatives(smooth, time, half_width=width)[0][20, 0] == pytest.approx(golay, rel=1e-3)


def test_derivatives_at_ends_breaks_and_gaps():
    time = np.arange(40) / 30
    values = np.stack([time, np.where(np.arange(40) == 15, np.nan, 3 * time)], axis=1)
    values[20:] += 9
    first = derivatives(values, time, breaks=(20,))[0]
    unknown = np.flatnonzero(np.isnan(first[:, 0]))
    assert unknown.tolist() == [0, 1, 2, 17, 18, 19, 20, 21, 22, 37, 38, 39]
    np.testing.assert_allclose(first[3:17, 0], 1)
    np.testing.assert_allclose(first[23:37, 1], 3)
    assert np.isnan(first[15, 1])
    np.testing.assert_allclose(np.delete(first[3:17, 1], 12), 3)
    assert np.isnan(derivatives(values[:3], time[:3])[0]).all()


def test_bridge():
    nan = np.nan
    values = np.array([[nan, 1, nan], [2, nan, nan], [nan, nan, nan], [6, 4, nan]])
    expected = np.array([[2, 1, np.nan], [2, 2, np.nan], [4, 3, np.nan], [6, 4, np.nan]])
    np.testing.assert_allclose(bridge(values, np.arange(4.0)), expected)


WAVES = {"rate": (0.5, 1.4), "strides": (0.8, 6), "phase": (0, 2 * np.pi), "third": (-0.3, 0.3)}


@given(**{name: st.floats(*limits) for name, limits in WAVES.items()})
@settings(max_examples=40, deadline=None)
def test_stride_rate_of_odd_waves(rate, strides, phase, third):
    time = np.arange(0, strides / rate, 1 / 30)
    turn = 2 * np.pi * rate * time + phase
    signals = np.stack([0.2 * (np.sin(turn) + third * np.sin(3 * turn)), 0.05 * np.cos(turn) + 0.03], axis=1)
    assert stride_rate(signals, time) == pytest.approx(rate, rel=0.02)


def test_stride_rate_passes_over_gaps_and_refuses_what_is_no_rhythm():
    rng = np.random.default_rng(0)
    time = np.arange(120) / 30
    signals = 0.2 * np.sin(2 * np.pi * 0.9 * time)[:, None]
    signals[rng.random(120) < 0.4] = np.nan
    assert stride_rate(signals, time) == pytest.approx(0.9, rel=1e-3)
    assert stride_rate(rng.normal(0, 0.2, (120, 4)), time) is None
    assert stride_rate(np.zeros((120, 4)), time) is None
    assert stride_rate(np.full((120, 4), np.nan), time) is None
    assert stride_rate(0.2 * np.sin(2 * np.pi * 0.2 * time)[:, None], time) is None


def test_oscillation():
    time = np.arange(45) / 30
    values = 3 + 2 * time + 0.4 * np.cos(2 * np.pi * 2 * (time - time.mean()) - 0.25 * 2 * np.pi)
    values[5] = np.nan
    assert oscillation(values, time, 2.0) == pytest.approx((0.8, 0.25))
    values += 0.1 * np.cos(2 * np.pi * 4 * time)
    assert oscillation(values, time, 2.0)[0] == pytest.approx(0.8, rel=0.05)


def test_stance_speed_of_a_foot_that_stands_two_thirds_of_the_time():
    phase = np.arange(300) / 100 % 1
    foot = np.where(phase < 2 / 3, 0.5 - 1.5 * phase, -0.5 + 3 * (phase - 2 / 3))
    velocity = np.where(phase < 2 / 3, -1.5, 3.0)
    speeds = stance_speed(foot, velocity)
    assert set(speeds) == {1.5}
    # Half the range, in each of three stances of 67 frames.
    assert len(speeds) == pytest.approx(3 * 0.5 * 67, abs=8)


def test_width_of_steps_cancels_a_wrong_heading():
    turn = np.linspace(0, 6 * np.pi, 300)
    ahead, aside = 0.4 * np.cos(turn), np.full(300, 0.1)
    angle = np.radians(5)
    turned = ahead * np.cos(angle) - aside * np.sin(angle), aside * np.cos(angle) + ahead * np.sin(angle)
    assert width_of_steps(ahead, aside) == pytest.approx(0.1)
    assert width_of_steps(*turned) == pytest.approx(0.1, abs=0.002)
    with pytest.raises(NotMeasurable, match="never seen in front"):
        width_of_steps(np.zeros(9), aside[:9])


def test_smoothness_of_a_minimum_jerk_movement():
    """Flash and Hogan 1985: x = 10 t^3 - 15 t^4 + 6 t^5, whatever its size and duration.

    Its peak speed is 15/8 and its integral of squared jerk 720: dimensionless jerk 720 / (15/8)^2 = 204.8.
    """
    for duration, size in ((1.0, 1.0), (0.4, 3.0)):
        share = np.linspace(0, 1, 2001)
        speed = size / duration * (30 * share**2 - 60 * share**3 + 30 * share**4)
        jerk = size / duration**3 * (60 - 360 * share + 360 * share**2)
        assert log_dimensionless_jerk(speed, jerk, duration) == pytest.approx(-np.log(204.8), abs=2e-3)


def test_spectral_arc_length():
    """Its inventors give about -1.4 for a minimum jerk speed profile; more submovements are less smooth."""
    share = np.linspace(0, 1, 200)
    bell = 30 * share**2 - 60 * share**3 + 30 * share**4
    once = spectral_arc_length(bell, 200)
    assert once == pytest.approx(-1.41, abs=0.03)
    assert spectral_arc_length(7 * bell, 200) == pytest.approx(once)
    assert spectral_arc_length(np.concatenate([bell, bell]), 200) < once - 0.3
    assert spectral_arc_length(bell + 0.3 * np.sin(2 * np.pi * 3 * share) ** 2, 200) < once


def test_laban():
    velocity = np.array([[[3, 4, 0], [0, 0, 1]], [[0, 0, 0], [2, 0, 0]]], float)
    np.testing.assert_allclose(kinetic_energy(velocity), [13, 2])
    np.testing.assert_allclose(mean_magnitude(velocity), [3, 1])


def test_directness_of_a_line_a_circle_and_there_and_back():
    time = np.arange(61) / 60
    line = np.stack([time, 2 * time, 0 * time], axis=1)[:, None]
    turn = 2 * np.pi * time
    circle = np.stack([np.cos(turn), np.sin(turn), 0 * turn], axis=1)[:, None]
    np.testing.assert_allclose(directness(line, time, stretch=0.25)[8:-8], 1)
    # A quarter of a circle: chord root 2 over arc pi / 2.
    np.testing.assert_allclose(
        directness(circle, time, stretch=0.25)[8:-8], np.sqrt(2) / (np.pi / 2), rtol=1e-3
    )
    back = np.abs(time - 0.5)[:, None, None] * np.ones((1, 1, 3))
    assert directness(back, time, stretch=0.2)[30] == pytest.approx(0, abs=1e-9)
    assert np.isnan(directness(line, time, breaks=(30,), stretch=0.25)[23:37]).all()
    assert np.isnan(directness(np.zeros_like(line), time)).all()


def test_symmetry():
    assert symmetry_index(3, 1) == pytest.approx(100)
    assert symmetry_index(2, 2) == 0
    with pytest.raises(NotMeasurable, match="moves"):
        symmetry_index(0, 0)
    assert phase_difference(0.95, 0.05) == pytest.approx(0.1)
    assert phase_difference(0.1, 0.6) == pytest.approx(0.5)


def test_known_and_spread():
    values = np.array([1.0, np.nan, 3, 2, np.nan, 5])
    assert known(values).tolist() == [1, 3, 2, 5]
    with pytest.raises(NotMeasurable, match="known in 33% of the frames; at least 50%"):
        known(np.array([1.0, np.nan, np.nan]))
    with pytest.raises(NotMeasurable, match="0%"):
        known(np.array([]))
    wave = np.sin(np.linspace(0, 8 * np.pi, 1000))
    assert spread(wave) == pytest.approx(2, rel=0.003)
    wave[500] = 99
    assert spread(wave) == pytest.approx(2, rel=0.003)


@pytest.mark.parametrize("strides", [1, 2])
def test_means_are_taken_over_whole_strides(strides):
    """A wave of the stride's rate has the mean of one period, wherever the walk ends."""
    time = np.arange(round((strides + 0.4) * 30)) / 30
    swing = np.sin(2 * np.pi * time)
    joints = np.zeros((len(time), 16, 3))
    joints[:, JOINT["left_foot"], 2], joints[:, JOINT["right_foot"], 2] = 0.2 * swing, -0.2 * swing
    walk = Motion(joints, time)
    assert walk.stride_rate == pytest.approx(1, rel=1e-3)
    values = np.where(np.arange(len(time)) < 2, np.nan, 7 + swing)
    assert len(walk.whole_strides(values)) == 30 * strides
    assert np.mean(walk.whole_strides(values)) == pytest.approx(7, abs=0.01)
    assert np.nanmean(values) != pytest.approx(7, abs=0.05)
