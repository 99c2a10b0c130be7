"""What is known of how people walk, and how anger, happiness and sadness change it.

Pure functions over one table, :data:`TRAITS`. Sources are named by first author and year:

- Saunders 1953, J Bone Joint Surg Am 35:543-558: determinants of gait (path of the body).
- Murray 1964, J Bone Joint Surg Am 46:335-360: walking patterns of normal men (stride, width, rotations).
- Murray 1967, Am J Phys Med 46:290-333: gait as a total pattern of movement (arms, trunk, head, bounce).
- Oberg 1993, J Rehabil Res Dev 30:210-223: basic gait parameters, 10 to 79 years.
- Bohannon 1997, Age and Ageing 26:15-19: comfortable and maximum walking speed of adults.
- Montepare 1987, J Nonverbal Behav 11:33-42: emotions told from gait (arm swing, stride, heaviness).
- Michalak 2009, Psychosom Med 71:580-587: sadness and depression (speed, arm swing, bounce, sway, slump).
- Roether 2009, J Vision 9(6):15: critical features of emotional gait (speed, elbow flexion, head).
- Gross 2012, Hum Mov Sci 31:202-221: effort-shape and kinematic assessment of emotional gait.
- Barliya 2013, Exp Brain Res 225:159-176: emotion in the kinematics of locomotion (speed, amplitude).
- Kang 2016, J Biomech 49:4022-4027: movement smoothness and speed of emotional gait.

The sources agree on directions; magnitudes differ between laboratories and instructions. The acted magnitudes
in the table are this project's, of the order that acted emotion shows; natural walking shows about half.
So are the spreads between people and walks: of the order of published standard deviations, and chosen so that
the four emotions overlap.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from gait.errors import GaitmoodError

EMOTIONS = ("angry", "happy", "neutral", "sad")
REFERENCE_HEIGHT = 1.72


@dataclass(frozen=True)
class GaitParameters:
    """How one walk goes: everything about the movement that is not the body itself.

    Attributes
    ----------
    speed : float
        Walking speed in metres per second.
    cadence : float
        Steps per minute; two steps are a stride.
    arm_range : float
        Whole range of the upper arm in the sagittal plane, degrees.
    elbow_flexion : float
        Mean flexion of the elbow over the stride, degrees; 0 is a straight arm.
    trunk_lean : float
        Forward inclination of the line from pelvis to neck, degrees.
    head_inclination : float
        Downward inclination of the head against the vertical, degrees.
    bounce : float
        Vertical range of the pelvis within a stride, metres.
    sway : float
        Lateral range of the pelvis within a stride, metres.
    step_width : float
        Lateral distance of the two heels, metres.
    """

    speed: float
    cadence: float
    arm_range: float
    elbow_flexion: float
    trunk_lean: float
    head_inclination: float
    bounce: float
    sway: float
    step_width: float

    @property
    def stride_length(self) -> float:
        """Metres from one heel contact to the next of the same foot: speed x 120 / cadence."""
        return self.speed * 120 / self.cadence


PARAMETER_NAMES = tuple(field.name for field in fields(GaitParameters))


@dataclass(frozen=True)
class Trait:
    """One parameter of the walk: neutral value, how people and walks differ, what acted emotions do to it.

    A ``ratio`` trait is multiplied: ``angry``, ``happy`` and ``sad`` are factors, ``between`` (people) and
    ``within`` (walks of one person) are standard deviations of its natural logarithm. Any other trait is
    shifted, and all five are in its own unit. ``least`` and ``most`` bound what a body
    can show.
    """

    neutral: float
    ratio: bool
    between: float
    within: float
    angry: float
    happy: float
    sad: float
    least: float
    most: float
    source: str

    def effect(self, emotion: str) -> float:
        """Factor or shift of an acted emotion; 1 or 0 for neutral."""
        return (1.0 if self.ratio else 0.0) if emotion == "neutral" else getattr(self, emotion)


# fmt: off
TRAITS = {
    "speed": Trait(1.26, True, 0.13, 0.06, 1.5, 1.1, 0.4, 0.2, 2.8,
                   "Oberg 1993, Bohannon 1997; change: Montepare 1987, Gross 2012, Barliya 2013, Kang 2016"),
    "cadence": Trait(112.0, True, 0.065, 0.035, 1.4, 1.05, 0.6, 40.0, 175.0,
                     "Oberg 1993, Murray 1964; change: Gross 2012, Barliya 2013"),
    "arm_range": Trait(48.0, True, 0.33, 0.18, 1.2, 1.7, 0.3, 2.0, 110.0,
                       "Murray 1967; change: Montepare 1987, Michalak 2009, Barliya 2013"),
    "elbow_flexion": Trait(22.0, False, 11.0, 6.0, 40.0, 0.0, 0.0, 6.0, 85.0,
                           "Murray 1967; change: Roether 2009"),
    "trunk_lean": Trait(2.0, False, 4.0, 2.5, 13.0, 0.0, 4.0, -10.0, 30.0,
                        "Murray 1967; change: Michalak 2009 (slump), Gross 2012"),
    "head_inclination": Trait(3.0, False, 7.0, 5.0, 18.0, 0.0, 13.0, -20.0, 45.0,
                              "Murray 1967; change: Roether 2009"),
    "bounce": Trait(0.036, True, 0.28, 0.18, 1.0, 3.0, 0.4, 0.004, 0.12,
                    "Saunders 1953, Murray 1967; change: Michalak 2009"),
    "sway": Trait(0.045, True, 0.25, 0.15, 1.0, 1.0, 1.3, 0.01, 0.14,
                  "Saunders 1953, Murray 1964; change: Michalak 2009"),
    "step_width": Trait(0.09, True, 0.30, 0.12, 1.0, 1.0, 1.0, 0.02, 0.25,
                        "Murray 1964"),
}
# fmt: on

# How far the walks of one emotion differ: standard deviation of the logarithm of a walk's intensity, and of
# the share of it that reaches each trait. With the spreads above they set how much the classes overlap: at
# intensity 1 a linear classifier on the true parameters tells 3 in 4 walks of new people.
INTENSITY_SPREAD = 0.7
SHARE_SPREAD = 0.8


def apply_emotion(neutral: GaitParameters, emotion: str, intensity: float = 1.0) -> GaitParameters:
    """Change a neutral walk the way an emotion does.

    Parameters
    ----------
    neutral : GaitParameters
        The walk without emotion.
    emotion : str
        One of :data:`EMOTIONS`.
    intensity : float
        0 changes nothing, 1 is natural walking (half the acted change), 2 is acted. A factor ``r`` acts as
        ``r ** (intensity / 2)``, so that speed = stride x cadence holds at every intensity and nothing turns
        negative; a shift acts as ``shift * intensity / 2``.

    Raises
    ------
    GaitmoodError
        The emotion is not known, or the intensity is outside 0 to 3.
    """
    check_emotion(emotion, intensity)
    return _combine(neutral, emotion, dict.fromkeys(TRAITS, intensity))


def check_emotion(emotion: str, intensity: float) -> None:
    """Raise GaitmoodError where the emotion is unknown or the intensity outside 0 to 3."""
    if emotion not in EMOTIONS:
        raise GaitmoodError(f"emotion must be one of {', '.join(EMOTIONS)}, found {emotion!r}")
    if not 0 <= intensity <= 3:
        raise GaitmoodError(f"intensity must lie between 0 (none) and 3 (2 is acted), found {intensity}")


def neutral_parameters() -> GaitParameters:
    """The walk of an average adult: 126 cm/s, 112 steps a minute, stride 135 cm, arm range 48 degrees."""
    return GaitParameters(**{name: trait.neutral for name, trait in TRAITS.items()})


def draw_habits(rng: np.random.Generator, height: float) -> GaitParameters:
    """Draw how one person walks when neutral.

    Longer legs walk faster at a lower cadence: both go with the square root of length (Hof 1996, Gait &
    Posture 4:222-223, scaling gait data to body size).
    """
    scale = np.sqrt(height / REFERENCE_HEIGHT)
    values = {name: _vary(trait, trait.neutral, trait.between, rng) for name, trait in TRAITS.items()}
    values["speed"] *= scale
    values["cadence"] /= scale
    return GaitParameters(**values)


def draw_parameters(
    habits: GaitParameters, emotion: str, intensity: float, height: float, rng: np.random.Generator
) -> GaitParameters:
    """Draw one walk of a person: the emotion's effect, stronger here and weaker there, and the day's chance.

    The number of draws and their order do not depend on the emotion. The stride is kept between 0.3 and 1.0
    body heights by changing the speed.

    Raises
    ------
    GaitmoodError
        The emotion is not known, or the intensity is outside 0 to 3.
    """
    check_emotion(emotion, intensity)
    strength = min(intensity * float(np.exp(rng.normal(0, INTENSITY_SPREAD))), 3.0)
    shares = {name: float(np.clip(rng.normal(1, SHARE_SPREAD), 0, 2)) for name in TRAITS}
    # Speed and cadence share one draw: people who hurry do both, and the stride follows.
    shares["cadence"] = shares["speed"] + 0.3 * (shares["cadence"] - 1)
    moved = _combine(habits, emotion, {name: min(strength * share, 3.0) for name, share in shares.items()})
    values = {name: _vary(trait, getattr(moved, name), trait.within, rng) for name, trait in TRAITS.items()}
    stride = values["speed"] * 120 / values["cadence"]
    values["speed"] *= float(np.clip(stride, 0.3 * height, 1.0 * height)) / stride
    return GaitParameters(**values)


def _combine(base: GaitParameters, emotion: str, gains: dict[str, float]) -> GaitParameters:
    values = {}
    for name, trait in TRAITS.items():
        value, effect, half = getattr(base, name), trait.effect(emotion), gains[name] / 2
        values[name] = _bound(trait, value * effect**half if trait.ratio else value + effect * half)
    return GaitParameters(**values)


def _vary(trait: Trait, value: float, spread: float, rng: np.random.Generator) -> float:
    chance = float(np.clip(rng.normal(), -2.5, 2.5)) * spread
    return _bound(trait, value * float(np.exp(chance)) if trait.ratio else value + chance)


def _bound(trait: Trait, value: float) -> float:
    return float(min(max(value, trait.least), trait.most))
