"""Decks, deck options, filtered decks, notetypes and settings go both ways."""

from tests.conftest import AllSidesAgree
from tests.support.agreement import bring_into_step
from tests.support.device import DEFAULT_DECK, GOOD, NO_CHANGES, Device


def test_decks_with_parents_reach_the_other_device_and_are_renamed_there(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    laptop.add_deck("Languages::French::Verbs")
    assert (laptop.sync(), phone.sync()) == (NO_CHANGES, NO_CHANGES)
    assert "Languages::French" in phone.deck_names()
    phone.col.decks.rename(phone.deck("Languages::French"), "Languages::Français")
    all_sides_agree(phone, laptop)
    assert "Languages::Français::Verbs" in laptop.deck_names()


def test_a_deck_of_the_same_name_made_on_two_devices_gets_a_second_name(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    of_laptop, of_phone = laptop.add_deck("Chemistry"), phone.add_deck("Chemistry")
    laptop.add_note("in the laptop's", "", deck=of_laptop)
    phone.add_note("in the phone's", "", deck=of_phone)
    bring_into_step(laptop, phone)
    for device in (laptop, phone):
        # Server and client each rename what reaches them second, so the names may be swapped.
        assert sorted(device.deck_names()) == ["Chemistry", "Chemistry+", "Default"]
        assert {of_laptop, of_phone} < set(device.deck_ids())
    phone.col.decks.rename(of_laptop, "Chemistry of the laptop")
    phone.col.decks.rename(of_phone, "Chemistry of the phone")
    all_sides_agree(phone, laptop)


def test_a_deck_description_and_todays_limits_reach_the_other_device(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    deck = laptop.deck("Default")
    deck["desc"] = "Ten a day: <b>only</b> ten 🦉"
    deck["newLimit"] = 10
    laptop.col.decks.update_dict(deck)
    all_sides_agree(laptop, phone)
    assert phone.deck("Default")["desc"] == "Ten a day: <b>only</b> ten 🦉"
    assert phone.deck("Default")["newLimit"] == 10


def test_todays_counts_of_a_deck_follow_the_reviews(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    laptop.review(laptop.col.find_cards("front:one")[0], GOOD)
    all_sides_agree(laptop, phone)
    assert phone.deck("Default")["newToday"][1] == 1


def test_deck_options_are_added_changed_and_assigned_on_different_devices(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    options = laptop.add_options("Slow")
    options["rev"]["perDay"] = 37
    options["desiredRetention"] = 0.87
    laptop.col.decks.update_config(options)
    assert (laptop.sync(), phone.sync()) == (NO_CHANGES, NO_CHANGES)
    phone.col.decks.set_config_id_for_deck_dict(phone.deck("Default"), options["id"])
    all_sides_agree(phone, laptop)
    used = laptop.col.decks.config_dict_for_deck_id(DEFAULT_DECK)
    assert (used["name"], used["rev"]["perDay"], used["desiredRetention"]) == ("Slow", 37, 0.87)


def test_a_filtered_deck_borrows_cards_on_one_device_and_gives_them_back_on_the_other(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    filtered = laptop.add_filtered_deck("Cramming", "front:one or front:two")
    assert (laptop.sync(), phone.sync()) == (NO_CHANGES, NO_CHANGES)
    assert phone.col.decks.is_filtered(filtered)
    assert len(phone.col.find_cards("deck:Cramming")) == 2
    phone.review(phone.col.find_cards("deck:Cramming")[0], GOOD)
    phone.col.sched.empty_filtered_deck(filtered)
    all_sides_agree(phone, laptop)
    assert not laptop.col.find_cards("deck:Cramming")
    assert len(laptop.col.find_cards("deck:Default")) == 3


def test_a_template_text_and_css_changed_on_one_device_reach_the_other_without_a_full_sync(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    basic = laptop.notetype("Basic")
    basic["tmpls"][0]["qfmt"] = "<p>{{Front}}</p>"
    basic["css"] += "\n.card { color: navy; }"
    laptop.col.models.update_dict(basic)
    all_sides_agree(laptop, phone)
    assert phone.notetype("Basic")["tmpls"][0]["qfmt"] == "<p>{{Front}}</p>"
    assert phone.notetype("Basic")["css"].endswith("color: navy; }")


def test_a_new_notetype_and_its_notes_reach_the_other_device(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    laptop.add_notetype("Vocabulary", like="Basic (and reversed card)")
    note = laptop.add_note("to go", "aller", notetype="Vocabulary")
    all_sides_agree(laptop, phone)
    assert len(phone.cards_of(note)) == 2
    assert phone.notetype("Vocabulary")["id"] == laptop.notetype("Vocabulary")["id"]


def test_a_notetype_of_the_same_name_made_on_two_devices_gets_a_second_name(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    laptop.add_notetype("Vocabulary")
    phone.add_notetype("Vocabulary")
    laptop.add_note("on the laptop", "", notetype="Vocabulary")
    phone.add_note("on the phone", "", notetype="Vocabulary")
    # Server and client each rename what reaches them second, so the names may be swapped.
    all_sides_agree(laptop, phone, apart_from=["notetypes"])
    for device in (laptop, phone):
        assert device.notetype("Vocabulary+")["id"] != device.notetype("Vocabulary")["id"]


def test_settings_reach_the_other_device_and_removed_ones_stay_away(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    laptop.col.set_config("addon", {"nested": [1, 2.5, None, "ü"], "on": True})
    laptop.col.set_config("passing", 1)
    assert (laptop.sync(), phone.sync()) == (NO_CHANGES, NO_CHANGES)
    assert phone.col.get_config("addon") == {"nested": [1, 2.5, None, "ü"], "on": True}
    phone.col.remove_config("passing")
    all_sides_agree(phone, laptop)
    assert laptop.col.get_config("passing") is None


def test_preferences_of_scheduling_reach_the_other_device(
    laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    preferences = laptop.col.get_preferences()
    preferences.scheduling.rollover = 6
    preferences.scheduling.learn_ahead_secs = 600
    laptop.col.set_preferences(preferences)
    all_sides_agree(laptop, phone)
    received = phone.col.get_preferences().scheduling
    assert (received.rollover, received.learn_ahead_secs) == (6, 600)
