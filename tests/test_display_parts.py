"""Parts of predict.py's output: threads, logs, drawings, objects, places for files, words."""

from __future__ import annotations

import json
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest
from keypoint_walks import walker
from onnx_files import SIDE, bright_places, write_onnx

from display import watching
from display.annotating import Annotator
from display.destinations import Destinations, choose_destinations
from display.frame_log import CsvLog, JsonLog
from display.meters import LatencyMeter, RateMeter
from display.objects import Detection, ObjectFinder
from display.predict_options import PredictOptions, spelt_out
from display.telling import remarks_on
from display.watching import Job, Watched
from gait.bundle import Bundle, KnownWalk, Record
from gait.drawing import LEFT, RIGHT
from gait.errors import GaitmoodError
from gait.preprocess import ClipPreprocess, JointPreprocess
from gait.sources import Source
from gait.streaming.abstaining import Reason
from gait.streaming.moments import Moment, Person, Verdict
from gait.streaming.stream import StreamSettings

# --- Every frame in its turn -------------------------------------------------------------------------------


class Passing:
    """In place of a stream: a frame goes through it as it is."""

    def step(self, shot):
        return shot


class Takes:
    """In place of what writes frames."""

    def __init__(self, take):
        self._take = take

    def take(self, shot, moment):
        self._take(shot)


def watch_every(shots, take) -> bool:
    return watching._watch_every(shots, Passing(), Takes(take), None, endless=False)


def test_what_reading_raises_is_raised_where_it_is_used():
    def broken():
        yield 1
        raise ValueError("damaged")

    with pytest.raises(ValueError, match="damaged"):
        watch_every(broken(), lambda shot: None)


def test_what_writing_raises_ends_the_reading():
    read = []

    def endless():
        while True:
            read.append(len(read))
            yield len(read)

    def full(_):
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk is full"):
        watch_every(endless(), full)
    assert len(read) < 10


def test_the_last_frame_may_fail_too():
    def fail(_):
        raise OSError("late")

    with pytest.raises(OSError, match="late"):
        watch_every(iter([1]), fail)


# --- Logs --------------------------------------------------------------------------------------------------


def row(**values):
    empty = dict.fromkeys(
        ("probabilities", "valence", "arousal", "reason", "window", "emotion", "confidence")
    )
    return {"frame": 0, "time": 0.0, "person": 1} | empty | values


def test_a_json_log_is_json_whatever_comes(tmp_path):
    path = tmp_path / "x.json"
    rows = [row(emotion="fröhlich", probabilities={"fröhlich": 0.1 + 0.2}), row(reason='"quoted"')]
    for count, as_list in ((0, False), (0, True), (1, False), (2, True)):
        with JsonLog(path, as_list) as log:
            for each in rows[:count]:
                log.add(each)
            log.finish({"schema": "s", "walk": {"label": None}})
        read = json.loads(path.read_text(encoding="utf-8"))
        assert read == (
            rows[:count] if as_list else {"schema": "s", "walk": {"label": None}, "frames": rows[:count]}
        )
    assert [file.name for file in tmp_path.iterdir()] == ["x.json"]


def test_a_log_that_is_not_finished_leaves_nothing_and_the_older_file(tmp_path):
    path = tmp_path / "x.json"
    path.write_text("older")
    with suppress(KeyboardInterrupt), JsonLog(path) as one, CsvLog(tmp_path / "x.csv", ("a",)) as other:
        one.add(row())
        other.add(row())
        raise KeyboardInterrupt
    assert path.read_text() == "older"
    assert [file.name for file in tmp_path.iterdir()] == ["x.json"]


# --- Drawing -----------------------------------------------------------------------------------------------


def moment(*people):
    return Moment(0, 0.0, people)


def test_bars_are_as_long_as_their_probabilities():
    picture = np.full((900, 600, 3), 120, np.uint8)
    verdict = Verdict("b", None, np.array([0.25, 0.75]))
    drawn = Annotator(("a", "b")).draw(picture, moment(Person(None, verdict)), None)
    sky = (drawn == (86, 180, 233)).all(axis=2).sum(axis=1).max()
    yellow = (drawn == (240, 228, 66)).all(axis=2).sum(axis=1).max()
    assert sky / yellow == pytest.approx(1 / 3, abs=0.02)
    assert (picture == 120).all()  # drawn on a copy


