"""Models that look at one thing only, and walks for them: what an explanation must find is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import RobustScaler

from gait.bundle import Bundle, KnownWalk, Record
from gait.features import FEATURES
from gait.labels import Sample
from gait.models.classical import ClassicalModel
from gait.pose.sequence import PoseSequence
from gait.preprocess import ClipPreprocess, FeaturePreprocess, JointPreprocess, Walk
from gait.preprocess.windows import MemoryEntry
from gait.skeleton import convert, find_layout

NAMES = tuple(FEATURES)


def known_walks(labels) -> tuple[KnownWalk, ...]:
    return tuple(KnownWalk(f"{i}", f"{i}", f"p{i}", label, "train") for i, label in enumerate(labels))


def usual_rows(count: int, seed: int = 0) -> np.ndarray:
    """Features (N, F) of walks that differ by chance."""
    return np.random.default_rng(seed).normal(1, 0.1, (count, len(NAMES))).astype(np.float32)


def looks_at(features: dict[str, float], rows: np.ndarray, labels, gists: bool = True) -> Bundle:
    """A logistic regression between neutral and sad that weighs some features and no other.

    ``rows`` (N, F) are what it was trained on, with ``labels``.
    """
    pipeline = Pipeline([
        ("impute", SimpleImputer(strategy="median", keep_empty_features=True)),
        ("scale", RobustScaler()),
        ("model", LogisticRegression()),
    ]).fit(rows, labels)  # fmt: skip
    model = pipeline.named_steps["model"]
    model.coef_ = np.array([[features.get(name, 0.0) for name in NAMES]])
    model.intercept_ = np.zeros(1)
    speeds = rows[:, [NAMES.index("walking_speed")]]
    record = Record(
        "logistic_regression",
        ("neutral", "sad"),
        FeaturePreprocess(NAMES),
        known_walks(labels),
        gists=np.concatenate([speeds, rows], axis=1) if gists else None,
    )
    return Bundle(Path("planted.h5"), ClassicalModel(pipeline), record)


def feature_walk(row: np.ndarray, name: str = "a", label: str | None = None, **meta) -> Walk:
    entry = MemoryEntry()
    entry.append("features", np.stack([row, row]).astype(np.float32))
    entry.meta.update(meta)
    return Walk(Sample(Path(name), name, label), "", entry)


def joint_walk(
    sequence: PoseSequence, how: JointPreprocess, name: str = "a", label: str | None = None
) -> Walk:
    """A walk of joints, and NaN for its features."""
    entry = MemoryEntry()
    how.store(sequence, entry)
    entry.append("features", np.full((1, len(FEATURES)), np.nan, np.float32))
    return Walk(Sample(Path(name), name, label), "", entry)


def keras_answer(inputs, scores, threshold: float = 0.0):
    """A model whose answer is sad with the sigmoid of scores (N, 1) less a threshold, in Keras's own layers."""
    from keras import Model, layers

    both = layers.Dense(2, activation="softmax", name="emotion")
    answer = both(scores)
    both.set_weights([np.array([[0.0, 1.0]], np.float32), np.array([0.0, -threshold], np.float32)])
    return Model(inputs, {"emotion": answer})


def watches_joints(
    how: JointPreprocess, places, scale: float, squared: bool, threshold: float = 0.0
) -> object:
    """A network of the mean, or the mean square, of some numbers (V, 9) bool of every frame."""
    from keras import Input, layers

    inputs = Input(how.input_shape)
    seen = layers.Multiply()([inputs, inputs]) if squared else inputs
    weigh = layers.Dense(1, use_bias=False)
    scores = weigh(layers.Flatten()(seen))
    chosen = np.broadcast_to(places, how.input_shape).reshape(-1, 1)
    weigh.set_weights([(scale * chosen / chosen.sum()).astype(np.float32)])
    return keras_answer(inputs, scores, scale * threshold)


def watches_place(how: ClipPreprocess, rows: slice, columns: slice, scale: float = 20.0) -> object:
    """A network of how bright a place of the picture is, on average over a clip."""
    from keras import Input, layers

    inputs = Input(how.input_shape, name="frames")
    weigh = layers.Dense(1, use_bias=False)
    scores = weigh(layers.Flatten()(inputs))
    chosen = np.zeros(how.input_shape, np.float32)
    chosen[:, rows, columns] = 1
    weigh.set_weights([scale * chosen.reshape(-1, 1) / chosen.sum()])
    return keras_answer(inputs, scores)


def frame_walk(frames: np.ndarray, name: str = "a") -> Walk:
    """A walk of frames (F, H, W, 3) uint8 as a clip preprocessing stores them."""
    entry = MemoryEntry()
    entry.append("frames", frames)
    return Walk(Sample(Path(name), name), "", entry)


def with_head_bent(sequence: PoseSequence, degrees: float) -> PoseSequence:
    """The walk of somebody who faces +z, with the head turned forward about the neck."""
    sequence = convert(sequence, "gait16")
    joints = find_layout("gait16").joints
    neck, head = joints.index("neck"), joints.index("head")
    world = sequence.world.astype(np.float64)
    up, ahead = (world[:, head] - world[:, neck]).T[1:]
    turn = np.radians(degrees)
    world[:, head, 1] = world[:, neck, 1] + up * np.cos(turn) - ahead * np.sin(turn)
    world[:, head, 2] = world[:, neck, 2] + up * np.sin(turn) + ahead * np.cos(turn)
    return replace(sequence, world=world.astype(np.float32))
