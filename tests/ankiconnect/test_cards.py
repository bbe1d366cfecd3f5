"""Cards: looking at them, answering, due dates, suspension, single values."""

import re
import time
from typing import Any

import pytest

from syncserver.accounts.scopes import Scope
from tests.ankiconnect.conftest import NewAnki, Program, basic, synced
from tests.conftest import AllSidesAgree
from tests.support.device import AGAIN, GOOD, Device

NOBODY = 12345


@pytest.fixture
def cards(laptop: Device) -> list[int]:
    """The laptop's three cards, the oldest first."""
    return sorted(laptop.col.find_cards(""))


def test_find_cards_searches_as_the_browser_does(anki: Program, cards: list[int]) -> None:
    assert sorted(anki("findCards", query="deck:Default")) == cards
    assert anki("findCards", query="front:two") == [cards[1]]
    assert anki("findCards", query="nothing") == []


def test_a_search_that_makes_no_sense_is_an_error(anki: Program) -> None:
    assert anki.error("findCards", query='"')


def test_cards_lead_to_their_notes_each_once(anki: Program, laptop: Device) -> None:
    note = laptop.add_note("a", "b", notetype="Basic (and reversed card)")
    synced(laptop)
    both = list(laptop.cards_of(note))
    assert anki("cardsToNotes", cards=[*both, NOBODY]) == [note]


def test_cards_info_tells_all_about_cards(anki: Program, laptop: Device, cards: list[int]) -> None:
    first, nobody = anki("cardsInfo", cards=[cards[0], NOBODY])

    card = laptop.col.get_card(cards[0])
    assert nobody == {}
    assert first["fields"] == {
        "Front": {"value": "one", "order": 0},
        "Back": {"value": "back of one", "order": 1},
    }
    assert first["question"] == card.question()
    assert "back of one" in first["answer"]
    assert ".card" in first["css"]
    names = ("modelName", "deckName", "template", "fieldOrder")
    assert [first[name] for name in names] == ["Basic", "Default", "Card 1", 0]
    assert [first[name] for name in ("cardId", "note", "mod")] == [card.id, card.nid, card.mod]
    stored = {"interval": 0, "due": card.due, "factor": 0, "reps": 0, "lapses": 0, "queue": 0}
    assert stored.items() <= first.items()
    states = laptop.col._backend.get_scheduling_states(card.id)
    texts = laptop.col.sched.describe_next_states(states)
    assert first["nextReviews"] == [re.sub("[\u2068\u2069]", "", text) for text in texts]


def test_sounds_of_a_card_are_named(anki: Program) -> None:
    anki("addNote", note=basic("heard [sound:a.mp3]"))
    [card] = anki("findCards", query="front:heard*")
    assert "heard [sound:a.mp3]" in anki("cardsInfo", cards=[card])[0]["question"]


def test_scripts_in_fields_come_back_as_they_are(anki: Program) -> None:
    script = "word<script>alert(1)</script>"
    anki("addNote", note=basic(script))
    [card] = anki("findCards", query="front:*alert*")
    assert anki("cardsInfo", cards=[card])[0]["fields"]["Front"]["value"] == script


def test_cards_mod_time_tells_when_cards_were_changed(
    anki: Program, laptop: Device, cards: list[int]
) -> None:
    mod = laptop.col.get_card(cards[0]).mod
    assert anki("cardsModTime", cards=[cards[0], NOBODY]) == [{"cardId": cards[0], "mod": mod}, {}]


def test_ease_factors_are_set_and_read(
    anki: Program, laptop: Device, cards: list[int], all_sides_agree: AllSidesAgree
) -> None:
    asked = {"cards": [*cards[:2], NOBODY], "easeFactors": [4100, 3900, 2000]}
    assert anki("setEaseFactors", **asked) == [True, True, False]
    assert anki("getEaseFactors", cards=asked["cards"]) == [4100, 3900, None]

    synced(laptop)
    assert laptop.col.get_card(cards[0]).factor == 4100
    all_sides_agree(laptop)


def test_each_card_needs_its_factor(anki: Program, cards: list[int]) -> None:
    assert "length" in anki.error("setEaseFactors", cards=cards, easeFactors=[2500])


def test_single_values_of_a_card_are_set(
    anki: Program, laptop: Device, cards: list[int], all_sides_agree: AllSidesAgree
) -> None:
    asked = {"card": cards[0], "keys": ["flags", "due"], "newValues": ["2", 77]}
    assert anki("setSpecificValueOfCard", **asked) == [True, True]

    synced(laptop)
    card = laptop.col.get_card(cards[0])
    assert (card.user_flag(), card.due) == (2, 77)
    all_sides_agree(laptop)


def test_risky_values_need_a_word(anki: Program, laptop: Device, cards: list[int]) -> None:
    asked = {"card": cards[0], "keys": ["reps", "lapses"], "newValues": [9, 3]}
    assert anki("setSpecificValueOfCard", **asked) == [False, False]
    assert anki("setSpecificValueOfCard", **asked, warning_check=True) == [True, True]

    synced(laptop)
    assert laptop.col.get_card(cards[0]).reps == 9


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("id", 1),
        ("usn", 5),
        ("nid", 1),
        ("did", 99),
        ("mod", 1),
        ("data", "{}"),
        ("queue", 77),
        ("flags", 8),
        ("reps", -1),
        ("due", 2**40),
        ("due", "soon"),
        ("due", "inf"),
    ],
)
def test_values_that_would_harm_the_collection_are_not_set(
    anki: Program, cards: list[int], key: str, value: object
) -> None:
    asked = {"card": cards[0], "keys": [key], "newValues": [value], "warning_check": True}
    assert anki("setSpecificValueOfCard", **asked) == [False]


