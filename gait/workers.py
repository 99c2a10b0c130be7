"""Map a function over walks in worker processes: the only place that starts a process.

One progress bar, a time limit and a failure per item, and the rest goes on. Its own small crew rather than a
pool: concurrent.futures cannot end a worker that hangs and breaks when one dies, and pools whose workers
share a queue (Pebble's was tried) lose an item, or all of them, when one dies at the wrong moment. Here every
worker has a pipe of its own, so that nothing is shared that a dying one could leave locked.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import connection, resource_tracker
from typing import Any, TypeVar

from gait.console import Progress, progress_bar
from gait.errors import DiskFullError, GaitmoodError

T = TypeVar("T")


@dataclass(frozen=True)
class Outcome:
    """What became of an item: its ``value``, or the reason why there is none."""

    item: Any
    value: Any = None
    error: str | None = None


def usable_cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_items(
    function: Callable[[T], Any],
    items: Sequence[T],
    *,
    title: str,
    jobs: int | None = None,
    timeout: float | None = None,
    unit: str | None = None,
) -> Iterator[Outcome]:
    """Apply a function to every item in worker processes; hand out what comes back in order of completion.

    Parameters
    ----------
    function : callable
        Defined at the top of a module, so that a worker can import it.
    items : sequence
        Picklable.
    title : str
        Stands before the progress bar.
    jobs : int, optional
        Worker processes; by default one a core.
    timeout : float, optional
        Seconds an item may take; then its worker is ended and the item has failed.
    unit : str, optional
        What ``value.work``, where there is one, counts: the bar shows this many a second.

    Yields
    ------
    Outcome
        One an item.

    Raises
    ------
    DiskFullError
        A worker met a full disk: the others are stopped.
    GaitmoodError
        Worker processes cannot be started.

    Notes
    -----
    Wrap it in :func:`contextlib.closing` where the workers must have ended before an exception goes further.
    """
    if not items:
        return
    crew = _Crew(function, items, timeout)
    try:
        with progress_bar(title, len(items)) as bar:
            meter = _Meter(bar, unit)
            for outcome in crew.outcomes(min(jobs or usable_cores(), len(items))):
                meter.advance(outcome.value)
                yield outcome
    finally:
        crew.end()


class _Crew:
    """Worker processes, replaced when they die, and the items that wait for one."""

    def __init__(self, function: Callable[[T], Any], items: Sequence[T], timeout: float | None):
        self._function, self._timeout = function, timeout
        self._waiting = deque(items)
        self._workers: list[_Worker] = []

    def outcomes(self, jobs: int) -> Iterator[Outcome]:
        self._workers.extend(_Worker(self._function) for _ in range(jobs))
        while self._workers:
            workers = {worker.pipe: worker for worker in self._workers}
            left = min(worker.deadline for worker in self._workers) - time.monotonic()
            for pipe in connection.wait(list(workers), None if left == math.inf else max(left, 0)):
                yield from self._hear(workers[pipe])
            for worker in [w for w in self._workers if w.deadline <= time.monotonic()]:
                self._replace(worker)
                yield Outcome(worker.item, error=f"took longer than {self._timeout:g} s")

    def _hear(self, worker: _Worker) -> Iterator[Outcome]:
        """Take a worker's message and give it the next item before anybody looks at what it said."""
        item, was_busy = worker.item, worker.busy
        try:
            value, error = worker.pipe.recv()
        except (EOFError, OSError):
            code = self._replace(worker)
            if not was_busy:
                raise _cannot_start(f"exit code {code}") from None
            value, error = None, f"its worker process died (exit code {code}; out of memory?)"
        else:
            self._give(worker)
        if isinstance(error, DiskFullError):
            raise error
        if was_busy:
            yield Outcome(item, value, error)

    def _give(self, worker: _Worker) -> None:
        if not self._waiting:
            self._replace(worker)
            return
        try:
            worker.start(self._waiting[0], self._timeout)
            self._waiting.popleft()
        except OSError:  # somebody ended it between two items
            self._replace(worker)

    def _replace(self, worker: _Worker) -> int:
        """End a worker and put another in its place if there is something to do."""
        self._workers.remove(worker)
        code = worker.end()
        if self._waiting:
            self._workers.append(_Worker(self._function))
        return code

    def end(self) -> None:
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.end()


class _Worker:
    """A process that works on one item at a time, and this end of the pipe to it."""

    def __init__(self, function: Callable[[Any], Any]):
        # Without this, glibc keeps what decoders free and each worker grows by about 100 MB a walk.
        os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", "65536")
        # spawn, not fork: a forked child of a process in which TensorFlow's threads run may deadlock.
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(function, theirs), daemon=True)
        self.busy, self.item, self.deadline = False, None, math.inf
        try:
            with _interrupts_blocked():
                self.process.start()
        except OSError as error:
            raise _cannot_start(str(error)) from error
        finally:
            theirs.close()

    def start(self, item: Any, timeout: float | None) -> None:
        self.pipe.send(item)
        self.busy, self.item = True, item
        self.deadline = time.monotonic() + (math.inf if timeout is None else timeout)

    def end(self) -> int:
        """End the process, whatever it does, and give its exit code."""
        self.pipe.close()
        if not self.busy or self.deadline > time.monotonic():
            self.process.join(1.0)  # an idle one ends by itself now, a dead one has its own exit code
        self.process.kill()
        self.process.join()
        return self.process.exitcode


def _serve(function: Callable[[Any], Any], pipe: connection.Connection) -> None:
    """Runs in a worker: say that it is up, then answer every item with (value, None) or (None, error)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answer = (None, None)
    while True:
        try:
            pipe.send(answer)
        except OSError:  # nobody listens any more
            return
        except Exception as error:
            pipe.send((None, f"its result cannot be sent: {error}"))
        try:
            item = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            answer = (function(item), None)
        except DiskFullError as error:
            answer = (None, error)
        except GaitmoodError as error:
            answer = (None, str(error))
        except BaseException as error:
            answer = (None, f"{type(error).__name__}: {error}")
        del item


def _cannot_start(reason: str) -> GaitmoodError:
    return GaitmoodError(
        f"a worker process ended before it began to work ({reason}); what it said stands above. "
        "If the machine is short of memory, use fewer of them: --jobs 1"
    )


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Ctrl-C reaches every process of the terminal; only the parent acts on it, and ends the workers.

    A process that is started in this block inherits the mask, so that it is not hit while it still imports.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    # Started before, because starting it unblocks the signal.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Meter:
    """Advances the bar and keeps the rate of finished work behind it."""

    def __init__(self, bar: Progress, unit: str | None):
        self._bar, self._unit, self._work = bar, unit, 0
        self._start = time.monotonic()

    def advance(self, value: Any) -> None:
        self._work += getattr(value, "work", 0)
        if self._unit and self._work:
            rate = self._work / max(time.monotonic() - self._start, 1e-9)
            self._bar.note(f"{rate:.0f} {self._unit}/s")
        self._bar.advance()
