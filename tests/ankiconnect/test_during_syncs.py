"""AnkiConnect's actions while a device syncs: they wait for it, though not for ever."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.ankiconnect.conftest import Program, basic, synced
from tests.conftest import AllSidesAgree
from tests.support.accounts import Account
from tests.support.device import Device
from tests.support.our_server import OurServer
from tests.support.raw_client import RawClient


def begin(server: OurServer, account: Account) -> RawClient:
    """Begin a sync and leave it there."""
    phone = RawClient(server.url).login(account)
    phone.expect("meta", {"v": 11, "cv": "test"})
    phone.expect("start", {"minUsn": 0, "lnewer": True, "graves": None})
    return phone


def test_an_action_waits_for_the_end_of_a_sync(
    anki: Program, ours: OurServer, account: Account
) -> None:
    phone = begin(ours, account)
    with ThreadPoolExecutor() as background:
        found = background.submit(anki, "findNotes", query="")
        time.sleep(0.3)
        assert not found.done()
        phone.expect("abort")
        assert len(found.result(timeout=10)) == 3


def test_only_the_first_of_many_actions_waits(new_server: Callable[..., OurServer]) -> None:
    server = new_server(api_wait=1)
    account = server.new_account()
    program = Program(server.url, server.new_token(account))
    phone = begin(server, account)

    # If each of them waited, this would take longer than a test may.
    asked = {"action": "addNote", "version": 6, "params": {"note": basic("x")}}
    answers = program("multi", actions=[asked] * 1000)

    assert all("syncing" in answer["error"] for answer in answers)
    phone.expect("abort")
    assert program("findNotes", query="") == []


def test_actions_and_syncs_at_once_all_succeed(
    anki: Program, laptop: Device, phone: Device, all_sides_agree: AllSidesAgree
) -> None:
    [edited, *_] = laptop.col.find_notes("front:one")
    with ThreadPoolExecutor() as background:
        asked = [
            background.submit(anki, "addNote", note=basic(f"by the program {number}"))
            for number in range(100)
        ]
        # No notes: one that is added in the same millisecond as another has the same id.
        for number in range(10):
            laptop.edit_note(edited, f"by the laptop {number}")
            synced(laptop, phone)
        added = [one.result(timeout=60) for one in asked]

    synced(laptop, phone, laptop)
    for device in (laptop, phone):
        assert all(map(device.has_note, added))
        assert device.fields(edited)[0] == "by the laptop 9"
    all_sides_agree(laptop, phone)
