"""Reviews: what was answered, when and with which result."""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from anki.cards import CardId
from anki.collection import Collection
from pydantic import Field

from syncserver.rest.call import Call
from syncserver.rest.models import Document
from syncserver.rest.operations import MOST_ID, Resource
from syncserver.rest.problems import Invalid
from syncserver.rest.reading import rows
from syncserver.rest.v1.pages import Page, PageQuery, decoded, encoded

resource = Resource("reviews")

Kind = Literal["learning", "review", "relearning", "filtered", "manual", "rescheduled", "other"]
KINDS: Final[tuple[Kind, ...]] = (
    *("learning", "review", "relearning", "filtered", "manual", "rescheduled"),
)
COLUMNS: Final = "id, cid, ease, ivl, lastIvl, factor, time, type"
DAY_SECONDS: Final = 86_400


class ReviewQuery(PageQuery):
    """Reviews after a time (milliseconds since 1970), of all cards or of one."""

    since: Annotated[int, Field(ge=0, le=MOST_ID)] = 0


class Review(Document):
    """One answer; `id` is its time in milliseconds, intervals are seconds, `rating` is 1 to 4.

    A rating of 0 is no answer, but a change of the schedule by hand.
    """

    id: int
    card_id: int
    rating: int
    kind: Kind
    interval: int
    last_interval: int
    ease_permille: int
    milliseconds_taken: int


@resource.get("/v1/reviews")
def list_reviews(call: Call, query: ReviewQuery) -> Page[Review]:
    """List reviews by their time, the oldest first."""
    with call.reading() as collection:
        return _page(collection, query, "", [])


@resource.get("/v1/cards/{card_id}/reviews")
def list_reviews_of_card(call: Call, card_id: int, query: ReviewQuery) -> Page[Review]:
    """List the reviews of a card by their time, the oldest first."""
    with call.reading() as collection:
        card = collection.get_card(CardId(card_id))
        return _page(collection, query, "cid = ? and ", [card.id])


def _page(
    collection: Collection, query: ReviewQuery, condition: str, values: list[int]
) -> Page[Review]:
    after = _last_seen(query)
    found = rows(
        collection,
        f"select {COLUMNS} from revlog where {condition} id > ? order by id limit ?",
        *values,
        after,
        query.limit + 1,
    )
    items = [_review(row) for row in found[: query.limit]]
    more = len(found) > query.limit
    return Page(items=items, next=encoded(str(items[-1].id)) if more else None)


def _last_seen(query: ReviewQuery) -> int:
    if not query.cursor:
        return query.since
    text = decoded(query.cursor)
    if not (text.isascii() and text.isdecimal()) or int(text) > MOST_ID:
        raise Invalid("This is no cursor of ours.")
    return int(text)


def _review(row: Sequence[Any]) -> Review:
    review_id, card_id, ease, interval, last_interval, factor, taken, kind = row
    return Review(
        id=review_id,
        card_id=card_id,
        rating=ease,
        kind=KINDS[kind] if 0 <= kind < len(KINDS) else "other",
        interval=_seconds(interval),
        last_interval=_seconds(last_interval),
        ease_permille=factor,
        milliseconds_taken=taken,
    )


def _seconds(interval: int) -> int:
    """Return seconds for what is stored: days, or seconds as a negative number."""
    return -interval if interval < 0 else interval * DAY_SECONDS
