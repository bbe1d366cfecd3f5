"""The Granian runner behind `[server:main] use = egg:syncserver#server`.

The process that PasteDeploy started becomes a supervisor, which holds the data root lock and the
pid file and nothing else. One forked worker opens accounts and collections and serves; when it
dies it is replaced, when the supervisor dies it ends as after SIGTERM: requests in progress are
answered, unfinished syncs are rolled back, collections are closed.
"""

import errno
import gc
import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from multiprocessing.util import Finalize
from pathlib import Path
from types import FrameType
from typing import Any, Final

import structlog
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server import Server

from syncserver import __version__, connections
from syncserver.accounts.database import DatabaseUnusable, migrate, open_database
from syncserver.collections import atomic_files, data_root_lock
from syncserver.events import (
    GRANIAN_MESSAGE,
    SERVER_STARTED,
    SERVER_STOPPED,
    configure_logging,
)
from syncserver.free_memory import share_memory_among_threads
from syncserver.services import prepare_data_root, services_for
from syncserver.settings import (
    SERVER_SECTION,
    ServerSettings,
    Settings,
    SettingsError,
    load_options,
)

# Connections that the kernel holds while all threads work; Linux cuts it at net.core.somaxconn.
BACKLOG: Final = 2048
# Connections that are open beside those with a request, of which Granian counts both: clients keep
# theirs for the next one.
RESTING_CONNECTIONS: Final = 512
STOP_SIGNALS: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

log = structlog.get_logger()


class CannotServe(Exception):
    """Something outside of the configuration keeps the server from starting."""


class GranianMessages(logging.Handler):
    """Make events of ours out of Granian's log records."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record, unless it is advice on options that this module chooses."""
        if record.funcName != "serve":
            text = record.getMessage()
            log.log(record.levelno, GRANIAN_MESSAGE, text=text, exc_info=record.exc_info or False)


_REASONS: Final = (CannotServe, SettingsError, DatabaseUnusable, data_root_lock.DataRootInUse)

GRANIAN_LOGGING: Final[dict[str, Any]] = {
    "handlers": {"events": {"()": GranianMessages}},
    "loggers": {"_granian": {"handlers": ["events"], "propagate": False}},
}


def serve_paste(app: WsgiApp, global_conf: Mapping[str, str], **local_conf: str) -> None:
    """Serve `app` until SIGTERM or SIGINT; the server_runner of PasteDeploy.

    Ends the process with a sentence and exit code 1 when the server cannot start.
    """
    try:
        settings, options = _load(global_conf, local_conf)
        configure_logging(settings.log_level, settings.log_format)
        with ownership(settings, options):
            address = free_address(options.host, options.port)
            _prepare_accounts(settings)
            _run(app, settings, options, address)
    except _REASONS as problem:
        raise SystemExit(f"syncserver: {problem}") from None


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
        with atomic_files.temporary_file(pid_file.parent) as new:
            new.write_text(f"{os.getpid()}\n", encoding="ascii")
            atomic_files.replace(new, pid_file)
    except OSError as problem:
        raise CannotServe(f"{problem.filename}: {problem.strerror}") from None
    try:
        yield
    finally:
        pid_file.unlink(missing_ok=True)


def pid_file_of(settings: Settings, options: ServerSettings) -> Path:
    """Return the path of the pid file; a relative one is relative to the data root."""
    return settings.data_root / (options.pid_file or "syncserver.pid")


def free_address(host: str, port: int) -> str:
    """Return the IP address of `host`, on which nobody listens at `port`.

    Raises CannotServe when the port is taken or the address is not one of this machine's.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # As Granian does, so that connections which are still fading away are no obstacle.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as problem:
        if problem.errno == errno.EADDRINUSE:
            raise CannotServe(f"port {port} of {host} is in use by another program") from None
        raise CannotServe(f"cannot listen on {host}, port {port}: {problem.strerror}") from None
    return str(address[0])


def http_url(host: str, port: int) -> str:
    """Return the URL of a server that listens on `host` and `port`."""
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _load(
    global_conf: Mapping[str, str], local_conf: Mapping[str, str]
) -> tuple[Settings, ServerSettings]:
    file = global_conf.get("__file__", "configuration")
    shared = load_options(Settings, "DEFAULT", global_conf, file=file)
    options = load_options(ServerSettings, SERVER_SECTION, local_conf, file=file)
    return shared.options, options.options


def _prepare_accounts(settings: Settings) -> None:
    """Migrate the accounts before anything is forked: a wrong database_url ends in a sentence."""
    engine = open_database(settings.accounts_url)
    try:
        migrate(engine)
    finally:
        engine.dispose()


def _run(app: WsgiApp, settings: Settings, options: ServerSettings, address: str) -> None:
    # The worker must inherit the loaded app and the data root lock.
    multiprocessing.set_start_method("fork", force=True)
    os.register_at_fork(after_in_child=_block_signals)
    url = http_url(address, options.port)
    server = Server(
        target="syncserver",
        address=address,
        port=options.port,
        interface=Interfaces.WSGI,
        workers=1,
        http=HTTPModes.http1,
        websockets=False,
        blocking_threads=options.threads,
        backpressure=options.threads + RESTING_CONNECTIONS,
        backlog=BACKLOG,
        respawn_failed_workers=True,
        workers_kill_timeout=options.stop_timeout,
        log_level=LogLevels.warning,
        log_dictconfig=GRANIAN_LOGGING,
    )
    server.on_startup(partial(_stop_at_first_signal, server.signal_handler_interrupt))
    server.on_shutdown(partial(log.info, SERVER_STOPPED, url=url))
    worker = partial(_start_worker, app, settings, url, options)
    server.serve(target_loader=worker, wrap_loader=False)


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

    SIGTERM waits for `_pass_one_stop_on`; Ctrl+C and a closed terminal are the supervisor's.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)


def _start_worker(app: WsgiApp, settings: Settings, url: str, options: ServerSettings) -> WsgiApp:
    """Start the services in the forked worker and return the app that it serves."""
    share_memory_among_threads()
    services = services_for(settings)
    services.admission.fit_to(options.threads)
    connections.allow_many()
    connections.watch()
    # Finalizers run after Granian has let the requests in progress end.
    Finalize(None, services.close, exitpriority=10)
    services.start()
    threading.Thread(target=_pass_one_stop_on, daemon=True).start()
    threading.Thread(target=_end_with_supervisor, args=(options.stop_timeout,), daemon=True).start()
    # What is loaded by now stays: the garbage collector need not look at all of it again and again.
    gc.collect()
    gc.freeze()
    log.info(SERVER_STARTED, url=url, version=__version__, data_root=str(settings.data_root))
    return app


def _pass_one_stop_on() -> None:
    """Hand the first SIGTERM to Granian, and no other one.

    A third signal while it waits for requests would block it for ever, with the interpreter's lock
    held [tried with 2.8]; service managers send one to each process, and so does the supervisor.
    """
    signal.sigwait({signal.SIGTERM})
    while not callable(stop := signal.getsignal(signal.SIGTERM)):
        time.sleep(0.01)  # Granian is about to set its handler
    stop(signal.SIGTERM, None)


def _end_with_supervisor(stop_timeout: int) -> None:
    """Wait for the supervisor's death, then stop as it would have stopped this worker.

    Without this a killed supervisor would leave a worker that holds the port and the data root.
    """
    supervisor = multiprocessing.parent_process()
    if supervisor is None:
        return
    supervisor.join()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(stop_timeout)
    os.kill(os.getpid(), signal.SIGKILL)
