"""What frames come from: files, folders, numbered pictures, cameras, addresses; and writing with times."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from conftest import moving_square
from videofiles import number_of, numbered, write_frames, write_numbered

from gait.errors import GaitmoodError, NothingUsableError, VideoError
from gait.sources import Source, find_pictures, find_sources
from gait.video import FrameSize, VideoWriter, open_video


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def read(source):
    with source.open() as reader:
        found = [(seconds, number_of(frame)) for seconds, frame in reader]
    return found, reader


def test_words_for_sources():
    write_numbered(Path("v.mp4"), 3)
    assert [s.kind for s in find_sources("v.mp4")] == ["file"]
    assert find_sources("0")[0] == Source("camera 0", "camera", 0)
    assert find_sources("rtsp://host/path")[0].kind == "stream"
    Path("7").write_bytes(Path("v.mp4").read_bytes())
    assert find_sources("7")[0].kind == "file"  # a file comes before a camera's number
    with pytest.raises(GaitmoodError, match="no such file"):
        find_sources("gone.mp4")


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://host:554/path", "rtsp://host:554/path"),
        ("rtsp://user:secret@127.0.0.1:1/x", "rtsp://127.0.0.1:1/x"),
        ("rtsp://user:se%40cr@et@host/x", "rtsp://host/x"),
        ("rtsp://user:se/cr#e?t@[::1]:554/x?key=secret", "rtsp://[::1]:554/x"),
        ("https://host/a@b/walk.m3u8?token=secret&to=a@b#t", "https://host/a@b/walk.m3u8"),
        ("http://host?key=secret", "http://host"),
    ],
)
def test_an_address_is_shown_without_what_is_secret_in_it(address, shown):
    (source,) = find_sources(address)
    assert source == Source(shown, "stream", address)


def test_a_folder_gives_its_videos_by_name_and_hints_at_pictures():
    Path("in/deeper").mkdir(parents=True)
    for name in ("in/b.mp4", "in/a.mp4", "in/deeper/c.mp4"):
        write_numbered(Path(name), 2)
    Path("in/notes.txt").write_text("x")
    assert [source.name for source in find_sources("in")] == ["a.mp4", "b.mp4", "deeper/c.mp4"]
    Path("pictures").mkdir()
    cv2.imwrite("pictures/1.png", numbered(1))
    with pytest.raises(NothingUsableError, match=r"give them as pictures/\*\.png"):
        find_sources("pictures")


def test_pictures_in_the_order_of_their_numbers():
    for number in (9, 10, 8, 100):
        cv2.imwrite(f"shot{number}.png", numbered(number))
        cv2.imwrite(f"shot{number}.jpg", numbered(number))
    cv2.imwrite("shotX.png", numbered(1))
    assert [path.name for path in find_pictures("shot%d.png")] == [f"shot{n}.png" for n in (8, 9, 10, 100)]
    assert [path.name for path in find_pictures("shot1*.png")] == ["shot10.png", "shot100.png"]
    (source,) = find_sources("shot%03d.png", rate=20.0)
    found, reader = read(source)
    assert found == [(pytest.approx(k / 20), n) for k, n in enumerate((8, 9, 10, 100))]
    assert (reader.frames, reader.errors) == (4, 0)


def test_pictures_that_cannot_be_read_are_counted_and_keep_their_time():
    for number in range(4):
        cv2.imwrite(f"é{number}.png", numbered(number))
    Path("é1.png").write_bytes(b"broken")
    Path("é2.png").write_bytes(b"")
    found, reader = read(find_sources("é%d.png", 10.0)[0])
    assert found == [(0.0, 0), (pytest.approx(0.3), 3)]
    assert (reader.frames, reader.errors) == (2, 2)


def test_colours_of_pictures_are_red_green_blue():
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[..., 0] = 255  # blue to OpenCV
    cv2.imwrite("1.png", picture)
    with find_sources("%d.png")[0].open() as reader:
        ((_, frame),) = list(reader)
    assert frame[0, 0].tolist() == [0, 0, 255]


def test_a_frame_fitted_later_is_the_frame_fitted_at_once():
    path = write_frames(Path("v.mp4"), moving_square(6, 96, 64))
    size = FrameSize(30, 25)
    with open_video(path, size) as small, open_video(path) as whole:
        for (_, expected), (_, _) in zip(small, whole, strict=True):
            np.testing.assert_array_equal(whole.fitted(size), expected)


def test_a_camera_that_is_not_there(monkeypatch):
    with (
        pytest.raises(GaitmoodError, match=r"camera 96 cannot be opened.*--camera walk\.mp4"),
        find_sources("96")[0].open(),
    ):
        pass


# --- Writing -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("quick", [False, True])
def test_frames_are_shown_at_their_times(quick):
    frames, times = moving_square(6), [0.0, 0.02, 0.1, 0.1, 0.35, 1.2]
    with VideoWriter("o.mp4", 30, quality=12, quick=quick) as writer:
        for frame, seconds in zip(frames, times, strict=True):
            writer.write(frame, seconds)
    assert writer.frames == 6
    with open_video("o.mp4") as video:
        back = list(video)
    assert [seconds for seconds, _ in back] == pytest.approx(times, abs=2e-3)
    for (_, ours), frame in zip(back, frames, strict=True):
        assert np.abs(ours.astype(int) - frame).mean() < 12


def test_quick_and_thorough_show_the_same_colours():
    frame = np.zeros((64, 64, 3), np.uint8)
    frame[:32, :32], frame[:32, 32:], frame[32:, :32], frame[32:, 32:] = (
        (200, 30, 30),
        (30, 200, 30),
        (30, 30, 200),
        128,
    )
    shown = []
    for quick in (False, True):
        with VideoWriter("o.mp4", 30, quality=5, quick=quick) as writer:
            writer.write(frame)
        with open_video("o.mp4") as video:
            shown.append(next(iter(video))[1].astype(int))
    for corner in ((16, 16), (16, 48), (48, 16), (48, 48)):
        assert np.abs(shown[0][corner] - shown[1][corner]).max() <= 6
        assert np.abs(shown[1][corner] - frame[corner]).max() <= 8


def test_the_index_stands_first_so_that_a_browser_can_start():
    with VideoWriter("o.mp4", 30, quick=True) as writer:
        for frame in moving_square(10):
            writer.write(frame)
    content = Path("o.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    with av.open("o.mp4") as file:
        assert file.streams.video[0].codec_context.pix_fmt == "yuv420p"


def test_frames_that_change_their_size_are_refused_and_nothing_is_left():
    def write():
        with VideoWriter("o.mp4", 30) as writer:
            writer.write(moving_square(1)[0])
            writer.write(moving_square(1)[0][:32])

    with pytest.raises(VideoError, match=r"changes from \(48, 32\) to \(32, 32\)"):
        write()
    assert list(Path().iterdir()) == []
