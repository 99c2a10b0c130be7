"""What a run's walks teach of valence and arousal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gait.affect import affect_of
from gait.console import say
from gait.errors import GaitmoodError
from gait.models import architecture
from gait.preprocess import Walk
from training.options import TrainOptions
from training.walks import TrainingWalks


def learns_affect(options: TrainOptions, walks: TrainingWalks) -> bool:
    """Whether the model is to say valence and arousal; says where its walks' values come from.

    Raises
    ------
    GaitmoodError
        The options ask for it, and nothing is known of any walk to train on.
    """
    if not (options.affect or getattr(architecture(options.model), "AFFECT", False)):
        return False
    found = affect_of([walk.sample for walk in walks.train], walks.classes)
    known = np.isfinite(found.values).all(axis=1).any()
    if not known and options.affect:
        raise GaitmoodError(
            "--affect: valence and arousal of the walks to train on are not known: no label file gives them, and the "
            f"emotions {', '.join(walks.classes)} have no place among those that they could be derived from. Add the "
            "columns valence (-1 to 1) and arousal (0 to 1) to labels.csv."
        )
    say(f"Valence and arousal: {found.describe()}" + ("" if known else "; the model is built without them"))
    return bool(known)


def affect_targets(part: Sequence[Walk], classes: Sequence[str]) -> np.ndarray:
    """Valence and arousal (N, 2) of walks; NaN where not known."""
    return affect_of([walk.sample for walk in part], classes).values
