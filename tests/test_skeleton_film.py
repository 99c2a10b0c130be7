"""A walk as a moving skeleton: pictures in step with time and video, files that can be read, and the command."""

from __future__ import annotations

import subprocess
import sys
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from keypoint_walks import hide, walker, write_gaits
from PIL import Image
from small_walks import Ran
from videofiles import number_of, numbered, write_frames, write_numbered

from display.animation import write_animation, write_gif
from display.skeleton import main
from display.skeleton_3d import Film, film_frames, steady_rows
from gait.drawing import LEFT, RIGHT
from gait.errors import GaitmoodError, VideoError
from gait.options import run_script
from gait.pose.store import save_npz
from gait.skeleton import convert, find_layout
from gait.video import FrameSize, open_video
from synthesis.poses import true_poses
from synthesis.walks import make_walk

ROOT = Path(__file__).parents[1]
SIZE = FrameSize(96, 78)
FILES = ROOT / "tests" / "files"


def run(capsys, *arguments: object) -> Ran:
    """The command, in this process."""
    before, sys.argv = sys.argv, ["skeleton", *map(str, arguments)]
    capsys.readouterr()
    try:
        run_script(main)
    except SystemExit as end:
        code = end.code
    finally:
        sys.argv = before
    printed = capsys.readouterr()
    return Ran(code, printed.out, printed.err)


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def short(frames: int = 12, **changes):
    """The first frames of a walk."""
    whole = walker()
    arrays = {n: getattr(whole, n)[:frames] for n in ("world", "image", "visibility", "root", "time")}
    return replace(whole, **(arrays | {"observed": None, "mended": None, "unique": None} | changes))


def read_gif(path: Path) -> tuple[list[np.ndarray], list[int]]:
    """Pictures, and for how many milliseconds each stands."""
    with Image.open(path) as gif:
        pictures, stand = [], []
        for number in range(gif.n_frames):
            gif.seek(number)
            pictures.append(np.asarray(gif.convert("RGB")))
            stand.append(gif.info["duration"])
    return pictures, stand


def read_mp4(path: Path) -> tuple[list[np.ndarray], list[float]]:
    with open_video(path) as video:
        times, frames = zip(*video, strict=True)
    return list(frames), list(times)


# --- Which pictures, when ----------------------------------------------------------------------------------


def test_a_steady_walk_is_shown_frame_by_frame():
    time = 5 + np.arange(41) / 24
    rows, rate = steady_rows(time)
    assert rows.tolist() == list(range(41))
    assert rate == pytest.approx(24)


def test_a_fast_walk_is_thinned_out_and_as_long():
    rows, rate = steady_rows(np.arange(241) / 120, most=50)
    assert rate == 50
    assert len(rows) == 101
    np.testing.assert_allclose(rows / 120, np.arange(101) / 50, atol=1 / 240 + 1e-9)


def test_uneven_steps_play_as_fast_as_they_were():
    time = np.cumsum(np.random.default_rng(0).choice([0.03, 0.03, 0.03, 0.07, 0.4], 60))
    rows, rate = steady_rows(time)
    instants = time[0] + np.arange(len(rows)) / rate
    assert abs(instants[-1] - time[-1]) <= 0.5 / rate
    assert rows.tolist() == [int(np.abs(time - now).argmin()) for now in instants]


def test_one_row_is_one_picture():
    rows, rate = steady_rows(np.array([3.0]))
    assert rows.tolist() == [0]
    assert rate > 0


def test_the_walker_stays_in_the_middle_and_the_scale_the_same():
    sequence = walker(view="left")
    film = Film(sequence, FrameSize(300, 240))
    hips = list(find_layout(sequence.layout).hips)
    for t in (0, 20, 50):
        pixels, _ = film.view(t).project(film.joints[t, hips].mean(axis=0), film.size)
        assert pixels[0] == pytest.approx(120, abs=1)
        assert film.view(t).span == film.view(0).span


def test_the_camera_goes_round_at_the_asked_speed():
    film = Film(walker(), SIZE, azimuth=10, orbit=90)
    assert film.view(0).azimuth == 10
    assert film.view(30).azimuth == pytest.approx(100)
    still = Film(walker(), SIZE, azimuth=10)
    assert still.view(30).azimuth == 10


