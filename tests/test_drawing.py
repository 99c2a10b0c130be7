"""Joints as pictures: what is where, in which colour, and what is not drawn; and where a walk stands in its room."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from keypoint_walks import hide, walker

from gait.drawing import LEFT, MIDDLE, PAPER, RIGHT, View, draw, draw_over, floor_cell, side_colours, to_png
from gait.errors import GaitmoodError, VideoError
from gait.features.motion import body_height
from gait.placing import fit_view, follow, is_flat, place
from gait.skeleton import LAYOUTS, convert, find_layout, turn
from gait.video import FrameSize

SIZE = FrameSize(480, 402)
LIMBS = ("shoulder", "elbow", "knee", "ankle")
WORDS = {LEFT: "left", RIGHT: "right"}


def by_hand(point, view: View, size: FrameSize) -> tuple[float, float]:
    """A pinhole camera from school: it stands 2.8 picture heights from where it looks, and is turned there."""
    x, y, z = np.subtract(point, view.centre)
    a, e = np.radians([view.azimuth, view.elevation])
    x, z = x * np.cos(a) - z * np.sin(a), x * np.sin(a) + z * np.cos(a)
    y, z = y * np.cos(e) - z * np.sin(e), y * np.sin(e) + z * np.cos(e)
    away = 2.8 * view.span
    pixels = size.height * 2.8 / (away - z)
    return size.width / 2 + x * pixels, size.height / 2 - y * pixels


def colour_at(picture: np.ndarray, x: float, y: float) -> tuple[int, ...]:
    return tuple(picture[int(y), int(x)].tolist())


def has(picture: np.ndarray, colour: tuple[int, ...]) -> np.ndarray:
    return (picture == colour).all(axis=-1)


def fitted(sequence, azimuth: float = 0.0, elevation: float = 5.0) -> tuple[np.ndarray, View]:
    joints = place(sequence)
    return joints, fit_view(joints, sequence.layout, SIZE, azimuth, elevation)


@pytest.mark.parametrize("view", ["front", "back"])
def test_the_colour_of_a_side_is_where_that_sides_joints_are(view):
    sequence = walker(view=view)
    joints, camera = fitted(sequence)
    layout, path = find_layout(sequence.layout), follow(joints, sequence.layout)
    columns = {"left": [], "right": []}
    for t in range(0, len(joints), 7):
        here = camera.over(path[t])
        picture = draw(joints[t], sequence.layout, SIZE, here)
        for side, colour in (("left", LEFT), ("right", RIGHT)):
            for limb in LIMBS:
                x, y = by_hand(joints[t, layout.index(f"{side}_{limb}")], here, SIZE)
                assert colour_at(picture, x, y) == colour, (t, side, limb)
            columns[side].append(x)
    # Somebody who comes towards the camera has its left on the right of the picture.
    assert (np.mean(columns["left"]) > np.mean(columns["right"])) == (view == "front")


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name not in ("openpose18", "openpose25")])
def test_every_layout_can_be_drawn(layout):
    sequence = convert(walker(), layout)
    joints, view = fitted(sequence)
    picture = draw(joints[0], layout, SIZE, view)
    assert picture.shape == (SIZE.height, SIZE.width, 3)
    assert picture.dtype == np.uint8
    assert has(picture, LEFT).sum() > 200
    assert has(picture, RIGHT).sum() > 200


def test_joints_know_their_side():
    for name, layout in LAYOUTS.items():
        words = [WORDS.get(colour, "") for colour in side_colours(name)]
        assert words == [next((w for w in ("left", "right") if w in joint), "") for joint in layout.joints]
    assert side_colours("gait16")[0] == MIDDLE


def test_bones_take_the_colour_of_their_side_and_the_trunk_of_none():
    joints, view = fitted(convert(walker(), "gait16"))
    layout = find_layout("gait16")
    picture = draw(joints[3], "gait16", SIZE, view)
    for ends, colour in (
        (("left_hip", "left_knee"), LEFT),
        (("right_hip", "right_knee"), RIGHT),
        (("spine", "neck"), MIDDLE),
    ):
        a, b = (by_hand(joints[3, layout.index(end)], view, SIZE) for end in ends)
        assert colour_at(picture, *np.mean([a, b], axis=0)) == colour


def test_a_view_is_a_pinhole_camera():
    rng = np.random.default_rng(0)
    view = View(azimuth=-70, elevation=25, centre=(1.0, 0.8, -3.0), span=2.5)
    points = rng.normal(size=(5, 4, 3)) * 0.5 + view.centre
    pixels, depth = view.project(points, SIZE)
    expected = [by_hand(point, view, SIZE) for point in points.reshape(-1, 3)]
    np.testing.assert_allclose(pixels.reshape(-1, 2), expected, atol=1e-6)
    assert depth.shape == (5, 4)
    middle, one = view.project(np.array(view.centre), SIZE)
    np.testing.assert_allclose([*middle, one], [201, 240, 1])


def test_span_is_the_height_of_the_picture():
    view = View(azimuth=40, elevation=0, centre=(0, 1, 0), span=2)
    rows = [view.project(np.array([0.0, y, 0.0]), SIZE)[0][1] for y in (2.0, 0.0)]
    np.testing.assert_allclose(rows, [0, SIZE.height], atol=1e-9)


def test_turning_the_camera_is_turning_the_walker_the_other_way():
    sequence = walker()
    joints = place(replace(sequence, root=None, root_unit=None, root_source="none"))[5]
    view = View(azimuth=90, elevation=10)
    # By a quarter, after which the squares of the floor lie as before.
    turned = draw(turn(joints, -np.pi / 2), sequence.layout, SIZE, replace(view, azimuth=0))
    apart = np.abs(draw(joints, sequence.layout, SIZE, view).astype(int) - turned)
    assert (apart.max(axis=-1) > 40).mean() < 2e-3
    other = draw(joints, sequence.layout, SIZE, replace(view, azimuth=0))
    assert (np.abs(other.astype(int) - turned).max(axis=-1) > 40).mean() > 0.02


def test_nearer_limbs_hide_farther_ones():
    sequence = walker()
    joints, view = fitted(sequence, azimuth=90)  # from the walker's left
    picture = draw(joints[0], sequence.layout, SIZE, view)
    assert has(picture, LEFT).sum() > 1.3 * has(picture, RIGHT).sum()
    layout = find_layout(sequence.layout)
    for limb in LIMBS:
        x, y = by_hand(joints[0, layout.index(f"left_{limb}")], view, SIZE)
        assert colour_at(picture, x, y) == LEFT


def test_a_joint_that_is_not_known_is_not_drawn_nor_are_its_bones():
    sequence = walker()
    joints, view = fitted(sequence)
    layout = find_layout(sequence.layout)
    whole = draw(joints[0], sequence.layout, SIZE, view)
    hidden = joints[0].copy()
    hidden[layout.index("left_ankle"), 1] = np.nan
    picture = draw(hidden, sequence.layout, SIZE, view)
    changed = np.argwhere((picture != whole).any(axis=-1))
    leg = [joints[0, layout.index(f"left_{part}")] for part in ("knee", "ankle", "heel", "foot_index")]
    leg += [point * (1, 0, 1) for point in leg]  # the shadow
    pixels = np.array([by_hand(point, view, SIZE) for point in leg])[:, ::-1]
    assert (changed >= pixels.min(axis=0) - 15).all()
    assert (changed <= pixels.max(axis=0) + 15).all()
    x, y = by_hand(joints[0, layout.index("left_ankle")], view, SIZE)
    assert not has(picture[int(y) - 2 : int(y) + 3, int(x) - 2 : int(x) + 3], LEFT).any()


def test_nobody_is_an_empty_floor():
    nobody = draw(np.full((33, 3), np.nan), "blazepose33", SIZE)
    for colour in (LEFT, RIGHT, MIDDLE):
        assert not has(nobody, colour).any()
    assert 0.5 < has(nobody, PAPER).mean() < 0.99


def test_the_floor_stands_still_when_the_camera_follows():
    nobody, cell = np.full((33, 3), np.nan), floor_cell(View().span)
    floors = [
        draw(nobody, "blazepose33", SIZE, View(centre=(way * cell, 0.9, 0.0))) for way in (0, 0.5, 1, 1.5)
    ]
    assert (np.abs(floors[0].astype(int) - floors[2]) > 8).mean() < 1e-3
    assert (np.abs(floors[1].astype(int) - floors[3]) > 8).mean() < 1e-3
    assert (np.abs(floors[0].astype(int) - floors[1]) > 8).mean() > 0.01


@pytest.mark.parametrize(("span", "cell"), [(2.2, 0.5), (1.1, 0.2), (22, 5), (180, 20), (0.022, 0.005)])
def test_squares_of_the_floor_have_round_sides(span, cell):
    assert floor_cell(span) == pytest.approx(cell)


def test_joints_beyond_the_picture_do_no_harm():
    joints = walker().world[0].astype(float)
    joints[0] = [1e9, -1e9, 0]
    joints[1] = View().project(np.zeros(3), SIZE)[1] * 1e3  # behind the camera
    picture = draw(joints, "blazepose33", SIZE)
    assert has(picture, LEFT).any()


def test_a_picture_takes_only_joints_of_its_layout():
    with pytest.raises(ValueError, match=r"\(33, 3\) expected for blazepose33, found \(16, 3\)"):
        draw(np.zeros((16, 3)), "blazepose33", SIZE)
    with pytest.raises(GaitmoodError, match="unknown joint layout 'five'"):
        draw(np.zeros((5, 3)), "five", SIZE)


def test_joints_over_a_frame_are_where_the_picture_has_them():
    sequence = walker()
    height, width = sequence.frame_size
    frame = np.full((height, width, 3), 90, np.uint8)
    frame.flags.writeable = False
    picture = draw_over(frame, sequence.image[9], sequence.layout)
    layout = find_layout(sequence.layout)
    for side, colour in (("left", LEFT), ("right", RIGHT)):
        for limb in ("shoulder", "ankle"):
            x, y = sequence.image[9, layout.index(f"{side}_{limb}")]
            assert np.abs(np.subtract(colour_at(picture, x, y), colour)).max() < 20  # thin lines
    rows, columns = np.nonzero((picture != frame).any(axis=-1))
    (left, top), (right, bottom) = sequence.image[9].min(axis=0), sequence.image[9].max(axis=0)
    assert min(columns) > left - 5
    assert max(columns) < right + 5
    assert min(rows) > top - 5
    assert max(rows) < bottom + 5


def test_joints_of_unknown_sides_have_one_colour():
    sequence, green = walker(), (0, 158, 115)
    frame = np.full((*sequence.frame_size, 3), 90, np.uint8)
    picture = draw_over(frame, sequence.image[9], sequence.layout, colour=green)
    layout = find_layout(sequence.layout)
    for joint in ("left_shoulder", "right_shoulder", "left_ankle", "right_ankle"):
        x, y = sequence.image[9, layout.index(joint)]
        assert np.abs(np.subtract(colour_at(picture, x, y), green)).max() < 20
    assert not any((picture == colour).all(axis=2).any() for colour in (LEFT, RIGHT, MIDDLE))
    sides = draw_over(frame, sequence.image[9], sequence.layout)
    assert ((sides != frame).any(axis=2) == (picture != frame).any(axis=2)).all()  # the same lines and edges


def test_nothing_is_drawn_over_a_frame_without_joints():
    frame = np.full((40, 30, 3), 7, np.uint8)
    assert (draw_over(frame, np.full((17, 2), np.nan), "coco17") == frame).all()


def test_png_bytes_keep_every_pixel():
    picture = np.random.default_rng(0).integers(0, 256, (13, 9, 3), dtype=np.uint8)
    read = cv2.imdecode(np.frombuffer(to_png(picture), np.uint8), cv2.IMREAD_COLOR)
    assert (read[..., ::-1] == picture).all()


# --- Where a walk stands -----------------------------------------------------------------------------------


def test_a_measured_path_is_kept_and_its_floor_is_at_zero():
    sequence = walker(view="left")
    joints = place(sequence)
    way = joints[-1].mean(axis=0) - joints[0].mean(axis=0)
    true = sequence.root[-1] - sequence.root[0]
    np.testing.assert_allclose(way[[0, 2]], true[[0, 2]], atol=0.06)
    assert np.linalg.norm(true) > 1
    heels = joints[:, [find_layout(sequence.layout).index("left_heel")], 1]
    assert abs(np.percentile(heels, 10)) < 0.03
    hips = (joints - sequence.world)[:, 0]
    np.testing.assert_allclose(np.ptp(hips[:, 1]), np.ptp(sequence.root[:, 1]), atol=1e-3)


def test_an_estimated_path_is_in_metres_and_somebody_always_stands_on_the_floor():
    sequence = walker(view="left")
    height = body_height(convert(sequence, "gait16").world)
    slope = sequence.root / height + [0, 0.3, 0] * np.arange(len(sequence))[:, None]  # a tilted camera's
    estimated = replace(sequence, root=slope.astype(np.float32), root_unit="body", root_source="estimated")
    joints = place(estimated)
    np.testing.assert_allclose(joints[..., 1].min(axis=1), 0, atol=1e-9)
    np.testing.assert_allclose(joints[..., [0, 2]], place(sequence)[..., [0, 2]], atol=1e-4)


def test_without_a_path_somebody_walks_on_the_spot():
    sequence = replace(walker(view="left"), root=None, root_unit=None, root_source="none")
    path = follow(place(sequence), sequence.layout)
    np.testing.assert_allclose(path, 0, atol=1e-6)


def test_gaps_stay_gaps_and_the_camera_goes_on():
    sequence = walker(view="left")
    seen = place(sequence)
    gappy = hide(sequence, slice(20, 30))
    root = sequence.root.copy()
    root[20:30] = np.nan
    joints = place(replace(gappy, root=root))
    assert np.isnan(joints[20:30]).all()
    np.testing.assert_allclose(joints[35], seen[35], atol=0.01)
    path = follow(joints, sequence.layout)
    np.testing.assert_allclose(path[25], follow(seen, sequence.layout)[25], atol=0.05)


def test_joints_in_a_picture_only_make_a_flat_figure():
    sequence = walker()
    flat = replace(sequence, world=np.full_like(sequence.world, np.nan), observed=None)
    assert is_flat(flat)
    assert not is_flat(sequence)
    joints = place(flat)
    assert np.ptp(joints[..., 2]) == 0
    wide, high = np.ptp(joints[7, :, 0]), np.ptp(joints[7, :, 1])
    image = np.ptp(sequence.image[7], axis=0)
    assert wide / high == pytest.approx(image[0] / image[1], rel=1e-4)
    assert 1.2 < high < 1.9


def test_a_walk_without_any_joint_cannot_be_placed():
    with pytest.raises(VideoError, match="no joint is known in any frame"):
        place(hide(walker(), slice(None)))


@pytest.mark.parametrize("elevation", [-20, 0, 12, 60])
@pytest.mark.parametrize("size", [FrameSize(480, 384), FrameSize(200, 500), FrameSize(600, 200)])
def test_a_fitted_view_shows_the_whole_body_from_every_side(elevation, size):
    sequence = walker("happy", 1, "left")
    joints = place(sequence)
    view, path = fit_view(joints, sequence.layout, size, 0, elevation), follow(joints, sequence.layout)
    for azimuth in range(0, 360, 45):
        for t in range(0, len(joints), 9):
            camera = replace(view.over(path[t]), azimuth=azimuth)
            pixels, _ = camera.project(joints[t], size)
            assert (pixels >= 0).all()
            assert (pixels <= (size.width, size.height)).all()
    tall = np.ptp(view.over(path[0]).project(joints[0], size)[0][:, 1])
    assert tall > 0.3 * min(size.height, size.width)


def test_a_file_in_other_units_looks_the_same():
    sequence = walker()
    large = replace(sequence, world=sequence.world * 100, root=sequence.root * 100)
    pictures = []
    for one in (sequence, large):
        joints, view = fitted(one, azimuth=30)
        pictures.append(draw(joints[4], one.layout, SIZE, view).astype(int))
    assert (np.abs(pictures[0] - pictures[1]).max(axis=-1) > 40).mean() < 1e-3
