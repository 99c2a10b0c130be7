"""The report as a page: everything is in it, nothing outside is needed, names do no harm, and a browser shows it."""

from __future__ import annotations

import base64
import os
import re
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from browser import find_browser
from keypoint_walks import hide, played_over, walker, write_gaits
from videofiles import number_of, write_numbered

from evaluation.affect import AffectScores, DimensionScores
from evaluation.page import page
from evaluation.report import make_report
from evaluation.report_files import write_report
from evaluation.report_json import report_json
from evaluation.report_text import report_text
from evaluation.strips import mistake_strips, poses_used, worst_mistakes
from gait.agreement import human_agreement
from gait.cache import Cache, content_hash, entry_key
from gait.drawing import LEFT, RIGHT
from gait.formats import KeypointOptions
from gait.labels import find_samples
from gait.pose.estimators import PoseSettings
from gait.pose.store import save_npz, to_entry
from gait.predictions import Predictions
from gait.preprocess import ClipPreprocess, JointPreprocess

EMOTIONS = ("angry", "happy", "sad")
NASTY = "<script>alert('1')</script> & \"quotes\" \u202e.mp4"
# Elements that stand alone, as HTML has it.
VOID = {"meta", "img", "br"}


class Reader(HTMLParser):
    """Text, pictures and everything else that a page refers to; complains of elements that are not closed."""

    def __init__(self, html: str):
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.pictures: dict[str, bytes] = {}
        self.cells: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        facts = dict(attrs)
        self.sources += [value for key, value in attrs if key in ("src", "href", "action", "data", "srcset")]
        if tag == "img":
            kind, _, code = facts["src"].partition(";base64,")
            assert kind in ("data:image/png", "data:image/jpeg")
            self.pictures[facts["alt"]] = base64.b64decode(code, validate=True)
        if tag == "td":
            self.cells.append("")
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)
        if "td" in self._open:
            self.cells[-1] += data

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def predictions_of(truths, rows, names=None, classes=EMOTIONS) -> Predictions:
    names = names or [f"walk{i}.mp4" for i in range(len(rows))]
    people = [f"S{i % 4}" for i in range(len(rows))]
    return Predictions(names, classes, rows, truths, people, [3] * len(rows))


def mixed() -> Predictions:
    """Six walks: one without label, two right, three wrong, the surest of them walk4, then walk1."""
    rows = [
        [0.7, 0.2, 0.1],
        [0.1, 0.6, 0.3],
        [0.2, 0.3, 0.5],
        [0.4, 0.35, 0.25],
        [0.05, 0.05, 0.9],
        [0.3, 0.3, 0.4],
    ]
    return predictions_of(["angry", "sad", "sad", "happy", "angry", None], rows)


def report_of(predictions: Predictions, **more):
    return make_report(predictions, **{"title": "Test on videosTest", "model": "cnn_lstm"} | more)


def read(predictions: Predictions, strips=None, pictures=None, **more) -> Reader:
    return Reader(page(report_of(predictions, **more), strips or {}, pictures or {}))


def jpeg(colour, height: int = 60, width: int = 300) -> bytes:
    picture = np.full((height, width, 3), colour, np.uint8)
    return cv2.imencode(".jpg", picture[..., ::-1])[1].tobytes()


# --- What is in it -----------------------------------------------------------------------------------------


def test_the_page_holds_what_the_report_holds():
    predictions = mixed()
    report = report_of(predictions, training_majority="angry", left_out=[("broken.mp4", "the file is empty")])
    found = Reader(page(report, {}, {}))
    for words in (
        "Test on videosTest", "cnn_lstm", "This test cannot tell the model from always answering 'angry'",
        "always answering 'angry' (none was more frequent in training)", "chance (guessing among 3 classes)",
        "broken.mp4", "the file is empty", *predictions.names, *EMOTIONS,
    ):  # fmt: skip
        assert words in found.text
    scores = report_json(report)["scores"]
    for name, row in scores["per_class"].items():
        place = found.cells.index(name)
        expected = [f"{100 * row[key]:.1f}" for key in ("precision", "recall", "f_score")]
        assert found.cells[place + 1 : place + 5] == [*expected, str(row["support"])]
    assert re.sub(r"\s+", " ", report_text(report)) in found.text


