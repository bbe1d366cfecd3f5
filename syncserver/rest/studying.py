"""Answering cards through libanki's scheduler, as all forms of the API do it."""

import time
from typing import Final

from anki.cards import Card, CardId
from anki.collection import Collection
from anki.scheduler.v3 import CardAnswer, Scheduler, SchedulingState

from syncserver.collections.libanki import forget_queue, scheduling_states
from syncserver.rest.problems import Conflict

# Of the four buttons, from "Again" on.
RATINGS: Final = (CardAnswer.AGAIN, CardAnswer.HARD, CardAnswer.GOOD, CardAnswer.EASY)
DAY_SECONDS: Final = 86_400


def press(collection: Collection, card_id: int, ease: int, shown: float | None = None) -> None:
    """Answer a card with a button (1 to 4); `shown` is when it was shown (seconds), None for now.

    Raises NotFoundError.
    """
    milliseconds = 0 if shown is None else max(0, int((time.time() - shown) * 1000))
    give_answer(collection, collection.get_card(CardId(card_id)), ease, milliseconds)


def give_answer(collection: Collection, card: Card, ease: int, milliseconds: int) -> None:
    """Answer a card, whether it is the next one or not, with a button (1 to 4).

    It took the person so many milliseconds, of which its deck's limit is noted at most.
    """
    scheduler = scheduler_of(collection)
    queued = scheduler.get_queued_cards(fetch_limit=1).cards
    if not queued or queued[0].card.id != card.id:
        forget_queue(collection)
    card.timer_started = time.time()
    states = scheduling_states(collection, card.id)
    answer = scheduler.build_answer(card=card, states=states, rating=RATINGS[ease - 1])
    answer.milliseconds_taken = min(milliseconds, card.time_limit())
    scheduler.answer_card(answer)


def scheduler_of(collection: Collection) -> Scheduler:
    """Return the scheduler. Raises Conflict when the collection still uses an old one."""
    if not isinstance(collection.sched, Scheduler):
        raise Conflict("The collection uses an old scheduler; update it in Anki first.")
    return collection.sched


def interval_seconds(state: SchedulingState) -> int:
    """Return the interval that a state stands for."""
    if state.HasField("filtered"):
        if state.filtered.HasField("preview"):
            return int(state.filtered.preview.scheduled_secs)
        normal = state.filtered.rescheduling.original_state
    else:
        normal = state.normal
    if normal.HasField("learning"):
        return int(normal.learning.scheduled_secs)
    if normal.HasField("relearning"):
        return int(normal.relearning.learning.scheduled_secs)
    return int(normal.review.scheduled_days) * DAY_SECONDS
