"""The commands about the server's process: start, stop, restart, status and debug."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import typer
from paste.deploy import loadapp, loadserver

from syncserver.collections import data_root_lock
from syncserver.collections.folders import PRIVATE_FILE_MODE
from syncserver.control.addresses import answers_health
from syncserver.control.installation import (
    DEFAULT_CONFIG,
    ConfigOption,
    Installation,
    JsonOption,
    open_installation,
)
from syncserver.control.output import (
    FAILED,
    NOT_RUNNING,
    WRONG_CONFIGURATION,
    CommandFailed,
    note,
    print_json,
    say,
)
from syncserver.events import configure_logging
from syncserver.listening.sockets import listening
from syncserver.listening.tls import tls_of
from syncserver.server import address_file_of, ownership
from syncserver.services import prepare_data_root, services_for

# A small computer needs half of it to import everything.
START_TIMEOUT: Final = 60.0
# For a server that runs already; somebody else may have started it just now.
ANSWER_TIMEOUT: Final = 20.0
# What the server may need to end after the requests in progress have: it gives itself some seconds
# to close the collections, and a small computer takes some for the rest.
CLOSING_TIMEOUT: Final = 25.0
POLL_INTERVAL: Final = 0.05
LOG_LINES_SHOWN: Final = 20


def start(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Start the server and return when it answers."""
    installation = open_installation(config)
    prepare_data_root(installation.settings.data_root)
    owner = _owner(installation)
    if owner is None:
        _start(installation)
    elif not owner.command and owner.pid == _written_pid(installation):
        _wait_for_answer(installation, owner.pid)
        say(f"already running as process {owner.pid}")
    else:
        raise data_root_lock.DataRootInUse(installation.settings.data_root, owner)


