"""Cards and their reviews: the ancestor's operations of collection and card."""

from typing import Any, Final

from anki.cards import CardId
from anki.collection import Collection
from pydantic import Field

from syncserver.accounts.scopes import Scope
from syncserver.rest.ancestor.documents import (
    CardOptions,
    card_document,
    latest_review,
    review_summary,
)
from syncserver.rest.ancestor.finding import checked_order
from syncserver.rest.ancestor.handlers import AncestorRequest, Data, Handlers
from syncserver.rest.ancestor.notes import MOST_ROWS, Tags, add_tags_to, remove_tags_from
from syncserver.rest.reading import rows

handlers: Final = Handlers()

REVIEW_COLUMNS: Final = "id, ease, cid, usn, ivl, lastIvl, factor, time, type"


class FindCards(CardOptions):
    """A search, its order, and which part of what it finds; a limit of 0 is none."""

    query: str = ""
    order: bool | str = False
    limit: int = Field(default=0, ge=0)
    offset: int = Field(default=0, ge=0)
    preload: bool = False


class LatestCards(CardOptions):
    """The cards of the notes that were changed last."""

    updated_since: int = 0
    limit: int = Field(default=10, ge=0, le=MOST_ROWS)
    preload: bool = False


class CardIds(Data):
    """Some cards."""

    ids: list[int]


class SomeCards(Data):
    """Some cards, or all of them."""

    ids: list[int] | None = None


class LatestReviews(Data):
    """Reviews after a time (seconds), at most so many."""

    updated_since: int = Field(default=0, ge=0, le=2**40)
    limit: int = Field(default=100, ge=0, le=MOST_ROWS)


@handlers.add("collection", "find_cards")
def find_cards(collection: Collection, _request: AncestorRequest, data: FindCards) -> list[Any]:
    """Return the cards that a search finds."""
    ids = list(collection.find_cards(data.query, order=checked_order(data.order)))
    end = data.offset + data.limit if data.limit else None
    return _cards(collection, ids[data.offset : end], data, preload=data.preload)


@handlers.add("collection", "latest_cards")
def latest_cards(collection: Collection, _request: AncestorRequest, data: LatestCards) -> list[Any]:
    """Return the cards whose notes were changed last, the newest first."""
    found = rows(
        collection,
        "select c.id from notes n join cards c on c.nid = n.id where n.mod > ?"
        " order by n.mod desc, c.id desc limit ?",
        data.updated_since,
        data.limit,
    )
    return _cards(collection, [card_id for (card_id,) in found], data, preload=data.preload)


@handlers.add("collection", "suspend_cards", scope=Scope.REVIEW)
def suspend_cards(collection: Collection, _request: AncestorRequest, data: CardIds) -> None:
    """Take cards out of study."""
    collection.sched.suspend_cards([CardId(one) for one in data.ids])


@handlers.add("collection", "unsuspend_cards", scope=Scope.REVIEW)
def unsuspend_cards(collection: Collection, _request: AncestorRequest, data: CardIds) -> None:
    """Bring cards back into study."""
    collection.sched.unsuspend_cards([CardId(one) for one in data.ids])


@handlers.add("collection", "cards_recent_ease")
def cards_recent_ease(
    collection: Collection, _request: AncestorRequest, data: SomeCards
) -> list[dict[str, int]]:
    """Return the last answer to each card, or to each of some."""
    wanted = None if data.ids is None else set(data.ids)
    # The columns beside max() are those of the row that has it.
    found = rows(collection, "select cid, ease, max(id) from revlog group by cid order by cid")
    return [
        {"id": card_id, "ease": ease, "timestamp": review_id // 1000}
        for card_id, ease, review_id in found
        if wanted is None or card_id in wanted
    ]


@handlers.add("collection", "latest_revlog")
def latest_revlog(
    collection: Collection, _request: AncestorRequest, data: LatestReviews
) -> list[dict[str, int]]:
    """Return the last reviews, the newest first."""
    found = rows(
        collection,
        f"select {REVIEW_COLUMNS} from revlog where id > ? order by id desc limit ?",
        data.updated_since * 1000,
        data.limit,
    )
    return [_review_document(*row) for row in found]


@handlers.add("card", "index")
def index(collection: Collection, request: AncestorRequest, data: CardOptions) -> dict[str, Any]:
    """Return a card."""
    return card_document(collection, request.item_id, data)


@handlers.add("card", "add_tags", scope=Scope.WRITE)
def add_tags(collection: Collection, request: AncestorRequest, data: Tags) -> None:
    """Add tags to the note of a card."""
    add_tags_to(collection, collection.get_card(CardId(request.item_id)).nid, data)


@handlers.add("card", "remove_tags", scope=Scope.WRITE)
def remove_tags(collection: Collection, request: AncestorRequest, data: Tags) -> None:
    """Remove tags from the note of a card."""
    remove_tags_from(collection, collection.get_card(CardId(request.item_id)).nid, data)


@handlers.add("card", "latest_revlog")
def latest_revlog_of_card(
    collection: Collection, request: AncestorRequest
) -> dict[str, int] | None:
    """Return the last review of a card, None if there is none."""
    return latest_review(collection, collection.get_card(CardId(request.item_id)).id)


def _cards(
    collection: Collection, ids: list[CardId], options: CardOptions, *, preload: bool
) -> list[Any]:
    if preload:
        return [card_document(collection, card_id, options) for card_id in ids]
    return [{"id": card_id} for card_id in ids]


def _review_document(review_id: int, ease: int, *rest: int) -> dict[str, int]:
    names = ("card_id", "usn", "interval", "last_interval", "factor", "time", "type")
    return {**review_summary(review_id, ease), **dict(zip(names, rest, strict=True))}
