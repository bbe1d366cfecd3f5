"""Actions about reviews and statistics."""

from typing import Annotated, Any, Final

from anki.collection import Collection
from anki.decks import DeckId
from pydantic import Field

from syncserver.accounts.scopes import Scope
from syncserver.collections.libanki import add_reviews
from syncserver.rest.ankiconnect.actions import Actions, Cards, Id, Params
from syncserver.rest.ankiconnect.decks import OneDeck
from syncserver.rest.ankiconnect.finding import deck_named, id_list
from syncserver.rest.ankiconnect.statistics_page import statistics_page
from syncserver.rest.reading import rows
from syncserver.rest.studying import scheduler_of

actions: Final = Actions()

DAY_SECONDS: Final = 86_400
MOST_REVIEWS: Final = 100_000
REVIEWS_SQL: Final = "select id, cid, usn, ease, ivl, lastIvl, factor, time, type from revlog"
REVIEW_NAMES: Final = ("id", "usn", "ease", "ivl", "lastIvl", "factor", "time", "type")

Time = Annotated[int, Field(ge=1, lt=2**53)]
Button = Annotated[int, Field(ge=0, le=4)]  # 0 stands for a change by hand
Kind = Annotated[int, Field(ge=0, le=5)]
Integer = Annotated[int, Field(ge=-(2**31), lt=2**31)]
Count = Annotated[int, Field(ge=0, lt=2**31)]
# Time (ms), card, usn, button, new and last interval, factor (per mille), time taken (ms), kind.
Review = tuple[Time, Time, int, Button, Integer, Integer, Count, Count, Kind]


class Since(OneDeck):
    """A deck, and the last review (its id, ms) that is known already."""

    startID: Id  # noqa: N815 - the add-on's spelling


class Page(Params):
    """Whether the page is about everything, or about the deck that is selected."""

    wholeCollection: bool = True  # noqa: N815 - the add-on's spelling


class Reviews(Params):
    """Reviews to be added; the usn is not looked at."""

    reviews: list[Review] = Field(max_length=MOST_REVIEWS)


@actions.add("getNumCardsReviewedToday")
def get_num_cards_reviewed_today(collection: Collection) -> int:
    """Return how many reviews there were since the user's day began."""
    began = (scheduler_of(collection).day_cutoff - DAY_SECONDS) * 1000
    return int(rows(collection, "select count() from revlog where id >= ?", began)[0][0])


@actions.add("getNumCardsReviewedByDay")
def get_num_cards_reviewed_by_day(collection: Collection) -> list[tuple[str, int]]:
    """Return the days on which there were reviews, the newest first, and how many.

    A day begins when the user's does: what the clock says at its end names it.
    """
    cutoff = scheduler_of(collection).day_cutoff
    # The days that have passed since, as whole numbers from 0 (today) on, and then their dates.
    days_ago = f"cast((({cutoff} * 1000 - 1) - id) / {DAY_SECONDS * 1000} as int)"
    named = f"date({cutoff} - {DAY_SECONDS} + {_utc_offset(collection)}, 'unixepoch', '-' || day || ' days')"
    query = f"""
        select {named}, count() from (select {days_ago} as day from revlog)
        group by day order by day
    """
    return [(day, count) for day, count in rows(collection, query)]


@actions.add("getCollectionStatsHTML")
def get_collection_stats_html(collection: Collection, params: Page) -> str:
    """Return the statistics as a plain page."""
    return statistics_page(collection, everything=params.wholeCollection)


@actions.add("cardReviews")
def card_reviews(collection: Collection, params: Since) -> list[list[int]]:
    """Return the reviews of a deck's cards that are newer than the known one."""
    query = (
        f"{REVIEWS_SQL} where id > ? and cid in (select id from cards where did = ?) order by id"
    )
    deck = deck_named(collection, params.deck)["id"]
    return [list(row) for row in rows(collection, query, params.startID, deck)]


@actions.add("getReviewsOfCards")
def get_reviews_of_cards(collection: Collection, params: Cards) -> dict[str, list[dict[str, Any]]]:
    """Return the reviews of cards, the oldest first."""
    reviews: dict[str, list[dict[str, Any]]] = {str(card_id): [] for card_id in params.cards}
    query = f"{REVIEWS_SQL} where cid in ({id_list(params.cards)}) order by id"
    for review_id, card_id, *others in rows(collection, query):
        reviews[str(card_id)].append(dict(zip(REVIEW_NAMES, [review_id, *others], strict=True)))
    return reviews


@actions.add("getLatestReviewID")
def get_latest_review_id(collection: Collection, params: OneDeck) -> int:
    """Return the time (ms) of the last review of a deck's cards, 0 if there is none."""
    deck = DeckId(deck_named(collection, params.deck)["id"])
    query = "select max(id) from revlog where cid in (select id from cards where did = ?)"
    return int(rows(collection, query, deck)[0][0] or 0)


@actions.add("insertReviews", scope=Scope.WRITE)
def insert_reviews(collection: Collection, params: Reviews) -> None:
    """Add reviews to the history, all or none; cards stay as they are."""
    add_reviews(collection, [(review[0], review[1], *review[3:]) for review in params.reviews])


def _utc_offset(collection: Collection) -> int:
    """Return what has to be added to UTC (seconds) where the user was last."""
    return -60 * int(collection.get_config("localOffset", 0) or 0)
