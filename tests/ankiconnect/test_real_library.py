"""yanki-connect, a client library that others use, works as it is: by address and key, and forwarded."""

import base64
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ankiconnect.conftest import PATH, Program, basic, synced
from tests.conftest import AllSidesAgree
from tests.support.device import Device
from tests.support.forwarder import forwarding
from tests.support.missing import cannot_be_tested
from tests.support.npm_package import NotInstallable, npm_package
from tests.support.our_server import OurServer

VERSION = "4.0.5"
DRIVER = Path(__file__).parents[1] / "support" / "yanki_driver.mjs"
HOST = "http://127.0.0.1"

Call = tuple[str, str, Any]
Session = dict[str, Any]


@pytest.fixture(scope="module")
def library() -> str:
    """The folder of the library."""
    try:
        return str(npm_package("yanki-connect", VERSION))
    except NotInstallable as problem:
        cannot_be_tested(problem)


@pytest.fixture(params=["by address and key", "forwarded"])
def session(
    request: pytest.FixtureRequest, library: str, ours: OurServer, anki: Program
) -> Iterator[Session]:
    """How the library reaches the server."""
    if request.param == "forwarded":
        with forwarding(ours.url, anki.key) as forwarder:
            yield {"package": library, "options": {"host": HOST, "port": forwarder.port}}
    else:
        options = {"host": HOST, "port": ours.port, "key": anki.key}
        yield {"package": library, "options": options, "path": PATH}


def run(session: Session, *calls: Call) -> list[Any]:
    """Make the calls, all of which must succeed, and return their results."""
    answers = answered(session, *calls)
    assert not [answer for answer in answers if "error" in answer], answers
    return [answer.get("result") for answer in answers]


def answered(session: Session, *calls: Call) -> list[dict[str, Any]]:
    node = shutil.which("node")
    assert node is not None
    done = subprocess.run(
        [node, str(DRIVER)],
        input=json.dumps({**session, "calls": calls}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def test_the_library_adds_looks_and_changes(
    session: Session, laptop: Device, all_sides_agree: AllSidesAgree
) -> None:
    sound = base64.b64encode(b"a sound").decode()
    audio = [{"filename": "w.mp3", "data": sound, "fields": ["Back"]}]
    permission, version, deck, note, notes = run(
        session,
        ("miscellaneous", "requestPermission", None),
        ("miscellaneous", "version", None),
        ("deck", "createDeck", {"deck": "Library"}),
        ("note", "addNote", {"note": {**basic("word", audio=audio), "deckName": "Library"}}),
        ("note", "addNotes", {"notes": [basic("one"), basic("another")]}),
    )
    assert permission["permission"] == "granted"
    assert version == 6
    assert notes[0] is None
    synced(laptop)
    assert laptop.fields(note) == ["word", "[sound:w.mp3]"]
    assert laptop.deck("Library")["id"] == deck

    [card] = laptop.cards_of(note)
    info, details, answered_cards, stats, names, _none = run(
        session,
        ("note", "notesInfo", {"notes": [note]}),
        ("card", "cardsInfo", {"cards": [card]}),
        ("card", "answerCards", {"answers": [{"cardId": card, "ease": 3}]}),
        ("deck", "getDeckStats", {"decks": ["Library"]}),
        ("model", "modelFieldNames", {"modelName": "Basic"}),
        ("note", "updateNote", {"note": {"id": note, "fields": {"Front": "x"}, "tags": ["t"]}}),
    )
    assert info[0]["cards"] == [card]
    assert details[0]["deckName"] == "Library"
    assert answered_cards == [True]
    assert stats[str(deck)]["total_in_deck"] == 1
    assert names == ["Front", "Back"]
    synced(laptop)
    assert laptop.fields(note)[0] == "x"
    assert laptop.reviews_of(card) == [3]
    all_sides_agree(laptop)


def test_errors_reach_the_library_as_such(session: Session, laptop: Device) -> None:
    duplicate, window = answered(
        session,
        ("note", "addNote", {"note": basic("one")}),
        ("graphical", "guiDeckBrowser", None),
    )
    assert duplicate == {"error": "cannot create note because it is a duplicate"}
    assert window == {"error": "unsupported action"}


def test_several_actions_of_the_library_are_done_at_once(session: Session, laptop: Device) -> None:
    actions = [{"action": "deckNames"}, {"action": "findNotes", "params": {"query": "front:one"}}]
    [(names, found)] = run(session, ("miscellaneous", "multi", {"actions": actions}))
    assert names == ["Default"]
    assert len(found) == 1
