"""Slows down guessing: counts failed logins for each account and each address.

An account that is being guessed at holds up only logins to that account, and an address only its
own; host keys that were issued before keep working.
"""

import ipaddress
import math
import threading
import time
from collections import deque
from typing import Final

from syncserver.accounts.folder_names import BadUserName, normalise_user_name
from syncserver.errors import TooManyRequests
from syncserver.settings import Settings

# Failures are expensive to produce (each one is a password hash), so this is out of reach of all but
# the longest windows; it bounds the memory of those, too.
_MOST_KEYS: Final = 50_000
# Whoever has one IPv6 address has all of its /64.
_IPV6_HOST_BITS: Final = 64


class LoginThrottle:
    """Failed logins of the last `login_failure_window` seconds; thread-safe, in memory."""

    def __init__(self, settings: Settings) -> None:
        window = settings.login_failure_window
        self._accounts = _Failures(settings.login_failures_per_account, window)
        self._addresses = _Failures(settings.login_failures_per_address, window)

    def check(self, name: str, address: str) -> None:
        """Raise TooManyRequests when this account or this address has failed too often."""
        for failures, key, what in (
            (self._accounts, _account_key(name), "account"),
            (self._addresses, address_key(address), "address"),
        ):
            wait = failures.seconds_to_wait(key)
            if wait:
                raise TooManyRequests(
                    f"Too many failed logins; try again in {wait} seconds.",
                    cause=f"failed logins of this {what}",
                    retry_after_seconds=wait,
                )

    def failed(self, name: str, address: str) -> None:
        """Count a login with a wrong name or password."""
        self._accounts.add(_account_key(name))
        self._addresses.add(address_key(address))

    def succeeded(self, name: str) -> None:
        """Forget the failures of the account; those of the address stay.

        Otherwise one account of one's own would buy any number of guesses at other people's.
        """
        self._accounts.clear(_account_key(name))


class _Failures:
    """The times of the newest `limit` failures of each key: a moving window."""

    def __init__(self, limit: int, window_seconds: int) -> None:
        self._limit = limit
        self._window = window_seconds
        self._times: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def seconds_to_wait(self, key: str | None) -> int:
        """Return 0 when the key may try, else the seconds (1 or more) until it may."""
        with self._lock:
            times = self._times.get(key) if key else None
            if not times or len(times) < self._limit:
                return 0
            return max(0, math.ceil(times[0] + self._window - time.monotonic()))

    def add(self, key: str | None) -> None:
        """Count a failure of the key now."""
        if not key:
            return
        now = time.monotonic()
        with self._lock:
            times = self._times.pop(key, None) or deque(maxlen=self._limit)
            times.append(now)
            self._times[key] = times
            self._forget_what_is_old(now)

    def clear(self, key: str | None) -> None:
        """Forget the failures of the key."""
        with self._lock:
            self._times.pop(key or "", None)

    def _forget_what_is_old(self, now: float) -> None:
        # The key that failed last was put in last, so the first one is the oldest; the key
        # that was just put in never goes.
        while True:
            first = next(iter(self._times))
            if self._times[first][-1] + self._window > now and len(self._times) <= _MOST_KEYS:
                return
            del self._times[first]


def _account_key(name: str) -> str | None:
    try:
        return normalise_user_name(name)
    except BadUserName:
        return None  # nobody's; its failures count for the address


def address_key(address: str) -> str | None:
    """Return what stands for an address; None (not counted) when there is none.

    All who come over a Unix socket without a proxy's header would otherwise hold each other up.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:128] or None
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return f"{int(parsed) >> _IPV6_HOST_BITS:x}/64"
    return str(parsed)
