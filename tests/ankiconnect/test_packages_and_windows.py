"""Packages of decks, and those actions that need a window on a desktop."""

import base64
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from anki.collection import DeckIdLimit, ExportAnkiPackageOptions, ImportAnkiPackageOptions

from syncserver.accounts.scopes import Scope
from tests.ankiconnect.conftest import NewAnki, Program, basic, synced
from tests.conftest import AllSidesAgree, NewDevice
from tests.support.device import GOOD, Device
from tests.support.our_server import OurServer

WINDOW_ONLY = (
    *("guiSelectCard", "guiSelectNote", "guiSelectedNotes", "guiAddCards", "guiEditNote"),
    *("guiAddNoteSetData", "guiCurrentCard", "guiStartCardTimer", "guiShowQuestion"),
    *("guiShowAnswer", "guiAnswerCard", "guiDeckOverview", "guiDeckBrowser", "guiDeckReview"),
    *("guiImportFile", "guiExitAnki", "guiPlayAudio"),
)


def package_of(device: Device, folder: Path) -> str:
    """Return the default deck of a device as a package in base64."""
    path = folder / "deck.apkg"
    options = ExportAnkiPackageOptions(with_scheduling=True, with_media=True, legacy=True)
    limit = DeckIdLimit(deck_id=1)
    device.col.export_anki_package(out_path=str(path), options=options, limit=limit)
    return base64.b64encode(path.read_bytes()).decode()


def test_a_package_comes_with_the_request(
    anki: Program,
    laptop: Device,
    new_device: NewDevice,
    tmp_path: Path,
    all_sides_agree: AllSidesAgree,
) -> None:
    other = new_device("other")
    note = other.add_note("from another one", "[sound:a.mp3]")
    (Path(other.col.media.dir()) / "a.mp3").write_bytes(b"a sound")

    assert anki("importPackage", data=package_of(other, tmp_path)) is True

    synced(laptop)
    assert len(laptop.col.find_notes('"from another one"')) == 1
    assert anki("retrieveMediaFile", filename="a.mp3") == base64.b64encode(b"a sound").decode()
    assert laptop.has_note(note)
    all_sides_agree(laptop)


def test_a_package_comes_with_the_answer(
    anki: Program, laptop: Device, new_device: NewDevice, tmp_path: Path
) -> None:
    sound = base64.b64encode(b"a sound").decode()
    audio = {"filename": "a.mp3", "data": sound, "fields": ["Back"]}
    anki("addNote", note=basic("heard", audio=audio))

    package = tmp_path / "deck.apkg"
    package.write_bytes(base64.b64decode(anki("exportPackage", deck="Default")))

    other = new_device("other")
    other.col._backend.import_anki_package(package_path=str(package), options=None)
    assert len(other.col.find_notes("")) == 4
    assert (Path(other.col.media.dir()) / "a.mp3").read_bytes() == b"a sound"
    synced(laptop)


@pytest.mark.parametrize("with_scheduling", [True, False])
def test_a_package_has_the_scheduling_if_that_is_wanted(
    anki: Program, laptop: Device, new_device: NewDevice, tmp_path: Path, with_scheduling: bool
) -> None:
    laptop.review(min(laptop.col.find_cards("")), GOOD)
    synced(laptop)
    exported = anki("exportPackage", deck="Default", includeSched=with_scheduling)
    package = tmp_path / "deck.apkg"
    package.write_bytes(base64.b64decode(exported))

    other = new_device("other")
    options = ImportAnkiPackageOptions(with_scheduling=True)
    other.col._backend.import_anki_package(package_path=str(package), options=options)
    assert bool(other.db.scalar("select count() from revlog")) is with_scheduling


def test_paths_on_the_server_are_refused(anki: Program) -> None:
    refused = "paths on the server cannot be used"
    assert refused in anki.error("importPackage", path="/etc/passwd")
    assert refused in anki.error("exportPackage", deck="Default", path="/tmp/deck.apkg")


def test_what_is_no_package_is_refused(anki: Program) -> None:
    assert "package" in anki.error("importPackage", data=base64.b64encode(b"x").decode())
    assert "base64" in anki.error("importPackage", data="!")
    assert anki.error("exportPackage", deck="nothing") == "deck was not found: nothing"


def test_a_package_that_is_larger_than_a_request_may_be_is_refused(
    new_server: Callable[..., OurServer],
) -> None:
    server = new_server(max_request_bytes=20_000)
    program = Program(server.url, server.new_token(server.new_account()))
    for number in range(4):
        content = base64.b64encode(os.urandom(8000)).decode()
        sound = {"filename": f"{number}.mp3", "data": content, "fields": ["Back"]}
        program("addNote", note=basic(f"{number}", audio=sound))
    assert "20000 bytes" in program.error("exportPackage", deck="Default")


# Windows


def test_browsing_finds_cards(anki: Program) -> None:
    reorder = {"order": "descending", "columnId": "noteCrt"}
    found = anki("guiBrowse", query="front:two", reorderCards=reorder)
    assert found == anki("findCards", query="front:two")


def test_nobody_is_studying_in_a_window(anki: Program) -> None:
    assert anki("guiReviewActive") is False


def test_the_last_change_is_undone(
    anki: Program, laptop: Device, all_sides_agree: AllSidesAgree
) -> None:
    note = anki("addNote", note=basic("a mistake"))
    assert anki("guiUndo") is True
    assert anki("findNotes", query="mistake") == []

    synced(laptop)
    assert not laptop.has_note(note)
    # libanki notes when the day begins with the first change, and does not undo that.
    all_sides_agree(laptop, apart_from=["config"])


def test_without_a_change_there_is_nothing_to_undo(anki: Program) -> None:
    assert anki("guiUndo") is False


def test_a_sound_collection_passes_the_check(anki: Program, laptop: Device) -> None:
    assert anki("guiCheckDatabase") is True
    synced(laptop)


def test_the_check_finds_problems_and_leaves_them_to_a_device(
    anki: Program, laptop: Device
) -> None:
    # A card without a note, as a broken add-on leaves it behind.
    laptop.db.execute("update cards set nid = 5 where id = (select min(id) from cards)")
    laptop.col.mod_schema(check=False)
    laptop.sync()
    laptop.upload()

    error = anki.error("guiCheckDatabase")

    assert "Check Database" in error
    assert "note" in error
    assert len(anki("findCards", query="")) == 3
    synced(laptop)


def test_the_check_needs_no_more_than_reading(laptop: Device, new_anki: NewAnki) -> None:
    assert new_anki(Scope.READ)("guiCheckDatabase") is True


@pytest.mark.parametrize("action", WINDOW_ONLY)
def test_actions_that_need_a_window_are_not_supported(anki: Program, action: str) -> None:
    assert anki.error(action) == "unsupported action"


def test_a_damaged_file_is_told_as_such(new_server: Callable[..., OurServer]) -> None:
    server = new_server()
    account = server.new_account()
    program = Program(server.url, server.new_token(account))
    program("addNotes", notes=[basic(f"note {number}") for number in range(500)])
    server.stop()
    stored = server.stored_collection(account)
    content = stored.read_bytes()
    stored.write_bytes(content[: len(content) // 2] + b"x" * (len(content) // 2))
    server.start()

    assert program.error("guiCheckDatabase") == "the file of the collection is damaged"
