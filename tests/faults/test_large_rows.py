"""Rows of many megabytes go to devices a few at a time, so that memory does not grow with them."""

from pathlib import Path

import pytest

from tests.support.faults_server import WatchedServer
from tests.support.faults_sync import FirstCollection, HandMadeSync, log_in, upload
from tests.support.stored_files import change, copy_of

OPTIONS: dict[str, object] = {}

MEGABYTE = 1_000_000
NOTES = range(1, 61)


@pytest.fixture
def sync(server: WatchedServer, first_collection: FirstCollection, tmp_path: Path) -> HandMadeSync:
    """A sync that has begun, of a device to which 60 notes are new; each other one is large."""
    copy = copy_of(first_collection.path, tmp_path / "large")
    change(
        copy,
        "insert into notes"
        f" with recursive n(i) as (select 1 union all select i + 1 from n where i < {len(NOTES)})"
        " select i, 'g' || i, mid, mod, usn, tags,"
        f" hex(zeroblob(i % 2 * {MEGABYTE // 2})) || char(31) || i, i, 0, 0, ''"
        " from n, (select * from notes limit 1)",
    )
    client = log_in(server, server.new_account())
    upload(client, copy)
    sync = HandMadeSync(client, first_collection.notetype).ask_meta()
    sync.meta["usn"] = -1
    assert sync.start().status == 200
    return sync


def test_large_notes_are_sent_a_few_at_a_time(sync: HandMadeSync) -> None:
    seen: list[str] = []
    done = False
    while not done:
        reply = sync.client.call("chunk")
        assert len(reply.body) < 4 * MEGABYTE
        seen += [row[6].split("\x1f")[1] for row in reply.json.get("notes", [])]
        done = reply.json["done"]
    assert sorted(seen) == sorted([*map(str, NOTES), *["back"] * 3])


def test_notes_that_the_device_deletes_meanwhile_are_not_sent(sync: HandMadeSync) -> None:
    assert not sync.client.expect("chunk")["done"]
    deleted = {"cards": [], "decks": [], "notes": list(NOTES)}
    sync.client.expect("applyGraves", {"chunk": deleted})
    chunk = sync.client.expect("chunk")
    assert chunk["done"]
    assert all(row[0] not in NOTES for row in chunk.get("notes", []))
