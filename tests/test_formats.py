"""The door to keypoint files, and Emotion-Gait, MDT-GCN and pickles that try to run code."""

from __future__ import annotations

import builtins
import collections
import contextlib
import os
import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gait.formats import (
    EMOTION_MAPS,
    KEYPOINT_EXTENSIONS,
    KeypointError,
    KeypointOptions,
    keypoint_sources,
    read_keypoints,
)
from gait.formats.mdt_gcn import load_mdt_gcn
from gait.formats.safe_pickle import load_pickle
from gait.pose.sequence import PoseSequence
from gait.pose.store import save_npz
from gait.skeleton import LAYOUTS, mirror

FRAMES = 6


def gait(frames: int = FRAMES, seed: int = 0) -> np.ndarray:
    """An upright body, noise in every number: (T, 16, 3)."""
    heights = [0, 0.2, 0.4, 0.5, 0.35, 0.15, 0, 0.35, 0.15, 0, 0, -0.35, -0.7, 0, -0.35, -0.7]
    points = np.random.default_rng(seed).normal(scale=0.02, size=(frames, 16, 3))
    points[..., 1] += heights
    points[:, 0] = 0
    return points


def write_h5(path: Path, **items) -> Path:
    with h5py.File(path, "w") as file:
        for name, value in items.items():
            file[name] = value
    return path


def write_gaits(folder: Path, count: int = 4) -> Path:
    """features.h5 and labels.h5 with labels 0, 1, 2, ..."""
    write_h5(folder / "labels.h5", **{f"g{i}": i for i in range(count)})
    return write_h5(
        folder / "features.h5", **{f"g{i}": gait(FRAMES + i, i).reshape(-1, 48) for i in range(count)}
    )


# Emotion-Gait


@pytest.mark.parametrize(("emotions", "labels"), [
    ("step", ["angry", "neutral", "happy", "sad"]), ("proxemo", ["angry", "happy", "sad", "neutral"]),
])  # fmt: skip
def test_emotion_gait_labels_follow_the_map_that_was_chosen_and_say_so(tmp_path, emotions, labels):
    file = read_keypoints(write_gaits(tmp_path), KeypointOptions(emotions=emotions))
    assert [walk.label for walk in file] == labels
    assert any(f"the map {emotions}: 0 angry, 1 {labels[1]}" in note for note in file.notes)
    assert [walk.name for walk in file] == ["g0", "g1", "g2", "g3"]
    assert file.left_out == ()


@pytest.mark.parametrize(("emotions", "problem"), [(None, "was not said"), ("mine", "unknown map 'mine'")])
def test_labels_without_a_map_are_refused_and_the_maps_listed(tmp_path, emotions, problem):
    with pytest.raises(KeypointError) as refusal:
        read_keypoints(write_gaits(tmp_path), KeypointOptions(emotions=emotions))
    assert problem in str(refusal.value)
    for name, classes in EMOTION_MAPS.items():
        assert f"{name}: 0 {classes[0]}, 1 {classes[1]}, 2 {classes[2]}, 3 {classes[3]}" in str(refusal.value)


def test_emotion_gait_joints_time_and_what_is_not_known(tmp_path):
    path = write_gaits(tmp_path)
    file = read_keypoints(path, KeypointOptions(labels=False))
    walk = file[2]
    points = gait(FRAMES + 2, 2)
    np.testing.assert_allclose(walk.sequence.world, points, atol=1e-6)
    assert (walk.label, walk.soft, walk.sequence.layout, walk.sequence.frame_size) == (
        None,
        None,
        "gait16",
        (0, 0),
    )
    assert walk.sequence.rate == pytest.approx(30)
    assert any("30 frames per second assumed" in note for note in file.notes)
    assert walk.sequence.observed.all()
    assert (walk.sequence.visibility == 1).all()
    assert np.isnan(walk.sequence.image).all()
    assert (walk.sequence.root, walk.sequence.root_source) == (None, "none")
    told = read_keypoints(path, KeypointOptions(labels=False, rate=12.5))
    assert told[0].sequence.rate == pytest.approx(12.5)
    assert not any("per second" in note for note in told.notes)


