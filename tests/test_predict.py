"""predict.py from the command line: the walk as test.py has it, windows that stand for themselves, honest silence."""

from __future__ import annotations

import csv
import json
import os
import socket
import struct
import threading
import time
from collections import Counter
from dataclasses import dataclass, replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import av
import cv2
import numpy as np
import pytest
from conftest import moving_square
from onnx_files import bright_places
from small_walks import Ran, captured, in_process
from test_contract import CLASSES, SHAPES, fresh, saved
from videofiles import map_here
from watched_walks import RATE, SIZE, film, model_file, rows_of, side_by_side, walker_frames

from display.frame_log import SCHEMA
from gait import bundle as bundles
from gait.cache import Cache
from gait.clips import clip_indices
from gait.errors import INTERRUPTED
from gait.labels import Sample
from gait.models import MODELS
from gait.pose.estimators import estimate
from gait.pose.root import estimate_root
from gait.pose.store import save_npz
from gait.pose.tracking import MEMORY_SECONDS
from gait.pose.watching import Watcher
from gait.predict import predict_clips, predict_walks
from gait.predictions import Predictions
from gait.sources import find_sources
from gait.streaming.newest import Newest
from gait.streaming.stream import Stream
from gait.video import VideoWriter, open_video

KINDS = (
    "cnn_lstm",
    "spatiotemporal",
    "keypoint_lstm",
    "logistic_regression",
)  # one for each way to prepare a walk


@pytest.fixture(scope="session")
def walk(tmp_path_factory, pose_models) -> Path:
    return film(tmp_path_factory.mktemp("walk") / "a walk é.mp4", walker_frames())


@pytest.fixture(scope="session")
def joints_model(tmp_path_factory) -> Path:
    return model_file(tmp_path_factory.mktemp("joints"), "keypoint_lstm")


@pytest.fixture(scope="session")
def frames_model(tmp_path_factory) -> Path:
    return model_file(tmp_path_factory.mktemp("frames"), "cnn_lstm")


@dataclass(frozen=True)
class Run:
    """What one run left: its folder, what it printed, what its JSON file says."""

    folder: Path
    ran: Ran
    said: dict

    @property
    def rows(self) -> list[dict]:
        return self.said["frames"]


@pytest.fixture(autouse=True, scope="module")
def _models_are_compiled_once():
    """Loading a model again gives the one that was loaded before: compiling takes longer than these videos."""
    loads, known = bundles.load, {}

    def load(path, assumed=None):
        place = Path(path).absolute()
        if place not in known:
            known[place] = loads(path, assumed)
        return known[place]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundles, "load", load)
        yield


@pytest.fixture(scope="module")
def raw(walk, joints_model, tmp_path_factory) -> Run:
    """A keypoint model's answers as they are, in all three forms."""
    folder = tmp_path_factory.mktemp("raw")
    files = ("--output", folder / "o.mp4", "--json", folder / "o.json", "--csv", folder / "o.csv")
    how = ("--smoothing", 1, "--stride", 0.2, "--unsure-below", 0)
    ran = captured("predict", walk, "--model", joints_model, *files, *how)
    assert ran.code == 0, ran.err
    return Run(folder, ran, json.loads((folder / "o.json").read_text(encoding="utf-8")))


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def predict(capsys, *arguments: object, sure: bool = True):
    """Run predict.py; by default every answer is taken as sure, as that of an untrained model never is."""
    return in_process(capsys, "predict", *arguments, *(["--unsure-below", 0] if sure else []))


def by_test_py(capsys, model: Path, videos: Path) -> Predictions:
    """What test.py's predictions.csv holds for a folder."""
    ran = in_process(capsys, "test", "--model", model, "--videos", videos, "--output", "tested", "--jobs", 1)
    assert ran.code == 0, ran.err
    return Predictions.load_csv("tested/predictions.csv")


def by_preparing(model: Path, video: Path) -> Predictions:
    """What test.py writes into predictions.csv, without its report."""
    bundle = bundles.load(model)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gait.preprocess.walks.map_items", map_here)
        prepared = bundle.record.preprocess.prepare([Sample(video, "w")], Cache())
    return predict_walks(bundle, prepared.walks)


# --- The walk and its windows ------------------------------------------------------------------------------


def check_walk(said: dict, expected: Predictions) -> None:
    assert said["walk"]["label"] == expected.predicted[0]
    assert said["walk"]["clips"] == expected.clips[0]
    found = [said["walk"]["probabilities"][c] for c in expected.classes]
    np.testing.assert_allclose(found, expected.probabilities[0], atol=1e-6)


