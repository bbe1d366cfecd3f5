"""Cards: search, and look at with question and answer rendered."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from anki.cards import Card, CardId
from anki.collection import Collection

from syncserver.rest.call import Call
from syncserver.rest.models import Document
from syncserver.rest.operations import Resource
from syncserver.rest.v1.pages import Page, PageQuery, page_of_ids
from syncserver.rest.v1.rendering import Rendering, rendering_of

resource = Resource("cards")

Kind = Literal["new", "learning", "review", "relearning"]
KINDS: Final[tuple[Kind, ...]] = ("new", "learning", "review", "relearning")
# fmt: off
State = Literal[
    "new", "learning", "review", "day-learning", "preview",
    "suspended", "buried-by-user", "buried-by-scheduler",
]
Order = Literal[
    "id", "modified", "due", "interval", "ease", "reviews", "lapses",
    "-id", "-modified", "-due", "-interval", "-ease", "-reviews", "-lapses",
]
# fmt: on
STATES: Final[Mapping[int, State]] = {
    -3: "buried-by-user",
    -2: "buried-by-scheduler",
    -1: "suspended",
    0: "new",
    1: "learning",
    2: "review",
    3: "day-learning",
    4: "preview",
}
SORTS: Final = {
    "id": "c.id",
    "modified": "c.mod",
    "due": "c.due",
    "interval": "c.ivl",
    "ease": "c.factor",
    "reviews": "c.reps",
    "lapses": "c.lapses",
}


class CardQuery(PageQuery):
    """A search in the language of Anki's browser, and the order of what it finds."""

    q: str = ""
    order: Order = "id"


class CardDocument(Document):
    """A card.

    `due` means what it does in Anki: a position among new cards, a day of the collection for
    reviews, seconds since 1970 while learning. `interval` is in days, `deck_id` is where the card
    is now, `home_deck_id` where it lives if that is another one. `flag` 0 is none.
    """

    id: int
    note_id: int
    deck_id: int
    home_deck_id: int | None
    template: int
    kind: Kind
    state: State
    due: int
    interval: int
    ease_permille: int
    reviews: int
    lapses: int
    flag: int
    modified: int


class RenderedCard(CardDocument):
    """A card with its two sides."""

    rendering: Rendering


@resource.get("/v1/cards")
def list_cards(call: Call, query: CardQuery) -> Page[CardDocument]:
    """List the cards that a search finds."""
    with call.reading() as collection:
        page = page_of_ids(collection.find_cards(query.q, order=_order(query.order)), query)
        items = [card_document(collection, card_id) for card_id in page.ids]
    return Page(items=items, next=page.next)


@resource.get("/v1/cards/{card_id}")
def show_card(call: Call, card_id: int) -> RenderedCard:
    """Return a card with question and answer as HTML."""
    with call.reading() as collection:
        return rendered_card(collection.get_card(CardId(card_id)))


def card_document(collection: Collection, card_id: int) -> CardDocument:
    """Return a card. Raises NotFoundError."""
    return CardDocument(**_members(collection.get_card(CardId(card_id))))


def rendered_card(card: Card) -> RenderedCard:
    """Return a card with its two sides."""
    return RenderedCard(**_members(card), rendering=rendering_of(card))


def _members(card: Card) -> dict[str, Any]:
    return {
        "id": card.id,
        "note_id": card.nid,
        "deck_id": card.did,
        "home_deck_id": card.odid or None,
        "template": card.ord,
        "kind": KINDS[card.type],
        "state": STATES[card.queue],
        "due": card.due,
        "interval": card.ivl,
        "ease_permille": card.factor,
        "reviews": card.reps,
        "lapses": card.lapses,
        "flag": card.user_flag(),
        "modified": card.mod,
    }


def _order(order: Order) -> str:
    direction = "desc" if order.startswith("-") else "asc"
    return f"{SORTS[order.removeprefix('-')]} {direction}, c.id {direction}"