def test_first_right_is_the_mirrored_walk(tmp_path):
    path = write_gaits(tmp_path)
    left, right = (
        read_keypoints(path, KeypointOptions(labels=False, first=side)) for side in ("left", "right")
    )
    expected = mirror(left[1].sequence.world, LAYOUTS["gait16"].pairs)
    np.testing.assert_array_equal(right[1].sequence.world, expected)
    assert any("read as right" in note and "x negated" in note for note in right.notes)
    assert right[1].sequence.notes["first"] == "right"


def test_a_moving_root_becomes_the_path_in_metres(tmp_path):
    path = np.outer(np.arange(FRAMES), [0.1, 0, 0.5])
    start = np.array([3, 0, 0])
    points = gait() + path[:, None] + start
    file = write_h5(tmp_path / "features.h5", walk=points.reshape(-1, 48))
    sequence = read_keypoints(file, KeypointOptions(unit=2.0))[0].sequence
    np.testing.assert_allclose(sequence.root, (path + start) * 2, atol=1e-5)
    np.testing.assert_allclose(sequence.world, gait() * 2, atol=1e-5)
    assert (sequence.root_source, sequence.root_unit) == ("true", "m")


def test_unknown_joints_stay_unknown_and_frames_without_any_unobserved(tmp_path):
    points = gait()
    points[1, 9] = np.nan
    points[2] = np.nan
    points[4, 0, 2] = np.inf
    file = write_h5(tmp_path / "features.h5", walk=points.reshape(-1, 48))
    sequence = read_keypoints(file)[0].sequence
    assert sequence.observed.tolist() == [True, True, False, True, True, True]
    assert np.isnan(sequence.world[1, 9]).all()
    assert sequence.visibility[1].tolist() == [1.0] * 9 + [0.0] + [1.0] * 6
    assert np.isfinite(sequence.world[[0, 3, 5]]).all()


def test_gaits_that_cannot_be_used_are_left_out_by_name_and_the_rest_goes_on(tmp_path):
    short, upside_down = gait(3), gait() * [1, -1, 1]
    file = read_keypoints(write_h5(
        tmp_path / "features.h5",
        good=gait().reshape(-1, 48), blind=np.full((FRAMES, 48), np.nan), short=short.reshape(-1, 48),
        wide=np.zeros((FRAMES, 51)), flat=np.zeros(48), down=upside_down.reshape(-1, 48),
        text=np.array([b"abc"] * FRAMES),
    ))  # fmt: skip
    assert [walk.name for walk in file] == ["good"]
    reasons = dict(file.left_out)
    assert "16 joints" in reasons["wide"]
    assert "(6, 51) = 17 joints" in reasons["wide"]
    assert "3 frames, at least 4 expected" in reasons["short"]
    assert "all are NaN" in reasons["blind"]
    assert "y up" in reasons["down"]
    assert "found shape (48,)" in reasons["flat"]
    assert set(reasons) == {"wide", "short", "blind", "down", "flat", "text"}


def test_a_file_without_any_usable_gait_is_refused_with_the_reason(tmp_path):
    path = write_h5(tmp_path / "features.h5", a=np.zeros((9, 75)), b=np.zeros((9, 75)))
    with pytest.raises(
        KeypointError, match=r"none of 2 walks.*48 columns.*found shape \(9, 75\) = 25 joints"
    ):
        read_keypoints(path)


def test_labels_pair_by_key_and_differences_are_said(tmp_path):
    path = write_gaits(tmp_path, 3)
    write_h5(tmp_path / "labels.h5", g2=0, g0=3, other=1)
    file = read_keypoints(path, KeypointOptions(emotions="step"))
    assert [walk.label for walk in file] == ["sad", None, "angry"]
    assert any("without a label (1): g1" in note for note in file.notes)
    assert any("without a gait (1): other" in note for note in file.notes)


def test_labels_of_other_keys_pair_in_order_only_where_all_differ_and_the_numbers_fit(tmp_path):
    path = write_gaits(tmp_path, 3)
    labels = write_h5(tmp_path / "truth.h5", l0=np.array([2.0]), l1=np.array(0), l2=1)
    file = read_keypoints(path, KeypointOptions(emotions="step", labels=labels))
    assert [walk.label for walk in file] == ["happy", "angry", "neutral"]
    assert any("sorted order" in note for note in file.notes)
    write_h5(labels, l0=0, l1=1)
    with pytest.raises(KeypointError, match=r"labels truth.h5: 2 labels for 3 gaits and no key in common"):
        read_keypoints(path, KeypointOptions(emotions="step", labels=labels))


