"""Statistics as data: they agree with what was done."""

from tests.rest.v1.conftest import V1, only_small_syncs
from tests.support.device import AGAIN, EASY, GOOD, Device


def studied(laptop: Device) -> None:
    """Answer three cards in three ways on the laptop, and sync."""
    for front, rating in (("a", AGAIN), ("b", GOOD), ("c", EASY)):
        [card] = laptop.cards_of(laptop.add_note(front, tags=[front]))
        laptop.review(card, rating)
    only_small_syncs(laptop)


def test_today_tells_what_was_answered_on_the_devices(v1: V1, laptop: Device) -> None:
    studied(laptop)

    today = v1.get("statistics/today")

    assert (today["answers"], today["correct"], today["learning"]) == (3, 2, 3)
    assert v1.get("statistics/today", q="tag:a")["answers"] == 1


def test_answers_are_told_by_day_hour_and_button(v1: V1, laptop: Device) -> None:
    studied(laptop)

    [day] = v1.get("statistics/days")
    hours = v1.get("statistics/hours", days=30)
    buttons = v1.get("statistics/buttons", days=0)

    assert (day["day"], day["answers"]["learning"]) == (0, 3)
    assert [hour["hour"] for hour in hours] == list(range(24))
    assert sum(hour["answers"] for hour in hours) == 3
    assert buttons["learning"] == [1, 0, 1, 1]


def test_the_forecast_has_the_card_that_is_due_in_days(v1: V1, laptop: Device) -> None:
    studied(laptop)
    [card] = v1.get("cards", q="tag:c")["items"]

    forecast = v1.get("statistics/forecast")

    assert {"day": card["interval"], "cards": 1} in forecast["days"]
    assert v1.get("statistics/intervals") == [{"days": card["interval"], "cards": 1}]
    assert v1.get("statistics/added") == [{"day": 0, "cards": 6}]
    counts = v1.get("statistics/cards")
    assert (counts["new"], counts["learning"], counts["young"]) == (3, 2, 1)


def test_retention_counts_reviews_and_not_what_is_learnt(v1: V1, laptop: Device) -> None:
    [card] = laptop.cards_of(laptop.add_note("old"))
    laptop.col.sched.set_due_date([card], "0")
    laptop.review(card, GOOD)
    only_small_syncs(laptop)

    retention = v1.get("statistics/retention")

    assert retention["today"]["young_passed"] + retention["today"]["mature_passed"] == 1
    assert retention["yesterday"] == {
        "young_passed": 0,
        "young_failed": 0,
        "mature_passed": 0,
        "mature_failed": 0,
    }


def test_statistics_change_nothing(v1: V1, laptop: Device) -> None:
    only_small_syncs(laptop)
    before = laptop.db.first("select mod, scm, usn from col")
    for name in ("today", "days", "hours", "buttons", "forecast", "added", "retention"):
        v1.get(f"statistics/{name}")

    only_small_syncs(laptop)

    assert laptop.db.first("select mod, scm, usn from col") == before
    assert v1.problem("GET", "statistics/today?q=%28") == "invalid"
    assert v1.problem("GET", "statistics/today?days=-1") == "invalid"
