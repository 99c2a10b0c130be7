"""Features of walks: known walkers, and what must not change them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_walks import ROOT

from gait.errors import GaitmoodError, VideoError
from gait.features import (
    FEATURES,
    FRAME_FEATURES,
    MDT_GCN_31,
    UNRELIABLE,
    describe,
    feature_vector,
    frame_features,
    measure,
    walk_features,
)
from gait.features.__main__ import GROUPS, page
from gait.features.motion import body_height
from gait.pose.sequence import PoseSequence
from gait.skeleton import convert, find_layout, turn
from synthesis.camera import VIEWS
from synthesis.joints import INDEX
from synthesis.kinematics import EMOTIONS
from synthesis.poses import true_poses
from synthesis.walks import Walk, make_walk

# Bodies, emotions and views in turn: no two walks share more than one of them.
KNOWN = [
    (emotion, VIEWS[number % len(VIEWS)], subject)
    for number, (emotion, subject) in enumerate((e, s) for s in range(4) for e in EMOTIONS)
]


def known_walk(emotion: str, view: str, subject: int, seconds: float = 4.0, **options) -> Walk:
    return make_walk(
        emotion, view, subject=subject, number=subject, intensity=1.5, seconds=seconds, **options
    )


def metres(sequence: PoseSequence) -> float:
    """Metres of a body height as the features count it."""
    return body_height(convert(sequence, "gait16").world.astype(np.float64))


def elbow_flexion(walk: Walk, side: str) -> np.ndarray:
    """Degrees from straight (T,), reckoned here once more."""
    arm = ("shoulder", "elbow", "wrist")
    shoulder, elbow, wrist = (walk.joints[:, INDEX[f"{side}_{part}"]] for part in arm)
    upper, lower = elbow - shoulder, wrist - elbow
    cosine = (upper * lower).sum(1) / np.linalg.norm(upper, axis=1) / np.linalg.norm(lower, axis=1)
    return np.degrees(np.arccos(cosine))


@pytest.fixture(scope="module")
def walk() -> Walk:
    return known_walk("happy", "oblique", 2)


@pytest.fixture(scope="module")
def sequence(walk) -> PoseSequence:
    return true_poses(walk)


@pytest.fixture(scope="module")
def features(sequence) -> dict[str, float]:
    return walk_features(sequence)


# Known walkers


@pytest.mark.parametrize(("emotion", "view", "subject"), KNOWN)
@pytest.mark.parametrize("rooted", [True, False])
def test_known_walkers(emotion, view, subject, rooted):
    walk = known_walk(emotion, view, subject)
    asked, sequence = walk.parameters, true_poses(walk)
    if not rooted:
        sequence = replace(sequence, root=None, root_unit=None, root_source="none")
    found, height = walk_features(sequence), metres(true_poses(walk))
    assert found["cadence"] == pytest.approx(asked.cadence, rel=0.01)
    assert found["stride_length"] * height == pytest.approx(asked.stride_length, rel=0.02)
    assert found["walking_speed"] * height == pytest.approx(asked.speed, rel=0.02)
    for side in ("left", "right"):
        assert found[f"{side}_arm_swing_range"] == pytest.approx(asked.arm_range, rel=0.01, abs=0.1)
        flexion = elbow_flexion(walk, side)
        assert found[f"{side}_elbow_angle_range"] == pytest.approx(np.ptp(flexion), rel=0.03, abs=0.1)
        assert 180 - found[f"{side}_elbow_angle_mean"] == pytest.approx(flexion.mean(), abs=1.5)
        assert 180 - found[f"{side}_elbow_angle_mean"] == pytest.approx(asked.elbow_flexion, abs=6)
    assert found["trunk_lean_mean"] == pytest.approx(asked.trunk_lean, abs=0.5)
    # The ankle is a quarter of a foot before the heel, and the feet are turned out by 7 degrees.
    assert found["step_width"] * height == pytest.approx(asked.step_width, abs=0.025)
    assert found["stance_share"] == pytest.approx(0.62, abs=0.06)
    assert found["step_length"] == pytest.approx(found["stride_length"] / 2, rel=0.12)
    if rooted:
        assert found["bounce"] * height == pytest.approx(asked.bounce, rel=0.05)
        assert found["sway"] * height == pytest.approx(asked.sway, rel=0.05)
        assert found["progress_speed"] * height == pytest.approx(asked.speed, rel=0.01)
        assert found["progress_stride"] * height == pytest.approx(asked.stride_length, rel=0.015)


def test_walkers_are_ranked_by_what_differs_in_them():
    """The head's line starts at a neck made of the shoulders: its angle is not the asked one, it follows."""
    walks = [known_walk(*known) for known in KNOWN]
    found = [walk_features(true_poses(walk)) for walk in walks]
    for name, asked in (
        ("head_inclination_mean", [walk.parameters.head_inclination for walk in walks]),
        ("hip_rise", [walk.parameters.bounce / walk.person.body.height for walk in walks]),
        ("left_elbow_angle_mean", [-walk.parameters.elbow_flexion for walk in walks]),
    ):
        ranks = [np.argsort(np.argsort(values)) for values in ([one[name] for one in found], asked)]
        assert np.corrcoef(ranks)[0, 1] > 0.8, name


