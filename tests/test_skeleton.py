"""Layouts, conversions, adjacency and normalising: by hand, by symmetry, and against published matrices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gait.errors import GaitmoodError, VideoError
from gait.pose.sequence import PoseSequence
from gait.skeleton import (
    LAYOUTS,
    adjacency,
    align_heading,
    centre_on_hips,
    convert,
    find_layout,
    heading_angle,
    mirror,
    normalise,
    resample,
    scale_by_torso,
    torso_length,
    turn,
)

T = 7
# A body that faces +z, left at +x, y up, in metres: the joints that COCO and BlazePose share.
BODY = {
    "nose": (0.0, 0.70, 0.12),
    **{f"{side}_ear": (s * 0.08, 0.74, 0.02) for side, s in (("left", 1), ("right", -1))},
    **{f"{side}_shoulder": (s * 0.18, 0.50, 0.0) for side, s in (("left", 1), ("right", -1))},
    **{f"{side}_elbow": (s * 0.22, 0.22, -0.03) for side, s in (("left", 1), ("right", -1))},
    **{f"{side}_wrist": (s * 0.22, 0.0, 0.05) for side, s in (("left", 1), ("right", -1))},
    **{f"{side}_hip": (s * 0.10, 0.0, 0.0) for side, s in (("left", 1), ("right", -1))},
    **{f"{side}_knee": (s * 0.10, -0.42, 0.04) for side, s in (("left", 1), ("right", -1))},
    **{f"{side}_ankle": (s * 0.10, -0.82, 0.0) for side, s in (("left", 1), ("right", -1))},
}


def body(layout: str, frames: int = T) -> np.ndarray:
    """World points (T, V, 3); joints that BODY does not name lie at the nose."""
    points = np.array([BODY.get(joint, BODY["nose"]) for joint in LAYOUTS[layout].joints])
    return np.tile(points, (frames, 1, 1))


def walk(layout: str, seed: int = 0) -> PoseSequence:
    """A sequence of arbitrary values, every axis of another size."""
    rng = np.random.default_rng(seed)
    V = len(LAYOUTS[layout])
    return PoseSequence(
        image=rng.uniform(0, 500, (T, V, 2)).astype(np.float32),
        world=rng.normal(size=(T, V, 3)).astype(np.float32),
        visibility=rng.uniform(size=(T, V)).astype(np.float32),
        time=np.arange(T) / 10,
        frame_size=(480, 640),
        layout=layout,
        root=rng.normal(size=(T, 3)).astype(np.float32),
        root_unit="m",
        root_source="true",
        observed=np.arange(T) % 3 > 0,
        mended=np.arange(T) % 2 > 0,
        unique=(1, 5),
        notes={"source": "made up"},
    )


# Layouts


def test_blazepose_joints_are_mediapipes_33_landmarks_in_their_order():
    """Places as in MediaPipe's documentation of the pose landmarks."""
    layout = find_layout("blazepose33")
    places = {"nose": 0, "right_eye_outer": 6, "mouth_left": 9, "left_shoulder": 11, "right_wrist": 16}
    places |= {"left_index": 19, "right_hip": 24, "left_ankle": 27, "left_heel": 29, "right_foot_index": 32}
    assert {name: layout.index(name) for name in places} == places
    assert len(layout) == 33


@pytest.mark.parametrize(("name", "joints", "pairs"), [
    ("blazepose33", 33, 16), ("gait16", 16, 6), ("coco17", 17, 8), ("openpose18", 18, 8),
    ("openpose25", 25, 11),
])  # fmt: skip
def test_layouts_hold_every_joint_once_in_one_piece_with_its_counterpart(name, joints, pairs):
    layout = LAYOUTS[name]
    assert len(layout) == len(set(layout.joints)) == joints
    assert len(layout.pairs) == pairs
    for left, right in layout.pairs:
        assert "left" in layout.joints[left]
        assert layout.joints[left].replace("left", "right") == layout.joints[right]
    reached = set(layout.root)
    for _ in layout.joints:
        reached |= {b for edge in layout.edges for b in edge if reached & set(edge)}
    assert reached == set(range(joints))


