"""Statistics as data: what Anki's graphs are drawn from, of the cards that a search finds.

Days are counted from today: -1 is yesterday, 1 is tomorrow. A day begins when the collection's
does, some hours after midnight.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from anki.stats_pb2 import GraphsResponse
from pydantic import Field

from syncserver.collections.libanki import graphs
from syncserver.rest.call import Call
from syncserver.rest.models import Document, Query
from syncserver.rest.operations import Resource

resource = Resource("statistics")

MOST_DAYS: Final = 36_500


class StatisticsQuery(Query):
    """Of which cards, and how many days back; 0 means all of them."""

    q: str = ""
    days: Annotated[int, Field(ge=0, le=MOST_DAYS)] = 365


class Today(Document):
    """What was answered today; `correct` answers are all but "again"."""

    answers: int
    milliseconds: int
    correct: int
    mature: int
    mature_correct: int
    learning: int
    review: int
    relearning: int
    filtered: int


class Kinds(Document):
    """Answers by the kind of the card, or milliseconds spent on them."""

    learning: int
    relearning: int
    young: int
    mature: int
    filtered: int


class Day(Document):
    """What was answered on a day, and how long it took."""

    day: int
    answers: Kinds
    milliseconds: Kinds


class Hour(Document):
    """How many answers were given in an hour of the day, and how many of them were correct."""

    hour: int
    answers: int
    correct: int


class DayCount(Document):
    """How many cards on a day."""

    day: int
    cards: int


class Forecast(Document):
    """How many cards come due on which day; those of past days are overdue."""

    days: list[DayCount]
    overdue: bool
    daily_load: int


class Retention(Document):
    """How many first answers of a day to reviews were right or wrong; young is below 21 days."""

    young_passed: int
    young_failed: int
    mature_passed: int
    mature_failed: int


class Retentions(Document):
    """Retention in spans of time that end today."""

    today: Retention
    yesterday: Retention
    week: Retention
    month: Retention
    year: Retention
    all_time: Retention


class IntervalCount(Document):
    """How many cards have an interval of so many days."""

    days: int
    cards: int


class CardCounts(Document):
    """How many cards are in which state; suspended and buried ones are counted as such only."""

    new: int
    learning: int
    relearning: int
    young: int
    mature: int
    suspended: int
    buried: int


class Buttons(Document):
    """How often again, hard, good and easy were pressed."""

    learning: list[int]
    young: list[int]
    mature: list[int]


@resource.get("/v1/statistics/today")
def show_today(call: Call, query: StatisticsQuery) -> Today:
    """Tell what was answered today."""
    found = _graphs(call, query)
    today = found.today
    return Today(
        answers=today.answer_count,
        milliseconds=today.answer_millis,
        correct=today.correct_count,
        mature=today.mature_count,
        mature_correct=today.mature_correct,
        learning=today.learn_count,
        review=today.review_count,
        relearning=today.relearn_count,
        filtered=today.early_review_count,
    )


@resource.get("/v1/statistics/days")
def show_days(call: Call, query: StatisticsQuery) -> list[Day]:
    """Tell for each day on which something was answered how much it was."""
    found = _graphs(call, query)
    counts, times = found.reviews.count, found.reviews.time
    return [
        Day(day=day, answers=_kinds(counts[day]), milliseconds=_kinds(times[day]))
        for day in sorted(set(counts) | set(times))
    ]


@resource.get("/v1/statistics/hours")
def show_hours(call: Call, query: StatisticsQuery) -> list[Hour]:
    """Tell for each hour of the day how well it went, in a month, three, a year or ever."""
    found = _graphs(call, query)
    hours = _span(found.hours, query.days)
    return [
        Hour(hour=number, answers=hour.total, correct=hour.correct)
        for number, hour in enumerate(hours)
    ]


@resource.get("/v1/statistics/buttons")
def show_buttons(call: Call, query: StatisticsQuery) -> Buttons:
    """Tell how often each button was pressed, in a month, three, a year or ever."""
    found = _graphs(call, query)
    pressed = _span(found.buttons, query.days)
    return Buttons(
        learning=list(pressed.learning), young=list(pressed.young), mature=list(pressed.mature)
    )


@resource.get("/v1/statistics/forecast")
def show_forecast(call: Call, query: StatisticsQuery) -> Forecast:
    """Tell how many cards come due on which day."""
    found = _graphs(call, query)
    due = found.future_due
    return Forecast(
        days=[DayCount(day=day, cards=cards) for day, cards in _sorted(due.future_due)],
        overdue=due.have_backlog,
        daily_load=due.daily_load,
    )


@resource.get("/v1/statistics/added")
def show_added(call: Call, query: StatisticsQuery) -> list[DayCount]:
    """Tell how many cards were added on which day."""
    found = _graphs(call, query)
    return [DayCount(day=day, cards=cards) for day, cards in _sorted(found.added.added)]


@resource.get("/v1/statistics/retention")
def show_retention(call: Call, query: StatisticsQuery) -> Retentions:
    """Tell how much of what was learnt was remembered."""
    found = _graphs(call, query)
    true = found.true_retention
    return Retentions(**{span: _retention(getattr(true, span)) for span in Retentions.model_fields})


@resource.get("/v1/statistics/intervals")
def show_intervals(call: Call, query: StatisticsQuery) -> list[IntervalCount]:
    """Tell how many cards have which interval."""
    found = _graphs(call, query)
    intervals = _sorted(found.intervals.intervals)
    return [IntervalCount(days=days, cards=cards) for days, cards in intervals]


@resource.get("/v1/statistics/cards")
def show_card_counts(call: Call, query: StatisticsQuery) -> CardCounts:
    """Tell how many cards are in which state."""
    found = _graphs(call, query)
    counts = found.card_counts.excluding_inactive
    return CardCounts(
        new=counts.newCards,
        learning=counts.learn,
        relearning=counts.relearn,
        young=counts.young,
        mature=counts.mature,
        suspended=counts.suspended,
        buried=counts.buried,
    )


def _graphs(call: Call, query: StatisticsQuery) -> GraphsResponse:
    """Return what the graphs are drawn from."""
    with call.reading() as collection:
        return graphs(collection, query.q, query.days)


def _span(spans: Any, days: int) -> Any:
    """Return the shortest of Anki's four spans of time that holds so many days."""
    for name, length in (("one_month", 31), ("three_months", 92), ("one_year", 366)):
        if 0 < days <= length:
            return getattr(spans, name)
    return spans.all_time


def _kinds(reviews: GraphsResponse.ReviewCountsAndTimes.Reviews) -> Kinds:
    return Kinds(
        learning=reviews.learn,
        relearning=reviews.relearn,
        young=reviews.young,
        mature=reviews.mature,
        filtered=reviews.filtered,
    )


def _retention(found: GraphsResponse.TrueRetentionStats.TrueRetention) -> Retention:
    return Retention(**{name: getattr(found, name) for name in Retention.model_fields})


def _sorted(counts: Mapping[int, int]) -> Sequence[tuple[int, int]]:
    return sorted(counts.items())
