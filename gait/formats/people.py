"""Several people in 2-D keypoints, frame by frame: who is who, and the one to follow as a pose sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gait.formats.walks import KeypointError, check_length
from gait.pose.sequence import PoseSequence
from gait.skeleton import LAYOUTS

LAYOUT_OF = {len(LAYOUTS[name]): name for name in ("coco17", "openpose18", "openpose25")}
# Nobody walks half a body's extent from one frame to the next; who was not seen for this many frames is new.
_REACH = 0.5
_FORGET = 15

Track = dict[int, np.ndarray]


def parse_keypoints(values: Any, where: str, counts: Sequence[int]) -> np.ndarray:
    """(V, 3) x, y, confidence of a flat list.

    Raises
    ------
    KeypointError
        Not numbers, or another joint count than one of ``counts``.
    """
    try:
        flat = np.asarray(values, dtype=np.float64).ravel()
    except (TypeError, ValueError) as error:
        raise KeypointError(f"{where}: keypoints are not a list of numbers") from error
    if flat.size % 3 or flat.size // 3 not in counts:
        expected = " or ".join(
            f"{count} joints x (x, y, confidence) ({LAYOUT_OF[count]})" for count in counts
        )
        raise KeypointError(
            f"{where}: {expected} expected, found {flat.size} values = {flat.size / 3:g} joints"
        )
    return flat.reshape(-1, 3)


def link_people(frames: Sequence[Sequence[np.ndarray]]) -> list[Track]:
    """Tracks of people through frames whose lists of people have no order.

    The nearest pairs of a track's last body and a body of the frame are joined first, distance being the mean
    over joints known in both, in extents of the body.

    Parameters
    ----------
    frames : sequence of T sequences of (V, 3) arrays
        x, y, confidence of everyone in view.

    Returns
    -------
    list of dict of int to (V, 3) array
        Frame -> body, the person seen in most frames first.
    """
    tracks: list[Track] = []
    for t, people in enumerate(frames):
        active = [track for track in tracks if t - max(track) <= _FORGET]
        costs = [
            (_distance(track[max(track)], body), i, j)
            for i, track in enumerate(active)
            for j, body in enumerate(people)
        ]
        taken: set[int] = set()
        followed: set[int] = set()
        for cost, i, j in sorted(costs):
            if cost <= _REACH and i not in followed and j not in taken:
                active[i][t] = people[j]
                followed.add(i)
                taken.add(j)
        tracks += [{t: body} for j, body in enumerate(people) if j not in taken]
    return sorted(tracks, key=lambda track: (-len(track), min(track)))


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    both = (a[:, 2] > 0) & (b[:, 2] > 0)
    if not both.any():
        return float("inf")
    extent = max(np.linalg.norm(np.ptp(p[p[:, 2] > 0, :2], axis=0)) for p in (a, b))
    return float(np.linalg.norm(a[both, :2] - b[both, :2], axis=1).mean() / max(extent, 1e-9))


def choose_person(tracks: list[Track], person: int) -> Track:
    """The track of a person, 0 being the one seen in most frames.

    Raises
    ------
    KeypointError
        Nobody is in view, or not that many people.
    """
    if not tracks:
        raise KeypointError("nobody in view in any frame")
    if person >= len(tracks):
        raise KeypointError(f"person {person} asked for, found {len(tracks)} people (0 to {len(tracks) - 1})")
    return tracks[person]


def image_walk(
    track: Track, frames: int, rate: float, frame_size: tuple[int, int], notes: dict[str, Any]
) -> PoseSequence:
    """A pose sequence of 2-D keypoints; ``world`` is NaN, and so are joints of confidence 0.

    Parameters
    ----------
    track : dict of int to (V, 3) array
        x, y in pixels, confidence.
    frames : int
        T; frames without the person are not observed.
    rate : float
        Frames per second.
    frame_size : (int, int)
        Height and width, (0, 0) where not known.
    notes : dict
        Kept in the sequence.

    Raises
    ------
    KeypointError
        Too short, or coordinates that are no pixels.
    """
    check_length(len(track))
    V = len(next(iter(track.values())))
    image = np.full((frames, V, 2), np.nan, np.float32)
    visibility = np.zeros((frames, V), np.float32)
    observed = np.zeros(frames, bool)
    for t, body in track.items():
        known = (body[:, 2] > 0) & np.isfinite(body).all(axis=1)
        image[t, known] = body[known, :2]
        visibility[t, known] = np.clip(body[known, 2], 0, 1)
        observed[t] = known.any()
    if not observed.any():
        raise KeypointError("no joint is known in any frame")
    if np.nanmax(np.abs(image)) <= 2:
        raise KeypointError(
            "coordinates lie within [-2, 2]; pixels are expected (OpenPose: --keypoint_scale 0)"
        )
    return PoseSequence(
        image=image,
        world=np.full((frames, V, 3), np.nan, np.float32),
        visibility=visibility,
        time=np.arange(frames) / rate,
        frame_size=frame_size,
        layout=LAYOUT_OF[V],
        observed=observed,
        notes=notes,
    )
