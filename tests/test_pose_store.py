"""Pose sequences to files and back."""

from __future__ import annotations

import contextlib
import dataclasses
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gait.cache import Cache
from gait.errors import GaitmoodError
from gait.pose.sequence import PoseSequence
from gait.pose.store import from_entry, load_npz, save_npz, to_entry


def make_sequence(with_root: bool = True) -> PoseSequence:
    rng = np.random.default_rng(0)
    T, V = 7, 5
    world = rng.normal(size=(T, V, 3)).astype(np.float32)
    world[2] = np.nan
    return PoseSequence(
        image=rng.normal(size=(T, V, 2)).astype(np.float32),
        world=world,
        visibility=rng.random((T, V)).astype(np.float32),
        time=np.arange(T) / 25,
        frame_size=(48, 32),
        layout="five",
        root=rng.normal(size=(T, 3)).astype(np.float32) if with_root else None,
        root_unit="body" if with_root else None,
        root_source="estimated" if with_root else "none",
        mended=np.arange(T) == 4,
        unique=(1, 5),
        notes={"people": 2, "reason": "größer als sonst", "list": [1, 2.5, None]},
    )


def assert_same(one: PoseSequence, other: PoseSequence) -> None:
    for field in dataclasses.fields(PoseSequence):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, np.ndarray):
            np.testing.assert_array_equal(a, b)
            assert a.dtype == b.dtype
        else:
            assert a == b, field.name
            assert type(a) is type(b)


@pytest.mark.parametrize("with_root", [True, False])
def test_npz_round_trip(tmp_path, with_root):
    sequence = make_sequence(with_root)
    save_npz(sequence, tmp_path / "walk.npz")
    assert_same(sequence, load_npz(tmp_path / "walk.npz"))
    assert [p.name for p in tmp_path.iterdir()] == ["walk.npz"]


@pytest.mark.parametrize("with_root", [True, False])
def test_cache_round_trip(tmp_path, with_root):
    sequence, cache = make_sequence(with_root), Cache(tmp_path)
    with cache.write("pose-1") as writer:
        to_entry(sequence, writer)
    assert_same(sequence, from_entry(cache.find("pose-1")))


def write(path, **changes):
    save_npz(make_sequence(), path)
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    arrays |= changes
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return path


def test_pickled_object_is_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    path = write(tmp_path / "a.npz", image=np.array([Evil()], dtype=object))
    with pytest.raises(GaitmoodError, match="keypoint file"):
        load_npz(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"world": np.zeros((7, 4, 3))}, r"image: shape \(7, 4, 2\) expected"),
        ({"visibility": None}, "visibility expected"),
        ({"facts": None}, "keypoint file of this project .* this one holds image, mended, .*write it anew"),
        (
            {"facts": None, "joint_names": 1, "camera_rotation": 1},
            "true joints that python -m synthesis writes",
        ),
        ({"facts": np.array("no json")}, "keypoint file"),
        ({"facts": np.array('{"gaitmood_pose": 99}')}, "format 99 is newer"),
        ({"facts": np.array('{"gaitmood_pose": 1}')}, "layout"),
    ],
)
def test_unfit_files_are_refused_by_name(tmp_path, changes, message):
    path = write(tmp_path / "b.npz", **changes)
    with pytest.raises(GaitmoodError, match=message) as caught:
        load_npz(path)
    assert "b.npz" in str(caught.value)


def say(**changes):
    """The facts of a good file, some of them others."""
    facts = {
        "frame_size": [48, 32],
        "layout": "five",
        "root_unit": "m",
        "root_source": "true",
        "unique": [1, 5],
        "notes": {},
    }
    return {"facts": np.array(json.dumps({"gaitmood_pose": 1, **facts, **changes}))}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (say(gaitmood_pose="one"), "gaitmood_pose: the number of a format was expected, found 'one'"),
        (say(unique=None), "unique: two whole numbers expected, found None"),
        (say(unique=[0.5, 4.5]), r"unique: two whole numbers expected, found \[0.5, 4.5\]"),
        (say(unique=[5, 2]), "unique: first and one-past-last of 7 frames expected, found 5 and 2"),
        (say(unique=[0, 8]), "unique: first and one-past-last of 7 frames expected, found 0 and 8"),
        (say(frame_size="48x32"), "frame_size: two whole numbers expected, found '48x32'"),
        (say(layout=["five"]), r"layout: a name expected, found \['five'\]"),
        (say(notes=[1]), r"notes: names and values expected, found \[1\]"),
        (say(notes={"loop": 5}), "notes: loop with period, seams expected, found 5"),
        (say(notes={"direction": {}}), "notes: direction with known, facing, reason expected"),
        (say(root_unit="miles"), "root_unit: m, body or null expected, found 'miles'"),
        (say(root_source="guess"), "root_source: true, estimated or none expected, found 'guess'"),
        ({"time": np.array(["now"] * 7)}, "time: numbers expected, found <U3"),
        ({"world": np.zeros((7, 5, 3), complex)}, "world: numbers expected, found complex128"),
        ({"observed": np.full(7, 0.5)}, "observed: true and false expected, found float64"),
        ({"visibility": np.full((7, 5), 90.0)}, "visibility: numbers from 0 to 1 expected, found 90"),
        ({"visibility": np.full((7, 5), np.nan)}, "visibility: numbers from 0 to 1 expected, found nan"),
    ],
)
def test_values_of_another_kind_are_refused_by_name(tmp_path, changes, message):
    load_npz(write(tmp_path / "good.npz", **say()))
    with pytest.raises(GaitmoodError, match=message):
        load_npz(write(tmp_path / "d.npz", **changes))


def test_whole_numbers_may_stand_for_real_ones(tmp_path):
    path = write(tmp_path / "e.npz", world=np.ones((7, 5, 3), int), observed=np.ones(7, int))
    read = load_npz(path)
    assert read.world.dtype == np.float32
    assert read.observed.dtype == np.bool_


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut"])
def test_damaged_files_are_refused(tmp_path, content):
    (tmp_path / "c.npz").write_bytes(content)
    with pytest.raises(GaitmoodError, match=r"c\.npz"):
        load_npz(tmp_path / "c.npz")


def test_missing_file_is_named(tmp_path):
    with pytest.raises(GaitmoodError, match=r"none\.npz"):
        load_npz(tmp_path / "none.npz")


@given(st.data())
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_damaged_anywhere_is_read_or_refused_never_worse(tmp_path, data):
    save_npz(make_sequence(), tmp_path / "whole.npz")
    content = bytearray((tmp_path / "whole.npz").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "hurt.npz").write_bytes(content[: data.draw(st.integers(1, len(content)))])
    with contextlib.suppress(GaitmoodError):
        load_npz(tmp_path / "hurt.npz")
