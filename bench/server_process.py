"""The process of a server: started with a stopwatch, stopped with all that it has started."""

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

# The official server hashes the password of each account before it listens.
LONGEST_START: Final = 120.0
LONGEST_STOP: Final = 20.0
# How often a starting server is asked; small against the time that starting takes.
ASKING_INTERVAL: Final = 0.005


class ServerBroken(Exception):
    """A server did not start; the text is the end of its log."""


def unused_port() -> int:
    """Return a TCP port of 127.0.0.1 that is free at this moment."""
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        return int(probe.getsockname()[1])


class ServerProcess:
    """A server from its start to its end, in a process group of its own."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], port: int, log_file: Path
    ) -> None:
        """Start the program and return when it has answered its first request."""
        self._log_file = log_file
        began = time.perf_counter()
        with log_file.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._wait_for_answer(port)
        self.starting_time = time.perf_counter() - began

    @property
    def pid(self) -> int:
        """The process that was started; others of the server are its descendants."""
        return self._process.pid

    def stop(self) -> None:
        """Ask the server to end; what is left of it after some time is killed."""
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(LONGEST_STOP)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _wait_for_answer(self, port: int) -> None:
        last_moment = time.monotonic() + LONGEST_START
        while not _answers(port):
            if self._process.poll() is not None or time.monotonic() > last_moment:
                self.stop()
                raise ServerBroken(self._log_file.read_text("utf-8", "replace")[-2000:])
            time.sleep(ASKING_INTERVAL)


def _answers(port: int) -> bool:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