@pytest.mark.parametrize(("label", "message"), [
    (7, "is 7, but the chosen map holds 0 angry"), (-1, "is -1, but"), (0.5, "not one integer but 0.5"),
    ([1, 2], "not one integer"), (b"sad", "not one integer"),
])  # fmt: skip
def test_labels_outside_the_map_are_refused(tmp_path, label, message):
    path = write_gaits(tmp_path, 2)
    write_h5(tmp_path / "labels.h5", g0=0, g1=label)
    with pytest.raises(KeypointError, match=message):
        read_keypoints(path, KeypointOptions(emotions="step"))


def test_a_labels_file_taken_for_joints_is_named(tmp_path):
    write_gaits(tmp_path)
    with pytest.raises(KeypointError, match=r"holds labels.*no joints; name the features file"):
        read_keypoints(tmp_path / "labels.h5")


@pytest.mark.realdata
def test_reference_gaits_pass_through_the_reader_with_the_stride_time_of_walking(tmp_path, reference):
    recorded = np.load(reference / "vs_gcnn" / "io.npz")
    names = [name for name in recorded if name.startswith("gait_")]
    file = read_keypoints(write_h5(tmp_path / "features.h5", **{name: recorded[name] for name in names}))
    for walk, name in zip(file, sorted(names), strict=True):
        np.testing.assert_allclose(walk.sequence.world.reshape(-1, 48), recorded[name], atol=1e-6)
        # Each is one stride, as the distance between the feet shows; people take 0.85 to 1.3 s for it.
        feet = walk.sequence.world[:, 12, 2] - walk.sequence.world[:, 15, 2]
        assert np.sum(np.diff(np.sign(feet)) != 0) == 2
        assert 0.85 < len(feet) / walk.sequence.rate < 1.3


# MDT-GCN

N = 5


def write_mdt(folder: Path, labels=None, **changes) -> Path:
    """train_joint.npy of five walks of six frames, and the files beside it."""
    joint = np.stack([gait(FRAMES, i).transpose(2, 0, 1) for i in range(N)])[..., None]
    arrays = {
        "joint": joint,
        "movement": np.zeros((N, 8, FRAMES, 16, 1)),
        "affective": np.zeros((N, 31 * FRAMES)),
    }
    for name, array in (arrays | changes).items():
        np.save(folder / f"train_{name}.npy", array)
    if labels is not None:
        (folder / "train_label.pkl").write_bytes(pickle.dumps(labels))
    return folder / "train_joint.npy"


@pytest.mark.parametrize("labels", [
    [0, 1, 2, 3, 0], np.array([0, 1, 2, 3, 0]), (["a", "b", "c", "d", "e"], [0, 1, 2, 3, 0]),
    (["x"] * 5, np.array([0, 1, 2, 3, 0], dtype=np.int32)),
], ids=["list", "array", "names and list", "equal names and array"])  # fmt: skip
def test_mdt_gcn_walks_and_labels(tmp_path, labels):
    file = read_keypoints(write_mdt(tmp_path, labels), KeypointOptions(emotions="proxemo", rate=6))
    assert [walk.label for walk in file] == ["angry", "happy", "sad", "neutral", "angry"]
    assert len({walk.name for walk in file}) == N
    np.testing.assert_allclose(file[3].sequence.world, gait(FRAMES, 3), atol=1e-6)
    assert file[0].sequence.rate == pytest.approx(6)
    assert any("the map proxemo" in note for note in file.notes)


def test_mdt_gcn_arrays_come_as_they_lie_in_the_files(tmp_path):
    movement = np.random.default_rng(0).normal(size=(N, 8, FRAMES, 16, 1))
    data = load_mdt_gcn(write_mdt(tmp_path, (list("vwxyz"), [0, 1, 2, 3, 0]), movement=movement))
    np.testing.assert_array_equal(data.movement, movement)
    assert data.affective.shape == (N, 31 * FRAMES)
    assert data.names == tuple("vwxyz")
    assert data.labels.tolist() == [0, 1, 2, 3, 0]
    alone = tmp_path / "alone"
    alone.mkdir()
    np.save(alone / "joint.npy", np.zeros((2, 3, 4, 16, 1)))
    data = load_mdt_gcn(alone / "joint.npy")
    assert (data.movement, data.affective, data.labels, data.names) == (None, None, None, ("0000", "0001"))


