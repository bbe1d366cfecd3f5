"""What is done to many cards at once: suspend, bury, flag, set due, forget, move."""

from typing import Annotated

from anki.cards import CardId
from pydantic import Field

from syncserver.accounts.scopes import Scope
from syncserver.rest.call import Call
from syncserver.rest.operations import Resource
from syncserver.rest.v1.common import CardIds, Changed, Reference, normal_deck_meant

resource = Resource("cards")


class Flagging(CardIds):
    """A flag for some cards: 1 to 7, 0 for none."""

    flag: Annotated[int, Field(ge=0, le=7)]


class DueDate(CardIds):
    """When cards are due: in days from today, "3", at random between two, "3-7".

    With "!" behind it the interval becomes that, too. New cards become reviews.
    """

    days: Annotated[str, Field(pattern=r"^[0-9]{1,5}(-[0-9]{1,5})?!?$")]


class Forgetting(CardIds):
    """Cards that become new again."""

    restore_position: bool = True
    reset_counts: bool = False


class Move(CardIds):
    """Cards, and the deck that they are to live in."""

    deck: Reference


@resource.post("/v1/cards:suspend", scope=Scope.REVIEW)
def suspend_cards(call: Call, body: CardIds) -> Changed:
    """Take cards out of study until they are unsuspended."""
    with call.changing() as collection:
        return Changed(changed=collection.sched.suspend_cards(_cards(body)).count)


@resource.post("/v1/cards:unsuspend", scope=Scope.REVIEW)
def unsuspend_cards(call: Call, body: CardIds) -> None:
    """Bring suspended or buried cards back into study."""
    with call.changing() as collection:
        collection.sched.unsuspend_cards(_cards(body))


@resource.post("/v1/cards:bury", scope=Scope.REVIEW)
def bury_cards(call: Call, body: CardIds) -> Changed:
    """Take cards out of study until tomorrow."""
    with call.changing() as collection:
        return Changed(changed=collection.sched.bury_cards(_cards(body)).count)


@resource.post("/v1/cards:unbury", scope=Scope.REVIEW)
def unbury_cards(call: Call, body: CardIds) -> None:
    """Bring buried cards back into study."""
    with call.changing() as collection:
        buried = [
            card_id for card_id in _cards(body) if collection.get_card(card_id).queue in (-2, -3)
        ]
        collection.sched.unbury_cards(buried)


@resource.post("/v1/cards:flag", scope=Scope.REVIEW)
def flag_cards(call: Call, body: Flagging) -> Changed:
    """Put a flag on cards, or take it off."""
    with call.changing() as collection:
        return Changed(changed=collection.set_user_flag_for_cards(body.flag, _cards(body)).count)


@resource.post("/v1/cards:set-due", scope=Scope.REVIEW)
def set_cards_due(call: Call, body: DueDate) -> None:
    """Set the day on which cards are due."""
    with call.changing() as collection:
        collection.sched.set_due_date(_cards(body), body.days)


@resource.post("/v1/cards:forget")
def forget_cards(call: Call, body: Forgetting) -> None:
    """Make cards new again; their reviews stay."""
    with call.changing() as collection:
        collection.sched.schedule_cards_as_new(
            _cards(body),
            restore_position=body.restore_position,
            reset_counts=body.reset_counts,
        )


@resource.post("/v1/cards:move")
def move_cards(call: Call, body: Move) -> Changed:
    """Move cards to another deck."""
    with call.changing() as collection:
        deck = normal_deck_meant(collection, body.deck)
        return Changed(changed=collection.set_deck(_cards(body), deck["id"]).count)


def _cards(body: CardIds) -> list[CardId]:
    return [CardId(one) for one in body.card_ids]
