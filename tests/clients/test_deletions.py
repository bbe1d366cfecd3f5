"""What is deleted on one device disappears from all of them, and stays away."""

from tests.conftest import AllSidesAgree, NewDevice
from tests.support.device import (
    DEFAULT_DECK,
    FULL_DOWNLOAD,
    FULL_SYNC,
    NO_CHANGES,
    Device,
)


def test_a_deleted_note_disappears_from_the_other_device(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    note = phone.col.find_notes("front:one")[0]
    phone.col.remove_notes([note])
    all_sides_agree(phone, laptop)
    assert not laptop.has_note(note)
    assert laptop.col.card_count() == 2


def test_a_deleted_card_disappears_and_its_note_stays(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    note = laptop.add_note("to go", "aller", notetype="Basic (and reversed card)")
    assert (laptop.sync(), phone.sync()) == (NO_CHANGES, NO_CHANGES)
    forwards, backwards = phone.cards_of(note)
    phone.col.remove_cards_and_orphaned_notes([backwards])
    assert (phone.sync(), laptop.sync()) == (NO_CHANGES, NO_CHANGES)
    assert laptop.cards_of(note) == [forwards]
    # 'Check database', at the end, makes such a card again.
    all_sides_agree(phone, laptop)


def test_a_deleted_deck_takes_its_cards_and_notes_along_everywhere(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    deck = laptop.add_deck("Doomed::Child")
    note = laptop.add_note("inside", "", deck=deck)
    assert (laptop.sync(), phone.sync()) == (NO_CHANGES, NO_CHANGES)
    phone.col.decks.remove([phone.deck("Doomed")["id"]])
    all_sides_agree(phone, laptop)
    assert not laptop.has_note(note)
    assert laptop.deck_names() == ["Default"]


def test_a_deleted_filtered_deck_leaves_its_cards_where_they_came_from(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    filtered = laptop.add_filtered_deck("Cramming", "front:one")
    assert (laptop.sync(), phone.sync()) == (NO_CHANGES, NO_CHANGES)
    phone.col.decks.remove([filtered])
    all_sides_agree(phone, laptop)
    assert laptop.deck_names() == ["Default"]
    assert len(laptop.col.find_cards("deck:Default")) == 3


def test_deleted_deck_options_need_a_full_sync_and_are_gone_afterwards(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    options = laptop.add_options("Slow")
    assert (laptop.sync(), phone.sync()) == (NO_CHANGES, NO_CHANGES)
    laptop.col.decks.remove_config(options["id"])
    assert laptop.sync() == FULL_SYNC
    laptop.upload()
    assert phone.sync() == FULL_SYNC
    phone.download()
    all_sides_agree(laptop, phone)
    assert [one["name"] for one in phone.col.decks.all_config()] == ["Default"]


def test_a_deleted_notetype_needs_a_full_sync_and_is_gone_afterwards(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    notetype = laptop.notetype("Basic (type in the answer)")
    laptop.col.models.remove(notetype["id"])
    assert laptop.sync() == FULL_SYNC
    laptop.upload()
    assert phone.sync() == FULL_SYNC
    phone.download()
    all_sides_agree(laptop, phone)
    assert phone.col.models.by_name("Basic (type in the answer)") is None


def test_graves_reach_a_device_that_was_offline(
    laptop: Device,
    phone: Device,
    new_device: NewDevice,
    all_sides_agree: AllSidesAgree,
) -> None:
    tablet = new_device("tablet")
    assert tablet.sync() == FULL_DOWNLOAD
    tablet.download()
    for front in ("one", "two"):
        laptop.col.remove_notes(laptop.col.find_notes(f"front:{front}"))
        assert (laptop.sync(), phone.sync(), laptop.sync()) == (NO_CHANGES,) * 3
    assert tablet.sync() == NO_CHANGES
    assert tablet.col.note_count() == 1
    all_sides_agree(laptop, phone, tablet)


def test_a_note_deleted_on_both_devices_is_gone_without_complaint(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    note = laptop.col.find_notes("front:one")[0]
    laptop.col.remove_notes([note])
    phone.col.remove_notes([note])
    all_sides_agree(laptop, phone)
    assert not phone.has_note(note)


def test_everything_deleted_on_one_device_is_deleted_everywhere(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    phone.col.remove_notes(phone.col.find_notes(""))
    assert (phone.sync(), laptop.sync()) == (NO_CHANGES, NO_CHANGES)
    assert laptop.col.is_empty()
    laptop.add_note("a new start", "")
    all_sides_agree(laptop, phone)


def test_more_graves_than_fit_into_one_request_all_arrive(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    notes = laptop.add_notes([(f"front {number}", "") for number in range(600)])
    assert (laptop.sync(), phone.sync()) == (NO_CHANGES, NO_CHANGES)
    phone.col.remove_notes(notes)
    all_sides_agree(phone, laptop)
    assert laptop.col.note_count() == 3


def test_a_deleted_deck_can_be_made_again_under_its_name(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    first = laptop.add_deck("Again")
    assert (laptop.sync(), phone.sync()) == (NO_CHANGES, NO_CHANGES)
    phone.col.decks.remove([first])
    second = phone.add_deck("Again")
    phone.add_note("in the new one", "", deck=second)
    all_sides_agree(phone, laptop)
    assert laptop.deck("Again")["id"] == second
    assert first not in (second, DEFAULT_DECK)
