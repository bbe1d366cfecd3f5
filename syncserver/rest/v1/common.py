"""What the resources share: ids, batches of ids, and how decks and notetypes are named."""

from typing import Annotated, Final

from anki.collection import Collection
from anki.decks import DeckDict, DeckId
from anki.models import NotetypeDict, NotetypeId
from pydantic import Field

from syncserver.rest.models import Body, Document
from syncserver.rest.operations import MOST_ID
from syncserver.rest.problems import Invalid, NotFound

MOST_IDS: Final = 20_000

Id = Annotated[int, Field(ge=0, le=MOST_ID)]
Ids = Annotated[list[Id], Field(max_length=MOST_IDS)]
# By its id or by its name.
Reference = Id | Annotated[str, Field(min_length=1, max_length=1000)]


class CardIds(Body):
    """Some cards."""

    card_ids: Ids


class Changed(Document):
    """How many objects were changed."""

    changed: int


def deck_by_id(collection: Collection, deck_id: int) -> DeckDict:
    """Return a deck. Raises NotFound."""
    deck = collection.decks.get(DeckId(deck_id), default=False)
    if deck is None:
        raise NotFound(f"There is no deck {deck_id}.")
    return deck


def deck_meant(collection: Collection, wanted: int | str) -> DeckDict:
    """Return the deck that a value of a request names. Raises Invalid."""
    if isinstance(wanted, int):
        deck = collection.decks.get(DeckId(wanted), default=False)
    else:
        deck = collection.decks.by_name(wanted)
    if deck is None:
        raise Invalid(f"There is no deck {wanted!r:.80}.")
    return deck


def normal_deck_meant(collection: Collection, wanted: int | str) -> DeckDict:
    """Return the deck that a value of a request names, if cards may live in it. Raises Invalid."""
    deck = deck_meant(collection, wanted)
    if deck["dyn"]:
        raise Invalid(f"The deck {wanted!r:.80} is filtered: cards only visit it.")
    return deck


def notetype_by_id(collection: Collection, notetype_id: int) -> NotetypeDict:
    """Return a notetype, not to be changed in place. Raises NotFound."""
    notetype = collection.models.get(NotetypeId(notetype_id))
    if notetype is None:
        raise NotFound(f"There is no notetype {notetype_id}.")
    return notetype


def notetype_meant(collection: Collection, wanted: int | str) -> NotetypeDict:
    """Return the notetype that a value of a request names. Raises Invalid."""
    if isinstance(wanted, int):
        found = collection.models.get(NotetypeId(wanted))
    else:
        found = collection.models.by_name(wanted)
    if found is None:
        raise Invalid(f"There is no notetype {wanted!r:.80}.")
    return found
