"""What a program does is on the devices after their next sync, and the other way round."""

import pytest

from tests.conftest import AllSidesAgree, NewDevice
from tests.rest.conftest import AncestorProgram
from tests.support.device import AGAIN, DEFAULT_DECK, FULL_DOWNLOAD, GOOD, NO_CHANGES, Device


def only_small_syncs(*devices: Device) -> None:
    for device in devices:
        assert device.sync() == NO_CHANGES


def test_a_note_that_a_program_adds_is_on_every_device(
    old: AncestorProgram, laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    fields = {"Front": "ein Wort", "Back": "a word"}
    note = old("add_note", {"model": "Basic", "fields": fields, "tags": "german new"})

    only_small_syncs(laptop, phone)

    for device in (laptop, phone):
        assert device.fields(note["id"]) == ["ein Wort", "a word"]
        assert device.col.get_note(note["id"]).tags == ["german", "new"]
        assert len(device.cards_of(note["id"])) == 1
    all_sides_agree(laptop, phone)


def test_what_a_device_adds_is_there_for_a_program(old: AncestorProgram, laptop: Device) -> None:
    note = laptop.add_note("neu", "new", tags=["german"])
    only_small_syncs(laptop)

    assert old("find_notes", {"query": "tag:german"}) == [{"id": note}]
    assert old(f"note/{note}")["fields"] == {"Front": "neu", "Back": "new"}


def test_an_edit_by_a_program_reaches_a_device_that_has_synced_ten_times_since(
    old: AncestorProgram, laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    [first, *_] = [one["id"] for one in old("find_notes")]
    for number in range(10):
        laptop.add_note(f"more {number}")
        only_small_syncs(laptop)
    old(f"note/{first}/update", {"fields": {"Front": "changed"}, "tags": ["edited"]})

    only_small_syncs(phone, laptop)

    assert laptop.fields(first)[0] == phone.fields(first)[0] == "changed"
    all_sides_agree(laptop, phone)


def test_an_edit_that_keeps_the_time_reaches_the_devices_too(
    old: AncestorProgram, laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    [first, *_] = old("find_notes", {"preload": True})
    old(f"note/{first['id']}/add_tags", {"tags": ["marked"], "update_mod": False})

    only_small_syncs(laptop, phone)

    assert laptop.col.get_note(first["id"]).tags == ["marked"]
    assert laptop.col.get_note(first["id"]).mod == first["mod"]
    all_sides_agree(laptop, phone)


def test_a_note_that_a_program_deletes_is_gone_everywhere(
    old: AncestorProgram, laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    [first, *others] = [one["id"] for one in old("find_notes")]
    old(f"note/{first}/delete")

    only_small_syncs(laptop, phone)

    assert not laptop.has_note(first)
    assert not phone.has_note(first)
    assert all(phone.has_note(other) for other in others)
    all_sides_agree(laptop, phone)


def test_a_review_in_a_program_is_a_review_on_the_devices(
    old: AncestorProgram, laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    card = old("next_card")
    old("answer_card", {"id": card["id"], "ease": 1, "timerStarted": card["timerStarted"]})

    only_small_syncs(laptop, phone)

    assert laptop.reviews_of(card["id"]) == phone.reviews_of(card["id"]) == [AGAIN + 1]
    all_sides_agree(laptop, phone)


def test_a_review_on_a_device_is_there_for_a_program(old: AncestorProgram, laptop: Device) -> None:
    [card] = laptop.cards_of(laptop.add_note("reviewed"))
    laptop.review(card, GOOD)
    only_small_syncs(laptop)

    review = old(f"card/{card}/latest_revlog")

    assert review["ease"] == 3
    assert old("cards_recent_ease", {"ids": [card]})[0]["ease"] == 3
    assert old("latest_revlog")[0]["card_id"] == card


def test_changes_on_both_sides_at_once_all_survive(
    old: AncestorProgram, laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    of_laptop = laptop.add_note("by the laptop")
    of_program = old("add_note", {"model": "Basic", "fields": {"Front": "by the program"}})["id"]
    of_phone = phone.add_note("by the phone")

    only_small_syncs(laptop, phone, laptop)

    for device in (laptop, phone):
        assert all(device.has_note(note) for note in (of_laptop, of_program, of_phone))
    all_sides_agree(laptop, phone)


def test_decks_options_and_filtered_decks_reach_the_devices(
    old: AncestorProgram, laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    options = old("deck/Default/get_conf")
    old("deck/Default/set_update_conf", {"id": 77, "new": {**options["new"], "perDay": 7}})
    old("create_dynamic_deck", {"name": "Cram", "query": "two", "mode": "due"})

    only_small_syncs(laptop, phone)

    for device in (laptop, phone):
        used = device.col.decks.config_dict_for_deck_id(DEFAULT_DECK)
        assert (used["id"], used["new"]["perDay"]) == (options["id"], 7)
        assert device.deck("Cram")["dyn"] == 1
        assert len(device.col.find_cards("deck:Cram")) == 1
    all_sides_agree(laptop, phone)


def test_a_filtered_deck_that_a_program_empties_is_empty_on_the_devices(
    old: AncestorProgram, laptop: Device, all_sides_agree: AllSidesAgree
) -> None:
    old("create_dynamic_deck", {"name": "Cram", "query": "two"})
    only_small_syncs(laptop)
    assert len(laptop.col.find_cards("deck:Cram")) == 1

    old("empty_dynamic_deck", {"name": "Cram"})
    only_small_syncs(laptop)

    assert len(laptop.col.find_cards("deck:Cram")) == 0
    all_sides_agree(laptop)


@pytest.mark.parametrize("order", ["suspend", "unsuspend"])
def test_suspended_cards_are_suspended_on_the_devices(
    old: AncestorProgram, laptop: Device, order: str, all_sides_agree: AllSidesAgree
) -> None:
    ids = [one["id"] for one in old("find_cards")]
    old("suspend_cards", {"ids": ids})
    if order == "unsuspend":
        old("unsuspend_cards", {"ids": ids})

    only_small_syncs(laptop)

    assert len(laptop.col.find_cards("is:suspended")) == (3 if order == "suspend" else 0)
    all_sides_agree(laptop)


def test_a_collection_that_a_program_began_is_downloaded_by_the_first_device(
    old: AncestorProgram, new_device: NewDevice, all_sides_agree: AllSidesAgree
) -> None:
    note = old("add_note", {"model": "Basic", "fields": {"Front": "first"}})["id"]

    device = new_device("tablet")
    assert device.sync() == FULL_DOWNLOAD
    device.download()

    assert device.has_note(note)
    # Anki has turned the handling of time zones on, which the server never does by itself.
    only_small_syncs(device)
    old(f"note/{note}/update", {"fields": {"Front": "second"}})
    only_small_syncs(device)
    assert device.fields(note)[0] == "second"
    all_sides_agree(device)


def test_reading_gives_no_device_anything_to_do(old: AncestorProgram, laptop: Device) -> None:
    only_small_syncs(laptop)
    before = laptop.db.first("select mod, scm, usn from col")
    for operation in ("list_models", "list_decks", "find_cards", "latest_notes", "stats_report"):
        old(operation)

    only_small_syncs(laptop)

    assert laptop.db.first("select mod, scm, usn from col") == before


def test_what_a_device_changes_in_a_notetype_is_seen_by_the_next_call(
    old: AncestorProgram, laptop: Device
) -> None:
    card = old("find_cards", {"query": "front:one"})[0]["id"]
    assert old(f"card/{card}")["question"] == "one"
    basic = laptop.col.models.by_name("Basic")
    assert basic is not None
    basic["tmpls"][0]["qfmt"] = "Say {{Front}}"
    laptop.col.models.update_dict(basic)
    only_small_syncs(laptop)

    assert old(f"card/{card}")["question"] == "Say one"
    assert old("find_model_by_name", {"model": "Basic"})["tmpls"][0]["qfmt"] == "Say {{Front}}"
