"""Left against right: sizes of the same movement, and when it happens."""

from __future__ import annotations

from gait.features.feature import Feature, NotMeasurable, by_name, known
from gait.features.gait_events import ZENI, oscillation
from gait.features.motion import SIDES, Motion
from gait.features.movement import FEATURES as MOVEMENT
from gait.features.movement import one_stride
from gait.features.posture import FEATURES as POSTURE
from gait.features.posture import MURRAY

ROBINSON = "Robinson 1987, Use of force platform variables to quantify gait symmetry, JMPT 10:172-176"


def symmetry_index(left: float, right: float) -> float:
    """Per cent by which left and right differ: 100 |left - right| / half their sum (Robinson 1987).

    Raises
    ------
    NotMeasurable
        There is hardly anything on either side.
    """
    if not (left + right) > 1e-6:
        raise NotMeasurable("neither side moves")
    return 200 * abs(left - right) / (left + right)


def phase_difference(first: float, second: float) -> float:
    """How far two phases, shares of a period, are apart the shorter way round: 0 to 0.5."""
    return abs((first - second + 0.5) % 1 - 0.5)


def _phase(motion: Motion, joint: str) -> float:
    """Share of the stride at which a joint is farthest forward."""
    ahead = motion[joint][:, 2]
    known(ahead)
    return oscillation(ahead, motion.time, 1 / one_stride(motion))[1]


def _step_asymmetry(motion: Motion) -> float:
    return 100 - 200 * phase_difference(*(_phase(motion, f"{side}_foot") for side in SIDES))


def _arm_leg_phase(motion: Motion) -> float:
    apart = [
        phase_difference(_phase(motion, f"{side}_hand"), _phase(motion, f"{other}_foot"))
        for side, other in (SIDES, SIDES[::-1])
    ]
    return 100 * sum(apart) / 2


def _asymmetry(name: str, part: str, words: str, feature: str) -> Feature:
    left, right = ((POSTURE | MOVEMENT)[f"{side}_{feature}"] for side in SIDES)
    words = f"difference of left and right {words}; 0 is symmetric"
    formula = f"100 |l - r| / ((l + r) / 2), l and r being {left.name} and {right.name}"

    def compute(motion: Motion) -> float:
        return symmetry_index(left.compute(motion), right.compute(motion))

    return Feature(f"{name}_asymmetry", "%", "movement", part, left.needs, words, formula, ROBINSON, compute)


# fmt: off
FEATURES: dict[str, Feature] = by_name((
    _asymmetry("arm_swing", "arms", "arm swing", "arm_swing_range"),
    _asymmetry("elbow", "arms", "range of the elbow", "elbow_angle_range"),
    _asymmetry("knee", "legs", "range of the knee", "knee_angle_range"),
    _asymmetry("hand_speed", "arms", "mean speed of the hand", "hand_speed_mean"),
    Feature("step_asymmetry", "%", "gait", "legs", "depth",
            "how far the steps of left and right are from half a stride apart; 0 is even",
            "100 - 200 x difference (0 to 0.5 strides) of the phases at which left and right foot are farthest "
            "forward, by a wave of a stride's length fitted to each", ZENI, _step_asymmetry),
    Feature("arm_leg_phase", "%", "gait", "arms", "depth",
            "share of the stride by which an arm and the opposite leg are apart; 0 is together",
            "100 x difference (0 to 0.5 strides) of the phases at which a hand and the opposite foot are farthest "
            "forward; mean of both sides", MURRAY, _arm_leg_phase),
))
# fmt: on