@pytest.mark.parametrize("name", KINDS)
def test_the_walk_is_the_prepared_walk(name, walk, tmp_path, capsys):
    model = model_file(tmp_path / "model", name)
    ran = predict(capsys, walk, "--model", model, "--json", "x.json")
    assert ran.code == 0, ran.err
    said = json.loads(Path("x.json").read_text(encoding="utf-8"))
    check_walk(said, by_preparing(model, walk))
    affect = [said["walk"][key] for key in ("valence", "arousal")]
    if name == "spatiotemporal":
        assert -1 <= affect[0] <= 1
        assert 0 <= affect[1] <= 1
        assert any(row["valence"] is not None for row in said["frames"])
    else:
        assert affect == [None, None]


def test_a_model_of_faces_gets_their_points_in_windows_and_walk(walk, tmp_path, capsys, monkeypatch):
    built, seen = [], []

    class Mesh:
        """Sees a face in every picture of somebody, at points that tell the picture and the joints."""

        def __init__(self, content):
            built.append(content)

        def locate(self, frame, joints):
            seen.append(frame.shape[:2])
            if not np.isfinite(joints[0]).all():
                return None
            turn = 37 * frame.mean() + joints[0, 0] / 50
            return points + np.sin(turn + np.arange(points.size)).reshape(points.shape)

    points = np.random.default_rng(5).normal(size=(468, 3))
    monkeypatch.setattr("gait.preprocess.landmark_clips.load_face_mesh", lambda: b"of this test")
    monkeypatch.setattr("gait.preprocess.landmark_clips.FaceMesh", Mesh)
    bundle = fresh("spatiotemporal")
    how = replace(bundle.record.preprocess, landmarks="face")
    model = saved(tmp_path, replace(bundle, record=replace(bundle.record, preprocess=how)))
    ran = predict(capsys, walk, "--model", model, "--json", "x.json")
    assert ran.code == 0, ran.err
    assert "left out" not in ran.out
    said = json.loads(Path("x.json").read_text(encoding="utf-8"))
    assert any(row["probabilities"] for row in said["frames"])
    assert set(seen) == {(SIZE.height, SIZE.width)}  # as it was filmed, not as the network sees it
    check_walk(said, by_preparing(model, walk))
    assert built == [b"of this test"]  # for all windows, not for each


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_the_walk_is_what_test_py_says(name, walk, tmp_path, capsys):
    model = model_file(tmp_path / "model", name)
    ran = predict(capsys, walk, "--model", model, "--json", "x.json")
    assert ran.code == 0, ran.err
    said = json.loads(Path("x.json").read_text(encoding="utf-8"))
    check_walk(said, by_test_py(capsys, model, walk.parent))


def test_a_frame_says_what_prediction_on_its_window_alone_says(walk, joints_model, raw, tmp_path, capsys):
    check_windows(raw.rows, walk, joints_model, tmp_path, capsys)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["st_gcn", "mdt_gcn", "vs_gcnn"])
def test_so_it_is_with_the_other_models_of_joints(name, walk, tmp_path, capsys):
    model, how = model_file(tmp_path / "model", name), ("--smoothing", 1, "--stride", 0.2)
    ran = predict(capsys, walk, "--model", model, *how, "--json", "x.json")
    assert ran.code == 0, ran.err
    check_windows(rows_of(Path("x.json")), walk, model, tmp_path, capsys)


def check_windows(said_of_all: list[dict], walk: Path, model: Path, tmp_path: Path, capsys) -> None:
    rows = [row for row in said_of_all if row["probabilities"]]
    windows = {tuple(row["window"]): row for row in rows}
    assert len(windows) >= 4
    whole, folder = estimate(walk), tmp_path / "windows"
    folder.mkdir()
    arrays = ("image", "world", "visibility", "observed", "mended")
    for first, last in windows:
        cut = {name: getattr(whole, name)[first : last + 1] for name in arrays}
        time = whole.time[first : last + 1] - whole.time[first]
        root = estimate_root(cut["image"], cut["world"], cut["visibility"], whole.frame_size)
        save_npz(replace(whole, **cut, time=time, root=root, unique=None), folder / f"{first:03d}.npz")
    alone = by_test_py(capsys, model, folder)
    said = [[windows[w]["probabilities"][c] for c in alone.classes] for w in sorted(windows)]
    np.testing.assert_allclose(said, alone.probabilities, atol=1e-6)
    assert np.ptp(alone.probabilities, axis=0).max() > 1e-4  # windows differ, or the test could not fail
    for row in rows:
        assert 0 <= row["frame"] - row["window"][1] <= (0.2 + 0.2) * RATE + 1