@pytest.mark.parametrize(("shape", "message"), [
    ((N, 3, 6, 25, 1), r"16, 1\) expected.*\(5, 3, 6, 25, 1\) \(25 joints\)"),
    ((N, 3, 6, 16, 2), "one person"), ((N, 8, 6, 16, 1), "name the joint file"), ((N, 48), "expected"),
])  # fmt: skip
def test_mdt_gcn_of_another_shape_is_refused_with_what_was_found(tmp_path, shape, message):
    with pytest.raises(KeypointError, match=message):
        read_keypoints(write_mdt(tmp_path, joint=np.zeros(shape)))


@pytest.mark.parametrize(("changes", "message"), [
    ({"movement": np.zeros((N, 8, 7, 16, 1))}, "movement .* does not fit joints"),
    ({"affective": np.zeros((N - 1, 31))}, "has 4 walks, the joints have 5"),
    ({"labels": [0, 1]}, "2 labels for 5 walks"),
    ({"labels": "sad"}, "a list of integers"),
    ({"labels": [[0], [1, 2]]}, "labels train_label.pkl"),
])  # fmt: skip
def test_mdt_gcn_files_that_do_not_fit_each_other_are_refused(tmp_path, changes, message):
    with pytest.raises(KeypointError, match=message):
        read_keypoints(write_mdt(tmp_path, **changes), KeypointOptions(emotions="step"))


def test_npy_files_with_objects_are_refused_without_being_unpickled(tmp_path):
    path = tmp_path / "joint.npy"
    np.save(path, np.array([Bomb(tmp_path)], dtype=object), allow_pickle=True)
    with pytest.raises(KeypointError, match=r"not a readable .npy array of numbers"):
        read_keypoints(path)
    assert not (tmp_path / "ran").exists()


# Pickles


class Bomb:
    """Runs code when it is unpickled, the way attacks do."""

    def __init__(self, folder: Path, function=None, arguments: tuple = ()):
        self.call = (function or os.mkdir, arguments or (str(folder / "ran"),))

    def __reduce__(self):
        return self.call


def touch(folder: Path) -> str:
    return f"__import__('pathlib').Path({str(folder / 'ran')!r}).mkdir()"


ATTACKS = {
    "os.mkdir": lambda f: Bomb(f),
    "os.system": lambda f: Bomb(f, os.system, (f"mkdir {f / 'ran'}",)),
    "builtins.eval": lambda f: Bomb(f, builtins.eval, (touch(f),)),
    "builtins.exec": lambda f: Bomb(f, builtins.exec, (touch(f),)),
    "builtins.getattr": lambda f: Bomb(f, getattr, ("abc", "upper")),
}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_pickle_that_tries_to_run_code_does_not_and_is_named(tmp_path, attack, protocol):
    bomb = ATTACKS[attack](tmp_path)
    for hidden in (bomb, [0, bomb], {"labels": (1, [bomb])}, np.array([bomb, 1], dtype=object)):
        with pytest.raises(KeypointError, match="Nothing was run") as refusal:
            load_pickle(pickle.dumps(hidden, protocol))
        assert attack.rpartition(".")[2] in str(refusal.value)
    assert not (tmp_path / "ran").exists()


def test_the_same_bombs_do_go_off_in_plain_pickle(tmp_path):
    """Else the tests above would show nothing."""
    for attack in ("os.mkdir", "os.system", "builtins.eval", "builtins.exec"):
        pickle.loads(pickle.dumps(ATTACKS[attack](tmp_path)))
        (tmp_path / "ran").rmdir()


