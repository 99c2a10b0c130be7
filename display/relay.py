"""Reading ahead and writing behind, in threads, with few frames on their way at a time.

Decoding, pose networks, drawing and encoding leave Python's lock free while they work, so that threads share the
cores. Each frame more on its way would keep the cores no busier and every frame waiting longer.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

T = TypeVar("T")

# One: on two cores about 30 frames a second, 95 % of them within 50 ms. Two give 39, but 72 ms.
ON_THEIR_WAY = 1


class Room:
    """How many frames may be on their way at a time."""

    def __init__(self, frames: int = ON_THEIR_WAY):
        self._free = threading.Semaphore(frames)
        self._stop = threading.Event()

    def enter(self) -> bool:
        """Wait for a place; False where all has come to an end instead."""
        self._free.acquire()
        return not self._stop.is_set()

    def leave(self) -> None:
        """Give a place back."""
        self._free.release()

    def close(self) -> None:
        """Let nobody wait any longer."""
        self._stop.set()
        self._free.release()


class Ahead(Generic[T]):
    """Reads in a thread of its own as long as there is room; a context manager around an iterator."""

    def __init__(self, items: Iterable[T], room: Room):
        self._items, self._room = items, room
        self._ready: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._read, name="reading", daemon=True)

    def __enter__(self) -> Ahead[T]:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._room.close()
        self._thread.join()

    def __iter__(self) -> Iterator[T]:
        while True:
            more, item = self._ready.get()
            if more:
                yield item
            elif item is not None:
                raise item
            else:
                return

    def _read(self) -> None:
        error = None
        try:
            items = iter(self._items)
            while self._room.enter():
                self._ready.put((True, next(items)))
        except StopIteration:
            pass
        except BaseException as raised:  # to be raised where the items are used
            error = raised
        self._ready.put((False, error))


class Behind(Generic[T]):
    """Hands items to a function in a thread of its own, in their order; a context manager.

    What the function raises is raised again by the next :meth:`put`, or at the end of the block.
    """

    def __init__(self, take: Callable[[T], object]):
        self._take = take
        self._waiting: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="writing", daemon=True)

    def __enter__(self) -> Behind[T]:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._waiting.put((False, None))
        self._thread.join()
        if kind is None:
            self._check()

    def put(self, item: T) -> None:
        """Hand an item over."""
        self._check()
        self._waiting.put((True, item))

    def _check(self) -> None:
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        while True:
            more, item = self._waiting.get()
            if not more:
                return
            if self._error is None:
                try:
                    self._take(item)
                except BaseException as raised:
                    self._error = raised
