"""Find decks and notetypes by their names, and tell of missing ones in the add-on's words."""

from collections.abc import Sequence

from anki.collection import Collection
from anki.decks import DeckDict
from anki.models import NotetypeDict

from syncserver.rest.problems import NotFound


def deck_named(collection: Collection, name: str) -> DeckDict:
    """Return a deck. Raises NotFound."""
    deck = collection.decks.by_name(name)
    if deck is None:
        raise NotFound(f"deck was not found: {name:.200}")
    return deck


def notetype_named(collection: Collection, name: str) -> NotetypeDict:
    """Return a notetype. Raises NotFound."""
    notetype = collection.models.by_name(name)
    if notetype is None:
        raise NotFound(f"model was not found: {name:.200}")
    return notetype


def id_list(ids: Sequence[int]) -> str:
    """Return ids as SQL wants them between its brackets."""
    return ",".join(map(str, ids))