@pytest.mark.parametrize("name", LAYOUTS)
def test_bones_are_the_same_on_both_sides_and_lead_outwards(name):
    layout = LAYOUTS[name]
    other = dict(pair for a, b in layout.pairs for pair in ((a, b), (b, a)))
    mirrored = {frozenset(other.get(i, i) for i in edge) for edge in layout.edges}
    assert mirrored == {frozenset(edge) for edge in layout.edges}
    assert len(mirrored) == len(layout.edges)


def test_an_unknown_layout_or_joint_is_refused_with_what_there_is():
    with pytest.raises(GaitmoodError, match=r"unknown joint layout 'coco18'.*gait16"):
        find_layout("coco18")
    with pytest.raises(ValueError, match="gait16 has no joint tail"):
        find_layout("gait16").index("tail")


# Conversions


def test_blazepose_to_gait16_by_hand():
    world = convert(replace_world(walk("blazepose33"), body("blazepose33")), "gait16").world[3]
    found = dict(zip(LAYOUTS["gait16"].joints, world.tolist(), strict=True))
    by_hand = {
        "root": (0, 0, 0),
        "neck": (0, 1.15 * 0.5, 0),
        "spine": (0, 1.15 * 0.25, 0),
        "head": (0, (0.70 + 0.74) / 2, (0.12 + 0.02) / 2),
        "left_shoulder": BODY["left_shoulder"],
        "right_hand": BODY["right_wrist"],
        "left_foot": BODY["left_ankle"],
        "right_knee": BODY["right_knee"],
    }
    for joint, place in by_hand.items():
        assert found[joint] == pytest.approx(place, abs=1e-6), joint


def replace_world(sequence: PoseSequence, world: np.ndarray) -> PoseSequence:
    return PoseSequence(**{**vars(sequence), "world": world.astype(np.float32)})


@pytest.mark.parametrize("source", ["blazepose33", "openpose18", "openpose25"])
def test_conversion_to_coco_takes_joints_over_by_name(source):
    before = walk(source)
    after = convert(before, "coco17")
    for place, joint in enumerate(LAYOUTS["coco17"].joints):
        old = LAYOUTS[source].index(joint)
        np.testing.assert_array_equal(after.image[:, place], before.image[:, old])
        np.testing.assert_array_equal(after.world[:, place], before.world[:, old])
        np.testing.assert_array_equal(after.visibility[:, place], before.visibility[:, old])


def test_a_detour_gives_the_same_as_the_direct_way():
    before = walk("blazepose33")
    direct, detour = convert(before, "gait16"), convert(convert(before, "coco17"), "gait16")
    np.testing.assert_array_equal(direct.world, detour.world)
    np.testing.assert_array_equal(direct.image, detour.image)
    np.testing.assert_array_equal(direct.visibility, detour.visibility)


def test_conversion_keeps_everything_that_is_not_about_joints():
    before = walk("blazepose33")
    after = convert(before, "gait16")
    assert (after.layout, after.notes) == ("gait16", {"source": "made up", "converted_from": "blazepose33"})
    for name in ("root", "observed", "mended", "time", "unique", "frame_size", "root_unit", "root_source"):
        assert getattr(after, name) is getattr(before, name)
    assert before.notes == {"source": "made up"}
    assert convert(before, "blazepose33") is before


def test_a_derived_joint_is_as_visible_as_its_least_visible_parent_and_nan_with_it():
    before = walk("coco17")
    layout = LAYOUTS["coco17"]
    before.visibility[:] = 0.9
    before.visibility[2, layout.index("right_ear")] = 0.25
    before.world[4, layout.index("left_hip")] = np.nan
    after = convert(before, "gait16")
    joint = LAYOUTS["gait16"].joints
    assert after.visibility[2, joint.index("head")] == np.float32(0.25)
    assert (after.visibility == np.float32(0.9)).sum() == after.visibility.size - 1
    unknown = {joint[i] for i in np.flatnonzero(np.isnan(after.world[4]).any(axis=-1))}
    assert unknown == {"root", "spine", "neck", "left_hip"}
    assert np.isfinite(after.world[[0, 1, 2, 3, 5, 6]]).all()


