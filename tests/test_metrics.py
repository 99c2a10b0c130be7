"""Scores against scikit-learn and by hand, intervals against theory, agreement against enumeration."""

import math
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk

from gait import metrics

EWALK = Path(__file__).resolve().parents[2] / "shared" / "data" / "ewalk"

# true: two of class 0, three of class 1, none of class 2; class 3 is neither there nor predicted.
LABELS = np.array([0, 0, 1, 1, 1])
PREDICTED = np.array([0, 1, 1, 1, 2])


@st.composite
def labels_and_answers(draw):
    K = draw(st.integers(2, 6))
    classes = st.integers(0, K - 1)
    rows = draw(st.lists(st.tuples(classes, classes), min_size=1, max_size=40))
    return K, *np.array(rows).T


# --- Scores ------------------------------------------------------------------------------------------------


def test_scores_agree_with_hand_calculation():
    s = metrics.scores(LABELS, PREDICTED, 4)

    assert s.confusion.tolist() == [[1, 1, 0, 0], [0, 2, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert s.support.tolist() == [2, 3, 0, 0]
    assert s.accuracy == pytest.approx(3 / 5)
    assert s.balanced_accuracy == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert s.precision == pytest.approx([1, 2 / 3, 0, 0])
    assert s.recall == pytest.approx([1 / 2, 2 / 3, 0, 0])
    assert s.f_score == pytest.approx([2 / 3, 2 / 3, 0, 0])
    # Class 2 was predicted and counts as a 0; class 3 does not occur and does not count.
    assert s.macro.precision == pytest.approx((1 + 2 / 3) / 3)
    assert s.macro.f_score == pytest.approx((2 / 3 + 2 / 3) / 3)
    assert s.weighted.precision == pytest.approx((2 * 1 + 3 * 2 / 3) / 5)


@settings(max_examples=60, deadline=None)
@given(labels_and_answers())
def test_scores_agree_with_scikit_learn_and_never_warn(case):
    K, labels, predicted = case
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        s = metrics.scores(labels, predicted, K)

    for average, ours in (("macro", s.macro), ("weighted", s.weighted)):
        p, r, f, _ = sk.precision_recall_fscore_support(labels, predicted, average=average, zero_division=0)
        assert (ours.precision, ours.recall, ours.f_score) == pytest.approx((p, r, f))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn mentions predicted classes that are absent
        assert s.balanced_accuracy == pytest.approx(sk.balanced_accuracy_score(labels, predicted))
    assert s.confusion.sum() == len(labels)
    assert s.confusion.trace() / len(labels) == pytest.approx(s.accuracy)
    assert s.confusion.sum(axis=1).tolist() == s.support.tolist()


@settings(max_examples=40, deadline=None)
@given(labels_and_answers(), st.randoms(use_true_random=False))
def test_scores_do_not_depend_on_the_order_of_rows(case, random):
    K, labels, predicted = case
    order = list(range(len(labels)))
    random.shuffle(order)
    a, b = metrics.scores(labels, predicted, K), metrics.scores(labels[order], predicted[order], K)

    assert (a.accuracy, a.balanced_accuracy, a.macro, a.weighted) == pytest.approx(
        (b.accuracy, b.balanced_accuracy, b.macro, b.weighted)
    )
    assert (a.confusion == b.confusion).all()


def test_probabilities_score_as_their_first_highest_class():
    probabilities = np.array([[0.4, 0.4, 0.2], [0.1, 0.2, 0.7], [0.3, 0.35, 0.35], [0.2, 0.2, 0.6]])
    labels = np.array([0, 2, 1, 0])

    s = metrics.scores(labels, probabilities, 3)

    assert s.accuracy == 0.75
    assert s.confusion.tolist() == metrics.scores(labels, np.array([0, 2, 1, 2]), 3).confusion.tolist()


@pytest.mark.parametrize(
    ("labels", "answers", "message"),
    [
        ([], [], "N > 0"),
        ([0, 1], [0, 1, 1], "shape|expected labels"),
        ([0, 1], [[0.5, 0.5], [0.1, 0.9]], r"\(N, 3\)"),
        ([0, 3], [0, 1], "labels to be integers from 0 to 2"),
        ([0, 1], [0, -1], "answers to be integers from 0 to 2"),
        ([0.0, 1.5], [0, 1], "labels to be integers"),
        ([0, 1], [[0.2, 0.3, 0.5], [np.nan, 0.5, 0.5]], "NaN"),
    ],
)
def test_wrong_input_to_scores_is_refused(labels, answers, message):
    with pytest.raises(ValueError, match=message):
        metrics.scores(np.array(labels), np.array(answers), 3)


def test_constant_answers():
    labels = np.array([2, 2, 1, 1, 0])

    assert metrics.chance(4) == 0.25
    assert metrics.majority_accuracy(labels, 4) == (1, 0.4)
    assert metrics.majority_accuracy(labels, 4, majority=0) == (0, 0.2)
    assert metrics.majority_accuracy(labels, 4, majority=3) == (3, 0.0)


# --- Intervals ---------------------------------------------------------------------------------------------


def test_interval_of_independent_rows_agrees_with_the_binomial():
    """The bootstrap of a share is a binomial: its quantiles are known without simulation."""
    right = np.arange(150) < 90

    low, high = metrics.interval(np.ones(150, int), right.astype(int), None, resamples=4000)

    theory = stats.binom.ppf([0.025, 0.975], 150, 0.6) / 150
    assert (low, high) == pytest.approx(tuple(theory), abs=1.5 / 150)


def test_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(5)
    covered = 0
    for seed in range(200):
        # 40 people, 3 walks each, who differ in how easy they are to read.
        right = rng.random((40, 3)) < rng.beta(3, 2, size=(40, 1))
        people = np.repeat(np.arange(40), 3)
        low, high = metrics.interval(np.ones(120, int), right.ravel(), people, resamples=300, seed=seed)
        covered += low <= 0.6 <= high
    assert 0.88 <= covered / 200 <= 0.99


def test_walks_of_one_person_do_not_count_as_independent():
    """Ten people whose five walks stand or fall together carry ten observations, not fifty."""
    right = np.repeat([1, 1, 1, 1, 1, 1, 0, 0, 0, 0], 5)
    people = np.repeat([f"p{i}" for i in range(10)], 5)
    labels = np.ones(50, int)

    low, high = metrics.interval(labels, right, people)
    naive_low, naive_high = metrics.interval(labels, right, None)

    assert high - low == pytest.approx(math.sqrt(5) * (naive_high - naive_low), rel=0.2)


def test_any_statistic_is_resampled_as_accuracy_is():
    rng = np.random.default_rng(2)
    labels, predicted = rng.integers(3, size=(2, 60))
    people = rng.integers(13, size=60)

    general = metrics.interval(labels, predicted, people, lambda a, b: float(np.mean(a == b)), resamples=300)
    assert general == pytest.approx(metrics.interval(labels, predicted, people, resamples=300))

    low, high = metrics.interval(labels, predicted, people, metrics.balanced_accuracy, resamples=300)
    assert low < metrics.balanced_accuracy(labels, predicted) < high


def test_interval_is_the_same_for_a_seed_and_another_for_another():
    rng = np.random.default_rng(0)
    labels, predicted = rng.integers(2, size=(2, 97))

    assert metrics.interval(labels, predicted, None, seed=3) == metrics.interval(
        labels, predicted, None, seed=3
    )
    intervals = {metrics.interval(labels, predicted, None, resamples=50, seed=s) for s in range(5)}
    assert len(intervals) > 1


def test_interval_needs_two_people():
    assert all(map(math.isnan, metrics.interval(np.array([0, 1, 1]), np.array([0, 1, 0]), ["a", "a", "a"])))
    assert all(map(math.isnan, metrics.interval(np.array([0]), np.array([0]), None)))


@pytest.mark.parametrize("right", [True, False])
def test_everything_right_or_wrong_gives_the_exact_interval_of_as_many_trials_as_people(right):
    labels = np.zeros(12, int)
    people = np.repeat(np.arange(6), 2)

    found = metrics.interval(labels, labels if right else labels + 1, people)

    exact = stats.binomtest(6 if right else 0, 6).proportion_ci(0.95, method="exact")
    assert found == pytest.approx((exact.low, exact.high))


@given(labels_and_answers())
@settings(deadline=None, max_examples=60)
def test_the_macro_f_score_that_is_resampled_is_that_of_the_scores(drawn):
    K, labels, predicted = drawn
    assert metrics.macro_f_score(labels, predicted) == pytest.approx(
        metrics.scores(labels, predicted, K).macro.f_score
    )


# --- Two answers to the same walks -------------------------------------------------------------------------


def test_the_paired_interval_by_hand_for_two_groups():
    """Two people, one walk each: the resamples are AA, AB, BA and BB, so the mean takes three values."""
    labels, first, second = np.array([0, 0]), np.array([0, 0]), np.array([1, 0])
    found, low, high = metrics.paired_difference(labels, first, second, ["A", "B"])
    assert (found, low, high) == (0.5, 0.0, 1.0)


def test_answers_that_are_right_together_differ_by_nothing_for_sure():
    """Each alone has a wide interval; on the same walks there is no difference at all."""
    labels = np.arange(40) % 2
    answers = np.where(np.arange(40) < 20, labels, 1 - labels)
    people = np.arange(40) // 4
    assert metrics.paired_difference(labels, answers, answers, people) == (0.0, 0.0, 0.0)
    low, high = metrics.interval(labels, answers, people)
    assert high - low > 0.3


def test_the_paired_interval_covers_a_known_difference():
    """Of 200 simulated tests with 20 people, about 95 % hold the true difference of 0.2 in their interval."""
    rng = np.random.default_rng(0)
    held = 0
    for seed in range(200):
        labels = np.zeros(60, int)
        first, second = (rng.random(60) > share for share in (0.7, 0.5))
        _, low, high = metrics.paired_difference(
            labels, first.astype(int), second.astype(int), np.arange(60) // 3, resamples=300, seed=seed
        )
        held += low <= 0.2 <= high
    assert 0.88 <= held / 200 <= 0.99


def test_one_person_gives_no_paired_interval():
    found, low, high = metrics.paired_difference(
        np.array([0, 1]), np.array([0, 1]), np.array([0, 0]), ["A", "A"]
    )
    assert found == 0.5
    assert np.isnan([low, high]).all()
