"""Work in the background that comes again and again: none of it may keep the rest from being done."""

import time
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

import structlog

from syncserver import events

# What has failed is left alone for so long: it may fail again, and each time the log says so.
REST_SECONDS: Final = 30.0

Chore = Callable[[], object]
Item = TypeVar("Item")

log = structlog.get_logger()


class Chores:
    """Several chores, for one thread that does all of them in their order."""

    def __init__(self, *chores: Chore) -> None:
        self._rest_until = dict.fromkeys(chores, 0.0)

    def do(self) -> None:
        """Do each chore; log what fails, and leave it out for a while."""
        for chore, until in self._rest_until.items():
            if time.monotonic() >= until and not succeeds(chore):
                self._rest_until[chore] = time.monotonic() + REST_SECONDS


def succeeds(chore: Chore) -> bool:
    """Do a chore, log it if it fails, and tell whether it did not."""
    try:
        chore()
    except Exception:
        log.exception(events.HOUSEKEEPING_FAILED, chore=getattr(chore, "__qualname__", ""))
        return False
    return True


def do_for_each(items: Iterable[Item], do: Callable[[Item], object]) -> None:
    """Call `do` with each item, then raise what failed first, if anything."""
    failures: list[Exception] = []
    for item in items:
        try:
            do(item)
        except Exception as failure:
            failures.append(failure)
    if failures:
        raise failures[0]