def test_cards_are_suspended_and_taken_back_in(
    anki: Program, laptop: Device, cards: list[int], all_sides_agree: AllSidesAgree
) -> None:
    assert anki("suspend", cards=cards[:2]) is True
    assert anki("suspend", cards=cards[:2]) is False
    assert anki("suspended", card=cards[0]) is True
    assert anki("areSuspended", cards=[cards[0], cards[2], NOBODY]) == [True, False, None]
    synced(laptop)
    assert sorted(laptop.col.find_cards("is:suspended")) == cards[:2]

    assert anki("unsuspend", cards=cards) is True
    assert anki("unsuspend", cards=cards) is False
    synced(laptop)
    assert laptop.col.find_cards("is:suspended") == []
    all_sides_agree(laptop)


def test_whether_a_missing_card_is_suspended_is_an_error(anki: Program) -> None:
    assert anki.error("suspended", card=NOBODY)


def test_new_cards_are_due_and_answered_ones_are_not(
    anki: Program, laptop: Device, cards: list[int]
) -> None:
    laptop.review(cards[0], GOOD)
    laptop.review(cards[0], GOOD)
    synced(laptop)
    assert anki("areDue", cards=[*cards, NOBODY]) == [False, True, True, False]


def test_intervals_are_those_of_the_reviews(
    anki: Program, laptop: Device, cards: list[int]
) -> None:
    laptop.review(cards[0], AGAIN)
    laptop.review(cards[0], GOOD)
    synced(laptop)
    expected = laptop.db.list("select ivl from revlog where cid = ? order by id", cards[0])

    assert len(expected) == 2
    assert anki("getIntervals", cards=[cards[0], cards[1]]) == [expected[-1], 0]
    assert anki("getIntervals", cards=[cards[0], cards[1]], complete=True) == [expected, []]


def test_answers_are_reviews_on_the_devices(
    anki: Program, laptop: Device, cards: list[int], all_sides_agree: AllSidesAgree
) -> None:
    answers = [{"cardId": cards[2], "ease": 4}, {"cardId": NOBODY, "ease": 1}]
    assert anki("answerCards", answers=answers) == [True, False]
    assert anki("answerCards", cards=cards[:2], answers=[2, 1]) == [True, True]

    synced(laptop)
    assert [laptop.reviews_of(card) for card in cards] == [[2], [1], [4]]
    all_sides_agree(laptop)


@pytest.mark.parametrize(
    "params",
    [
        {"answers": [{"cardId": 1, "ease": 5}]},
        {"answers": [3]},
        {"cards": [1, 2], "answers": [3]},
        {"cards": [1], "answers": [3, 3]},
        {"cards": [1], "answers": [7]},
    ],
)
def test_answers_that_make_no_sense_are_an_error(anki: Program, params: dict[str, Any]) -> None:
    assert anki.error("answerCards", **params)


def test_a_key_for_studying_answers_and_suspends(
    laptop: Device, new_anki: NewAnki, cards: list[int]
) -> None:
    program = new_anki(Scope.REVIEW)
    assert program("answerCards", answers=[{"cardId": cards[0], "ease": 3}]) == [True]
    assert program("suspend", cards=cards) is True


def test_cards_are_forgotten(
    anki: Program, laptop: Device, cards: list[int], all_sides_agree: AllSidesAgree
) -> None:
    laptop.review(cards[0], GOOD)
    synced(laptop)
    assert anki("forgetCards", cards=[cards[0], NOBODY]) is None

    synced(laptop)
    assert laptop.col.get_card(cards[0]).type == 0
    all_sides_agree(laptop)


def test_cards_are_learned_again(
    anki: Program, laptop: Device, cards: list[int], all_sides_agree: AllSidesAgree
) -> None:
    assert anki("relearnCards", cards=[cards[0], NOBODY]) is None

    synced(laptop)
    card = laptop.col.get_card(cards[0])
    assert (card.type, card.queue) == (3, 1)
    assert card.due <= time.time()
    assert anki("areDue", cards=[cards[0]]) == [True]
    assert laptop.check_database() == ""
    laptop.review(cards[0], GOOD)
    synced(laptop)
    all_sides_agree(laptop)


def test_due_dates_are_set(
    anki: Program, laptop: Device, cards: list[int], all_sides_agree: AllSidesAgree
) -> None:
    assert anki("setDueDate", cards=cards[:2], days="5!") is True

    synced(laptop)
    card = laptop.col.get_card(cards[0])
    assert (card.due, card.ivl) == (laptop.col.sched.today + 5, 5)
    all_sides_agree(laptop)


def test_a_due_date_that_makes_no_sense_is_an_error(anki: Program, cards: list[int]) -> None:
    assert anki.error("setDueDate", cards=cards, days="soon")


def test_reading_gives_no_device_anything_to_do(
    anki: Program, laptop: Device, cards: list[int]
) -> None:
    synced(laptop)
    before = laptop.db.first("select mod, scm, usn from col")
    for action in ("cardsInfo", "areDue", "getIntervals", "getDecks", "getReviewsOfCards"):
        anki(action, cards=cards)

    synced(laptop)
    assert laptop.db.first("select mod, scm, usn from col") == before
