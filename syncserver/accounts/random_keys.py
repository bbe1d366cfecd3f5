"""What host keys and API tokens have in common: random, stored hashed, described by their bearer."""

import hashlib
import secrets
from typing import Final

KEY_BYTES: Final = 32
# What `new_key` returns has this form.
KEY_PATTERN: Final = "[A-Za-z0-9_-]{43}"


def new_key() -> str:
    """Return 256 random bits as 43 characters that need no quoting in a URL or a header."""
    return secrets.token_urlsafe(KEY_BYTES)


def key_hash(key: str) -> str:
    """Return the SHA-256 of `key` in hexadecimal: enough, as nobody guesses 256 random bits."""
    return hashlib.sha256(key.encode()).hexdigest()


def storable(text: str, length: int) -> str:
    """Return what a client says of itself so that terminals and databases can keep it."""
    return "".join(character for character in text[:length] if character.isprintable())