def test_a_frame_models_windows_are_the_frames_stored_for_training(walk, frames_model, capsys, monkeypatch):
    predict(capsys, walk, "--model", frames_model, "--json", "x.json", "--smoothing", 1, "--stride", 0.3)
    bundle = bundles.load(frames_model)
    how = bundle.record.preprocess
    monkeypatch.setattr("gait.preprocess.walks.map_items", map_here)
    (stored,) = how.prepare([Sample(walk, "w")], Cache()).walks
    frames = stored.entry.read("frames")
    starts = np.arange(len(frames) - how.length + 1)
    every = predict_clips(
        bundle, how.to_input(np.stack([frames[clip_indices(s, how.length, len(frames))] for s in starts]))
    )
    rows = [row for row in rows_of(Path("x.json")) if row["probabilities"]]
    assert len({tuple(row["window"]) for row in rows}) > 3
    for row in rows:
        said = np.array([row["probabilities"][c] for c in CLASSES])
        # The window's last stored frame is the one nearest to its last frame.
        start = round(row["window"][1] / RATE * how.rate) - how.length + 1
        nearest = np.abs(every - said).max(axis=1)
        assert nearest[max(start - 1, 0) : start + 2].min() < 1e-6
    assert np.ptp(every, axis=0).max() > 1e-5


def test_the_same_video_gives_the_same_rows_and_the_list_form_is_the_rows_alone(
    walk, joints_model, raw, capsys
):
    how = ("--smoothing", 1, "--stride", 0.2)
    ran = predict(
        capsys, walk, "--model", joints_model, *how, "--json", "l.json", "--json-format", "list", "--objects"
    )
    assert json.loads(Path("l.json").read_text(encoding="utf-8")) == raw.rows
    # An object layer without a file says where to get one, and the run goes on.
    assert "no model file is named" in ran.err
    assert "Apache-2.0" in ran.err
    assert "https://" in ran.err
    assert "objects" not in raw.ran.err


def test_smoothing_is_the_mean_of_the_last_answers_and_its_delay_is_said(walk, joints_model, raw, capsys):
    ran = predict(
        capsys, walk, "--model", joints_model, "--stride", 0.2, "--smoothing", 3, "--json", "smooth.json"
    )
    assert "averaging 3 puts them off by 0.2 s" in ran.out
    seen: dict[tuple, dict] = {}
    compared = 0
    for before, after in zip(raw.rows, rows_of(Path("smooth.json")), strict=True):
        if before["probabilities"] is None:
            continue
        seen.setdefault(tuple(before["window"]), before["probabilities"])
        last = list(seen.values())[-3:]
        for c in CLASSES:
            assert after["probabilities"][c] == pytest.approx(np.mean([p[c] for p in last]), abs=1e-9)
        compared += len(last) == 3
    assert compared > 5
    facts = json.loads(Path("smooth.json").read_text(encoding="utf-8"))["settings"]
    assert facts["smoothing_delay_seconds"] == pytest.approx(0.2)


# --- What is written ---------------------------------------------------------------------------------------


def test_json_and_csv_say_the_same(walk, raw):
    said, frames = raw.said, len(walker_frames())
    assert said["schema"] == SCHEMA
    assert said["video"] | {"seconds": 0, "frames_per_second": 0} == {
        "name": str(walk), "kind": "file", "frames": frames, "seconds": 0, "frames_per_second": 0,
        "height": SIZE.height, "width": SIZE.width, "damaged": 0, "dropped": 0,
    }  # fmt: skip
    assert said["video"]["frames_per_second"] == pytest.approx(RATE, abs=0.01)
    assert said["model"]["classes"] == list(CLASSES)
    assert [row["frame"] for row in raw.rows] == list(range(frames))
    assert [row["time"] for row in raw.rows] == pytest.approx(np.arange(frames) / RATE, abs=1e-4)
    with (raw.folder / "o.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    for row, cells in zip(raw.rows, table, strict=True):
        assert cells["emotion"] == (row["emotion"] or "")
        assert cells["reason"] == (row["reason"] or "")
        shares = row["probabilities"] or dict.fromkeys(CLASSES, "")
        assert [cells[f"p_{c}"] for c in CLASSES] == [str(shares[c]) for c in CLASSES]
        if row["emotion"]:
            assert (
                row["confidence"]
                == max(row["probabilities"].values())
                == row["probabilities"][row["emotion"]]
            )
    assert {row["emotion"] for row in raw.rows} - {None} <= set(CLASSES)
    assert sorted(path.name for path in raw.folder.iterdir()) == ["o.csv", "o.json", "o.mp4"]


def test_the_annotated_video_is_the_source_with_drawings_and_plays_in_browsers(walk, raw):
    path = raw.folder / "o.mp4"
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.height, stream.width) == (SIZE.height, SIZE.width)
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    with open_video(walk) as before, open_video(path) as after:
        pairs = list(zip(before, after, strict=True))
    assert [t for (t, _), _ in pairs] == pytest.approx([t for _, (t, _) in pairs], abs=1e-3)
    (_, plain), (_, drawn) = pairs[-1]
    apart = np.abs(plain.astype(int) - drawn).max(axis=2)
    assert np.median(apart) < 12  # the picture itself
    sequence = estimate(walk)
    for joint in (11, 12, 23, 24, 25, 26):  # shoulders, hips, knees
        x, y = sequence.image[-1, joint].round().astype(int)
        assert apart[y - 2 : y + 3, x - 2 : x + 3].max() > 40
    assert drawn[10:20, 10:20].mean() < 0.6 * plain[10:20, 10:20].mean()  # the panel in the corner


