"""Decks, their options and filtered decks: the ancestor's operations of collection and deck."""

from typing import Any, Final, Literal

from anki.collection import Collection
from anki.decks import DeckConfigDict, DeckDict, DeckId, FilteredDeckConfig
from anki.scheduler.base import FilteredDeckForUpdate
from pydantic import ConfigDict, Field

from syncserver.accounts.scopes import Scope
from syncserver.rest.ancestor.finding import find_deck
from syncserver.rest.ancestor.handlers import AncestorRequest, Data, Handlers
from syncserver.rest.problems import Conflict, NotFound

handlers: Final = Handlers()

SESSION_NAME: Final = "Custom Study Session"
Mode = Literal["random", "added", "due"]
SearchTerm = FilteredDeckConfig.SearchTerm
ORDERS: Final = {"random": SearchTerm.RANDOM, "added": SearchTerm.ADDED, "due": SearchTerm.DUE}


class ChosenDeck(Data):
    """A deck by its id or name."""

    deck: int | str


class DynamicDeck(Data):
    """The name of a filtered deck."""

    name: str = SESSION_NAME


class NewDynamicDeck(DynamicDeck):
    """Which cards a filtered deck takes: those that a search finds, so many, in this order."""

    query: str = ""
    count: int = Field(default=100, ge=1, le=99_999)
    mode: Mode = "random"


class OptionsUpdate(Data):
    """Some of a deck's options; other keys of them stay."""

    model_config = ConfigDict(extra="allow", frozen=True)


@handlers.add("collection", "list_decks")
def list_decks(collection: Collection, _request: AncestorRequest) -> list[DeckDict]:
    """Return all decks."""
    return list(collection.decks.all())


@handlers.add("collection", "select_deck", scope=Scope.REVIEW)
def select_deck(collection: Collection, _request: AncestorRequest, data: ChosenDeck) -> None:
    """Make a deck the one that is studied."""
    select(collection, str(data.deck))


@handlers.add("collection", "create_dynamic_deck", scope=Scope.WRITE)
def create_dynamic_deck(
    collection: Collection, _request: AncestorRequest, data: NewDynamicDeck
) -> DeckDict:
    """Make a filtered deck, or give one of this name other cards; return it."""
    existing = collection.decks.by_name(data.name)
    if existing is not None and not existing["dyn"]:
        raise Conflict(f"There is a deck {data.name!r:.80} that is not filtered.")
    deck_id = DeckId(existing["id"] if existing is not None else 0)
    wanted = collection.sched.get_or_create_filtered_deck(deck_id)
    _describe(wanted, data)
    made = collection.sched.add_or_update_filtered_deck(wanted).id
    return find_deck(collection, str(made))


@handlers.add("collection", "empty_dynamic_deck", scope=Scope.WRITE)
def empty_dynamic_deck(
    collection: Collection, _request: AncestorRequest, data: DynamicDeck
) -> None:
    """Send the cards of a filtered deck back to their decks."""
    deck = collection.decks.by_name(data.name)
    if deck is None:
        raise NotFound(f"There is no deck {data.name!r:.80}.")
    if not deck["dyn"]:
        raise Conflict(f"The deck {data.name!r:.80} is not filtered.")
    collection.sched.empty_filtered_deck(DeckId(deck["id"]))


@handlers.add("deck", "index")
def index(collection: Collection, request: AncestorRequest) -> DeckDict:
    """Return a deck."""
    return find_deck(collection, request.item)


@handlers.add("deck", "get_conf")
def get_conf(collection: Collection, request: AncestorRequest) -> DeckConfigDict:
    """Return the options of a deck."""
    deck = find_deck(collection, request.item)
    return collection.decks.config_dict_for_deck_id(DeckId(deck["id"]))


@handlers.add("deck", "set_update_conf", scope=Scope.WRITE)
def set_update_conf(collection: Collection, request: AncestorRequest, data: OptionsUpdate) -> None:
    """Change some options of a deck, and so of every deck that shares them."""
    deck = find_deck(collection, request.item)
    if deck["dyn"]:
        raise Conflict("A filtered deck has no options of its own.")
    options = dict(collection.decks.config_dict_for_deck_id(DeckId(deck["id"])))
    changes: dict[str, Any] = dict(data.model_extra or {})
    changes.pop("id", None)  # whose options they are is not to be changed
    collection.decks.update_config({**options, **changes})


def select(collection: Collection, wanted: str) -> None:
    """Make the deck with this id or name the one that is studied. Raises NotFound."""
    collection.decks.set_current(DeckId(find_deck(collection, wanted)["id"]))


def _describe(deck: FilteredDeckForUpdate, data: NewDynamicDeck) -> None:
    deck.name = data.name
    # As in the ancestor: what is studied at random is extra, and changes no interval.
    deck.config.reschedule = data.mode != "random"
    del deck.config.search_terms[:]
    deck.config.search_terms.append(
        SearchTerm(search=data.query, limit=data.count, order=ORDERS[data.mode])
    )
