"""Adding notes: duplicates and where they are looked for, files that come along."""

import base64
import hashlib
from typing import Any

import pytest

from syncserver.accounts.scopes import Scope
from tests.ankiconnect.conftest import NewAnki, Program, basic, synced
from tests.conftest import AllSidesAgree
from tests.support.device import Device

DUPLICATE = "cannot create note because it is a duplicate"
EMPTY = "cannot create note because it is empty"
SOUND = base64.b64encode(b"a sound").decode()


def options(**given: Any) -> dict[str, Any]:
    return {"options": given}


def in_deck(name: str, note: dict[str, Any]) -> dict[str, Any]:
    return {**note, "deckName": name}


def test_a_note_is_on_every_device(
    anki: Program, laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    note = anki("addNote", note=basic("ein Wort", "a word", tags=["german", "new"]))

    synced(laptop, phone)
    for device in (laptop, phone):
        assert device.fields(note) == ["ein Wort", "a word"]
        assert device.col.get_note(note).tags == ["german", "new"]
        assert len(device.cards_of(note)) == 1
    all_sides_agree(laptop, phone)
    assert phone.check_database() == ""


def test_names_of_fields_may_be_in_small_letters(anki: Program) -> None:
    note = anki("addNote", note={**basic("x"), "fields": {"front": "f", "BACK": "b", "else": ""}})
    fields = anki("notesInfo", notes=[note])[0]["fields"]
    assert {name: field["value"] for name, field in fields.items()} == {"Front": "f", "Back": "b"}


@pytest.mark.parametrize(
    ("note", "error"),
    [
        (basic("one"), DUPLICATE),
        (basic("<b>one</b>"), DUPLICATE),
        (basic(""), EMPTY),
        (basic(" <br> "), EMPTY),
        ({**basic("x"), "fields": {}}, EMPTY),
        (in_deck("nowhere", basic("x")), "deck was not found: nowhere"),
        ({**basic("x"), "modelName": "nothing"}, "model was not found: nothing"),
    ],
)
def test_a_note_that_cannot_be_added_says_why(
    anki: Program, note: dict[str, Any], error: str
) -> None:
    assert anki.error("addNote", note=note) == error
    assert anki("canAddNote", note=note) is False
    assert anki("canAddNotes", notes=[note]) == [False]
    verdict = {"canAdd": False, "error": error}
    assert anki("canAddNoteWithErrorDetail", note=note) == verdict
    assert anki("canAddNotesWithErrorDetail", notes=[note]) == [verdict]
    assert len(anki("findNotes", query="")) == 3


def test_a_note_that_can_be_added_is_not_added_by_the_question(anki: Program) -> None:
    assert anki("canAddNote", note=basic("new")) is True
    assert anki("canAddNotes", notes=[basic("new"), basic("one")]) == [True, False]
    assert anki("canAddNoteWithErrorDetail", note=basic("new")) == {"canAdd": True}
    assert anki("canAddNotesWithErrorDetail", notes=[basic("new")]) == [{"canAdd": True}]
    assert anki("findNotes", query="new") == []


def test_a_duplicate_is_added_if_that_is_wanted(anki: Program) -> None:
    note = basic("one", **options(allowDuplicate=True))
    assert anki("addNote", note=note) in anki("findNotes", query="front:one")


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        ({}, False),
        ({"duplicateScope": "collection"}, False),
        ({"duplicateScope": "deck"}, True),
        ({"duplicateScope": "deck", "duplicateScopeOptions": {"deckName": "Default"}}, False),
        ({"duplicateScope": "deck", "duplicateScopeOptions": {"deckName": None}}, True),
    ],
)
def test_duplicates_are_looked_for_in_the_named_deck(
    anki: Program, scope: dict[str, Any], allowed: bool
) -> None:
    anki("createDeck", deck="Other")
    assert anki("canAddNote", note=in_deck("Other", basic("one", **options(**scope)))) is allowed


@pytest.mark.parametrize(("children", "allowed"), [(True, False), (False, True), (None, True)])
def test_decks_below_are_looked_at_if_that_is_wanted(
    anki: Program, children: bool | None, allowed: bool
) -> None:
    anki("createDeck", deck="Parent::Child")
    anki("addNote", note=in_deck("Parent::Child", basic("new")))
    scope = {"duplicateScope": "deck", "duplicateScopeOptions": {"checkChildren": children}}
    assert anki("canAddNote", note=in_deck("Parent", basic("new", **options(**scope)))) is allowed


@pytest.mark.parametrize(("all_models", "allowed"), [(True, False), (False, True)])
def test_other_notetypes_are_looked_at_if_that_is_wanted(
    anki: Program, all_models: bool, allowed: bool
) -> None:
    scope = {"duplicateScopeOptions": {"checkAllModels": all_models}}
    note = {**basic("one", **options(**scope)), "modelName": "Basic (and reversed card)"}
    assert anki("canAddNote", note=note) is allowed


