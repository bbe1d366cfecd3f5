"""Tags: the normal form of a tag's name, and how a client's tags join the list.

Section 3.3 of the protocol facts.
"""

import re
import unicodedata
from typing import Final

from syncserver.collections.libanki import LibankiCollection
from syncserver.sync.long_texts import without
from syncserver.sync.session import SyncSession

SEPARATOR: Final = "::"
EMPTY_COMPONENT: Final = "blank"
# Deeper tags keep the spelling that they come with, so that the work for one is bounded.
MAX_SPELLED_DEPTH: Final = 100
# Longer ones keep it too: composing takes the square of the time for many marks on one letter, and
# all other threads wait for it.
MAX_COMPOSED_LENGTH: Final = 1000
NOT_IN_TAG_NAMES: Final = re.compile("[\x00-\x20\x7f-\x9f\u3000]")


def merge_tags(collection: LibankiCollection, session: SyncSession, tags: list[str]) -> None:
    """Add those of `tags` that are not in the list yet; letter case does not make a difference."""
    for tag in tags:
        name = normal_tag_name(tag)
        if not _exists(collection, name):
            collection.execute(
                "insert or ignore into tags (tag, usn, collapsed) values (?, ?, true)",
                _with_spelling_of_parents(collection, name),
                session.server_usn,
            )


def normal_tag_name(tag: str) -> str:
    """Return the name as the list of tags spells it: NFC, no spaces, no empty components."""
    if len(tag) > MAX_COMPOSED_LENGTH:
        return without(NOT_IN_TAG_NAMES, tag) or EMPTY_COMPONENT
    return SEPARATOR.join(_normal_component(part) for part in tag.split(SEPARATOR))


def note_tags(tags: str) -> str:
    """Return a note's tags as the column holds them: a space before and after each."""
    spaced = tags.replace("\u3000", " ").strip(" ")
    while "  " in spaced:
        spaced = spaced.replace("  ", " ")
    return f" {spaced} " if spaced else ""


def _normal_component(component: str) -> str:
    cleaned = NOT_IN_TAG_NAMES.sub("", unicodedata.normalize("NFC", component)).strip()
    return cleaned or EMPTY_COMPONENT


def _exists(collection: LibankiCollection, name: str) -> bool:
    return collection.scalar("select 1 from tags where tag = ?", name) is not None


def _with_spelling_of_parents(collection: LibankiCollection, name: str) -> str:
    """Return `name` with the spelling of its nearest ancestor that is already in the list."""
    parts = name.split(SEPARATOR)
    for length in range(min(len(parts) - 1, MAX_SPELLED_DEPTH), 0, -1):
        ancestor = collection.scalar(
            "select tag from tags where tag = ?", SEPARATOR.join(parts[:length])
        )
        if ancestor is not None:
            return SEPARATOR.join([ancestor, *parts[length:]])
    return name
