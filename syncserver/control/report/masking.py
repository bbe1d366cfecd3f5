"""Take out of free texts what is nobody's business: names, addresses, keys, paths, what people wrote.

Everything else in a report is chosen by what it is; this is for sentences, of which that cannot be
said. It would rather take out too much: of words, only those are left that stand in our own program,
or in the system's messages about errors.
"""

import errno
import os
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final

import syncserver

GONE: Final = "…"
# Shorter ones are parts of ordinary words; where they stand as values, fields are masked as a whole.
SHORTEST_NAME: Final = 2

WORD: Final = re.compile(r"[A-Za-z]+")

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
        text = self._names.sub(GONE, text) if self._names else text
        for pattern in PATTERNS:
            text = pattern.sub(GONE, text)
        return WORD.sub(lambda word: word[0] if word[0].lower() in own_words() else GONE, text)

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


def is_ours(text: str) -> bool:
    """Tell whether all words of a text stand in our own program."""
    return all(word.lower() in own_words() for word in WORD.findall(text))


@cache
def own_words() -> frozenset[str]:
    """Return the words that tell nothing about anybody, in small letters."""
    sources = Path(syncserver.__file__).parent.rglob("*.py")
    texts = [path.read_text(encoding="utf-8") for path in sources]
    texts += [os.strerror(number) for number in errno.errorcode]
    return frozenset(word.lower() for text in texts for word in WORD.findall(text))