def test_time_and_marks_are_written_into_the_picture():
    size, rows = FrameSize(240, 200), 8
    sequence = short(rows, mended=np.arange(rows) == 3, observed=np.arange(rows) != 5)
    pictures = [Film(sequence, size).picture(row) for row in range(rows)]
    corner = [picture[-25:, :60].astype(int) for picture in pictures]
    assert (np.abs(corner[0] - corner[1]) > 60).any()
    top = [(picture[:20, 110:].astype(int) != pictures[0][:20, 110:]).any() for picture in pictures]
    assert [row for row in range(rows) if top[row]] == [3, 5]
    later = replace(sequence, time=sequence.time + 100)
    assert (Film(later, size).picture(2) == pictures[2]).all()


def test_a_frame_without_joints_says_so_and_shows_no_limb():
    film = Film(hide(short(), slice(4, 6)), FrameSize(240, 200))
    body = film.picture(4)[30:]  # below the legend
    for colour in (LEFT, RIGHT):
        assert not (body == colour).all(axis=-1).any()
    assert (film.picture(3)[30:] == LEFT).all(axis=-1).any()
    assert (film.picture(4)[:25, 100:] != film.picture(3)[:25, 100:]).any()


# --- Beside the video --------------------------------------------------------------------------------------


@pytest.mark.parametrize("milliseconds", [None, [0, 20, 40, 100, 110, 160, 170, 250, 270, 290, 310, 330]])
def test_every_picture_stands_beside_its_frame(tmp_path, milliseconds):
    frames = [numbered(i, 48, 64) for i in range(12)]
    video = write_frames(tmp_path / "a.mp4", frames, milliseconds)
    time = np.arange(12) / 30 if milliseconds is None else np.array(milliseconds) / 1000
    film, rows = Film(short(time=time), SIZE), np.array([0, 1, 2, 5, 5, 7, 11])
    pictures = list(film_frames(film, rows, video))
    assert {picture.shape for picture in pictures} == {(96, 128 + 78, 3)}
    assert [number_of(picture[:, :128]) for picture in pictures] == rows.tolist()
    for picture, row in zip(pictures, rows, strict=True):
        assert (picture[:, 128:] == film.picture(row)).all()


def test_a_video_at_half_the_rate_shows_each_frame_twice_and_its_last_to_the_end(tmp_path):
    video = write_numbered(tmp_path / "a.mp4", 4, rate=15)
    film = Film(short(time=np.arange(12) / 30), SIZE)
    shown = [number_of(picture[:, :128]) for picture in film_frames(film, np.arange(12), video)]
    assert shown == [0, 0, 1, 1, 2, 2, 3, 3, 3, 3, 3, 3]


def test_at_another_rate_the_nearest_frame_stands_beside(tmp_path):
    video = write_numbered(tmp_path / "a.mp4", 12, rate=30)
    film = Film(short(9, time=np.arange(9) / 25), SIZE)
    shown = [number_of(picture[:, :128]) for picture in film_frames(film, np.arange(9), video)]
    assert shown == [0, 1, 2, 4, 5, 6, 7, 8, 10]


@pytest.mark.parametrize(("height", "width", "wide"), [(120, 40, 32), (40, 400, 192)])
def test_videos_of_any_shape_stand_beside_in_one_height(tmp_path, height, width, wide):
    video = write_frames(tmp_path / "a.mp4", [numbered(i, height, width) for i in range(12)])
    pictures = list(film_frames(Film(short(), SIZE), np.arange(12), video))
    assert {picture.shape for picture in pictures} == {(96, wide + 78, 3)}
    assert number_of(pictures[5][40:56, :wide]) == 5


# --- Files -------------------------------------------------------------------------------------------------


def colour_pictures(count: int) -> list[np.ndarray]:
    """Pictures (24, 40, 3) with a square in one of our colours that moves by two columns a picture."""
    pictures = np.full((count, 24, 40, 3), 250, np.uint8)
    for i in range(count):
        pictures[i, 6:14, 2 * i % 30 : 2 * i % 30 + 8] = (LEFT, RIGHT)[i % 2]
    return list(pictures)