def test_without_a_name_results_go_into_a_run_folder(walk, joints_model, capsys):
    predict(capsys, walk, "--model", joints_model)
    (folder,) = Path("runs").iterdir()
    assert sorted(path.name for path in folder.iterdir()) == ["a-walk-é.csv", "a-walk-é.json", "a-walk-é.mp4"]


def test_the_console_sums_up(raw):
    out = raw.ran.out
    rows = Counter(row["emotion"] or row["reason"] for row in raw.rows)
    word, count = rows.most_common(1)[0]
    assert f"{word} {count / rows.total():.0%}" in out
    assert "36 frames of 136x240 in 2.3 s of video" in out
    assert f"walk: {raw.said['walk']['label']}" in out
    assert f"written: {raw.folder / 'o.mp4'}" in out
    assert "come every 0.2 s, each 0.2 s after its window's end" in out


# --- No answer, and why ------------------------------------------------------------------------------------


def reasons(capsys, frames, model, *arguments, **how) -> Counter:
    film(Path("clip/v.mp4"), frames)
    ran = predict(capsys, "clip/v.mp4", "--model", model, "--json", "r.json", *arguments, **how)
    assert ran.code == 0, ran.err
    assert all(row["emotion"] is None for row in rows_of(Path("r.json")) if row["reason"])
    return Counter(row["reason"] for row in rows_of(Path("r.json")))


def test_nobody_in_view(joints_model, capsys, pose_models):
    empty = np.full((SIZE.height, SIZE.width, 3), 90, np.uint8)
    assert reasons(capsys, [empty] * 20, joints_model) == {"nobody in view": 20}
    said = json.loads(Path("r.json").read_text(encoding="utf-8"))["walk"]
    assert (said["label"], said["probabilities"], said["reason"]) == (None, None, "nobody was found in view")


def test_who_leaves_is_no_longer_judged(joints_model, capsys, pose_models):
    empty = np.full((SIZE.height, SIZE.width, 3), 90, np.uint8)
    frames = [*walker_frames()[:24], *[empty] * 24]
    film(Path("v.mp4"), frames)
    predict(capsys, "v.mp4", "--model", joints_model, "--json", "r.json", "--stride", 0.2)
    rows = rows_of(Path("r.json"))
    assert any(row["emotion"] for row in rows[:24])
    # Half of a window of 0.6 s, a stride later at the latest.
    assert {row["reason"] for row in rows[24 + 9 :]} == {"nobody in view"}


def test_too_little_of_the_body(joints_model, capsys, pose_models):
    above = [cv2.resize(frame[40:130, 34:102], (272, 360)) for frame in walker_frames()]
    found = reasons(capsys, above, joints_model)
    assert found["too little of the body in view"] > 10
    assert None not in found


def test_who_stands_is_not_walking(joints_model, capsys, pose_models):
    found = reasons(capsys, [walker_frames()[20]] * 36, joints_model)
    assert found["not walking"] > 10
    assert None not in found
    said = json.loads(Path("r.json").read_text(encoding="utf-8"))["walk"]
    assert said["label"] in CLASSES  # as test.py has it
    assert said["doubt"] == "none of its windows was answered: not walking"


def test_the_walk_says_where_it_is_not_to_be_relied_on(raw, joints_model, capsys, pose_models):
    assert raw.said["walk"]["doubt"] is None
    assert "relied on" not in raw.ran.out
    film(Path("short.mp4"), walker_frames()[20:29])
    short = "no window of 0.6 s was full"
    for below, words in ((0, short), (0.99, f"{short}; its confidence is below 0.99")):
        how = ("--model", joints_model, "--json", f"{below}.json", "--unsure-below", below)
        ran = predict(capsys, "short.mp4", *how, sure=False)
        walk = json.loads(Path(f"{below}.json").read_text(encoding="utf-8"))["walk"]
        assert walk["label"] in CLASSES
        assert (walk["reason"], walk["doubt"]) == (None, words)
        assert f"\n    not to be relied on: {words}\n" in ran.out


