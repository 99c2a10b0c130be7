"""Who is in view, and what they can be judged by, or why not."""

from __future__ import annotations

from dataclasses import replace

from gait.pose.tracking import Track, stepping_frames
from gait.pose.watching import Watcher
from gait.preprocess.poses import MIN_COVERAGE, MIN_LEGS_VISIBLE
from gait.streaming.abstaining import Reason
from gait.streaming.frame_window import FrameWindow
from gait.streaming.moments import Window

MIN_STEPPING = 0.5  # share of the frames somebody is seen in, in which a walker takes steps


def look(
    watcher: Watcher, frames: FrameWindow | None, seconds: float, people: int
) -> dict[int | None, Window | Reason]:
    """Whom to judge now, by number, and by what.

    Parameters
    ----------
    watcher : Watcher
        What follows people.
    frames : FrameWindow or None
        For a frame model: what it sees.
    seconds : float
        Length of a window.
    people : int
        At most so many, those who walked most in the window first.
    """
    first = watcher.window_start(seconds)
    least = MIN_COVERAGE * (watcher.count - max(first, 0))
    seen = watcher.people(max(first, 0))
    near = [track for track in seen if track.frames[-1] == watcher.count - 1 or len(track.frames) >= least]
    found = {track.number: _finding(watcher, frames, track, first, least) for track in near[:people]}
    return found or {None: Reason.NOBODY}


def _finding(
    watcher: Watcher, frames: FrameWindow | None, track: Track, first: int, least: float
) -> Window | Reason:
    if first < 0 or track.appeared > first:
        return Reason.FILLING
    if len(track.frames) < least:
        return Reason.NOBODY
    sequence = watcher.window(track, first)
    if sequence.notes["legs_visible"] < MIN_LEGS_VISIBLE:
        return Reason.BODY
    if stepping_frames(track, sequence.rate) < MIN_STEPPING * len(track.frames):
        return Reason.STILL
    if frames is None:
        return Window(track.number, (first, first + len(sequence) - 1), poses=sequence)
    window = frames.window(track.number)
    return (
        Reason.FILLING if window is None else replace(window, poses=watcher.window(track, window.frames[0]))
    )
