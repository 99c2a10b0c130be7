"""How well estimated poses tell what a walker does: every feature of walks against that of their true joints.

``python -m benchmarks.features`` makes synthetic walks of other people in every view, renders them, estimates
and cleans their poses, and compares each feature with that of the true joints: median absolute error, and
rank correlation over the walks of a view. What does not follow the truth (correlation under 0.5) is what
:data:`gait.features.UNRELIABLE` lists. With ``--out FILE`` all numbers go to a JSON file.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import tyro
from scipy.stats import spearmanr

from gait.console import say, warn
from gait.features import FEATURES, measure
from gait.pose.cleaning import clean
from gait.pose.estimators import PoseSettings, check_ready, estimate
from gait.video import FrameSize
from gait.workers import map_items
from synthesis.camera import VIEWS
from synthesis.kinematics import EMOTIONS
from synthesis.poses import true_poses
from synthesis.render import render
from synthesis.walks import PORTRAIT, make_walk

# None of the demo's people, nor of those whom the formulas were chosen on.
_FIRST_SUBJECT = 6000
LEAST_CORRELATION = 0.5
# Who crosses the picture is filmed in landscape, and needs more pixels to be as large in it.
_LANDSCAPE = FrameSize(720, 1280)
_SIZES = {"left": _LANDSCAPE, "right": _LANDSCAPE, "oblique": _LANDSCAPE}
# Where the true values differ between walks by less than a tenth of the error, walks cannot be ranked at all.
_LEAST_SPREAD = 0.1


@dataclass(frozen=True)
class FeatureOptions:
    """What is measured."""

    walks: int = 20
    """Walks of each view, each of another person; emotions in turn."""
    seconds: float = 3.0
    """Length of a walk, at 30 frames a second."""
    views: tuple[str, ...] = VIEWS
    """Of front, back, left, right, oblique."""
    covered_face: bool = False
    """Draw a black box over the faces."""
    jobs: int | None = None
    """Worker processes; one a core by default."""
    out: Path | None = None
    """JSON file for all numbers."""


@dataclass(frozen=True)
class Agreement:
    """A feature in a view, estimated against true.

    Attributes
    ----------
    error : float
        Median absolute error, unit of the feature.
    scale : float
        Median absolute true value.
    correlation : float
        Spearman's rank correlation over the walks; NaN where either side is constant.
    walks : int
        In which both are known.
    told_apart : bool
        The true values differ by more than a tenth of the error (standard deviation).
    """

    error: float
    scale: float
    correlation: float
    walks: int
    told_apart: bool

    @property
    def reliable(self) -> bool:
        """Whether estimated values rank walks as true ones do, at least half."""
        return self.correlation >= LEAST_CORRELATION


def compare(
    subject: int, view: str, seconds: float, covered_face: bool
) -> tuple[dict[str, float], dict[str, float]]:
    """Features of one walk from its true joints, and from those estimated on its rendering."""
    emotion, size = EMOTIONS[subject % len(EMOTIONS)], _SIZES.get(view, PORTRAIT)
    walk = make_walk(emotion, view, subject=subject, seconds=seconds, size=size)
    frames = zip(walk.time.tolist(), render(walk, covered_face), strict=True)
    return measure(true_poses(walk)).values, measure(clean(estimate(frames))).values


def agree(true: np.ndarray, estimated: np.ndarray) -> Agreement:
    """Agreement of the values (N,) of one feature; NaN is left out."""
    both = np.isfinite(true) & np.isfinite(estimated)
    true, estimated = true[both], estimated[both]
    if len(true) < 3:
        return Agreement(float("nan"), float("nan"), float("nan"), len(true), False)
    error = float(np.median(np.abs(estimated - true)))
    varied = np.ptp(true) > 0 and np.ptp(estimated) > 0
    correlation = float(spearmanr(true, estimated).statistic) if varied else float("nan")
    apart = bool(true.std() > _LEAST_SPREAD * error)
    return Agreement(error, float(np.median(np.abs(true))), correlation, len(true), apart)


def measure_view(view: str, options: FeatureOptions) -> tuple[dict[str, Agreement], np.ndarray]:
    """Agreement of every feature in a view, and the relative errors (N,) of the cadence."""
    subjects = range(_FIRST_SUBJECT, _FIRST_SUBJECT + options.walks)
    job = partial(compare, view=view, seconds=options.seconds, covered_face=options.covered_face)
    pairs = []
    for outcome in map_items(job, subjects, title=view, jobs=options.jobs):
        if outcome.error:
            warn(f"{view}, person {outcome.item}: {outcome.error}")
        else:
            pairs.append(outcome.value)
    true, estimated = (np.array([list(pair[side].values()) for pair in pairs]) for side in (0, 1))
    table = {name: agree(true[:, place], estimated[:, place]) for place, name in enumerate(FEATURES)}
    cadence = list(FEATURES).index("cadence")
    return table, estimated[:, cadence] / true[:, cadence] - 1


def print_view(view: str, table: dict[str, Agreement], cadence: np.ndarray) -> None:
    """One view's table; ``*`` marks what is not reliable, ``-`` what the walks do not differ in."""
    known = np.abs(cadence[np.isfinite(cadence)])
    within, error = (known < 0.05).sum(), np.median(known)
    say(f"\n{view}: cadence within 5 % in {within} of {len(cadence)} walks, median error {error:.1%}")
    say(f"  {'feature':34}{'true':>9}{'error':>9}{'rank r':>8}{'walks':>7}")
    for name, one in table.items():
        mark = "" if one.reliable else "*" if one.told_apart else "-"
        say(f"{mark:2}{name:34}{one.scale:9.3f}{one.error:9.3f}{one.correlation:8.2f}{one.walks:7}")


def main(options: FeatureOptions) -> None:
    """Measure and print."""
    check_ready(PoseSettings())
    found = {}
    for view in options.views:
        table, cadence = measure_view(view, options)
        print_view(view, table, cadence)
        found[view] = {
            "cadence": cadence.tolist(),
            "features": {name: asdict(one) for name, one in table.items()},
            "unreliable": sorted(name for name, one in table.items() if not one.reliable),
        }
    if options.out:
        options.out.write_text(json.dumps(found, indent=1), encoding="utf-8")
        say(f"\nAll numbers: {options.out}")


if __name__ == "__main__":
    main(tyro.cli(FeatureOptions, prog="python -m benchmarks.features", description=__doc__))
