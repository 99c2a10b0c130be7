"""The newest frame of a source that does not wait: a camera, or a video file that plays at its own rate."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace

from gait.streaming.moments import Shot


class Newest:
    """Reads in a thread of its own and hands out the newest frame; those in between are dropped and counted.

    A context manager around an iterator over frames, which are numbered by their order of use.

    Parameters
    ----------
    shots : iterable of Shot
        What is read.
    paced : bool
        Hold frames back until their time has come, as a camera would: for a file, which could be read faster.

    Attributes
    ----------
    dropped : int
        Frames so far that came and went while another was worked on.
    """

    def __init__(self, shots: Iterable[Shot], paced: bool):
        self._shots, self._paced = shots, paced
        self._change, self._stop = threading.Condition(), threading.Event()
        self._waiting: Shot | None = None
        self._error: BaseException | None = None
        self._ended = False
        self._thread = threading.Thread(target=self._read, name="camera", daemon=True)
        self.dropped = 0

    def __enter__(self) -> Newest:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def __iter__(self) -> Iterator[Shot]:
        used = 0
        while (shot := self._take()) is not None:
            yield replace(shot, number=used)
            used += 1

    def _take(self) -> Shot | None:
        with self._change:
            self._change.wait_for(lambda: self._waiting is not None or self._ended)
            shot, self._waiting = self._waiting, None
        if shot is None and self._error is not None:
            raise self._error
        return shot

    def _read(self) -> None:
        error = None
        try:
            start = time.monotonic()
            for shot in self._shots:
                if self._paced and shot.seconds > (now := time.monotonic() - start):
                    self._stop.wait(shot.seconds - now)
                if self._stop.is_set():
                    return
                # Waiting for its time is no delay.
                self._put(replace(shot, started=time.perf_counter()) if self._paced else shot)
        except BaseException as raised:  # to be raised where the frames are used
            error = raised
        finally:
            with self._change:
                self._error, self._ended = error, True
                self._change.notify()

    def _put(self, shot: Shot) -> None:
        with self._change:
            self.dropped += self._waiting is not None
            self._waiting = shot
            self._change.notify()
