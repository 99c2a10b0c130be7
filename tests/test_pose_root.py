"""The walker's path from the body's size in the picture: against projections whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from gait.pose.root import FOCAL_RATIO, TRUNK_AND_LEG, estimate_root, stature

SIZE = (900, 500)
FOCAL = 700.0


def make_body(T: int, rng: np.random.Generator) -> np.ndarray:
    """World joints (T, 33, 3) of somebody with a trunk of 0.5 m, thighs and shanks of 0.4 m that swing."""
    world = rng.normal(0, 0.3, (T, 33, 3))
    for side, x in ((0, 0.15), (1, -0.15)):
        thigh, shank = (rng.uniform(-0.5, 0.5, T) for _ in range(2))
        down = lambda angle: np.stack([0 * angle, -np.cos(angle), np.sin(angle)], axis=-1)  # noqa: E731
        world[:, 23 + side] = (x, 0, 0)
        world[:, 11 + side] = (x, 0.5, 0)
        world[:, 25 + side] = world[:, 23 + side] + 0.4 * down(thigh)
        world[:, 27 + side] = world[:, 25 + side] + 0.4 * down(shank)
    return world


def project(world: np.ndarray, root: np.ndarray, focal: float) -> np.ndarray:
    """Pinhole at the origin: x right, y up, z towards the camera (so in front of it z is negative)."""
    points = world + root[:, None]
    image = points[..., :2] / -points[..., 2:] * focal * (1, -1)
    return image + np.array(SIZE[::-1]) / 2


@pytest.fixture
def walk():
    rng = np.random.default_rng(4)
    T = 23
    world = make_body(T, rng)
    root = np.stack([np.linspace(-0.5, 0.7, T), np.full(T, -0.2), np.linspace(-6, -2.5, T)], axis=1)
    return world, root, np.ones((T, 33))


def test_stature_of_a_known_body(walk):
    assert stature(walk[0]) == pytest.approx(1.3 / TRUNK_AND_LEG)


def test_path_is_recovered_exactly_from_a_pinhole(walk):
    world, root, visibility = walk
    found = estimate_root(project(world, root, FOCAL), world, visibility, SIZE, focal=FOCAL)
    np.testing.assert_allclose(found * stature(world), root, atol=1e-4)


def test_wrong_focal_length_stretches_the_distance_only(walk):
    world, root, visibility = walk
    found = estimate_root(project(world, root, FOCAL), world, visibility, SIZE)
    factor = FOCAL_RATIO * 900 / FOCAL
    np.testing.assert_allclose(found[:, 2] * stature(world) / factor, root[:, 2], rtol=0.02)
    assert (np.diff(found[:, 2]) > 0).all()


def test_growing_is_approaching(walk):
    world, root, visibility = walk
    image = project(world, root[::-1], FOCAL)
    away = estimate_root(image, world, visibility, SIZE)[:, 2]
    assert (np.diff(away) < 0).all()


def test_noise_and_one_wrong_joint_move_it_little(walk):
    world, root, visibility = walk
    rng = np.random.default_rng(5)
    image = project(world, root, FOCAL) + rng.normal(0, 2, (*world.shape[:2], 2))
    image[:, 27] += (60, -80)
    found = estimate_root(image, world, visibility, SIZE, focal=FOCAL)[:, 2] * stature(world)
    np.testing.assert_allclose(found, root[:, 2], rtol=0.06)


def test_hidden_legs_count_little(walk):
    world, root, visibility = walk
    image = project(world, root, FOCAL)
    image[:, 25:29] += np.random.default_rng(6).normal(0, 40, (len(world), 4, 2))
    hidden = visibility.copy()
    hidden[:, 25:29] = 0
    error = lambda seen: np.abs(  # noqa: E731
        estimate_root(image, world, seen, SIZE, focal=FOCAL)[:, 2] * stature(world) - root[:, 2]
    ).mean()
    assert error(hidden) < error(visibility)


def test_exchanged_sides_do_not_move_it(walk):
    world, root, visibility = walk
    image = project(world, root, FOCAL)
    swap = np.arange(33)
    for left in (11, 23, 25, 27):
        swap[[left, left + 1]] = left + 1, left
    one = estimate_root(image, world, visibility, SIZE)
    other = estimate_root(image[:, swap], world[:, swap], visibility, SIZE)
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_frames_without_a_person_stay_unknown(walk):
    world, root, visibility = walk
    image = project(world, root, FOCAL)
    image[3:5], world[3:5] = np.nan, np.nan
    found = estimate_root(image, world, visibility, SIZE)
    assert np.flatnonzero(np.isnan(found).any(axis=1)).tolist() == [3, 4]
    assert np.isnan(estimate_root(image * np.nan, world, visibility, SIZE)).all()
