"""Features in plain words: what a larger or a smaller value looks like.

One table, read against the features' own descriptions (:attr:`gait.features.Feature.words`): a row serves all features
that are described alike, and says it with their own words for the part of the body.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from gait.features.feature import Feature


@dataclass(frozen=True)
class Wording:
    """Words for a feature, for sentences such as *head bent further forward than usual*.

    Attributes
    ----------
    subject : str
        What is seen.
    more, less : str
        How it looks where the value is larger, or smaller: comparatives.
    """

    subject: str
    more: str
    less: str


# Description (a regular expression for all of it; the first that fits counts), subject, more, less. \1 is what the
# first bracket found.
# fmt: off
_TABLE = (
    # posture
    (r"angle of the line from hips to head.*: mean.*", "body", "inclined further", "inclined less"),
    (r"distance of the (.+) from each other: mean.*", r"\1", "farther apart", "closer together"),
    (r"distance of the (.+) from (.+): mean.*", r"\1", r"farther from \2", r"closer to \2"),
    (r"area of the triangle of (.+): mean.*", r"triangle of \1", "larger", "smaller"),
    (r"angle at the (left|right) shoulder.*: mean.*", r"\1 arm", "raised further", "hanging lower"),
    (r"angle at the (\w+ (?:elbow|knee));.*: mean.*", r"\1", "straighter", "more bent"),
    (r"angle at the neck.*: mean.*", "head", "less bent against the spine", "more bent against the spine"),
    (r"inclination of the trunk, forward.*: mean.*", "trunk",
     "leaning further forward", "leaning less far forward"),
    (r"inclination of the line from neck to face.*: mean.*", "head",
     "bent further forward", "bent less far forward"),
    (r"height of the head above the hips.*: mean.*", "head", "higher above the hips", "lower above the hips"),
    (r"volume of the box around the body: mean.*", "space that the body fills", "larger", "smaller"),
    (r"how far the (.+) is held out.*: mean.*", r"\1", "held farther out", "held closer to the side"),
    (r"swing of the (.+) seen from the side.*: mean.*", r"\1", "carried further forward", "carried further back"),
    # ranges
    (r"angle at the (\w+ (?:elbow|knee));.*: range.*", r"\1", "bending through a wider angle",
     "bending through a narrower angle"),
    (r"swing of the (.+) seen from the side.*: range.*", r"\1", "swinging wider", "swinging less wide"),
    (r"inclination of the trunk, forward.*: range.*", "trunk", "rocking more forth and back",
     "rocking less forth and back"),
    (r"inclination of the trunk to the side.*: range.*", "trunk", "rocking more from side to side",
     "rocking less from side to side"),
    (r"turn of the shoulders.*: range.*", "trunk", "twisting more", "twisting less"),
    (r"inclination of the line from neck to face.*: range.*", "head", "nodding more", "nodding less"),
    (r"distance of the hands.*: range.*", "distance of the hands", "changing more", "changing less"),
    (r"volume of the box around the body: range.*", "space that the body fills",
     "changing more", "changing less"),
    # movement
    (r"speed of the (.+) against the hips: mean.*", r"\1", "faster", "slower"),
    (r"speed of the (.+) against the hips: largest.*", r"\1", "faster at its fastest", "slower at its fastest"),
    (r"acceleration of the (.+) against the hips: mean.*", r"\1", "changing its speed more suddenly",
     "changing its speed more gently"),
    (r"jerk of the (.+) against the hips: mean.*", r"\1", "more jerky", "less jerky"),
    (r"log dimensionless jerk of the (.+); .*", r"\1", "smoother for its speed (jerk)",
     "less smooth for its speed (jerk)"),
    (r"spectral arc length of the speed of the (.+); .*", r"\1", "smoother for its speed (spectrum)",
     "less smooth for its speed (spectrum)"),
    # gait
    (r"steps a minute", "steps", "more frequent", "less frequent"),
    (r"way from one contact.*", "stride", "longer", "shorter"),
    (r"speed at which the standing foot.*", "walking", "faster", "slower"),
    (r"distance of the ankles along the way.*", "steps", "longer", "shorter"),
    (r"distance of the ankles across the way.*", "feet", "set farther apart", "set closer together"),
    (r"share of the time in which a foot goes back.*", "feet", "on the floor for longer",
     "on the floor for less long"),
    (r"vertical range of the feet.*", "feet", "lifted higher", "lifted less high"),
    (r"vertical movement of the hips above.*", "hips", "rising more in a step", "rising less in a step"),
    (r"vertical movement of the hips, once.*", "hips", "bouncing more", "bouncing less"),
    (r"movement of the hips from side to side.*", "hips", "swaying more", "swaying less"),
    (r"way of the hips through space.*", "way covered in a stride", "longer", "shorter"),
    (r"speed of the hips through space.*", "getting ahead", "faster", "slower"),
    # symmetry
    (r"difference of left and right (.+); 0 is symmetric", r"\1", "less even between left and right",
     "more even between left and right"),
    (r"how far the steps of left and right.*", "steps", "less even in time", "more even in time"),
    (r"share of the stride by which an arm.*", "arms", "less in step with the opposite legs",
     "more in step with the opposite legs"),
    # effort
    (r"mean squared speed: strong or light.*", "strongest moment of hands, feet and head", "stronger",
     "lighter"),
    (r"mean acceleration: sudden or sustained.*", "hands, feet and head", "more sudden", "more sustained"),
    (r"straight way over path.*", "ways of hands, feet and head", "more direct", "more roundabout"),
    (r"mean jerk: bound or free.*", "hands, feet and head", "more jerky", "less jerky"),
    (r"mean speed: quantity of motion.*", "hands, feet and head", "moving more", "moving less"),
)

# Unit -> in words, and digits behind the point.
_UNITS = {
    "degrees": ("degrees", 0), "steps/min": ("a minute", 0), "%": ("%", 0), "1": ("", 2),
    "heights": ("body heights", 2), "heights^2": ("square body heights", 3),
    "heights^3": ("cubic body heights", 3), "heights/s": ("body heights/s", 2),
    "heights/s^2": ("body heights/s²", 1), "heights/s^3": ("body heights/s³", 0),
    "heights^2/s^2": ("body heights²/s²", 2),
}
# fmt: on
_SEVERAL = {"hand": "hands", "foot": "feet"}


@cache
def wording(feature: Feature) -> Wording:
    """How larger and smaller values of a feature look.

    Raises
    ------
    ValueError
        No row of the table fits: a new feature needs one.
    """
    for description, *words in _TABLE:
        if match := re.fullmatch(description, feature.words):
            return Wording(*(match.expand(text) for text in words))
    raise ValueError(f"no row of gait/features/words.py fits '{feature.words}' ({feature.name})")


def title(feature: Feature) -> str:
    """What is measured, without what it means: such as *speed of the left hand against the hips, mean*."""
    what, over, how = re.fullmatch(r"(.*?)(: (mean|range|largest) over the walk)?", feature.words).groups()
    what = re.sub(r": [^:]*, of ", " of ", what)  # the two poles of an effort
    what = re.split(r"[;:]|, (?:\w+ )*positive", what)[0]
    return f"{what}, {how}" if over else what


def part_of(feature: Feature) -> str:
    """The part of the body that a feature is of, for people."""
    return _SEVERAL.get(feature.part, feature.part)


def amount(feature: Feature, value: float, unit: bool = True) -> str:
    """A value, or a difference of values, rounded as far as it tells, with its unit in words."""
    words, digits = _UNITS[feature.unit]
    number = f"{value:.{digits}f}"
    if not float(number):
        number = f"{0:.{digits}f}"  # never -0
    words = words.removesuffix("s") if float(number) == 1 and words == "degrees" else words
    return f"{number} {words}".rstrip() if unit else number
