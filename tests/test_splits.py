"""Nobody stands on two sides, and no class is lost."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gait.errors import GaitmoodError
from gait.splits import folds_of, groups_of, hold_out


@st.composite
def collections(draw):
    """Labels and groups of walks; every class is walked by two people or more."""
    classes = draw(st.integers(1, 4))
    people = draw(st.integers(2, 12))
    walks = draw(st.lists(st.tuples(st.integers(0, classes - 1), st.integers(0, people - 1)), max_size=40))
    for c in range(classes):
        for person in draw(st.lists(st.integers(0, people - 1), min_size=2, max_size=2, unique=True)):
            walks.append((c, person))
    walks = draw(st.permutations(walks))
    return [f"c{c}" for c, _ in walks], [f"subject {p}" for _, p in walks]


@given(collections(), st.sampled_from([0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5]), st.integers(0, 5))
@settings(deadline=None, max_examples=60)
def test_whole_groups_every_class_and_the_same_each_time(collection, fraction, seed):
    labels, groups = collection
    chosen = hold_out(labels, groups, fraction, seed)
    assert chosen.shape == (len(labels),)
    assert chosen.dtype == bool
    aside = {g for g, c in zip(groups, chosen, strict=True) if c}
    rest = {g for g, c in zip(groups, chosen, strict=True) if not c}
    assert aside
    assert not aside & rest
    assert {y for y, c in zip(labels, chosen, strict=True) if not c} == set(labels)
    np.testing.assert_array_equal(chosen, hold_out(labels, groups, fraction, seed))


@pytest.mark.parametrize("fraction", [0.05, 0.1, 0.2, 0.25, 0.3, 1 / 3, 0.4, 0.45, 0.5])
@pytest.mark.parametrize("seed", range(3))
def test_the_share_is_near_where_groups_allow_it(fraction, seed):
    # 40 people, three walks of each of four classes.
    labels = [c for _ in range(40) for c in "ahns" for _ in range(3)]
    groups = [f"p{i}" for i in range(40) for _ in range(12)]
    chosen = hold_out(labels, groups, fraction, seed)
    assert chosen.mean() == pytest.approx(fraction, abs=0.051)  # two people
    counts = Counter(np.array(labels)[chosen])
    assert len(counts) == 4
    assert max(counts.values()) == min(counts.values())


def test_classes_are_kept_in_proportion_without_subjects():
    labels = ["neutral"] * 60 + ["sad"] * 20 + ["happy"] * 20
    groups = groups_of([None] * 100, [f"{i}.mp4" for i in range(100)])
    counts = Counter(np.array(labels)[hold_out(labels, groups, 0.2, 0)])
    assert counts == {"neutral": 12, "sad": 4, "happy": 4}


def test_the_seed_chooses_the_people():
    labels = ["a", "b"] * 20
    groups = [f"p{i // 2}" for i in range(40)]
    picks = {tuple(hold_out(labels, groups, 0.25, seed)) for seed in range(6)}
    assert len(picks) > 1


def test_a_class_of_two_people_is_never_emptied():
    # Folds may put both of them into one.
    labels = ["a"] * 30 + ["b"] * 2
    groups = [f"p{i}" for i in range(30)] + ["q0", "q1"]
    for seed in range(20):
        chosen = hold_out(labels, groups, 0.5, seed)
        assert not all(chosen[30:])


@pytest.mark.parametrize(
    ("labels", "groups"),
    [
        # Both of two folds take all of some class; setting one person aside takes none.
        ("aabbccddee", "0414242313"),
        # One of three folds is empty.
        ("bbbbaaabb", "525322423"),
    ],
)
def test_where_folds_do_not_serve(labels, groups):
    for seed in range(5):
        chosen = hold_out(list(labels), list(groups), 0.1, seed)
        assert chosen.any()
        assert {y for y, aside in zip(labels, chosen, strict=True) if not aside} == set(labels)


def test_two_walks_a_class():
    chosen = hold_out(["a", "a", "b", "b"], ["1", "2", "3", "4"], 0.2, 0)
    assert 1 <= chosen.sum() <= 2


def test_groups():
    assert groups_of(["anna", None, None, "anna"], ["1", "2", "3", "4"]) == [
        "subject anna",
        "walk 2",
        "walk 3",
        "subject anna",
    ]
    # A walk that is called like a subject is not that subject.
    assert len(set(groups_of(["x", None], ["a", "x"]))) == 2


@pytest.mark.parametrize("fraction", [0, -0.1, 0.51, 1, float("nan")])
def test_impossible_shares(fraction):
    with pytest.raises(GaitmoodError, match=r"\(0, 0.5\]"):
        hold_out(["a", "b"], ["1", "2"], fraction, 0)


@pytest.mark.parametrize("groups", [["1", "1"], []])
def test_one_person_cannot_be_divided(groups):
    with pytest.raises(GaitmoodError, match=r"at least two subjects.*found [01]\. Add walks"):
        hold_out(["a"] * len(groups), groups, 0.2, 0)


def test_classes_of_one_person_are_named():
    with pytest.raises(GaitmoodError, match=r"one subject only: angry, sad\."):
        hold_out(["sad", "sad", "angry", "angry"], ["1", "1", "2", "2"], 0.5, 0)


@given(collections(), st.integers(2, 4), st.integers(0, 1000))
@settings(deadline=None, max_examples=50)
def test_folds_are_whole_groups_and_leave_every_class_something(collection, count, seed):
    labels, groups = collection
    try:
        fold = folds_of(labels, groups, count, seed)
    except GaitmoodError:
        return
    np.testing.assert_array_equal(fold, folds_of(labels, groups, count, seed))
    assert set(fold) <= set(range(count))
    for group in set(groups):
        assert len({f for f, g in zip(fold, groups, strict=True) if g == group}) == 1
    for out in set(fold):
        assert {y for f, y in zip(fold, labels, strict=True) if f != out} == set(labels)


def test_leaving_one_subject_out_makes_each_a_fold_of_its_own():
    groups = ["b", "a", "c", "a", "b", "c"]
    assert folds_of(list("xyxyxy"), groups, None, 0).tolist() == [1, 0, 2, 0, 1, 2]
    assert folds_of(list("xyxyxy"), groups, None, 7).tolist() == [1, 0, 2, 0, 1, 2]


def test_a_class_of_one_person_cannot_be_left_out():
    with pytest.raises(GaitmoodError, match=r"takes all walks of z with it"):
        folds_of(list("xyzxy"), ["a", "a", "a", "b", "b"], None, 0)


def test_more_folds_than_people_are_refused_with_both_numbers():
    with pytest.raises(GaitmoodError, match=r"5 folds need as many subjects.*found 2"):
        folds_of(list("xyxy"), ["a", "a", "b", "b"], 5, 0)
