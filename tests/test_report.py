"""Predictions and the report: what a person reads, what a program reads, and that both survive odd names."""

import csv
import errno
import json
import os
import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.figures import calibration_figure, confusion_figure, png
from evaluation.report import make_report
from evaluation.report_files import FILES, write_report
from evaluation.report_json import report_json
from evaluation.report_text import report_text
from gait.agreement import HumanAgreement
from gait.calibration import Reliability
from gait.errors import GaitmoodError
from gait.predictions import Predictions

EMOTIONS = ("angry", "happy", "neutral", "sad")


def predictions_of(labels, answers, classes=EMOTIONS, subjects=None, names=None):
    """Predictions that answer ``answers`` (class names) with probability 0.7."""
    K, N = len(classes), len(answers)
    probabilities = np.full((N, K), 0.3 / (K - 1))
    probabilities[np.arange(N), [classes.index(a) for a in answers]] = 0.7
    names = names or [f"walk{i:03d}.mp4" for i in range(N)]
    return Predictions(names, classes, probabilities, labels, subjects or [None] * N, range(1, N + 1))


def report_of(*args, title="Test of videosTest", model="cnn_lstm", options=None, **kwargs):
    return make_report(predictions_of(*args, **kwargs), title=title, model=model, **(options or {}))


def display_width(line):
    return sum((c not in "\u0301") + (unicodedata.east_asian_width(c) in "WF") for c in line)


# --- Predictions -------------------------------------------------------------------------------------------


@st.composite
def any_predictions(draw):
    name = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=12)
    classes = draw(st.lists(name, min_size=2, max_size=5, unique=True))
    N = draw(st.integers(0, 7))
    weights = st.lists(st.floats(1e-6, 1), min_size=len(classes), max_size=len(classes))
    raw = np.array(draw(st.lists(weights, min_size=N, max_size=N))).reshape(N, len(classes))

    def column(values):
        return draw(st.lists(values, min_size=N, max_size=N))

    return Predictions(
        names=column(name),
        classes=classes,
        probabilities=raw / raw.sum(axis=1, keepdims=True),
        labels=column(st.none() | st.sampled_from(classes)),
        subjects=column(st.none() | name),
        clips=column(st.integers(1, 99)),
    )


@settings(max_examples=60, deadline=None)
@given(any_predictions())
def test_csv_gives_back_exactly_what_was_saved(tmp_path_factory, predictions):
    path = tmp_path_factory.mktemp("csv") / "predictions.csv"
    predictions.save_csv(path)
    loaded = Predictions.load_csv(path)

    for field in ("names", "classes", "labels", "subjects", "clips", "predicted"):
        assert getattr(loaded, field) == getattr(predictions, field)
    assert (loaded.probabilities == predictions.probabilities).all()
    assert loaded.probabilities.shape == predictions.probabilities.shape


def test_csv_is_a_plain_table(tmp_path):
    p = Predictions(["a.mp4"], ["x", "y"], np.float32([[0.25, 0.75]]), [None], ["S1"], [3])
    p.save_csv(tmp_path / "p.csv")

    with (tmp_path / "p.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["video", "true", "predicted", "subject", "clips", "p_x", "p_y"],
        ["a.mp4", "", "y", "S1", "3", "0.25", "0.75"],
    ]


def test_a_file_name_that_is_not_utf8_survives(tmp_path):
    name = os.fsdecode(b"gr\xfc\xdfe.mp4")
    report = report_of(["sad"], ["sad"], names=[name])
    write_report(report, tmp_path / "run")

    assert Predictions.load_csv(tmp_path / "run" / "predictions.csv").names == (name,)
    assert json.loads((tmp_path / "run" / "report.json").read_text())["walks"][0]["video"] == name
    assert "walk" in (tmp_path / "run" / "report.txt").read_text(encoding="utf-8")


def test_of_equal_probabilities_the_first_class_is_predicted():
    p = Predictions(
        ["a", "b"], ["x", "y", "z"], [[0.2, 0.4, 0.4], [0.5, 0.0, 0.5]], [None] * 2, [None] * 2, [1, 1]
    )
    assert p.predicted == ("y", "x")


