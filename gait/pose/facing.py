"""Which way a walker faces the camera, from signs that do not depend on which side is called left.

People walk forwards: whose body grows in the picture faces the camera, whose body shrinks faces away. Feet
point forwards and knees bend so that they point forwards too: what they show along the picture's x axis
tells sideways walkers, even on the spot. And, as cameras stand above the feet, toes that lie lower in the
picture than heels belong to somebody who faces the camera.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from gait.pose.medians import median
from gait.pose.sequence import PoseSequence
from gait.skeleton import Layout, find_layout

STATURE = 1.7  # metres; turns metres into body heights where the walker's own height is not known
# What a walker seen exactly from the side shows, in body heights: toe before heel (foot length 0.152 of the
# height, Drillis and Contini 1966) and knee before the middle of hip and ankle (mean over the stride).
FOOT_AHEAD, KNEE_AHEAD = 0.14, 0.075
# Log-odds of facing the camera for each body height a second of approach; comfortable walking is 0.75.
GROWTH_ODDS, GROWTH_MOST = 30.0, 12.0
# Log-odds for each body height by which toes lie below heels, and where there is no telling. Walkers towards
# the camera show about 0.06, walkers away -0.03: a foot that pushes off points down in both.
TOES_ODDS, TOES_LEVEL = 150.0, 0.015
# Log-odds for the skewness of the feet's vertical speed in the picture. On the spot, the foot on the floor
# slides back slowly, away from a camera in front and so up in the picture, and comes down it fast in swing.
SWEEP_ODDS = 2.0
SWEEP_FRAMES = 3
# Each of the two by itself may be wrong: an estimator that takes the front for the back draws the feet to
# match. Neither suffices alone.
FEET_MOST = 2.5
KNOWN_ODDS = 3.0  # log-odds; 95 %
# From this sine of the facing angle on, depth tells left from right; from this cosine on, the picture does.
KNOWN_SIDEWAYS, KNOWN_TOWARDS = 0.9, 0.25
KNOWN_SHARE = 0.9  # of the frames
WINDOW_SECONDS, SHORTEST_WINDOW = 2.0, 0.4
SETTLING_SECONDS = 0.2
LEAST_SPEED = 0.3  # body heights a second: from here on, movement tells the angle as well as feet do
FEET_SLACK = 1.05  # feet that show nearly as much as from the side may be seen exactly from there


@dataclass(frozen=True)
class Facing:
    """Which way the walker faces, frame by frame.

    Attributes
    ----------
    sideways : (T,) float array
        Sine of the angle to the camera's axis: 1 faces the picture's right.
    towards : (T,) float array
        Cosine of it: 1 faces the camera. Shrunk as its sign is less certain, 0 where it is not known.
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
        towards the camera, positive to the picture's right, None where it is not known.
        """
        if not self.known:
            return {"known": False, "facing": None, "angle": None, "reason": self.reason}
        sine, cosine = float(np.median(self.sideways)), float(np.median(self.towards))
        side = "right" if sine > 0 else "left"
        way = "towards" if cosine > 0 else "away"
        name = way if abs(sine) < 0.4 else f"half {way}, {side}" if abs(sine) < 0.9 and cosine else side
        angle = round(float(np.degrees(np.arctan2(sine, cosine))))
        return {"known": True, "facing": name, "angle": angle, "reason": self.reason}


def core_seen(image: np.ndarray, layout: str) -> np.ndarray:
    """(T,) frames in which shoulders and hips have a place in the picture."""
    skeleton = find_layout(layout)
    return np.isfinite(image[:, [*skeleton.shoulders, *skeleton.hips]]).all(axis=(1, 2))


def body_height(image: np.ndarray, time: np.ndarray, layout: str, seconds: float = 0.5) -> np.ndarray:
    """(T,) height of the body in the picture in pixels, running median; NaN without shoulders, hips."""
    seen = core_seen(image, layout)
    span = np.full(len(image), np.nan)
    y = image[seen][..., 1].astype(np.float64)
    span[seen] = np.nanmax(y, axis=1) - np.nanmin(y, axis=1) if len(y) else 0
    height = np.full(len(image), np.nan)
    times, spans = time[seen], span[seen]
    for t in np.flatnonzero(seen):
        height[t] = median(spans[np.abs(times - time[t]) <= seconds / 2])
    return np.where(height > 0, height, np.nan)


def find_facing(sequence: PoseSequence, laps: np.ndarray) -> Facing:
    """Which way a walker faces.

    Parameters
    ----------
    sequence : PoseSequence
        With joints in the picture; ``root`` is used where it is estimated from the picture.
    laps : (T,) int array
        Number of the lap that each frame belongs to: movement across a seam is none.
    """
    time = sequence.time
    height = body_height(sequence.image, time, sequence.layout)
    height[~_settled(np.isfinite(height), time)] = np.nan
    places = sequence.image.astype(np.float64) / height[:, None, None]
    ahead, below = _feet(places, find_layout(sequence.layout))
    feet = np.nan_to_num(np.clip(_running_median(ahead, time, laps), -1, 1))
    toes = np.nan_to_num(TOES_ODDS * (_running_median(below, time, laps) - TOES_LEVEL))
    sweep = SWEEP_ODDS * _sweep(places, laps, find_layout(sequence.layout))
    across, growth = _velocity(sequence, height, laps)
    odds = np.clip(GROWTH_ODDS * growth, -GROWTH_MOST, GROWTH_MOST)
    odds += np.clip(toes, -FEET_MOST, FEET_MOST) + np.clip(sweep, -FEET_MOST, FEET_MOST)
    odds = np.where(np.abs(odds) >= KNOWN_ODDS, odds, np.median(odds))
    walks = np.hypot(across, growth) >= LEAST_SPEED
    sideways, towards = _angle(feet, across, growth, odds, walks)
    told = (np.abs(towards) >= KNOWN_TOWARDS) | (np.abs(sideways) >= KNOWN_SIDEWAYS)
    known = bool(told.mean() >= KNOWN_SHARE)
    return Facing(sideways, towards, known, _reason(known, walks, growth, sideways))


def _settled(seen: np.ndarray, time: np.ndarray) -> np.ndarray:
    """(T,) frames seen for a while: just found, a body is still growing and turning into its place."""
    since = np.full(len(seen), -np.inf)
    for t in np.flatnonzero(seen):
        since[t] = since[t - 1] if t and seen[t - 1] else time[t]
    settled = seen & (time - since >= SETTLING_SECONDS)
    return settled if settled.any() else seen


def _angle(
    feet: np.ndarray, across: np.ndarray, growth: np.ndarray, odds: np.ndarray, walks: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Sine and cosine of the facing angle, (T,) each."""
    # Of those who get on, movement and feet together: distances, and with them growth, hang on a focal length
    # that nobody knows; feet keep the angle honest.
    speed = np.maximum(np.hypot(across, growth), 1e-6)
    right, nearer = across / speed + feet, growth / speed + np.sqrt(1 - feet**2) * np.tanh(odds / 4)
    length = np.maximum(np.hypot(right, nearer), 1e-6)
    # Of those who stay, feet alone, and the cosine only where its sign is known.
    rest = np.sqrt(1 - np.minimum(FEET_SLACK * np.abs(feet), 1) ** 2) * np.tanh(odds / 2)
    rest = np.where(np.abs(odds) >= KNOWN_ODDS, rest, 0)
    return np.where(walks, right / length, feet), np.where(walks, nearer / length, rest)


