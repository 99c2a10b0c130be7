"""Classical models over walk features: random forest, SVM, logistic regression, multilayer perceptron.

Pipelines of scikit-learn's own parts, so they obey its estimator contract. Features that are not known (NaN) take
the training walks' median.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import RobustScaler
from sklearn.svm import SVC

from gait.affect import HIGHEST, LOWEST, NAMES

# Rows of the training side and of the other, for each fold.
Folds = Sequence[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Classical:
    """A classical model.

    Attributes
    ----------
    estimator : type
        Of the pipeline's last step.
    fixed : mapping
        Its settings that are never chosen.
    grid : mapping of str to sequence
        Those that are chosen inside the training subjects, and their values, mild ones in the middle.
    calibrated : bool
        It gives scores, not probabilities: these are fitted to its scores on walks it was not trained on
        (Platt 1999, Probabilistic outputs for support vector machines).
    """

    estimator: type
    fixed: Mapping[str, Any]
    grid: Mapping[str, Sequence[Any]]
    calibrated: bool = False

    def build(self, seed: int, settings: Mapping[str, Any] | None = None, folds: Folds | int = 3) -> Pipeline:
        """The untrained pipeline that gives probabilities.

        Parameters
        ----------
        seed : int
            Fixes everything random in it.
        settings : mapping, optional
            A value for each name in ``grid``; by default the middle one.
        folds : folds or int
            What calibration keeps apart: give folds in which no subject is on both sides, or their number
            where rows do not belong together.
        """
        pipeline = self.build_scorer(seed)
        last = pipeline.named_steps["model"].set_params(**(settings or self.middle))
        if self.calibrated:
            last = CalibratedClassifierCV(last, method="sigmoid", cv=folds, ensemble=False)
        return pipeline.set_params(model=last)

    def build_scorer(self, seed: int) -> Pipeline:
        """The same without calibration: what settings, ``model__NAME``, are chosen with."""
        last = self.estimator(**self.fixed, random_state=seed)
        return Pipeline([*_prepared(), ("model", last)])

    @property
    def middle(self) -> dict[str, Any]:
        """The settings where there is nothing to choose them by."""
        return {name: values[len(values) // 2] for name, values in self.grid.items()}


random_forest = Classical(
    RandomForestClassifier,
    {"n_estimators": 400},
    {"min_samples_leaf": [1, 2, 4], "max_features": [0.5, "sqrt"]},
)
extra_trees = Classical(
    ExtraTreesClassifier,
    {"n_estimators": 400},
    {"min_samples_leaf": [1, 2, 4], "max_features": [0.5, "sqrt"]},
)
svm = Classical(
    SVC, {"kernel": "rbf"}, {"C": [0.3, 1, 3, 10], "gamma": [0.003, 0.01, "scale"]}, calibrated=True
)
logistic_regression = Classical(LogisticRegression, {"max_iter": 2000}, {"C": [0.003, 0.01, 0.03, 0.1, 1.0]})
# L-BFGS: for few samples it converges faster and further than Adam (scikit-learn's user guide, 1.17.6).
mlp = Classical(
    MLPClassifier,
    {"solver": "lbfgs", "max_iter": 300},
    {"hidden_layer_sizes": [(16,), (32,)], "alpha": [0.1, 1.0, 10.0]},
)


@dataclass(frozen=True)
class Choice:
    """Classical models, by name, of which training takes the one that does best inside the training subjects."""

    candidates: tuple[str, ...]


# Valence and arousal, whatever the model of the emotion; ``alpha`` is chosen.
AFFECT_ALPHAS = (1.0, 10.0, 100.0, 1000.0)


def affect_regression(alpha: float = AFFECT_ALPHAS[2]) -> Pipeline:
    """The untrained pipeline from features to valence and arousal: ridge regression."""
    return Pipeline([*_prepared(), ("model", Ridge(alpha))])


def _prepared() -> list[tuple[str, Any]]:
    return [
        ("impute", SimpleImputer(strategy="median", keep_empty_features=True)),
        ("scale", RobustScaler()),
    ]


best_classical = Choice(("random_forest", "extra_trees", "svm", "logistic_regression", "mlp"))


@dataclass(frozen=True)
class ClassicalModel:
    """A trained pipeline that answers as a Keras model does, and another for valence and arousal where asked for."""

    pipeline: Pipeline
    affect: Pipeline | None = None

    def predict_on_batch(self, features: np.ndarray) -> dict[str, np.ndarray]:
        """Features (N, F) to ``{"emotion": (N, K) float32}``; class i of the training targets is column i.

        Where it was trained for them, ``valence`` and ``arousal``, (N, 1) float32 each, are cut to their ranges.
        """
        answer = {"emotion": self.pipeline.predict_proba(features).astype(np.float32)}
        if self.affect is not None:
            values = np.clip(self.affect.predict(features), LOWEST, HIGHEST).astype(np.float32)
            answer |= {name: values[:, [i]] for i, name in enumerate(NAMES)}
        return answer

    def describe(self) -> str:
        """What kind of model it is, by scikit-learn's name."""
        last = self.pipeline.named_steps["model"]
        return type(last.estimator if isinstance(last, CalibratedClassifierCV) else last).__name__

    def count_params(self) -> int:
        """Numbers that were fitted: tree nodes, support vectors' coefficients, or weights."""
        return sum(_size(part.named_steps["model"]) for part in (self.pipeline, self.affect) if part)


# Parts of scikit-learn's own that skops does not know to be harmless. Nothing else is ever trusted, whatever a file
# asks for.
TRUSTED = (
    "numpy.dtype",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.tree._tree.Tree",
)


def dump(model: ClassicalModel) -> bytes:
    """A trained model as skops bytes: data, no code."""
    import skops.io

    parts = model.pipeline if model.affect is None else {"emotion": model.pipeline, "affect": model.affect}
    return skops.io.dumps(parts, compression=zipfile.ZIP_DEFLATED)


def restore(data: bytes) -> ClassicalModel:
    """The model that :func:`dump` wrote.

    Raises
    ------
    ValueError
        The bytes ask for a type that is neither skops's nor scikit-learn's own.
    """
    import skops.io

    strangers = set(skops.io.get_untrusted_types(data=data)) - set(TRUSTED)
    if strangers:
        raise ValueError(f"it asks for {', '.join(sorted(strangers))}, which a classical model does not need")
    parts = skops.io.loads(data, trusted=list(TRUSTED))
    return (
        ClassicalModel(parts["emotion"], parts["affect"])
        if isinstance(parts, dict)
        else ClassicalModel(parts)
    )


def _size(model: Any) -> int:
    if hasattr(model, "estimators_"):
        return int(sum(tree.tree_.node_count for tree in model.estimators_))
    if hasattr(model, "calibrated_classifiers_"):
        return sum(_size(part.estimator) for part in model.calibrated_classifiers_)
    if hasattr(model, "support_vectors_"):
        return int(model.support_vectors_.size + model.dual_coef_.size + model.intercept_.size)
    if hasattr(model, "coefs_"):
        return int(sum(w.size for w in (*model.coefs_, *model.intercepts_)))
    return int(model.coef_.size + model.intercept_.size)
