"""Actions about decks and their options."""

from collections.abc import Iterator
from typing import Any, Final

from anki.cards import CardId
from anki.collection import Collection
from anki.decks import DeckConfigDict, DeckConfigId, DeckDict, DeckId, DeckTreeNode

from syncserver.accounts.scopes import Scope
from syncserver.rest.ankiconnect.actions import Actions, Cards, Id, Params
from syncserver.rest.ankiconnect.finding import deck_named, id_list
from syncserver.rest.call import Call
from syncserver.rest.problems import Invalid, NotFound
from syncserver.rest.reading import rows
from syncserver.rest.studying import scheduler_of

actions: Final = Actions()

DEFAULT_OPTIONS: Final = DeckConfigId(1)
# In the names of decks in the tables, which are shown with '::'.
SEPARATOR: Final = "\x1f"


class OneDeck(Params):
    """A deck by its name."""

    deck: str


class DeckById(Params):
    """A deck by its id."""

    deckId: Id  # noqa: N815 - the add-on's spelling


class SomeDecks(Params):
    """Decks by their names."""

    decks: list[str]


class Move(Cards):
    """Some cards, and the deck they go to."""

    deck: str


class Delete(SomeDecks):
    """Decks, and the word that their cards go too."""

    cardsToo: bool = False  # noqa: N815 - the add-on's spelling


class Options(Params):
    """A group of deck options."""

    config: dict[str, Any]


class OptionsById(Params):
    """A group of deck options by its id."""

    configId: Id  # noqa: N815 - the add-on's spelling


class Assign(SomeDecks, OptionsById):
    """Decks, and the options they get."""


class Clone(Params):
    """The name of new deck options, and the id of those that they begin as."""

    name: str
    cloneFrom: Id = DEFAULT_OPTIONS  # noqa: N815 - the add-on's spelling


@actions.add("deckNames")
def deck_names(collection: Collection) -> list[str]:
    """Return the names of all decks."""
    return [deck.name for deck in collection.decks.all_names_and_ids()]


@actions.add("deckNamesAndIds")
def deck_names_and_ids(collection: Collection) -> dict[str, int]:
    """Return the ids of all decks by their names."""
    return {deck.name: deck.id for deck in collection.decks.all_names_and_ids()}


@actions.add("deckNameFromId")
def deck_name_from_id(collection: Collection, params: DeckById) -> str:
    """Return the name of a deck."""
    name = collection.decks.name_if_exists(DeckId(params.deckId))
    if name is None:
        raise NotFound(f"deck was not found: {params.deckId}")
    return name


@actions.add("getDecks")
def get_decks(collection: Collection, params: Cards) -> dict[str, list[int]]:
    """Return the given cards by the names of their decks."""
    found: dict[str, list[int]] = {}
    query = f"select id, did from cards where id in ({id_list(params.cards)})"
    for card_id, deck_id in rows(collection, query):
        found.setdefault(collection.decks.name(deck_id), []).append(card_id)
    return found


@actions.add("createDeck", scope=Scope.ADD)
def create_deck(collection: Collection, params: OneDeck) -> int:
    """Return the id of a deck, which is made unless it exists."""
    return deck_id_for(collection, params.deck)


@actions.add("changeDeck", scope=Scope.WRITE)
def change_deck(collection: Collection, params: Move) -> None:
    """Move cards to a deck, which is made unless it exists."""
    cards = [CardId(card_id) for card_id in params.cards]
    collection.set_deck(cards, deck_id_for(collection, params.deck))


@actions.add("deleteDecks", scope=Scope.WRITE)
def delete_decks(call: Call, params: Delete) -> None:
    """Delete decks with their cards."""
    if not params.cardsToo:
        raise Invalid("cardsToo has to be true: a deck is deleted together with its cards")
    with call.reading() as collection:
        doomed = _decks_named(collection, params.decks)
        cards = collection.decks.card_count(doomed, include_subdecks=True)
    call.keep_before_deleting(cards)
    with call.changing() as collection:
        collection.decks.remove(_decks_named(collection, params.decks))