def test_the_confusion_matrix_has_true_rows_and_shares_of_them():
    truths = ["angry"] * 5 + ["happy"] * 2
    rows = [[0.8, 0.1, 0.1]] * 3 + [[0.1, 0.1, 0.8]] * 2 + [[0.1, 0.8, 0.1]] * 2
    found = read(predictions_of(truths, rows))
    counts = [cell for cell in found.cells if re.fullmatch(r"\d+\d+ %", cell.replace("\n", ""))]
    assert counts == ["360 %", "00 %", "240 %", "00 %", "2100 %", "00 %", "00 %", "00 %", "00 %"]


def test_leaks_stand_before_the_scores():
    found = read(mixed(), leaks=["walk2.mp4"])
    assert found.text.index("LEAK: 1 of these walks was in training") < found.text.index("Confusion matrix")
    assert "right, leak" in found.cells
    assert "LEAK" not in read(mixed()).text


def test_how_well_people_agree_stands_on_the_scale():
    rng = np.random.default_rng(0)
    rated = {name: rng.integers(1, 6, (12, 3)).astype(float) for name in mixed().names}
    found = read(mixed(), human=human_agreement(rated))
    assert "one rater, with the others" in found.text
    assert "two panels of raters" in found.text
    assert "one rater" not in read(mixed()).text


def test_valence_and_arousal_stand_in_a_table_where_they_are_told():
    report = report_of(mixed())
    scores = {
        "valence": DimensionScores(5, 0.614, (0.2, 0.83), 0.2, 0.41),
        "arousal": DimensionScores(4, -0.1, (np.nan, np.nan), 0.31, 0.3),
    }
    told = Reader(page(replace(report, affect=AffectScores(scores, "rated by people")), {}, {}))
    place = told.cells.index("valence")
    assert told.cells[place : place + 6] == ["valence", "0.61", "0.20 to 0.83", "0.20", "0.41", "5"]
    assert told.cells[place + 6 : place + 12] == ["arousal", "-0.10", "-", "0.31", "0.30", "4"]
    assert "True values: rated by people." in told.text
    assert "Valence" not in Reader(page(report, {}, {})).text


def test_without_labels_there_is_no_score_and_no_mistake():
    rows = [[0.7, 0.2, 0.1], [0.1, 0.6, 0.3]]
    found = read(predictions_of([None, None], rows))
    assert "No score: these walks have no labels." in found.text
    for words in ("Confusion matrix", "worst mistakes", "Accuracy, and what it is held against"):
        assert words not in found.text
    assert "walk1.mp4" in found.cells


def test_no_walk_at_all_is_a_page_too():
    assert "All walks" in read(predictions_of([], np.zeros((0, 3)))).text


def test_the_interval_is_drawn_where_the_scores_say():
    predictions = mixed()
    report = report_of(predictions)
    low, high = report.summary.interval
    html = page(report, {}, {})
    assert f"left: {100 * low:.2f}%; width: {100 * (high - low):.2f}%" in html
    assert f'class="model" style="left: {100 * report.summary.scores.accuracy:.2f}%"' in html


def test_more_classes_than_colours_are_shown():
    classes = [f"class{k}" for k in range(9)]
    rows = np.eye(9) * 0.5 + 0.5 / 9
    found = read(predictions_of(classes, rows, classes=classes))
    assert all(name in found.text for name in classes)


# --- Nothing outside, no harm ------------------------------------------------------------------------------


def test_the_page_needs_nothing_else_and_runs_nothing():
    picture = cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1].tobytes()
    html = page(report_of(mixed()), {"walk4.mp4": jpeg(LEFT)}, {"Training": picture})
    found = Reader(html)
    assert all(source.startswith("data:image/") for source in found.sources)
    assert not {"script", "link", "iframe", "object", "form"} & set(found.tags)
    assert not re.search(r"https?:|url\(|@import", html)
    assert "default-src 'none'" in html


