"""Decks and their options."""

import pytest

from tests.ankiconnect.conftest import Program, basic, synced
from tests.conftest import AllSidesAgree
from tests.support.device import Device


def test_decks_are_listed_by_names_and_ids(anki: Program, laptop: Device) -> None:
    deck = laptop.add_deck("Languages::French")
    synced(laptop)

    assert anki("deckNames") == ["Default", "Languages", "Languages::French"]
    assert anki("deckNamesAndIds")["Languages::French"] == deck
    assert anki("deckNameFromId", deckId=deck) == "Languages::French"


def test_a_deck_id_of_nothing_is_an_error(anki: Program) -> None:
    assert anki.error("deckNameFromId", deckId=5) == "deck was not found: 5"


def test_a_deck_is_made_once(anki: Program, laptop: Device, all_sides_agree: AllSidesAgree) -> None:
    deck = anki("createDeck", deck="Japanese::Tokyo")
    assert anki("createDeck", deck="Japanese::Tokyo") == deck

    synced(laptop)
    assert laptop.deck("Japanese::Tokyo")["id"] == deck
    all_sides_agree(laptop)


@pytest.mark.parametrize("name", ["", " ", "::"])
def test_a_deck_without_a_name_is_an_error(anki: Program, name: str) -> None:
    assert anki.error("createDeck", deck=name) == "a deck needs a name"


def test_cards_move_to_a_deck_that_is_made_for_them(
    anki: Program, laptop: Device, all_sides_agree: AllSidesAgree
) -> None:
    first, *others = anki("findCards", query="")
    assert anki("changeDeck", cards=[first], deck="New one") is None
    assert anki("getDecks", cards=[first, *others]) == {"New one": [first], "Default": others}

    synced(laptop)
    assert laptop.col.get_card(first).did == laptop.deck("New one")["id"]
    all_sides_agree(laptop)


def test_decks_are_deleted_with_their_cards(
    anki: Program, laptop: Device, all_sides_agree: AllSidesAgree
) -> None:
    anki("createDeck", deck="Doomed")
    note = anki("addNote", note={**basic("doomed"), "deckName": "Doomed"})
    synced(laptop)
    assert laptop.has_note(note)

    assert anki("deleteDecks", decks=["Doomed", "no such deck"], cardsToo=True) is None

    synced(laptop)
    assert "Doomed" not in laptop.deck_names()
    assert not laptop.has_note(note)
    all_sides_agree(laptop)


@pytest.mark.parametrize("word", [{}, {"cardsToo": False}])
def test_decks_are_not_deleted_by_accident(anki: Program, word: dict[str, bool]) -> None:
    anki("createDeck", deck="Kept")
    assert "cardsToo" in anki.error("deleteDecks", decks=["Kept"], **word)
    assert "Kept" in anki("deckNames")


def test_options_are_read_and_stored(
    anki: Program, laptop: Device, all_sides_agree: AllSidesAgree
) -> None:
    options = anki("getDeckConfig", deck="Default")
    options["new"]["perDay"] = 7
    assert anki("saveDeckConfig", config=options) is True

    synced(laptop)
    assert laptop.col.decks.config_dict_for_deck_id(1)["new"]["perDay"] == 7
    all_sides_agree(laptop)


def test_options_of_nothing_are_false(anki: Program) -> None:
    assert anki("getDeckConfig", deck="no such deck") is False
    assert anki("saveDeckConfig", config={"id": 77}) is False
    assert anki("setDeckConfigId", decks=["Default"], configId=77) is False
    assert anki("setDeckConfigId", decks=["no such deck"], configId=1) is False
    assert anki("cloneDeckConfigId", name="copy", cloneFrom=77) is False
    assert anki("removeDeckConfigId", configId=77) is False
    assert anki("removeDeckConfigId", configId=1) is False


def test_options_of_the_wrong_shape_are_an_error(anki: Program) -> None:
    assert anki.error("saveDeckConfig", config={"id": 1, "new": 3})


def test_decks_get_new_options_and_lose_them(
    anki: Program, laptop: Device, all_sides_agree: AllSidesAgree
) -> None:
    options = anki("cloneDeckConfigId", name="Copy", cloneFrom=1)
    assert anki("setDeckConfigId", decks=["Default"], configId=options) is True
    synced(laptop)
    assert laptop.deck("Default")["conf"] == options
    all_sides_agree(laptop)


def test_options_are_not_removed_since_that_would_force_a_full_sync(anki: Program) -> None:
    options = anki("cloneDeckConfigId", name="Copy")
    anki("setDeckConfigId", decks=["Default"], configId=options)
    assert "ankiconnect_schema_changes" in anki.error("removeDeckConfigId", configId=options)
    assert anki("getDeckConfig", deck="Default")["id"] == options


def test_deck_stats_count_what_there_is_to_do(anki: Program) -> None:
    deck = anki("createDeck", deck="Empty")
    stats = anki("getDeckStats", decks=["Default", "Empty"])

    assert stats["1"] == {
        "deck_id": 1,
        "name": "Default",
        "new_count": 3,
        "learn_count": 0,
        "review_count": 0,
        "total_in_deck": 3,
    }
    assert stats[str(deck)]["total_in_deck"] == 0


def test_stats_of_a_missing_deck_are_an_error(anki: Program) -> None:
    assert anki.error("getDeckStats", decks=["nobody"]) == "deck was not found: nobody"
