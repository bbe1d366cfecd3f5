"""Processes beside the servers: clients and load generators, so that none slows another down."""

import multiprocessing
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from multiprocessing.connection import Connection
from typing import Any, Final

# Nothing that is measured takes longer, on the slowest of machines.
PATIENCE: Final = 600.0
END_TIMEOUT: Final = 5.0

Control = Connection
Target = Callable[..., object]

_processes = multiprocessing.get_context("spawn")


class HelperFailed(Exception):
    """A helper ended with an error, or does not answer; the text is its traceback."""


class Helper(AbstractContextManager["Helper"]):
    """A process that runs `target(control, *arguments)` and talks through a pipe."""

    def __init__(self, target: Target, *arguments: object) -> None:
        self._control, theirs = _processes.Pipe()
        self._process = _processes.Process(
            target=_run, args=(theirs, target, arguments), daemon=True
        )
        self._process.start()
        theirs.close()

    def __exit__(self, *_problem: object) -> None:
        self.end()

    def send(self, message: object) -> None:
        """Send a message, which `target` finds in its `control`."""
        self._control.send(message)

    def receive(self, timeout: float = PATIENCE) -> Any:
        """Return the next message of the helper, or what `target` has returned."""
        if not self._control.poll(timeout):
            raise HelperFailed(f"no answer within {timeout:g} seconds")
        try:
            message = self._control.recv()
        except EOFError:
            raise HelperFailed("the helper has ended without an answer") from None
        if isinstance(message, HelperFailed):
            raise message
        return message

    def end(self) -> None:
        """End the process, whatever it is doing."""
        self._control.close()
        self._process.terminate()
        self._process.join(END_TIMEOUT)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _run(control: Control, target: Target, arguments: tuple[object, ...]) -> None:
    # Somebody who ends the program closes the pipe first.
    with suppress(BrokenPipeError, EOFError, KeyboardInterrupt, ConnectionResetError):
        try:
            control.send(target(control, *arguments))
        except (BrokenPipeError, EOFError):
            raise
        except Exception:
            control.send(HelperFailed(traceback.format_exc()))
