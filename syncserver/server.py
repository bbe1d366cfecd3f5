"""The Granian runner behind `[server:main] use = egg:syncserver#server`.

The process that PasteDeploy started becomes a supervisor, which holds the data root lock, the pid
file and the listening sockets, and nothing else. One forked worker (listening/worker.py) opens
accounts and collections and serves; when it dies it is replaced, when the supervisor dies it ends
as after SIGTERM: requests in progress are answered, unfinished syncs are rolled back, collections
are closed.
"""

import gc
import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import wait
from pathlib import Path
from types import FrameType
from typing import Any, Final

import structlog
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.mp import MPServer

from syncserver.accounts.database import DatabaseUnusable, migrate, open_database
from syncserver.accounts.passwords import BadPassword, Passwords
from syncserver.accounts.users import BadUserName, Users
from syncserver.collections import atomic_files, data_root_lock
from syncserver.events import (
    GRANIAN_MESSAGE,
    SERVER_STOPPED,
    VARIABLE_UNKNOWN,
    configure_logging,
)
from syncserver.listening.granian_listener import WsgiApp
from syncserver.listening.sockets import CannotServe, Listening, listening
from syncserver.listening.tls import tls_of
from syncserver.listening.tls_trial import try_out
from syncserver.listening.worker import CLOSING_SECONDS, Worker
from syncserver.services import prepare_data_root
from syncserver.settings import (
    SERVER_SECTION,
    ServerSettings,
    Settings,
    SettingsError,
    forget_variables,
    load_options,
    unknown_variables,
)

STOP_SIGNALS: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})

log = structlog.get_logger()


class GranianMessages(logging.Handler):
    """Make events of ours out of Granian's log records."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record."""
        text = record.getMessage()
        log.log(record.levelno, GRANIAN_MESSAGE, text=text, exc_info=record.exc_info or False)


_REASONS: Final = (
    *(BadPassword, BadUserName, CannotServe, DatabaseUnusable),
    *(SettingsError, data_root_lock.DataRootInUse),
)

GRANIAN_LOGGING: Final[dict[str, Any]] = {
    "handlers": {"events": {"()": GranianMessages}},
    "loggers": {"_granian": {"handlers": ["events"], "propagate": False}},
}


def serve_paste(app: WsgiApp, global_conf: Mapping[str, str], **local_conf: str) -> None:
    """Serve `app` until SIGTERM or SIGINT; the server_runner of PasteDeploy.

    Ends the process with a sentence when the server cannot start: with exit code 78 if that is for
    its configuration, which no service manager's next try would mend, else with 1.
    """
    try:
        settings, options = _load(global_conf, local_conf)
        forget_variables()
        configure_logging(settings.log_level, settings.log_format)
        for variable in unknown_variables(os.environ):
            log.warning(VARIABLE_UNKNOWN, variable=variable)
        if tls := tls_of(settings, options):
            try_out(tls)
        with ownership(settings, options), listening(settings, options) as sockets:
            _prepare_accounts(settings, options)
            worker = Worker(app, settings, options, sockets, tls)
            with _told_addresses(worker):
                _supervise(worker)
    except _REASONS as problem:
        sys.stderr.write(f"syncserver: {problem}\n")
        raise SystemExit(os.EX_CONFIG if isinstance(problem, SettingsError) else 1) from None


@contextmanager
def ownership(settings: Settings, options: ServerSettings) -> Iterator[None]:
    """Hold the data root, made when it is missing, and say so in the pid file.

    May be nested in one process. Raises DataRootInUse, SettingsError, and CannotServe when the pid
    file cannot be written.
    """
    pid_file = pid_file_of(settings, options)
    try:
        prepare_data_root(settings.data_root)
        data_root_lock.acquire(settings.data_root)
        _write(pid_file, f"{os.getpid()}\n")
    except OSError as problem:
        raise CannotServe(f"{problem.filename}: {problem.strerror}") from None
    try:
        yield
    finally:
        pid_file.unlink(missing_ok=True)


def pid_file_of(settings: Settings, options: ServerSettings) -> Path:
    """Return the path of the pid file; a relative one is relative to the data root."""
    return settings.data_root / (options.pid_file or "syncserver.pid")


def address_file_of(settings: Settings, options: ServerSettings) -> Path:
    """Return the path of the file with the real addresses; relative to the data root."""
    return settings.data_root / (options.address_file or "syncserver.address")