def test_labels_that_try_to_run_code_do_not_through_the_door(tmp_path):
    path = write_mdt(tmp_path, labels=(["a"], Bomb(tmp_path)))
    with pytest.raises(KeypointError, match=r"labels train_label.pkl: the pickle asks for .*mkdir"):
        read_keypoints(path, KeypointOptions(emotions="step"))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(("program", "message"), [
    (b"cnumpy\ndtype\nV", "damaged"),
    (b"cnumpy\nload\n(Vx\ntR.", "numpy.load"),
    (b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\ndtype\n(I0\ntVb\ntR.", "kind of its own"),
    # BUILD on what the table hands out must not alter it: ({}, {"_function": 1}) as its state
    (b"cnumpy\ndtype\n(}(V_function\nI1\ndtb.", "tries to alter numpy.dtype"),
    (b"cnumpy\nndarray\n(VO8\nI0\ntR.", "not known"),
    (b"cnumpy\ndtype\n(VO8,i4\nI0\nI1\ntR.", "plain numbers or text"),
    (b"cnumpy\ndtype\n(Vi8\nI0\nI1\ntR(I3\nV<\nN(Va\nt}Va\nI1\nsI8\nI1\nI0\ntb.", "structured array"),
    (b"cnumpy\ndtype\n.", "type where data"),
    (b"cnumpy\ndtype\n(Vi8\nI0\nI1\ntR.", "type where data"),
    (b"Ppersistent\n.", "outside itself"),
    (b"c_codecs\nencode\n(Vabc\nVidna\ntR.", "encoding"),
    (b"", "not a readable pickle"),
    (b"\x80\x04\x95", "not a readable pickle"),
    (b"hello world", "not a readable pickle"),
])  # fmt: skip
def test_pickles_that_abuse_what_is_allowed_are_refused(program, message):
    message = "not a readable pickle" if message == "damaged" else message
    with pytest.raises(KeypointError, match=message):
        load_pickle(program)
    assert load_pickle(pickle.dumps(np.arange(3))).tolist() == [0, 1, 2]


def test_an_array_that_claims_more_than_it_holds_is_refused():
    good = pickle.dumps(np.arange(4, dtype=np.int64), 2)
    assert b"K\x04\x85" in good
    with pytest.raises(KeypointError, match="not a readable pickle"):
        load_pickle(good.replace(b"K\x04\x85", b"K\xff\x85"))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("value", [
    ["a", "b"], (1, 2.5, None, True), {"k": [1], 2: b"bytes"}, {1, 2}, frozenset({1, 2}), 10**30,
    collections.OrderedDict(b=1, a=2),
    np.arange(6, dtype=">i2").reshape(2, 3), np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.array(["ab", "c"]), np.array([True, False]), np.zeros((0, 3)),
    np.array([[1, "x"], [None, 2.5]], dtype=object),
    np.float32(1.5), np.int64(-3), [np.float64(2.0), np.arange(3)],
], ids=str)  # fmt: skip
def test_data_are_read_as_plain_pickle_reads_them(value, protocol):
    found, expected = load_pickle(pickle.dumps(value, protocol)), value
    if isinstance(expected, list) and isinstance(expected[-1], np.ndarray):
        found, expected = found[-1], expected[-1]
    if isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(found, expected)
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    else:
        assert found == expected
        assert not isinstance(expected, np.generic) or found.dtype == expected.dtype


def test_python_2_pickles_of_arrays_are_read():
    """As Python 2 wrote np.array([1, 2, 3], '<i4'): the bytes as an 8-bit string, the name numpy.core."""
    data = (
        b"cnumpy.core.multiarray\n_reconstruct\np0\n(cnumpy\nndarray\np1\n(I0\ntp2\nS'b'\np3\ntp4\nRp5\n"
        b"(I1\n(I3\ntp6\ncnumpy\ndtype\np7\n(S'i4'\np8\nI0\nI1\ntp9\nRp10\n(I3\nS'<'\np11\nNNNI-1\nI-1\nI0\n"
        b"tp12\nbI00\nS'\\x01\\x00\\x00\\x00\\x02\\x00\\x00\\x00\\x03\\x00\\x00\\x00'\np13\ntp14\nb."
    )
    found = load_pickle(data)
    assert (found.tolist(), found.dtype) == ([1, 2, 3], np.dtype("<i4"))


def test_shared_and_circular_values_stay_so():
    array = np.arange(3)
    ring = [array, array, {"again": array}]
    ring.append(ring)
    found = load_pickle(pickle.dumps(ring))
    assert found[0] is found[1] is found[2]["again"]
    assert found[3] is found


def mutate(data: bytes, changes: list[tuple[int, int]]) -> bytes:
    changed = bytearray(data)
    for place, value in changes:
        changed[place % len(changed)] = value
    return bytes(changed)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=6))
def test_damaged_pickles_are_read_or_refused_but_never_anything_else(changes):
    data = pickle.dumps((["a", "b"], np.arange(5), {"x": 1.5}), 2)
    with contextlib.suppress(KeypointError):
        load_pickle(mutate(data, changes))
    names, array, numbers = load_pickle(data)
    assert (names, array.tolist(), numbers) == (["a", "b"], [0, 1, 2, 3, 4], {"x": 1.5})