def test_the_unsure_keep_their_probabilities(walk, joints_model, capsys):
    predict(capsys, walk, "--model", joints_model, "--json", "r.json", "--unsure-below", 1, sure=False)
    rows = [row for row in rows_of(Path("r.json")) if row["window"]]
    assert {row["reason"] for row in rows} == {"unsure"}
    assert all(
        row["emotion"] is None and sum(row["probabilities"].values()) == pytest.approx(1) for row in rows
    )


def test_without_a_chosen_threshold_the_default_is_said(joints_model, capsys):
    Path("broken.mp4").write_bytes(b"no video")
    ran = predict(capsys, "broken.mp4", "--model", joints_model, sure=False)
    assert ran.code == 3
    assert list(Path("runs").iterdir()) == []
    assert "Unsure below 0.43: a default, 0.1 above an even guess" in ran.out
    assert "left out: broken.mp4: not a readable video" in ran.out


def test_before_the_window_is_full(raw):
    seconds = SHAPES["keypoint_lstm"].window_seconds
    assert {row["reason"] for row in raw.rows if row["time"] < seconds} == {"the window is not full yet"}
    assert any(row["emotion"] for row in raw.rows)


# --- Several people ----------------------------------------------------------------------------------------


def test_several_walkers_are_followed_and_labelled(joints_model, capsys, pose_models):
    film(Path("two.mp4"), side_by_side())
    ran = predict(
        capsys, "two.mp4", "--people", 2, "--model", joints_model, "--smoothing", 1, "--json", "two.json"
    )
    assert ran.code == 0, ran.err
    said = json.loads(Path("two.json").read_text(encoding="utf-8"))
    assert {one["person"] for one in said["people"]} == {1, 2}
    assert said["walk"] == said["people"][0]
    last = [row for row in said["frames"] if row["frame"] == said["video"]["frames"] - 1]
    assert {row["person"] for row in last} == {1, 2}
    assert last[0]["probabilities"] != last[1]["probabilities"]


def test_a_frame_model_cannot_tell_people_apart(walk, frames_model, capsys):
    ran = predict(capsys, walk, "--model", frames_model, "--people", 2, "--json", "x.json")
    assert ran.code == 2
    assert "looks at the whole picture and cannot tell people apart" in ran.err


# --- Sources -----------------------------------------------------------------------------------------------


def test_a_folder_of_videos(walk, joints_model, capsys):
    film(Path("in/b 1.mp4"), walker_frames()[:12])
    Path("in/b-1.mp4").write_bytes(walk.read_bytes())
    Path("in/0.mp4").write_bytes(b"no video")  # the first: the folder that was made for all has to stay
    ran = predict(capsys, "in", "--model", joints_model, "--json", "out", "--csv", "out", "--strict")
    assert ran.code == 1, ran.err
    stems = ("b-1.mp4", "b-1.mp4-2")  # none takes the place of another
    assert {path.name for path in Path("out").iterdir()} == {
        f"{s}.{e}" for s in stems for e in ("csv", "json")
    }
    frames = [json.loads(Path(f"out/{s}.json").read_text(encoding="utf-8"))["video"]["frames"] for s in stems]
    assert frames == [12, len(walker_frames())]
    assert "left out: 0.mp4: not a readable video" in ran.out


def test_a_video_that_slows_down_is_watched_to_its_end(joints_model, capsys, pose_models):
    """As a phone films in the dark, or a camera that a busy machine reads: 30 frames a second, then 5."""
    times = [number / 30 if number < 20 else 0.67 + (number - 20) / 5 for number in range(36)]
    with VideoWriter("slows.mp4", 30) as file:
        for seconds, frame in zip(times, walker_frames(), strict=True):
            file.write(frame, seconds)
    ran = predict(capsys, "slows.mp4", "--model", joints_model, "--json", "s.json")
    assert ran.code == 0, ran.err
    said = json.loads(Path("s.json").read_text(encoding="utf-8"))
    assert [row["time"] for row in said["frames"]] == pytest.approx(times, abs=2e-3)
    assert said["walk"]["label"] in CLASSES


def test_numbered_pictures_are_a_video(joints_model, capsys, pose_models):
    Path("shots").mkdir()
    for number, frame in enumerate(walker_frames()):
        cv2.imwrite(f"shots/{number + 5:03d}.png", frame[..., ::-1])
    ran = predict(
        capsys, "shots/%03d.png", "--model", joints_model, "--picture-rate", RATE, "--json", "p.json"
    )
    assert ran.code == 0, ran.err
    rows = rows_of(Path("p.json"))
    assert [row["time"] for row in rows] == pytest.approx(np.arange(len(walker_frames())) / RATE, abs=1e-5)
    assert any(row["emotion"] for row in rows)
    assert json.loads(Path("p.json").read_text(encoding="utf-8"))["walk"]["label"] in CLASSES