def test_walkers_on_the_spot_walk_at_their_speed_and_get_nowhere():
    walk = known_walk("neutral", "left", 1, on_the_spot=True)
    found, height = walk_features(true_poses(walk)), metres(true_poses(walk))
    assert found["walking_speed"] * height == pytest.approx(walk.parameters.speed, rel=0.02)
    assert found["progress_speed"] == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize(("emotion", "view", "subject"), KNOWN[::3])
@pytest.mark.parametrize("strides", [0.8, 1.0, 1.37, 2.0])
def test_one_or_two_strides_are_enough_for_cadence_and_stride(emotion, view, subject, strides):
    whole = known_walk(emotion, view, subject)
    walk = known_walk(emotion, view, subject, seconds=strides * 120 / whole.parameters.cadence)
    found, height = walk_features(true_poses(walk)), metres(true_poses(walk))
    assert found["cadence"] == pytest.approx(walk.parameters.cadence, rel=0.02)
    if strides >= 1:
        assert found["stride_length"] * height == pytest.approx(walk.parameters.stride_length, rel=0.04)
        assert found["left_arm_swing_range"] == pytest.approx(walk.parameters.arm_range, rel=0.05)


@pytest.mark.parametrize("seed", range(5))
def test_cadence_and_stride_bear_noise(seed):
    """2 cm a joint and frame, uncorrelated: worse than an estimator whose joints are smoothed."""
    walk = known_walk(EMOTIONS[seed % 4], VIEWS[seed], seed)
    sequence = true_poses(walk)
    noise = np.random.default_rng(seed).normal(0, 0.02, sequence.world.shape).astype(np.float32)
    found, height = walk_features(replace(sequence, world=sequence.world + noise)), metres(sequence)
    assert found["cadence"] == pytest.approx(walk.parameters.cadence, rel=0.03)
    assert found["stride_length"] * height == pytest.approx(walk.parameters.stride_length, rel=0.2)


# What must not change them


def assert_same(found: dict, expected: dict, rel: float = 1e-4, names=None) -> None:
    for name in names or expected:
        # Asymmetries are per cents of nearly equal values, which joints in float32 round.
        least = 0.05 if name.endswith("asymmetry") else 1e-3
        assert found[name] == pytest.approx(expected[name], rel=rel, abs=least, nan_ok=True), name


@given(angle=st.floats(-np.pi, np.pi), x=st.floats(-9, 9), y=st.floats(-9, 9), z=st.floats(-9, 9))
@settings(max_examples=10, deadline=None)
def test_neither_place_nor_heading_changes_anything(sequence, features, angle, x, y, z):
    shift = np.array([x, y, z], np.float32)
    moved = replace(
        sequence, world=turn(sequence.world, angle) + shift, root=turn(sequence.root, angle) + shift
    )
    assert_same(walk_features(moved), features, rel=1e-3)


@given(factor=st.floats(0.3, 4))
@settings(max_examples=10, deadline=None)
def test_size_changes_nothing(sequence, features, factor):
    scaled = replace(
        sequence, world=sequence.world * np.float32(factor), root=sequence.root * np.float32(factor)
    )
    assert_same(walk_features(scaled), features, rel=1e-3)


def test_a_path_in_body_heights_is_one_in_metres_over_the_height(sequence, features):
    root = (sequence.root / metres(sequence)).astype(np.float32)
    assert_same(walk_features(replace(sequence, root=root, root_unit="body")), features)


