"""Takes the scheduled restore points: a thread of its own, one user after the other.

Each user's turn comes at another moment of the interval, told by the folder's name, so that a
school is not copied all at once. The thread gives way to those that serve people, and rests after
each point for as long as it took.
"""

import os
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import structlog

from syncserver import events
from syncserver.backups.background import BackgroundThread, Stopped
from syncserver.backups.packing import SnapshotDamaged
from syncserver.backups.service import RestorePoints
from syncserver.collections import restore_points
from syncserver.collections.retention import THINNED_REASONS
from syncserver.errors import DiskFull, SyncServerError

FIRST_ROUND_SECONDS: Final = 300.0
ROUND_SECONDS: Final = 20.0
ROUNDS_PER_INTERVAL: Final = 10
WITHOUT_ROOM_SECONDS: Final = 600.0
CLOSE_WAIT_SECONDS: Final = 3.0
# As the command `nice` has it; 19 is the lowest priority.
NICENESS: Final = 15

log = structlog.get_logger()


class SnapshotScheduler(BackgroundThread):
    """The thread; it lives as long as the services do."""

    def __init__(self, service: RestorePoints) -> None:
        super().__init__("snapshots", CLOSE_WAIT_SECONDS)
        self._service = service
        self._interval = service.settings.snapshot_interval
        # The turn (a number that grows by one in each interval) in which a user was last looked at.
        self._turns: dict[str, int] = {}
        # The turn in which a user's files could not be worked with; the next one tries again.
        self._given_up: dict[str, int] = {}

    def start(self) -> None:
        """Remove what a killed server has left, and begin, unless the interval is 0."""
        for folder in self._service.folders():
            with self._trouble_of_one(folder):
                restore_points.remove_strays(self._service.folder(folder))
        if self._interval:
            super().start()

    def work(self) -> None:
        """Look at all users again and again."""
        # On Linux a priority belongs to a thread.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        rounds = min(ROUND_SECONDS, self._interval / ROUNDS_PER_INTERVAL)
        wait_seconds = min(FIRST_ROUND_SECONDS, self._interval)
        while self.rest(wait_seconds):
            wait_seconds = rounds if self._round() else WITHOUT_ROOM_SECONDS

    def _round(self) -> bool:
        """Look at each user; tell whether there was room for everybody."""
        has_room = True
        for folder in self._service.folders():
            self.step()
            began = time.monotonic()
            try:
                with self._trouble_of_one(folder):
                    self._look_at(folder)
            except DiskFull:  # logged where it was noticed
                has_room = False
                if not self._service.has_room():
                    break  # for nobody; others may have smaller collections
            self.rest(time.monotonic() - began)
        return has_room

    @contextmanager
    def _trouble_of_one(self, folder: str) -> Iterator[None]:
        """Let what goes wrong with one user's files not concern the others. Raises DiskFull."""
        try:
            yield
        except (DiskFull, Stopped):
            raise
        except SyncServerError as problem:  # in the middle of a long sync: the next round
            log.debug(events.SNAPSHOT_POSTPONED, folder=folder, problem=problem.public_text)
        except SnapshotDamaged:
            pass  # logged; nothing else has changed until the next turn
        except Exception:
            if self._service.folder(folder).path.exists():  # else it was removed meanwhile
                self._given_up[folder] = self._turn_now(folder)
                log.exception(events.HOUSEKEEPING_FAILED, folder=folder)

    def _look_at(self, folder: str) -> None:
        turn = self._turn_now(folder)
        if self._given_up.get(folder) == turn:
            return
        self._service.complete(folder, self.step)
        if self._turns.get(folder) == turn:
            return
        if turn not in self._turns_taken(folder):
            try:
                self._service.take_scheduled(folder, self.step)
            except SnapshotDamaged:
                self._turns[folder] = turn
                raise
        self._turns[folder] = turn

    def _turns_taken(self, folder: str) -> set[int]:
        """Return the turns of the points that were copied, not those of what was replaced."""
        points = self._service.points(folder)
        copied = [point.taken_at for point in points if point.reason in THINNED_REASONS]
        return {self._turn_at(taken_at.timestamp(), folder) for taken_at in copied}

    def _turn_now(self, folder: str) -> int:
        return self._turn_at(time.time(), folder)

    def _turn_at(self, seconds: float, folder: str) -> int:
        """Return in which of the user's own intervals a time (seconds since 1970) lies."""
        interval = self._interval or 1
        return int((seconds - zlib.crc32(folder.encode()) % interval) // interval)
