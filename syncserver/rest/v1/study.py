"""Studying: the next card with its buttons, answers that count once, undo.

A card comes with a token that stands for the state it is in. An answer names the token, and is
refused when the card is in another state: because the answer has arrived before, or because the
card was answered on a device in the meantime.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Annotated, Final, Literal

from anki.cards import Card, CardId
from anki.collection import Collection
from anki.decks import DeckId
from anki.errors import UndoEmpty
from anki.scheduler.v3 import QueuedCards, SchedulingStates
from pydantic import Field

from syncserver.accounts.scopes import Scope
from syncserver.collections.libanki import extend_limits
from syncserver.rest.call import Call
from syncserver.rest.models import Body, Document
from syncserver.rest.operations import Resource
from syncserver.rest.problems import AnsweredAlready, Conflict
from syncserver.rest.reading import rows
from syncserver.rest.studying import give_answer, interval_seconds, scheduler_of
from syncserver.rest.v1.cards import RenderedCard, rendered_card
from syncserver.rest.v1.common import Id, Reference, deck_by_id, deck_meant
from syncserver.rest.v1.decks import Due

resource = Resource("study")

Rating = Literal["again", "hard", "good", "easy"]
RATINGS: Final[tuple[Rating, ...]] = ("again", "hard", "good", "easy")
MOST_MILLISECONDS: Final = 24 * 3600 * 1000


class Button(Document):
    """What an answer leads to: the interval in seconds, and as Anki writes it on the button."""

    rating: Rating
    interval: int
    interval_text: str


class CardToStudy(Document):
    """A card that is due; `state` goes back with the answer."""

    card: RenderedCard
    queue: Literal["new", "learning", "review"]
    state: str
    buttons: list[Button]


class Next(Document):
    """What there is to study in a deck: the counts as Anki shows them, null when all is done."""

    deck_id: int
    deck: str
    due: Due
    next: CardToStudy | None


class ChosenDeck(Body):
    """A deck by its id or its name."""

    deck: Reference


class Answer(Body):
    """The answer to a card in the state in which it was shown, and how long it took."""

    card_id: Id
    state: Annotated[str, Field(max_length=100)]
    rating: Rating
    milliseconds_taken: Annotated[int, Field(ge=0, le=MOST_MILLISECONDS)] = 0


class MoreCards(Body):
    """How many cards more than the limits of the day say; fewer, if negative."""

    new: Annotated[int, Field(ge=-9999, le=9999)] = 0
    review: Annotated[int, Field(ge=-9999, le=9999)] = 0


class Undone(Document):
    """The name of what was undone, in Anki's words."""

    undone: str


@resource.get("/v1/study/next")
def show_next_card(call: Call) -> Next:
    """Return the next card of the deck that is being studied, with both sides and its buttons."""
    with call.reading() as collection:
        return _next(collection)


@resource.put("/v1/study/deck", scope=Scope.REVIEW)
def choose_deck(call: Call, body: ChosenDeck) -> Next:
    """Study another deck, on all devices, and return its next card."""
    with call.changing() as collection:
        deck = deck_meant(collection, body.deck)
        if collection.decks.get_current_id() != deck["id"]:
            collection.decks.set_current(DeckId(deck["id"]))
        return _next(collection)


@resource.post("/v1/study/answers", scope=Scope.REVIEW)
def answer_card(call: Call, body: Answer) -> Next:
    """Answer a card once, and return the next one."""
    with call.changing() as collection:
        card = collection.get_card(CardId(body.card_id))
        if state_of(collection, card) != body.state:
            raise AnsweredAlready
        ease = RATINGS.index(body.rating) + 1
        give_answer(collection, card, ease, body.milliseconds_taken)
        return _next(collection)


@resource.post("/v1/study/undo", scope=Scope.REVIEW)
def undo(call: Call) -> Undone:
    """Undo the last change, which is an answer while one studies.

    Only what was done since a device has last synced, and not long ago, can be undone.
    """
    with call.changing() as collection:
        try:
            return Undone(undone=collection.undo().operation)
        except UndoEmpty:
            raise Conflict("There is nothing to undo.") from None


@resource.post("/v1/decks/{deck_id}:extend-limits", scope=Scope.REVIEW)
def extend_limits_of_deck(call: Call, deck_id: int, body: MoreCards) -> None:
    """Allow more cards of a deck today than its options say."""
    with call.changing() as collection:
        deck_by_id(collection, deck_id)
        extend_limits(collection, deck_id, body.new, body.review)


def state_of(collection: Collection, card: Card) -> str:
    """Return a token for the state of a card: equal as long as its schedule is untouched."""
    last = rows(collection, "select max(id) from revlog where cid = ?", card.id)[0][0]
    schedule = (card.type, card.queue, card.due, card.ivl, card.factor, card.reps, card.lapses)
    place = (card.id, card.did, card.left, card.odue, card.odid, last)
    return hashlib.sha256(json.dumps([schedule, place]).encode()).hexdigest()[:32]


def _next(collection: Collection) -> Next:
    queued = scheduler_of(collection).get_queued_cards(fetch_limit=1)
    deck = collection.decks.current()
    due = Due(new=queued.new_count, learning=queued.learning_count, review=queued.review_count)
    first = _card_to_study(collection, queued.cards[0]) if queued.cards else None
    return Next(deck_id=deck["id"], deck=deck["name"], due=due, next=first)


def _card_to_study(collection: Collection, queued: QueuedCards.QueuedCard) -> CardToStudy:
    card = collection.get_card(CardId(queued.card.id))
    names: Final = ("new", "learning", "review")
    return CardToStudy(
        card=rendered_card(card),
        queue=names[queued.queue],
        state=state_of(collection, card),
        buttons=_buttons(collection, queued.states),
    )


def _buttons(collection: Collection, states: SchedulingStates) -> list[Button]:
    texts: Sequence[str] = scheduler_of(collection).describe_next_states(states)
    each = (states.again, states.hard, states.good, states.easy)
    return [
        Button(
            rating=rating,
            interval=interval_seconds(state),
            interval_text=text.replace("\u2068", "").replace("\u2069", ""),
        )
        for rating, state, text in zip(RATINGS, each, texts, strict=True)
    ]
