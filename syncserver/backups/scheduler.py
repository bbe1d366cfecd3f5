"""Takes the scheduled restore points: a thread of its own, one user after the other.

Each user's turn comes at another moment of the interval, told by the folder's name, so that a
school is not copied all at once. The thread gives way to those that serve people, and rests after
each point for as long as it took.
"""

import os
import threading
import time
import zlib
from typing import Final

import structlog

from syncserver import events
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


class Stopped(Exception):
    """The server ends in the middle of a point, which is given up."""


class SnapshotScheduler:
    """The thread; it lives as long as the services do."""

    def __init__(self, service: RestorePoints) -> None:
        self._service = service
        self._interval = service.settings.snapshot_interval
        self._stopping = threading.Event()
        # Made in the process that starts it: Python 3.13 takes one from before a fork for started.
        self._thread: threading.Thread | None = None
        # The turn (a number that grows by one in each interval) in which a user was last looked at.
        self._turns: dict[str, int] = {}

    def start(self) -> None:
        """Remove what a killed server has left, and begin, unless the interval is 0."""
        for folder in self._service.folders():
            restore_points.remove_strays(self._service.folder(folder))
        if self._interval:
            self._thread = threading.Thread(target=self._run, name="snapshots", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End, giving up the point that is being taken; not waited for beyond some seconds."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(CLOSE_WAIT_SECONDS)

    def _run(self) -> None:
        # On Linux a priority belongs to a thread.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        rounds = min(ROUND_SECONDS, self._interval / ROUNDS_PER_INTERVAL)
        wait_seconds = min(FIRST_ROUND_SECONDS, self._interval)
        while not self._stopping.wait(wait_seconds):
            wait_seconds = rounds
            try:
                self._round()
            except DiskFull:
                wait_seconds = WITHOUT_ROOM_SECONDS  # logged where it was noticed
            except Stopped:
                return
            except Exception:
                log.exception(events.HOUSEKEEPING_FAILED)

    def _round(self) -> None:
        for folder in self._service.folders():
            self._step()
            began = time.monotonic()
            try:
                self._look_at(folder)
            except DiskFull:
                raise
            except SyncServerError as problem:  # in the middle of a long sync: the next round
                log.debug(events.SNAPSHOT_POSTPONED, folder=folder, problem=problem.public_text)
            except SnapshotDamaged:
                pass  # logged; nothing else has changed until the next turn
            except OSError:
                if self._service.folder(folder).path.exists():
                    raise  # else the user was removed meanwhile
            self._stopping.wait(time.monotonic() - began)

    def _look_at(self, folder: str) -> None:
        self._service.complete(folder, self._step)
        turn = self._turn_at(time.time(), folder)
        if self._turns.get(folder) == turn:
            return
        if turn not in self._turns_taken(folder):
            try:
                self._service.take_scheduled(folder, self._step)
            except SnapshotDamaged:
                self._turns[folder] = turn
                raise
        self._turns[folder] = turn

    def _turns_taken(self, folder: str) -> set[int]:
        """Return the turns of the points that were copied, not those of what was replaced."""
        points = self._service.points(folder)
        copied = [point.taken_at for point in points if point.reason in THINNED_REASONS]
        return {self._turn_at(taken_at.timestamp(), folder) for taken_at in copied}

    def _turn_at(self, seconds: float, folder: str) -> int:
        """Return in which of the user's own intervals a time (seconds since 1970) lies."""
        phase = zlib.crc32(folder.encode()) % self._interval
        return int((seconds - phase) // self._interval)

    def _step(self) -> None:
        if self._stopping.is_set():
            raise Stopped