@pytest.fixture
def served(walk):
    """The folder of the walk behind an address, on this machine only."""

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(walk.parent))

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/{quote(walk.name)}"
    server.shutdown()


def broken_off(how: str) -> tuple[str, int]:
    """Address of a stream that gives half of its frames, and how many frames it has."""
    frames = moving_square(90)
    with av.open("s.ts", "w", format="mpegts") as file:
        stream = file.add_stream("libx264", rate=30, options={"crf": "0"})
        stream.height, stream.width = frames[0].shape[:2]
        for frame in frames:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        file.mux(stream.encode(None))
    content, listening = Path("s.ts").read_bytes(), socket.create_server(("127.0.0.1", 0))

    def answer():
        with listening, listening.accept()[0] as client:
            client.recv(4096)
            client.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content))
            client.sendall(content[: len(content) // 2])
            if how == "silent":
                client.recv(1)  # until the other side gives up
            if how == "reset":
                time.sleep(0.2)  # or what was sent is gone with the connection
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    threading.Thread(target=answer, daemon=True).start()
    return f"http://127.0.0.1:{listening.getsockname()[1]}/s.ts", len(frames)


def test_a_stream_that_ends_is_watched_to_its_end_and_what_is_old_is_let_go(
    served, joints_model, capsys, monkeypatch
):
    kept, forget = [], Watcher.forget

    def forgetting(self, before):
        forget(self, before)
        kept.append(len(self._times))

    monkeypatch.setattr(Watcher, "forget", forgetting)
    how = ("--stride", 0.2, "--json", "s.json", "--csv", "s.csv")
    ran = predict(capsys, served, "--model", joints_model, *how)
    assert ran.code == 0, ran.err
    said = json.loads(Path("s.json").read_text(encoding="utf-8"))
    assert said["video"]["kind"] == "stream"
    assert len(said["frames"]) == len(walker_frames())
    assert "no whole walk" in said["walk"]["reason"]
    assert 0 < max(kept) <= MEMORY_SECONDS * RATE + 1 < len(walker_frames())


@pytest.mark.parametrize("how", ["closed", "reset", "silent"])
def test_a_stream_that_breaks_off_is_answered_as_far_as_it_came(how, monkeypatch):
    monkeypatch.setattr("gait.sources.STREAM_SECONDS", 0.5)
    address, whole = broken_off(how)
    (source,) = find_sources(address)
    with source.open() as reader:
        assert 0 < sum(1 for _ in reader) < whole
        assert reader.errors == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gone.mp4"], "gone.mp4: no such file"),
        (["http://127.0.0.1:9/none"], "the stream cannot be opened"),
        (["--camera", 97], "camera 97 cannot be opened: it is not there"),
        (["97", "--no-window"], "camera 97 cannot be opened"),
        ([], "what to look at was expected"),
        (["empty"], "no videos in empty/"),
        (["none/%04d.png"], "no picture has such a name"),
        (["walk.npz"], "holds keypoints, not pictures"),
        (["one.png"], "a single picture"),
        (["a.mp4", "--camera", 0], "one source at a time"),
    ],
)
def test_sources_that_are_not_there(arguments, words, joints_model, capsys, monkeypatch):
    monkeypatch.setenv("DISPLAY", "")
    Path("empty").mkdir()
    for name in ("walk.npz", "one.png"):
        Path(name).write_bytes(b"x")
    ran = predict(capsys, *arguments, "--model", joints_model, "--no-window")
    assert ran.code == (3 if "be opened" in words or words.startswith("no ") else 2)
    assert words in ran.err
    assert "Traceback" not in ran.err


def test_a_password_in_an_address_is_neither_shown_nor_written(joints_model, capsys):
    address = "http://user:secret@127.0.0.1:9/none?key=secret"
    ran = predict(capsys, address, "--model", joints_model)
    assert ran.code == 3
    assert "http://127.0.0.1:9/none: the stream cannot be opened" in ran.err
    assert "secret" not in ran.out + ran.err
    assert list(Path("runs").iterdir()) == []


