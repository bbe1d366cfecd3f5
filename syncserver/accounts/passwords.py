"""Hashing of passwords with argon2id, a bounded number at a time.

A hash takes tens of milliseconds of a core and some megabytes on purpose; the bound is what lets
everybody else's sync go on beside a flood of wrong logins.
"""

import base64
import secrets
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import HashingError, VerificationError, VerifyMismatchError

from syncserver.accounts.old_hashes import pbkdf2, split
from syncserver.errors import ServerBusy
from syncserver.settings import Settings

# Shorter than what clients wait for an answer (30 s).
TURN_SECONDS: Final = 10.0
# Longer than any password a person or a password manager enters, short enough to cost nothing.
LONGEST_PASSWORD: Final = 1024
_HASH_BYTES: Final = 32
_SALT_BYTES: Final = 16


class BadPassword(Exception):
    """Nobody can have this password; the message says why, for the operator."""


class Passwords:
    """Hashes and verifies passwords by the parameters in the settings."""

    def __init__(self, settings: Settings) -> None:
        memory = settings.password_hash_memory // 1024
        time = settings.password_hash_time
        self._hasher = PasswordHasher(
            time_cost=time,
            memory_cost=memory,
            parallelism=1,
            hash_len=_HASH_BYTES,
            salt_len=_SALT_BYTES,
        )
        # Random bytes in the form of a hash: no password fits, yet to find that out is as much work
        # as to try a password against a real one.
        self._nobodys_hash = (
            f"$argon2id$v=19$m={memory},t={time},p=1"
            f"${_random_base64(_SALT_BYTES)}${_random_base64(_HASH_BYTES)}"
        )
        self._places = threading.BoundedSemaphore(settings.password_hash_threads)
        self._this_thread = threading.local()

    @contextmanager
    def turn(self, timeout: float = TURN_SECONDS) -> Iterator[None]:
        """Hold one of the places for hashing; a thread that holds one already keeps it.

        `timeout` is in seconds. Raises ServerBusy when no place becomes free in time.
        """
        if getattr(self._this_thread, "has_a_place", False):
            yield
            return
        if not self._places.acquire(timeout=timeout):
            raise _busy("too many passwords to check at once")
        self._this_thread.has_a_place = True
        try:
            yield
        finally:
            self._this_thread.has_a_place = False
            self._places.release()

    def hash(self, password: str) -> str:
        """Return a salted hash of `password`. Raises BadPassword and ServerBusy."""
        if not password:
            raise BadPassword("a password must not be empty")
        if len(password) > LONGEST_PASSWORD:
            raise BadPassword(f"a password has at most {LONGEST_PASSWORD} characters")
        try:
            secret = _to_bytes(password, errors="strict")
        except UnicodeEncodeError:
            # No client could send it.
            raise BadPassword("a password must not hold broken Unicode") from None
        with self.turn():
            try:
                return self._hasher.hash(secret)
            except HashingError as problem:
                raise _busy(f"argon2: {problem}") from problem

    def verify(self, stored_hash: str, password: str, *, name: str = "", rounds: int = 0) -> bool:
        """Tell whether `password` is the one that was hashed, here or by another server.

        `name` is whose password it is, which some old hashes hold; `rounds` of PBKDF2 are done in
        any case, so that the time does not tell whose hash is an old one. Raises ServerBusy.
        """
        # No hash was made of a longer one. Its beginning is checked all the same, for equal work.
        fits = 0 < len(password) <= LONGEST_PASSWORD
        scheme, own_hash = split(stored_hash)
        with self.turn():
            _spend(password, rounds - (scheme.rounds if scheme else 0))
            secret = scheme.derive(name, password[:LONGEST_PASSWORD]) if scheme else password
            return self._matches(own_hash, secret) and fits

    def verify_nothing(self, password: str, rounds: int = 0) -> None:
        """Do the work of `verify` where there is no user. Raises ServerBusy."""
        self.verify(self._nobodys_hash, password, rounds=rounds)

    def needs_rehash(self, stored_hash: str) -> bool:
        """Tell whether a hash was made by another server, or with other parameters than today's."""
        scheme, own_hash = split(stored_hash)
        return scheme is not None or self._hasher.check_needs_rehash(own_hash)

    def _matches(self, own_hash: str, secret: str) -> bool:
        # argon2 compares in constant time.
        try:
            return self._hasher.verify(own_hash, _to_bytes(secret))
        except VerifyMismatchError:
            return False
        except VerificationError as problem:
            # Not a wrong password (no memory, say), so it must not look like one.
            raise _busy(f"argon2: {problem}") from problem


def _spend(password: str, rounds: int) -> None:
    if rounds > 0:
        pbkdf2(password[:LONGEST_PASSWORD], b"for the time alone", rounds, 32)


def _to_bytes(password: str, errors: str = "surrogatepass") -> bytes:
    # NFC, because the same key press gives different code points on different systems.
    short = unicodedata.normalize("NFC", password[:LONGEST_PASSWORD])
    return short.encode("utf-8", errors)


def _random_base64(size: int) -> str:
    return base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=")


def _busy(cause: str) -> ServerBusy:
    return ServerBusy(
        "The server is checking many passwords at the moment; try again later.",
        cause=cause,
        retry_after_seconds=int(TURN_SECONDS),
    )
