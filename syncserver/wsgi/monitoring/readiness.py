"""Can this server do its work? Account database, data root, disk space, clock, leases.

The checks run in a thread of their own, so that a disk or a database that does not answer holds up
nobody who asks; and at most once a second, however many ask.
"""

import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final

from syncserver.collections.overview import overview
from syncserver.errors import SyncServerError
from syncserver.services import Services

FRESH_SECONDS: Final = 1.0
# Load balancers wait for some seconds.
ANSWER_SECONDS: Final = 2.0
# No request of a device or a program takes as long, imports of large packages included.
STUCK_SECONDS: Final = 900.0
# Clients refuse to sync when the clocks differ by more.
CLOCK_TOLERANCE: Final = timedelta(minutes=5)
# A clock that is before this was never set.
BUILT_AT: Final = datetime(2026, 11, 1, tzinfo=timezone.utc)

# What a check finds wrong; None when nothing is.
Problem = str | None
Check = Callable[[Services], Problem]


@dataclass(frozen=True, slots=True)
class Findings:
    """What each check has found wrong, None if nothing; `at` is monotonic seconds."""

    problems: Mapping[str, Problem]
    at: float

    @property
    def is_ready(self) -> bool:
        """Tell whether nothing is wrong."""
        return not any(self.problems.values())


class Readiness:
    """The newest findings about one data root."""

    def __init__(self, services: Services, stuck_seconds: float = STUCK_SECONDS) -> None:
        self._services = services
        self._checks: dict[str, Check] = {
            "accounts": _accounts,
            "data_root": _data_root,
            "disk": _disk,
            "clock": _clock,
            "leases": lambda services: _leases(services, stuck_seconds),
        }
        self._lock = threading.Lock()
        self._running: Future[Findings] | None = None
        self._newest: Findings | None = None

    def findings(self) -> Findings:
        """Return what was found within the last second, or is found now; quickly in any case."""
        with self._lock:
            newest = self._newest
            if newest is not None and time.monotonic() - newest.at < FRESH_SECONDS:
                return newest
            running = self._running or self._begin()
        try:
            return running.result(ANSWER_SECONDS)
        except NotInTime:
            text = f"the checks did not end within {ANSWER_SECONDS:.0f} seconds"
            return Findings({"checks": text}, time.monotonic())

    def _begin(self) -> Future[Findings]:
        future: Future[Findings] = Future()
        # A daemon: a disk that does not answer must not keep the server from ending.
        threading.Thread(target=self._look, args=(future,), name="readiness", daemon=True).start()
        # Not before: if no thread can be had, nobody may wait for one. It ends under our lock.
        self._running = future
        return future

    def _look(self, future: Future[Findings]) -> None:
        problems = {name: _found(check, self._services) for name, check in self._checks.items()}
        found = Findings(problems, time.monotonic())
        with self._lock:
            self._newest, self._running = found, None
        future.set_result(found)


def _found(check: Check, services: Services) -> Problem:
    try:
        return check(services)
    except SyncServerError as problem:
        return problem.cause or problem.public_text
    except Exception as problem:  # whatever it is, the server is not well
        return f"{type(problem).__name__}: {problem}"


def _accounts(services: Services) -> Problem:
    services.check_accounts()
    return None


def _data_root(services: Services) -> Problem:
    with tempfile.TemporaryFile(dir=services.settings.data_root) as file:
        file.write(b"ready?")
        file.flush()
    return None


def _disk(services: Services) -> Problem:
    free, least = (
        shutil.disk_usage(services.settings.data_root).free,
        services.settings.min_free_bytes,
    )
    if free >= least:
        return None
    return f"{free:,} bytes are free in {services.settings.data_root}, less than {least:,}"


def _clock(services: Services) -> Problem:
    """Compare the clock with moments that must lie in the past, by this server's own clock.

    What a collection says is by a device's: one that was wrong would make the server look so.
    """
    now = datetime.now(timezone.utc)
    past = {"this version was built": BUILT_AT}
    last_sync = services.journal.newest_end()
    if last_sync is not None:
        past["the last sync in the journal ended"] = last_sync
    for what, moment in past.items():
        if now < moment - CLOCK_TOLERANCE:
            return f"the clock says {now:%Y-%m-%d %H:%M} UTC, but {what} at {moment:%Y-%m-%d %H:%M}"
    return None


def _leases(services: Services, stuck_seconds: float) -> Problem:
    held = [one for one in overview(services.collections) if one.lease_seconds is not None]
    stuck = [one for one in held if (one.lease_seconds or 0) > stuck_seconds]
    if not stuck:
        return None
    oldest = max(stuck, key=lambda one: one.lease_seconds or 0)
    return f"a request has worked on {oldest.folder} for {oldest.lease_seconds:.0f} seconds"
