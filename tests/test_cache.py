"""The content-addressed store: whole or not at all, damage seen, limits kept."""

from __future__ import annotations

import errno
import hashlib
import json
import multiprocessing
import os
import pickle
import threading
import time
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from videofiles import mounted_disk

from gait.cache import Cache, content_hash, default_folder, entry_key
from gait.errors import DiskFullError


@pytest.fixture
def cache(tmp_path) -> Cache:
    return Cache(tmp_path / "store")


def make(cache: Cache, key: str = "a", rows: int = 7, seed: int = 0) -> np.ndarray:
    frames = np.random.default_rng(seed).integers(0, 255, (rows, 3, 4, 2), dtype=np.uint8)
    with cache.write(key) as entry:
        for frame in frames:
            entry.append("frames", frame[None])
        entry.append("time", np.arange(rows) / 15)
        entry.meta["decoded"] = 2 * rows
    return frames


def names(cache: Cache) -> set[str]:
    return {path.name for path in cache.folder.iterdir()}


def test_round_trip(cache):
    assert cache.find("a") is None
    frames = make(cache)
    entry = cache.find("a")
    assert entry.meta["decoded"] == 14
    assert entry.length("frames") == 7
    np.testing.assert_array_equal(entry.read("frames"), frames)
    np.testing.assert_array_equal(entry.read("frames", slice(2, 5)), frames[2:5])
    np.testing.assert_array_equal(entry.read("frames", np.array([6, 0, 0])), frames[[6, 0, 0]])
    np.testing.assert_array_equal(entry.read("time"), np.arange(7) / 15)
    np.testing.assert_array_equal(cache.open("a").read("frames"), frames)
    # Plain NumPy files, and what is read is a copy that may be written to.
    np.testing.assert_array_equal(np.load(cache.folder / "a" / "frames.npy"), frames)
    entry.read("frames")[:] = 0
    np.testing.assert_array_equal(entry.read("frames"), frames)


@given(
    chunks=st.lists(st.integers(0, 5), min_size=1, max_size=8),
    tail=st.lists(st.integers(1, 4), max_size=3),
    dtype=st.sampled_from(["u1", "<f4", "<f8", "?", "<i2"]),
)
@settings(max_examples=30, deadline=None)
def test_arrays_grow_by_any_pieces(tmp_path_factory, chunks, tail, dtype):
    cache = Cache(tmp_path_factory.mktemp("store"))
    whole = np.random.default_rng(0).integers(0, 2, (sum(chunks), *tail)).astype(dtype)
    with cache.write("a") as entry:
        for piece in np.split(whole, np.cumsum(chunks)[:-1]):
            entry.append("x", piece)
    back = cache.find("a").read("x")
    assert back.dtype == whole.dtype
    np.testing.assert_array_equal(back, whole)


def test_rows_that_are_not_contiguous_are_stored_right(cache):
    frames = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    with cache.write("a") as entry:
        entry.append("x", frames[:, ::-1, ::2])
    np.testing.assert_array_equal(cache.find("a").read("x"), frames[:, ::-1, ::2])


def append_all(cache: Cache, key: str, pieces, then=lambda: None) -> None:
    """Write an entry from pieces, and do something before it is closed."""
    with cache.write(key) as entry:
        for piece in pieces:
            entry.append("x", piece)
        then()


def test_rows_of_another_shape_or_type_are_refused(cache):
    for wrong in (np.zeros((1, 4), np.uint8), np.zeros((1, 3), np.float32)):
        with pytest.raises(ValueError, match=r"\(3,\) uint8 expected"):
            append_all(cache, "a", [np.zeros((1, 3), np.uint8), wrong])
    assert names(cache) == set()


