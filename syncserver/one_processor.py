"""Quick requests share one processor, which is faster than several: Python runs one at a time.

Threads that take turns holding the interpreter's lock, each on another processor, wake each other
across processors several times in each request, and find nothing of what they need in its cache.
Sharing one they need half the time. So it is with bodies: the HTTP server's own thread, which shares
that processor too, hands them over in the pieces in which clients send them, some hundred for each
megabyte. What takes long (passwords, whole collections, many rows, media, the APIs) goes on, once
its body has been read, on any: most of it is compiled code, which needs no turn.
"""

import os
import secrets
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

# Linux says here how fast each one is, if they differ.
ABOUT_PROCESSORS: Final = Path("/sys/devices/system/cpu")

_of_this_thread = threading.local()


class _Processors:
    """Which processors there are, and the one that quick requests share; nothing is not chosen."""

    def __init__(self) -> None:
        self.all: frozenset[int] = frozenset()
        self.shared: frozenset[int] = frozenset()


_processors = _Processors()


def choose() -> None:
    """Choose the processor that quick requests share, among those that this process may use.

    Before this call, and where there is only one, every thread stays where it is.
    """
    if not hasattr(os, "sched_getaffinity"):  # it is Linux' own
        return
    processors = sorted(os.sched_getaffinity(0))
    if len(processors) > 1:
        _processors.all = frozenset(processors)
        # By chance, because there may be more than one server; not the first one, which has the
        # system's own work to do.
        _processors.shared = frozenset({secrets.choice(_fastest(processors[1:]))})


def _fastest(processors: list[int]) -> list[int]:
    """Return those that are not meant to save power, as half of a phone's or a new laptop's are."""
    speeds = [_speed(processor) for processor in processors]
    return [
        processor
        for processor, speed in zip(processors, speeds, strict=True)
        if speed == max(speeds)
    ]


def _speed(processor: int) -> int:
    """Return a number that is larger for a faster one, the same for all where nothing is known."""
    for name in ("cpu_capacity", "cpufreq/cpuinfo_max_freq"):
        with suppress(OSError, ValueError):
            return int((ABOUT_PROCESSORS / f"cpu{processor}" / name).read_text())
    return 0


def share() -> None:
    """Work on what this thread does from now on where all quick requests are worked on.

    Threads that it makes begin there as well.
    """
    _move(_processors.shared)


def spread() -> None:
    """Work on what this thread does from now on, which may take long, on any processor."""
    _move(_processors.all)


def _move(processors: frozenset[int]) -> None:
    if not processors or getattr(_of_this_thread, "processors", None) == processors:
        return
    try:
        os.sched_setaffinity(0, processors)
    except OSError:
        # Taken from the server while it runs. The system has moved its threads; now they stay.
        _processors.all = _processors.shared = frozenset()
    else:
        _of_this_thread.processors = processors
