"""The clock: clients refuse to sync when it is more than five minutes away from theirs."""

import ctypes
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from syncserver.control.checks.finding import Finding

# 2026-11-01, before which this program did not exist.
EARLIEST: Final = 1_793_491_200
MOST_AHEAD_SECONDS: Final = 300
REMEDY: Final = "let the system set it: timedatectl set-ntp true (or chrony, ntpd)"
# adjtimex(2): the size of its structure is 208 bytes, and 5 stands for a clock nobody has set.
STRUCTURE_BYTES: Final = 208
TIME_ERROR: Final = 5


def clock(data_root: Path) -> Iterator[Finding]:
    """Yield signs that the clock is wrong."""
    now = time.time()
    if now < EARLIEST:
        yield Finding("error", "clock", f"it shows {time.ctime(now)}", REMEDY)
    newest = max((_changed(path) for path in _files(data_root)), default=0.0)
    if newest > now + MOST_AHEAD_SECONDS:
        problem = f"it shows {time.ctime(now)}, but files here were changed {time.ctime(newest)}"
        yield Finding("error", "clock", problem, REMEDY)
    if _is_unsynchronised():
        yield Finding("hint", "clock", "the system does not compare it with other clocks", REMEDY)


def _files(data_root: Path) -> Iterator[Path]:
    yield from data_root.glob("accounts.db*")
    yield from (data_root / "users").glob("*/collection.anki2")


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # gone meanwhile
        return 0.0


def _is_unsynchronised() -> bool:
    try:
        adjtimex = ctypes.CDLL(None).adjtimex
    except (AttributeError, OSError):  # another C library
        return False
    return bool(adjtimex(ctypes.create_string_buffer(STRUCTURE_BYTES)) == TIME_ERROR)
