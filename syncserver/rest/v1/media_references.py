"""Which media the notes of a collection show or play."""

import re
import unicodedata
from collections.abc import Iterator
from html import unescape
from typing import Final
from urllib.parse import unquote

from anki.collection import Collection

from syncserver.rest.reading import rows

SOUND: Final = re.compile(r"\[sound:([^\]\r\n]+)\]")
# The file of an image, a sound, a film: quoted in one way or the other, or not at all.
SHOWN: Final = re.compile(
    r"""<(?:img|audio|video|source|embed|object)\b[^>]*?\b(?:src|data)\s*=\s*"""
    r"""(?:"([^">]+)"|'([^'>]+)'|([^\s"'>]+))""",
    re.IGNORECASE,
)
ELSEWHERE: Final = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)


def named_media(collection: Collection) -> set[str]:
    """Return the names of all media that notes refer to."""
    return {
        name
        for (fields,) in rows(collection, "select flds from notes")
        for name in names_in(fields)
    }


def names_in(html: str) -> Iterator[str]:
    """Yield the names of the media in the fields of a note."""
    for match in SOUND.finditer(html):
        yield _normal(unescape(match[1]))
    for match in SHOWN.finditer(html):
        address = unescape(next(filter(None, match.groups())))
        if not ELSEWHERE.match(address):
            yield _normal(unquote(address))


def _normal(name: str) -> str:
    return unicodedata.normalize("NFC", name)
