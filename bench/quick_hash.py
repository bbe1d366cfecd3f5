"""Password hashes that cost little, for measurements that need many accounts and time no login."""

import secrets
from base64 import b64encode
from hashlib import pbkdf2_hmac
from typing import Final

# The official server takes hashes of this form, with as many rounds as they say.
ROUNDS: Final = 1_000


def quick_hash(password: str) -> str:
    """Return the hash of a password as a PHC string."""
    salt = secrets.token_bytes(16)
    digest = pbkdf2_hmac("sha256", password.encode(), salt, ROUNDS)
    encoded = "$".join(b64encode(part).decode().rstrip("=") for part in (salt, digest))
    return f"$pbkdf2-sha256$i={ROUNDS},l={len(digest)}${encoded}"
