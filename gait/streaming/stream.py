"""Frames in, moments out: poses, windows and answers while a video runs.

A *window* is the last stretch of video, as long as one of the model's clips. Every ``stride`` seconds the window of
each person is taken as a walk of its own, prepared by the functions that prepare walks for training and testing, and
given to the model, all of them in one call. This runs beside the next frames; its answer is shown from a fixed time
after the window's end on, so that what is said of a frame depends on the video alone and not on how fast the machine
is.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

from gait.bundle import Bundle
from gait.errors import VideoError
from gait.inputs import zeros
from gait.pose.sequence import PoseSequence
from gait.pose.tracking import MEMORY_SECONDS
from gait.pose.watching import Watcher
from gait.predict import answer_clips, predict_walks
from gait.preprocess import Walk
from gait.preprocess.poses import check_length
from gait.preprocess.windows import MemoryEntry, make_walk, needs_poses, sees_frames, store_seen
from gait.sources import Reader, Source
from gait.streaming.abstaining import Reason
from gait.streaming.doubting import Doubts
from gait.streaming.frame_window import FrameWindow
from gait.streaming.judging import Averager, judge
from gait.streaming.looking import look
from gait.streaming.moments import Moment, Person, Shot, Verdict, WholeWalk, Window
from gait.video import FrameSize

_HAIR = 1e-6  # seconds: times are sums of steps
_SLACK = 1.0  # seconds: the frames that a frame model sees are a little older
LAG = 0.2  # seconds from a window's end until its answer is shown: time to find it beside six frames


@dataclass(frozen=True)
class StreamSettings:
    """How a video is watched.

    Attributes
    ----------
    unsure_below : float
        Confidence below which no emotion is named.
    people : int
        Walkers who are followed and labelled at a time.
    stride : float
        Seconds from one window to the next.
    smoothing : int
        Answers that are averaged; 1 takes each as it is.
    live : bool
        Take an answer as soon as it is there: what is said of a frame then depends on the machine.
    """

    unsure_below: float
    people: int = 1
    stride: float = 0.5
    smoothing: int = 1
    live: bool = False

    @property
    def lag(self) -> float:
        """Seconds from a window's end until its answer is shown; live, it is shown when it is ready."""
        return min(LAG, self.stride)

    @property
    def delay(self) -> float:
        """Seconds by which averaging puts answers off: half of the strides between the first and the last of them."""
        return (self.smoothing - 1) / 2 * self.stride


def read_shots(reader: Reader, fit: FrameSize | None) -> Iterator[Shot]:
    """The frames of an open source; ``fit`` is the size that a frame model wants."""
    frames, number = iter(reader), 0
    while True:
        started = time.perf_counter()
        try:
            seconds, picture = next(frames)
        except StopIteration:
            return
        small = None if fit is None else reader.fitted(fit)
        yield Shot(number, seconds, picture, small, started)
        number += 1


