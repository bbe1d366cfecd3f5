"""Sends restore points away: a thread of its own, which nobody waits for.

What could not be sent is sent later: the points themselves tell whether they were.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import structlog

from syncserver import events
from syncserver.backups.background import BackgroundThread, Stopped
from syncserver.backups.offsite import Offsite
from syncserver.backups.service import RestorePoints
from syncserver.backups.store_failures import StoreFailed, StoreUnreachable
from syncserver.collections.restore_points import RestorePoint

# Looked for even if nothing was announced: another process may have taken a point.
ROUND_SECONDS: Final = 300.0
FIRST_RETRY_SECONDS: Final = 5.0
LONGEST_RETRY_SECONDS: Final = 3600.0
CLOSE_WAIT_SECONDS: Final = 2.0
# No user's folder: these begin with a letter or a digit.
ACCOUNTS: Final = "(accounts)"

log = structlog.get_logger()


class OffsiteSender(BackgroundThread):
    """The thread; it lives as long as the services do."""

    def __init__(self, service: RestorePoints, offsite: Offsite) -> None:
        super().__init__("off-site copies", CLOSE_WAIT_SECONDS)
        self._service = service
        self._offsite = offsite

    def close(self) -> None:
        """End; a transfer that hangs is left behind."""
        self._stopping.set()
        self._service.taken.set()  # which it may be waiting for
        super().close()

    def work(self) -> None:
        """Send what is there, then what comes; after a failure all that is left, later."""
        retry_seconds = FIRST_RETRY_SECONDS
        while self.rest(0):
            self._service.taken.clear()
            problems = self._send_all()
            if not problems:
                retry_seconds = FIRST_RETRY_SECONDS
                self._service.taken.wait(ROUND_SECONDS)
            else:
                _tell_failure(problems, retry_seconds)
                self.rest(retry_seconds)
                retry_seconds = min(2 * retry_seconds, LONGEST_RETRY_SECONDS)

    def _send_all(self) -> dict[str, Exception]:
        """Send accounts and points, and return what kept some of them here, by the users' folders.

        What is wrong with one user's points does not concern the others. A store that cannot be
        reached concerns all.
        """
        problems: dict[str, Exception] = {}
        for name, send in self._tasks():
            try:
                send()
            except Stopped:
                raise
            except Exception as problem:
                problems[name] = problem
                if isinstance(problem, StoreUnreachable):
                    break
        return problems

    def _tasks(self) -> Iterator[tuple[str, Callable[[], object]]]:
        yield ACCOUNTS, self._offsite.accounts.send_if_changed
        for folder in self._service.folders():
            yield folder, partial(self._send_points, folder)

    def _send_points(self, folder: str) -> None:
        sent = 0
        for point in self._offsite.unsent(self._service.folder(folder)):
            self._send(folder, point)
            sent += 1
        if sent:
            self._offsite.remove_old(self._service.folder(folder))

    def _send(self, folder: str, point: RestorePoint) -> None:
        try:
            self._offsite.send(self._service.folder(folder), point, self.step)
        except FileNotFoundError:
            if point.path.exists():
                raise
            return  # removed meanwhile
        log.info(events.OFFSITE_SENT, folder=folder, snapshot=point.id)


def _tell_failure(problems: dict[str, Exception], retry_seconds: float) -> None:
    folder, problem = next(iter(problems.items()))
    unexpected = not isinstance(problem, StoreFailed)
    log.error(
        events.OFFSITE_FAILED,
        problem=str(problem),
        folder=folder,
        users=len(problems),
        again_in_seconds=int(retry_seconds),
        exc_info=problem if unexpected else False,
    )
