"""Work that overlaps: a thread that makes items ahead, and a thread that takes them behind.

Both are bounded, and an exception in either thread is raised in the caller.
"""

import queue
import threading
from collections.abc import Callable, Generator, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

_POLL = 0.1
"""Seconds after which a waiting thread looks whether the other side is still there."""


def ahead(items: Iterator[T], depth: int) -> Generator[T, None, None]:
    """Iterate over `items` in a thread of their own, at most `depth` ahead.

    Closing the generator stops the thread and waits for it.
    """
    waiting: queue.Queue[tuple[T | None, BaseException | None, bool]] = queue.Queue(depth)
    stopped = threading.Event()

    def put(entry: tuple[T | None, BaseException | None, bool]) -> None:
        while not stopped.is_set():
            try:
                waiting.put(entry, timeout=_POLL)
                return
            except queue.Full:
                continue

    def work() -> None:
        try:
            for item in items:
                put((item, None, False))
                if stopped.is_set():
                    break
            put((None, None, True))
        except BaseException as error:
            put((None, error, True))
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()

    thread = threading.Thread(target=work, name="decode", daemon=True)
    thread.start()
    try:
        while True:
            item, error, last = waiting.get()
            if error is not None:
                raise error
            if last:
                return
            yield item  # type: ignore[misc]
    finally:
        stopped.set()
        thread.join()


class Behind(Generic[T]):
    """Calls `take` for each item put, in order, in a thread of its own; a context manager.

    Leaving the block waits until everything is taken; leaving it by an exception drops what
    waits. An exception in `take` is raised by the next `put`, or on leaving.
    """

    def __init__(self, take: Callable[[T], None], depth: int) -> None:
        self._take = take
        self._waiting: queue.Queue[T | None] = queue.Queue(depth)
        self._error: BaseException | None = None
        self._dropping = False
        self._thread = threading.Thread(target=self._work, name="encode", daemon=True)

    def put(self, item: T) -> None:
        """Hand over an item; waits while `depth` items wait."""
        self._raise()
        self._waiting.put(item)

    def _work(self) -> None:
        while (item := self._waiting.get()) is not None:
            # Once it has failed it goes on emptying the queue, so that `put` never hangs.
            if self._error is None and not self._dropping:
                try:
                    self._take(item)
                except BaseException as error:
                    self._error = error

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def __enter__(self) -> "Behind[T]":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self._dropping = kind is not None
        self._waiting.put(None)
        self._thread.join()
        if kind is None:
            self._raise()
