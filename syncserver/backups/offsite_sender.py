"""Sends restore points away: a thread of its own, which nobody waits for.

What could not be sent is sent later: the points themselves tell whether they were.
"""

import threading
from typing import Final

import structlog

from syncserver import events
from syncserver.backups.offsite import Offsite, unsent
from syncserver.backups.service import RestorePoints
from syncserver.backups.store_failures import StoreFailed
from syncserver.collections.restore_points import RestorePoint

# Looked for even if nothing was announced: another process may have taken a point.
ROUND_SECONDS: Final = 300.0
FIRST_RETRY_SECONDS: Final = 5.0
LONGEST_RETRY_SECONDS: Final = 3600.0
CLOSE_WAIT_SECONDS: Final = 2.0

log = structlog.get_logger()


class Stopped(Exception):
    """The server ends; what is being sent is sent again at the next start."""


class OffsiteSender:
    """The thread; it lives as long as the services do."""

    def __init__(self, service: RestorePoints, offsite: Offsite) -> None:
        self._service = service
        self._offsite = offsite
        self._stopping = threading.Event()
        # Made in the process that starts it: Python 3.13 takes one from before a fork for started.
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name="off-site copies", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End; a transfer that hangs is left behind."""
        self._stopping.set()
        self._service.taken.set()
        if self._thread is not None:
            self._thread.join(CLOSE_WAIT_SECONDS)

    def _run(self) -> None:
        retry_seconds = FIRST_RETRY_SECONDS
        while not self._stopping.is_set():
            self._service.taken.clear()
            try:
                self._send_all()
            except Stopped:
                return
            except Exception as problem:
                self._tell_failure(problem, retry_seconds)
                self._stopping.wait(retry_seconds)
                retry_seconds = min(2 * retry_seconds, LONGEST_RETRY_SECONDS)
            else:
                retry_seconds = FIRST_RETRY_SECONDS
                self._service.taken.wait(ROUND_SECONDS)

    def _send_all(self) -> None:
        for folder in self._service.folders():
            sent = 0
            for point in unsent(self._service.folder(folder)):
                self._send(folder, point)
                sent += 1
            if sent:
                self._offsite.remove_old(self._service.folder(folder))

    def _send(self, folder: str, point: RestorePoint) -> None:
        try:
            self._offsite.send(self._service.folder(folder), point, self._step)
        except FileNotFoundError:
            return  # removed meanwhile
        log.info(events.OFFSITE_SENT, folder=folder, snapshot=point.id)

    def _step(self) -> None:
        if self._stopping.is_set():
            raise Stopped

    def _tell_failure(self, problem: Exception, retry_seconds: float) -> None:
        unexpected = not isinstance(problem, StoreFailed)
        log.error(
            events.OFFSITE_FAILED,
            problem=str(problem),
            again_in_seconds=int(retry_seconds),
            exc_info=problem if unexpected else False,
        )