@pytest.mark.parametrize("classes", [EMOTIONS, (NASTY, "a&b", "{{ 7 * 7 }}")])
def test_names_are_text_whatever_they_hold(classes):
    odd = os.fsdecode(b"gr\xfc\xdfe \x1b[2J.mp4")
    predictions = predictions_of(
        [classes[0], classes[1]], [[0.1, 0.8, 0.1], [0.1, 0.8, 0.1]], names=[NASTY, odd], classes=classes
    )
    report = report_of(
        predictions,
        title=NASTY,
        model=NASTY,
        left_out=[(NASTY, NASTY)],
        leaks=[NASTY],
        training_majority=classes[0],
    )
    html = page(report, {NASTY: jpeg(LEFT)}, {})
    found = Reader(html)
    assert "script" not in found.tags
    assert "\u202e" not in html
    assert NASTY.replace("\u202e", "\\u202e") in found.text
    assert "\\udcfc" in found.text
    assert classes[2] in found.text  # no template, either
    html.encode()


def test_pictures_are_inside_and_whole():
    strip, other = jpeg(LEFT), jpeg(RIGHT)
    curves = cv2.imencode(".png", np.full((5, 7, 3), 9, np.uint8))[1].tobytes()
    found = read(mixed(), {"walk4.mp4": strip, "walk0.mp4": other}, {"Training": curves})
    # walk0 is right: it is no mistake.
    assert found.pictures == {"Training": curves, "walk4.mp4": strip}


# --- The worst mistakes ------------------------------------------------------------------------------------


def test_the_surest_mistakes_come_first():
    assert worst_mistakes(mixed()) == [4, 1, 3]
    assert worst_mistakes(mixed(), most=2) == [4, 1]
    assert worst_mistakes(mixed(), leaked=[False] * 4 + [True, *[False] * (len(mixed().names) - 5)]) == [1, 3]
    found = read(mixed()).text
    listed = found[found.index("The worst mistakes") : found.index("All walks")]
    assert re.findall(r"walk\d", listed) == ["walk4", "walk1", "walk3"]


def test_no_mistakes_no_section():
    right = predictions_of(["angry", "sad"], [[0.9, 0.05, 0.05], [0.1, 0.1, 0.8]])
    assert worst_mistakes(right) == []
    assert "worst mistakes" not in read(right).text


def tiles(picture: bytes, rows: int, columns: int = 7) -> list[list[np.ndarray]]:
    """The single pictures of a strip."""
    strip = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    height, width = (strip.shape[0] + 3) // rows, (strip.shape[1] + 3) // columns
    return [
        [strip[i * height : (i + 1) * height - 3, j * width : (j + 1) * width - 3] for j in range(columns)]
        for i in range(rows)
    ]


def near(picture: np.ndarray, colour) -> int:
    return int((np.abs(picture.astype(int) - colour).max(axis=-1) < 45).sum())


def wrong(folder: Path) -> tuple[Predictions, list]:
    """Every walk of a folder, all predicted wrong."""
    samples = find_samples(folder).samples
    rows = np.tile([0.1, 0.2, 0.7], (len(samples), 1))
    return predictions_of(["happy"] * len(samples), rows, [s.name for s in samples]), samples


def test_a_video_shows_its_moments_in_order(tmp_path):
    (tmp_path / "in").mkdir()
    write_numbered(tmp_path / "in" / "a.mp4", 70)
    (found,) = mistake_strips(*wrong(tmp_path / "in"), Cache(tmp_path / "cache")).values()
    (frames,) = tiles(found, 1)
    assert [number_of(frame) for frame in frames] == [5, 15, 25, 35, 45, 55, 65]


def test_known_joints_stand_below_the_frames_of_their_moments(tmp_path):
    (tmp_path / "in").mkdir()
    video = write_numbered(tmp_path / "in" / "a.mp4", 60)
    sequence = replace(walker(view="front"), root=None, root_unit=None, root_source="none")
    cache = Cache(tmp_path / "cache")
    with cache.write(entry_key("poses", content_hash(video), PoseSettings().key())) as entry:
        to_entry(sequence, entry)
    (found,) = mistake_strips(*wrong(tmp_path / "in"), cache).values()
    frames, skeletons = tiles(found, 2)
    assert [number_of(frame) for frame in frames] == [4, 12, 21, 30, 38, 47, 55]
    for skeleton in skeletons:
        assert near(skeleton, LEFT) > 60
        assert near(skeleton, RIGHT) > 60
    assert (np.abs(skeletons[0].astype(int) - skeletons[2]) > 60).mean() > 0.005


