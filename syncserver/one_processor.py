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
        _processors.shared = frozenset({secrets.choice(processors[1:])})


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
