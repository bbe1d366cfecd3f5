"""Texts that clients send may have many megabytes: what is done to one must not stop other threads."""

import re
from typing import Final

# A regular expression holds the interpreter's lock until it has ended: milliseconds for so many.
CHARACTERS_AT_ONCE: Final = 100_000


def without(unwanted: re.Pattern[str], text: str) -> str:
    """Return `text` without the single characters that match `unwanted`."""
    if len(text) <= CHARACTERS_AT_ONCE:
        return unwanted.sub("", text)
    return "".join(
        unwanted.sub("", text[start : start + CHARACTERS_AT_ONCE])
        for start in range(0, len(text), CHARACTERS_AT_ONCE)
    )