def test_probabilities_cannot_be_changed_from_outside():
    mine = np.array([[0.25, 0.75]])
    p = Predictions(["a"], ["x", "y"], mine, [None], [None], [1])
    mine[:] = 0
    assert p.probabilities.tolist() == [[0.25, 0.75]]
    with pytest.raises(ValueError, match="read-only"):
        p.probabilities[0, 0] = 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"probabilities": [[0.5, 0.5]]}, r"expected probabilities of shape \(2, 3\)"),
        ({"probabilities": [[0.5, 0.5, 0], [np.nan, 0.5, 0.5]]}, "sum to 1 for 'b'"),
        ({"probabilities": [[0.5, 0.5, 0.5], [1, 0, 0]]}, "sum to 1 for 'a'"),
        ({"probabilities": [[1, 0, 0], [1.5, -0.5, 0]]}, "sum to 1 for 'b'"),
        ({"labels": ["x"]}, "expected 2 labels"),
        ({"clips": [1, 1, 1]}, "expected 2 clips"),
    ],
)
def test_wrong_predictions_are_refused(change, message):
    good = {
        "names": ["a", "b"],
        "classes": ["x", "y", "z"],
        "probabilities": [[1, 0, 0], [0, 1, 0]],
        "labels": ["x", None],
        "subjects": [None, None],
        "clips": [1, 1],
    }
    Predictions(**good)
    with pytest.raises(ValueError, match=message):
        Predictions(**{**good, **change})


def test_labels_of_other_classes_are_refused_with_both_named():
    with pytest.raises(GaitmoodError, match=r"knows the classes angry, happy.*labelled afraid.*train"):
        predictions_of(["afraid", "sad"], ["sad", "sad"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("video,label\na,b\n", "expected the columns video, true"),
        ("video,true,predicted,subject,clips,p_x,p_y\na,x,x,,1,1.0\n", "row 2 has 6 cells, expected 7"),
        ("video,true,predicted,subject,clips,p_x,p_y\na,x,x,,1,1.0,high\n", "damaged"),
    ],
)
def test_a_file_that_is_no_predictions_table_is_refused(tmp_path, text, message):
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(GaitmoodError, match=message):
        Predictions.load_csv(tmp_path / "p.csv")
    with pytest.raises(GaitmoodError, match=r"cannot read.*missing\.csv"):
        Predictions.load_csv(tmp_path / "missing.csv")


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_nothing_half_written_is_left_by_a_full_disk_or_ctrl_c(tmp_path, monkeypatch, error):
    (tmp_path / "p.csv").write_text("before")

    def fail(_):
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises((GaitmoodError, KeyboardInterrupt), match=r"^$|cannot write .*p\.csv: No space left"):
        predictions_of(["sad"], ["sad"]).save_csv(tmp_path / "p.csv")

    assert [p.name for p in tmp_path.iterdir()] == ["p.csv"]
    assert (tmp_path / "p.csv").read_text() == "before"


# --- The report as text ------------------------------------------------------------------------------------