def test_conversion_of_2d_joints_leaves_the_world_unknown():
    before = replace_world(walk("openpose25"), np.full((T, 25, 3), np.nan))
    after = convert(before, "gait16")
    assert np.isnan(after.world).all()
    assert np.isfinite(after.image).all()
    np.testing.assert_array_equal(after.observed, before.observed)


@pytest.mark.parametrize(("source", "target", "missing"), [
    ("gait16", "coco17", "nose, left_eye"), ("coco17", "blazepose33", "left_eye_inner"),
])  # fmt: skip
def test_a_conversion_that_does_not_exist_names_the_joints(source, target, missing):
    with pytest.raises(GaitmoodError, match=f"{source} cannot be converted to {target}.*{missing}"):
        convert(walk(source), target)


# Adjacency


def test_adjacency_of_the_gait_skeleton_by_hand():
    """Neck (2) has the spine (1) nearer, head and shoulders (3, 4, 7) farther; Yan et al. 2018, eq. 5."""
    own, nearer, farther = adjacency("gait16")
    np.testing.assert_array_equal(own, np.eye(16))
    assert np.flatnonzero(nearer[:, 2]).tolist() == [1]
    assert np.flatnonzero(farther[:, 2]).tolist() == [3, 4, 7]
    np.testing.assert_allclose(farther[[3, 4, 7], 2], 1 / 3, rtol=1e-6)
    assert nearer[:, 0].sum() == 0
    np.testing.assert_array_equal(adjacency("gait16", "neighbourhood")[:, :, 2].sum(axis=0), [
        0, *[np.float32(0.2)] * 4, 0, 0, np.float32(0.2), *[0] * 8
    ])  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_adjacency_subsets_part_the_bones_and_sum_to_one(name):
    layout, subsets = LAYOUTS[name], adjacency(name)
    assert subsets.shape == (3, len(layout), len(layout))
    assert subsets.dtype == np.float32
    linked = {(i, i) for i in range(len(layout))}
    linked |= {pair for a, b in layout.edges for pair in ((a, b), (b, a))}
    assert {(int(v), int(w)) for v, w in np.argwhere(subsets.sum(axis=0))} == linked
    assert ((subsets > 0).sum(axis=0) <= 1).all()
    columns = subsets.sum(axis=1)
    assert np.all(np.isclose(columns, 1) | (columns == 0))
    np.testing.assert_allclose(adjacency(name, "neighbourhood").sum(axis=(0, 1)), 1, rtol=1e-6)
    np.testing.assert_array_equal(subsets[1] > 0, (subsets[2] > 0).T)


@pytest.mark.realdata
def test_adjacency_is_the_one_that_mdt_gcn_was_published_with(reference):
    published = np.load(reference / "mdt_gcn" / "io.npz")["adjacency"]
    np.testing.assert_allclose(adjacency("gait16"), published, atol=1e-7)
    assert np.abs(adjacency("gait16", "neighbourhood") - published).max() > 0.3


# Which block is left


def gaits(reference) -> list[np.ndarray]:
    recorded = np.load(reference / "vs_gcnn" / "io.npz")
    return [recorded[name].reshape(-1, 16, 3) for name in recorded if name.startswith("gait_")]


def knee_direction(gait: np.ndarray, hip: int) -> np.ndarray:
    """Where the knee lies against the line from hip to foot, mean over frames: knees bend forward."""
    start, knee, foot = gait[:, hip], gait[:, hip + 1], gait[:, hip + 2]
    line = (foot - start) / np.linalg.norm(foot - start, axis=1, keepdims=True)
    out = knee - start
    return (out - (out * line).sum(axis=1, keepdims=True) * line).mean(axis=0)


def swing(gait: np.ndarray) -> np.ndarray:
    """Mean velocity of the raised foot against the lower one: feet swing forward."""
    feet = gait[:, [12, 15]]
    lower = np.argmin(feet[:, :, 1], axis=1)
    steps, frames = np.diff(feet, axis=0), np.arange(len(feet) - 1)
    same = lower[:-1] == lower[1:]
    return (steps[frames, 1 - lower[:-1]] - steps[frames, lower[:-1]])[same].mean(axis=0)


