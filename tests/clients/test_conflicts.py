"""The same thing changed on two devices before they synced."""

from anki.cards import CardId

from tests.conftest import AllSidesAgree
from tests.support.device import EASY, GOOD, NO_CHANGES, Device


def card(device: Device) -> CardId:
    return device.col.find_cards("front:one")[0]


def test_the_newer_edit_of_a_note_wins_when_it_syncs_last(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    note = laptop.col.find_notes("front:one")[0]
    laptop.edit_note(note, "one", "older")
    phone.edit_note(note, "one", "newer")
    phone.a_minute_later()
    all_sides_agree(laptop, phone)
    assert laptop.fields(note)[1] == "newer"


def test_the_newer_edit_of_a_note_wins_when_it_synced_first(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    note = laptop.col.find_notes("front:one")[0]
    laptop.edit_note(note, "one", "newer")
    laptop.a_minute_later()
    phone.edit_note(note, "one", "older")
    all_sides_agree(laptop, phone)
    assert phone.fields(note)[1] == "newer"


def test_both_reviews_of_one_card_stay_in_its_history(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    laptop.review(card(laptop), GOOD)
    phone.review(card(phone), EASY)
    phone.a_minute_later()
    all_sides_agree(laptop, phone)
    assert laptop.reviews_of(card(laptop)) == [3, 4]
    assert laptop.col.get_card(card(laptop)).ivl == phone.col.get_card(card(phone)).ivl > 0


def test_a_note_deleted_here_and_edited_there_is_deleted(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    note = laptop.col.find_notes("front:one")[0]
    laptop.col.remove_notes([note])
    assert laptop.sync() == NO_CHANGES
    phone.edit_note(note, "one", "edited, but too late")
    phone.a_minute_later()
    all_sides_agree(phone, laptop)
    assert not phone.has_note(note)


def test_a_note_edited_here_and_then_deleted_there_is_deleted(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    note = laptop.col.find_notes("front:one")[0]
    laptop.edit_note(note, "one", "edited")
    laptop.a_minute_later()
    assert laptop.sync() == NO_CHANGES
    phone.col.remove_notes([note])
    all_sides_agree(phone, laptop)
    assert not laptop.has_note(note)


def test_the_newer_template_of_a_notetype_wins(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    for device, text in ((laptop, "older {{Front}}"), (phone, "newer {{Front}}")):
        basic = device.notetype("Basic")
        basic["tmpls"][0]["qfmt"] = text
        device.col.models.update_dict(basic)
    phone.a_minute_later()
    all_sides_agree(phone, laptop)
    assert laptop.notetype("Basic")["tmpls"][0]["qfmt"] == "newer {{Front}}"


def test_the_newer_name_of_a_deck_wins(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    deck = laptop.add_deck("Biology")
    assert (laptop.sync(), phone.sync()) == (NO_CHANGES, NO_CHANGES)
    laptop.col.decks.rename(deck, "Life")
    phone.col.decks.rename(deck, "Bio")
    phone.a_minute_later()
    all_sides_agree(laptop, phone)
    assert laptop.col.decks.name(deck) == "Bio"


def test_the_settings_of_the_collection_that_changed_last_win_as_a_whole(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    laptop.col.set_config("from the laptop", 1)
    phone.col.set_config("from the phone", 1)
    # The laptop's sync stamps the server later than the phone's change.
    assert laptop.sync() == NO_CHANGES
    assert phone.sync() == NO_CHANGES
    all_sides_agree(laptop, phone)
    assert "from the laptop" in phone.col.all_config()
    assert "from the phone" not in phone.col.all_config()
