"""A report distrusts what is too good: all right, or more often right than the raters themselves would be."""

import re

import pytest
from test_report import report_of

from evaluation.report_json import report_json
from evaluation.report_text import report_text
from gait.agreement import HumanAgreement

LABELS = ["happy", "sad", "angry"] * 20
SUBJECTS = [f"p{i // 3}" for i in range(60)]


def rated(share):
    stability = {f"walk{i:03d}.mp4": share for i in range(60)}
    return HumanAgreement(0.5, 0.6, 5, 60, 60, 0.7, 0.3, 0.8, stability)


def with_wrong(count):
    return ["neutral"] * count + LABELS[count:]


def test_all_right_is_a_warning_sign():
    report = report_of(LABELS, LABELS, subjects=SUBJECTS)
    assert "TOO GOOD TO BE TRUE: all 60 answers are right. Look for the answer in what" in " ".join(
        report_text(report).split()
    )
    assert "Look for the answer" in report_json(report)["too_good"]


def test_nearly_all_right_is_one_as_well():
    """Without raters; 98 % of real walks with the answer put into their joints were not suspected before."""
    text = " ".join(report_text(report_of(LABELS, with_wrong(1), subjects=SUBJECTS)).split())
    assert re.search(
        r"TOO GOOD TO BE TRUE: an accuracy of 9\d\.\d % at the least, and people agree far less", text
    )


def test_the_neighbour_that_is_right_as_often_is_named():
    report = report_of(LABELS, LABELS, options={"floors": {"nearest training walk": LABELS}})
    assert "nearest training walk is right about all of them, too" in " ".join(report_text(report).split())


@pytest.mark.parametrize(
    ("labels", "answers"),
    [
        (LABELS[:9], LABELS[:9]),  # nine may be luck
        (["sad"] * 60, ["sad"] * 60),  # so does who always answers sad
        (LABELS, with_wrong(9)),  # 85 %: the interval reaches below nine tenths
        (["sad"] * 59 + ["happy"], ["sad"] * 60),  # 98 %, and no better than always sad
    ],
)
def test_what_may_be_luck_or_skill_is_not_suspected(labels, answers):
    report = report_of(labels, answers)
    assert "TOO GOOD" not in report_text(report)
    assert report_json(report)["too_good"] is None


@pytest.mark.parametrize(("wrong", "suspected"), [(3, True), (20, False)])
def test_who_is_right_more_often_than_raters_asked_again_knows_their_answers(wrong, suspected):
    report = report_of(LABELS, with_wrong(wrong), subjects=SUBJECTS, options={"human": rated(0.75)})
    text = " ".join(report_text(report).split())
    assert "labels that as many raters, asked again, would give again: 75.0 %" in text
    assert ("raters, asked again, would give only 75.0 % of these labels again" in text) == suspected


def test_leaks_are_suspected_no_further():
    """The score without them decides."""
    leaks = [f"walk{i:03d}.mp4" for i in range(40)]
    report = report_of(LABELS, LABELS[:40] + ["neutral"] * 20, options={"leaks": leaks})
    assert "TOO GOOD" not in report_text(report)


def test_no_labels_nothing_to_suspect():
    assert report_json(report_of([None] * 20, ["sad"] * 20))["too_good"] is None
