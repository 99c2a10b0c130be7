"""From samples to clips: through worker processes, the cache, and whatever goes wrong."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from videofiles import (
    damage,
    map_here,
    mounted_disk,
    number_of,
    numbered,
    write_frames,
    write_long,
    write_numbered,
    write_sound,
)

from gait.cache import Cache
from gait.clips import nearest_frames
from gait.errors import DiskFullError, GaitmoodError
from gait.labels import Sample
from gait.preprocess import ClipPreprocess, choose_frame_size, restore, walks
from gait.video import FrameSize, open_video

ROOT = Path(__file__).parents[1]
HOW = ClipPreprocess(length=7, rate=10.0, height=24, width=40)


@pytest.fixture
def cache(tmp_path) -> Cache:
    return Cache(tmp_path / "store")


@pytest.fixture
def _here(monkeypatch):
    """Work in this process, where it can be patched, and faster."""
    monkeypatch.setattr("gait.preprocess.walks.map_items", map_here)


def sample(path: Path) -> Sample:
    return Sample(path, path.name, "happy")


def entries(cache: Cache) -> list[str]:
    """What lies in the cache beside fingerprints, which are made on the way."""
    names = (path.name for path in cache.folder.iterdir())
    return sorted(name for name in names if not name.startswith("fingerprint-"))


@pytest.mark.usefixtures("_here")
def test_clips_are_the_frames_that_direct_decoding_gives(tmp_path, cache):
    stamps = np.cumsum([0, *np.random.default_rng(0).integers(10, 90, 59)])
    path = write_frames(tmp_path / "a.mp4", [numbered(i) for i in range(60)], stamps.tolist())
    (walk,) = HOW.prepare([sample(path)], cache).walks
    with open_video(path, FrameSize(24, 40)) as video:
        times, frames = zip(*video, strict=True)
    chosen = nearest_frames(np.array(times), 10.0)
    assert HOW.frames(walk) == len(chosen)
    starts = HOW.starts(walk)
    assert starts[-1] == len(chosen) - 7
    for start in starts:
        clip = HOW.read(walk, start)
        assert clip.shape == HOW.input_shape == (7, 24, 40, 3)
        assert clip.dtype == np.uint8
        for shot, index in zip(clip, chosen[start : start + 7], strict=True):
            # 48 x 64 into 24 x 40: the aspect ratio is kept, black on both sides.
            np.testing.assert_array_equal(shot[:, 4:36], frames[index])
            assert shot[:, :4].max() == shot[:, 36:].max() == 0


def test_a_model_sees_the_frames_or_what_moves_in_them():
    stored = np.random.default_rng(0).integers(0, 256, (2, 7, 24, 40, 3)).astype(np.uint8)
    as_they_are = replace(HOW, background="keep").to_input(stored)
    assert as_they_are.dtype == np.float32
    np.testing.assert_allclose(as_they_are * 255, stored, atol=1e-4)
    moving = HOW.to_input(stored)
    assert moving.dtype == np.float32
    np.testing.assert_allclose(moving[1] * 255, stored[1] - stored[1].mean(axis=0), atol=1e-3)
    still = np.broadcast_to(stored[:, :1], stored.shape)
    np.testing.assert_allclose(HOW.to_input(still), 0, atol=1e-6)


@pytest.mark.usefixtures("_here")
def test_a_short_walk_is_looped_and_a_stretched_clip_skips(tmp_path, cache):
    short = write_numbered(tmp_path / "short.mp4", 15)  # 0.47 s: five frames at 10 a second
    long = write_numbered(tmp_path / "long.mp4", 60)
    first, second = HOW.prepare([sample(short), sample(long)], cache).walks
    numbers = [number_of(shot[:, 4:36]) for shot in HOW.read(first, 0)]
    assert numbers == [0, 3, 6, 9, 12, 0, 3]
    assert [number_of(shot[:, 4:36]) for shot in HOW.read(second, 2, 1.5)] == [6, 9, 15, 18, 24, 27, 33]
    # Past the end it goes on from the start.
    assert [number_of(shot[:, 4:36]) for shot in HOW.read(second, 18)] == [54, 57, 0, 3, 6, 9, 12]


def test_settings_survive_a_round_trip():
    how = ClipPreprocess(length=16, rate=12.5, height=64, width=36)
    settings = json.loads(json.dumps(how.settings()))
    assert restore(settings) == how
    assert settings["kind"] == "clips"


@pytest.mark.parametrize(
    "settings",
    [
        {"kind": "holograms"},
        {},
        {"kind": "clips", "length": 30, "colour": "red"},
    ],
)
def test_settings_of_another_version_are_refused(settings):
    with pytest.raises(GaitmoodError, match="preprocessing"):
        restore(settings)


def sized(path: Path, height: int, width: int) -> Path:
    return write_frames(path, [np.full((height, width, 3), 99, np.uint8)] * 2)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([(160, 90)] * 3, (80, 45)),
        ([(90, 160)] * 3, (45, 80)),
        ([(64, 64)], (80, 80)),
        # Most decide: the median of 9/16, 9/16 and 16/9.
        ([(160, 90), (90, 160), (160, 90)], (80, 45)),
    ],
)
def test_the_frame_size_fits_most_videos(tmp_path, sizes, expected):
    paths = [sized(tmp_path / f"{i}.mp4", *size) for i, size in enumerate(sizes)]
    assert choose_frame_size(paths) == FrameSize(*expected)
    assert choose_frame_size(paths, long_side=40) == FrameSize(expected[0] // 2, round(expected[1] / 2))


def test_the_frame_size_survives_unreadable_files(tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    assert choose_frame_size([broken, sized(tmp_path / "a.mp4", 90, 160), broken]) == FrameSize(45, 80)
    assert choose_frame_size([broken]) == FrameSize(80, 45)


def test_the_frame_size_looks_at_a_few_of_many(tmp_path, monkeypatch):
    path = sized(tmp_path / "a.mp4", 160, 90)
    looked = []
    monkeypatch.setattr(
        "gait.preprocess.clips._first_frame_size", lambda p: looked.append(p) or FrameSize(160, 90)
    )
    choose_frame_size([path] * 1000, look_at=25)
    assert len(looked) == 25


@pytest.mark.usefixtures("_here")
def test_a_walk_under_two_names_is_stored_once(tmp_path, cache):
    one = write_numbered(tmp_path / "one.mp4", 20)
    two = tmp_path / "two.mp4"
    two.write_bytes(one.read_bytes())
    prepared = HOW.prepare([sample(one), sample(two)], cache)
    assert len(entries(cache)) == 1
    first, second = prepared.walks
    assert first.content == second.content
    np.testing.assert_array_equal(HOW.read(first, 0), HOW.read(second, 0))


@pytest.mark.usefixtures("_here")
def test_another_size_or_rate_is_another_entry_another_length_is_not(tmp_path, cache):
    walk = sample(write_numbered(tmp_path / "a.mp4", 20))
    for how in (
        HOW,
        ClipPreprocess(9, 10.0, 24, 40),
        ClipPreprocess(7, 5.0, 24, 40),
        ClipPreprocess(7, 10.0, 40, 24),
    ):
        assert len(how.prepare([walk], cache).walks) == 1
    assert len(entries(cache)) == 3


@pytest.fixture(scope="module")
def mixed(tmp_path_factory) -> list[Sample]:
    """Good walks of several lengths among files that cannot be used."""
    folder = tmp_path_factory.mktemp("mixed")
    for i, count in enumerate((60, 15, 100, 30)):
        write_frames(folder / f"walk{i}.mp4", [numbered((n + i) % 256) for n in range(count)])
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("not a video")
    (folder / "dangling.mp4").symlink_to(folder / "nothing.mp4")
    write_numbered(folder / "one frame.mp4", 1)
    write_sound(folder / "sound.mp4")
    damage(write_numbered(folder / "damaged 歩.mp4", 60), [30])
    return [sample(path) for path in sorted(folder.iterdir(), reverse=True)]


def test_what_cannot_be_used_is_named_with_the_reason_and_order_is_kept(mixed, cache):
    prepared = HOW.prepare(mixed, cache, jobs=2)
    good = ["walk3.mp4", "walk2.mp4", "walk1.mp4", "walk0.mp4", "damaged 歩.mp4"]
    assert [walk.sample.name for walk in prepared.walks] == good
    assert [name for name, _ in prepared.left_out] == [
        "text.mp4",
        "sound.mp4",
        "one frame.mp4",
        "empty.mp4",
        "dangling.mp4",
    ]
    reasons = dict(prepared.left_out)
    assert reasons["empty.mp4"] == "the file is empty (0 bytes)"
    assert reasons["text.mp4"].startswith("not a readable video")
    assert "audio" in reasons["sound.mp4"]
    assert reasons["one frame.mp4"].startswith("too short: 1 frame decoded")
    assert reasons["dangling.mp4"] == "cannot be read (No such file or directory)"
    (note,) = prepared.notes
    assert note.startswith("damaged 歩.mp4: 1 damaged")
    assert not [name for name in entries(cache) if name.startswith(".part")]


def test_one_worker_and_two_give_the_same(mixed, tmp_path):
    results = []
    for jobs in (1, 2):
        prepared = HOW.prepare(mixed, Cache(tmp_path / f"store{jobs}"), jobs)
        clips = [HOW.read(walk, start) for walk in prepared.walks for start in HOW.starts(walk)]
        results.append((prepared.left_out, prepared.notes, [w.content for w in prepared.walks], clips))
    assert results[0][:3] == results[1][:3]
    for one, two in zip(results[0][3], results[1][3], strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.usefixtures("_here")
def test_a_file_that_may_not_be_read_is_left_out(tmp_path, cache, monkeypatch):
    walk = sample(write_numbered(tmp_path / "locked.mp4", 20))

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("gait.preprocess.walks.content_hash", refuse)
    prepared = HOW.prepare([walk], cache)
    assert prepared.walks == ()
    assert prepared.left_out == (("locked.mp4", "cannot be read (Permission denied)"),)


@pytest.mark.usefixtures("_here")
def test_a_second_time_nothing_is_decoded_and_damage_is_repaired(tmp_path, cache, monkeypatch):
    from gait import clips

    decoded = []
    real = clips.store_frames
    monkeypatch.setattr(
        clips, "store_frames", lambda path, *rest: decoded.append(path.name) or real(path, *rest)
    )
    samples = [
        sample(write_frames(tmp_path / f"{i}.mp4", [numbered(i + n) for n in range(20)])) for i in range(3)
    ]
    first = HOW.prepare(samples, cache)
    before = [HOW.read(walk, 0) for walk in first.walks]
    assert decoded == ["0.mp4", "1.mp4", "2.mp4"]
    HOW.prepare(samples, cache)
    assert len(decoded) == 3
    frames = first.walks[1].entry.folder / "frames.npy"
    content = bytearray(frames.read_bytes())
    content[-100] ^= 255
    frames.write_bytes(content)
    again = HOW.prepare(samples, cache)
    assert decoded[3:] == ["1.mp4"]
    for walk, clip in zip(again.walks, before, strict=True):
        np.testing.assert_array_equal(HOW.read(walk, 0), clip)


@pytest.mark.usefixtures("_here")
def test_the_order_of_a_cached_and_a_new_walk_is_that_of_the_samples(tmp_path, cache):
    old, new = (sample(write_frames(tmp_path / f"{n}.mp4", [numbered(n)] * 20)) for n in (1, 2))
    HOW.prepare([old], cache)
    assert [walk.sample for walk in HOW.prepare([new, old], cache).walks] == [new, old]


def test_no_samples(cache):
    assert HOW.prepare([], cache).walks == ()


@pytest.fixture(scope="module")
def long(tmp_path_factory) -> Path:
    """A walk that takes seconds to read."""
    folder = tmp_path_factory.mktemp("long")
    return write_long(folder / "long.mp4", write_numbered(folder / "short.mp4", 200), 40)


def test_a_walk_over_the_time_limit_is_left_out_with_nothing_half_written(tmp_path, cache, monkeypatch):
    # Far apart, so that a busy machine does not change the outcome: hundredths of a second, and half a minute.
    monkeypatch.setattr("gait.preprocess.walks.TIME_LIMIT", 2.0)
    short = write_numbered(tmp_path / "a.mp4", 20)
    endless = write_long(tmp_path / "endless.mp4", write_numbered(tmp_path / "b.mp4", 200), 400)
    prepared = HOW.prepare([sample(short), sample(endless)], cache, jobs=2)
    assert [walk.sample.name for walk in prepared.walks] == ["a.mp4"]
    assert prepared.left_out == (("endless.mp4", "took longer than 2 s"),)
    assert len(entries(cache)) == 1


def parts(folder: Path) -> list[Path]:
    return [path for path in folder.glob(".part-*/frames.npy") if path.stat().st_size]


def wait_for(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come in time"
        time.sleep(0.01)


def test_a_worker_that_dies_leaves_nothing_half_written(long, cache):
    def kill():
        wait_for(lambda: parts(cache.folder))
        for worker in multiprocessing.active_children():
            os.kill(worker.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    prepared = HOW.prepare([sample(long)], cache, jobs=1)
    killer.join()
    assert "died" in dict(prepared.left_out)["long.mp4"]
    assert entries(cache) == []


def test_a_full_disk_stops_everything_and_leaves_nothing_half_written(tmp_path, long):
    short = write_numbered(tmp_path / "short.mp4", 20)
    with mounted_disk(tmp_path / "disk") as disk:
        cache = Cache(disk / "store")
        with pytest.raises(DiskFullError, match="disk is full"):
            HOW.prepare([sample(long), sample(short), sample(long)], cache, jobs=2)
        assert not [name for name in entries(cache) if name.startswith(".part")]
        assert len(HOW.prepare([sample(short)], cache).walks) == 1


SCRIPT = """
    import sys
    from pathlib import Path
    from gait.cache import Cache
    from gait.labels import Sample
    from gait.options import run_script
    from gait.preprocess import ClipPreprocess

    def main(paths):
        samples = [Sample(Path(path), Path(path).name, "happy") for path in paths]
        ClipPreprocess(7, 10.0, 24, 40).prepare(samples, Cache(), jobs=2)
        return 0

    if __name__ == "__main__":
        run_script(main)
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_leaves_nothing_half_written_and_the_next_run_goes_on(tmp_path, long, cache):
    done = write_numbered(tmp_path / "done.mp4", 20)
    (tmp_path / "script.py").write_text(textwrap.dedent(SCRIPT))
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "script.py"), str(done), str(long)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "GAITMOOD_CACHE": str(cache.folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_for(lambda: parts(cache.folder) and list(cache.folder.glob("frames-*")))
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Interrupted" in out
    assert "Traceback" not in err
    (finished,) = entries(cache)
    assert finished.startswith("frames-")
    stamp = (cache.folder / finished / "frames.npy").stat().st_mtime_ns
    prepared = HOW.prepare([sample(done), sample(long)], cache, jobs=2)
    assert len(prepared.walks) == 2
    assert prepared.walks[0].entry.folder.name == finished
    assert (cache.folder / finished / "frames.npy").stat().st_mtime_ns == stamp
    assert HOW.frames(prepared.walks[1]) == pytest.approx(8000 / 3, abs=1)


def test_many_remarks_that_differ_in_numbers_only_become_one_and_no_walk_is_lost():
    remarks = {f"w{i}.mp4": [f"left and right put right in {7 * i + 1} of 240 frames"] for i in range(5)}
    remarks |= {name: [f"seen for {seconds} s"] for name, seconds in (("a", 0.5), ("b", 0.5), ("c", 1.25))}
    assert walks._notes(remarks) == [
        "a, b (2 walks): seen for 0.5 s",
        "c: seen for 1.25 s",
        "w0.mp4, w1.mp4, w2.mp4, w3.mp4, w4.mp4 (5 walks): left and right put right in 1 to 29 of 240 frames",
    ]
    remarks |= {
        "d": ["seen for 10.0 s"],
        "e": ["seen for 9 s"],
        "f": ["seen for 2.5 s"],
        "g": ["seen for 3.5 s"],
    }
    assert "a, b, c, d, e, f, g (7 walks): seen for 0.5 to 10.0 s" in walks._notes(remarks)
