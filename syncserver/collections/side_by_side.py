"""Do the same for several things at once, with helping threads that all users share.

Whoever finds the helpers busy does the work alone, so that nobody waits for somebody else's.
"""

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Final, TypeVar

from syncserver import one_processor

# Beyond eight at once disks got no faster.
MOST_HELPERS: Final = 7

Item = TypeVar("Item")
Result = TypeVar("Result")

# Threads are made when they are first needed, so that a process may fork before; and by somebody
# who may be sharing a processor.
_helpers = ThreadPoolExecutor(
    MOST_HELPERS, thread_name_prefix="side by side", initializer=one_processor.spread
)


def for_each(
    work: Callable[[Item], Result], items: Iterable[Item], helpers: int = MOST_HELPERS
) -> list[Result]:
    """Do the work for each item, in whatever order, and return the results in the items' order.

    At most `helpers` threads besides this one take part. What the work raises is raised here, and
    what nobody has begun with is left; when this returns, no thread is at it any more.
    """
    left = deque(enumerate(items))
    results: dict[int, Result] = {}
    helping = [
        _helpers.submit(_do_what_is_left, work, left, results)
        for _ in range(min(helpers, len(left) - 1))
    ]
    try:
        _do_what_is_left(work, left, results)
    finally:
        begun = [helper for helper in helping if not helper.cancel()]
        wait(begun)
    for helper in begun:
        helper.result()
    return [results[number] for number in range(len(results))]


def _do_what_is_left(
    work: Callable[[Item], Result], left: deque[tuple[int, Item]], results: dict[int, Result]
) -> None:
    while left:
        try:
            number, item = left.popleft()
        except IndexError:
            return  # another thread was quicker
        try:
            results[number] = work(item)
        except BaseException:
            left.clear()
            raise