def test_a_mirror_exchanges_left_and_right(walk, sequence):
    layout = find_layout(sequence.layout)
    order = np.arange(len(layout))
    for left, right in layout.pairs:
        order[[left, right]] = right, left
    # An asymmetric walker: one arm hangs.
    world = sequence.world.copy()
    hanging = [layout.index(f"left_{joint}") for joint in ("elbow", "wrist")]
    world[:, hanging] = world[:, [layout.index("left_shoulder")]] + np.float32(
        [[[0, -0.3, 0]], [[0, -0.55, 0.02]]]
    ).swapaxes(0, 1)
    sequence = replace(sequence, world=world)
    flip = np.float32([-1, 1, 1])
    mirrored = replace(sequence, world=world[:, order] * flip, root=sequence.root * flip)
    found, features = walk_features(mirrored), walk_features(sequence)
    assert found["arm_swing_asymmetry"] > 100
    exchanged = {
        name.replace("left_", "*").replace("right_", "left_").replace("*", "right_"): value
        for name, value in features.items()
    }
    assert any(exchanged[name] != pytest.approx(features[name], rel=0.1) for name in features)
    # Steps are counted as the left foot's, then the right one's: their widths are taken at other frames.
    assert_same(found, exchanged, rel=1e-3)


@pytest.mark.parametrize("factor", [0.8, 1.5])
def test_a_walk_played_slower_is_slower(sequence, features, factor):
    found = walk_features(replace(sequence, time=sequence.time * factor))
    for power, names in (
        (-1, ("cadence", "walking_speed", "progress_speed", "left_hand_speed_mean", "head_speed_mean")),
        (-2, ("left_hand_acceleration_mean",)),
        (0, ("stride_length", "step_width", "bounce", "sway", "left_arm_swing_range", "foot_lift")),
    ):  # fmt: skip
        for name in names:
            # Derivatives look at a fixed stretch of seconds: faster movement is smoothed a little more.
            tolerance = 0.03 if power > -2 else 0.15
            assert found[name] == pytest.approx(features[name] * factor**power, rel=tolerance), name


@pytest.mark.parametrize("rate", [20, 25, 50, 60])
def test_frame_rate_changes_hardly_anything(walk, features, rate):
    finer = known_walk("happy", "oblique", 2, rate=rate)
    assert finer.parameters == walk.parameters
    found = walk_features(true_poses(finer))
    close = {"cadence": 0.002, "stride_length": 0.02, "step_width": 0.05, "bounce": 0.01, "sway": 0.03}
    for name, tolerance in close.items():
        assert found[name] == pytest.approx(features[name], rel=tolerance), name
    for name in features:
        # Of a symmetric walker, what is left of asymmetries is chance.
        if not name.endswith("asymmetry") and features[name] > 1e-2:
            tolerance = 0.2 if "jerk" in name else 0.1
            assert found[name] == pytest.approx(features[name], rel=tolerance), name