class Stream:
    """Takes frames one by one and says what the model makes of the people in them; a context manager.

    Parameters
    ----------
    bundle : Bundle
        The model.
    watcher : Watcher or None
        What follows people. A frame model can do without: it then looks at the whole picture, whoever is in it.
    settings : StreamSettings
    whole : bool
        Keep what the whole walk at the end takes; False, for what may have no end: nothing older than a window.
    """

    def __init__(self, bundle: Bundle, watcher: Watcher | None, settings: StreamSettings, whole: bool):
        self._bundle, self._how = bundle, bundle.record.preprocess
        self._watcher, self._settings, self._whole = watcher, settings, whole
        self._averager = Averager(bundle.record.classes, settings.smoothing, settings.unsure_below)
        self._doubts = Doubts(settings.unsure_below, self._how.window_seconds)
        self._frames: FrameWindow | None = None
        self._stack = ExitStack()
        self._due = self._shown_from = 0.0
        self._pending: Future | None = None
        self._verdicts: dict[int | None, Verdict] = {}

    def __enter__(self) -> Stream:
        self._pool = self._stack.enter_context(ThreadPoolExecutor(1, "answers", _give_way))
        if self.fit is not None:
            self._frames = self._stack.enter_context(FrameWindow(self._how, keep=self._whole))
        # The first call compiles: not while frames are waiting.
        answer_clips(self._bundle, zeros(self._how.input_shape, 1), self._settings.people)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def fit(self) -> FrameSize | None:
        """Size of the small pictures that :func:`read_shots` is to make."""
        return self._how.size if sees_frames(self._how) else None

    def step(self, shot: Shot) -> Moment:
        """Take the next frame.

        Raises
        ------
        VideoError
            The picture's size has changed, and with it the poses lose their meaning.
        """
        if self._watcher is not None:
            self._watcher.step(shot.seconds, shot.picture)
        if self._frames is not None:
            self._frames.take(shot)
        if self._pending is not None and self._is_time(shot.seconds):
            self._collect()
        if self._pending is None and shot.seconds >= self._due - _HAIR:
            self._turn(shot.seconds)
        people = (self._person(number, verdict) for number, verdict in self._verdicts.items())
        return Moment(shot.number, shot.seconds, tuple(people))

    def _person(self, number: int | None, verdict: Verdict) -> Person:
        track = self._watcher.seen_now(number) if self._watcher is not None else None
        return (
            Person(number, verdict)
            if track is None
            else Person(number, verdict, track.image[-1], track.layout)
        )

    def _is_time(self, seconds: float) -> bool:
        return self._pending.done() if self._settings.live else seconds >= self._shown_from - _HAIR

    def _turn(self, seconds: float) -> None:
        """A stride is over: have the windows up to now judged."""
        self._shown_from = seconds + self._settings.lag
        self._due = max(self._due + self._settings.stride, seconds)
        verdicts, windows = {}, []
        for number, finding in self._look().items():
            if isinstance(finding, Window):
                verdicts[number] = self._verdicts.get(number, Verdict(reason=Reason.FILLING))
                windows.append(finding)
            else:
                verdicts[number] = self._averager.take(number, Verdict(reason=finding))
                self._doubts.hear(number, verdicts[number])
        self._verdicts = verdicts
        if windows:
            self._pending = self._pool.submit(judge, self._bundle, windows, self._settings.people)
        if not self._whole and self._watcher is not None:
            longest = max(self._how.window_seconds + _SLACK, MEMORY_SECONDS)
            self._watcher.forget(self._watcher.window_start(longest))

    def _look(self) -> dict[int | None, Window | Reason]:
        if self._watcher is None:
            return {None: self._frames.window(None) or Reason.FILLING}
        return look(self._watcher, self._frames, self._how.window_seconds, self._settings.people)

    def _collect(self) -> None:
        """Take the answers that were asked for, waiting for them if need be."""
        for window, verdict in self._pending.result():
            if window.number in self._verdicts:
                self._verdicts[window.number] = self._averager.take(window.number, verdict)
                self._doubts.hear(window.number, self._verdicts[window.number])
        self._pending = None

    def poses(self) -> PoseSequence | None:
        """Who walked longest as they were estimated, one row a frame; None where no poses are."""
        return None if self._watcher is None else self._watcher.sequences(1)[0]

    def whole_walks(self, source: Source) -> list[WholeWalk]:
        """What is said of the whole walk of each person, the one who walked longest first; call it last.

        Each walk is prepared from what was seen, all of which must have been kept (``whole``), and decided by the
        function that test.py calls.

        Parameters
        ----------
        source : Source
            Where the frames came from.

        Raises
        ------
        VideoError
            There was no frame.
        """
        if self._pending is not None:  # asked for just before the end: it was not shown, but it counts
            self._collect()
        if self._frames is not None:
            poses = self._watcher.sequences(1)[0] if needs_poses(self._how) else None
            return [self._decide(None, lambda: self._frames.walk(source, poses))]
        sequences = self._watcher.sequences(self._settings.people)
        numbers = [track.number for track in self._watcher.ranked()] or [None]
        return [
            self._decide(number, lambda poses=poses: self._walk_of(source.name, poses))
            for number, poses in zip(numbers, sequences, strict=False)
        ]

    def _walk_of(self, name: str, poses: PoseSequence) -> Walk:
        check_length(poses)
        entry = MemoryEntry()
        store_seen(self._how, poses, (), entry)
        return make_walk(name, entry)

    def _decide(self, number: int | None, prepare: Callable[[], Walk]) -> WholeWalk:
        try:
            walk = prepare()
        except VideoError as error:
            return WholeWalk(number, reason=str(error))
        said = predict_walks(self._bundle, [walk])
        return WholeWalk(number, said, doubt=self._doubts.about(number, said))


def _give_way() -> None:
    """Let frames go before this thread, whose answer has time. Elsewhere threads have no priority of their own."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
