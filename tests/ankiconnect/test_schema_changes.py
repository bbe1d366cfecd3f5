"""Changes that force every device into a full sync: refused, unless the operator allows them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.ankiconnect.conftest import Program, basic, synced
from tests.support.accounts import Account
from tests.support.device import FULL_DOWNLOAD, FULL_SYNC, FULL_UPLOAD, Device
from tests.support.our_server import OurServer

REVERSED = "Basic (and reversed card)"
THIRD = {"Name": "Card 3", "Front": "{{Front}} and {{Back}}", "Back": "x"}
CHANGES = [
    ("modelFieldAdd", {"modelName": "Basic", "fieldName": "Extra"}),
    ("modelFieldRemove", {"modelName": "Basic", "fieldName": "Back"}),
    ("modelFieldReposition", {"modelName": "Basic", "fieldName": "Back", "index": 0}),
    ("modelTemplateAdd", {"modelName": REVERSED, "template": THIRD}),
    ("modelTemplateRemove", {"modelName": REVERSED, "templateName": "Card 2"}),
    ("modelTemplateReposition", {"modelName": REVERSED, "templateName": "Card 2", "index": 0}),
]


@pytest.mark.parametrize(("action", "params"), CHANGES)
def test_it_is_refused_with_a_word_on_what_to_do(
    anki: Program, laptop: Device, action: str, params: dict[str, Any]
) -> None:
    before = anki("findModelsByName", modelNames=[params["modelName"]])
    error = anki.error(action, **params)

    assert "full sync" in error
    assert "ankiconnect_schema_changes" in error
    assert anki("findModelsByName", modelNames=[params["modelName"]]) == before
    synced(laptop)


@pytest.mark.parametrize(
    ("action", "params"),
    [
        ("modelFieldReposition", {"fieldName": "Back", "index": 1}),
        ("modelFieldAdd", {"fieldName": "Back"}),
        ("modelTemplateReposition", {"templateName": "Card 1", "index": 9}),
        ("modelTemplateAdd", {"template": {"Name": "Card 1", "Front": "{{Back}}", "Back": "y"}}),
    ],
)
def test_what_changes_no_order_is_done(
    anki: Program, laptop: Device, action: str, params: dict[str, Any]
) -> None:
    assert anki(action, modelName="Basic", **params) is None
    synced(laptop)


@pytest.mark.parametrize(
    ("action", "params"),
    [
        ("modelFieldRemove", {"modelName": "Only one", "fieldName": "A"}),
        ("modelTemplateRemove", {"modelName": "Only one", "templateName": "Card 1"}),
    ],
)
def test_the_last_one_stays(anki: Program, action: str, params: dict[str, Any]) -> None:
    templates = [{"Front": "{{A}}", "Back": "b"}]
    anki("createModel", modelName="Only one", inOrderFields=["A"], cardTemplates=templates)
    assert "only" in anki.error(action, **params)


@pytest.fixture(scope="module")
def allowing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OurServer]:
    """A server whose operator allows such changes."""
    folder = tmp_path_factory.mktemp("allowing")
    server = OurServer(folder, {"ankiconnect_schema_changes": "true"})
    yield server
    server.stop()


@pytest.fixture
def owner(allowing: OurServer) -> Account:
    return allowing.new_account()


@pytest.fixture
def program(allowing: OurServer, owner: Account) -> Program:
    return Program(allowing.url, allowing.new_token(owner))


@pytest.fixture
def device(allowing: OurServer, owner: Account, unused_device: Callable[[str], Device]) -> Device:
    device = unused_device("device").login(allowing.url, owner)
    device.add_note("one", "back of one")
    device.add_note("two", "back of two", notetype=REVERSED)
    assert device.sync() == FULL_UPLOAD
    device.upload()
    return device


def fields(device: Device, notetype: str = "Basic") -> list[str]:
    return [field["name"] for field in device.notetype(notetype)["flds"]]


def templates(device: Device) -> list[str]:
    return [template["name"] for template in device.notetype(REVERSED)["tmpls"]]


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, ["Front", "Back", "Extra"]),
        (1, ["Front"]),
        (2, ["Back", "Front"]),
        (3, ["Card 1", "Card 2", "Card 3"]),
        (4, ["Card 1"]),
        (5, ["Card 2", "Card 1"]),
    ],
)
def test_an_allowed_change_is_downloaded_by_the_devices(
    program: Program, device: Device, number: int, expected: list[str]
) -> None:
    action, params = CHANGES[number]
    assert program(action, **params) is None

    assert device.sync() in (FULL_SYNC, FULL_DOWNLOAD)
    device.download()
    assert (templates(device) if "Template" in action else fields(device)) == expected
    assert device.check_database() == ""
    synced(device)


def test_an_allowed_field_gets_its_place(program: Program, device: Device) -> None:
    assert program("modelFieldAdd", modelName="Basic", fieldName="Extra", index=0) is None
    assert program("modelFieldNames", modelName="Basic") == ["Extra", "Front", "Back"]


def test_a_note_gets_another_notetype_if_that_is_allowed(program: Program, device: Device) -> None:
    [note] = program("findNotes", query="front:one")
    text = "a {{c1::gap}} and {{c2::another}}"
    change = {"id": note, "modelName": "Cloze", "fields": {"Text": text}, "tags": ["cloze"]}
    assert program("updateNoteModel", note=change) is None

    device.sync()
    device.download()
    assert device.fields(note) == [text, ""]
    assert device.col.get_note(note).tags == ["cloze"]
    assert len(device.cards_of(note)) == 2
    assert device.check_database() == ""


def test_options_are_removed_if_that_is_allowed(program: Program) -> None:
    options = program("cloneDeckConfigId", name="Copy")
    program("setDeckConfigId", decks=["Default"], configId=options)
    assert program("removeDeckConfigId", configId=options) is True
    assert program("getDeckConfig", deck="Default")["id"] == 1


def test_other_changes_still_need_no_full_sync(program: Program, device: Device) -> None:
    note = program("addNote", note=basic("new"))
    synced(device)
    assert device.has_note(note)