# The door


def own_file(path: Path, V: int = 33, frames: int = FRAMES) -> Path:
    rng = np.random.default_rng(0)
    save_npz(PoseSequence(
        image=rng.uniform(0, 99, (frames, V, 2)).astype(np.float32),
        world=rng.normal(size=(frames, V, 3)).astype(np.float32),
        visibility=np.ones((frames, V), np.float32),
        time=np.arange(frames) / 25, frame_size=(48, 32), layout="blazepose33",
    ), path)  # fmt: skip
    return path


def test_our_own_file_comes_back_as_it_was(tmp_path):
    walk = read_keypoints(own_file(tmp_path / "walk.npz"))[0]
    assert (walk.name, walk.label, walk.sequence.layout, len(walk.sequence)) == (
        "walk",
        None,
        "blazepose33",
        FRAMES,
    )
    assert walk.sequence.rate == pytest.approx(25)


def test_our_own_file_of_another_joint_count_is_refused(tmp_path):
    with pytest.raises(KeypointError, match="33 joints expected for blazepose33, found 17"):
        read_keypoints(own_file(tmp_path / "walk.npz", V=17))


def test_our_own_file_too_short(tmp_path):
    with pytest.raises(KeypointError, match="too short: 2 frames"):
        read_keypoints(own_file(tmp_path / "walk.npz", frames=2))


@pytest.mark.parametrize("extension", [e.upper() for e in KEYPOINT_EXTENSIONS])
@pytest.mark.parametrize("content", [b"", b"not at all what it should be\n" * 20, b"PK\x03\x04 cut off"])
def test_files_that_are_not_what_their_ending_says_are_refused(tmp_path, extension, content):
    path = tmp_path / f"walk{extension}"
    path.write_bytes(content)
    with pytest.raises(KeypointError):
        read_keypoints(path)


def test_missing_files_and_other_endings_are_refused(tmp_path):
    with pytest.raises(KeypointError, match="no such file"):
        read_keypoints(tmp_path / "a.bvh")
    (tmp_path / "a.csv").write_text("x")
    with pytest.raises(KeypointError, match=r"expected .npz.*an EiLA table holds boxes"):
        read_keypoints(tmp_path / "a.csv")
    with pytest.raises(KeypointError, match="no OpenPose frames in the folder"):
        read_keypoints(tmp_path)


@pytest.mark.parametrize(
    "options", [{"rate": 0}, {"rate": float("nan")}, {"unit": -1}, {"first": "both"}, {"person": -1}]
)
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(KeypointError, match=next(iter(options))):
        KeypointOptions(**options)


def test_sources_of_a_folder_are_each_walk_once(tmp_path):
    write_gaits(tmp_path)
    write_mdt(tmp_path, [0] * N)
    own_file(tmp_path / "a.npz")
    frames = [f"{name}_keypoints.json" for name in ("x_000000000001", "x_000000000000", "y_000000000000")]
    for name in (*frames, "b.BVH", "movie.mp4", "labels.csv"):
        (tmp_path / name).write_text("{}")
    found = [path.name for path in keypoint_sources(tmp_path.iterdir())]
    assert found == ["a.npz", "b.BVH", "features.h5", "train_joint.npy", "x_000000000000_keypoints.json",
                     "y_000000000000_keypoints.json"]  # fmt: skip


@pytest.fixture(scope="module")
def whole_files(tmp_path_factory) -> dict[str, bytes]:
    """One good file of each kind, by name."""
    folder = tmp_path_factory.mktemp("whole")
    files = [write_gaits(folder), folder / "labels.h5", write_mdt(folder)]
    files += [Path(__file__).parent / "files" / name for name in ("turned.bvh", "coco.json")]
    return {file.name: file.read_bytes() for file in files}


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.integers(0, 4),
    changes=st.lists(st.tuples(st.integers(0, 30_000), st.integers(0, 255)), min_size=1, max_size=20),
    cut=st.floats(0.05, 1),
)
def test_damaged_files_are_read_or_refused_with_a_reason(whole_files, tmp_path, kind, changes, cut):
    name, data = sorted(whole_files.items())[kind]
    path = tmp_path / name
    path.write_bytes(mutate(data, changes)[: max(1, int(cut * len(data)))])
    with contextlib.suppress(KeypointError):
        assert len(read_keypoints(path, KeypointOptions(labels=False))) > 0
