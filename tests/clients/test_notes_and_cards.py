"""Notes and cards go both ways between two devices that are used in turn."""

from anki.cards import Card

from tests.conftest import AllSidesAgree
from tests.support.device import AGAIN, DEFAULT_DECK, EASY, GOOD, NO_CHANGES, Device

SUSPENDED, USER_BURIED = -1, -3


def first_card(device: Device, search: str = "front:one") -> Card:
    return device.col.get_card(device.col.find_cards(search)[0])


def test_notes_added_on_either_device_reach_the_other(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    from_laptop = laptop.add_note("added on the laptop", "")
    from_phone = phone.add_note("added on the phone", "", tags=["mobile"])
    all_sides_agree(laptop, phone)
    assert phone.fields(from_laptop)[0] == "added on the laptop"
    assert laptop.fields(from_phone)[0] == "added on the phone"
    assert laptop.col.note_count() == 5


def test_an_edit_made_on_one_device_reaches_the_other(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    note = phone.col.find_notes("front:two")[0]
    phone.edit_note(note, "two", "edited on the phone")
    all_sides_agree(phone, laptop)
    assert laptop.fields(note)[1] == "edited on the phone"


def test_edits_of_different_notes_on_both_devices_both_survive(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    one, two = laptop.col.find_notes("front:one")[0], laptop.col.find_notes("front:two")[0]
    laptop.edit_note(one, "one", "by the laptop")
    phone.edit_note(two, "two", "by the phone")
    all_sides_agree(laptop, phone)
    assert laptop.fields(two)[1] == "by the phone"
    assert phone.fields(one)[1] == "by the laptop"


def test_a_device_that_was_offline_gets_what_several_syncs_of_another_brought(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    added = []
    for number in range(4):
        added.append(laptop.add_note(f"round {number}", ""))
        assert laptop.sync() == NO_CHANGES
    assert phone.sync() == NO_CHANGES
    assert all(phone.has_note(note) for note in added)
    all_sides_agree(laptop, phone)


def test_reviews_made_on_both_devices_are_all_kept(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    one, two = first_card(laptop, "front:one").id, first_card(laptop, "front:two").id
    laptop.review(one, GOOD)
    laptop.review(one, EASY)
    phone.review(two, AGAIN)
    phone.review(two, GOOD)
    phone.a_minute_later()
    all_sides_agree(laptop, phone)
    assert phone.reviews_of(one) == [3, 4]
    assert laptop.reviews_of(two) == [1, 3]
    assert phone.col.get_card(one).reps == 2


def test_a_reviewed_card_and_its_edited_note_meet_from_two_devices(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    card = first_card(laptop)
    laptop.review(card.id, EASY)
    phone.edit_note(card.nid, "one", "edited meanwhile")
    all_sides_agree(laptop, phone)
    assert phone.col.get_card(card.id).reps == 1
    assert laptop.fields(card.nid)[1] == "edited meanwhile"


def test_flags_reach_the_other_device_and_are_taken_off_there(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    card = first_card(laptop)
    laptop.col.set_user_flag_for_cards(4, [card.id])
    assert (laptop.sync(), phone.sync()) == (NO_CHANGES, NO_CHANGES)
    assert phone.col.get_card(card.id).user_flag() == 4
    phone.col.set_user_flag_for_cards(0, [card.id])
    all_sides_agree(phone, laptop)
    assert laptop.col.get_card(card.id).user_flag() == 0


def test_suspending_burying_and_undoing_both_reach_the_other_device(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    one, two = first_card(laptop, "front:one"), first_card(laptop, "front:two")
    laptop.col.sched.suspend_cards([one.id])
    laptop.col.sched.bury_cards([two.id])
    assert (laptop.sync(), phone.sync()) == (NO_CHANGES, NO_CHANGES)
    assert first_card(phone, "front:one").queue == SUSPENDED
    assert first_card(phone, "front:two").queue == USER_BURIED
    phone.col.sched.unsuspend_cards([one.id])
    phone.col.sched.unbury_cards([two.id])
    all_sides_agree(phone, laptop)
    assert first_card(laptop, "front:one").queue == 0
    assert first_card(laptop, "front:two").queue == 0


def test_due_dates_and_forgetting_reach_the_other_device(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    one, two = first_card(laptop, "front:one"), first_card(laptop, "front:two")
    laptop.col.sched.set_due_date([one.id], "7!")
    laptop.review(two.id, EASY)
    assert (laptop.sync(), phone.sync()) == (NO_CHANGES, NO_CHANGES)
    assert first_card(phone, "front:one").ivl == 7
    phone.col.sched.schedule_cards_as_new([two.id], reset_counts=True)
    all_sides_agree(phone, laptop)
    assert first_card(laptop, "front:two").reps == 0


def test_tags_added_renamed_and_taken_away_reach_the_other_device(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    notes = list(laptop.col.find_notes("front:one or front:two"))
    laptop.col.tags.bulk_add(notes, "verbs::irregular Über")
    assert (laptop.sync(), phone.sync()) == (NO_CHANGES, NO_CHANGES)
    assert {"verbs::irregular", "Über"} <= set(phone.col.tags.all())
    phone.col.tags.rename("verbs", "grammar")
    phone.col.tags.bulk_remove(notes[:1], "Über")
    # The protocol has no word for a tag that left the list of tags.
    all_sides_agree(phone, laptop, apart_from=["tags"])
    assert laptop.col.get_note(notes[0]).tags == ["grammar::irregular"]
    assert laptop.col.get_note(notes[1]).tags == ["grammar::irregular", "Über"]


def test_a_tag_spelled_differently_on_two_devices_stays_one_tag(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    laptop.add_note("with a small letter", "", tags=["physics"])
    phone.add_note("with a big letter", "", tags=["Physics"])
    # Each side keeps the spelling that it knew first.
    all_sides_agree(laptop, phone, apart_from=["tags"])
    for device in (laptop, phone):
        assert len(device.col.tags.all()) == 1
        assert len(device.col.find_notes("tag:physics")) == 2


def test_cards_moved_to_another_deck_move_everywhere(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    card = first_card(laptop)
    deck = laptop.add_deck("Moved")
    laptop.col.set_deck([card.id], deck)
    assert (laptop.sync(), phone.sync()) == (NO_CHANGES, NO_CHANGES)
    assert phone.col.get_card(card.id).did == deck
    phone.col.set_deck([card.id], DEFAULT_DECK)
    all_sides_agree(phone, laptop)
    assert laptop.col.get_card(card.id).did == DEFAULT_DECK
