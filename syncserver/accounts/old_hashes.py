"""Passwords that another server has hashed: accepted once, then hashed by us.

What moves in is not stored as it is: the old digest, which may be a plain SHA-256, is itself hashed
with argon2id. So a stolen database is no easier to guess from than any, and a login is the same
work whichever kind of hash a user has. The stored text is

    salted-sha256$<salt>$argon2id$...                      SHA-256 of name, password and salt
    pbkdf2-sha256$<rounds>$<bytes>$<salt>$argon2id$...     the salt as base64

and what we hash ourselves begins with `$argon2id$`.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import Final

# What a login may cost: a second or two of a small machine's core.
MOST_ROUNDS: Final = 2_000_000
LONGEST_SALT: Final = 64
ROUNDS_DIGITS: Final = 10
PBKDF2: Final = "pbkdf2-sha256$"
SALTED_SHA256: Final = "salted-sha256$"
# From here on a stored text is argon2's own.
ARGON2: Final = "$argon2"

# ankisyncd, anki-sync-server and their kin: hexadecimal digits, then 16 characters of salt.
_ANKISYNCD: Final = re.compile(r"([0-9a-f]{64})([!-#%-~]{16})")
# The official server (PASSWORDS_HASHED), as the PHC writes it.
_PHC: Final = re.compile(
    r"\$pbkdf2-sha256\$i=([0-9]{1,10})(?:,l=[0-9]{1,3})?\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)"
)
_DJANGO: Final = re.compile(r"pbkdf2_sha256\$([0-9]{1,10})\$([!-#%-~]+)\$([A-Za-z0-9+/]+)=*")
_STORED_SHA256: Final = re.compile(r"salted-sha256\$([^$]+)")
_STORED_PBKDF2: Final = re.compile(r"pbkdf2-sha256\$([0-9]+)\$([0-9]+)\$([A-Za-z0-9+/]+)")


class UnknownHash(Exception):
    """Not a hash that can be taken over; the message says why, and not what it is."""


@dataclass(frozen=True, slots=True)
class SaltedSha256:
    """SHA-256 of name, password and salt, once."""

    salt: str
    rounds: int = 0

    @property
    def text(self) -> str:
        """How it is stored."""
        return f"{SALTED_SHA256}{self.salt}"

    def derive(self, name: str, password: str) -> str:
        """Return the digest (hex) of a password of this user."""
        secret = f"{name}{password}{self.salt}".encode("utf-8", "surrogatepass")
        return hashlib.sha256(secret).hexdigest()


@dataclass(frozen=True, slots=True)
class Pbkdf2:
    """PBKDF2 with HMAC-SHA-256."""

    rounds: int
    length: int
    salt: bytes

    @property
    def text(self) -> str:
        """How it is stored: rounds have the same number of digits, so that texts compare."""
        salt = base64.b64encode(self.salt).decode().rstrip("=")
        return f"{PBKDF2}{self.rounds:0{ROUNDS_DIGITS}}${self.length}${salt}"

    def derive(self, name: str, password: str) -> str:  # noqa: ARG002 - some schemes use the name
        """Return the digest (hex) of a password."""
        return pbkdf2(password, self.salt, self.rounds, self.length).hex()


Scheme = SaltedSha256 | Pbkdf2


@dataclass(frozen=True, slots=True)
class OldHash:
    """A hash from another server: how it is made, and the digest (hex) of the right password."""

    scheme: Scheme
    digest: str


def old_hash(text: str) -> OldHash:
    """Return what a hash of another server says. Raises UnknownHash."""
    if found := _ANKISYNCD.fullmatch(text):
        return OldHash(SaltedSha256(found[2]), found[1])
    if found := _PHC.fullmatch(text):
        return _pbkdf2_hash(int(found[1]), _decoded(found[2]), _decoded(found[3]))
    if found := _DJANGO.fullmatch(text):
        return _pbkdf2_hash(int(found[1]), found[2].encode(), _decoded(found[3]))
    raise UnknownHash("the hash of the password is of an unknown kind")


def split(stored: str) -> tuple[Scheme | None, str]:
    """Return the old scheme of a stored text, None if there is none, and argon2's own part."""
    old, argon2, own = stored.partition(ARGON2)
    if not old:
        return None, stored
    return _scheme(old), argon2 + own


def rounds_of(stored: str) -> int:
    """Return how many rounds of PBKDF2 the beginning of a stored text asks for."""
    return int(stored[len(PBKDF2) :][:ROUNDS_DIGITS]) if stored.startswith(PBKDF2) else 0


def pbkdf2(password: str, salt: bytes, rounds: int, length: int) -> bytes:
    """Return what PBKDF2 with HMAC-SHA-256 makes of a password."""
    secret = password.encode("utf-8", "surrogatepass")
    return hashlib.pbkdf2_hmac("sha256", secret, salt, rounds, length)


def _pbkdf2_hash(rounds: int, salt: bytes, digest: bytes) -> OldHash:
    if not 1 <= rounds <= MOST_ROUNDS:
        raise UnknownHash(f"PBKDF2 with more than {MOST_ROUNDS} rounds is not accepted")
    if not 1 <= len(salt) <= LONGEST_SALT or not 16 <= len(digest) <= LONGEST_SALT:
        raise UnknownHash("the salt or the digest of the password's hash is of an unusual length")
    return OldHash(Pbkdf2(rounds, len(digest), salt), digest.hex())


def _scheme(text: str) -> Scheme:
    if found := _STORED_SHA256.fullmatch(text):
        return SaltedSha256(found[1])
    if found := _STORED_PBKDF2.fullmatch(text):
        return Pbkdf2(int(found[1]), int(found[2]), _decoded(found[3]))
    raise UnknownHash("the stored hash of a password is of an unknown kind")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise UnknownHash("the hash of the password is not base64") from None