@pytest.mark.realdata
def test_reference_gaits_face_and_walk_to_minus_z_by_three_signs(reference):
    for gait in gaits(reference):
        assert (gait[:, 3, 1] > gait[:, [12, 15], 1].max(axis=1)).all()  # y up
        assert knee_direction(gait, 10)[2] < -0.08
        assert knee_direction(gait, 13)[2] < -0.08
        assert (gait[:, 3] - gait[:, 2]).mean(axis=0)[2] < -0.08
        assert swing(gait)[2] < -0.01


@pytest.mark.realdata
def test_first_block_is_left_where_coordinates_are_right_handed(reference):
    """Left = up x facing. The same numbers read as left-handed say right: that is all a gait can tell."""
    up = np.array([0, 1, 0])
    for gait in gaits(reference):
        facing = knee_direction(gait, 10) + knee_direction(gait, 13)
        left = np.cross(up, facing)
        for first, second in ((4, 7), (5, 8), (6, 9), (10, 13), (11, 14), (12, 15)):
            assert (gait[:, first] - gait[:, second]).mean(axis=0) @ left > 0
        turned = align_heading(gait, "gait16")
        assert knee_direction(turned, 10)[2] > 0.08
        mirrored = mirror(gait, LAYOUTS["gait16"].pairs)
        assert (mirrored[:, 10] - mirrored[:, 13]).mean(axis=0) @ left > 0


@pytest.mark.realdata
def test_trunk_of_converted_walks_has_the_proportions_of_the_reference_gaits(reference):
    for gait in gaits(reference):
        shoulders, root = gait[:, [4, 7]].mean(axis=1), gait[:, 0]
        trunk = (shoulders - root).mean(axis=0)
        for joint, share in ((1, 1.15 / 2), (2, 1.15)):
            error = (gait[:, joint] - root).mean(axis=0) - share * trunk
            assert np.linalg.norm(error) < 0.09 * np.linalg.norm(trunk)


# Normalising

numbers = st.floats(-20, 20, allow_nan=False)


@st.composite
def moved_walkers(draw):
    """A walker with some noise, and the same one turned, moved and scaled."""
    layout = draw(st.sampled_from(["blazepose33", "gait16", "coco17", "openpose25"]))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    points = body(layout) if layout != "gait16" else convert(
        replace_world(walk("coco17"), body("coco17")), "gait16").world.astype(float)  # fmt: skip
    points = points + rng.normal(scale=0.02, size=points.shape)
    angle, scale = draw(st.floats(-3.1, 3.1)), draw(st.floats(0.01, 100))
    shift = np.array([draw(numbers), draw(numbers), draw(numbers)])
    return layout, points, turn(points, angle) * scale + shift, angle


