"""One source from its first frame to its last: read, watched, drawn, written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from display.annotating import Annotator
from display.destinations import Destinations
from display.frame_log import CsvLog, JsonLog, rows_of
from display.meters import LatencyMeter, RateMeter
from display.objects import Detection, ObjectFinder
from display.window import Window
from gait.bundle import Bundle
from gait.errors import VideoError
from gait.pose.estimators import PoseSettings, open_watcher
from gait.pose.sequence import PoseSequence
from gait.sources import Reader, Source
from gait.streaming.moments import Moment, Shot, WholeWalk
from gait.streaming.newest import Newest
from gait.streaming.stream import Stream, StreamSettings, read_shots
from gait.video import VideoWriter

OBJECTS_EVERY = 15  # frames between two looks for things in the scene


class Onlooker(Protocol):
    """Looks on while a source is watched from its first frame to its last."""

    def saw_frame(self, number: int) -> None:
        """A frame has been judged; what this raises ends the watching."""

    def saw_walk(self, poses: PoseSequence | None) -> None:
        """The end: who walked longest as they were estimated, or None where no poses were."""


@dataclass(frozen=True)
class Job:
    """What to watch sources with.

    Attributes
    ----------
    bundle : Bundle
        The model.
    settings : StreamSettings
        How.
    poses : PoseSettings or None
        The pose estimator; None where a frame model has to do without.
    objects : ObjectFinder or None
        Finds things in the scene.
    window : bool
        Show it in a window.
    json_as_list : bool
        JSON: the frames alone.
    onlooker : Onlooker or None
        Looks on; not at what is watched live.
    """

    bundle: Bundle
    settings: StreamSettings
    poses: PoseSettings | None
    objects: ObjectFinder | None = None
    window: bool = False
    json_as_list: bool = False
    onlooker: Onlooker | None = None


@dataclass(frozen=True)
class Watched:
    """What became of a source.

    Attributes
    ----------
    size : (int, int)
        Height and width of the picture.
    frames, damaged, dropped : int
        Frames worked on, packets or pictures that could not be read, frames that came too fast.
    seconds : float
        From the first to the last frame.
    said : Counter
        Rows of each emotion and each reason.
    walks : tuple of WholeWalk
        Of each person; empty for a stream and what is watched live.
    rate, latency : float
        Frames a second worked on, and milliseconds within which 95 % of the frames were done.
    quit : bool
        The user ended it.
    """

    size: tuple[int, int]
    frames: int
    damaged: int
    dropped: int
    seconds: float
    said: Counter
    walks: tuple[WholeWalk, ...]
    rate: float
    latency: float
    quit: bool = False

    @property
    def video_rate(self) -> float:
        """Frames per second of the source as they were used; NaN for fewer than two."""
        return (self.frames - 1) / self.seconds if self.seconds > 0 else float("nan")


def watch(source: Source, job: Job, to: Destinations, tell: Callable[[Watched], dict[str, Any]]) -> Watched:
    """Watch a source to its end, or until the user ends it, and write what is wanted.

    Parameters
    ----------
    source, job : Source, Job
        What to watch, and what with.
    to : Destinations
        The files that are wanted.
    tell : function
        Gives the facts that stand before the frames in a JSON file.

    Raises
    ------
    VideoError
        It cannot be read, or its picture changes size.
    NothingUsableError
        There is no such camera or stream.
    GaitmoodError
        There is no screen, or a file cannot be written.
    """
    whole = source.whole and not job.settings.live
    with ExitStack() as stack:
        watcher = None if job.poses is None else stack.enter_context(open_watcher(job.poses))
        stream = stack.enter_context(Stream(job.bundle, watcher, job.settings, whole))
        reader = stack.enter_context(source.open())
        # After the source: whether there is a screen matters to nobody whose camera is missing.
        window = stack.enter_context(Window(source.name)) if job.window else None
        sink = stack.enter_context(_Sink(job, to))
        shots = read_shots(reader, stream.fit)
        if job.settings.live:
            dropped, ended = _watch_live(shots, stream, sink, window, paced=source.whole)
        else:
            dropped, ended = 0, _watch_every(shots, stream, sink, job.onlooker, endless=not whole)
        sink.close_video()
        walks = stream.whole_walks(source) if whole else []
        if job.onlooker is not None and whole:
            job.onlooker.saw_walk(stream.poses())
        watched = sink.summary(reader, dropped, tuple(walks), ended)
        sink.finish(tell(watched))
        return watched


def _watch_every(
    shots: Iterator[Shot], stream: Stream, sink: _Sink, onlooker: Onlooker | None, endless: bool
) -> bool:
    """Every frame in its turn; whether the user ended it.

    None is read ahead: with two on their way two cores watch a third more frames a second, but each takes half as
    long again (docs/results.md).
    """
    try:
        for shot in shots:
            sink.take(shot, stream.step(shot))
            if onlooker is not None:
                onlooker.saw_frame(shot.number)
    except KeyboardInterrupt:
        if not endless:
            raise
        return True  # how one ends a stream: what was written is kept
    return False


def _watch_live(
    shots: Iterator[Shot], stream: Stream, sink: _Sink, window: Window | None, paced: bool
) -> tuple[int, bool]:
    """The newest frame each time; the number of frames dropped, and whether the user ended it."""
    with Newest(shots, paced) as newest:
        try:
            for shot in newest:
                canvas = sink.take(shot, stream.step(shot), show=window is not None)
                if window is not None and not window.show(canvas):
                    return newest.dropped, True
        except KeyboardInterrupt:  # how one ends it without a window: what was written is kept
            return newest.dropped, True
    return newest.dropped, False


class _Sink:
    """Takes frames that have been judged: draws, writes and counts them."""

    def __init__(self, job: Job, to: Destinations):
        self._job, self._classes = job, job.bundle.record.classes
        self._annotator, self._rate = Annotator(self._classes), RateMeter()
        self._things: list[Detection] = []
        self._latency, self._said = LatencyMeter(), Counter()
        self._seconds, self._size = 0.0, (0, 0)
        self._stack, self._to = ExitStack(), to
        self._logs: list[Any] = []
        self._writer: VideoWriter | None = None

    def __enter__(self) -> _Sink:
        self._to.make_folders()
        with ExitStack() as stack:
            if self._to.json is not None:
                self._logs.append(stack.enter_context(JsonLog(self._to.json, self._job.json_as_list)))
            if self._to.csv is not None:
                self._logs.append(stack.enter_context(CsvLog(self._to.csv, self._classes)))
            self._video = stack.enter_context(ExitStack())
            if self._to.output is not None:
                self._writer = self._video.enter_context(VideoWriter(self._to.output, 30, quick=True))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *failure: Any) -> None:
        self._stack.__exit__(*failure)

    def take(self, shot: Shot, moment: Moment, show: bool = False) -> np.ndarray | None:
        """Take a frame; the picture to show, where one is wanted."""
        canvas, rate = None, self._rate.tick()
        if self._job.objects is not None and shot.number % OBJECTS_EVERY == 0:
            self._things = self._job.objects.find(shot.picture)
        if show or self._writer is not None:
            canvas = self._annotator.draw(shot.picture, moment, rate, self._things)
        if self._writer is not None:
            self._writer.write(canvas, shot.seconds)
        for row in rows_of(moment, self._classes):
            self._said[row["emotion"] or row["reason"]] += 1
            for log in self._logs:
                log.add(row)
        self._seconds, self._size = shot.seconds, shot.picture.shape[:2]
        self._latency.add(shot.started)
        return canvas

    def close_video(self) -> None:
        """Put the annotated video into place; before the walk is judged, so that its memory is free.

        Raises
        ------
        VideoError
            There was no frame.
        """
        if not self._latency.frames:
            raise VideoError("not one frame could be decoded")
        self._video.close()

    def summary(self, reader: Reader, dropped: int, walks: tuple[WholeWalk, ...], ended: bool) -> Watched:
        """What became of the source."""
        meter = self._latency
        counts = (meter.frames, reader.errors, dropped, self._seconds, self._said)
        return Watched(self._size, *counts, walks, meter.rate, meter.milliseconds(0.95), ended)

    def finish(self, facts: dict[str, Any]) -> None:
        """Put the logs into place."""
        for log in self._logs:
            log.finish(facts)