def flip(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


DAMAGE = {
    "a flipped bit": lambda entry: flip(entry / "frames.npy", -3),
    "a flipped bit in the last byte of another array": lambda entry: flip(entry / "time.npy", -1),
    "a shorter file": lambda entry: os.truncate(entry / "frames.npy", 180),
    "an empty file": lambda entry: os.truncate(entry / "frames.npy", 0),
    "a missing array": lambda entry: (entry / "frames.npy").unlink(),
    "missing meta data": lambda entry: (entry / "meta.json").unlink(),
    "empty meta data": lambda entry: (entry / "meta.json").write_text(""),
    "meta data that are no mapping": lambda entry: (entry / "meta.json").write_text("[1]"),
    "meta data without arrays": lambda entry: (entry / "meta.json").write_text("{}"),
    "another shape in the header": lambda entry: (entry / "frames.npy").write_bytes(
        (entry / "frames.npy").read_bytes().replace(b"(7, 3, 4, 2)", b"(7, 4, 3, 2)")
    ),
    "another type in the header": lambda entry: (entry / "time.npy").write_bytes(
        (entry / "time.npy").read_bytes().replace(b"<f8", b"<i8")
    ),
}


@pytest.mark.parametrize("harm", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_entry_is_seen_removed_and_made_again(cache, harm):
    make(cache)
    harm(cache.folder / "a")
    assert cache.find("a") is None
    assert names(cache) == set()
    frames = make(cache, seed=1)
    np.testing.assert_array_equal(cache.find("a").read("frames"), frames)


@pytest.mark.parametrize("kind", [RuntimeError, KeyboardInterrupt, GeneratorExit])
def test_an_interrupted_write_leaves_nothing(cache, kind):
    def interrupt():
        assert len(names(cache)) == 1
        raise kind

    with pytest.raises(kind):
        append_all(cache, "a", [np.zeros((4, 2))], interrupt)
    assert names(cache) == set()
    assert cache.find("a") is None


def fail_writing(monkeypatch, number):
    """Every write of array rows fails from now on."""
    from gait import cache as module

    def fail(self, rows):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(module._GrowingArray, "append", fail)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_named(cache, monkeypatch, number):
    fail_writing(monkeypatch, number)
    with pytest.raises(DiskFullError, match=r"disk is full.*--cache"):
        make(cache)
    assert names(cache) == set()


def test_another_failure_of_the_disk_is_not_called_full(cache, monkeypatch):
    fail_writing(monkeypatch, errno.EIO)
    with pytest.raises(OSError, match="Input/output") as caught:
        make(cache)
    assert not isinstance(caught.value, DiskFullError)
    assert names(cache) == set()


@pytest.fixture
def small_disk(tmp_path):
    with mounted_disk(tmp_path / "disk") as folder:
        yield folder


@pytest.mark.parametrize("rows", [1, 100, 4000, 70_000], ids="{} rows at a time".format)
def test_a_disk_that_is_really_full(small_disk, rows):
    cache = Cache(small_disk / "store")
    make(cache, "small")
    pieces = [np.ones((rows, 4), np.uint8)] * -(-300_000 // (4 * rows))
    with pytest.raises(DiskFullError):
        append_all(cache, "large", pieces)
    assert names(cache) == {"small"}
    assert cache.find("small") is not None
    make(cache, "another")
    assert cache.find("another") is not None


def test_a_disk_that_is_full_when_the_last_rows_leave_the_buffer(small_disk):
    cache = Cache(small_disk / "store")

    def fill_up():
        with (small_disk / "filler").open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))

    with pytest.raises(DiskFullError):
        append_all(cache, "a", [np.ones((10, 4), np.uint8)], fill_up)
    assert names(cache) == set()


def test_two_writers_of_the_same_key(cache):
    with cache.write("a") as first, cache.write("a") as second:
        first.append("x", np.arange(3))
        second.append("x", np.arange(3))
    assert names(cache) == {"a"}
    np.testing.assert_array_equal(cache.find("a").read("x"), np.arange(3))


def test_many_threads_write_the_same_keys(cache):
    def work(seed):
        for i in np.random.default_rng(seed).permutation(6):
            make(cache, f"k{i}", seed=i)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names(cache) == {f"k{i}" for i in range(6)}
    for i in range(6):
        assert cache.find(f"k{i}").length("frames") == 7


def use_at(cache, key, seconds):
    os.utime(cache.folder / key / "meta.json", (seconds, seconds))


def size_of(cache, key):
    return sum(file.stat().st_size for file in (cache.folder / key).iterdir())


def test_pruning_removes_what_was_used_longest_ago(cache):
    for i, key in enumerate("cabd"):
        make(cache, key)
        use_at(cache, key, 1000 + i)
    cache.limit_bytes = 2 * size_of(cache, "a")
    assert cache.prune(started=5000) == size_of(cache, "b") * 2
    assert names(cache) == {"b", "d"}
    assert cache.prune(started=5000) == 0


def test_finding_an_entry_is_using_it(cache):
    for i, key in enumerate("abc"):
        make(cache, key)
        use_at(cache, key, 1000 + i)
    cache.find("a")
    cache.limit_bytes = size_of(cache, "a")
    cache.prune(started=time.time() + 60)
    assert names(cache) == {"a"}


def test_pruning_keeps_what_this_run_uses_even_above_the_limit(cache):
    make(cache, "old")
    make(cache, "found")
    use_at(cache, "old", 1000)
    use_at(cache, "found", 1000)
    started = time.time()
    cache.find("found")
    make(cache, "new")
    cache.limit_bytes = 0
    assert cache.prune(started) > 0
    assert names(cache) == {"found", "new"}


def test_pruning_leaves_alone_what_is_not_its_own(cache):
    make(cache)
    (cache.folder / "notes.txt").write_text("mine")
    (cache.folder / ".part-notes").mkdir()
    with cache.write("half") as entry:
        entry.append("x", np.zeros(9))
        cache.limit_bytes = 0
        cache.prune(started=time.time() + 60)
    assert {"notes.txt", ".part-notes", "half"} == names(cache)


def test_pruning_a_store_that_is_not_there(tmp_path):
    assert Cache(tmp_path / "none").prune(0) == 0


def test_stale_parts_go_and_fresh_ones_stay(cache):
    for name in (".part-123-abc", ".part-456-def"):
        (cache.folder / name).mkdir(parents=True)
    long_ago = time.time() - 2 * 86_400
    os.utime(cache.folder / ".part-123-abc", (long_ago, long_ago))
    cache.discard_parts()
    assert names(cache) == {".part-456-def"}


def _write_half_and_die(store: Cache) -> None:
    writer = store.write("a")
    entry = writer.__enter__()
    entry.append("x", np.zeros(100_000))
    os._exit(1)


def test_a_session_clears_up_behind_workers_that_die(cache):
    make(cache)
    other = cache.folder / ".part-1-other"
    other.mkdir()
    with cache.session() as store:
        worker = multiprocessing.get_context("spawn").Process(target=_write_half_and_die, args=(store,))
        worker.start()
        worker.join()
        assert worker.exitcode == 1
        assert len(names(cache)) == 3
    assert names(cache) == {"a", ".part-1-other"}


def test_sessions_do_not_disturb_each_other(cache):
    with cache.session() as first, first.write("a") as entry:
        with cache.session() as second:
            make(second, "b")
        entry.append("x", np.arange(4))
    assert names(cache) == {"a", "b"}


def test_a_store_travels_to_workers(cache):
    make(cache)
    assert pickle.loads(pickle.dumps(cache)).find("a").length("frames") == 7


def test_keys_depend_on_kind_content_and_settings_and_on_nothing_else():
    base = entry_key("frames", "abc", {"rate": 15.0, "height": 80})
    assert base == entry_key("frames", "abc", {"height": 80, "rate": 15.0})
    others = {
        entry_key("pose", "abc", {"rate": 15.0, "height": 80}),
        entry_key("frames", "abd", {"rate": 15.0, "height": 80}),
        entry_key("frames", "abc", {"rate": 15.5, "height": 80}),
        entry_key("frames", "abc", {"rate": 15.0}),
    }
    assert len(others | {base}) == 5
    assert base.startswith("frames-")


def test_content_hash(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"walk" * 100_000)
    assert content_hash(path) == hashlib.sha256(b"walk" * 100_000).hexdigest()


def test_the_folder_comes_from_the_environment_or_the_user(tmp_path, monkeypatch):
    monkeypatch.setenv("GAITMOOD_CACHE", str(tmp_path / "x"))
    assert Cache().folder == tmp_path / "x"
    monkeypatch.delenv("GAITMOOD_CACHE")
    assert "gaitmood" in str(default_folder())


def test_meta_data_hold_the_checksums(cache):
    make(cache)
    meta = json.loads((cache.folder / "a" / "meta.json").read_text())
    assert meta["arrays"]["frames"]["shape"] == [7, 3, 4, 2]
    assert set(meta["arrays"]) == {"frames", "time"}