def test_of_a_walk_that_is_played_over_one_lap_is_shown(tmp_path):
    (tmp_path / "in").mkdir()
    video, cache = write_numbered(tmp_path / "in" / "a.mp4", 84), Cache(tmp_path / "cache")
    with cache.write(entry_key("poses", content_hash(video), PoseSettings().key())) as entry:
        to_entry(played_over(walker(), 28, 3), entry)
    (found,) = mistake_strips(*wrong(tmp_path / "in"), cache).values()
    assert [number_of(frame) for frame in tiles(found, 2)[0]] == [2, 6, 10, 14, 18, 22, 26]


def test_walks_of_keypoint_files_are_skeletons(tmp_path):
    (tmp_path / "in").mkdir()
    save_npz(walker(), tmp_path / "in" / "a.npz")
    write_gaits(tmp_path / "in", {"first": 0, "second": 2})
    samples = find_samples(tmp_path / "in", keypoints=KeypointOptions(emotions="step")).samples
    predictions = predictions_of(["happy"] * 3, [[0.1, 0.2, 0.7]] * 3, [s.name for s in samples])
    found = mistake_strips(predictions, samples, Cache(tmp_path / "cache"))
    assert set(found) == {"a.npz", "features.h5#first", "features.h5#second"}
    for strip in found.values():
        for skeleton in tiles(strip, 1)[0]:
            assert near(skeleton, LEFT) > 60


def test_what_cannot_be_read_any_more_has_no_picture(tmp_path):
    (tmp_path / "in").mkdir()
    write_numbered(tmp_path / "in" / "gone.mp4", 10)
    write_numbered(tmp_path / "in" / "noise.mp4", 10)
    save_npz(hide(walker(), slice(None)), tmp_path / "in" / "nobody.npz")
    samples = find_samples(tmp_path / "in", keypoints=KeypointOptions(emotions="step")).samples
    (tmp_path / "in" / "gone.mp4").unlink()
    (tmp_path / "in" / "noise.mp4").write_bytes(b"noise")
    predictions = predictions_of(["happy"] * 3, [[0.1, 0.2, 0.7]] * 3, [s.name for s in samples])
    assert len(samples) == 3
    assert mistake_strips(predictions, samples, Cache(tmp_path / "cache")) == {}


def test_walks_that_are_right_are_not_even_opened(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    write_numbered(tmp_path / "in" / "a.mp4", 10)
    predictions, samples = wrong(tmp_path / "in")
    monkeypatch.setattr("evaluation.strips.open_video", lambda *_: pytest.fail("opened"))
    right = replace(predictions, labels=("sad",))
    assert mistake_strips(right, samples, Cache(tmp_path / "cache")) == {}


def test_poses_come_from_the_estimator_of_the_model():
    how = JointPreprocess(length=12, rate=24, poses="mediapipe", pose_models="full.task")
    assert poses_used(how) == PoseSettings("mediapipe", models=Path("full.task"))
    assert poses_used(ClipPreprocess) == PoseSettings("blazepose")


# --- In a browser ------------------------------------------------------------------------------------------


def test_a_browser_shows_the_page(tmp_path):
    program, magenta = find_browser(), (255, 0, 255)
    write_report(report_of(mixed()), tmp_path / "run", {"walk4.mp4": jpeg(magenta)})
    shot = tmp_path / "shot.png"
    done = subprocess.run(
        [program, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
         "--enable-logging=stderr", "--hide-scrollbars", "--force-device-scale-factor=1",
         "--window-size=900,5000", f"--screenshot={shot}", (tmp_path / "run" / "report.html").as_uri()],
        capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert shot.exists(), done.stderr
    # What the page's own policy refuses, and what is not well-formed, the browser says on its console.
    assert "CONSOLE" not in done.stderr
    picture = cv2.imread(str(shot))[..., ::-1]
    columns = picture.shape[1]
    assert near(picture, magenta) == pytest.approx(60 * 300, rel=0.02)  # the strip, in its own size
    assert near(picture, (0, 114, 178)) > 150  # the model on the scale, the bars
    assert (picture < 100).all(axis=-1).sum() > 3000  # words
    assert not (picture[:, -10:] < 250).any()  # nothing sticks out on the right
    assert columns == 900