def test_the_estimators_sides_are_not_shown_as_left_and_right():
    sequence = walker()
    height, width = sequence.frame_size
    picture = np.full((height, width, 3), 120, np.uint8)
    person = Person(None, Verdict(reason=Reason.FILLING), sequence.image[9], sequence.layout)
    drawn = Annotator(("a",)).draw(picture, moment(person), None)
    assert (drawn != 120).any()
    assert not any((drawn == colour).all(axis=2).any() for colour in (LEFT, RIGHT))


def test_valence_goes_both_ways_from_its_middle():
    def grey_columns(valence):
        verdict = Verdict("a", None, np.array([1.0]), valence=valence, arousal=0.5)
        drawn = Annotator(("a",)).draw(
            np.full((900, 600, 3), 120, np.uint8), moment(Person(None, verdict)), None
        )
        rows = np.flatnonzero((drawn == (175, 178, 182)).all(axis=2).sum(axis=1) > 30)
        columns = [np.flatnonzero((drawn[r] == (175, 178, 182)).all(axis=1)) for r in rows]
        return min(columns, key=lambda c: len(c))

    low, high = grey_columns(-0.8), grey_columns(0.8)
    assert low.mean() < high.mean()


def test_reasons_people_objects_and_rate_leave_their_marks():
    picture = np.full((400, 300, 3), 120, np.uint8)
    nobody = Annotator(("a",)).draw(picture, moment(Person(None, Verdict(reason=Reason.NOBODY))), None)
    assert (nobody[:60] != 120).any()
    assert (nobody[300:] == 120).all()
    rate = Annotator(("a",)).draw(picture, moment(), 25.0)
    assert (rate[350:, :150] != 120).any()
    thing = Detection("lamp", 0.9, (100.0, 200.0, 180.0, 260.0))
    found = Annotator(("a",)).draw(picture, moment(), None, [thing])
    assert (found[200, 100:180] == (240, 228, 66)).all()
    assert (found[230, 120:160] == 120).all()


SEVEN = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
LONG = ("pleasantly surprised and a little tired", "sad", "as tired as one can be after a long day")


def somebody(number, classes, affect=True):
    shares = np.roll(np.linspace(0, 1, len(classes)), number) / (len(classes) / 2)
    felt = {"valence": -1.0, "arousal": 1.0} if affect else {}
    return Person(number, Verdict(classes[int(shares.argmax())], None, shares, **felt))


def blocks_of(drawn):
    """Left, top, right, bottom of what was drawn in one piece, and the share of it that is drawn on."""
    _, _, found, _ = cv2.connectedComponentsWithStats((drawn != 120).any(axis=2).astype(np.uint8))
    return [(x, y, x + w, y + h, area / (w * h)) for x, y, w, h, area in found[1:].tolist()]


@pytest.mark.parametrize("people", [1, 2, 4])
@pytest.mark.parametrize("classes", [SEVEN, LONG], ids=["seven", "long"])
@pytest.mark.parametrize("size", [(1080, 1920), (1920, 1080), (480, 640), (480, 270), (240, 136), (150, 900)])
def test_panels_leave_neither_the_picture_nor_their_edges(size, classes, people):
    picture = np.full((*size, 3), 120, np.uint8)
    everybody = [somebody(number, classes) for number in range(1, people + 1)]
    drawn = Annotator(classes).draw(picture, moment(*everybody), 30.0)
    panels = [block for block in blocks_of(drawn) if block[4] > 0.99 and block[2] - block[0] > size[1] / 10]
    assert len(panels) == people
    lowest = max(bottom for *_, bottom, _ in panels)
    assert min(min(left, top) for left, top, *_ in panels) > 0
    assert max(right for _, _, right, *_ in panels) < size[1]
    speed = [block for block in blocks_of(drawn) if block not in panels]
    assert speed  # frames a second
    assert all(lowest < top and bottom < size[0] for _, top, _, bottom, _ in speed)


def test_a_long_name_ends_before_its_bar():
    picture = np.full((480, 640, 3), 120, np.uint8)
    verdict = Verdict(LONG[1], None, np.array([0.0, 1.0, 0.0]))
    drawn = Annotator(LONG).draw(picture, moment(Person(None, verdict)), None)
    grey = (drawn == (175, 178, 182)).all(axis=2)
    frames = np.flatnonzero(grey.sum(axis=1) > 40)  # upper and lower lines of the bars
    left, right = np.flatnonzero(grey[frames[0]])[[0, -1]]
    for top, bottom in (frames[:2], frames[-2:]):  # the empty bars beside the long names
        assert (drawn[top + 1 : bottom, left + 1 : right] == 36).all()
        assert (drawn[top:bottom, left - 3 : left] == 36).all()
        assert (drawn[top:bottom, : left - 3] > 150).any()