def test_uneven_times_are_taken_as_they_are():
    even = known_walk("neutral", "front", 3, rate=60)
    sequence = true_poses(even)
    kept = np.sort(np.random.default_rng(0).choice(len(sequence), len(sequence) * 2 // 3, replace=False))
    found = walk_features(pick(sequence, kept))
    assert found["cadence"] == pytest.approx(even.parameters.cadence, rel=0.005)
    assert found["left_hand_speed_mean"] == pytest.approx(
        walk_features(sequence)["left_hand_speed_mean"], rel=0.03
    )


def pick(sequence: PoseSequence, frames, **changes) -> PoseSequence:
    """A sequence of some of the frames of another one."""
    rows = {name: getattr(sequence, name)[frames] for name in ("image", "world", "visibility", "time")}
    root = None if sequence.root is None else sequence.root[frames]
    return replace(
        sequence, **rows, root=root, observed=None, mended=None, unique=None, notes=sequence.notes, **changes
    )


# Walks that are played over again


@pytest.fixture
def looped(sequence) -> PoseSequence:
    """50 frames, played two and a half times, as it is known of them."""
    lap = 50
    frames = np.arange(125) % lap
    looped = pick(sequence, frames)
    notes = {"loop": {"period": lap, "seams": [50, 100]}}
    return replace(looped, time=np.arange(125) / 30, unique=(0, lap), notes=notes)


def test_of_a_loop_only_the_first_lap_counts(sequence, looped):
    lap = pick(sequence, np.arange(50))
    assert_same(walk_features(looped), walk_features(lap))


def test_a_seam_is_no_movement(sequence, looped):
    """Jerks of frames are those of the walk, and unknown beside a seam; unmarked, the jump shows."""
    names = tuple(name for name in FRAME_FEATURES if name.endswith("_jerk"))
    lap = frame_features(pick(sequence, np.arange(50)), names)
    found = frame_features(looped, names)
    assert found.shape == (125, 5)
    np.testing.assert_allclose(found[50:100], lap, rtol=1e-3, atol=1e-3)
    assert np.isnan(found[[49, 50, 99, 100]]).all()
    unmarked = frame_features(replace(looped, notes={}), names)
    assert (np.nanmax(unmarked, axis=0) > 2 * np.nanmax(found, axis=0)).all()


# What is not known


def test_without_a_path_its_features_are_missing_with_the_reason(sequence):
    measured = measure(replace(sequence, root=None, root_unit=None, root_source="none"))
    missing = {name for name, value in measured.values.items() if np.isnan(value)}
    assert missing == {name for name, feature in FEATURES.items() if feature.needs == "root"}
    assert missing == set(measured.reasons) == {"bounce", "sway", "progress_speed", "progress_stride"}
    assert all("path of the hips" in reason for reason in measured.reasons.values())


def lose(sequence: PoseSequence, joints: tuple[str, ...], frames) -> PoseSequence:
    world = sequence.world.copy()
    places = [find_layout(sequence.layout).index(joint) for joint in joints]
    world[np.ix_(np.atleast_1d(np.arange(len(world))[frames]), places)] = np.nan
    return replace(sequence, world=world)


def test_features_use_the_frames_they_have(sequence, features):
    """Every third wrist lost: all is still there, and near what it was."""
    found = walk_features(lose(sequence, ("left_wrist",), slice(None, None, 3)))
    for name in ("left_elbow_angle_mean", "left_hand_speed_mean", "hand_distance_mean", "body_volume_mean"):
        assert found[name] == pytest.approx(features[name], rel=0.05), name
    for name in ("cadence", "right_elbow_angle_mean", "stride_length"):
        assert found[name] == pytest.approx(features[name], rel=1e-3), name


def test_a_joint_that_is_mostly_lost_takes_only_its_own_features_along(sequence, features):
    measured = measure(lose(sequence, ("left_wrist",), slice(0, 90)))
    assert "known in 25% of the frames" in measured.reasons["left_elbow_angle_mean"]
    assert np.isnan(measured.values["hands_neck_area_mean"])
    untouched = ("right_elbow_angle_mean", "left_arm_swing_range", "cadence", "stride_length", "bounce")
    assert_same(measured.values, features, names=untouched)


def test_lost_legs_leave_the_arms(sequence, features):
    """Feet cut off by the picture's edge in three quarters of the frames."""
    measured = measure(lose(sequence, ("left_ankle", "right_ankle"), slice(0, 90)))
    assert {"stride_length", "foot_distance_mean", "left_foot_jerk_mean"} <= set(measured.reasons)
    assert measured.values["left_arm_swing_range"] == pytest.approx(
        features["left_arm_swing_range"], rel=1e-3
    )


def test_lost_frames_are_bridged_nowhere(sequence):
    """Frames in which nobody is seen stay unknown, frame by frame."""
    world = sequence.world.copy()
    world[40:45] = np.nan
    found = frame_features(replace(sequence, world=world))
    assert np.isnan(found[40:45]).all()
    assert np.isfinite(found[10:40]).all()
    assert np.isfinite(found[45:-10]).all()


def test_who_stands_has_a_posture_but_no_gait(sequence):
    standing = replace(
        sequence, world=np.repeat(sequence.world[:1], len(sequence), axis=0), root=sequence.root * 0
    )
    rng = np.random.default_rng(0)
    for jitter in (0.0, 0.003):
        world = standing.world + rng.normal(0, jitter, standing.world.shape).astype(np.float32)
        measured = measure(replace(standing, world=world))
        assert "no regular steps" in measured.reasons["cadence"]
        assert {"stride_length", "walking_speed", "bounce", "arm_leg_phase"} <= set(measured.reasons)
        assert np.isfinite(measured.values["left_elbow_angle_mean"])
        assert measured.values["progress_speed"] == pytest.approx(0, abs=1e-6)


def test_less_than_a_step_and_a_half_has_no_cadence(walk, sequence):
    frames = round(0.5 * 120 / walk.parameters.cadence * 30)
    measured = measure(pick(sequence, np.arange(frames)))
    assert "0.7 of a stride" in measured.reasons["cadence"]
    assert np.isfinite(measured.values["trunk_lean_mean"])


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 5])
def test_a_few_frames_are_a_posture(sequence, frames):
    measured = measure(pick(sequence, np.arange(frames)))
    assert np.isfinite(measured.values["head_inclination_mean"])
    assert {"cadence", "left_hand_jerk_mean", "effort_space_mean"} <= set(measured.reasons)
    assert set(measured.reasons) == {name for name, value in measured.values.items() if np.isnan(value)}


