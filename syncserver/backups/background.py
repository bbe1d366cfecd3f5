"""A thread that works beside those who serve people: how it begins, and how it is ended."""

import threading
from abc import ABC, abstractmethod
from typing import Final

import structlog

from syncserver import events

AGAIN_SECONDS: Final = 60.0

log = structlog.get_logger()


class Stopped(Exception):
    """The server ends in the middle of some work, which is given up and done at the next start."""


class BackgroundThread(ABC):
    """One thread with rounds of its own; it lives as long as the services do."""

    def __init__(self, name: str, close_wait_seconds: float) -> None:
        self._name = name
        self._close_wait_seconds = close_wait_seconds
        self._stopping = threading.Event()
        # Made in the process that starts it: Python 3.13 takes one from before a fork for started.
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End; what does not end in time is left behind."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(self._close_wait_seconds)

    @abstractmethod
    def work(self) -> None:
        """Do one round after the other until `rest` says that the server ends."""

    def rest(self, seconds: float) -> bool:
        """Wait for the next round; return whether there is to be one."""
        return not self._stopping.wait(seconds)

    def step(self) -> None:
        """Raise Stopped if the server ends."""
        if self._stopping.is_set():
            raise Stopped

    def _run(self) -> None:
        while self.rest(0):
            try:
                self.work()
            except Stopped:
                return
            except Exception:
                # Whatever it was, it may pass, and without rounds nothing would ever be done.
                log.exception(events.HOUSEKEEPING_FAILED)
                self.rest(AGAIN_SECONDS)
