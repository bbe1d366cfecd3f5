"""The forked process that serves: services, listeners, signals, renewed certificates."""

import gc
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from syncserver import __version__, one_processor
from syncserver.events import SERVER_STARTED, TLS_RENEWED, TLS_UNUSABLE
from syncserver.free_memory import share_memory_among_threads
from syncserver.listening.granian_listener import GranianListener, WsgiApp
from syncserver.listening.https_only import redirecting_app, with_hsts
from syncserver.listening.open_files import allow_many_open_files
from syncserver.listening.sockets import Listening, is_unix
from syncserver.listening.tls import Tls, check
from syncserver.listening.tls_trial import try_out
from syncserver.services import services_for
from syncserver.settings import ServerSettings, Settings, SettingsError

# How often the certificate's files are looked at.
RENEWAL_SECONDS: Final = 5.0
# What the worker may need, after the requests in progress have ended or got their time, to roll back
# and close what is open.
CLOSING_SECONDS: Final = 12
# The plain port only sends people away.
REDIRECTING_THREADS: Final = 8

log = structlog.get_logger()


@dataclass(frozen=True)
class Worker:
    """What a worker serves, and where."""

    app: WsgiApp
    settings: Settings
    options: ServerSettings
    sockets: Listening
    tls: Tls | None

    @property
    def urls(self) -> list[str]:
        """Where it serves."""
        return self.sockets.urls(tls=self.tls is not None)

    def run(self) -> None:
        """Serve until SIGTERM or the supervisor's end, answer what is in progress, close all."""
        share_memory_among_threads()
        services = services_for(self.settings)
        services.admission.fit_to(self.options.threads)
        allow_many_open_files()
        services.start()
        try:
            threading.Thread(target=self._end_with_supervisor, daemon=True).start()
            # What is loaded by now stays: the garbage collector need not look at all of it again.
            gc.collect()
            gc.freeze()
            one_processor.choose()
            # The listeners' threads are made by this one.
            one_processor.share()
            self._serve()
        finally:
            services.close()

    def _serve(self) -> None:
        steady = self._plain_listeners()
        renewed = _Renewed(self.tls, self._tls_listeners)
        url, root = " ".join(self.urls), str(self.settings.data_root)
        log.info(SERVER_STARTED, url=url, version=__version__, data_root=root)
        # Blocked since this process was forked, so none gets lost, and any further one is ignored.
        while signal.sigtimedwait({signal.SIGTERM}, RENEWAL_SECONDS) is None:
            renewed.look()
        self.sockets.close()
        listeners = [*steady, *renewed.listeners]
        for one in listeners:
            one.stop()
        deadline = time.monotonic() + self.options.stop_timeout
        for one in listeners:
            one.wait(max(0.0, deadline - time.monotonic()))

    def _plain_listeners(self) -> list[GranianListener]:
        redirect = redirecting_app(self.settings.public_url, self.sockets.port)
        app, threads = self.app, self.options.threads
        return [
            *(
                GranianListener(one, app, threads=threads)
                for one in self.sockets.serving
                if self.tls is None or is_unix(one)
            ),
            *(
                GranianListener(one, redirect, threads=REDIRECTING_THREADS)
                for one in self.sockets.redirecting
            ),
        ]

    def _tls_listeners(self) -> list[GranianListener]:
        if self.tls is None:
            return []
        app = with_hsts(self.app, self.options.hsts_seconds)
        return [
            GranianListener(one, app, threads=self.options.threads, tls=self.tls)
            for one in self.sockets.serving
            if not is_unix(one)
        ]

    def _end_with_supervisor(self) -> None:
        """Wait for the supervisor's death, then stop as it would have stopped this worker.

        Without this a killed supervisor would leave a worker that holds the port and the data root.
        """
        supervisor = multiprocessing.parent_process()
        if supervisor is None:
            return
        supervisor.join()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(self.options.stop_timeout + CLOSING_SECONDS)
        os.kill(os.getpid(), signal.SIGKILL)


class _Renewed:
    """Listeners that others replace when the certificate's files have changed."""

    def __init__(self, tls: Tls | None, start: Callable[[], list[GranianListener]]) -> None:
        self._tls = tls
        self._start = start
        self._state = tls.state() if tls else None
        # A worker may have come in the place of one that died, in the middle of a renewal: then the
        # files that can be used are waited for. All but their kind was seen at the server's start.
        can_start = tls is None or _passes(tls, check)
        self.listeners = start() if can_start else []

    def look(self) -> None:
        """Use the certificate that is on disk now, if it is another one and can be used."""
        if self._tls is None or (state := self._tls.state()) == self._state:
            return
        # Whatever comes of it: the same files are not tried twice.
        self._state = state
        if not _passes(self._tls, check, try_out):
            return
        log.info(TLS_RENEWED, certificate=str(self._tls.certificate))
        successors = self._start()
        for one in self.listeners:
            one.stop()
        self.listeners = [*successors, *(one for one in self.listeners if not one.has_ended)]


def _passes(tls: Tls, *trials: Callable[[Tls], None]) -> bool:
    """Tell whether the files can be used, and log why if not."""
    try:
        for trial in trials:
            trial(tls)
    except SettingsError as problem:
        # Most often the other of two files has not been written yet.
        log.warning(TLS_UNUSABLE, problem=str(problem))
        return False
    return True