# Four labelled videos, three right: the bootstrap of 3/4 is binomial, with 95 % from 1/4 to 1.
GOLDEN = """\
Test of videosTest
model: cnn_lstm
tested: 5 walks, 1 of them without a label: listed, not scored

Predictions (probabilities in %)
video        true     predicted  angry  happy  neutral
walk000.mp4  happy    happy       15.0   70.0     15.0  right
walk001.mp4  happy    angry       70.0   15.0     15.0  wrong
walk002.mp4  neutral  neutral     15.0   15.0     70.0  right
walk003.mp4  neutral  neutral     15.0   15.0     70.0  right
walk004.mp4  -        angry       70.0   15.0     15.0

Left out: 1 file
  torn.mp4: the file ends early

Scores on 4 labelled walks (in %)
                  precision  recall  F-score  support
angry                   0.0     0.0      0.0        0
happy                 100.0    50.0     66.7        2
neutral               100.0   100.0    100.0        2
macro average          66.7    50.0     55.6        4
weighted average      100.0    75.0     83.3        4
No walk of this test is angry: balanced accuracy is the others' mean recall.

Confusion matrix (rows: true, columns: predicted)
         angry  happy  neutral
angry        0      0        0
happy        1      1        0
neutral      0      0        2

accuracy: 75.0 % (95 % interval 25.0 to 100.0 %, resampling 4 videos, subjects unknown)
balanced accuracy: 75.0 % (50.0 to 100.0 %)
macro F-score: 55.6 % (33.3 to 100.0 %)
always answering 'neutral' (none was more frequent in training): 50.0 %
chance (guessing among 3 classes): 33.3 %
accuracy less that of always answering 'neutral': +25.0 points (95 % interval +0.0 to +75.0)
stated probability of the answers, mean: 70.0 % (expected calibration error 5.0 %)
one rater agrees with the others: 55.9 %; two panels of five: 68.0 %

This test cannot tell the model from always answering 'neutral' (50.0 %). It cannot tell an accuracy of 25.0 %
from one of 100.0 % either. With as few as 4 videos, subjects unknown, the interval is narrower than it should
be: test more people.
"""


def test_the_whole_report_reads_as_it_should():
    report = report_of(
        ["happy", "happy", "neutral", "neutral", None],
        ["happy", "angry", "neutral", "neutral", "angry"],
        classes=EMOTIONS[:3],
        options={
            "training_majority": "neutral",
            "human": HumanAgreement(0.559, 0.68, 5, 61, 53),
            "left_out": [("torn.mp4", "the file ends early")],
        },
    )
    assert report_text(report) == GOLDEN


def test_leaks_come_first_with_the_score_without_them():
    labels = ["sad", "sad", "happy", "happy"]
    report = report_of(
        labels, ["sad", "sad", "sad", "sad"], options={"leaks": ["walk000.mp4", "walk001.mp4"]}
    )
    text = report_text(report)

    assert text.index("LEAK: 2 of these walks were in training:\n  walk000.mp4\n") < text.index("Predictions")
    assert "Without them (2 walks): accuracy 0.0 % (" in text
    assert (
        "With them it would be 50.0 %, which is too high: all that is scored below is without them." in text
    )
    below = text[text.index("Scores on 2 labelled walks") :]
    assert "\naccuracy: 0.0 % (" in below
    assert "50.0" not in below
    assert "right, leak" in text
    assert report_json(report)["scores"]["accuracy"] == 0.5
    assert report_json(report)["scores_without_leaks"]["accuracy"] == 0
    assert report_json(report)["leaks"] == ["walk000.mp4", "walk001.mp4"]


def test_how_the_walks_were_read_is_part_of_the_report():
    remark = "a.mp4: 2 people in view; the one who walks through it longest is followed"
    report = report_of(["happy"], ["happy"], names=["a.mp4"], options={"remarks": [remark]})
    assert f"How the walks were read\n  {remark}" in report_text(report)
    assert report_json(report)["remarks"] == [remark]


def test_a_test_made_only_of_training_walks_is_called_no_test():
    report = report_of(["sad"] * 20, ["sad"] * 20, options={"leaks": [f"walk{i:03d}.mp4" for i in range(20)]})

    assert "LEAK: 20 of these walks were in training" in report_text(report)
    assert "and 10 more" in report_text(report)
    assert "this is no test" in report_text(report)
    assert report_text(report).rstrip().endswith("this says nothing about new walks.")
    assert report_json(report)["scores_without_leaks"] is None


def test_the_verdict_is_on_the_walks_that_did_not_leak():
    """Thirty memorised walks do not make ten guessed ones a success."""
    labels = ["sad", "happy"] * 20
    answers = labels[:30] + ["sad", "sad", "happy", "happy", "sad"] * 2
    report = report_of(labels, answers, options={"leaks": [f"walk{i:03d}.mp4" for i in range(30)]})

    assert report_json(report)["scores"]["verdict"] == "better"
    assert "Without the walks that were in training: This test cannot tell the model from" in report_text(
        report
    )


