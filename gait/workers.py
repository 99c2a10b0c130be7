"""Map a function over walks in worker processes: the only place that starts a process.

One progress bar, a time limit and a failure per item, and the rest goes on. Pebble rather than
concurrent.futures: it can end a worker that hangs and survives one that dies.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, as_completed
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
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
    """Apply a function to every item in worker processes and hand out what comes back, in order of completion.

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
    """
    if not items:
        return
    jobs = min(jobs or usable_cores(), len(items))
    pool = _start_pool(jobs)
    try:
        futures = {pool.schedule(function, args=(item,), timeout=timeout): item for item in items}
        with progress_bar(title, len(items)) as bar:
            meter = _Meter(bar, unit)
            for future in as_completed(futures):
                outcome = _outcome(future, futures.pop(future), timeout)
                meter.advance(outcome.value)
                yield outcome
        pool.close()
    finally:
        if pool.active:
            pool.stop()
        pool.join()


def _start_pool(jobs: int):
    from pebble import ProcessPool

    # Without this, glibc keeps what decoders free and each worker grows by about 100 MB a walk.
    os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", "65536")
    # spawn, not fork: a forked child of a process in which TensorFlow's threads run may deadlock.
    context = multiprocessing.get_context("spawn")
    return ProcessPool(max_workers=jobs, context=context, initializer=_ignore_interrupts)


def _ignore_interrupts() -> None:
    """Ctrl-C reaches every process of the terminal; only the parent acts on it, and stops the workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _outcome(future: Future, item: Any, timeout: float | None) -> Outcome:
    from pebble import ProcessExpired

    try:
        return Outcome(item, future.result())
    except DiskFullError:
        raise
    except FutureTimeoutError:
        return Outcome(item, error=f"took longer than {timeout:.0f} s")
    except ProcessExpired as error:
        return Outcome(item, error=f"its worker process died (exit code {error.exitcode}; out of memory?)")
    except GaitmoodError as error:
        return Outcome(item, error=str(error))
    except Exception as error:
        return Outcome(item, error=f"{type(error).__name__}: {error}")


class _Meter:
    """Advances the bar and keeps the rate of finished work behind it."""

    def __init__(self, bar: Progress, unit: str | None):
        import time

        self._bar, self._unit, self._work = bar, unit, 0
        self._clock, self._start = time.monotonic, time.monotonic()

    def advance(self, value: Any) -> None:
        self._work += getattr(value, "work", 0)
        if self._unit and self._work:
            rate = self._work / max(self._clock() - self._start, 1e-9)
            self._bar.note(f"{rate:.0f} {self._unit}/s")
        self._bar.advance()