# --- Where it cannot go ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--output", "none/o.mp4"], "--output: the folder none/ does not exist. Make it first"),
        (["--json", "none/o.json"], "--json: the folder none/ does not exist"),
        (["--output", "o.avi"], "a name that ends in .mp4 was expected"),
        (["--output", "v.mp4"], "is the video itself"),
        (["--json", "there.json"], "there.json is there already"),
        (["--smoothing", 0], "--smoothing: a number above 0 was expected"),
        (["--people", 9], "--people: 1 to 4 was expected"),
        (["--unsure-below", 2], "--unsure-below: 0 to 1 was expected"),
        (["--objects", "gone.onnx"], "gone.onnx: no such file. One to use: YOLOX"),
        (["--model", "gone.h5"], "gone.h5: no such model file"),
    ],
)
def test_what_cannot_be_done_is_refused_before_work_begins(arguments, words, walk, joints_model, capsys):
    Path("v.mp4").write_bytes(walk.read_bytes())
    Path("there.json").write_text("mine")
    model = () if "--model" in arguments else ("--model", joints_model)
    ran = predict(capsys, "v.mp4", *model, *arguments, sure="--unsure-below" not in arguments)
    assert ran.code == 2
    assert words in ran.err
    assert sorted(path.name for path in Path().iterdir()) == ["there.json", "v.mp4"]
    assert Path("there.json").read_text() == "mine"


def test_a_missing_encoder_is_named_and_nothing_is_left(walk, joints_model, capsys, monkeypatch):
    opened = av.open

    def without_x264(*args, **kwargs):
        container = opened(*args, **kwargs)
        if "w" in args[1:]:
            return _NoEncoder(container)
        return container

    monkeypatch.setattr(av, "open", without_x264)
    ran = predict(capsys, walk, "--model", joints_model, "--output", "o.mp4", "--json", "o.json")
    assert ran.code == 3
    assert "libx264 is missing" in ran.out
    assert "pip install" in ran.out
    assert list(Path().iterdir()) == []


class _NoEncoder:
    """An output file of a build of FFmpeg without x264."""

    def __init__(self, container):
        self._container = container

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._container.close()

    def add_stream(self, codec, **_):
        raise av.error.EncoderNotFoundError(-1, codec)


def test_a_picture_that_changes_its_size_is_refused_and_nothing_is_left(joints_model, capsys, pose_models):
    Path("shots").mkdir()
    for number, frame in enumerate(walker_frames()[:12]):
        cv2.imwrite(f"shots/{number:03d}.png", frame[..., ::-1] if number < 8 else frame[:200, :, ::-1])
    ran = predict(capsys, "shots/*.png", "--model", joints_model, "--output", "o.mp4", "--json", "o.json")
    assert ran.code == 3
    assert "the picture's size changes from (240, 136) to (200, 136)" in ran.out
    assert sorted(path.name for path in Path().iterdir()) == ["shots"]


def test_a_video_that_is_shorter_than_a_window_is_named(joints_model, capsys, pose_models):
    film(Path("short.mp4"), walker_frames()[:9])
    ran = predict(capsys, "short.mp4", "--model", joints_model, "--json", "1.json")
    assert "shorter than the window of 0.6 s: no frame has an answer of its own" in ran.out


def test_a_plain_keras_file_needs_its_classes(walk, capsys, tmp_path):
    import keras

    model = keras.Sequential(
        [keras.Input((4, 14, 11, 3)), keras.layers.Flatten(), keras.layers.Dense(3, activation="softmax")]
    )
    model.save("plain.h5")
    ran = predict(capsys, walk, "--model", "plain.h5", "--json", "x.json")
    assert ran.code == 2
    assert "--classes" in ran.err
    ran = predict(capsys, walk, "--model", "plain.h5", "--json", "x.json", "--classes", "c,b,a", "--rate", 10)
    assert ran.code == 0, ran.err
    assert any(
        row["probabilities"] and list(row["probabilities"]) == ["c", "b", "a"]
        for row in rows_of(Path("x.json"))
    )


def test_a_frame_model_goes_on_without_pose_models(walk, frames_model, joints_model, capsys, monkeypatch):
    from gait.pose.weights import WeightsError

    def missing(*_):
        raise WeightsError("the BlazePose model files are missing")

    monkeypatch.setattr("gait.pose.estimators.load_weights", missing)
    ran = predict(capsys, walk, "--model", frames_model, "--json", "x.json")
    assert ran.code == 0
    assert "no skeleton is drawn" in ran.err
    assert any(row["emotion"] for row in rows_of(Path("x.json")))
    ran = predict(capsys, walk, "--model", joints_model, "--json", "y.json")
    assert ran.code == 2
    assert "model files are missing" in ran.err


# --- Live --------------------------------------------------------------------------------------------------


def test_a_video_stands_in_for_a_camera_at_its_own_rate(walk, joints_model, capsys):
    ran = predict(
        capsys,
        "--camera",
        walk,
        "--no-window",
        "--model",
        joints_model,
        "--json",
        "l.json",
        "--output",
        "l.mp4",
    )
    assert ran.code == 0, ran.err
    said = json.loads(Path("l.json").read_text(encoding="utf-8"))
    frames, dropped = said["video"]["frames"], said["video"]["dropped"]
    assert frames + dropped == len(walker_frames())
    assert len(said["frames"]) == frames > 5
    # The camera does not wait: 2.3 s of video take 2.3 s, however fast the machine.
    assert frames / said["speed"]["frames_per_second"] > 2.0
    assert "no whole walk" in said["walk"]["reason"]
    with open_video("l.mp4") as video:
        times = [seconds for seconds, _ in video]
    assert times == pytest.approx([row["time"] for row in said["frames"]], abs=2e-3)


