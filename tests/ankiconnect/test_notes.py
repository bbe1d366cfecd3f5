"""Notes: looking at them, changing and deleting them, tags."""

import base64
from typing import Any

import pytest

from tests.ankiconnect.conftest import Program, synced
from tests.conftest import AllSidesAgree
from tests.support.device import Device

NOBODY = 12345


@pytest.fixture
def notes(laptop: Device) -> list[int]:
    """The laptop's three notes, the oldest first."""
    return sorted(laptop.col.find_notes(""))


def test_find_notes_searches_as_the_browser_does(anki: Program, notes: list[int]) -> None:
    assert anki("findNotes", query="front:two") == [notes[1]]
    assert sorted(anki("findNotes", query="")) == notes


def test_notes_info_tells_all_about_notes(anki: Program, laptop: Device, notes: list[int]) -> None:
    note = laptop.col.get_note(notes[0])
    first, nobody = anki("notesInfo", notes=[notes[0], NOBODY])

    assert nobody == {}
    assert first == {
        "noteId": notes[0],
        "profile": anki("getActiveProfile"),
        "modelName": "Basic",
        "tags": [],
        "fields": {
            "Front": {"value": "one", "order": 0},
            "Back": {"value": "back of one", "order": 1},
        },
        "mod": note.mod,
        "cards": list(note.card_ids()),
    }
    assert anki("notesInfo", query="front:one") == [first]


def test_notes_info_of_nothing_is_an_error(anki: Program) -> None:
    assert "query" in anki.error("notesInfo")


def test_notes_mod_time_tells_when_notes_were_changed(
    anki: Program, laptop: Device, notes: list[int]
) -> None:
    mod = laptop.col.get_note(notes[0]).mod
    assert anki("notesModTime", notes=[notes[0], NOBODY]) == [{"noteId": notes[0], "mod": mod}, {}]


def test_fields_are_changed_and_others_stay(
    anki: Program, laptop: Device, notes: list[int], all_sides_agree: AllSidesAgree
) -> None:
    assert anki("updateNoteFields", note={"id": notes[0], "fields": {"front": "changed"}}) is None

    synced(laptop)
    assert laptop.fields(notes[0]) == ["changed", "back of one"]
    all_sides_agree(laptop)


def test_files_may_come_with_a_change(anki: Program, laptop: Device, notes: list[int]) -> None:
    picture = {
        "filename": "cat.png",
        "data": base64.b64encode(b"a cat").decode(),
        "fields": ["Back"],
    }
    update = {"id": notes[0], "fields": {"Back": "see "}, "picture": [picture]}
    anki("updateNoteFields", note=update)

    synced(laptop)
    assert laptop.fields(notes[0])[1] == 'see <img src="cat.png">'
    assert anki("getMediaFilesNames") == ["cat.png"]


@pytest.mark.parametrize(
    ("change", "fields", "tags"),
    [
        ({"fields": {"Back": "new"}}, ["one", "new"], []),
        ({"tags": ["a", "b"]}, ["one", "back of one"], ["a", "b"]),
        ({"fields": {"Front": "new"}, "tags": ["c"]}, ["new", "back of one"], ["c"]),
    ],
)
def test_fields_and_tags_are_changed_together_or_alone(
    anki: Program,
    laptop: Device,
    notes: list[int],
    change: dict[str, Any],
    fields: list[str],
    tags: list[str],
) -> None:
    assert anki("updateNote", note={"id": notes[0], **change}) is None

    synced(laptop)
    assert laptop.fields(notes[0]) == fields
    assert laptop.col.get_note(notes[0]).tags == tags


def test_a_change_of_nothing_is_an_error(anki: Program, notes: list[int]) -> None:
    assert anki.error("updateNote", note={"id": notes[0]})
    assert anki.error("updateNoteFields", note={"id": notes[0], "tags": ["a"]})
    assert str(NOBODY) in anki.error("updateNoteFields", note={"id": NOBODY, "fields": {}})


def test_notes_are_deleted(
    anki: Program, laptop: Device, notes: list[int], all_sides_agree: AllSidesAgree
) -> None:
    assert anki("deleteNotes", notes=[notes[0], NOBODY]) is None

    synced(laptop)
    assert not laptop.has_note(notes[0])
    assert laptop.has_note(notes[1])
    all_sides_agree(laptop)


