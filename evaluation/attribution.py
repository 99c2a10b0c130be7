"""Asking a model what moved its answer to one walk: parts are exchanged for those of other walks.

A classical model is asked about features, one and all of a part of the body, and a network of joints about the posture
and the movement of the parts of the body. What is exchanged comes from the neutral walks of training, see
:func:`evaluation.population.population_of`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.explanation import Explanation, Share, listed
from evaluation.population import Compared, Population, compare, population_of, remarks, was_trained_on
from evaluation.shapley import Shares, sampled_shapley, shapley
from gait.bundle import Bundle
from gait.features import FEATURES
from gait.features.words import part_of
from gait.occlusion import joints_of, parts_of
from gait.predict import answer_clips, answer_walks
from gait.preprocess import Walk

MOST_WALKS = 50  # of a population that a walk's features are exchanged with
LEAST_ORDERS = 100
MOST_CLIPS = 4  # of a walk that a network of joints is asked about, a few hundred times each
POSTURE, MOVEMENT = "posture", "movement"
_ROWS_AT_ONCE, _CLIPS_AT_ONCE = 4096, 64
_STILL = 1e-3  # torso lengths: a joint that moves less cannot be made to move as others do
_BESIDE = 3
_MOVED = 0.005
# Parts of a body of joints -> parts that features are of.
_FEATURE_PARTS = {"arms": ("arms", "hand"), "legs": ("legs", "foot"), "head": ("head",), "trunk": ("trunk",)}

Exchange = Callable[[Sequence[tuple[str, str]]], np.ndarray]


@dataclass(frozen=True, eq=False)
class _Asked:
    """What the model let out: with whom, parts with their shares, and shares of the features in their order."""

    held_against: str
    parts: tuple[str, ...]
    by_part: Shares
    by_feature: Shares | None = None
    notes: tuple[str, ...] = ()


def explain_walk(bundle: Bundle, walk: Walk, seed: int = 0) -> Explanation:
    """What moved the answer of a model of features or of joints.

    Parameters
    ----------
    bundle : Bundle
    walk : Walk
        Prepared by the bundle's preprocessing.
    seed : int
        Of what is drawn.
    """
    record = bundle.record
    probabilities = answer_walks(bundle, [walk]).probabilities[0]
    place = int(probabilities.argmax())
    population = population_of(record, record.classes[place])
    ask = _ask_of_features if record.preprocess.kind == "features" else _ask_of_joints
    asked = ask(bundle, walk, population, place, seed)
    facing = walk.entry.meta.get("facing")
    measured = record.preprocess.measured(walk)
    compared = {name: compare(name, value, population, facing) for name, value in measured.items()}
    parts = _sorted([Share(*one) for one in zip(asked.parts, asked.by_part.values.tolist(), strict=True)])
    features = _features(asked.by_feature, compared)
    beside = () if features else _beside(parts, compared)
    shown = [share.feature for share in listed(features)] + [one for _, found in beside for one in found]
    return Explanation(
        walk=walk.sample.name,
        label=walk.sample.label,
        answer=record.classes[place],
        probabilities=dict(zip(record.classes, probabilities.tolist(), strict=True)),
        held_against=asked.held_against,
        noun=population.noun if population else "",
        base=asked.by_part.base,
        parts=parts,
        features=features,
        beside=beside,
        notes=(*asked.notes, *_trained_on(walk, bundle), *_not_held(population), *remarks(shown, facing)),
    )


def _trained_on(walk: Walk, bundle: Bundle) -> list[str]:
    if not was_trained_on(walk, bundle):
        return []
    return ["The model was trained on this walk: its answer may be remembered, not judged."]


def _not_held(population: Population | None) -> list[str]:
    if population is not None and population.measured:
        return []
    what = "the walks" if population is None else "the features of the walks"
    return [
        f"This model file does not hold {what} it was trained on, so values stand without a comparison. "
        "Models trained by this version hold them."
    ]


def _features(found: Shares | None, compared: dict[str, Compared]) -> tuple[Share, ...]:
    if found is None:
        return ()
    pairs = zip(compared.items(), found.values.tolist(), found.errors.tolist(), strict=True)
    return _sorted([Share(name, points, error, one) for (name, one), points, error in pairs])


def _beside(
    parts: Sequence[Share], compared: dict[str, Compared]
) -> tuple[tuple[str, tuple[Compared, ...]], ...]:
    """The most unusual features of each part of the body that moved the answer."""
    beside = []
    for share in [share for share in parts if abs(share.points) >= _MOVED][:_BESIDE]:
        kind, part = share.name.split(" of the ")
        own = [one for one in compared.values() if _tells(one.name, part, kind) and np.isfinite(one.value)]
        own.sort(key=lambda one: (-one.unusual, one.name))
        beside.append((share.name, tuple(own[:_BESIDE])))
    return tuple((name, own) for name, own in beside if own)


def _tells(name: str, part: str, kind: str) -> bool:
    """Whether a feature is of a part of the body, and of its posture or its movement."""
    feature = FEATURES[name]
    still = feature.group == POSTURE and not name.endswith("_range")
    return feature.part in _FEATURE_PARTS[part] and still == (kind == POSTURE)


def _sorted(shares: list[Share]) -> tuple[Share, ...]:
    return tuple(sorted(shares, key=lambda share: (-abs(share.points), share.name)))


# --- Features ------------------------------------------------------------------------------------------------


def _ask_of_features(
    bundle: Bundle, walk: Walk, population: Population | None, place: int, seed: int
) -> _Asked:
    how = bundle.record.preprocess
    row = how.read(walk)
    reference, words = _reference(bundle, population, seed)

    def predict(rows: np.ndarray) -> np.ndarray:
        rows = rows.astype(np.float32)
        return answer_clips(bundle, rows, min(len(rows), _ROWS_AT_ONCE)).probabilities[:, place]

    own_parts = [part_of(FEATURES[name]) for name in how.names]
    parts = tuple(dict.fromkeys(own_parts))
    places = np.array([parts.index(part) for part in own_parts])

    def value(coalitions: np.ndarray) -> np.ndarray:
        mixed = [np.where(own[places], row, reference) for own in coalitions]
        return predict(np.concatenate(mixed)).reshape(len(coalitions), -1).mean(axis=1)

    orders = len(reference) * -(-LEAST_ORDERS // len(reference))  # each walk as often as any other
    sampled = sampled_shapley(predict, row, reference, orders, seed)
    return _Asked(words, parts, shapley(value, len(parts)), sampled)


def _reference(bundle: Bundle, population: Population | None, seed: int) -> tuple[np.ndarray, str]:
    """Features (N, F) of the walks to exchange with, and who they are."""
    if population is None:
        known = bundle.model.pipeline.named_steps["impute"].statistics_
        return known[None].astype(np.float32), "the medians of the walks of training"
    rows = population.rows
    if len(rows) > MOST_WALKS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_WALKS, replace=False))
    return bundle.record.gists[rows, 1:], _how_many(len(rows), population)


def _how_many(count: int, population: Population) -> str:
    noun = population.noun + ("" if population.label is None else " of training")
    return f"{count} of {len(population.rows)} {noun}" if count < len(population.rows) else f"{count} {noun}"


# --- Joints --------------------------------------------------------------------------------------------------


def _ask_of_joints(
    bundle: Bundle, walk: Walk, population: Population | None, place: int, seed: int
) -> _Asked:
    how = bundle.record.preprocess
    starts = how.starts(walk)
    chosen = starts[np.unique(np.linspace(0, len(starts) - 1, MOST_CLIPS).round().astype(int))]
    exchange, words = _exchange(bundle, np.stack([how.read(walk, start) for start in chosen]), population)
    kinds = (POSTURE, MOVEMENT) if population else (MOVEMENT,)
    players = [(part, kind) for part in parts_of(how) for kind in kinds]

    def value(coalitions: np.ndarray) -> np.ndarray:
        away = [[p for p, plays in zip(players, own, strict=True) if not plays] for own in coalitions]
        clips = np.concatenate([how.to_input(exchange(gone)) for gone in away])
        found = answer_clips(bundle, clips, _CLIPS_AT_ONCE).probabilities[:, place]
        return found.reshape(len(coalitions), -1).mean(axis=1)

    names = tuple(f"{kind} of the {part}" for part, kind in players)
    few = len(chosen) < len(starts)
    notes = (f"Clips looked at: {len(chosen)} of {len(starts)}, evenly chosen.",) if few else ()
    return _Asked(words, names, shapley(value, len(players)), notes=notes)


def _exchange(bundle: Bundle, stored: np.ndarray, population: Population | None) -> tuple[Exchange, str]:
    """A function that exchanges parts of clips (C, T, V, 6), and in words what for.

    A posture is exchanged by moving each joint's mean over the clip to the population's median of such means; a
    movement by scaling how far, and how fast, each joint goes about its mean. Without a population, movement is
    stilled.
    """
    how = bundle.record.preprocess
    own, spread = stored.mean(axis=1, keepdims=True), _lengths(stored.std(axis=1, keepdims=True))
    mean, wanted, words = own * np.repeat([1, 0], 3), np.zeros_like(spread), "the same body kept still"
    if population is not None:
        gists = bundle.record.gists[population.rows, 1:].reshape(len(population.rows), 2, how.joints, -1)
        middle = np.median(gists[..., :6], axis=0)
        mean, wanted = np.broadcast_to(middle[0], own.shape), _lengths(middle[1])
        words = f"the median posture and movement of {_how_many(len(gists), population)}"
    scale = np.where(spread > _STILL, wanted / np.maximum(spread, _STILL), 1.0)

    def exchange(away: Sequence[tuple[str, str]]) -> np.ndarray:
        centre, size = own.copy(), np.ones_like(scale)
        for part, kind in away:
            joints = joints_of(how.layout, part)
            if kind == POSTURE:
                centre[:, :, joints, :3] = mean[:, :, joints, :3]
            else:
                centre[:, :, joints, 3:] = mean[:, :, joints, 3:]
                size[:, :, joints] = scale[:, :, joints]
        return (centre + (stored - own) * size).astype(np.float32)

    return exchange, words


def _lengths(deviations: np.ndarray) -> np.ndarray:
    """Standard deviations (..., V, 6) of place and velocity by axis -> of the whole vectors, for each of their axes."""
    vectors = deviations.reshape(*deviations.shape[:-1], 2, 3)
    return np.linalg.norm(vectors, axis=-1).repeat(3, axis=-1)
