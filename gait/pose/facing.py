"""Which way a walker faces the camera, from signs that do not depend on which side is called left.

People walk forwards: whose body grows in the picture faces the camera, whose body shrinks faces away. Feet point
forwards and knees bend so that they point forwards too: what they show along the picture's x axis tells sideways
walkers, even on the spot, and, as cameras stand above the feet, toes that lie lower in the picture than heels
belong to somebody who faces the camera.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gait.pose.sequence import PoseSequence
from gait.skeleton import Layout, find_layout

# What a walker seen exactly from the side shows, in body heights: toe before heel (foot length 0.152 of the
# height, Drillis and Contini 1966) and knee before the middle of hip and ankle (mean over the stride).
FOOT_AHEAD, KNEE_AHEAD = 0.14, 0.075
# Log-odds of facing the camera for each body height a second of approach; comfortable walking is 0.75.
GROWTH_ODDS = 30.0
# Log-odds for each body height by which toes lie below heels, and where there is no telling. Walkers towards the
# camera show about 0.06, walkers away -0.03: a foot that pushes off points down in both.
TOES_ODDS, TOES_LEVEL = 150.0, 0.015
GROWTH_MOST, TOES_MOST = 12.0, 8.0
KNOWN_ODDS = 3.0  # log-odds; 95 %
KNOWN_SIDEWAYS = 0.85  # sine: from 58 degrees off the camera's axis, depth tells left from right
WINDOW_SECONDS = 2.0
SHORTEST_WINDOW = 0.4  # seconds
LEAST_SPEED = 0.3  # body heights a second: from here on, movement tells the angle better than feet do
FEET_SLACK = 1.15  # feet that show nearly as much as from the side may be seen exactly from there
_STATURE = 1.7


@dataclass(frozen=True)
class Facing:
    """Which way the walker faces, frame by frame.

    Attributes
    ----------
    sideways : (T,) float array
        Sine of the angle to the camera's axis: 1 faces the picture's right.
    towards : (T,) float array
        Cosine of it: 1 faces the camera. Shrunk as the sign is less certain, 0 where it is not known.
    known : bool
        Which is the walker's left can be told, in nine of ten frames at least.
    reason : str
        Why, or why not.
    """

    sideways: np.ndarray
    towards: np.ndarray
    known: bool
    reason: str

    def describe(self) -> dict[str, Any]:
        """The facts for ``notes``, as JSON values; ``angle`` is that of the median frame in degrees, 0
        towards the camera, positive to the picture's right."""
        sine, cosine = float(np.median(self.sideways)), float(np.median(self.towards))
        side = "right" if sine > 0 else "left"
        way = "towards" if cosine > 0 else "away"
        name = way if abs(sine) < 0.4 else f"half {way}, {side}" if abs(sine) < 0.9 and cosine else side
        angle = round(float(np.degrees(np.arctan2(sine, cosine))))
        return {"known": self.known, "facing": name if self.known else None, "angle": angle, "reason": self.reason}


def body_height(image: np.ndarray, time: np.ndarray, seconds: float = 0.5) -> np.ndarray:
    """(T,) height of the body in the picture in pixels, a running median over ``seconds``; NaN where unseen."""
    seen = np.isfinite(image).all(axis=(1, 2))
    span = np.where(seen, np.ptp(image[..., 1].astype(np.float64), axis=1), np.nan)
    height = np.full(len(image), np.nan)
    for t in np.flatnonzero(seen):
        near = span[np.abs(time - time[t]) <= seconds / 2]
        height[t] = np.median(near[np.isfinite(near)])
    return height


def find_facing(sequence: PoseSequence, laps: np.ndarray) -> Facing:
    """Which way a walker faces.

    Parameters
    ----------
    sequence : PoseSequence
        With joints in the picture; ``root`` is used where it is there.
    laps : (T,) int array
        Number of the lap that each frame belongs to: movement across a seam is none.
    """
    layout = find_layout(sequence.layout)
    image, time = sequence.image.astype(np.float64), sequence.time
    height = body_height(image, time)
    ahead, below = _feet(image / height[:, None, None], layout)
    across, growth = _velocity(sequence, image, height, laps)
    feet = np.nan_to_num(np.clip(_windowed(ahead, time, laps), -1, 1))
    toes = np.nan_to_num(TOES_ODDS * (_windowed(below, time, laps) - TOES_LEVEL))
    odds = np.clip(GROWTH_ODDS * growth, -GROWTH_MOST, GROWTH_MOST) + np.clip(toes, -TOES_MOST, TOES_MOST)
    odds = np.where(np.abs(odds) >= KNOWN_ODDS, odds, np.median(odds))
    sure = np.abs(odds) >= KNOWN_ODDS
    standing = np.where(sure, np.sqrt(1 - np.minimum(FEET_SLACK * np.abs(feet), 1) ** 2) * np.tanh(odds / 2), 0)
    speed = np.hypot(across, growth)
    walks = speed >= LEAST_SPEED
    # Distances, and with them growth, hang on a focal length that nobody knows; feet keep the angle honest.
    shown = np.sqrt(1 - feet**2) * np.tanh(odds / 4)
    both = np.stack([across / np.maximum(speed, LEAST_SPEED) + feet, growth / np.maximum(speed, LEAST_SPEED) + shown])
    both /= np.maximum(np.linalg.norm(both, axis=0), 1e-6)
    sideways, towards = np.where(walks, both[0], feet), np.where(walks, both[1], standing)
    known = bool((walks | sure | (np.abs(sideways) >= KNOWN_SIDEWAYS)).mean() >= 0.9)
    return Facing(sideways, towards, known, _reason(known, walks, growth, sideways))


