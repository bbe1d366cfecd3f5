"""Reading a collection, as all forms of the API do it."""

import re
from collections.abc import Sequence
from typing import Any, Final

from anki.collection import Collection
from anki.sound import SoundOrVideoTag

SOUND_PLACE: Final = re.compile(r"\[anki:play:([qa]):(\d+)\]")


def rows(collection: Collection, query: str, *values: int) -> Sequence[Sequence[Any]]:
    """Return the rows of a query that changes nothing."""
    assert collection.db is not None  # noqa: S101 - it is open
    return collection.db.all(query, *values)


def with_sounds(html: str, tags: Sequence[object]) -> str:
    """Put [sound:...] back, which libanki has replaced by a number of its own."""

    def sound(place: re.Match[str]) -> str:
        number = int(place[2])
        tag = tags[number] if number < len(tags) else None
        return f"[sound:{tag.filename}]" if isinstance(tag, SoundOrVideoTag) else ""

    return SOUND_PLACE.sub(sound, html)
