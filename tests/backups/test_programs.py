"""A program that deletes or imports a lot leaves a restore point behind; a small change none."""

import base64
from pathlib import Path
from typing import Any

import pytest
from anki.collection import ExportAnkiPackageOptions

from tests.support.accounts import Account
from tests.support.backups import Keeper, download_after_restore
from tests.support.device import NO_CHANGES, Device
from tests.support.faults_server import WatchedServer
from tests.support.rest_client import RestClient

BULK = 5
NOTES = 8
OPTIONS = {"snapshot_interval": 0, "bulk_deletion_notes": BULK, "api_wait": 2}
ANKICONNECT = 6


@pytest.fixture
def program(server: WatchedServer, account: Account) -> RestClient:
    """A program that may change everything of the account's collection."""
    token = server.new_token(account)
    server.secrets.keys.append(token)
    return RestClient(server.url, token)


@pytest.fixture
def desktop(server: WatchedServer, account: Account, laptop: Device) -> Device:
    """A device with eight notes, all but the first three in a deck of their own."""
    deck = laptop.add_deck("Other")
    for number in range(NOTES - 3):
        laptop.add_note(f"other {number}", "", deck=deck)
    assert laptop.sync() == NO_CHANGES
    return laptop


def ids(device: Device, number: int) -> list[int]:
    return list(device.col.find_notes(""))[:number]


def anki(program: RestClient, action: str, **params: Any) -> None:
    asked = {"action": action, "version": ANKICONNECT, "params": params, "key": program.token}
    assert RestClient(program.url).ok("POST", "/ankiconnect", asked)["error"] is None


def delete_as_a_batch(program: RestClient, device: Device) -> None:
    entries = [{"do": "remove", "id": note} for note in ids(device, BULK)]
    program.ok("POST", "/api/v1/notes:batch", {"entries": entries})


def delete_a_deck(program: RestClient, device: Device) -> None:
    program.ok("DELETE", f"/api/v1/decks/{device.deck('Other')['id']}")


def delete_notes_as_anki_connect(program: RestClient, device: Device) -> None:
    anki(program, "deleteNotes", notes=ids(device, BULK))


def delete_decks_as_anki_connect(program: RestClient, _device: Device) -> None:
    anki(program, "deleteDecks", decks=["Other", "None such"], cardsToo=True)


@pytest.mark.parametrize(
    "delete",
    [
        delete_as_a_batch,
        delete_a_deck,
        delete_notes_as_anki_connect,
        delete_decks_as_anki_connect,
    ],
)
def test_a_bulk_deletion_can_be_undone_by_a_restore(
    delete: Any, keeper: Keeper, account: Account, program: RestClient, desktop: Device
) -> None:
    delete(program, desktop)
    assert desktop.sync() == NO_CHANGES
    assert desktop.col.note_count() == NOTES - BULK
    (point,) = keeper.points(account)
    assert (point["reason"], point["notes"], point["sound"]) == ("deletion", NOTES, True)
    keeper.must("restore", account.name, point["snapshot"])
    download_after_restore(desktop)
    assert desktop.col.note_count() == NOTES


def test_notes_that_are_all_empty_are_a_bulk_deletion_too(
    keeper: Keeper, account: Account, program: RestClient, laptop: Device
) -> None:
    for number in range(BULK):
        note = laptop.add_note(f"{number}", "")
        laptop.db.execute("update notes set flds = char(31) where id = ?", note)
    laptop.col.set_schema_modified()
    laptop.upload()
    anki(program, "removeEmptyNotes")
    assert [point["reason"] for point in keeper.points(account)] == ["deletion", "upload"]


def test_a_few_notes_are_deleted_without_a_restore_point(
    keeper: Keeper, account: Account, program: RestClient, desktop: Device
) -> None:
    anki(program, "deleteNotes", notes=ids(desktop, BULK - 1))
    program.ok("DELETE", f"/api/v1/notes/{desktop.col.find_notes('deck:Other')[-1]}")
    assert keeper.points(account) == []


def test_an_import_leaves_a_restore_point(
    keeper: Keeper, account: Account, program: RestClient, desktop: Device, tmp_path: Path
) -> None:
    desktop.add_note("exported", "")
    path = tmp_path / "deck.apkg"
    exported = ExportAnkiPackageOptions(with_media=False, with_scheduling=False, legacy=False)
    desktop.col.export_anki_package(out_path=str(path), options=exported, limit=None)
    package = base64.b64encode(path.read_bytes()).decode()
    anki(program, "importPackage", data=package)
    assert [(one["reason"], one["notes"]) for one in keeper.points(account)] == [("import", NOTES)]
    text = {"filetype": "csv", "data": "one word;another word\n"}
    program.collection(account.name, "import_file", text)
    points = [(one["reason"], one["notes"]) for one in keeper.points(account)]
    assert points == [("import", NOTES + 1), ("import", NOTES)]
