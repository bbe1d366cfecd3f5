"""Give memory that was freed back to the system.

The allocator of glibc keeps what lies between pieces that are still in use, in an arena for each of
many threads. After a class has synced at once, that would be hundreds of megabytes that nothing uses.
"""

import ctypes
from contextlib import suppress
from typing import Final

# From malloc.h.
M_ARENA_MAX: Final = -8
MOST_ARENAS: Final = 2


def share_memory_among_threads() -> None:
    """Let all threads allocate from few arenas; for a process that has not started any yet."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, MOST_ARENAS)


def return_free_memory() -> None:
    """Return what can be returned; does nothing where the allocator is another one."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