def test_a_deck_to_look_in_that_does_not_exist_is_an_error(anki: Program) -> None:
    scope = {"duplicateScope": "deck", "duplicateScopeOptions": {"deckName": "nowhere"}}
    assert "nowhere" in anki.error("addNote", note=basic("one", **options(**scope)))


def test_of_several_notes_those_are_added_that_can_be(
    anki: Program, laptop: Device, all_sides_agree: AllSidesAgree
) -> None:
    broken = basic("y", audio={"filename": "a.mp3", "data": "!", "fields": ["Front"]})
    unlucky = basic("z", audio={"filename": "a/b.mp3", "data": SOUND, "fields": ["Front"]})
    notes = [basic("new"), basic("one"), basic("new"), basic(""), broken, unlucky, basic("last")]
    first, *failed, last = anki("addNotes", notes=notes)

    assert failed == [None] * 5
    synced(laptop)
    assert laptop.fields(first)[0] == "new"
    assert laptop.fields(last)[0] == "last"
    all_sides_agree(laptop)


def test_thousands_of_notes_are_added_at_once(
    anki: Program, laptop: Device, all_sides_agree: AllSidesAgree
) -> None:
    notes = anki("addNotes", notes=[basic(f"note {number}") for number in range(2000)])
    assert len(set(notes)) == 2000
    synced(laptop)
    assert all(map(laptop.has_note, notes))
    all_sides_agree(laptop)


# Files


def file(name: str, *fields: str, **others: Any) -> dict[str, Any]:
    return {"filename": name, "data": SOUND, "fields": list(fields), **others}


def test_sounds_videos_and_pictures_are_shown_in_their_fields(
    anki: Program, laptop: Device, all_sides_agree: AllSidesAgree
) -> None:
    note = basic(
        "word",
        "back",
        audio=[file("word.mp3", "Front"), file("word2.mp3", "back", "No such field")],
        video=file("word.mp4", "Back"),
        picture=[file("word & co.png", "Back")],
    )
    added = anki("addNote", note=note)

    assert anki("getMediaFilesNames") == ["word & co.png", "word.mp3", "word.mp4", "word2.mp3"]
    assert anki("retrieveMediaFile", filename="word.mp3") == SOUND
    synced(laptop)
    assert laptop.fields(added) == [
        "word[sound:word.mp3]",
        'back[sound:word2.mp3][sound:word.mp4]<img src="word &amp; co.png">',
    ]
    all_sides_agree(laptop)


def test_a_file_with_the_hash_to_skip_is_left_out(anki: Program) -> None:
    digest = hashlib.md5(b"a sound").hexdigest()
    audio = [file("stub.mp3", "Front", skipHash=digest), file("a.mp3", "Back", skipHash="0" * 32)]
    added = anki("addNote", note=basic("word", audio=audio))

    fields = anki("notesInfo", notes=[added])[0]["fields"]
    assert [field["value"] for field in fields.values()] == ["word", "[sound:a.mp3]"]
    assert anki("getMediaFilesNames") == ["a.mp3"]


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ({"path": "/etc/passwd"}, "paths on the server cannot be used"),
        ({"url": "https://example.org/a.mp3"}, "does not fetch files from that host"),
        ({"url": "file:///etc/passwd"}, "no http or https URL"),
        ({"data": "!"}, "base64"),
        ({}, "data or a url"),
    ],
)
def test_a_note_whose_file_cannot_be_had_is_not_added(
    anki: Program, source: dict[str, str], error: str
) -> None:
    audio = {"filename": "a.mp3", "fields": ["Front"], **source}
    assert error in anki.error("addNote", note=basic("word", audio=audio))
    assert anki("findNotes", query="word") == []


def test_files_of_a_note_that_is_a_duplicate_are_not_stored(anki: Program) -> None:
    assert anki.error("addNote", note=basic("one", audio=file("a.mp3", "Front"))) == DUPLICATE
    assert anki("getMediaFilesNames") == []


def test_a_key_for_adding_replaces_no_file(laptop: Device, new_anki: NewAnki) -> None:
    program = new_anki(Scope.ADD)
    program("storeMediaFile", filename="a.mp3", data=base64.b64encode(b"first").decode())
    added = program("addNote", note=basic("word", audio=file("a.mp3", "Front")))

    name = f"a-{hashlib.sha1(b'a sound').hexdigest()}.mp3"
    front = program("notesInfo", notes=[added])[0]["fields"]["Front"]["value"]
    assert front == f"word[sound:{name}]"
    assert program("getMediaFilesNames") == [name, "a.mp3"]
