"""Take out of free texts what is nobody's business: names, addresses, keys, paths, what people wrote.

Everything else in a report is chosen by what it is; this is for sentences, of which that cannot be
said. It would rather take out too much.
"""

import re
from collections.abc import Iterable
from typing import Final

GONE: Final = "…"
# Shorter ones are parts of ordinary words; where they stand as values, fields are masked as a whole.
SHORTEST_NAME: Final = 2

# Each is replaced as a whole, in this order.
PATTERNS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"[a-zA-Z][a-zA-Z0-9+.-]*://\S+",  # addresses of web pages and databases
        r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|“[^”]*”|«[^»]*»",  # what is quoted
        r"\S*@\S*",  # mail addresses
        r"\S*/\S*|\S*\\\S*",  # paths
        r"\b\d{1,3}(?:\.\d{1,3}){3}\b",  # IPv4
        r"(?i)\b[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,}(?:%\w+)?",  # IPv6, and MAC addresses
        r"\S*[^\x00-\x7f]\S*",  # words of other scripts: nothing of ours is written in them
        r"\b[A-Za-z0-9_+=-]{20,}\b",  # keys, hashes, tokens
        r"\b(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}\b",  # host and file names
    )
)


class Masker:
    """Knows names that may not be told."""

    def __init__(self, names: Iterable[str]) -> None:
        # The longest first, so that no part of one is left over.
        known = sorted({one for one in names if len(one) >= SHORTEST_NAME}, key=len, reverse=True)
        words = "|".join(re.escape(one) for one in known)
        self._names = re.compile(rf"(?i)(?<!\w)(?:{words})(?!\w)") if known else None
        self._pseudonyms: dict[tuple[str, str], str] = {}

    def text(self, text: str) -> str:
        """Return a sentence without what identifies anybody."""
        for pattern in PATTERNS:
            text = pattern.sub(GONE, text)
        return self._names.sub(GONE, text) if self._names else text

    def knows(self, text: str) -> bool:
        """Tell whether a name is in this text."""
        return bool(self._names and self._names.search(text))

    def pseudonym(self, kind: str, value: str) -> str:
        """Return what stands for a value: the same for the same one, such as `user-2`."""
        known = self._pseudonyms
        if (kind, value) not in known:
            number = 1 + sum(1 for other, _ in known if other == kind)
            known[kind, value] = f"{kind}-{number}"
        return known[kind, value]
