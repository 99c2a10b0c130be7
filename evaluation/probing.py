"""Does a model see the emotion, or the person, the speed, the view, one part of the body? Read from finished runs.

Every fold of a cross-validation notes what these need, see :mod:`training.probes`; nothing is trained here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from evaluation.comparison import Finished
from gait import metrics
from gait.floors import SPEED

_FEW_WALKS = 5
_NOT_NOTED = "this run did not note it; cross-validate again"


def identity_lines(runs: Sequence[Finished]) -> list[str]:
    """Whether the representation tells people apart better than emotions, beyond what chance gives."""
    lines = [
        "Identity: the nearest other training walk, by the model's own representation, shares (chance in brackets)"
    ]
    for run in runs:
        found = [fold["identity"] for fold in run.folds if fold.get("identity")]
        if not _probed(run, "identity"):
            lines.append(f"  {run.model}: {_NOT_NOTED}")
            continue
        if not found:
            lines.append(f"  {run.model}: subjects unknown, or one walk each: it cannot be asked")
            continue
        (subject, by_chance), (emotion, emotion_by_chance) = (
            np.mean([fold[what] for fold in found], axis=0) for what in ("subject", "emotion")
        )
        person, feeling = _lift(subject, by_chance), _lift(emotion, emotion_by_chance)
        verdict = "tells the person better" if person > feeling else "tells the emotion better"
        lines.append(
            f"  {run.model}: the subject {subject:.0%} ({by_chance:.0%}), the emotion {emotion:.0%} "
            f"({emotion_by_chance:.0%}): {verdict}"
        )
    return [
        *lines,
        "  The emotion was trained on these walks and the subject was not: equal shares speak for the person.",
    ]


def _lift(share: float, chance: float) -> float:
    """How far above chance, 1 at most."""
    return (share - chance) / (1 - chance) if chance < 1 else 0.0


def speed_lines(runs: Sequence[Finished]) -> list[str]:
    """Balanced accuracy among walks of like speed: what is left where speed does not give the answer away."""
    lines = [
        "Speed-matched: mean balanced accuracy within thirds of the walking speed (all walks in brackets)"
    ]
    for run in runs:
        speed = _noted(run, "speed")
        floor = {name: said[name] for said in _floors(run, SPEED) for name in said}
        own = dict(zip(run.predictions.names, run.predictions.predicted, strict=True))
        names = [n for n in run.predictions.names if speed.get(n) is not None]
        if not _probed(run, "speed"):
            lines.append(f"  {run.model}: {_NOT_NOTED}")
            continue
        if len(names) < 3 * _FEW_WALKS:
            lines.append(f"  {run.model}: the speed of {len(names)} walks is known: too few")
            continue
        parts = [_matched(run, names, speed, own)]
        if set(names) <= set(floor):
            parts.append("speed alone " + _matched(run, names, speed, floor))
        lines.append(f"  {run.model}: {'; '.join(parts)}")
    return lines


def _floors(run: Finished, floor: str) -> list[dict[str, str]]:
    return [fold["floors"][floor] for fold in run.folds if floor in fold.get("floors", {})]


def _matched(run: Finished, names: Sequence[str], speed: dict[str, float], said: dict[str, str]) -> str:
    labels, answers = _classes(run, names, said)
    values = np.array([speed[name] for name in names])
    third = np.searchsorted(np.quantile(values, [1 / 3, 2 / 3]), values)
    within = [
        metrics.balanced_accuracy(labels[third == t], answers[third == t])
        for t in range(3)
        if len(set(labels[third == t])) > 1
    ]
    everywhere = metrics.balanced_accuracy(labels, answers)
    return f"{np.mean(within):.1%} ({everywhere:.1%})" if within else f"- ({everywhere:.1%})"


def view_lines(runs: Sequence[Finished]) -> list[str]:
    """Accuracy by the direction that the walker faces."""
    lines = [f"View: accuracy by where the walker faces ({_FEW_WALKS} walks or more)"]
    for run in runs:
        view = _noted(run, "view")
        own = dict(zip(run.predictions.names, run.predictions.predicted, strict=True))
        parts = []
        for facing in sorted({v for v in view.values() if v}):
            names = [n for n in run.predictions.names if view.get(n) == facing]
            if len(names) >= _FEW_WALKS:
                labels, answers = _classes(run, names, own)
                parts.append(f"{facing} {metrics.accuracy(labels, answers):.1%} of {len(names)}")
        unknown = "not known: only models of joints note the view" if _probed(run, "view") else _NOT_NOTED
        lines.append(f"  {run.model}: {'; '.join(parts) or unknown}")
    return lines


def occlusion_lines(runs: Sequence[Finished]) -> list[str]:
    """What becomes of the accuracy when a part is hidden from the trained models."""
    lines = ["Occlusion: accuracy without a part, and the share of answers that change"]
    for run in runs:
        names = run.predictions.names
        own = dict(zip(names, run.predictions.predicted, strict=True))
        hidden: dict[str, dict[str, str]] = {}
        for fold in run.folds:
            for part, said in fold.get("hidden", {}).items():
                hidden.setdefault(part, {}).update(said)
        parts = []
        for part, said in hidden.items():
            labels, answers = _classes(run, names, said)
            changed = np.mean([said[name] != own[name] for name in names])
            parts.append(f"{part} {metrics.accuracy(labels, answers):.1%}, {changed:.0%} change")
        lines.append(f"  {run.model}: {'; '.join(parts) or _NOT_NOTED}")
    return lines


def _probed(run: Finished, what: str) -> bool:
    """Whether the folds looked for it; those of older runs did not."""
    return any(what in fold for fold in run.folds)


def _noted(run: Finished, what: str) -> dict[str, object]:
    return {name: value for fold in run.folds for name, value in (fold.get(what) or {}).items()}


def _classes(run: Finished, names: Sequence[str], said: dict[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """True and answered classes of some walks, (N,) int each."""
    classes, true = (
        run.predictions.classes,
        dict(zip(run.predictions.names, run.predictions.labels, strict=True)),
    )
    return tuple(np.array([classes.index(of[name]) for name in names]) for of in (true, said))


PROBES: dict[str, Callable[[Sequence[Finished]], list[str]]] = {
    "identity": identity_lines,
    "speed": speed_lines,
    "view": view_lines,
    "occlusion": occlusion_lines,
}
