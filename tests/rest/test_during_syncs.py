"""Programs and devices at the same time: a call waits for a sync, and no sync is disturbed."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conftest import AllSidesAgree
from tests.rest.conftest import AncestorProgram
from tests.support.accounts import Account
from tests.support.device import NO_CHANGES, Device
from tests.support.our_server import OurServer
from tests.support.raw_client import RawClient
from tests.support.rest_client import RestClient

META = {"v": 11, "cv": "test"}


@pytest.fixture(scope="module")
def hurried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OurServer]:
    """A server on which calls wait a second, and silent syncs may be taken over after one."""
    options = {"api_wait": 1, "takeover_after": 1}
    server = OurServer(tmp_path_factory.mktemp("hurried"), options)
    yield server
    server.stop()


def begin(server: OurServer, account: Account) -> RawClient:
    """Begin a sync and leave it there."""
    phone = RawClient(server.url).login(account)
    phone.expect("meta", META)
    phone.expect("start", {"minUsn": 0, "lnewer": True, "graves": None})
    return phone


def test_a_call_waits_for_the_end_of_a_sync(
    ours: OurServer, account: Account, old: AncestorProgram
) -> None:
    phone = begin(ours, account)
    with ThreadPoolExecutor() as background:
        notes = background.submit(old, "find_notes")
        time.sleep(0.3)
        assert not notes.done()
        phone.expect("abort")
        assert notes.result(timeout=10) == []


@pytest.mark.parametrize("operation", ["find_notes", "add_note", "set_language"])
def test_a_call_that_has_waited_too_long_is_told_when_to_come_back(
    hurried: OurServer, operation: str
) -> None:
    account = hurried.new_account()
    program = AncestorProgram(RestClient(hurried.url, hurried.new_token(account)), account.name)
    phone = begin(hurried, account)

    data = {"model": "Basic", "fields": {"Front": "x"}, "code": "de"}
    reply = program.refused(operation, data)

    assert (reply.status, reply.problem) == (409, "sync-in-progress")
    assert int(reply.headers["retry-after"]) > 0
    phone.expect("abort")
    assert program("find_notes") == []


def test_no_call_takes_a_silent_sync_over(hurried: OurServer) -> None:
    account = hurried.new_account()
    program = AncestorProgram(RestClient(hurried.url, hurried.new_token(account)), account.name)
    phone = begin(hurried, account)

    # Each waits a second, after which another device would take the sync over.
    for _ in range(3):
        assert program.refused("find_notes").status == 409

    assert (
        phone.call("applyGraves", {"chunk": {"cards": [], "notes": [], "decks": []}}).status == 200
    )
    phone.expect("abort")


def test_another_users_sync_makes_nobody_wait(hurried: OurServer) -> None:
    busy, other = hurried.new_account(), hurried.new_account()
    phone = begin(hurried, busy)
    program = AncestorProgram(RestClient(hurried.url, hurried.new_token(other)), other.name)
    assert program("find_notes") == []
    phone.expect("abort")


def test_what_is_not_the_collection_is_answered_at_once(hurried: OurServer) -> None:
    account = hurried.new_account()
    phone = begin(hurried, account)
    access = RestClient(hurried.url, hurried.new_token(account)).ok("GET", "/api/v1/access")
    assert access["user"] == account.name
    phone.expect("abort")


def test_calls_by_the_hundred_beside_a_device_that_syncs(
    old: AncestorProgram, laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    edited = laptop.col.find_notes("two")[0]

    def add(number: int) -> int:
        fields = {"Front": f"by program {number}"}
        note: int = old("add_note", {"model": "Basic", "fields": fields})["id"]
        if number % 3 == 0:
            old(f"note/{note}/update", {"fields": {"Back": "edited"}})
        if number % 10 == 0:
            old(f"note/{note}/delete")
        return note

    with ThreadPoolExecutor(8) as programs:
        adding = [programs.submit(add, number) for number in range(200)]
        # Edits and no new notes: ids are milliseconds, and those of two sides must not meet.
        edits = 0
        while not all(one.done() for one in adding):
            edits += 1
            laptop.edit_note(edited, f"edit {edits}")
            assert laptop.sync() == NO_CHANGES
        notes = [one.result() for one in adding]

    all_sides_agree(laptop, phone)
    assert phone.fields(edited)[0] == f"edit {edits}"
    assert len(set(notes)) == 200
    for number, note in enumerate(notes):
        assert phone.has_note(note) is (number % 10 != 0)
        if number % 10 and number % 3 == 0:
            assert phone.fields(note)[1] == "edited"
