"""A real client dies in the middle of its sync: nothing of it is half-visible, later syncs work."""

from pathlib import Path

import pytest

from tests.faults.conftest import NewDevice
from tests.support.accounts import Account
from tests.support.agreement import assert_all_sides_agree
from tests.support.device import NO_CHANGES, Device
from tests.support.faults_client import start_syncing
from tests.support.faults_gate import Gate
from tests.support.faults_server import WatchedServer, wait_until
from tests.support.faults_sync import FIRST_NOTES

OPTIONS = {"takeover_after": 1, "sync_wait": 10}


def kill_while_syncing(device: Device, gate: Gate) -> None:
    """Let another process sync the device's collection, and kill it when it is at the gate."""
    device.close()
    process = start_syncing(device, gate.url)
    gate.wait_until_reached()
    process.kill()
    process.wait()
    gate.close()
    device.col.reopen()


@pytest.mark.parametrize(
    "method", ["applyGraves", "applyChanges", "applyChunk", "sanityCheck2", "finish"]
)
def test_a_client_killed_before_this_step_leaves_nothing_behind(
    method: str, server: WatchedServer, account: Account, new_device: NewDevice, tmp_path: Path
) -> None:
    laptop, phone = new_device("laptop"), new_device("phone")
    laptop.add_note("added before the crash")
    laptop.col.remove_notes(laptop.col.find_notes("front:one"))
    with Gate(server.port, method) as gate:
        kill_while_syncing(laptop, gate)
    phone.add_note("added on the phone")
    assert phone.sync() == NO_CHANGES
    assert server.notes(account) == sorted([*FIRST_NOTES, "added on the phone"])
    assert phone.col.note_count() == len(FIRST_NOTES) + 1
    assert_all_sides_agree(server, account, laptop, phone, folder=tmp_path / "sides")
    expected = ["added before the crash", "added on the phone", "three", "two"]
    assert server.notes(account) == expected


def test_a_client_killed_before_the_answer_to_finish_loses_nothing_and_sends_nothing_twice(
    server: WatchedServer, account: Account, new_device: NewDevice, tmp_path: Path
) -> None:
    laptop, phone = new_device("laptop"), new_device("phone")
    laptop.add_note("added before the crash")
    card = laptop.col.find_cards("front:two")[0]
    laptop.review(card)
    with Gate(server.port, "finish", hold_answer=True) as gate:
        kill_while_syncing(laptop, gate)
    wait_until(lambda: "added before the crash" in server.notes(account), "the sync is durable")
    assert phone.sync() == NO_CHANGES
    assert phone.col.note_count() == len(FIRST_NOTES) + 1
    assert_all_sides_agree(server, account, laptop, phone, folder=tmp_path / "sides")
    assert server.notes(account) == sorted([*FIRST_NOTES, "added before the crash"])
    assert phone.reviews_of(card) == laptop.reviews_of(card) == [3]


def test_a_client_whose_connection_breaks_syncs_at_its_next_try(
    server: WatchedServer, account: Account, new_device: NewDevice, tmp_path: Path
) -> None:
    laptop, phone = new_device("laptop"), new_device("phone")
    laptop.add_note("added before the cut")
    with Gate(server.port, "applyChunk") as gate:
        laptop.close()
        process = start_syncing(laptop, gate.url)
        gate.wait_until_reached()
        gate.close()
        assert process.wait() != 0
        laptop.col.reopen()
    assert laptop.sync() == NO_CHANGES
    assert_all_sides_agree(server, account, laptop, phone, folder=tmp_path / "sides")
    assert phone.col.note_count() == len(FIRST_NOTES) + 1