@settings(max_examples=60, deadline=None)
@given(moved_walkers())
def test_normalised_joints_do_not_depend_on_place_size_or_heading(case):
    layout, points, moved, _ = case
    np.testing.assert_allclose(normalise(moved, layout), normalise(points, layout), atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(moved_walkers())
def test_heading_turns_with_the_walker(case):
    layout, points, moved, angle = case
    turned = heading_angle(moved, layout) - heading_angle(points, layout) - angle
    assert np.cos(turned) == pytest.approx(1, abs=1e-9)


def test_normalised_joints_by_hand():
    points = normalise(turn(body("coco17") * 3 + [5, 1, -2], 0.7), "coco17")[0]
    layout = LAYOUTS["coco17"]
    assert points[layout.index("left_shoulder")] == pytest.approx((0.36, 1, 0), abs=1e-9)
    assert points[layout.index("nose")] == pytest.approx((0, 1.4, 0.24), abs=1e-9)


def test_turn_takes_z_towards_x():
    np.testing.assert_allclose(turn(np.array([0.0, 2.0, 1.0]), np.pi / 2), [1, 2, 0], atol=1e-12)


def test_heading_follows_a_straight_path_rather_than_the_shoulders():
    points = body("coco17")
    ahead = np.linspace(0, 1, T)[:, None] * [np.sin(0.3), 0.1, np.cos(0.3)]
    assert heading_angle(points, "coco17", ahead) == pytest.approx(0.3)
    assert heading_angle(points, "coco17", -ahead) == pytest.approx(0)  # walks backwards
    sway = np.array([[0.1 * (-1) ** t, 0, 0.01 * t] for t in range(T)])
    assert heading_angle(points, "coco17", sway) == pytest.approx(0)  # on the spot
    ahead[3] = np.nan
    assert heading_angle(points, "coco17", ahead) == pytest.approx(0.3)


def test_normalising_leaves_unknown_joints_unknown_and_others_as_they_are():
    points = body("coco17")
    points[2, 9] = np.nan
    whole = normalise(body("coco17"), "coco17")
    found = normalise(points, "coco17")
    assert np.isnan(found[2, 9]).all()
    found[2, 9] = whole[2, 9]
    np.testing.assert_allclose(found, whole, atol=1e-12)


def test_centring_and_scaling_work_in_the_picture_too():
    image = body("coco17")[..., :2] * 200 + [300, 400]
    centred = centre_on_hips(image, "coco17")
    np.testing.assert_allclose(centred[:, [11, 12]].mean(axis=1), 0, atol=1e-9)
    assert torso_length(image, "coco17") == pytest.approx(100)
    assert np.ptp(scale_by_torso(image, "coco17")[0, :, 1]) == pytest.approx((0.82 + 0.74) * 2)


@pytest.mark.parametrize("world", [np.full((T, 17, 3), np.nan), np.zeros((T, 17, 3))])
def test_what_cannot_be_normalised_is_refused(world):
    with pytest.raises(VideoError, match="torso cannot be measured"):
        scale_by_torso(world, "coco17")
    with pytest.raises(VideoError, match="which way the walker faces"):
        heading_angle(world, "coco17")


@pytest.mark.parametrize("name", LAYOUTS)
def test_mirror_twice_is_the_walk_and_once_exchanges_sides(name):
    layout, points = LAYOUTS[name], np.random.default_rng(1).normal(size=(T, len(LAYOUTS[name]), 3))
    once = mirror(points, layout.pairs)
    np.testing.assert_array_equal(mirror(once, layout.pairs), points)
    left, right = layout.hips
    np.testing.assert_array_equal(once[:, left], points[:, right] * [-1, 1, 1])
    assert heading_angle(mirror(turn(body("coco17"), 0.4), LAYOUTS["coco17"].pairs), "coco17") == (
        pytest.approx(-0.4)
    )


# Resampling


def test_resampling_a_line_gives_the_line():
    time = np.array([0.5, 0.6, 0.9, 1.0, 1.5])
    values = np.stack([2 * time + 1, -time], axis=1)[:, None]
    found, inside = resample(values, time, rate=8)
    wanted = 0.5 + np.arange(9) / 8
    np.testing.assert_allclose(found[:, 0], np.stack([2 * wanted + 1, -wanted], axis=1), atol=1e-5)
    assert inside.all()
    assert found.shape == (9, 1, 2)


@pytest.mark.parametrize(("length", "inside"), [(3, 3), (T, T), (T + 4, T)])
def test_resampling_to_a_length_cuts_or_marks_the_end(length, inside):
    values = np.arange(T, dtype=np.float32)
    found, mask = resample(values, np.arange(T) / 25, rate=25, length=length)
    assert mask.tolist() == [i < inside for i in range(length)]
    np.testing.assert_array_equal(found, np.minimum(np.arange(length), T - 1))
    assert found.dtype == np.float32


def test_resampling_keeps_gaps_and_makes_nothing_up_beside_them():
    values = np.array([0.0, 1.0, np.nan, 3.0, 4.0])
    same, _ = resample(values, np.arange(5) / 10, rate=10)
    np.testing.assert_array_equal(same, values)
    twice, _ = resample(values, np.arange(5) / 10, rate=20)
    np.testing.assert_allclose(twice, [0, 0.5, 1, np.nan, np.nan, np.nan, 3, 3.5, 4], atol=1e-9)


def test_resampling_one_frame_and_refusing_none():
    found, inside = resample(np.array([[5.0]]), np.array([3.0]), rate=10, length=2)
    assert (found.tolist(), inside.tolist()) == ([[5.0], [5.0]], [True, False])
    for count, instants, rate in ((0, 0, 5), (3, 2, 5), (2, 2, 0)):
        with pytest.raises(ValueError, match="do not make a walk"):
            resample(np.zeros(count), np.arange(instants), rate)
