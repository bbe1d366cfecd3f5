"""Reviews and statistics."""

import time
from datetime import datetime, timedelta, timezone

import pytest

from tests.ankiconnect.conftest import Program, synced
from tests.conftest import AllSidesAgree
from tests.support.device import AGAIN, GOOD, Device

DAY = 86_400
COLUMNS = "id, ease, ivl, lastIvl, factor, time, type"


@pytest.fixture
def cards(laptop: Device) -> list[int]:
    """The laptop's three cards, of which the first two were reviewed."""
    cards = sorted(laptop.col.find_cards(""))
    laptop.review(cards[0], AGAIN)
    laptop.review(cards[0], GOOD)
    laptop.review(cards[1], GOOD)
    synced(laptop)
    return cards


def test_reviews_of_today_are_counted(anki: Program, cards: list[int]) -> None:
    assert anki("getNumCardsReviewedToday") == 3


def test_reviews_are_counted_by_the_users_days(
    anki: Program, laptop: Device, cards: list[int]
) -> None:
    began = laptop.col.sched.day_cutoff - DAY
    # The last second of yesterday, and the first one of ten days ago.
    for moment in (began - 1, began - 10 * DAY):
        anki("insertReviews", reviews=[[moment * 1000, cards[0], -1, 3, 4, -60, 2500, 6157, 0]])
    west = laptop.col.get_config("localOffset") or 0
    today = datetime.fromtimestamp(began, timezone(timedelta(minutes=-west))).date()

    assert anki("getNumCardsReviewedByDay") == [
        [str(today), 3],
        [str(today - timedelta(days=1)), 1],
        [str(today - timedelta(days=10)), 1],
    ]
    assert anki("getNumCardsReviewedToday") == 3


def test_statistics_are_a_plain_page(anki: Program, cards: list[int]) -> None:
    page = anki("getCollectionStatsHTML", wholeCollection=True)
    for line in ("<th>Cards</th><td>3<", "<th>Reviews today</th><td>3<", "forgotten</th><td>1<"):
        assert line in page
    assert anki("getCollectionStatsHTML") == page


def test_statistics_may_be_about_the_selected_deck(anki: Program, laptop: Device) -> None:
    deck = laptop.add_deck("<b>Selected</b>")
    laptop.col.decks.select(deck)
    synced(laptop)
    page = anki("getCollectionStatsHTML", wholeCollection=False)
    assert "<h1>&lt;b&gt;Selected&lt;/b&gt;</h1>" in page
    assert "<th>Cards</th><td>0<" in page


def test_reviews_of_a_deck_are_told_from_the_known_one_on(
    anki: Program, laptop: Device, cards: list[int]
) -> None:
    ids = laptop.db.list("select id from revlog order by id")
    told = anki("cardReviews", deck="default", startID=ids[0])

    assert [row[0] for row in told] == ids[1:]
    assert [row[1] for row in told] == [cards[0], cards[1]]
    assert all(len(row) == 9 for row in told)
    assert anki("getLatestReviewID", deck="Default") == ids[-1]


def test_a_deck_without_reviews_has_no_latest_one(anki: Program) -> None:
    anki("createDeck", deck="Empty")
    assert anki("getLatestReviewID", deck="Empty") == 0
    assert anki.error("getLatestReviewID", deck="nothing") == "deck was not found: nothing"
    assert anki.error("cardReviews", deck="nothing", startID=0) == "deck was not found: nothing"


def test_reviews_of_cards_are_told_by_their_columns(
    anki: Program, laptop: Device, cards: list[int]
) -> None:
    told = anki("getReviewsOfCards", cards=[str(cards[0]), str(cards[2])])

    assert told.keys() == {str(cards[0]), str(cards[2])}
    assert told[str(cards[2])] == []
    expected = laptop.db.all(f"select {COLUMNS} from revlog where cid = ? order by id", cards[0])
    names = COLUMNS.split(", ")
    assert [[review[name] for name in names] for review in told[str(cards[0])]] == expected


def test_reviews_are_inserted_and_reach_the_devices(
    anki: Program,
    laptop: Device,
    phone: Device,
    cards: list[int],
    all_sides_agree: AllSidesAgree,
) -> None:
    synced(phone)
    moment = int(time.time() * 1000) - 5 * DAY * 1000
    reviews = [
        [moment, cards[2], -1, 3, 4, -60, 2500, 6157, 0],
        [moment + 1, cards[2], 99, 1, -60, -60, 0, 4846, 0],
    ]
    assert anki("insertReviews", reviews=reviews) is None

    synced(laptop, phone)
    for device in (laptop, phone):
        assert device.reviews_of(cards[2]) == [3, 1]
    all_sides_agree(laptop, phone)


@pytest.mark.parametrize(
    "review", [[1, 2, 3], [-1, 1, -1, 3, 4, -60, 2500, 6157, 0], [1, 1, -1, 2**40, 4, 0, 0, 0, 0]]
)
def test_reviews_of_the_wrong_shape_are_an_error(anki: Program, review: list[int]) -> None:
    assert anki.error("insertReviews", reviews=[review])


def test_of_reviews_that_are_there_already_none_is_inserted(
    anki: Program, laptop: Device, cards: list[int]
) -> None:
    there = laptop.db.scalar("select max(id) from revlog")
    rows = [[moment, cards[2], -1, 3, 4, -60, 2500, 61, 0] for moment in (there - 77_777, there)]
    assert anki.error("insertReviews", reviews=rows)
    assert anki("getReviewsOfCards", cards=[cards[2]]) == {str(cards[2]): []}