def stop(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Stop the server and return when it is gone.

    Requests in progress are answered first.
    """
    _stop(open_installation(config))


def restart(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Stop the server, if it is running, and start it."""
    installation = open_installation(config)
    prepare_data_root(installation.settings.data_root)
    _stop(installation)
    if owner := _owner(installation):
        raise data_root_lock.DataRootInUse(installation.settings.data_root, owner)
    _start(installation)


def status(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Tell whether the server is running and answers.

    The exit code is 0 when it is, 3 when it is not running, 1 when it does not answer.
    """
    installation = open_installation(config)
    owner = _owner(installation)
    running = owner is not None and not owner.command
    answering = running and _answers(installation)
    if as_json:
        print_json(_document(installation, owner, answering=answering))
    elif owner is None or owner.command:
        say(_not_running(owner))
    else:
        problem = "" if answering else ", but it does not answer"
        say(f"running as process {owner.pid} at {installation.url}{problem}")
    if not answering:
        raise typer.Exit(FAILED if running else NOT_RUNNING)


def debug(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Serve in the foreground until Ctrl+C.

    The log goes to the terminal.
    """
    installation = open_installation(config)
    settings = installation.settings
    _owner(installation)
    configure_logging(settings.log_level, settings.log_format)
    # Other servers than ours know nothing of SIGTERM; for them it is Ctrl+C.
    signal.signal(signal.SIGTERM, _exit)
    with ownership(settings, installation.server):
        server, app = _load(installation)
        try:
            server(app)
        finally:
            services_for(settings).close()


def _start(installation: Installation) -> None:
    settings, server = installation.settings, installation.server
    tls_of(settings, server)
    # A killed server has left it.
    address_file_of(settings, server).unlink(missing_ok=True)
    with listening(settings, server):
        pass  # all of it can be had
    command = ("syncserver.control", "debug", "--config", str(installation.config))
    process, log_start = run_in_background(installation, *command)
    _wait_until_healthy(installation, process, log_start)
    say(f"started as process {process.pid} at {installation.url}")


def run_in_background(
    installation: Installation, *module: str, environment: Mapping[str, str] | None = None
) -> "tuple[subprocess.Popen[bytes], int]":
    """Run a module of ours, with arguments, apart from this terminal; what it prints is its log.

    Returns the process, and the place in the log file where that begins.
    """
    log = os.open(installation.log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE_FILE_MODE)
    try:
        log_start = os.fstat(log).st_size
        process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", *module],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # Ctrl+C is not for it.
            start_new_session=True,
        )
    finally:
        os.close(log)
    return process, log_start


def end_of_log(installation: Installation, start: int) -> str:
    """Return the last lines of what the log holds from `start` on."""
    with installation.log_file.open("rb") as log:
        log.seek(start)
        lines = log.read().decode("utf-8", "replace").rstrip().splitlines()
    return "\n".join(lines[-LOG_LINES_SHOWN:])


def _wait_until_healthy(
    installation: Installation, process: "subprocess.Popen[bytes]", log_start: int
) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    exit_code = FAILED
    while not _answers(installation):
        if process.poll() is not None:
            if process.returncode == WRONG_CONFIGURATION:
                exit_code = WRONG_CONFIGURATION
            problem = f"it ended with exit code {process.returncode}"
        elif time.monotonic() > deadline:
            process.terminate()
            problem = f"it did not answer within {START_TIMEOUT:.0f} seconds"
        else:
            time.sleep(POLL_INTERVAL)
            continue
        note(end_of_log(installation, log_start))
        text = f"the server did not start: {problem}; see {installation.log_file}"
        raise CommandFailed(text, exit_code)


def _wait_for_answer(installation: Installation, pid: int) -> None:
    deadline = time.monotonic() + ANSWER_TIMEOUT
    while not _answers(installation):
        if time.monotonic() > deadline:
            seconds = f"{ANSWER_TIMEOUT:.0f} seconds"
            text = f"it runs as process {pid}, but has not answered for {seconds}: ctl.py restart"
            raise CommandFailed(text)
        time.sleep(POLL_INTERVAL)


def _answers(installation: Installation) -> bool:
    return answers_health(installation.settings, installation.server)


def _stop(installation: Installation) -> None:
    owner = _owner(installation)
    if owner is None or owner.command:
        say(_not_running(owner))
        return
    pid = owner.pid
    _terminate(pid)
    seconds = installation.server.stop_timeout + CLOSING_TIMEOUT
    deadline = time.monotonic() + seconds
    while data_root_lock.server(installation.settings.data_root) is not None:
        if time.monotonic() > deadline:
            # Its worker is in its group, and may hang too.
            raise CommandFailed(
                f"process {pid} has not ended within {seconds:.0f} seconds; end it by:"
                f" kill -9 -{pid} (nothing is lost that was answered)"
            )
        time.sleep(POLL_INTERVAL)
    say(f"stopped process {pid}")


def _terminate(pid: int) -> None:
    if pid == 0:
        raise CommandFailed("the server is just starting; try again")
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        note(f"process {pid} was killed; its worker is ending")
    except PermissionError:
        raise CommandFailed(f"process {pid} belongs to another user") from None


def _owner(installation: Installation) -> data_root_lock.Owner | None:
    """Return who owns the data root; remove a pid file that no server stands behind."""
    owner = data_root_lock.owner(installation.settings.data_root)
    if (owner is None or owner.command) and installation.pid_file.exists():
        installation.pid_file.unlink(missing_ok=True)
        note(f"removed {installation.pid_file}: its process is gone")
    return owner


def _not_running(command: data_root_lock.Owner | None) -> str:
    at_work = f" ({command.command}, process {command.pid}, is at work)" if command else ""
    return f"not running{at_work}"


def _written_pid(installation: Installation) -> int | None:
    try:
        return int(installation.pid_file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _document(
    installation: Installation, owner: data_root_lock.Owner | None, *, answering: bool
) -> dict[str, Any]:
    at_work = owner if owner and owner.command else None
    server = None if at_work else owner
    return {
        "running": server is not None,
        "answering": answering,
        "pid": server and server.pid,
        "at_work": at_work and at_work._asdict(),
        "url": installation.url,
        "data_root": installation.settings.data_root,
        "config": installation.config,
    }


def _load(installation: Installation) -> tuple[Any, Any]:
    """Load the server and the app that the configuration file names."""
    uri = "config:" + quote(str(installation.config))
    try:
        return loadserver(uri), loadapp(uri)
    except (LookupError, ImportError) as problem:
        raise CommandFailed(f"{installation.config}: {problem}", WRONG_CONFIGURATION) from None


def _exit(_signal: int, _frame: object) -> None:
    raise SystemExit(0)
