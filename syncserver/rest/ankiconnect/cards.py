"""Actions that look at cards."""

import time
from typing import Any, Final

from anki.cards import Card, CardId
from anki.collection import Collection
from anki.consts import QUEUE_TYPE_SUSPENDED
from anki.errors import NotFoundError

from syncserver.collections.libanki import scheduling_states
from syncserver.rest.ankiconnect.actions import Actions, Cards, Id, Params, Search
from syncserver.rest.ankiconnect.finding import id_list
from syncserver.rest.ankiconnect.texts import shown_fields, without_isolates
from syncserver.rest.reading import rows, with_sounds
from syncserver.rest.studying import scheduler_of

actions: Final = Actions()

# Cards that come up within this time are shown when nothing else is left.
LEARN_AHEAD_SECONDS: Final = 1200
IS_DUE_SQL: Final = "(queue = 0 or (queue = 1 and due <= ?) or (queue in (2, 3) and due <= ?))"


class OneCard(Params):
    """A card by its id."""

    card: Id


class Intervals(Cards):
    """Some cards, and whether all of their intervals are wanted."""

    complete: bool = False


@actions.add("findCards")
def find_cards(collection: Collection, params: Search) -> list[int]:
    """Return the cards that a search finds."""
    return list(collection.find_cards(params.query))


@actions.add("cardsToNotes")
def cards_to_notes(collection: Collection, params: Cards) -> list[int]:
    """Return the notes of cards, each of them once."""
    query = f"select distinct nid from cards where id in ({id_list(params.cards)})"
    return [note_id for (note_id,) in rows(collection, query)]


@actions.add("getEaseFactors")
def get_ease_factors(collection: Collection, params: Cards) -> list[int | None]:
    """Return the ease factors (per mille), None for cards that do not exist."""
    return _column(collection, "factor", params.cards)


@actions.add("suspended")
def suspended(collection: Collection, params: OneCard) -> bool:
    """Tell whether a card is suspended."""
    return collection.get_card(CardId(params.card)).queue == QUEUE_TYPE_SUSPENDED


@actions.add("areSuspended")
def are_suspended(collection: Collection, params: Cards) -> list[bool | None]:
    """Tell which cards are suspended, None for those that do not exist."""
    queues = _column(collection, "queue", params.cards)
    return [None if queue is None else queue == QUEUE_TYPE_SUSPENDED for queue in queues]


@actions.add("areDue")
def are_due(collection: Collection, params: Cards) -> list[bool]:
    """Tell which cards could be studied now, new ones among them."""
    query = f"select id from cards where id in ({id_list(params.cards)}) and {IS_DUE_SQL}"
    ahead = int(time.time()) + LEARN_AHEAD_SECONDS
    due = {card_id for (card_id,) in rows(collection, query, ahead, scheduler_of(collection).today)}
    return [card_id in due for card_id in params.cards]


@actions.add("getIntervals")
def get_intervals(collection: Collection, params: Intervals) -> list[Any]:
    """Return the last interval of each card, or all: days, or seconds below zero."""
    query = f"select cid, ivl from revlog where cid in ({id_list(params.cards)}) order by id"
    intervals: dict[int, list[int]] = {card_id: [] for card_id in params.cards}
    for card_id, interval in rows(collection, query):
        intervals[card_id].append(interval)
    if params.complete:
        return [intervals[card_id] for card_id in params.cards]
    return [(intervals[card_id] or [0])[-1] for card_id in params.cards]


@actions.add("cardsModTime")
def cards_mod_time(collection: Collection, params: Cards) -> list[dict[str, int]]:
    """Return when cards were changed (seconds)."""
    times = _column(collection, "mod", params.cards)
    return [
        {} if time is None else {"cardId": card_id, "mod": time}
        for card_id, time in zip(params.cards, times, strict=True)
    ]


@actions.add("cardsInfo")
def cards_info(collection: Collection, params: Cards) -> list[dict[str, Any]]:
    """Return all about cards, {} for those that do not exist."""
    return [_info(collection, card_id) for card_id in params.cards]


def _column(collection: Collection, column: str, ids: list[int]) -> list[Any]:
    """Return a column of cards, None for those that do not exist."""
    query = f"select id, {column} from cards where id in ({id_list(ids)})"
    found = {row[0]: row[1] for row in rows(collection, query)}
    return [found.get(card_id) for card_id in ids]


def _info(collection: Collection, card_id: int) -> dict[str, Any]:
    try:
        card = collection.get_card(CardId(card_id))
    except NotFoundError:
        return {}
    note = card.note()
    output = card.render_output()
    return {
        "cardId": card.id,
        "fields": shown_fields(note),
        "fieldOrder": card.ord,
        "question": with_sounds(output.question_and_style(), output.question_av_tags),
        "answer": with_sounds(output.answer_and_style(), output.answer_av_tags),
        "css": output.css,
        "modelName": card.note_type()["name"],
        "deckName": collection.decks.name(card.did),
        "template": card.template()["name"],
        "interval": card.ivl,
        "note": card.nid,
        "nextReviews": _buttons(collection, card),
        **_stored(card),
    }


def _stored(card: Card) -> dict[str, int]:
    return {
        "ord": card.ord,
        "type": card.type,
        "queue": card.queue,
        "due": card.due,
        "factor": card.factor,
        "reps": card.reps,
        "lapses": card.lapses,
        "left": card.left,
        "mod": card.mod,
        "flags": card.user_flag(),
    }


def _buttons(collection: Collection, card: Card) -> list[str]:
    states = scheduling_states(collection, card.id)
    texts = scheduler_of(collection).describe_next_states(states)
    return [without_isolates(text) for text in texts]
