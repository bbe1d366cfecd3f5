"""The forwarder to AnkiConnect's API, started as its users do."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.processes import free_port

SCRIPT = Path(__file__).parents[2] / "addons" / "ankiconnect_forwarder" / "forwarder.py"
LISTENING = "listening on"


def forwarder_command(*arguments: str) -> list[str]:
    return [sys.executable, str(SCRIPT), *arguments]


class Forwarder:
    """A running forwarder for a server, on a port of its own."""

    def __init__(self, server: str, token: str, *arguments: str) -> None:
        self.port = free_port()
        self._process = subprocess.Popen(
            forwarder_command(server, "--port", str(self.port), *arguments),
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "ANKICONNECT_TOKEN": token},
        )
        assert self._process.stderr is not None
        line = self._process.stderr.readline()
        assert LISTENING in line, line

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> str:
        """End it, and return what it has logged."""
        self._process.terminate()
        _output, logged = self._process.communicate(timeout=10)
        return logged


@contextmanager
def forwarding(server: str, token: str, *arguments: str) -> Iterator[Forwarder]:
    """Run a forwarder for the block."""
    forwarder = Forwarder(server, token, *arguments)
    try:
        yield forwarder
    finally:
        forwarder.stop()
