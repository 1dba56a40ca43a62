"""Threads ahead and behind: in order, bounded, and never left hanging."""

import itertools
import threading
import time
from collections.abc import Generator, Iterator

import pytest

from inference.engine.stages import Behind, ahead

pytestmark = pytest.mark.timeout(60)


def names() -> list[str]:
    return [thread.name for thread in threading.enumerate()]


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    yield
    assert not {"decode", "encode"} & set(names())


def stays_at(length: int, read: list[int]) -> bool:
    """Whether the list gets as long as that, and no longer."""
    while len(read) < length:
        time.sleep(0.01)
    time.sleep(0.2)
    return len(read) == length


def counting(
    made: list[int], closed: list[bool], *, end: int | None = None
) -> Generator[int, None, None]:
    """0, 1, 2, …: notes what was made, and that it was closed."""
    try:
        for number in itertools.count():
            if number == end:
                return
            made.append(number)
            yield number
    finally:
        closed.append(True)


def test_items_come_in_their_order_from_another_thread() -> None:
    def work() -> Iterator[tuple[int, str]]:
        for number in range(50):
            yield number, threading.current_thread().name

    assert list(ahead(work(), 3)) == [(number, "decode") for number in range(50)]


def test_no_more_is_made_ahead_than_allowed() -> None:
    made: list[int] = []
    closed: list[bool] = []
    items = ahead(counting(made, closed), 3)
    assert next(items) == 0
    assert stays_at(5, made)  # one taken, three waiting, one in hand
    assert next(items) == 1
    assert stays_at(6, made)
    items.close()


def test_closing_early_closes_what_is_iterated_over() -> None:
    made: list[int] = []
    closed: list[bool] = []
    items = ahead(counting(made, closed), 3)
    next(items)
    items.close()
    assert closed == [True]
    assert next(items, None) is None


def test_an_empty_source_ends_at_once() -> None:
    closed: list[bool] = []
    assert list(ahead(counting([], closed, end=0), 3)) == []
    assert closed == [True]


@pytest.mark.parametrize("error", [ValueError("broken"), MemoryError(), KeyboardInterrupt()])
def test_an_error_while_making_is_raised_after_what_came_before(error: BaseException) -> None:
    def work() -> Iterator[int]:
        yield from range(10)
        raise error

    seen = []
    with pytest.raises(type(error)) as caught:
        for item in ahead(work(), 3):
            seen.append(item)
    assert caught.value is error
    assert seen == list(range(10))


def test_an_error_of_the_taker_stops_the_maker() -> None:
    made: list[int] = []
    closed: list[bool] = []
    with pytest.raises(RuntimeError, match="taker"):
        for item in (items := ahead(counting(made, closed), 3)):
            if item == 5:
                raise RuntimeError("taker")
    items.close()
    assert closed == [True]


def test_what_is_put_is_taken_in_order_and_in_full_by_another_thread() -> None:
    taken: list[tuple[int, str]] = []
    with Behind[int](lambda n: taken.append((n, threading.current_thread().name)), 2) as behind:
        for number in range(50):
            behind.put(number)
    assert taken == [(number, "encode") for number in range(50)]


def test_no_more_waits_behind_than_allowed() -> None:
    gate = threading.Event()
    put: list[int] = []

    def fill() -> None:
        with Behind[int](lambda _: gate.wait() and None, 2) as behind:
            for number in range(10):
                behind.put(number)
                put.append(number)

    filler = threading.Thread(target=fill)
    filler.start()
    assert stays_at(3, put)  # one in hand, two waiting
    gate.set()
    filler.join()
    assert len(put) == 10


def failing_at(number: int, taken: list[int]) -> Behind[int]:
    def take(item: int) -> None:
        if item == number:
            raise ValueError(f"at {item}")
        taken.append(item)

    return Behind(take, 2)


def test_an_error_while_taking_is_raised_by_a_later_put_and_nothing_more_is_taken() -> None:
    taken: list[int] = []
    with pytest.raises(ValueError, match="at 3"), failing_at(3, taken) as behind:
        for number in itertools.count():
            behind.put(number)
    assert taken == [0, 1, 2]


def test_an_error_at_the_very_last_item_is_raised_on_leaving() -> None:
    taken: list[int] = []
    with pytest.raises(ValueError, match="at 3"), failing_at(3, taken) as behind:
        for number in range(4):
            behind.put(number)
    assert taken == [0, 1, 2]


def test_the_callers_own_error_comes_first_and_drops_what_waits() -> None:
    begun, gate = threading.Event(), threading.Event()
    taken: list[int] = []

    def take(item: int) -> None:
        begun.set()
        gate.wait()
        taken.append(item)

    with pytest.raises(RuntimeError, match="cancelled"), Behind(take, 5) as behind:
        for number in range(5):
            behind.put(number)
        begun.wait()
        threading.Timer(1, gate.set).start()
        raise RuntimeError("cancelled")
    assert taken == [0]
