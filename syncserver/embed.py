"""Run the server in a process of its own, from another Python program.

    process, address = start_server(("127.0.0.1", 0), {"data_root": "/srv/anki"})

The process serves until `process.terminate()`, and ends by itself when the program that has started
it is gone, however that went. It may be killed at any moment: what was answered is on disk.
docs/listening.md has an example.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from syncserver.collections import data_root_lock
from syncserver.control.addresses import answers_health
from syncserver.control.installation import Installation
from syncserver.control.process import end_of_log, run_in_background
from syncserver.control.program import main as run_command
from syncserver.listening.sockets import UNIX_PREFIX
from syncserver.server import address_file_of
from syncserver.services import prepare_data_root
from syncserver.settings import (
    BUILTIN_CONFIG,
    ENVIRONMENT_PREFIX,
    ServerSettings,
    Settings,
    SettingsError,
    load_file,
)

START_TIMEOUT: Final = 60.0
POLL_SECONDS: Final = 0.05
PARENT_POLL_SECONDS: Final = 0.5
# What the system may need to end a process that was killed a moment ago.
DYING_SECONDS: Final = 2.0


class NotStarted(Exception):
    """The server did not start; the message is what it printed."""


class Address(NamedTuple):
    """Where an embedded server listens."""

    host: str
    port: int
    url: str


def start_server(
    address: tuple[str, int], settings: Mapping[str, object], *, timeout: float = START_TIMEOUT
) -> "tuple[subprocess.Popen[bytes], Address]":
    """Start a server at `address` (a host and a port; 0 is any free one); return when it answers.

    `settings` are options of either section by their names; `data_root` is required. Returns the
    process and the real address. The end of a server that was killed on this data root is waited
    for. Raises SettingsError for wrong settings, DataRootInUse, and NotStarted, also when there is
    no answer within `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    environment = _environment({**settings, "host": address[0], "port": address[1]})
    shared, server = load_file(BUILTIN_CONFIG, environment)
    installation = Installation(BUILTIN_CONFIG, shared.options, server.options)
    prepare_data_root(shared.options.data_root)
    _wait_for_killed_owner(shared.options.data_root, deadline)
    address_file_of(shared.options, server.options).unlink(missing_ok=True)
    # It ends with this program, whose number it is told.
    program = ("syncserver.embed", str(os.getpid()))
    process, log_start = run_in_background(installation, *program, environment=environment)
    try:
        _wait_until_it_answers(installation, process, deadline)
    except BaseException as problem:
        _end(process)
        if not isinstance(problem, NotStarted):
            raise
        printed = end_of_log(installation, log_start)
        raise NotStarted(printed or f"no answer within {timeout} seconds") from None
    return process, _real_address(installation)


def _environment(options: Mapping[str, object]) -> dict[str, str]:
    """Return the environment in which the server finds these options and no others of ours."""
    unknown = options.keys() - {*Settings.model_fields, *ServerSettings.model_fields}
    if unknown:
        raise SettingsError(f"{min(unknown)}: there is no such option")
    kept = {key: text for key, text in os.environ.items() if not key.startswith(ENVIRONMENT_PREFIX)}
    return kept | {f"{ENVIRONMENT_PREFIX}{key.upper()}": _text(options[key]) for key in options}


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _wait_for_killed_owner(data_root: Path, deadline: float) -> None:
    """Return when nobody owns the data root; a worker ends soon after its supervisor was killed."""
    alive_until = min(deadline, time.monotonic() + DYING_SECONDS)
    while (owner := data_root_lock.owner(data_root)) is not None:
        alive = not owner.pid or _is_alive(owner.pid)
        if time.monotonic() > (alive_until if alive else deadline):
            raise data_root_lock.DataRootInUse(data_root, owner)
        time.sleep(POLL_SECONDS)


def _is_alive(pid: int) -> bool:
    try:
        # A child of this program that has ended, and was not waited for, still has its number.
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return False
    except ChildProcessError:
        pass
    return os.path.exists(f"/proc/{pid}")


def _wait_until_it_answers(
    installation: Installation, process: "subprocess.Popen[bytes]", deadline: float
) -> None:
    file = address_file_of(installation.settings, installation.server)
    while not (file.exists() and answers_health(installation.settings, installation.server)):
        if process.poll() is not None or time.monotonic() > deadline:
            raise NotStarted
        time.sleep(POLL_SECONDS)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a server of which nobody will hear again; its worker ends by itself if need be."""
    process.terminate()
    try:
        process.wait(DYING_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _real_address(installation: Installation) -> Address:
    file = address_file_of(installation.settings, installation.server)
    url = file.read_text(encoding="utf-8").splitlines()[0]
    if url.startswith(UNIX_PREFIX):
        return Address("", 0, url)
    told = urlsplit(url)
    return Address(told.hostname or "", told.port or 0, url)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PARENT_POLL_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def _serve() -> None:
    """Serve in this process until its parent, whose number is the argument, has ended."""
    threading.Thread(target=_end_with, args=(int(sys.argv[1]),), daemon=True).start()
    sys.argv[1:] = ["debug", "--config", str(BUILTIN_CONFIG)]
    run_command()


if __name__ == "__main__":
    _serve()
