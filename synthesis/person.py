"""Who walks: body, habits and clothes, drawn without a look at the emotion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synthesis.kinematics import GaitParameters, draw_habits

Colour = tuple[int, int, int]

_SKIN: tuple[Colour, ...] = (
    (247, 214, 190), (236, 196, 166), (224, 178, 142), (198, 148, 110),
    (160, 112, 80), (116, 78, 56), (84, 58, 44),
)  # fmt: skip
_HAIR: tuple[Colour, ...] = (
    (24, 20, 20), (48, 34, 26), (82, 54, 34), (120, 82, 48), (176, 140, 88), (130, 128, 126), (110, 52, 30),
)  # fmt: skip
_SHOES: tuple[Colour, ...] = ((28, 28, 30), (236, 236, 232), (92, 62, 40), (140, 36, 40), (46, 60, 96))


@dataclass(frozen=True)
class Body:
    """Lengths of the body's segments in metres.

    Fractions of the height are those of Drillis and Contini as given by Winter (Biomechanics and Motor
    Control of Human Movement, 4th ed., figure 4.1), except the distances of hip and shoulder joint centres,
    which lie inside the breadths given there.
    """

    height: float
    thigh: float
    shank: float
    ankle_height: float
    foot: float
    hip_half: float
    shoulder_half: float
    trunk: float
    neck: float
    upper_arm: float
    forearm: float
    hand: float
    girth: float

    @property
    def leg(self) -> float:
        """Hip to ankle, knee straight."""
        return self.thigh + self.shank


@dataclass(frozen=True)
class Appearance:
    """Colours (RGB, 0 to 255), hair and clothes."""

    skin: Colour
    hair: Colour
    top: Colour
    accent: Colour
    trousers: Colour
    shoes: Colour
    hair_style: str
    pattern: str
    long_sleeves: bool
    long_trousers: bool


@dataclass(frozen=True)
class Person:
    """A subject: body, neutral walk and looks."""

    body: Body
    habits: GaitParameters
    looks: Appearance


def make_body(
    height: float, leg: float = 1.0, shoulders: float = 1.0, hips: float = 1.0, girth: float = 1.0
) -> Body:
    """Body of a given height (metres); the other arguments are factors on average proportions."""
    legs = 0.491 * leg * height
    return Body(
        height=height,
        thigh=legs * 0.499,
        shank=legs * 0.501,
        ankle_height=0.039 * height,
        foot=0.152 * height,
        hip_half=0.052 * height * hips,
        shoulder_half=0.112 * height * shoulders,
        # What the legs gain the trunk loses, so that the height stays.
        trunk=0.300 * height + 0.491 * height - legs,
        neck=0.105 * height,
        upper_arm=0.186 * height,
        forearm=0.146 * height,
        hand=0.108 * height,
        girth=girth,
    )


def draw_person(rng: np.random.Generator) -> Person:
    """Draw a subject. Height: men 1.77 m (SD 0.07), women 1.64 m (SD 0.065), half each."""
    man = rng.random() < 0.5
    height = float(np.clip(rng.normal(1.77, 0.07) if man else rng.normal(1.64, 0.065), 1.48, 2.0))
    body = make_body(
        height,
        leg=_near_one(rng, 0.025),
        shoulders=(1.03 if man else 0.95) * _near_one(rng, 0.03),
        hips=(0.97 if man else 1.06) * _near_one(rng, 0.03),
        girth=_near_one(rng, 0.09),
    )
    return Person(body, draw_habits(rng, height), _draw_looks(rng, man))


def _near_one(rng: np.random.Generator, spread: float) -> float:
    return 1 + spread * float(np.clip(rng.normal(), -2, 2))


def _draw_looks(rng: np.random.Generator, man: bool) -> Appearance:
    styles, odds = (
        ("short", "long", "bun", "bald"),
        ((0.82, 0.06, 0.02, 0.1) if man else (0.25, 0.45, 0.3, 0.0)),
    )
    return Appearance(
        skin=_pick(rng, _SKIN),
        hair=_pick(rng, _HAIR),
        top=_any_colour(rng, 40, 225),
        accent=_any_colour(rng, 30, 240),
        trousers=_any_colour(rng, 25, 130, vivid=0.35),
        shoes=_pick(rng, _SHOES),
        hair_style=str(rng.choice(styles, p=odds)),
        pattern=str(rng.choice(("plain", "stripes", "logo", "open"), p=(0.4, 0.2, 0.2, 0.2))),
        long_sleeves=bool(rng.random() < 0.55),
        long_trousers=bool(rng.random() < 0.8),
    )


def _pick(rng: np.random.Generator, colours: tuple[Colour, ...]) -> Colour:
    return colours[int(rng.integers(len(colours)))]


def _any_colour(rng: np.random.Generator, low: int, high: int, vivid: float = 0.6) -> Colour:
    """A colour of drawn brightness; ``vivid`` is the share of its strongest deviation from grey."""
    level = rng.uniform(low, high)
    hue = rng.uniform(-1, 1, 3) * vivid * min(level, 255 - level)
    red, green, blue = np.clip(level + hue, 10, 245).astype(int).tolist()
    return red, green, blue