def _decks_named(collection: Collection, names: list[str]) -> list[DeckId]:
    found = [collection.decks.by_name(name) for name in names]
    return [DeckId(deck["id"]) for deck in found if deck is not None]


@actions.add("getDeckConfig")
def get_deck_config(collection: Collection, params: OneDeck) -> DeckConfigDict | bool:
    """Return the options of a deck, False if there is no such deck."""
    deck = collection.decks.by_name(params.deck)
    if deck is None:
        return False
    return collection.decks.config_dict_for_deck_id(DeckId(deck["id"]))


@actions.add("saveDeckConfig", scope=Scope.WRITE)
def save_deck_config(collection: Collection, params: Options) -> bool:
    """Store deck options, and tell whether there are any of this id."""
    exists = params.config.get("id") in _options_ids(collection)
    if exists:
        collection.decks.update_config(params.config)
    return exists


@actions.add("setDeckConfigId", scope=Scope.WRITE)
def set_deck_config_id(collection: Collection, params: Assign) -> bool:
    """Give decks other options, and tell whether all of them exist."""
    decks = [collection.decks.by_name(name) for name in params.decks]
    exist = [deck for deck in decks if deck is not None and not deck["dyn"]]
    if len(exist) != len(decks) or params.configId not in _options_ids(collection):
        return False
    for deck in exist:
        collection.decks.set_config_id_for_deck_dict(deck, DeckConfigId(params.configId))
    return True


@actions.add("cloneDeckConfigId", scope=Scope.WRITE)
def clone_deck_config_id(collection: Collection, params: Clone) -> int | bool:
    """Make new deck options out of others, and return their id, False if there are no such."""
    if params.cloneFrom not in _options_ids(collection):
        return False
    original = collection.decks.get_config(DeckConfigId(params.cloneFrom))
    return int(collection.decks.add_config_returning_id(params.name, original))


@actions.add("removeDeckConfigId", scope=Scope.WRITE)
def remove_deck_config_id(collection: Collection, params: OptionsById) -> bool:
    """Remove deck options, and tell whether that could be done."""
    removable = params.configId in _options_ids(collection) - {DEFAULT_OPTIONS}
    if removable:
        collection.decks.remove_config(DeckConfigId(params.configId))
    return removable


@actions.add("getDeckStats")
def get_deck_stats(collection: Collection, params: SomeDecks) -> dict[str, dict[str, Any]]:
    """Return how much there is to do in decks, by their ids."""
    decks = [deck_named(collection, name) for name in params.decks]
    tree = scheduler_of(collection).deck_due_tree()
    nodes = {node.deck_id: node for node in _nodes(tree)} if tree else {}
    return {str(deck["id"]): _stats(collection, deck, nodes[deck["id"]]) for deck in decks}


def deck_id_for(collection: Collection, name: str) -> DeckId:
    """Return the id of a deck, which is made unless it exists. Raises Invalid without a name."""
    if not name.strip(": \t\n"):
        raise Invalid("a deck needs a name")
    existing = collection.decks.id_for_name(name)
    return existing or DeckId(collection.decks.add_normal_deck_with_name(name).id)


def _options_ids(collection: Collection) -> set[int]:
    return {options["id"] for options in collection.decks.all_config()}


def _nodes(tree: DeckTreeNode) -> Iterator[DeckTreeNode]:
    for child in tree.children:
        yield child
        yield from _nodes(child)


def _stats(collection: Collection, deck: DeckDict, node: DeckTreeNode) -> dict[str, Any]:
    return {
        "deck_id": deck["id"],
        "name": deck["name"].replace(SEPARATOR, "::"),
        "new_count": node.new_count,
        "learn_count": node.learn_count,
        "review_count": node.review_count,
        "total_in_deck": collection.decks.card_count(DeckId(deck["id"]), include_subdecks=True),
    }