@pytest.mark.parametrize("rate", [10, 12.5, 24, 30, 50])
def test_a_gif_holds_every_picture_for_as_long_as_asked(tmp_path, rate):
    pictures = colour_pictures(13)
    path = tmp_path / "a.gif"
    assert write_gif(path, iter(pictures), rate, pictures) == 13
    found, stand = read_gif(path)
    assert len(found) == 13
    assert sum(stand) == pytest.approx(1000 * 13 / rate, abs=10)
    assert max(stand) - min(stand) <= 10
    for picture, expected in zip(found, pictures, strict=True):
        assert np.abs(picture.astype(int) - expected).max() <= 8


def test_a_gif_too_fast_for_browsers_is_refused(tmp_path):
    with pytest.raises(GaitmoodError, match="at most 50 pictures a second, asked for 60"):
        write_gif(tmp_path / "a.gif", colour_pictures(2), 60, colour_pictures(2))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.gif", "a.mp4", "pictures"])
def test_pictures_are_written_one_by_one_and_none_is_kept(tmp_path, name):
    alive: list[weakref.ref] = []
    most = 0

    def frames():
        nonlocal most
        for picture in colour_pictures(1) * 60:
            fresh = picture.copy()
            alive.append(weakref.ref(fresh))
            yield fresh
            del fresh
            most = max(most, sum(one() is not None for one in alive))

    assert write_animation(tmp_path / name, frames(), 25, colour_pictures(1)) == 60
    assert most <= 2


@pytest.mark.parametrize("name", ["a.gif", "a.mp4"])
def test_an_animation_that_fails_leaves_nothing_and_keeps_what_was_there(tmp_path, name):
    def frames():
        yield from colour_pictures(5)
        raise RuntimeError("the picture's painter fell ill")

    path = tmp_path / name
    path.write_bytes(b"older")
    with pytest.raises(RuntimeError, match="fell ill"):
        write_animation(path, frames(), 25, colour_pictures(1))
    assert path.read_bytes() == b"older"
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["a.gif", "a.mp4", "pictures"])
def test_no_pictures_are_refused(tmp_path, name):
    with pytest.raises(VideoError, match="no frames to write"):
        write_animation(tmp_path / name, [], 25, colour_pictures(1))
    assert not (tmp_path / name).is_file()


# --- The command -------------------------------------------------------------------------------------------


def test_a_keypoint_file_becomes_an_mp4_of_as_many_pictures_at_its_rate(here, capsys):
    save_npz(short(20, time=np.arange(20) / 24), here / "walk.npz")
    done = run(capsys, "walk.npz", "--height", 96)
    assert (done.code, done.err.count("error")) == (0, 0)
    assert "Written walk-skeleton.mp4: 20 pictures, 24 a second." in done.out
    frames, times = read_mp4(here / "walk-skeleton.mp4")
    assert len(frames) == 20
    np.testing.assert_allclose(times, np.arange(20) / 24, atol=1e-3)
    assert frames[0].shape == (96, 76, 3)  # H.264 drops an odd column
    blue = (np.abs(frames[4].astype(int) - LEFT) < 40).all(axis=-1)
    assert blue.sum() > 20


def test_the_video_of_the_same_name_stands_beside_unless_told_otherwise(here, capsys):
    save_npz(short(), here / "walk.npz")
    write_numbered(here / "walk.mp4", 12)
    write_numbered(here / "other.mov", 12)
    assert run(capsys, "walk.npz", "--height", 96, "--output", "both").code == 0
    assert run(capsys, "walk.npz", "--height", 96, "--output", "one", "--alone").code == 0
    assert run(capsys, "walk.npz", "--height", 96, "--output", "named", "--video", "other.mov").code == 0
    both, one, named = (sorted((here / name).iterdir()) for name in ("both", "one", "named"))
    assert [path.name for path in both] == [f"{i:04d}.png" for i in range(1, 13)]
    sizes = [Image.open(pictures[0]).size for pictures in (both, one, named)]
    assert sizes == [(205, 96), (77, 96), (205, 96)]
    assert [number_of(np.asarray(Image.open(path))[:, :128]) for path in both] == list(range(12))


