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
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import RobustScaler
from sklearn.svm import SVC


@dataclass(frozen=True)
class Classical:
    """A classical model: its last step, and the grid its settings are chosen from (inside training subjects)."""

    estimator: type
    fixed: Mapping[str, Any]
    grid: Mapping[str, Sequence[Any]]
    calibrated: bool = False

    def build(self, seed: int, width: int) -> tuple[Pipeline, dict[str, Sequence[Any]]]:
        """The untrained pipeline and its grid.

        Parameters
        ----------
        seed : int
            Fixes everything random in it.
        width : int
            Number of features, of which the imputer keeps even those that are never known.
        """
        last = self.estimator(**self.fixed, random_state=seed)
        prefix = "model__"
        if self.calibrated:
            last, prefix = (
                CalibratedClassifierCV(last, method="sigmoid", cv=3, ensemble=False),
                "model__estimator__",
            )
        steps = [
            ("impute", SimpleImputer(strategy="median", keep_empty_features=True)),
            ("scale", RobustScaler()),
            ("model", last),
        ]
        return Pipeline(steps), {prefix + name: list(values) for name, values in self.grid.items()}


random_forest = Classical(
    RandomForestClassifier,
    {"n_estimators": 400},
    {"min_samples_leaf": [1, 2, 4], "max_features": ["sqrt", 0.5]},
)
extra_trees = Classical(
    ExtraTreesClassifier,
    {"n_estimators": 400},
    {"min_samples_leaf": [1, 2, 4], "max_features": ["sqrt", 0.5]},
)
svm = Classical(
    SVC, {"kernel": "rbf"}, {"C": [0.3, 1, 3, 10], "gamma": [0.003, 0.01, "scale"]}, calibrated=True
)
logistic_regression = Classical(LogisticRegression, {"max_iter": 2000}, {"C": [0.003, 0.01, 0.03, 0.1, 1.0]})
mlp = Classical(
    MLPClassifier,
    {"max_iter": 400, "early_stopping": False},
    {"hidden_layer_sizes": [(16,), (32,)], "alpha": [0.1, 1.0, 10.0]},
)


@dataclass(frozen=True)
class ClassicalModel:
    """A trained pipeline that answers as a Keras model does."""

    pipeline: Pipeline

    def predict_on_batch(self, features: np.ndarray) -> dict[str, np.ndarray]:
        """Features (N, F) to ``{"emotion": (N, K) float32}``; class i of the training targets is column i."""
        return {"emotion": self.pipeline.predict_proba(features).astype(np.float32)}

    def count_params(self) -> int:
        """Numbers that were fitted: tree nodes, support vectors' coefficients, or weights."""
        return _size(self.pipeline.named_steps["model"])


# Parts of scikit-learn's own that skops does not know to be harmless. Nothing else is ever trusted, whatever a file
# asks for.
TRUSTED = (
    "numpy.dtype",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.tree._tree.Tree",
)


def dump(model: ClassicalModel) -> bytes:
    """A trained model as skops bytes: data, no code."""
    import skops.io

    return skops.io.dumps(model.pipeline, compression=zipfile.ZIP_DEFLATED)


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
    return ClassicalModel(skops.io.loads(data, trusted=list(TRUSTED)))


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
