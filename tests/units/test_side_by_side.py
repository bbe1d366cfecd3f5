"""Work that several threads share: done once, in order, by nobody who is waited for."""

import threading
import time
from collections.abc import Iterator

import pytest

from syncserver.collections import side_by_side


@pytest.fixture
def no_helpers() -> Iterator[None]:
    """Keep all helpers busy."""
    free = threading.Event()
    for _ in range(side_by_side.MOST_HELPERS):
        side_by_side._helpers.submit(free.wait, 60)
    yield
    free.set()


@pytest.mark.parametrize("count", [0, 1, 2, 100])
def test_the_results_are_those_of_the_items_in_their_order(count: int) -> None:
    def work(item: int) -> int:
        time.sleep((count - item) % 7 / 10_000)
        return item * item

    assert side_by_side.for_each(work, range(count)) == [item * item for item in range(count)]


def test_several_items_are_worked_on_at_once() -> None:
    everybody = threading.Barrier(4, timeout=60)
    assert len(side_by_side.for_each(lambda _: everybody.wait(), range(4), helpers=3)) == 4


@pytest.mark.usefixtures("no_helpers")
def test_whoever_finds_the_helpers_busy_works_alone() -> None:
    names = side_by_side.for_each(lambda _: threading.current_thread().name, range(20))
    assert set(names) == {threading.current_thread().name}


def test_no_more_help_than_was_asked_for() -> None:
    names = side_by_side.for_each(lambda _: threading.current_thread().name, range(50), helpers=0)
    assert set(names) == {threading.current_thread().name}


@pytest.mark.parametrize("broken", [0, 25, 49])
def test_what_one_item_raises_is_raised_and_the_rest_is_left(broken: int) -> None:
    begun: list[int] = []

    def work(item: int) -> None:
        begun.append(item)
        if item == broken:
            raise ValueError(item)
        time.sleep(0.01)

    with pytest.raises(ValueError, match=str(broken)):
        side_by_side.for_each(work, range(50), helpers=2)
    assert len(begun) <= broken + 3


def test_nobody_is_at_it_any_more_when_it_has_failed() -> None:
    """A folder may be removed then in which the others wrote."""
    helper_works, may_end = threading.Event(), threading.Event()
    caller = threading.current_thread()
    ended: list[int] = []

    def work(item: int) -> None:
        if threading.current_thread() is caller:
            helper_works.wait(60)
            threading.Timer(0.1, may_end.set).start()
            raise ValueError(item)
        helper_works.set()
        may_end.wait(60)
        ended.append(item)

    with pytest.raises(ValueError, match=r"^[01]$"):
        side_by_side.for_each(work, range(2), helpers=1)
    assert len(ended) == 1