def _feet(places: np.ndarray, layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """Sine of the facing angle as feet and knees show it (T,), and how far toes lie below heels (T,)."""

    def middle(*parts: str) -> np.ndarray | None:
        """(T, 2) middle of both sides of the first of these parts that the layout has."""
        for part in parts:
            if {f"left_{part}", f"right_{part}"} <= set(layout.joints):
                return places[:, [layout.index(f"{side}_{part}") for side in ("left", "right")]].mean(axis=1)
        return None

    heel, toe = middle("heel"), middle("foot_index", "big_toe")
    hip, knee, ankle = middle("hip"), middle("knee"), middle("ankle", "foot")
    signs, below = [], np.full(len(places), np.nan)
    if heel is not None and toe is not None:
        signs.append((toe - heel)[:, 0] / FOOT_AHEAD)
        below = (toe - heel)[:, 1]
    if hip is not None and knee is not None and ankle is not None:
        signs.append((knee - (hip + ankle) / 2)[:, 0] / KNEE_AHEAD)
    return (np.mean(signs, axis=0) if signs else np.zeros(len(places))), below


def _sweep(places: np.ndarray, laps: np.ndarray, layout: Layout) -> float:
    """Skewness of the feet's vertical speed, mean over their points: positive for who faces the camera.

    From frame to frame, a point belongs to the nearer of both, so that exchanged sides make no speed.
    """
    linked = laps[SWEEP_FRAMES:] == laps[:-SWEEP_FRAMES]
    skews = []
    for part in ("ankle", "heel", "foot_index"):
        if f"left_{part}" not in layout.joints:
            continue
        feet = places[:, [layout.index(f"{side}_{part}") for side in ("left", "right")]]
        before, after = feet[:-SWEEP_FRAMES], feet[SWEEP_FRAMES:]
        crossed = after[:, ::-1]
        far = [np.linalg.norm(end - before, axis=-1).sum(axis=1) for end in (after, crossed)]
        nearer = np.where((far[0] <= far[1])[:, None, None], after, crossed)
        speed = (nearer - before)[linked][..., 1].ravel()
        speed = speed[np.isfinite(speed)]
        # One leap, as where the person is found again, would outweigh all else in the third power.
        speed = np.clip(speed, *np.percentile(speed, (2, 98))) if len(speed) else speed
        spread = np.mean(speed**2) ** 1.5 if len(speed) else 0
        skews.append(np.mean(speed**3) / spread if spread > 0 else 0.0)
    return float(np.mean(skews)) if skews else 0.0


def _velocity(sequence: PoseSequence, height: np.ndarray, laps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Velocity in body heights a second (T,), across the line of sight and along it."""
    # Only an estimated root has the camera as its origin; a measured one lies in a room of its own.
    if sequence.root_source == "estimated" and np.isfinite(sequence.root).any():
        unit = STATURE if sequence.root_unit == "m" else 1.0
        x, z = (sequence.root[:, axis].astype(np.float64) / unit for axis in (0, 2))
    else:
        # Without a root: as if the walker were four heights away at the median, where a body fills a picture.
        hips = sequence.image[:, list(find_layout(sequence.layout).hips), 0].mean(axis=1).astype(np.float64)
        z = -4 * np.nanmedian(height) / height
        x = (hips - sequence.frame_size[1] / 2) / height
    x, z = (np.where(np.isfinite(height), values, np.nan) for values in (x, z))
    right, nearer = _slope(x, sequence.time, laps), _slope(z, sequence.time, laps)
    # The walker's place beside the camera's axis turns the line of sight.
    sight = np.nan_to_num(np.arctan2(x, -z))
    return right * np.cos(sight) + nearer * np.sin(sight), nearer * np.cos(sight) - right * np.sin(sight)


def _slope(values: np.ndarray, time: np.ndarray, laps: np.ndarray) -> np.ndarray:
    """(T,) change a second within windows; the median of all where too little is known."""
    slope = np.full(len(values), np.nan)
    for t, window in _windows(np.isfinite(values), time, laps):
        since = time[window] - time[window].mean()
        slope[t] = since @ values[window] / (since @ since)  # least squares
    known = np.isfinite(slope)
    return np.where(known, slope, np.median(slope[known]) if known.any() else 0)


def _running_median(values: np.ndarray, time: np.ndarray, laps: np.ndarray) -> np.ndarray:
    """Median of known values within windows (T,); NaN where too little is known."""
    result = np.full(len(values), np.nan)
    for t, window in _windows(np.isfinite(values), time, laps):
        result[t] = median(values[window])
    return result


def _windows(known: np.ndarray, time: np.ndarray, laps: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Frames, and the known ones of the lap in the ``WINDOW_SECONDS`` about them, where those are enough.

    Near the ends of a lap the window is as long, but to one side: half of it would tell too little.
    """
    for lap in np.unique(laps):
        own = np.flatnonzero(laps == lap)
        half = min(WINDOW_SECONDS, time[own[-1]] - time[own[0]]) / 2
        for t in own:
            middle = np.clip(time[t], time[own[0]] + half, time[own[-1]] - half)
            window = own[known[own] & (np.abs(time[own] - middle) <= half + 1e-9)]
            if len(window) >= 4 and time[window[-1]] - time[window[0]] >= SHORTEST_WINDOW:
                yield int(t), window


def _reason(known: bool, walks: np.ndarray, growth: np.ndarray, sideways: np.ndarray) -> str:
    if not known:
        return "the body neither grows nor shrinks nor crosses the picture, and the feet do not tell"
    if walks.mean() < 0.5:
        return "feet and knees"
    if abs(np.median(sideways)) >= 0.9:
        return "the body crosses the picture"
    return f"the body {'grows' if np.median(growth) > 0 else 'shrinks'} in the picture"