def test_nothing_known_is_an_error(sequence):
    with pytest.raises(VideoError, match="cannot be measured"):
        measure(replace(sequence, world=np.full_like(sequence.world, np.nan)))


def test_a_layout_that_does_not_convert_is_an_error(sequence):
    with pytest.raises(GaitmoodError, match="unknown joint layout"):
        measure(replace(sequence, layout="kinect25"))


# The registries


def test_registries():
    assert len(FEATURES) >= 45
    assert len(MDT_GCN_31) == len(set(MDT_GCN_31)) == 31
    assert set(MDT_GCN_31) <= set(FRAME_FEATURES)
    for table in (FEATURES, FRAME_FEATURES):
        for name, feature in table.items():
            assert name == feature.name
            assert all((feature.unit, feature.part, feature.words, feature.formula, feature.source))
    assert {feature.group for feature in FEATURES.values()} == {"posture", "movement", "gait", "effort"}
    assert all(names <= set(FEATURES) for names in UNRELIABLE.values())
    assert set(UNRELIABLE) <= set(VIEWS)


def test_the_page_of_features_is_the_one_that_the_code_prints():
    """Made by ``python -m gait.features > docs/features.md``."""
    text = page()
    assert (ROOT / "docs" / "features.md").read_text(encoding="utf-8") == text
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == [
        *(name for group in GROUPS for name, feature in FEATURES.items() if feature.group == group),
        *FRAME_FEATURES,
    ]
    numbered = {row.split("`")[1]: row.split(" | ")[-2].strip() for row in rows[len(FEATURES) :]}
    assert tuple(name for name, number in numbered.items() if number) == MDT_GCN_31
    assert [number for number in numbered.values() if number] == [str(n + 1) for n in range(31)]
    for row in rows:
        cells = row.replace(r"\|", "").strip("| ").split(" | ")
        assert len(cells) == 7, row
        assert all(cell.strip() for place, cell in enumerate(cells) if place != 5), (
            row
        )  # 5: views, or a number


def test_every_left_feature_has_a_right_one():
    for table in (FEATURES, FRAME_FEATURES):
        for name in table:
            if name.startswith("left_"):
                assert name.replace("left_", "right_") in table


def test_doors_agree(sequence, features):
    names, values = feature_vector(sequence)
    assert names == tuple(FEATURES)
    assert dict(zip(names, values, strict=True)) == features
    assert values.shape == (len(FEATURES),)
    frames = frame_features(sequence)
    assert frames.shape == (len(sequence), len(FRAME_FEATURES))
    chosen = frame_features(sequence, MDT_GCN_31)
    assert np.isfinite(chosen).all()
    for place, name in enumerate(MDT_GCN_31):
        np.testing.assert_array_equal(chosen[:, place], frames[:, list(FRAME_FEATURES).index(name)])


def test_measuring_leaves_the_sequence_alone(sequence):
    before = sequence.world.copy(), sequence.root.copy(), sequence.time.copy()
    measure(sequence)
    frame_features(sequence)
    for kept, now in zip(before, (sequence.world, sequence.root, sequence.time), strict=True):
        np.testing.assert_array_equal(kept, now)


def test_features_are_told_in_words():
    assert describe("head_inclination_mean").startswith("inclination of the line from neck to face, forward")
    assert "(steps/min)" in describe("cadence")
    assert "(heights^3)" in describe("body_volume")