def test_a_gif_of_a_fast_walk_keeps_its_length(here, capsys):
    save_npz(short(time=np.arange(12) / 100), here / "walk.npz")
    done = run(capsys, "walk.npz", "--height", 96, "--output", "a.gif")
    assert "Written a.gif: 7 pictures, 50 a second." in done.out
    pictures, stand = read_gif(here / "a.gif")
    assert (len(pictures), set(stand)) == (7, {20})


def test_one_of_many_walks_of_a_file_is_named(here, capsys):
    write_gaits(here, {"first": 0, "second": 2})
    done = run(capsys, "features.h5")
    assert done.code == 2
    assert "holds 2 walks; name one of them: features.h5#first, features.h5#second" in done.err
    done = run(capsys, "features.h5#second", "--height", 96, "--output", "a.gif")
    assert done.code == 0
    assert "30 frames per second assumed" in done.out
    assert len(read_gif(here / "a.gif")[0]) == 60
    done = run(capsys, "features.h5#third")
    assert (done.code, "name one of them" in done.err) == (2, True)


def test_the_rate_and_side_of_keypoint_files_can_be_said(here, capsys):
    write_gaits(here, {"only": 0})
    for side in ("left", "right"):
        done = run(
            capsys, "features.h5", "--height", 240, "--output", side, "--keypoint-rate", 20,
            "--keypoint-first", side, "--azimuth", 0,
        )  # fmt: skip
        assert "60 pictures, 20 a second" in done.out
    left, right = (np.asarray(Image.open(here / side / "0001.png"))[30:] for side in ("left", "right"))
    # The other reading is the mirror image: what was the left is the right, on the other side of the picture.
    blue, orange = (
        np.argwhere((picture == colour).all(axis=-1))[:, 1].mean()
        for picture, colour in ((left, LEFT), (right, RIGHT))
    )
    assert blue + orange == pytest.approx(left.shape[1], abs=4)
    assert abs(blue - left.shape[1] / 2) > 8


@pytest.mark.parametrize("name", ["turned.bvh", "coco.json"])
def test_other_formats_are_shown_too(here, capsys, name):
    done = run(capsys, FILES / name, "--height", 96, "--output", "frames")
    assert done.code == 0, done.err
    assert len(list((here / "frames").iterdir())) >= 4
    assert ("flat figure" in done.out) == (name == "coco.json")


def fake_estimator(sequence, monkeypatch) -> None:
    """An estimator that finds just these joints."""

    def find(frames, settings):
        assert len(list(frames)) == len(sequence)
        return [sequence]

    monkeypatch.setattr("display.walks.check_ready", lambda settings: None)
    monkeypatch.setattr("display.walks.estimate_people", find)


def test_a_video_goes_through_the_pose_estimator_once(here, capsys, monkeypatch):
    walk = make_walk("happy", "left", seconds=1.0)
    fake_estimator(true_poses(walk), monkeypatch)
    write_numbered(here / "walk.mp4", 30)
    first = run(capsys, "walk.mp4", "--height", 96)
    assert first.code == 0, first.err
    assert "Estimating poses: 30/30" in first.err
    frames, times = read_mp4(here / "walk-skeleton.mp4")
    assert (len(frames), times[-1]) == (30, pytest.approx(29 / 30, abs=1e-3))
    assert [number_of(frame[:, :128]) for frame in frames] == list(range(30))
    again = run(capsys, "walk.mp4", "--height", 96, "--output", "again.gif")
    assert again.code == 0
    assert "Estimating" not in again.err
    pictures, _ = read_gif(here / "again.gif")
    assert len(pictures) == 30


