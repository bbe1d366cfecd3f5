"""Hashes of passwords as other servers write them down."""

import hashlib
from base64 import b64encode
from typing import Final

# Cheap: nobody has to guess them.
ROUNDS: Final = 1000


def ankisyncd_hash(name: str, password: str, salt: str = "0123456789abcdef") -> str:
    """Return what ankisyncd and its kin keep in `auth.db`."""
    return hashlib.sha256(f"{name}{password}{salt}".encode()).hexdigest() + salt


def phc_hash(password: str, salt: bytes = b"salt of the tests", rounds: int = ROUNDS) -> str:
    """Return what the official server takes for a password with PASSWORDS_HASHED."""
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds, 32)
    parts = (f"i={rounds},l=32", _unpadded_base64(salt), _unpadded_base64(digest))
    return "$pbkdf2-sha256$" + "$".join(parts)


def django_hash(password: str, salt: str = "SaltOfDjango", rounds: int = ROUNDS) -> str:
    """Return what Django keeps, and so djankiserv."""
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), rounds)
    return f"pbkdf2_sha256${rounds}${salt}${b64encode(digest).decode()}"


def _unpadded_base64(data: bytes) -> str:
    return b64encode(data).decode().rstrip("=")
