"""Actions that change cards: answers, due dates, suspension, single values."""

import time
from typing import Any, Final

from anki.cards import Card, CardId
from anki.collection import Collection
from anki.consts import CARD_TYPE_RELEARNING, QUEUE_TYPE_LRN, QUEUE_TYPE_SUSPENDED
from anki.errors import NotFoundError
from pydantic import Field

from syncserver.accounts.scopes import Scope
from syncserver.rest.ankiconnect.actions import Actions, Cards, Id, Params, Part
from syncserver.rest.ankiconnect.finding import id_list
from syncserver.rest.problems import Invalid
from syncserver.rest.reading import rows
from syncserver.rest.studying import press, scheduler_of

actions: Final = Actions()

ONE_STEP_LEFT: Final = 1001
# What may be set, and from where to where; everything else is the server's to say, or only the
# scheduler's to read.
LIMITS: Final[dict[str, tuple[int, int]]] = {
    "flags": (0, 7),
    "factor": (0, 65_535),
    "due": (-(2**31), 2**31 - 1),
    "type": (0, 3),
    "queue": (-3, 4),
    "ivl": (0, 2**31 - 1),
    "reps": (0, 2**31 - 1),
    "lapses": (0, 2**31 - 1),
    "left": (0, 2**31 - 1),
    "odue": (-(2**31), 2**31 - 1),
}
HARMLESS: Final = frozenset({"flags", "factor", "due"})


class Factors(Cards):
    """Some cards, and the ease factor (per mille) for each."""

    easeFactors: list[int]  # noqa: N815 - the add-on's spelling


class Values(Params):
    """Values of a card by the names of its columns; most need `warning_check`."""

    card: Id
    keys: list[str] = Field(max_length=100)
    newValues: list[int | float | str]  # noqa: N815 - the add-on's spelling
    warning_check: bool = False


class Answer(Part):
    """Which button (1 to 4) was pressed for a card."""

    cardId: Id  # noqa: N815 - the add-on's spelling
    ease: int = Field(ge=1, le=4)


class Answers(Params):
    """Answers, each with its card, or cards and answers as two lists."""

    answers: list[Answer | int]
    cards: list[Id] | None = None


class DueDate(Cards):
    """Some cards, and the days in which they are due: 0, or 3-7, or 1! to set the interval too."""

    days: str


@actions.add("setEaseFactors", scope=Scope.WRITE)
def set_ease_factors(collection: Collection, params: Factors) -> list[bool]:
    """Set ease factors, and tell which cards exist."""
    if len(params.cards) != len(params.easeFactors):
        raise Invalid("cards and easeFactors are not of the same length")
    done = []
    for card_id, factor in zip(params.cards, params.easeFactors, strict=True):
        card = _card(collection, card_id)
        done.append(card is not None and _set_value(card, "factor", factor))
        if card is not None and done[-1]:
            collection.update_card(card)
    return done


@actions.add("setSpecificValueOfCard", scope=Scope.WRITE)
def set_specific_value(collection: Collection, params: Values) -> list[bool]:
    """Set values of a card, and tell which of them could be set."""
    if len(params.keys) != len(params.newValues):
        raise Invalid("keys and newValues are not of the same length")
    card = collection.get_card(CardId(params.card))
    done = [
        (params.warning_check or key in HARMLESS) and _set_value(card, key, value)
        for key, value in zip(params.keys, params.newValues, strict=True)
    ]
    if any(done):
        collection.update_card(card)
    return done


@actions.add("suspend", scope=Scope.REVIEW)
def suspend(collection: Collection, params: Cards) -> bool:
    """Suspend cards, and tell whether any was not suspended."""
    cards = _with_queue(collection, params.cards, f"!= {QUEUE_TYPE_SUSPENDED}")
    if cards:
        scheduler_of(collection).suspend_cards(cards)
    return bool(cards)


@actions.add("unsuspend", scope=Scope.REVIEW)
def unsuspend(collection: Collection, params: Cards) -> bool:
    """Take cards back in, and tell whether any was suspended."""
    cards = _with_queue(collection, params.cards, f"= {QUEUE_TYPE_SUSPENDED}")
    if cards:
        scheduler_of(collection).unsuspend_cards(cards)
    return bool(cards)


@actions.add("forgetCards", scope=Scope.WRITE)
def forget_cards(collection: Collection, params: Cards) -> None:
    """Make cards new again."""
    scheduler_of(collection).schedule_cards_as_new(_existing(collection, params.cards))


@actions.add("relearnCards", scope=Scope.WRITE)
def relearn_cards(collection: Collection, params: Cards) -> None:
    """Make cards come up now, as if they had been forgotten."""
    cards = [collection.get_card(card_id) for card_id in _existing(collection, params.cards)]
    for card in cards:
        card.type, card.queue = CARD_TYPE_RELEARNING, QUEUE_TYPE_LRN
        card.left, card.ivl = card.left or ONE_STEP_LEFT, max(card.ivl, 1)
        card.due = int(time.time())
    collection.update_cards(cards)


@actions.add("setDueDate", scope=Scope.WRITE)
def set_due_date(collection: Collection, params: DueDate) -> bool:
    """Set when cards are due."""
    cards = _existing(collection, params.cards)
    scheduler_of(collection).set_due_date(cards, params.days)
    return True


@actions.add("answerCards", scope=Scope.REVIEW)
def answer_cards(collection: Collection, params: Answers) -> list[bool]:
    """Answer cards, and tell which of them exist."""
    return [_answer(collection, answer) for answer in _answers(params)]


def _answers(params: Answers) -> list[Answer]:
    if params.cards is None:
        pairs = [answer for answer in params.answers if isinstance(answer, Answer)]
    else:
        eases = [ease for ease in params.answers if isinstance(ease, int) and 1 <= ease <= 4]
        pairs = [
            Answer(cardId=card_id, ease=ease)
            for card_id, ease in zip(params.cards, eases, strict=False)
        ]
    if len(pairs) != len(params.answers) or len(pairs) != len(params.cards or pairs):
        raise Invalid("answers: each needs a card and a number from 1 to 4")
    return pairs


def _answer(collection: Collection, answer: Answer) -> bool:
    if _card(collection, answer.cardId) is None:
        return False
    press(collection, answer.cardId, answer.ease)
    return True


def _card(collection: Collection, card_id: int) -> Card | None:
    try:
        return collection.get_card(CardId(card_id))
    except NotFoundError:
        return None


def _existing(collection: Collection, ids: list[int]) -> list[CardId]:
    return [CardId(row[0]) for row in _selected(collection, ids, "true")]


def _with_queue(collection: Collection, ids: list[int], condition: str) -> list[CardId]:
    return [CardId(row[0]) for row in _selected(collection, ids, f"queue {condition}")]


def _selected(collection: Collection, ids: list[int], condition: str) -> Any:
    return rows(collection, f"select id from cards where id in ({id_list(ids)}) and {condition}")


def _set_value(card: Card, key: str, value: float | str) -> bool:
    """Set one value of a card that is not stored yet; tell whether it may be set so."""
    try:
        number = int(value)
    except (ValueError, OverflowError):
        return False
    least, most = LIMITS.get(key, (0, -1))
    if not least <= number <= most:
        return False
    if key == "flags":
        card.set_user_flag(number)
    else:
        setattr(card, key, number)
    return True