class _Camera:
    """A camera that shows a walker and then is unplugged."""

    def __init__(self, number):
        self._frames = iter(walker_frames())
        assert number == 0

    def isOpened(self):  # noqa: N802 - OpenCV's name
        return True

    def read(self):
        frame = next(self._frames, None)
        return frame is not None, None if frame is None else frame[..., ::-1]

    def release(self):
        pass


def test_a_camera_that_stops_is_watched_to_its_end(joints_model, capsys, monkeypatch, pose_models):
    monkeypatch.setattr(cv2, "VideoCapture", _Camera)
    ran = predict(capsys, "--camera", 0, "--no-window", "--model", joints_model, "--json", "c.json")
    assert ran.code == 0, ran.err
    said = json.loads(Path("c.json").read_text(encoding="utf-8"))
    assert said["video"]["kind"] == "camera"
    assert said["video"]["frames"] + said["video"]["dropped"] == len(walker_frames())


@pytest.mark.parametrize("live", [True, False], ids=["camera", "stream"])
def test_ctrl_c_ends_what_has_no_end_and_keeps_what_was_written(
    live, served, walk, joints_model, capsys, monkeypatch
):
    step = Stream.step

    def interrupted(self, shot):
        if shot.number == 5:
            raise KeyboardInterrupt
        return step(self, shot)

    monkeypatch.setattr(Stream, "step", interrupted)
    source = ("--camera", walk, "--no-window") if live else (served,)
    ran = predict(capsys, *source, "--model", joints_model, "--json", "c.json", "--output", "c.mp4")
    assert ran.code == 0, ran.err
    assert len(rows_of(Path("c.json"))) == 5
    with open_video("c.mp4") as video:
        assert sum(1 for _ in video) == 5


def test_ctrl_c_in_a_file_says_what_is_left(walk, joints_model, capsys, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Stream, "step", interrupted)
    ran = predict(capsys, walk, "--model", joints_model, "--json", "c.json", "--output", "c.mp4")
    assert ran.code == INTERRUPTED
    assert "nothing of it was written" in ran.err
    assert list(Path().iterdir()) == []


def test_numbered_pictures_in_place_of_a_camera_keep_their_rate(joints_model, capsys, monkeypatch):
    rates = []

    class Recorded(Newest):
        def __init__(self, shots, paced):
            rates.append(paced)
            super().__init__(shots, paced)

    monkeypatch.setattr("display.watching.Newest", Recorded)
    Path("shots").mkdir()
    for number in range(3):
        cv2.imwrite(f"shots/{number}.png", np.zeros((SIZE.height, SIZE.width, 3), np.uint8))
    ran = predict(capsys, "--camera", "shots/*.png", "--no-window", "--model", joints_model)
    assert ran.code == 0, ran.err
    assert rates == [True]


def test_without_a_screen_the_window_is_refused_with_the_way_out(walk, joints_model, capsys, monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    if os.name != "posix" or not os.uname().sysname.startswith("Linux"):
        pytest.skip("macOS and Windows have a screen at any time")
    ran = predict(capsys, "--camera", walk, "--model", joints_model)
    assert ran.code == 2
    assert "no screen here" in ran.err
    assert "--no-window" in ran.err
    ran = predict(capsys, "97", "--model", joints_model)
    assert ran.code == 3
    assert "camera 97 cannot be opened" in ran.err


# --- Objects -----------------------------------------------------------------------------------------------


def test_objects_are_drawn_where_they_are(joints_model, capsys, pose_models):
    frames = [np.minimum(frame, 90) for frame in walker_frames()[:3]]
    for frame in frames:
        frame[210:240, 60:90] = 255  # a cell of eight pixels where 240 are made 64
    film(Path("v.mp4"), frames)
    model = bright_places(Path("lamp.onnx"), "x", {"names": "{0: 'lamp'}"})
    ran = predict(capsys, "v.mp4", "--model", joints_model, "--output", "o.mp4", "--objects", model)
    assert ran.code == 0, ran.err
    with open_video("o.mp4") as video:
        *_, (_, drawn) = video
    # A box as wide as two cells about the lamp's cell, cut off at the picture's edge: its sides beside the lamp.
    sides = np.flatnonzero(drawn[198:208].mean(axis=(0, 2)) > 100)
    assert sides.min() == pytest.approx(45, abs=2)
    assert sides.max() == pytest.approx(105, abs=2)
