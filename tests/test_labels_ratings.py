"""Rating spreadsheets: perceived and soft labels, faults by cell, the real survey against plain openpyxl."""

from __future__ import annotations

import csv
import math
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gait.errors import LabelError
from gait.labels import find_samples, perceived_label

EWALK = Path(__file__).parents[2] / "shared" / "data" / "ewalk"


def videos(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / f"{name}.mp4").write_bytes(b"x")
    return folder


def survey(names: str, questions: str, *rows: str) -> list[list[str]]:
    """Rows of a survey from words; a dot is an empty cell."""
    head = [["Gait ID", *[f" {name}" for name in names.split()]]]
    head.append(["Question", *[f"The person appears ... - {q}" for q in questions.split()]])
    return head + [
        [f"Participant {i}", *["" if c == "." else c for c in row.split()]] for i, row in enumerate(rows, 1)
    ]


def save(path: Path, rows: list[list], separator: str = ",") -> Path:
    if path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, delimiter=separator).writerows(rows)
        return path
    from openpyxl import Workbook

    book = Workbook()
    for row in rows:
        book.active.append([None if c == "" else float(c) if str(c).isdigit() else c for c in row])
    book.save(path)
    return path


# Three participants, two videos, two classes in different column order. Means by hand: a: Sad (1+2)/2 = 1.5,
# Joy (5+4)/2 = 4.5; b: Joy (2+3+1)/3 = 2, Sad (4+5+3)/3 = 4.
ROWS = survey("a a b b", "Sad Joy Joy Sad", "1 5 2 4", "2 4 3 5", ". . 1 3")


@pytest.mark.parametrize(("name", "separator"), [("r.xlsx", ""), ("r.csv", ","), ("r.csv", ";")])
def test_perceived_and_soft_labels(tmp_path, name, separator):
    folder = videos(tmp_path, "A", "b")
    found = find_samples(folder, save(tmp_path / name, ROWS, separator))
    a, b = found.samples
    assert found.classes == ("joy", "sad")
    assert (a.label, b.label) == ("joy", "sad")
    assert a.soft == pytest.approx((4.5 / 6, 1.5 / 6))
    assert b.soft == pytest.approx((2 / 6, 4 / 6))
    assert found.source == f"{name} (2 videos, 2.5 raters each at the median)"
    assert found.notes == ()
    assert found.ratings.classes == ("joy", "sad")
    np.testing.assert_array_equal(found.ratings.values["A.mp4"], [[5, 1], [4, 2], [np.nan, np.nan]])
    np.testing.assert_array_equal(found.ratings.values["b.mp4"], [[2, 4], [3, 5], [1, 3]])


def test_spreadsheet_in_the_folder_is_found_by_content_and_sources_that_compete_are_refused(tmp_path):
    folder = videos(tmp_path, "a", "b")
    save(folder / "anything.csv", ROWS)
    assert find_samples(folder).source.startswith("anything.csv")
    (folder / "labels.csv").write_text("video,label\na,joy\n")
    with pytest.raises(LabelError, match=r"anything\.csv, labels\.csv; choose one with --labels"):
        find_samples(folder)
    assert find_samples(folder, folder / "labels.csv").source == "labels.csv"
    (folder / "labels.csv").unlink()
    save(folder / "more.xlsx", ROWS)
    with pytest.raises(LabelError, match=r"anything\.csv, more\.xlsx"):
        find_samples(folder)


def test_tie_is_broken_by_class_order_and_named(tmp_path):
    rows = survey("a a a b b b", "Sad Joy Awe Sad Joy Awe", "4 4 1 5 1 1", "3 3 1 5 1 1")
    found = find_samples(videos(tmp_path, "a", "b"), save(tmp_path / "r.csv", rows))
    assert [s.label for s in found.samples] == ["joy", "sad"]
    assert "r.csv: ties, decided by class order (1): a (joy)" in found.notes


def test_partial_answer_is_left_out_and_named(tmp_path):
    rows = survey("a a b b", "Sad Joy Sad Joy", "5 . 2 3", "1 2 4 1")
    found = find_samples(videos(tmp_path, "a", "b"), save(tmp_path / "r.csv", rows))
    assert [s.label for s in found.samples] == ["joy", "sad"]
    assert np.isnan(found.ratings.values["a.mp4"][0]).all()
    assert any("left out" in note and "Participant 1 (row 3) on a" in note for note in found.notes)


def test_video_that_nobody_rated_is_unlabelled_and_named(tmp_path):
    rows = survey("a a b b c c", "Sad Joy Sad Joy Sad Joy", "5 1 . . 3 4")
    found = find_samples(videos(tmp_path, "a", "b", "d"), save(tmp_path / "r.xlsx", rows))
    assert [s.label for s in found.samples] == ["sad", None, None]
    assert found.samples[1].soft is None
    assert set(found.ratings.values) == {"a.mp4"}
    assert "r.xlsx: videos that nobody rated (1): b" in found.notes
    assert "r.xlsx: labels without a video (1): c" in found.notes
    assert "videos without a label (2): b.mp4, d.mp4" in found.notes


def test_class_that_is_never_highest_is_a_class_and_no_match_gives_none(tmp_path):
    path = save(tmp_path / "r.csv", survey("a a", "Sad Joy", "5 1"))
    assert find_samples(videos(tmp_path / "one", "a"), path).classes == ("joy", "sad")
    nothing = find_samples(videos(tmp_path / "two", "z"), path)
    assert (nothing.classes, nothing.source, nothing.ratings) == ((), "r.csv", None)


