"""Decks: the tree with what is due, one deck, make, rename, describe, delete."""

from typing import Annotated

from anki.collection import Collection
from anki.decks import DeckDict, DeckId, DeckTreeNode
from pydantic import Field

from syncserver.rest.call import Call
from syncserver.rest.models import Body, Document, Reply
from syncserver.rest.operations import Resource
from syncserver.rest.problems import Conflict, Invalid
from syncserver.rest.v1.common import Id, deck_by_id

resource = Resource("decks")

DeckName = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"\S")]


class Due(Document):
    """How many cards Anki shows as due today in a deck and the decks below it."""

    new: int
    learning: int
    review: int


class DeckNode(Document):
    """A deck in the tree; `name` is its last part, `full_name` has the names above it, too."""

    id: int
    name: str
    full_name: str
    filtered: bool
    collapsed: bool
    due: Due
    cards: int
    cards_below: int
    children: list["DeckNode"]


class DeckDocument(Document):
    """A deck; `options_id` is null for a filtered one."""

    id: int
    name: str
    filtered: bool
    description: str
    options_id: int | None
    modified: int
    due: Due
    cards: int
    cards_below: int


class NewDeck(Body):
    """The name of a deck, with "::" between its parts; decks above it are made if need be."""

    name: DeckName


class DeckChange(Body):
    """What is to be changed of a deck."""

    name: DeckName | None = None
    description: str | None = None
    options_id: Id | None = None
    collapsed: bool | None = None


@resource.get("/v1/decks")
def list_decks(call: Call) -> list[DeckNode]:
    """Return the tree of decks with the counts that Anki shows."""
    with call.reading() as collection:
        root = collection.sched.deck_due_tree()
    return [_node(child, "") for child in root.children]


@resource.post("/v1/decks", status=201)
def add_deck(call: Call, body: NewDeck) -> Reply[DeckDocument]:
    """Make a deck; one that is there already is a conflict."""
    with call.changing() as collection:
        _refuse_taken(collection, body.name)
        added = DeckId(collection.decks.add_normal_deck_with_name(body.name).id)
        document = deck_document(collection, added)
    return deck_made(call, document)


@resource.get("/v1/decks/{deck_id}")
def show_deck(call: Call, deck_id: int) -> DeckDocument:
    """Return a deck with the counts that Anki shows."""
    with call.reading() as collection:
        return deck_document(collection, deck_id)


@resource.patch("/v1/decks/{deck_id}")
def change_deck(call: Call, deck_id: int, body: DeckChange) -> DeckDocument:
    """Rename a deck, describe it, or give it other options."""
    with call.changing() as collection:
        deck = deck_by_id(collection, deck_id)
        _describe(collection, deck, body)
        if body.name is not None and body.name != deck["name"]:
            _refuse_taken(collection, body.name, but=deck_id)
            collection.decks.rename(DeckId(deck_id), body.name)
        if body.collapsed is not None:
            _set_collapsed(collection, deck_id, collapsed=body.collapsed)
        return deck_document(collection, deck_id)


@resource.delete("/v1/decks/{deck_id}")
def delete_deck(call: Call, deck_id: int) -> None:
    """Delete a deck and the decks below it with their cards."""
    with call.reading() as collection:
        cards = collection.decks.card_count(DeckId(deck_id), include_subdecks=True)
    call.keep_before_deleting(cards)
    with call.changing() as collection:
        deck_by_id(collection, deck_id)
        collection.decks.remove([DeckId(deck_id)])


def deck_document(collection: Collection, deck_id: int) -> DeckDocument:
    """Return what the API tells of a deck. Raises NotFound."""
    deck = deck_by_id(collection, deck_id)
    node = collection.decks.find_deck_in_tree(collection.sched.deck_due_tree(), DeckId(deck_id))
    return DeckDocument(
        id=deck["id"],
        name=deck["name"],
        filtered=bool(deck["dyn"]),
        description=deck.get("desc", ""),
        options_id=deck.get("conf"),
        modified=deck["mod"],
        # The default deck is not in the tree while it is empty and there are others.
        due=_due(node) if node else Due(new=0, learning=0, review=0),
        cards=node.total_in_deck if node else 0,
        cards_below=node.total_including_children if node else 0,
    )


def deck_made(call: Call, document: DeckDocument) -> Reply[DeckDocument]:
    """Return the answer to a request that has made a deck."""
    location = f"{call.request.script_name}/v1/decks/{document.id}"
    return Reply(document, headers={"Location": location})


def _describe(collection: Collection, deck: DeckDict, body: DeckChange) -> None:
    if body.description is None and body.options_id is None:
        return
    changed = dict(deck)
    if body.description is not None:
        changed["desc"] = body.description
    if body.options_id is not None:
        _check_options(collection, deck, body.options_id)
        changed["conf"] = body.options_id
    collection.decks.update_dict(changed)


def _check_options(collection: Collection, deck: DeckDict, options_id: int) -> None:
    if deck["dyn"]:
        raise Conflict("A filtered deck has no options.")
    if options_id not in {options["id"] for options in collection.decks.all_config()}:
        raise Invalid(f"There are no options {options_id}.")


def _set_collapsed(collection: Collection, deck_id: int, *, collapsed: bool) -> None:
    deck = deck_by_id(collection, deck_id)
    if bool(deck["collapsed"]) is not collapsed:
        collection.decks.update_dict({**deck, "collapsed": collapsed})


def _refuse_taken(collection: Collection, name: str, but: int | None = None) -> None:
    taken = collection.decks.id_for_name(name)
    if taken is not None and taken != but:
        raise Conflict(f"There is a deck {name!r:.80} already.", members={"deck_id": taken})


def _node(node: DeckTreeNode, above: str) -> DeckNode:
    full_name = f"{above}{node.name}"
    return DeckNode(
        id=node.deck_id,
        name=node.name,
        full_name=full_name,
        filtered=node.filtered,
        collapsed=node.collapsed,
        due=_due(node),
        cards=node.total_in_deck,
        cards_below=node.total_including_children,
        children=[_node(child, f"{full_name}::") for child in node.children],
    )


def _due(node: DeckTreeNode) -> Due:
    return Due(new=node.new_count, learning=node.learn_count, review=node.review_count)
