"""Find decks by id or name, and cards in an order that callers may choose from."""

import re
from typing import Final

from anki.collection import Collection
from anki.decks import DeckDict, DeckId

from syncserver.rest.problems import Invalid, NotFound

# What cards may be sorted by: the text goes into SQL, so it is taken apart and nothing else passes.
SORT_COLUMNS: Final = frozenset(
    {
        *("c.id", "c.nid", "c.did", "c.ord", "c.mod", "c.type", "c.queue", "c.due", "c.ivl"),
        *("c.factor", "c.reps", "c.lapses", "c.left", "c.odue", "c.odid", "c.flags"),
        *("n.id", "n.mid", "n.mod", "n.sfld", "n.tags", "n.guid"),
    }
)
SORT_TERM: Final = re.compile(r"([cn]\.[a-z]+)(?: (asc|desc))?")


def find_deck(collection: Collection, wanted: str) -> DeckDict:
    """Return the deck with this id or, if that is no number, of this name. Raises NotFound."""
    if wanted.isascii() and wanted.isdecimal():
        deck = (
            collection.decks.get(DeckId(int(wanted)), default=False) if len(wanted) < 19 else None
        )
    else:
        deck = collection.decks.by_name(wanted)
    if deck is None:
        raise NotFound(f"There is no deck {wanted!r:.80}.")
    return deck


def checked_order(order: bool | str) -> bool | str:
    """Return how cards are to be sorted: true as in the browser, or columns such as "c.due desc".

    Raises Invalid.
    """
    if isinstance(order, bool):
        return order
    terms = [" ".join(term.lower().split()) for term in order.split(",")]
    for term in terms:
        match = SORT_TERM.fullmatch(term)
        if match is None or match[1] not in SORT_COLUMNS:
            raise Invalid(f"Cards cannot be sorted by {term!r:.80}.")
    return ", ".join(term if " " in term else f"{term} asc" for term in terms)