def _feet(places: np.ndarray, layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """Sine of the facing angle as feet and knees show it (T,), and how far toes lie below heels (T,)."""

    def middle(part: str) -> np.ndarray | None:
        sides = [f"{side}_{part}" for side in ("left", "right")]
        if not set(sides) <= set(layout.joints):
            return None
        return places[:, [layout.index(joint) for joint in sides]].mean(axis=1)

    signs, below = [], np.full(len(places), np.nan)
    heel = middle("heel")
    toe = middle("foot_index") if middle("foot_index") is not None else middle("big_toe")
    if heel is not None and toe is not None:
        signs.append((toe - heel)[:, 0] / FOOT_AHEAD)
        below = (toe - heel)[:, 1]
    hip, knee = middle("hip"), middle("knee")
    ankle = middle("ankle") if middle("ankle") is not None else middle("foot")
    if hip is not None and knee is not None and ankle is not None:
        signs.append((knee - (hip + ankle) / 2)[:, 0] / KNEE_AHEAD)
    return (np.mean(signs, axis=0) if signs else np.zeros(len(places))), below


def _velocity(
    sequence: PoseSequence, image: np.ndarray, height: np.ndarray, laps: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Velocity in body heights a second (T,), across the line of sight and along it, from windows of a lap."""
    time = sequence.time
    middle = np.nanmean(image[..., 0], axis=1) if np.isfinite(image).any() else np.full(len(image), np.nan)
    if sequence.root is not None and np.isfinite(sequence.root[:, 2]).any():
        metres = _STATURE if sequence.root_unit == "m" else 1.0
        x, z = (sequence.root[:, axis].astype(np.float64) / metres for axis in (0, 2))
    else:
        # Without a root: as if the walker were four heights away, about where a whole body fills a picture.
        z = 4 * np.log(height / np.nanmedian(height))
        x = (middle - sequence.frame_size[1] / 2) / height
    right, nearer = _slope(x, time, laps), _slope(z, time, laps)
    # The walker's place in the picture turns the line of sight against the camera's axis.
    sight = np.arctan2(x, -z) if sequence.root is not None else np.zeros(len(x))
    sight = np.nan_to_num(sight)
    return right * np.cos(sight) + nearer * np.sin(sight), nearer * np.cos(sight) - right * np.sin(sight)


def _slope(values: np.ndarray, time: np.ndarray, laps: np.ndarray) -> np.ndarray:
    """(T,) change a second within windows; that of the median frame where too little is known."""
    slope = np.full(len(values), np.nan)
    for t, window in _windows(np.isfinite(values), time, laps):
        slope[t] = np.polyfit(time[window] - time[t], values[window], 1)[0]
    known = np.isfinite(slope)
    return np.where(known, slope, np.median(slope[known]) if known.any() else 0)


def _windowed(values: np.ndarray, time: np.ndarray, laps: np.ndarray) -> np.ndarray:
    """Running median of known values (T,); NaN where none is near."""
    result = np.full(len(values), np.nan)
    for t, window in _windows(np.isfinite(values), time, laps):
        result[t] = np.median(values[window])
    return result


def _windows(known: np.ndarray, time: np.ndarray, laps: np.ndarray):
    """Frames and the known ones within half of ``WINDOW_SECONDS`` of them, of the same lap, if they are enough."""
    for t in range(len(time)):
        window = np.flatnonzero(known & (laps == laps[t]) & (np.abs(time - time[t]) <= WINDOW_SECONDS / 2))
        if len(window) >= 4 and time[window[-1]] - time[window[0]] >= SHORTEST_WINDOW:
            yield t, window


def _reason(known: bool, walks: np.ndarray, growth: np.ndarray, sideways: np.ndarray) -> str:
    if not known:
        return "the body neither grows nor shrinks nor crosses the picture, and the feet do not tell"
    if walks.mean() < 0.5:
        return "feet and knees"
    if abs(np.median(sideways)) >= 0.9:
        return "the body crosses the picture"
    return f"the body {'grows' if np.median(growth) > 0 else 'shrinks'} in the picture"