@pytest.mark.parametrize(
    ("right_of_ten", "verdict", "words"),
    [
        (9, "better", "The model does better than always answering"),
        (5, "undecided", "This test cannot tell the model from always answering"),
        (1, "worse", "The model does worse than always answering"),
    ],
)
def test_the_verdict_holds_the_interval_against_the_best_constant_answer(right_of_ten, verdict, words):
    labels = ["happy", "sad"] * 30
    other = {"happy": "sad", "sad": "happy"}
    answers = [y if i // 2 % 10 < right_of_ten else other[y] for i, y in enumerate(labels)]
    # Training knew mostly angry people, of whom there are none here: beating that alone would be no feat.
    report = report_of(labels, answers, options={"training_majority": "angry"})

    assert report_json(report)["scores"]["verdict"] == verdict
    assert words + " 'happy' (50.0 %)" in report_text(report)
    assert "always answering 'angry' (none was more frequent in training): 0.0 %" in report_text(report)
    assert "always answering 'happy' (none is more frequent in this test): 50.0 %" in report_text(report)


def test_what_is_resampled_is_said_for_people_known_partly_known_and_unknown():
    labels, people = ["sad", "happy"] * 6, ["A", "A", "B", "B", "C", "C"] * 2

    def resampled(subjects):
        return report_json(report_of(labels, ["sad"] * 12, subjects=subjects))["scores"]["resampled"]

    assert resampled(people) == "3 subjects"
    assert resampled(None) == "12 videos, subjects unknown"
    assert resampled([*people[:11], None]) == "3 subjects and 1 video, their subjects unknown"


def test_walks_of_one_person_are_resampled_together():
    """Ten people, each read right or wrong in all four walks: fewer observations, a wider interval."""
    labels = ["sad", "happy"] * 20
    answers = [y if i // 4 < 6 else "angry" for i, y in enumerate(labels)]

    def interval_width(subjects):
        low, high = report_json(report_of(labels, answers, subjects=subjects))["scores"]["interval"]
        return high - low

    people = [f"S{i // 4}" for i in range(40)]
    assert interval_width(people) > 1.5 * interval_width(None)
    # Forty people with a walk each are as good as forty videos of unknown people.
    assert interval_width([f"S{i}" for i in range(40)]) == pytest.approx(interval_width(None), abs=0.05)


def test_without_any_label_there_is_no_score_and_the_way_to_one(tmp_path):
    report = report_of([None, None], ["sad", "happy"])

    assert "walk001.mp4  -     happy" in report_text(report)
    assert "No score can be given" in report_text(report)
    assert "--labels" in report_text(report)
    assert "accuracy" not in report_text(report)
    assert report_json(report)["scores"] is None
    assert [p.name for p in write_report(report, tmp_path)] == list(FILES[:4])


def test_one_walk_and_a_single_class_are_reported_without_pretence():
    one = report_of(["sad"], ["sad"])
    assert "accuracy: 100.0 % (no interval: 1 video, subjects unknown)" in report_text(one)
    assert "cannot tell the model from always answering 'sad'" in report_text(one)
    assert report_json(one)["scores"]["interval"] == [None, None]

    one_class = report_of(["sad"] * 50, ["sad"] * 50)
    assert report_json(one_class)["scores"]["verdict"] == "undecided"


def test_no_walk_at_all_is_said():
    assert "No walk was predicted." in report_text(
        report_of([], [], options={"left_out": [("a.mp4", "torn")]})
    )


def test_every_row_is_printed_however_many():
    text = report_text(report_of(["sad"] * 150, ["sad"] * 150))
    assert all(f"walk{i:03d}.mp4" in text for i in range(150))


def test_long_and_wide_names_keep_the_columns_aligned():
    classes = (
        "amusement",
        "contemptuousness",
        "disappointment",
        "embarrassment",
        "neutral",
        "sadness",
        "悲しみ",
    )
    answers = [classes[i % 7] for i in range(14)]
    names = ["歩行/e\u0301.mp4", "x" * 60 + ".mp4", *(f"walk{i}.mp4" for i in range(12))]
    lines = report_text(report_of(answers, answers, classes=classes, names=names)).splitlines()

    assert all(display_width(line) <= 110 for line in lines)
    rows = [line for line in lines if line.endswith("  right")]
    assert len(rows) == 14
    assert len({display_width(row) for row in rows}) == 1
    assert "x" * 60 + ".mp4" in lines
    assert "7 = 悲しみ" in "\n".join(lines)


def test_a_name_cannot_steer_the_terminal_or_break_a_line():
    report = report_of(["sad"], ["sad"], names=["a\x1b[31m\nLEAK: 9.mp4"], title="t\r")
    assert "a\\x1b[31m\\nLEAK: 9.mp4" in report_text(report)
    assert all(c.isprintable() or c == "\n" for c in report_text(report))


@settings(max_examples=25, deadline=None)
@given(any_predictions(), st.randoms(use_true_random=False))
def test_the_order_of_walks_changes_no_score_and_json_holds_everything(predictions, random):
    order = list(range(len(predictions.names)))
    random.shuffle(order)
    shuffled = Predictions(
        names=[predictions.names[i] for i in order],
        classes=predictions.classes,
        probabilities=predictions.probabilities[order],
        labels=[predictions.labels[i] for i in order],
        subjects=[predictions.subjects[i] for i in order],
        clips=[predictions.clips[i] for i in order],
    )
    one, other = (make_report(p, title="t", model="m") for p in (predictions, shuffled))

    assert report_text(one)
    parsed = json.loads(json.dumps(report_json(one), allow_nan=False))
    assert parsed == report_json(one)
    assert parsed["schema"] == 1
    assert json.dumps(parsed["scores"]) == json.dumps(report_json(other)["scores"])
    for i, walk in enumerate(parsed["walks"]):
        assert walk["video"] == predictions.names[i]
        assert list(walk["probabilities"].values()) == predictions.probabilities[i].tolist()


def test_callers_mistakes_are_named():
    with pytest.raises(ValueError, match="training majority, got 'afraid'"):
        report_of(["sad"], ["sad"], options={"training_majority": "afraid"})
    with pytest.raises(ValueError, match=r"names of walks, got \['other\.mp4'\]"):
        report_of(["sad"], ["sad"], options={"leaks": ["other.mp4"]})


# --- The report as files -----------------------------------------------------------------------------------


def test_the_run_folder_holds_its_files_and_nothing_is_overwritten(tmp_path):
    report = report_of(["sad", "happy"], ["sad", "sad"])
    folder = tmp_path / "runs" / "one"

    written = write_report(report, folder)

    assert [p.name for p in written] == list(FILES)
    assert sorted(p.name for p in folder.iterdir()) == sorted(FILES)
    assert (folder / "report.txt").read_text(encoding="utf-8") == report_text(report)
    assert json.loads((folder / "report.json").read_text()) == report_json(report)
    before = {p: p.stat().st_mtime_ns for p in folder.iterdir()}
    with pytest.raises(GaitmoodError, match=r"already holds report\.html"):
        write_report(report, folder)
    assert before == {p: p.stat().st_mtime_ns for p in folder.iterdir()}


def test_a_file_in_the_way_of_the_folder_is_named(tmp_path):
    Path(tmp_path / "run").write_text("")
    with pytest.raises(GaitmoodError, match="cannot make the folder"):
        write_report(report_of(["sad"], ["sad"]), tmp_path / "run")


# --- The picture -------------------------------------------------------------------------------------------


def test_the_picture_shows_counts_and_row_percentages_in_their_places():
    figure = confusion_figure(np.array([[3, 1, 0], [0, 0, 0], [2, 2, 4]]), ["a", "b", "c"], "Title")
    axes = figure.axes[0]
    cells = {t.get_position(): t.get_text() for t in axes.texts}

    assert cells[(1, 0)] == "1\n25 %"  # x is the predicted class, y the true one
    assert cells[(0, 2)] == "2\n25 %"
    assert cells[(2, 2)] == "4\n50 %"
    assert cells[(0, 1)] == "0\n0 %"
    assert [t.get_text() for t in axes.get_xticklabels()] == ["a", "b", "c"]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["a", "b", "c"]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("predicted", "true", "Title")


def test_the_calibration_picture_shows_bins_and_the_curve():
    stated = Reliability(np.array([0.4, 0.9]), np.array([0.5, 0.7]), np.array([2, 8]))
    curve = (np.array([0.2, 1.0]), np.array([1.0, 0.6]))
    left, right = calibration_figure(stated, curve, 0.25).axes
    np.testing.assert_allclose(left.collections[0].get_offsets(), [[0.4, 0.5], [0.9, 0.7]])
    assert left.get_title() == "expected calibration error 18.0 %"  # (2 * 0.1 + 8 * 0.2) / 10
    np.testing.assert_allclose(right.lines[0].get_xydata(), [[0.2, 1.0], [1.0, 0.6]])


def test_the_surest_half_is_scored():
    report = report_of(["sad"] * 4, ["sad"] * 4, classes=("happy", "sad"))
    p = np.array([[0.1, 0.9], [0.3, 0.7], [0.8, 0.2], [0.6, 0.4]])
    surest = make_report(replace(report.predictions, probabilities=p), title="t", model="m")
    assert "accuracy on the surest 50%: 50.0 %" in report_text(surest)
    assert report_json(surest)["scores"]["answering"]["share"] == [0.25, 0.5, 0.75, 1.0]


def test_names_that_look_like_formulas_or_lack_a_glyph_are_drawn(recwarn):
    picture = png(confusion_figure(np.eye(2, dtype=int), [r"$\frac$", "悲しみ"], r"Test of $x_$ " * 9))
    assert picture.startswith(b"\x89PNG")
    assert not recwarn.list


def test_drawing_leaves_matplotlibs_global_state_alone():
    import subprocess
    import sys

    code = (
        "import sys, numpy as np, evaluation.report, evaluation.figures as f; "
        "assert 'matplotlib' not in sys.modules and 'sklearn' not in sys.modules; "
        "f.png(f.confusion_figure(np.eye(2, dtype=int), 'ab', 't')); assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).resolve().parents[1])


def test_walks_whose_label_other_raters_would_give_again_are_scored_by_themselves():
    human = HumanAgreement(
        0.5, 0.6, 5, 4, 4, 0.7, 0.3, 0.8, {"walk000.mp4": 0.9, "walk001.mp4": 0.5, "walk002.mp4": 1.0}
    )
    report = report_of(
        ["sad", "sad", "happy", "happy"], ["sad", "happy", "sad", "happy"], options={"human": human}
    )
    text = report_text(report)
    assert "a panel of five with all others: 70.0 %" in text
    assert "one rater 0.30, the mean over a walk's raters 0.80" in text
    assert "labels that 80% of resampled raters give again: 2 of 4 walks; accuracy on these 50.0 %" in text
    assert report_json(report)["scores_on_stable_labels"]["walks"] == 2
    assert report_json(report)["human"]["stability"]["walk001.mp4"] == 0.5


def test_a_narrow_interval_is_not_commented_on():
    labels = ["sad", "happy"] * 400
    report = report_of(labels, labels)
    assert "It cannot tell an accuracy" not in report_text(report)


def test_answers_that_need_no_model_are_scored_on_the_same_walks():
    floors = {"nearest training walk": ["sad", "sad", "sad", "happy"], "speed alone": ["happy"] * 4}
    report = report_of(
        ["sad", "sad", "happy", None], ["sad", "happy", "sad", "happy"], options={"floors": floors}
    )
    assert "nearest training walk: 66.7 % (balanced 50.0 %)" in report_text(report)
    assert "speed alone: 33.3 % (balanced 50.0 %)" in report_text(report)
    assert report_json(report)["scores"]["floors"][1] == {
        "name": "speed alone",
        "accuracy": pytest.approx(1 / 3),
        "balanced_accuracy": 0.5,
    }
