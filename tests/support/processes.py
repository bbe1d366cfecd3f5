"""A server as a process of its own: start it, wait until it answers, stop or kill all of it."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

START_TIMEOUT = 30.0
STOP_TIMEOUT = 30.0


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ServerProcess:
    """A running server: its own process group, and a file with everything that it printed."""

    def __init__(
        self, command: Sequence[str], *, port: int, log_file: Path, environment: Mapping[str, str]
    ) -> None:
        self.port = port
        self.log_file = log_file
        with log_file.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # A group of its own, so that kill() reaches workers and supervisor alike.
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process that was started; its workers are in the same group."""
        return self._process.pid

    def wait_until_healthy(self) -> None:
        """Return when GET /health answers 200; raise with the log when that does not happen."""
        deadline = time.monotonic() + START_TIMEOUT
        while not answers_health(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"the server did not start:\n{self.log()}")
            time.sleep(0.02)

    def log(self) -> str:
        """Return what the server printed so far."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def stop(self) -> int:
        """Ask the server to end, as an operator does, and return its exit code."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            return self._process.wait(STOP_TIMEOUT)
        finally:
            self.kill()

    def kill(self) -> None:
        """End every process of the group at once, as a power cut does."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(STOP_TIMEOUT)


def answers_health(port: int) -> bool:
    """Tell whether a server on 127.0.0.1 answers GET /health with 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
