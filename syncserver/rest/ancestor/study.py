"""Studying: the ancestor's operations around the scheduler."""

from typing import Any, Final

from anki.collection import Collection
from anki.scheduler.v3 import QueuedCards
from pydantic import Field

from syncserver.accounts.scopes import Scope
from syncserver.rest.ancestor.decks import select
from syncserver.rest.ancestor.documents import CardOptions, card_document
from syncserver.rest.ancestor.handlers import AncestorRequest, Data, Handlers
from syncserver.rest.studying import interval_seconds, press, scheduler_of

handlers: Final = Handlers()

LABELS: Final = ("Again", "Hard", "Good", "Easy")


class MaybeDeck(CardOptions):
    """A deck by its id or name, or else the one that is selected."""

    deck: int | str | None = None


class MoreCards(Data):
    """How many cards more than the limits of the day."""

    new_cards: int = Field(default=0, ge=-9999, le=9999)
    review_cards: int = Field(default=0, ge=-9999, le=9999)


class Answer(Data):
    """Which button (1 to 4) was pressed for a card, and when it was shown (seconds)."""

    id: int
    ease: int = Field(ge=1, le=4)
    timerStarted: float | None = None  # noqa: N815 - the ancestor's spelling


@handlers.add("collection", "reset_scheduler", scope=Scope.REVIEW)
def reset_scheduler(
    collection: Collection, _request: AncestorRequest, data: MaybeDeck
) -> dict[str, int]:
    """Select a deck, if one is named, and return how many of its cards are due."""
    if data.deck is not None:
        select(collection, str(data.deck))
    new, learning, review = scheduler_of(collection).counts()
    return {"new_cards": new, "learning_cards": learning, "review_cards": review}


@handlers.add("collection", "extend_scheduler_limits", scope=Scope.REVIEW)
def extend_scheduler_limits(
    collection: Collection, _request: AncestorRequest, data: MoreCards
) -> None:
    """Allow more cards of the selected deck today."""
    scheduler_of(collection).extend_limits(data.new_cards, data.review_cards)


@handlers.add("collection", "next_card", scope=Scope.REVIEW)
def next_card(
    collection: Collection, _request: AncestorRequest, data: MaybeDeck
) -> dict[str, Any] | None:
    """Return the card to be studied next, with its buttons; None when all is done."""
    if data.deck is not None:
        select(collection, str(data.deck))
    return _next_card(collection, data)


@handlers.add("deck", "next_card", scope=Scope.REVIEW)
def next_card_of_deck(
    collection: Collection, request: AncestorRequest, data: CardOptions
) -> dict[str, Any] | None:
    """Select a deck and return the card to be studied next."""
    select(collection, request.item)
    return _next_card(collection, data)


@handlers.add("collection", "answer_card", scope=Scope.REVIEW)
def answer_card(collection: Collection, _request: AncestorRequest, data: Answer) -> None:
    """Answer a card, whether it is the next one or not."""
    press(collection, data.id, data.ease, data.timerStarted)


def _next_card(collection: Collection, options: CardOptions) -> dict[str, Any] | None:
    queued = scheduler_of(collection).get_queued_cards(fetch_limit=1)
    if not queued.cards:
        return None
    first = queued.cards[0]
    document = card_document(collection, first.card.id, options)
    return {**document, "answer_buttons": _buttons(collection, first)}


def _buttons(collection: Collection, queued: QueuedCards.QueuedCard) -> list[dict[str, Any]]:
    states = queued.states
    words = scheduler_of(collection).describe_next_states(states)
    each = (states.again, states.hard, states.good, states.easy)
    return [
        {
            "ease": ease,
            "label": label,
            "string_label": label,
            "interval": interval_seconds(state),
            "string_interval": text.replace("\u2068", "").replace("\u2069", ""),
        }
        for ease, (label, state, text) in enumerate(zip(LABELS, each, words, strict=True), 1)
    ]