def test_empty_notes_are_removed(
    anki: Program, laptop: Device, notes: list[int], all_sides_agree: AllSidesAgree
) -> None:
    laptop.edit_note(notes[0], "", "")
    synced(laptop)
    assert anki("removeEmptyNotes") is None

    synced(laptop)
    assert not laptop.has_note(notes[0])
    assert laptop.has_note(notes[1])
    all_sides_agree(laptop)


def test_another_notetype_needs_a_full_sync(anki: Program, notes: list[int]) -> None:
    change = {"id": notes[0], "modelName": "Cloze", "fields": {"Text": "{{c1::x}}"}}
    assert "ankiconnect_schema_changes" in anki.error("updateNoteModel", note=change)
    assert anki("notesInfo", notes=notes[:1])[0]["modelName"] == "Basic"


def test_the_same_notetype_with_new_fields_and_tags_needs_none(
    anki: Program, laptop: Device, notes: list[int], all_sides_agree: AllSidesAgree
) -> None:
    change = {"id": notes[0], "modelName": "Basic", "fields": {"Front": "new"}, "tags": ["t"]}
    assert anki("updateNoteModel", note=change) is None

    synced(laptop)
    assert laptop.fields(notes[0]) == ["new", ""]
    assert laptop.col.get_note(notes[0]).tags == ["t"]
    all_sides_agree(laptop)


def test_a_notetype_that_has_none_of_the_fields_is_an_error(
    anki: Program, notes: list[int]
) -> None:
    change = {"id": notes[0], "modelName": "Basic", "fields": {"Text": "x"}}
    assert "fields" in anki.error("updateNoteModel", note=change)
    missing = {"id": notes[0], "modelName": "nobody", "fields": {}}
    assert anki.error("updateNoteModel", note=missing) == "model was not found: nobody"


# Tags


def test_tags_are_added_and_removed(
    anki: Program, laptop: Device, notes: list[int], all_sides_agree: AllSidesAgree
) -> None:
    assert anki("addTags", notes=[*notes[:2], NOBODY], tags="first second") is None
    assert anki("removeTags", notes=notes[:1], tags="first") is None
    assert anki("getNoteTags", note=notes[0]) == ["second"]
    assert anki("getTags") == ["first", "second"]

    synced(laptop)
    assert laptop.col.get_note(notes[1]).tags == ["first", "second"]
    all_sides_agree(laptop)


def test_tags_of_a_note_are_set(
    anki: Program, laptop: Device, notes: list[int], all_sides_agree: AllSidesAgree
) -> None:
    anki("addTags", notes=notes, tags="old")
    assert anki("updateNoteTags", note=notes[0], tags=["new", "tags"]) is None

    synced(laptop)
    assert laptop.col.get_note(notes[0]).tags == ["new", "tags"]
    all_sides_agree(laptop)


def test_tags_of_a_missing_note_are_an_error(anki: Program) -> None:
    assert anki.error("getNoteTags", note=NOBODY)
    assert anki.error("updateNoteTags", note=NOBODY, tags=[])


def test_tags_that_no_note_has_are_forgotten(
    anki: Program, laptop: Device, notes: list[int]
) -> None:
    anki("addTags", notes=notes, tags="kept gone")
    anki("removeTags", notes=notes, tags="gone")
    assert anki("clearUnusedTags") is None
    assert anki("getTags") == ["kept"]
    synced(laptop)


def test_a_tag_is_replaced_in_some_notes_or_in_all(
    anki: Program, laptop: Device, notes: list[int], all_sides_agree: AllSidesAgree
) -> None:
    anki("addTags", notes=notes, tags="european other european::west")
    replaced = {"tag_to_replace": "European", "replace_with_tag": "french"}
    assert anki("replaceTags", notes=notes[:1], **replaced) is None
    assert [anki("getNoteTags", note=note)[0] for note in notes] == [
        *("european::west", "european", "european")
    ]
    assert anki("replaceTagsInAllNotes", **replaced) is None

    synced(laptop)
    for note in notes:
        assert laptop.col.get_note(note).tags == ["european::west", "french", "other"]
    all_sides_agree(laptop)
