"""Filtered decks: cards that searches find visit them, and are sent home again."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final, Literal, get_args

from anki.collection import Collection
from anki.decks import DeckId, FilteredDeckConfig
from anki.errors import DBError
from pydantic import Field

from syncserver.accounts.scopes import Scope
from syncserver.rest.call import Call
from syncserver.rest.models import Body, Document, Reply
from syncserver.rest.operations import Resource
from syncserver.rest.problems import Conflict, Invalid
from syncserver.rest.v1.common import Changed, deck_by_id
from syncserver.rest.v1.decks import DeckDocument, DeckName, deck_document, deck_made

resource = Resource("decks")

# libanki's word for SQL that SQLite does not understand.
BROKEN_SQL: Final = "SqlInputError"
SearchTerm = FilteredDeckConfig.SearchTerm
# fmt: off
Order = Literal[
    "oldest-reviewed-first", "random", "intervals-ascending", "intervals-descending",
    "lapses", "added", "due", "reverse-added", "retrievability-ascending",
    "retrievability-descending", "relative-overdueness",
]
# fmt: on
# In the order of libanki's numbers.
ORDERS: Final[tuple[Order, ...]] = get_args(Order)


class Search(Body):
    """Which cards are taken: so many at most of those that a search finds, in this order."""

    search: str
    limit: Annotated[int, Field(ge=1, le=99_999)] = 100
    order: Order = "random"


class FilteredDeck(Body):
    """A filtered deck; without `reschedule` answers in it change no intervals."""

    name: DeckName
    searches: Annotated[list[Search], Field(min_length=1, max_length=2)]
    reschedule: bool = True
    allow_empty: bool = False


class FilteredDeckDocument(Document):
    """What a filtered deck takes."""

    id: int
    name: str
    searches: list[Search]
    reschedule: bool


@resource.post("/v1/decks/filtered", status=201)
def add_filtered_deck(call: Call, body: FilteredDeck) -> Reply[DeckDocument]:
    """Make a filtered deck and move the cards that it finds into it."""
    with call.changing() as collection:
        if collection.decks.id_for_name(body.name) is not None:
            raise Conflict(f"There is a deck {body.name!r:.80} already.")
        document = deck_document(collection, _store(collection, 0, body))
    return deck_made(call, document)


@resource.get("/v1/decks/{deck_id}/filtered")
def show_filtered_deck(call: Call, deck_id: int) -> FilteredDeckDocument:
    """Tell what a filtered deck takes."""
    with call.reading() as collection:
        _check_filtered(collection, deck_id)
        found = collection.sched.get_or_create_filtered_deck(DeckId(deck_id))
    return FilteredDeckDocument(
        id=found.id,
        name=found.name,
        searches=[
            # Not checked: a device may have stored another limit than we would take.
            Search.model_construct(search=term.search, limit=term.limit, order=ORDERS[term.order])
            for term in found.config.search_terms
        ],
        reschedule=found.config.reschedule,
    )


@resource.put("/v1/decks/{deck_id}/filtered")
def change_filtered_deck(call: Call, deck_id: int, body: FilteredDeck) -> DeckDocument:
    """Let a filtered deck take other cards, and rebuild it."""
    with call.changing() as collection:
        _check_filtered(collection, deck_id)
        return deck_document(collection, _store(collection, deck_id, body))


@resource.post("/v1/decks/{deck_id}:rebuild", scope=Scope.REVIEW)
def rebuild_filtered_deck(call: Call, deck_id: int) -> Changed:
    """Send the cards of a filtered deck home and fetch those that it finds now."""
    with call.changing() as collection:
        _check_filtered(collection, deck_id)
        with _possible_search():
            return Changed(changed=collection.sched.rebuild_filtered_deck(DeckId(deck_id)).count)


@resource.post("/v1/decks/{deck_id}:empty", scope=Scope.REVIEW)
def empty_filtered_deck(call: Call, deck_id: int) -> None:
    """Send the cards of a filtered deck home."""
    with call.changing() as collection:
        _check_filtered(collection, deck_id)
        collection.sched.empty_filtered_deck(DeckId(deck_id))


def _check_filtered(collection: Collection, deck_id: int) -> None:
    if not deck_by_id(collection, deck_id)["dyn"]:
        raise Conflict("This deck is not filtered.")


def _store(collection: Collection, deck_id: int, body: FilteredDeck) -> int:
    """Make or change a filtered deck; return its id. Raises what libanki does."""
    wanted = collection.sched.get_or_create_filtered_deck(DeckId(deck_id))
    wanted.name = body.name
    wanted.allow_empty = body.allow_empty
    wanted.config.reschedule = body.reschedule
    del wanted.config.search_terms[:]
    wanted.config.search_terms.extend(
        SearchTerm(search=one.search, limit=one.limit, order=_number(one.order))
        for one in body.searches
    )
    with _possible_search():
        return collection.sched.add_or_update_filtered_deck(wanted).id


@contextmanager
def _possible_search() -> Iterator[None]:
    """Turn libanki's failure to put a search and an order together into Invalid.

    Some pairs, such as a search for text by relative overdueness, become SQL that is none.
    """
    try:
        yield
    except DBError as problem:
        if BROKEN_SQL in str(problem):
            text = "Anki cannot use this search with this order."
            raise Invalid(text, cause=str(problem)) from None
        raise


def _number(order: Order) -> SearchTerm.Order.ValueType:
    return SearchTerm.Order.ValueType(ORDERS.index(order))