def test_a_video_of_nobody_is_named(here, capsys, monkeypatch):
    fake_estimator(hide(short(), slice(None)), monkeypatch)
    write_numbered(here / "empty.mp4", 12)
    done = run(capsys, "empty.mp4")
    assert done.code == 3
    assert "empty.mp4: nobody was found in view" in done.err
    assert [path.name for path in here.iterdir()] == ["empty.mp4"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "name a walk to show"),
        (("gone.mp4",), 2, "gone.mp4: there is no such file"),
        (("notes.txt",), 2, "notes.txt: expected a video (.mp4"),
        (("empty.mp4",), 3, "empty.mp4: the file is empty (0 bytes)"),
        (("noise.npz",), 3, "a keypoint file of this project (.npz) was expected"),
        (("walk.npz", "--output", "a.avi"), 2, "ending in .gif or .mp4 was expected"),
        (("walk.npz", "--output", "there.mp4"), 2, "there.mp4 is there already"),
        (("walk.npz", "--output", "full"), 2, "a new or empty folder was expected"),
        (("walk.npz", "--output", "nowhere/a.gif"), 2, "there is no folder nowhere"),
        (("walk.npz", "--height", "20"), 2, "64 to 2160 pixels were expected"),
        (("walk.npz", "--elevation", "95"), 2, "-89 to 89 degrees were expected"),
        (("walk.npz", "--azimuth", "inf"), 2, "--azimuth: -360 to 360 degrees were expected, found inf"),
        (("walk.npz", "--orbit", "nan"), 2, "--orbit: -3600 to 3600 degrees were expected, found nan"),
        (("walk.npz", "--video", "gone.mp4"), 2, "gone.mp4: cannot be opened (No such file or directory)"),
        (("walk.npz", "--video", "empty.mp4"), 2, "Without a video: --alone"),
        (("none.npz",), 3, "none.npz: "),
    ],
)
def test_mistakes_are_named(here, capsys, arguments, code, words):
    save_npz(short(), here / "walk.npz")
    save_npz(hide(short(), slice(None)), here / "none.npz")
    (here / "noise.npz").write_bytes(b"noise")
    (here / "notes.txt").write_text("walk")
    (here / "empty.mp4").touch()
    (here / "there.mp4").write_bytes(b"older")
    (here / "full").mkdir()
    (here / "full" / "0001.png").touch()
    done = run(capsys, *arguments)
    assert (done.code, words in done.err) == (code, True), done.err
    assert (here / "there.mp4").read_bytes() == b"older"


def test_a_file_is_replaced_where_that_is_asked_for(here, capsys):
    save_npz(short(), here / "walk.npz")
    (here / "a.gif").write_bytes(b"older")
    assert run(capsys, "walk.npz", "--height", 96, "--output", "a.gif", "--overwrite").code == 0
    assert len(read_gif(here / "a.gif")[0]) == 12


def test_joints_that_were_cleaned_before_are_shown_as_they_are(here, capsys):
    save_npz(short(notes={"smoothing": {"cutoff": 6.0}}), here / "walk.npz")
    assert run(capsys, "walk.npz", "--height", 96).code == 0


def test_a_layout_without_faces_is_shown(here, capsys):
    save_npz(convert(short(), "gait16"), here / "walk.npz")
    assert run(capsys, "walk.npz", "--height", 96, "--orbit", 30).code == 0


def test_help_answers_before_anything_heavy_is_imported():
    code = (
        "import runpy, sys; sys.argv = ['x', '--help']\n"
        "try: runpy.run_module('display.skeleton', run_name='__main__', alter_sys=True)\n"
        "except SystemExit as end: code = end.code\n"
        "heavy = ('tensorflow', 'keras', 'cv2', 'av', 'sklearn', 'matplotlib', 'PIL')\n"
        "print('CODE', code, *[name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    *text, last = done.stdout.splitlines()
    assert last == "CODE 0"
    assert "--orbit" in "\n".join(text)


@pytest.mark.realdata
@pytest.mark.slow
def test_a_real_clip_is_shown(here, capsys, ewalk, pose_models):
    clip = sorted((ewalk / "videos").glob("*.mp4"))[0]
    done = run(capsys, clip, "--height", 160)
    assert done.code == 0, done.err
    frames, times = read_mp4(here / f"{clip.stem}-skeleton.mp4")
    originals, seconds = read_mp4(clip)
    assert len(frames) == len(originals)
    assert times[-1] == pytest.approx(seconds[-1], abs=0.02)
    for colour in (LEFT, RIGHT):
        seen = [(np.abs(frame[20:].astype(int) - colour) < 50).all(axis=-1).sum() > 20 for frame in frames]
        assert np.mean(seen) > 0.95