def test_where_panels_have_no_room_the_likeliest_classes_stay():
    picture, shares = np.full((90, 400, 3), 120, np.uint8), np.array([0.1, 0.5, 0.0, 0.3, 0.05, 0.05, 0.0])
    drawn = Annotator(SEVEN).draw(picture, moment(Person(None, Verdict("disgust", None, shares))), None)
    grey = np.flatnonzero(((drawn == (175, 178, 182)).all(axis=2)).sum(axis=1) > 20)
    assert len(grey) == 2 * 3
    for (top, bottom), colour in zip(
        grey.reshape(-1, 2), [(86, 180, 233), (240, 228, 66), (86, 180, 233)], strict=True
    ):
        assert (drawn[top + 1 : bottom] == colour).all(axis=2).any()


# --- Objects -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["v8", "v5", "x"])
def test_the_family_of_detectors(kind, tmp_path):
    finder = ObjectFinder(bright_places(tmp_path / "m.onnx", kind, {"names": "{0: 'lamp'}"}))
    picture = np.full((2 * SIDE, 4 * SIDE, 3), 20, np.uint8)
    picture[32:64, 96:128] = 250  # the cell in column 3 and row 1, each of 32 pixels
    (thing,) = finder.find(picture)
    assert thing.name == "lamp"
    assert thing.score == pytest.approx(250 / 255, abs=1e-3)
    assert thing.box == pytest.approx((80, 16, 144, 80))
    picture[96:128, 224:256] = 200
    second = finder.find(picture)[1]
    assert second.score == pytest.approx(200 / 255, abs=1e-3)
    assert second.box == pytest.approx((208, 80, 256, 128))  # cut off at the picture's edge
    assert finder.find(np.full_like(picture, 20)) == []


def test_names_come_from_the_file_beside_or_are_numbers(tmp_path):
    path = bright_places(tmp_path / "m.onnx", "v8")
    picture = np.full((SIDE, SIDE, 3), 20, np.uint8)
    picture[8:16, 8:16] = 255
    assert ObjectFinder(path).find(picture)[0].name == "class 0"
    path.with_suffix(".names").write_text("chair\ntable\n")
    assert ObjectFinder(path).find(picture)[0].name == "chair"


