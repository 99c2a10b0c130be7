"""Classical models: scikit-learn's contract, nobody on both sides of an inner fold, and files without code."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.utils.estimator_checks import parametrize_with_checks

from gait.errors import GaitmoodError
from gait.models import MODELS, architecture, classical
from training import classical as fitting
from training.balance import cut, oversampled, shown_walks
from training.classical import fit_classical, grouped_folds
from training.options import TrainOptions

NAMES = [name for name in MODELS if MODELS[name].kind == "features" and name != "best_classical"]
every_model = pytest.mark.parametrize("name", NAMES)


# --- scikit-learn's contract -------------------------------------------------------------------------------


def quick(name: str):
    """A pipeline whose forest is small: the checks fit it a hundred times."""
    pipeline = architecture(name).build(0)
    if "n_estimators" in architecture(name).fixed:
        pipeline.set_params(model__n_estimators=5)
    return pipeline


# What cannot hold for these, and why.
NOT_OURS = {
    "check_estimators_nan_inf": "NaN is a feature that is not known; infinity is refused",
    "check_estimators_overwrite_params": "a pipeline fits the steps it was given",
    "check_dont_overwrite_parameters": "a pipeline fits the steps it was given",
    "check_supervised_y_2d": "calibration warns in its own words",
    "check_sample_weight_equivalence_on_dense_data": "imputer and scaler look at rows, not at weights",
    "check_sample_weight_equivalence_on_sparse_data": "walk features are dense",
}


@pytest.mark.slow
@parametrize_with_checks([quick(name) for name in NAMES], expected_failed_checks=lambda _: NOT_OURS)
def test_scikit_learns_own_checks(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)


@every_model
def test_every_setting_of_the_grid_is_one_of_the_estimator(name):
    parts = architecture(name)
    for index in range(max(map(len, parts.grid.values()))):
        chosen = {k: values[index % len(values)] for k, values in parts.grid.items()}
        assert (
            chosen.items()
            <= parts.build_scorer(0)
            .set_params(**{f"model__{k}": v for k, v in chosen.items()})
            .named_steps["model"]
            .get_params()
            .items()
        )
        assert parts.build(0, chosen)


# --- A small world -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Features:
    """Preprocessing whose walks are their own features; a mirror turns the first one round."""

    def read(self, walk):
        return walk

    def read_mirrored(self, walk):
        return walk * np.where(np.arange(len(walk)) == 0, -1, 1).astype(np.float32)


def world(people: int = 8, seed: int = 0, width: int = 5):
    """Three classes told apart by two features; a person has an offset of its own and three to five walks."""
    rng = np.random.default_rng(seed)
    walks, labels, groups = [], [], []
    for person in range(people):
        own = rng.normal(size=width)
        for label in [0, 1, 2, *[0] * (person % 3)]:
            walk = own + rng.normal(size=width)
            walk[1:3] += [3 * (label == 1), 3 * (label == 2)]
            walks.append(walk.astype(np.float32))
            labels.append(label)
            groups.append(f"p{person}")
    walks[3][4] = np.nan
    return walks, np.array(labels), np.array(groups)


def fit(name: str, walks, labels, groups, **options):
    options = TrainOptions(model=name, **{"jobs": 1, "seed": 3, **options})
    return fit_classical(options, Features(), walks, labels, groups)


@pytest.fixture
def few_trees(monkeypatch):
    """Forests of twenty trees."""
    for name in ("random_forest", "extra_trees"):
        monkeypatch.setattr(classical, name, replace(getattr(classical, name), fixed={"n_estimators": 20}))


@every_model
def test_learns_what_can_be_learned_with_features_that_are_not_known(name, few_trees, capsys):
    walks, labels, groups = world()
    model = fit(name, walks, labels, groups)
    others, truth, _ = world(seed=9)
    p = model.predict_on_batch(np.stack(others))["emotion"]
    assert p.dtype == np.float32
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-6)
    assert (p.argmax(axis=1) == truth).mean() > 0.6
    assert model.count_params() > 10
    everything_missing = np.full((2, 5), np.nan, np.float32)
    assert np.isfinite(model.predict_on_batch(everything_missing)["emotion"]).all()
    assert "Settings chosen inside the training subjects" in capsys.readouterr().out


@every_model
def test_same_seed_same_bytes_of_predictions(name, few_trees):
    walks, labels, groups = world(people=5)
    one, two = (fit(name, walks, labels, groups) for _ in range(2))
    x = np.stack(world(seed=4)[0])
    assert one.predict_on_batch(x)["emotion"].tobytes() == two.predict_on_batch(x)["emotion"].tobytes()


@every_model
def test_a_feature_that_is_never_known_is_kept_and_warns_nobody(name, few_trees):
    walks, labels, groups = world(people=5)
    for walk in walks:
        walk[4] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", DeprecationWarning)
        model = fit(name, walks, labels, groups)
        p = model.predict_on_batch(np.stack(walks))["emotion"]
    assert np.isfinite(p).all()


def test_a_perceptron_that_is_stopped_says_nothing(monkeypatch):
    monkeypatch.setattr(classical, "mlp", replace(classical.mlp, fixed={"solver": "lbfgs", "max_iter": 1}))
    walks, labels, groups = world(people=4)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        fit("mlp", walks, labels, groups, jobs=2)


# --- Folds -------------------------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 6)), min_size=2, max_size=40),
    st.integers(0, 1000),
)
@settings(deadline=None, max_examples=60)
def test_inner_folds_share_no_subject_and_train_on_every_class(rows, seed):
    y, groups = (np.array(column) for column in zip(*rows, strict=True))
    folds = grouped_folds(y, groups, seed)
    if not folds:
        return
    assert 2 <= len(folds) <= fitting.INNER_FOLDS
    for train, test in folds:
        assert not set(groups[train]) & set(groups[test])
        assert set(y[train]) == set(y)
        assert len(test)
    np.testing.assert_array_equal(np.sort(np.concatenate([t for _, t in folds])), np.arange(len(y)))


def test_there_are_folds_where_every_class_has_two_subjects():
    _, labels, groups = world(people=2)
    assert len(grouped_folds(labels, groups, 0)) == 2
    _, labels, groups = world(people=8)
    assert len(grouped_folds(labels, groups, 0)) == fitting.INNER_FOLDS


@every_model
def test_mirror_images_and_calibration_stay_with_their_subject(name, few_trees, monkeypatch):
    """Whatever is fitted while settings are chosen, or scores calibrated, sees no row of those judged."""
    made = []
    monkeypatch.setattr(
        fitting, "grouped_folds", lambda *a: made.append((a, grouped_folds(*a))) or made[-1][1]
    )
    walks, labels, groups = world(people=5)
    model = fit(name, walks, labels, groups, augment=True)
    ((y, who, _), folds) = made[0]
    assert len(y) == 2 * len(walks)
    np.testing.assert_array_equal(who[: len(walks)], who[len(walks) :])
    for train, test in folds:
        assert not set(who[train]) & set(who[test])
    last = model.pipeline.named_steps["model"]
    assert isinstance(last, CalibratedClassifierCV) == (name == "svm")


def test_one_subject_only_takes_the_middle_settings_and_says_so(few_trees, capsys):
    walks, labels, _ = world(people=3)
    model = fit("random_forest", walks, labels, ["p"] * len(walks))
    assert "Settings not chosen" in capsys.readouterr().out
    chosen = model.pipeline.named_steps["model"].get_params()
    assert chosen["min_samples_leaf"] == 2
    assert chosen["max_features"] == "sqrt"


def test_one_subject_only_cannot_calibrate_and_says_what_to_do():
    walks, labels, _ = world(people=3)
    with pytest.raises(GaitmoodError, match=r"svm needs walks of two subjects.*random_forest"):
        fit("svm", walks, labels, ["p"] * len(walks))


def test_the_best_model_inside_the_training_subjects_is_chosen(few_trees, capsys, monkeypatch):
    """A constant answer against one that learns: the better inner score wins."""
    walks, labels, groups = world(people=6)
    constant = classical.Classical(DummyClassifier, {}, {"strategy": ["prior", "most_frequent"]})
    monkeypatch.setattr(classical, "random_forest", constant)
    monkeypatch.setattr(
        classical, "best_classical", classical.Choice(("random_forest", "logistic_regression"))
    )
    model = fit("best_classical", walks, labels, groups)
    assert isinstance(model.pipeline.named_steps["model"], classical.LogisticRegression)
    assert (
        "Model and settings chosen inside the training subjects: logistic_regression"
        in capsys.readouterr().out
    )
    alone = fit("logistic_regression", walks, labels, groups)
    x = np.stack(walks)
    np.testing.assert_array_equal(model.predict_on_batch(x)["emotion"], alone.predict_on_batch(x)["emotion"])


def test_the_choice_without_folds_leaves_out_what_needs_them(few_trees, monkeypatch, capsys):
    walks, labels, _ = world(people=3)
    monkeypatch.setattr(classical, "best_classical", classical.Choice(("svm", "random_forest")))
    model = fit("best_classical", walks, labels, ["p"] * len(walks))
    assert isinstance(model.pipeline.named_steps["model"], classical.RandomForestClassifier)
    assert "The middle ones of random_forest are taken" in capsys.readouterr().out


# --- Balance -----------------------------------------------------------------------------------------------

LABELS = np.array([0] * 7 + [1] * 3 + [2] * 4)


def test_cut_keeps_as_many_of_each_class_as_of_the_rarest():
    kept = cut(LABELS, np.random.default_rng(0))
    assert np.bincount(LABELS[kept]).tolist() == [3, 3, 3]
    assert len(set(kept)) == 9
    assert (np.diff(kept) > 0).all()
    assert {*kept} != {*cut(LABELS, np.random.default_rng(1))}


def test_oversampling_shows_every_walk_of_a_class_equally_often_or_once_more():
    shown = oversampled(LABELS, np.random.default_rng(0))
    assert np.bincount(LABELS[shown]).tolist() == [7, 7, 7]
    times = np.bincount(shown)
    assert set(times[:7]) == {1}
    assert sorted(times[7:10]) == [2, 2, 3]
    assert sorted(times[10:]) == [1, 2, 2, 2]


@pytest.mark.parametrize("balance", ["weights", "none"])
def test_without_oversampling_or_cutting_every_walk_is_shown_once(balance):
    np.testing.assert_array_equal(shown_walks(LABELS, balance, 0), np.arange(14))


@pytest.mark.parametrize(
    ("balance", "counts", "weights"),
    [
        ("weights", [14, 6, 8], [14 / (3 * 7), 14 / (3 * 3), 14 / (3 * 4)]),
        ("oversample", [14, 14, 14], [1, 1, 1]),
        ("cut", [6, 6, 6], [1, 1, 1]),
        ("none", [14, 6, 8], [1, 1, 1]),
    ],
)
def test_every_balance_works_for_classical_models(balance, counts, weights, monkeypatch):
    seen = {}

    class Recorder(classical.RandomForestClassifier):
        def fit(self, X, y, sample_weight=None):
            seen.update(X=X, y=y, w=sample_weight)
            return super().fit(X, y, sample_weight)

    parts = replace(classical.random_forest, estimator=Recorder, fixed={"n_estimators": 3})
    monkeypatch.setattr(classical, "random_forest", parts)
    walks = list(np.random.default_rng(0).normal(size=(14, 5)).astype(np.float32))
    fit("random_forest", walks, LABELS, [f"p{i % 4}" for i in range(14)], balance=balance)
    assert np.bincount(seen["y"]).tolist() == counts  # each walk comes with its mirror image
    for label, weight in enumerate(weights):
        np.testing.assert_allclose(seen["w"][seen["y"] == label], weight)


def test_without_augmentation_there_are_no_mirror_images(few_trees):
    walks, labels, groups = world(people=4)
    options = TrainOptions(model="random_forest", augment=False)
    X, y, who, weights = fitting._training_rows(options, Features(), walks, labels, groups)
    np.testing.assert_array_equal(X, np.stack(walks))
    assert len(y) == len(who) == len(weights) == len(walks)


# --- Files -------------------------------------------------------------------------------------------------


@every_model
def test_what_is_restored_answers_the_same_and_holds_no_code(name, few_trees):
    walks, labels, groups = world(people=4)
    model = fit(name, walks, labels, groups)
    data = classical.dump(model)
    again = classical.restore(data)
    x = np.stack(world(seed=2)[0])
    np.testing.assert_array_equal(again.predict_on_batch(x)["emotion"], model.predict_on_batch(x)["emotion"])
    assert set(skops.io.get_untrusted_types(data=data)) <= set(classical.TRUSTED)
    assert not [kind for kind in classical.TRUSTED if not kind.startswith(("sklearn.", "numpy."))]
    assert again.count_params() == model.count_params()


def test_bytes_that_ask_for_a_stranger_are_refused():
    from collections import UserDict

    data = skops.io.dumps({"model": UserDict(a=1)})
    with pytest.raises(ValueError, match=r"it asks for collections.UserDict"):
        classical.restore(data)


def test_folds_are_scikit_learns():
    """The splitter is theirs; with plenty of subjects nothing is changed about it."""
    _, labels, groups = world(people=8)
    theirs = StratifiedGroupKFold(4, shuffle=True, random_state=5).split(labels, labels, groups)
    for (train, test), (a, b) in zip(grouped_folds(labels, groups, 5), theirs, strict=True):
        np.testing.assert_array_equal(train, a)
        np.testing.assert_array_equal(test, b)