@pytest.mark.parametrize("value", ["0", "6", "-1", "5.01", "many", "nan", "inf"])
def test_rating_outside_the_scale_is_refused_by_cell(tmp_path, value):
    rows = survey("a a b b", "Sad Joy Sad Joy", "1 2 3 4", f"1 2 {value} 4")
    path = save(tmp_path / "r.csv", rows)
    with pytest.raises(LabelError) as caught:
        find_samples(videos(tmp_path, "a"), path)
    for word in [str(path), "cell D4", "(b, sad)", f"'{value}'", "1 to 5"]:
        assert word in str(caught.value)


def test_true_in_a_spreadsheet_is_no_rating(tmp_path):
    rows = survey("a a", "Sad Joy", "1 2")
    rows[2][1] = True
    with pytest.raises(LabelError, match=r"cell B3 .*True"):
        find_samples(videos(tmp_path, "a"), save(tmp_path / "r.xlsx", rows))


@pytest.mark.parametrize(
    ("names", "questions", "message"),
    [
        ("a a A", "Sad Joy Sad", r"columns B, D are both sad of A"),
        ("a a b", "Sad Joy Sad", r"b \(columns D\) has no column for joy"),
        ("a b", "Sad Sad", r"rates sad only; expected two or more"),
    ],
)
def test_columns_that_do_not_add_up_are_refused(tmp_path, names, questions, message):
    row = " ".join("3" for _ in names.split())
    with pytest.raises(LabelError, match=message):
        find_samples(videos(tmp_path, "a"), save(tmp_path / "r.csv", survey(names, questions, row)))


def test_rating_column_without_a_video_is_refused(tmp_path):
    rows = survey("a a b b", "Sad Joy Sad Joy", "1 2 3 4")
    rows[0][4] = ""
    with pytest.raises(LabelError, match="no video's name in row 1 of column E"):
        find_samples(videos(tmp_path, "a"), save(tmp_path / "r.csv", rows))


def test_other_columns_are_noted_and_ignored(tmp_path):
    rows = survey("a a", "Sad Joy", "1 2")
    for row, cell in zip(rows, ["Age", "Your age", "30"], strict=True):
        row.insert(1, cell)
    found = find_samples(videos(tmp_path, "a"), save(tmp_path / "r.xlsx", rows))
    assert found.samples[0].label == "joy"
    assert found.notes == ("r.xlsx: unknown columns, not used (1): B (Age / Your age)",)


def test_one_video_under_two_names(tmp_path):
    folder = videos(tmp_path, "a")
    path = save(tmp_path / "r.csv", survey("a a a.mp4 a.mp4", "Sad Joy Sad Joy", "1 5 5 1"))
    with pytest.raises(LabelError, match=r"joy \(columns B, C\), sad \(columns D, E\)"):
        find_samples(folder, path)
    save(path, survey("a a a.mp4 a.mp4", "Sad Joy Sad Joy", "1 5 1 5"))
    assert any("duplicate entries" in note for note in find_samples(folder, path).notes)


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(4, 20).map(lambda n: n / 4), min_size=1))
def test_perceived_label_has_the_highest_mean_and_says_ties(means):
    label, tie = perceived_label(means)
    best = sorted(name for name in means if means[name] == max(means.values()))
    assert (label, tie) == (best[0], len(best) > 1)


def test_perceived_label_takes_rounding_for_a_tie_and_refuses_nothing_and_nan():
    assert perceived_label({"sad": 0.3, "joy": 0.1 + 0.2}) == ("joy", True)
    assert perceived_label({"joy": 3.0, "sad": 3.001}) == ("sad", False)
    for means in ({}, {"joy": math.nan}):
        with pytest.raises(ValueError, match="expected a mean rating"):
            perceived_label(means)


# The real survey


def real_means() -> dict[str, dict[str, list[float]]]:
    """Ratings of the real survey by video and class, with openpyxl and nothing else."""
    from openpyxl import load_workbook

    rows = list(load_workbook(EWALK / "ratings.xlsx").active.values)
    by_video: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for column in range(1, len(rows[0])):
        ratings = [row[column] for row in rows[2:] if row[column] is not None]
        by_video[rows[0][column].strip()][rows[1][column].split(" - ")[-1].lower()] = ratings
    return by_video


@pytest.mark.realdata
@pytest.mark.skipif(not EWALK.exists(), reason="the EWalk sample is not beside the checkout")
@pytest.mark.parametrize("as_csv", [False, True])
def test_real_survey(tmp_path, as_csv):
    path = EWALK / "ratings.xlsx"
    if as_csv:
        from openpyxl import load_workbook

        rows = [["" if c is None else c for c in row] for row in load_workbook(path).active.values]
        path = save(tmp_path / "export.csv", rows, ";")
        (tmp_path / "subjects.csv").write_bytes((EWALK / "subjects.csv").read_bytes())
    found = find_samples(EWALK / "videos", path)
    truth = real_means()
    assert len(found.samples) == len(truth) == 61
    assert found.classes == ("angry", "happy", "neutral", "sad")
    for sample in found.samples:
        means = [np.mean(truth[Path(sample.name).stem][name]) for name in found.classes]
        assert sample.label == found.classes[int(np.argmax(means))]
        assert sample.soft == pytest.approx(np.array(means) / sum(means))
    # Counted with plain openpyxl on the 61 clips; the data's own README counts all 76.
    assert Counter(s.label for s in found.samples) == {"neutral": 29, "angry": 12, "happy": 9, "sad": 11}
    assert len({s.subject for s in found.samples}) == 16
    assert [note for note in found.notes if "ties" not in note] == []
    assert any(note.endswith("ties, decided by class order (1): VID_RGB_001 (angry)") for note in found.notes)
    assert found.ratings.values["VID_RGB_005.mp4"].shape == (88, 4)
    raters = np.median([len(by_class["happy"]) for by_class in truth.values()])
    assert f"61 videos, {raters:g} raters each" in found.source
