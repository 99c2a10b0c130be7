"""Does a model see the emotion, or the person, the speed, the view, one part of the body? Read from finished runs.

Every fold of a cross-validation notes what these need, see :mod:`training.probes`; nothing is trained here. Intervals
are of 95 %, resampling subjects (videos where unknown). Walks of which copies lie in another fold are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from evaluation.columns import percent, some, with_interval
from evaluation.finished import Finished
from gait import metrics
from gait.floors import SPEED
from gait.models import MODELS

_FEW_WALKS = 5
_THIRDS = 3
_LISTED = 6
_NOT_NOTED = "this run did not note it; cross-validate again"


# --- Identity ----------------------------------------------------------------------------------------------


def identity_lines(runs: Sequence[Finished]) -> list[str]:
    """Whether the representation tells people apart better than emotions, beyond what chance gives."""
    return [
        "Identity: the nearest other walk, by what the model makes of a walk before its last step, shares",
        *(f"  {run.model}{_identity_of(run)}" for run in runs),
        "  held-out: among the walks left out of a fold, never trained on. training (older runs, and folds that leave",
        "  out one person): among the walks trained on, whose emotion was learned and whose subject was not, so that",
        "  equal shares speak for the person.",
    ]


def _identity_of(run: Finished) -> str:
    found = [fold["identity"] for fold in run.folds if fold.get("identity")]
    if not _probed(run, "identity"):
        return f": {_NOT_NOTED}"
    if not found:
        return ": subjects unknown, or one walk each: it cannot be asked"
    held_out = [fold for fold in found if fold.get("of") == "held-out"]
    found = held_out or found
    where = f" ({'held-out' if held_out else 'training'}{_of_features(run)})"
    person, feeling, verdict = _told(run, found) if "hits" in found[0] else _told_before_hits(found)
    return f"{where}: the subject {person}, the emotion {feeling}: {verdict}"


def _of_features(run: Finished) -> str:
    """Classical models make nothing of the features that they are given but the answer."""
    return (
        "; of the features themselves, the same for all classical models" if _kind(run) == "features" else ""
    )


def _told(run: Finished, folds: Sequence[Mapping[str, Any]]) -> tuple[str, str, str]:
    """Shares of subject and emotion in words, and which of them is told better."""
    kept = set(run.names)
    rows = [
        (name, *hits, fold["subject"][1], fold["emotion"][1])
        for fold in folds
        for name, hits in fold["hits"].items()
        if name in kept
    ]
    groups = run.groups([name for name, *_ in rows])
    hits, chances = np.array([row[1:3] for row in rows], bool), np.array([row[3:] for row in rows])
    words = [
        f"{_share(hits[:, i], groups)}, by chance {percent(float(chances[:, i].mean()))}" for i in range(2)
    ]
    # How far above chance, 1 at most.
    lift = (hits - chances) / np.maximum(1 - chances, 1e-9)
    low, high = metrics.interval(lift[:, 0], lift[:, 1], groups, lambda a, b: float(np.mean(a - b)))
    return *words, _better(low, high)


def _share(hits: np.ndarray, groups: Sequence[str]) -> str:
    every = np.ones(len(hits), bool)
    return with_interval(float(hits.mean()), metrics.interval(hits, every, groups))


def _better(low: float, high: float) -> str:
    if low > 0:
        return "tells the person better"
    return "tells the emotion better" if high < 0 else "cannot be told which it tells better"


def _told_before_hits(folds: Sequence[Mapping[str, Any]]) -> tuple[str, str, str]:
    """As :func:`_told`, of runs that noted shares only: no interval can be given."""
    (subject, any_subject), (emotion, any_emotion) = (
        np.mean([fold[what] for fold in folds], axis=0) for what in ("subject", "emotion")
    )
    words = [
        f"{percent(a)}, by chance {percent(b)}" for a, b in ((subject, any_subject), (emotion, any_emotion))
    ]
    return *words, "an older run, without intervals; cross-validate again for a verdict"


# --- Speed -------------------------------------------------------------------------------------------------


def speed_lines(runs: Sequence[Finished]) -> list[str]:
    """Balanced accuracy among walks of like speed: what is left where speed does not give the answer away."""
    return [
        "Speed-matched: balanced accuracy where every class counts as if it walked at the same speeds: its recall is",
        "  the mean of those among the slow, the middle and the fast third (in square brackets: the walks as they are)",
        *(f"  {run.model}{_speed_of(run)}" for run in runs),
    ]


def _speed_of(run: Finished) -> str:
    if not _probed(run, "speed"):
        return f": {_NOT_NOTED}"
    speed = _noted(run, "speed")
    names = [name for name in run.names if speed.get(name) is not None]
    if len(names) < _THIRDS * _FEW_WALKS:
        return f": the speed of {len(names)} walks is known: too few"
    unknown = [name for name in run.names if name not in set(names)]
    of = f"{len(names)} walks" if not unknown else f"{len(names)} of {len(run.names)} walks"
    floor = {name: said[name] for said in _floors(run, SPEED) for name in said}
    parts = [_matched(run, names, speed, run.answers)]
    if set(names) <= set(floor):
        parts.append("speed alone " + _matched(run, names, speed, floor))
    missing = f"; not known of {some(unknown, _LISTED)}" if unknown else ""
    return f" ({of}, {_SPEEDS.get(_kind(run), 'by speed')}): {'; '.join(parts)}{missing}"


# What the speed of a walk is, by the kind of a model's input, see `gait.floors.gists`.
_SPEEDS = {"features": "by walking speed"} | dict.fromkeys(
    ("clips", "joints", "landmark clips"), "by how much what the model sees changes from frame to frame"
)


def _floors(run: Finished, floor: str) -> list[dict[str, str]]:
    return [fold["floors"][floor] for fold in run.folds if floor in fold.get("floors", {})]


def _matched(run: Finished, names: Sequence[str], speed: Mapping[str, float], said: Mapping[str, str]) -> str:
    labels, answers = run.classes(names, said)
    values = np.array([speed[name] for name in names])
    third = np.searchsorted(np.quantile(values, [1 / 3, 2 / 3]), values)
    cell = _THIRDS * labels + third
    ends = metrics.interval(cell, answers, run.groups(names), _recall_over_thirds)
    as_they_are = percent(metrics.balanced_accuracy(labels, answers))
    return f"{with_interval(_recall_over_thirds(cell, answers), ends)} [{as_they_are}]"


def _recall_over_thirds(cell: np.ndarray, answers: np.ndarray) -> float:
    """Mean over classes of the mean recall over the thirds in which the class walks; a constant answer gets 1 / K.

    Parameters
    ----------
    cell : (N,) int
        Three times the true class, and the third.
    answers : (N,) int
    """
    right = answers == cell // _THIRDS
    cells = np.unique(cell)
    recall = np.array([right[cell == one].mean() for one in cells])
    return float(np.mean([recall[cells // _THIRDS == k].mean() for k in np.unique(cells // _THIRDS)]))


# --- View and occlusion ------------------------------------------------------------------------------------


def view_lines(runs: Sequence[Finished]) -> list[str]:
    """Accuracy by the direction that the walker faces."""
    lines = [f"View: accuracy by where the walker faces ({_FEW_WALKS} walks or more)"]
    for run in runs:
        view, parts = _noted(run, "view"), []
        for facing in sorted({v for v in view.values() if v}):
            names = [n for n in run.names if view.get(n) == facing]
            if len(names) >= _FEW_WALKS:
                parts.append(f"{facing} {_accuracy(run, names, run.answers)} of {len(names)}")
        unknown = "not known: only models of joints note the view" if _probed(run, "view") else _NOT_NOTED
        lines.append(f"  {run.model}: {'; '.join(parts) or unknown}")
    return lines


def occlusion_lines(runs: Sequence[Finished]) -> list[str]:
    """What becomes of the accuracy when a part is hidden from the trained models."""
    lines = [
        "Occlusion: accuracy without a part, how much that is more or less, and the share of answers that change"
    ]
    for run in runs:
        hidden: dict[str, dict[str, str]] = {}
        for fold in run.folds:
            for part, said in fold.get("hidden", {}).items():
                hidden.setdefault(part, {}).update(said)
        own = run.answers
        whole = f" ({_accuracy(run, run.names, own)})" if hidden else f": {_NOT_NOTED}"
        lines.append(f"  {run.model}{whole}")
        lines += [f"    without {part}: {_without(run, own, said)}" for part, said in hidden.items()]
    return lines


def _without(run: Finished, own: Mapping[str, str], said: Mapping[str, str]) -> str:
    names = run.names
    (labels, hidden), (_, whole) = run.classes(names, said), run.classes(names, own)
    found, low, high = metrics.paired_difference(labels, hidden, whole, run.groups(names))
    points = f"{100 * found:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f})"
    return f"{_accuracy(run, names, said)}, {points}, {np.mean(hidden != whole):.0%} change"


# --- What they share ---------------------------------------------------------------------------------------


def _accuracy(run: Finished, names: Sequence[str], said: Mapping[str, str]) -> str:
    labels, answers = run.classes(names, said)
    ends = metrics.interval(labels, answers, run.groups(names))
    return with_interval(metrics.accuracy(labels, answers), ends)


def _kind(run: Finished) -> str:
    """What its model is given; empty where this version knows no such model."""
    return MODELS[run.model].kind if run.model in MODELS else ""


def _probed(run: Finished, what: str) -> bool:
    """Whether the folds looked for it; those of older runs did not."""
    return any(what in fold for fold in run.folds)


def _noted(run: Finished, what: str) -> dict[str, Any]:
    return {name: value for fold in run.folds for name, value in (fold.get(what) or {}).items()}


PROBES: dict[str, Callable[[Sequence[Finished]], list[str]]] = {
    "identity": identity_lines,
    "speed": speed_lines,
    "view": view_lines,
    "occlusion": occlusion_lines,
}