@contextmanager
def _told_addresses(worker: Worker) -> Iterator[None]:
    """Write a line for each address, whoever connects to which from now on will be answered."""
    file = address_file_of(worker.settings, worker.options)
    try:
        _write(file, "".join(f"{url}\n" for url in worker.urls))
    except OSError as problem:
        raise CannotServe(f"address_file: {file}: {problem.strerror}") from None
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def _write(file: Path, text: str) -> None:
    with atomic_files.temporary_file(file.parent) as new:
        new.write_text(text, encoding="utf-8")
        atomic_files.replace(new, file)


def _load(
    global_conf: Mapping[str, str], local_conf: Mapping[str, str]
) -> tuple[Settings, ServerSettings]:
    file = global_conf.get("__file__", "configuration")
    shared = load_options(Settings, "DEFAULT", global_conf, file=file)
    options = load_options(ServerSettings, SERVER_SECTION, local_conf, file=file)
    return shared.options, options.options


def _prepare_accounts(settings: Settings, options: ServerSettings) -> None:
    """Migrate the accounts before anything is forked: a wrong database_url ends in a sentence."""
    engine = open_database(settings.accounts_url)
    try:
        migrate(engine)
        _add_first_user(Users(engine, Passwords(settings)), options)
    finally:
        engine.dispose()


def _add_first_user(users: Users, options: ServerSettings) -> None:
    """Add the user that the options name, unless there is one already."""
    password = options.first_password.get_secret_value()
    if (not options.first_user and not password) or users.all_users():
        return
    if not options.first_user or not password:
        raise SettingsError("first_user and first_password: one is of no use without the other")
    users.add(options.first_user, password)


class _Supervisor(MPServer):
    """Granian's supervisor, with sockets and a worker of ours."""

    def __init__(self, worker: Worker) -> None:
        super().__init__(
            target="syncserver",
            interface=Interfaces.WSGI,
            workers=1,
            blocking_threads=1,  # the worker has its own; this only keeps Granian's advice away
            websockets=False,
            respawn_failed_workers=True,
            workers_kill_timeout=worker.options.stop_timeout + CLOSING_SECONDS,
            log_level=LogLevels.warning,
            log_dictconfig=GRANIAN_LOGGING,
        )
        self._sockets: Listening = worker.sockets

    def _init_shared_socket(self) -> None:
        self._sso = None

    def _drop_shared_socket(self) -> None:
        # From now on connections are refused: before the worker is told to end.
        self._sockets.close()

    def _stop_workers(self) -> None:
        """Tell the worker to end, and kill it if it does not.

        Granian's own asks a thread that may not have noticed yet that the worker has ended, and
        then says that it had to be killed.
        """
        workers: list[Any] = self.wrks  # their methods have no annotations
        for worker in workers:
            worker.terminate()
            if not wait([worker.inner.sentinel], self.workers_kill_timeout):
                log.warning(GRANIAN_MESSAGE, text="the worker did not end in time and is killed")
                worker.kill()
            worker.join()
        workers.clear()


def _supervise(worker: Worker) -> None:
    # The worker must inherit the loaded app, the sockets and the data root lock.
    multiprocessing.set_start_method("fork", force=True)
    os.register_at_fork(after_in_child=_block_signals)
    _share_memory_with_workers()
    server = _Supervisor(worker)
    server.on_startup(partial(_stop_at_first_signal, server.signal_handler_interrupt))
    server.on_shutdown(partial(log.info, SERVER_STOPPED, url=" ".join(worker.urls)))
    server.serve(spawn_target=lambda *_granian: worker.run())


def _share_memory_with_workers() -> None:
    """Keep the garbage collector from the objects of this process.

    It writes into each one that it looks at, and a page that a worker writes to is no longer shared.
    """
    gc.collect()
    gc.freeze()


def _stop_at_first_signal(stop_server: Callable[[], None]) -> None:
    """Let the first of all stop signals stop the server, and ignore those that follow.

    Granian's own handler waits for itself for ever when it is interrupted by another signal [tried
    with 2.8], and would answer SIGHUP with a second worker, but a data root has one.
    """

    def stop(_number: int, _frame: FrameType | None) -> None:
        for other in STOP_SIGNALS:
            signal.signal(other, signal.SIG_IGN)
        stop_server()

    for one in STOP_SIGNALS:
        signal.signal(one, stop)


def _block_signals() -> None:
    """Keep signals from a new worker, whose inherited handlers would swallow them.

    It waits for SIGTERM by itself; Ctrl+C and a closed terminal are the supervisor's.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
