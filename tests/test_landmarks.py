"""Fifty landmarks: which they are, that a mirror exchanges sides, that a missing one is no point; and faces."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from keypoint_walks import hide, walker

from gait import skeleton
from gait.errors import VideoError
from gait.landmarks import (
    BODY,
    BODY_LAYOUT,
    FACE,
    FACE_POINTS,
    NONE,
    POINTS,
    body_landmarks,
    face_landmarks,
    mirror,
)
from gait.pose.blazepose import BlazePose
from gait.pose.face import FaceMesh, face_region
from gait.pose.weights import WeightsError, load_face_mesh, load_weights

NAMES = list(FACE_POINTS)


def place(name):
    return NAMES.index(name)


def test_fifty_different_points_with_a_name_each():
    assert len(FACE_POINTS) == POINTS == len(set(FACE_POINTS.values()))
    assert all(0 <= index < 468 for index in FACE_POINTS.values())
    # MediaPipe's: the outer corners of the right and the left eye, the tip of the nose, the chin.
    wanted = {"right_eye_outer": 33, "left_eye_outer": 263, "nose_tip": 1, "chin": 152}
    assert {name: FACE_POINTS[name] for name in wanted} == wanted


def test_the_body_s_points_are_its_joints_in_torso_lengths():
    sequence = skeleton.convert(walker(), BODY_LAYOUT)
    landmarks, mask = body_landmarks(2.5 * sequence.world + 7, sequence.visibility)
    torso = skeleton.torso_length(sequence.world, BODY_LAYOUT)
    hips = sequence.world[:, [23, 24]].mean(axis=1, keepdims=True)
    np.testing.assert_allclose(landmarks[:, :33], (sequence.world - hips) / torso, atol=1e-4)
    assert (mask[:, :33] == BODY).all()
    assert (mask[:, 33:] == NONE).all()
    assert not landmarks[:, 33:].any()


def test_what_is_hidden_or_not_known_is_masked():
    sequence = hide(skeleton.convert(walker(), BODY_LAYOUT), slice(3, 6), slice(15, 17))
    sequence.visibility[10, 20] = 0.49
    landmarks, mask = body_landmarks(sequence.world, sequence.visibility)
    missing = np.argwhere(mask[:, :33] == NONE)
    assert {tuple(m) for m in missing} == {(t, v) for t in (3, 4, 5) for v in (15, 16)} | {(10, 20)}
    assert np.isfinite(landmarks).all()
    assert not landmarks[mask == NONE].any()


def test_a_body_without_a_torso_cannot_be_measured():
    sequence = hide(skeleton.convert(walker(), BODY_LAYOUT), slice(None), slice(23, 25))
    with pytest.raises(VideoError, match="torso"):
        body_landmarks(sequence.world, sequence.visibility)


def test_a_mirror_exchanges_the_sides_of_bodies_and_faces():
    rng = np.random.default_rng(0)
    landmarks = rng.normal(size=(2, POINTS, 3)).astype(np.float32)
    mask = np.full((2, POINTS), FACE, np.int8)
    mask[1] = [BODY] * 33 + [NONE] * 17
    mask[1, 15] = NONE  # the left wrist
    seen, seen_mask = mirror(landmarks, mask)
    left, right = place("left_mouth_corner"), place("right_mouth_corner")
    np.testing.assert_array_equal(seen[0, left], landmarks[0, right] * (-1, 1, 1))
    np.testing.assert_array_equal(seen[0, place("chin")], landmarks[0, place("chin")] * (-1, 1, 1))
    np.testing.assert_array_equal(
        seen[1, :33], skeleton.mirror(landmarks[1, :33], skeleton.find_layout(BODY_LAYOUT).pairs)
    )
    assert seen_mask[1, 16] == NONE  # the right wrist now
    assert seen_mask[1, 15] == BODY
    for before, again in zip((landmarks, mask), mirror(seen, seen_mask), strict=True):
        np.testing.assert_array_equal(again, before)


def test_a_face_is_measured_from_between_the_eyes_in_their_distance():
    mesh = np.random.default_rng(1).normal(100, 5, (468, 3))
    mesh[33], mesh[263], mesh[152] = (90, 100, 0), (130, 100, 0), (110, 180, 20)
    points = face_landmarks(mesh)
    np.testing.assert_allclose(points[place("right_eye_outer")], (-0.5, 0, 0), atol=1e-6)
    np.testing.assert_allclose(points[place("left_eye_outer")], (0.5, 0, 0), atol=1e-6)
    # 80 pixels below and 20 behind, 40 pixels between the eyes: y goes up, z to the camera.
    np.testing.assert_allclose(points[place("chin")], (0, -2, -0.5), atol=1e-6)


def test_a_face_that_joints_do_not_tell_of_is_not_looked_for():
    joints = walker().image[0]
    assert face_region(joints) is not None
    joints = np.where(np.arange(33)[:, None] == 9, np.nan, joints)  # a corner of the mouth
    assert face_region(joints) is None


@pytest.fixture(scope="module")
def portrait():
    """A person's face that comes with matplotlib: Grace Hopper, by the U.S. Navy, in the public domain."""
    from matplotlib.cbook import get_sample_data

    with get_sample_data("grace_hopper.jpg") as file:
        return cv2.cvtColor(
            cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB
        )


@pytest.fixture(scope="module")
def mesh(pose_models):
    try:
        return FaceMesh(load_face_mesh())
    except WeightsError as error:
        pytest.skip(f"the face mesh's model file is not here and cannot be fetched ({error})")


@pytest.fixture(scope="module")
def joints(pose_models, portrait):
    finder = BlazePose(load_weights())
    return finder.locate(portrait, finder.detect(portrait)[0]).image


def test_a_face_is_found_where_it_is(mesh, portrait, joints):
    found = mesh.locate(portrait, joints)
    # Read off the picture by eye: outer corners of the eyes, tip of the nose, chin.
    for index, place in ((33, (201, 194)), (263, (327, 188)), (1, (268, 245)), (152, (271, 334))):
        assert np.linalg.norm(found[index, :2] - place) < 10
    points = face_landmarks(found)
    assert (
        points[NAMES.index("chin"), 1]
        < points[NAMES.index("nose_tip"), 1]
        < points[NAMES.index("forehead"), 1]
    )
    assert points[NAMES.index("nose_tip"), 2] > points[NAMES.index("left_cheek"), 2] + 0.3


def test_the_face_in_a_mirror_has_the_same_points_on_the_other_side(mesh, portrait, joints):
    """That the pairs are pairs is the network's own word, not ours."""
    width = portrait.shape[1]
    order = np.arange(33)
    for left, right in skeleton.find_layout(BODY_LAYOUT).pairs:
        order[[left, right]] = right, left
    flipped = joints[order] * (-1, 1) + (width - 1, 0)
    here = face_landmarks(mesh.locate(portrait, joints))
    there = face_landmarks(mesh.locate(np.ascontiguousarray(portrait[:, ::-1]), flipped))
    mask = np.full((1, POINTS), FACE, np.int8)
    expected = mirror(here[None], mask)[0][0]
    assert np.abs(there - expected)[:, :2].max() < 0.08  # of the distance of the eyes
    assert np.abs(there - here * (-1, 1, 1))[:, :2].max() > 0.5


def test_where_there_is_no_face_none_is_found(mesh, portrait, joints):
    assert mesh.locate(portrait, joints + np.array([0, 260])) is None  # the uniform
    assert mesh.locate(np.full_like(portrait, 128), joints) is None
    tiny = cv2.resize(portrait, None, fx=0.05, fy=0.05)
    assert mesh.locate(tiny, joints * 0.05) is None
