"""Which requests are let in: of the whole server, of an address, of a user.

A thread works on each request, and a client that stops in the middle of its body, or of our answer,
keeps that thread for as long as it likes. So nobody may have all of them: who is not logged in yet
counts for the network address as soon as the body is read, everybody else for the user, and an
eighth of the threads is left for those who are told that there is no room.
"""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

import structlog

from syncserver import events
from syncserver.accounts.login_throttle import address_key
from syncserver.errors import RateExceeded, TooManyAtOnce
from syncserver.limits.places import Places
from syncserver.limits.rate import Rate
from syncserver.settings import Settings

# Part of the threads that only turns away; with the default of 256 threads 32 do.
SPARE_PART: Final = 8
FULL_RETRY_SECONDS: Final = 5
# So many of those who are turned away at once may send the rest of their body, without which they
# would not see why. All others are hung up on.
MOST_HEARD_OUT: Final = 16
# The log says of each that is at a limit once in so many seconds that it is.
LOG_AGAIN_SECONDS: Final = 60.0
REMEMBERED_LINES: Final = 1024

SERVER_FULL_TEXT: Final = "This server has too much to do at the moment. Please try again later."

log = structlog.get_logger()


class Admission:
    """The limits of one data root and what is in use of them; thread-safe."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.server = Places(settings.max_requests)
        self.addresses = Places(settings.max_requests_per_address)
        self.users = Places(settings.max_requests_per_user)
        self.rate = Rate(settings.requests_per_user, settings.request_window)
        self.heard_out = Places(MOST_HEARD_OUT)
        self._logged = _LogNowAndThen()

    def fit_to(self, threads: int) -> None:
        """Keep some of the server's threads free, unless an option says how many requests."""
        if not self.settings.max_requests:
            self.server.limit = threads - max(1, threads // SPARE_PART)

    def enter(self) -> "Visit":
        """Let a request in, which has to `leave`. Raises TooManyAtOnce."""
        visit = Visit(self)
        if not visit.take(self.server, None):
            self.log_limit("max_requests", None)
            raise TooManyAtOnce(
                SERVER_FULL_TEXT,
                cause=f"max_requests: {self.server.limit} at once",
                retry_after_seconds=FULL_RETRY_SECONDS,
            )
        return visit

    def log_limit(self, limit: str, who: Hashable) -> None:
        """Log that somebody has reached a limit, unless that was logged a moment ago."""
        if self._logged.is_due((limit, who)):
            log.warning(events.LIMIT_REACHED, limit=limit, remedy=REMEDIES[limit])


class Visit:
    """What one request holds, from its first line to the last byte of its answer."""

    __slots__ = ("_admission", "_held", "is_known")

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._held: list[tuple[Places, Hashable]] = []
        # Whether it counts for a user.
        self.is_known = False

    def take(self, places: Places, key: Hashable) -> bool:
        """Take a place until the request's end; False when there is none."""
        if not places.take(key):
            return False
        self._held.append((places, key))
        return True

    def reads_body(self, address: str) -> None:
        """Count for `address` until it is known for which user. Raises TooManyAtOnce."""
        admission = self._admission
        key = None if self.is_known else address_key(address)
        if key is not None and not self.take(admission.addresses, key):
            admission.log_limit("max_requests_per_address", key)
            most = admission.settings.max_requests_per_address
            raise TooManyAtOnce(
                "Too many requests arrive from your network address at once."
                " Please try again later.",
                cause=f"max_requests_per_address: {most} at once",
                retry_after_seconds=FULL_RETRY_SECONDS,
            )

    def is_of(self, user_id: int, own_rate: int | None = None) -> None:
        """Count for a user from now on, who may have a rate of their own.

        Raises TooManyAtOnce, RateExceeded.
        """
        if self.is_known:  # an action among several of one request
            return
        self.is_known = True
        self._give_address_back()
        self._take_place_of(user_id)
        wait = self._admission.rate.use(user_id, time.monotonic(), own_rate)
        if wait:
            self._refuse_rate(user_id, own_rate, math.ceil(wait))

    def is_heard_out(self) -> bool:
        """Tell whether what is refused may send the rest of its body."""
        return self.take(self._admission.heard_out, None)

    def leave(self) -> None:
        """Give back what the request holds; may be called again."""
        while self._held:
            places, key = self._held.pop()
            places.give_back(key)

    def _give_address_back(self) -> None:
        if self._held and self._held[-1][0] is self._admission.addresses:
            places, key = self._held.pop()
            places.give_back(key)

    def _take_place_of(self, user_id: int) -> None:
        admission = self._admission
        if not self.take(admission.users, user_id):
            admission.log_limit("max_requests_per_user", user_id)
            most = admission.settings.max_requests_per_user
            raise TooManyAtOnce(
                f"Your devices and programs send more than {most} requests at once to this server."
                " Please wait until they have finished.",
                cause=f"max_requests_per_user: {most} at once",
                retry_after_seconds=FULL_RETRY_SECONDS,
            )

    def _refuse_rate(self, user_id: int, own_rate: int | None, seconds: int) -> None:
        admission = self._admission
        admission.log_limit("requests_per_user", user_id)
        settings = admission.settings
        most = settings.requests_per_user if own_rate is None else own_rate
        raise RateExceeded(
            f"Your devices and programs have sent more than {most:,} requests"
            f" within {settings.request_window} seconds to this server. Please try again in"
            f" {seconds} seconds.",
            cause=f"requests_per_user: {most}",
            retry_after_seconds=seconds,
        )


REMEDIES: Final = {
    "max_requests": "see which users and addresses send so much; raise threads (or max_requests)"
    " if all of it is wanted",
    "max_requests_per_address": "these requests have no login yet: wrong keys, old clients, or"
    " connections that stand still; if trusted_proxies lacks a proxy, everybody has its address",
    "max_requests_per_user": "a program or a device of this user has connections that stand still,"
    " or sends too much at once; raise the option if that is wanted",
    "requests_per_user": "a program or a device of this user asks again and again without a pause;"
    " raise the option if that is wanted",
}


class _LogNowAndThen:
    """Remembers what was logged in the last minute."""

    def __init__(self) -> None:
        self._at: OrderedDict[Hashable, float] = OrderedDict()
        self._lock = threading.Lock()

    def is_due(self, what: Hashable) -> bool:
        """Tell whether something is to be logged (again), and remember that it is now."""
        now = time.monotonic()
        with self._lock:
            last = self._at.get(what)
            if last is not None and now - last < LOG_AGAIN_SECONDS:
                return False
            self._at[what] = now
            self._at.move_to_end(what)
            while len(self._at) > REMEMBERED_LINES:
                self._at.popitem(last=False)
        return True