@pytest.mark.parametrize("content", [b"", b"not a network", b"\x08\x08", b"\x3a\xff\xff\xff"])
def test_other_files_are_refused(content, tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(GaitmoodError, match=r"not a detector of the YOLO family.*YOLOX"):
        ObjectFinder(path)


def test_another_network_is_refused_with_its_output(tmp_path):
    from onnx_files import _node

    path = write_onnx(
        tmp_path / "m.onnx", [_node("GlobalAveragePool", ["images"], "boxes")], {}, (1, 3, 1, 1)
    )
    with pytest.raises(GaitmoodError, match=r"its output is \(1, 3, 1, 1\)"):
        ObjectFinder(path)


# --- Places ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "stems"),
    [
        (("a.mp4", "a.avi", "x/a.mp4", "x-a.mov", "ü 1.mp4"), "a.mp4 a.avi x-a.mp4 x-a.mov ü-1"),
        (("walk 1.mp4", "walk-1.mp4"), "walk-1.mp4 walk-1.mp4-2"),
        (("happy/anna.mp4", "happy-anna.mp4"), "happy-anna.mp4 happy-anna.mp4-2"),
        (("a b.mp4", "a-b.mp4", "a-b.mp4-2.mov"), "a-b.mp4 a-b.mp4-3 a-b.mp4-2"),
        (("Anna.mp4", "anna.mp4"), "Anna.mp4 anna.mp4-2"),  # one file on Windows and macOS
        (("e\u0301.mp4", "\u00e9.mp4"), "é.mp4 é.mp4-2"),  # one file on macOS
        ((f"{'é' * 99}1.mp4", f"{'é' * 99}2.mp4"), f"{'é' * 50} {'é' * 50}-2"),
    ],
)
def test_names_for_the_videos_of_a_folder_are_never_the_same(names, stems, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    sources = [Source(name, "file", Path("in") / name) for name in names]
    chosen = choose_destinations(PredictOptions("in", json=Path("out")), sources)
    files = [one.json.name.removesuffix(".json") for one in chosen]
    assert files == stems.split(" ")
    assert len(set(map(str.casefold, files))) == len(names)
    assert {one.json.parent for one in chosen} == {Path("out")}


@pytest.mark.parametrize("named", [True, False])
def test_a_folder_that_was_made_goes_again_where_nothing_came_into_it(named, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = PredictOptions("v.mp4", json=Path("o.json")) if named else PredictOptions("v.mp4")
    (one,) = choose_destinations(options, [Source("v.mp4", "file", Path("v.mp4"))])
    folder = one.json.parent
    assert list(folder.iterdir()) == []  # trying whether it can be written left nothing
    one.remove_empty_folders()
    assert folder.exists() == named  # one that was there is the user's
    one.make_folders()
    one.json.write_text("mine")
    one.remove_empty_folders()
    assert one.json.read_text() == "mine"


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (f"{'n' * 245}.json", "nothing can be written there .*a shorter name"),
        pytest.param(
            "/proc/x.json",
            "/proc/x.json: nothing can be written there",
            marks=pytest.mark.skipif(not Path("/proc/self").exists(), reason="only Linux has a /proc"),
        ),
    ],
)
def test_a_place_that_takes_no_file_is_refused_before_work_begins(place, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = Source("v.mp4", "file", Path("v.mp4"))
    with pytest.raises(GaitmoodError, match=words):
        choose_destinations(PredictOptions("v.mp4", json=Path(place)), [source])
    if place.startswith("/"):
        with pytest.raises(GaitmoodError, match="--runs /proc/runs: no folder can be made there"):
            choose_destinations(PredictOptions("v.mp4", runs=Path("/proc/runs")), [source])
    assert list(tmp_path.iterdir()) == []


def test_a_camera_writes_only_what_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    camera = (Source("camera 0", "camera", 0),)
    assert choose_destinations(PredictOptions(camera="0"), camera) == [Destinations()]
    (named,) = choose_destinations(PredictOptions(camera="0", csv=Path("x.csv")), camera)
    assert named.files == (Path("x.csv"),)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "spelt"),
    [
        (["v.mp4", "--objects"], ["v.mp4", "--objects", ""]),
        (["--objects", "v.mp4"], ["--objects", "", "v.mp4"]),
        (["--objects", "m.ONNX", "v.mp4"], ["--objects", "m.ONNX", "v.mp4"]),
        (["--objects", "yolo.pt", "v.mp4"], ["--objects", "yolo.pt", "v.mp4"]),
        (["--no-objects", "v.mp4"], ["v.mp4"]),
    ],
)
def test_objects_with_and_without_a_file(words, spelt):
    assert spelt_out(words) == spelt


# --- Words -------------------------------------------------------------------------------------------------


def watched(how, size=(1920, 1080), frames=240, seconds=8.0, damaged=0, **facts):
    record = Record("x", ("a", "b"), how, **facts)
    job = Job(Bundle(Path("x.h5"), None, record), StreamSettings(0.0), None)
    return remarks_on(job, Watched(size, frames, damaged, 0, seconds, Counter(), (), 30.0, 40.0))


def test_models_and_videos_that_do_not_fit_well():
    tall = ClipPreprocess(height=80, width=45)
    assert watched(tall) == []
    assert "pictures of 80 x 45" in watched(tall, (1080, 1920))[0]
    joints = JointPreprocess(length=48, rate=24.0)
    assert watched(joints, (1080, 1920)) == []
    assert "10.0 frames per second came in, the model was trained at 24" in watched(joints, frames=81)[0]
    assert "shorter than the window of 2.0 s" in watched(joints, frames=31, seconds=1.0)[0]
    assert "2 damaged" in watched(joints, damaged=2)[0]


def test_a_model_that_never_saw_depth_says_so_of_joints_with_depth():
    joints = JointPreprocess(length=48, rate=24.0)
    walks = tuple(KnownWalk(name, name, None, name, "train") for name in "ab")
    (said,) = watched(joints, flat=2, walks=walks)
    assert said.startswith(
        "the model was trained on joints in the picture only (OpenPose, COCO), here they have depth"
    )
    assert watched(joints, flat=1, walks=walks) == []


def test_latencies_by_hand():
    meter, now = LatencyMeter(), time.perf_counter()
    for number in range(100):
        meter.add(now - 1.0 if number < 96 else now - 3.0)
    assert meter.frames == 100
    assert 1000 <= meter.milliseconds(0.95) < 2000
    assert meter.milliseconds(0.97) >= 3000
    assert np.isnan(LatencyMeter().milliseconds(0.5))


def test_a_rate_needs_two_frames():
    meter = RateMeter()
    assert meter.tick() is None
    assert meter.tick() > 0
