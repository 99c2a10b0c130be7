"""Floors: copies are found by the nearest neighbour, speed by speed, and what models are given is what they see."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from gait import floors


@dataclass(frozen=True)
class Arrays:
    """Preprocessing whose walks are lists of clips."""

    names: tuple[str, ...] = ()

    def starts(self, walk):
        return np.arange(len(walk))

    def read(self, walk, start):
        return walk[int(start)]

    def to_input(self, stored):
        return stored


def test_a_clip_of_frames_becomes_its_speed_mean_and_spread_in_blocks():
    rng = np.random.default_rng(0)
    clip = rng.random((5, 16, 24, 3))
    (gist,) = floors.gists(Arrays(), [[clip]])
    blocks = clip.mean(axis=-1).reshape(5, 8, 2, 8, 3).mean(axis=(2, 4)).reshape(5, 64)
    expected = np.concatenate([[np.abs(np.diff(blocks, axis=0)).mean()], blocks.mean(0), blocks.std(0)])
    np.testing.assert_allclose(gist, expected, rtol=1e-5)


def test_pictures_smaller_than_the_blocks_are_taken_as_they_are():
    clip = np.random.default_rng(0).random((4, 3, 11, 1))
    (gist,) = floors.gists(Arrays(), [[clip]])
    assert gist.shape == (1 + 2 * 3 * 8,)
    assert np.isfinite(gist).all()


def test_joints_and_features():
    clip = np.random.default_rng(1).random((6, 4, 3))
    (gist,) = floors.gists(Arrays(), [[clip, clip + 1]])
    flat = clip.reshape(6, 12)
    np.testing.assert_allclose(gist[0], np.abs(np.diff(flat, axis=0)).mean(), rtol=1e-6)
    np.testing.assert_allclose(gist[1:13], flat.mean(axis=0) + 0.5, rtol=1e-6)
    how = Arrays(("a", "walking_speed"))
    np.testing.assert_array_equal(
        floors.gists(how, [[np.array([3.0, 7.0])]]), np.array([[7.0, 3.0, 7.0]], np.float32)
    )
    (gist,) = floors.gists(Arrays(("a",)), [[np.array([3.0])]])
    assert np.isnan(gist[0])


def test_copies_of_training_walks_are_found_by_their_neighbour():
    rng = np.random.default_rng(0)
    train, labels = rng.normal(size=(40, 9)), rng.choice(["angry", "sad"], 40)
    train[3, 5] = np.nan
    found = floors.answers(train, labels, train[::-1] + 1e-6)
    assert found[floors.NEAREST] == tuple(labels[::-1])


@pytest.mark.parametrize("missing", [False, True])
def test_speed_alone_tells_what_differs_in_speed(missing):
    rng = np.random.default_rng(0)
    labels = np.repeat(["angry", "neutral", "sad"], 40)
    gists = rng.normal(size=(120, 5))
    gists[:, 0] = np.repeat([2.0, 1.0, 0.0], 40) + rng.normal(scale=0.1, size=120)
    if missing:
        gists[::20, 0] = np.nan
    found = floors.answers(gists[::2], labels[::2], gists[1::2])
    assert np.mean(np.array(found[floors.SPEED]) == labels[1::2]) > 0.9
    assert np.mean(np.array(found[floors.NEAREST]) == labels[1::2]) < 0.6


def test_one_class_says_nothing_of_speed():
    found = floors.answers(np.ones((3, 4)), ["sad"] * 3, np.ones((2, 4)))
    assert found == {floors.NEAREST: ("sad", "sad")}
