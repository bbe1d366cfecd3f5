"""Maintenance: the operator's notice that nobody can sync for a while, and why.

It is a file in the data root, so that it holds while the server runs, while it does not, and for
the next one that starts. The file alone counts: one that is empty or damaged is a notice too.
"""

import math
import os
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Annotated, Final

import msgspec
import structlog

from syncserver import events
from syncserver.collections import atomic_files
from syncserver.errors import UnderMaintenance

FILE_NAME: Final = "maintenance.json"
DEFAULT_MESSAGE: Final = "This server is being worked on. Please try again later."
# Within a second of the command it must be known; half of that leaves time for the request.
LOOK_SECONDS: Final = 0.5
# What is answered when nobody has said until when.
RETRY_SECONDS: Final = 300
# A sync that was in progress when it began may finish within so many seconds.
GRACE: Final = timedelta(seconds=120)

log = structlog.get_logger()


# With its time zone.
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Notice(msgspec.Struct, frozen=True):
    """What people are told, since when, and until when if that is known."""

    message: str
    since: Moment
    until: Moment | None = None

    def is_over(self, now: datetime) -> bool:
        """Tell whether its time has come."""
        return self.until is not None and self.until <= now

    def retry_after(self, now: datetime) -> int:
        """Return in how many seconds to come back."""
        if self.until is None:
            return RETRY_SECONDS
        return max(1, math.ceil((self.until - now).total_seconds()))


def begin(data_root: Path, message: str, until: datetime | None) -> Notice:
    """Begin maintenance, or replace its notice. Raises OSError, DiskFull."""
    notice = Notice(message or DEFAULT_MESSAGE, _now(), until)
    with atomic_files.temporary_file(data_root) as new:
        atomic_files.write_parts(new, [msgspec.json.encode(notice)])
        _give_to_owner(new, data_root)
        atomic_files.replace(new, data_root / FILE_NAME)
    return notice


def _give_to_owner(new: Path, data_root: Path) -> None:
    """Let the server read what root has written."""
    if os.geteuid() == 0:
        owner = data_root.stat()
        os.chown(new, owner.st_uid, owner.st_gid)


def end(data_root: Path) -> bool:
    """End maintenance; return whether there was any."""
    try:
        (data_root / FILE_NAME).unlink()
    except FileNotFoundError:
        return False
    return True


def read(data_root: Path) -> Notice | None:
    """Return the notice, None when there is none or its time is over."""
    path = data_root / FILE_NAME
    try:
        changed = datetime.fromtimestamp(path.stat().st_mtime, timezone.utc)
    except FileNotFoundError:
        return None
    try:
        notice = msgspec.json.decode(path.read_bytes(), type=Notice)
    except (OSError, msgspec.MsgspecError):
        notice = Notice(DEFAULT_MESSAGE, changed)
    return None if notice.is_over(_now()) else notice


class Maintenance:
    """Knows within a second whether there is maintenance; thread-safe."""

    def __init__(self, data_root: Path) -> None:
        self._data_root = data_root
        self._notice: Notice | None = None
        self._look_at = 0.0
        self._lock = threading.Lock()

    def notice(self) -> Notice | None:
        """Return the notice, None when all is as always."""
        if time.monotonic() >= self._look_at:
            with self._lock:
                self._look()
        return self._notice

    def check(self, *, goes_on: bool = False) -> None:
        """Raise UnderMaintenance; what `goes_on` with a sync in progress may do so for a while."""
        notice = self.notice()
        if notice is None:
            return
        now = _now()
        if goes_on and now - notice.since < GRACE:
            return
        raise UnderMaintenance(
            notice.message, cause="maintenance", retry_after_seconds=notice.retry_after(now)
        )

    def _look(self) -> None:
        if time.monotonic() < self._look_at:  # another thread was faster
            return
        before, self._notice = self._notice, read(self._data_root)
        self._look_at = time.monotonic() + LOOK_SECONDS
        if self._notice is not None and before is None:
            log.warning(events.MAINTENANCE_STARTED, until=str(self._notice.until or "unknown"))
        elif self._notice is None and before is not None:
            log.info(events.MAINTENANCE_ENDED)


def _now() -> datetime:
    return datetime.now(timezone.utc)
