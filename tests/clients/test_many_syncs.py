"""A day of two devices: what the server keeps from sync to sync stays that of the tables."""

import random

from syncserver import events
from syncserver.sync.row_counts import BELIEVED
from tests.conftest import AllSidesAgree
from tests.support.device import NO_CHANGES, Device
from tests.support.our_server import OurServer

ROUNDS = BELIEVED + 10


def live_a_little(device: Device, chance: random.Random) -> None:
    """Add, edit, review or delete something, or nothing."""
    deed = chance.randrange(6)
    notes = device.col.find_notes("")
    if deed == 0:
        device.add_notes([[f"note {chance.random()}", "back"] for _ in range(3)])
    elif deed == 1 and len(notes) > 3:
        device.col.remove_notes(chance.sample(list(notes), 2))
    elif deed == 2 and notes:
        device.edit_note(chance.choice(notes), f"edited {chance.random()}", "back")
    elif deed == 3 and notes:
        device.review(device.cards_of(chance.choice(notes))[0])
    elif deed == 4:
        device.add_deck(f"deck {chance.random()}")


def test_the_numbers_agree_after_many_syncs_of_two_devices(
    ours: OurServer, laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    chance = random.Random(5)
    for round_number in range(ROUNDS):
        device = chance.choice([laptop, phone])
        live_a_little(device, chance)
        assert device.sync() == NO_CHANGES, f"a full sync in round {round_number}"
    all_sides_agree(laptop, phone)
    assert events.COUNTS_WRONG not in ours.log()
    assert events.SANITY_CHECK_FAILED not in ours.log()
