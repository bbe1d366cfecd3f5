"""SIGTERM: what is being asked is answered, what was not finished never happened, files are closed."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.accounts import Account
from tests.support.faults_connection import HandMadeRequest
from tests.support.faults_server import WatchedServer, wait_until
from tests.support.faults_sync import (
    FIRST_NOTES,
    FirstCollection,
    HandMadeSync,
    WatchedClient,
    log_in,
)
from tests.support.raw_client import compressed_pieces

META = {"v": 11, "cv": "test"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WatchedServer]:
    """A server for each test, since each one ends it."""
    server = WatchedServer(tmp_path / "server", {"takeover_after": 60, "sync_wait": 3})
    yield server
    server.stop()
    server.secrets.assert_not_in_log(server.log())


def logs_beside_collections(server: WatchedServer) -> list[Path]:
    return list((server.data_root / "users").glob("*/collection.anki2-*"))


def test_an_unfinished_sync_is_rolled_back_and_the_collections_are_closed(
    server: WatchedServer, account: Account, first_collection: FirstCollection
) -> None:
    before = server.tables(account)
    client = log_in(server, account)
    sync = HandMadeSync(client, first_collection.notetype).begin()
    sync.send_notes("never finished")
    other = log_in(server, server.new_account())
    other.expect("meta", META)
    assert len(server.open_collections()) == 2
    assert server.stop() == 0
    assert logs_beside_collections(server) == []
    assert server.tables(account) == before
    assert server.events("server_stopped")
    server.start()
    assert client.call("finish").status == 409
    sync.run("sent again")
    assert server.notes(account) == sorted([*FIRST_NOTES, "sent again"])


def test_an_upload_in_progress_ends_with_its_answer(
    server: WatchedServer,
    account: Account,
    client: WatchedClient,
    first_collection: FirstCollection,
    background: ThreadPoolExecutor,
) -> None:
    pieces = list(compressed_pieces(first_collection.path.read_bytes()))
    with HandMadeRequest(server.port) as request:
        request.sync_head(client, "upload")
        request.piece(pieces[0])
        wait_until(lambda: server.temporary_files(account), "the upload has begun")
        stopping = background.submit(server.stop)
        wait_until(lambda: refuses_connections(server), "the server takes no new requests")
        for piece in pieces[1:]:
            request.piece(piece)
        request.end()
        status, headers, _ = request.answer()
    assert (status, headers["anki-original-size"]) == (200, "2")
    assert stopping.result() == 0
    assert len(server.backups(account)) == 1
    assert server.notes(account) == FIRST_NOTES
    assert server.temporary_files(account) == []


def refuses_connections(server: WatchedServer) -> bool:
    try:
        HandMadeRequest(server.port).cut()
    except ConnectionError:
        return True
    return False


def test_a_device_that_waits_for_another_one_is_answered(
    server: WatchedServer,
    account: Account,
    first_collection: FirstCollection,
    background: ThreadPoolExecutor,
) -> None:
    HandMadeSync(log_in(server, account), first_collection.notetype).begin()
    waiting = HandMadeSync(log_in(server, account), first_collection.notetype).ask_meta()
    start = background.submit(waiting.start)
    assert not start.done()
    stopping = background.submit(server.stop)
    assert start.result().status in (200, 409, 503)
    assert stopping.result() == 0
    assert logs_beside_collections(server) == []
    assert server.notes(account) == FIRST_NOTES


def test_what_was_answered_before_the_signal_is_there(
    server: WatchedServer, account: Account, first_collection: FirstCollection
) -> None:
    modified = HandMadeSync(log_in(server, account), first_collection.notetype).run("finished")
    assert server.stop() == 0
    assert server.notes(account) == sorted([*FIRST_NOTES, "finished"])
    assert server.head(account)["mod"] == modified


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_other_ways_to_ask_it_to_end_are_as_good(
    number: signal.Signals,
    server: WatchedServer,
    account: Account,
    client: WatchedClient,
) -> None:
    client.expect("meta", META)
    client.expect("start", {"minUsn": 0, "lnewer": True, "graves": None})
    # As a terminal does: to every process of the group.
    os.killpg(server.pid, number)
    assert server.wait() == 0
    assert logs_beside_collections(server) == []
    assert server.notes(account) == FIRST_NOTES


def test_a_worker_whose_supervisor_was_killed_ends_in_order_and_frees_the_data_root(
    server: WatchedServer, account: Account, first_collection: FirstCollection
) -> None:
    sync = HandMadeSync(log_in(server, account), first_collection.notetype).begin()
    sync.send_notes("never finished")
    worker = server.worker
    os.kill(server.pid, signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{worker}/fd").exists() or is_dead(worker), "it has ended")
    assert logs_beside_collections(server) == []
    server.kill()
    server.start()
    assert server.notes(account) == FIRST_NOTES
    sync.run("sent again")


def is_dead(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return True
    return status.rpartition(")")[2].split()[0] == "Z"


def test_it_ends_when_the_client_that_it_waits_for_is_gone(
    server: WatchedServer, account: Account, client: WatchedClient
) -> None:
    with HandMadeRequest(server.port) as slow:
        slow.sync_head(client, "upload")
        slow.piece(b"\x28\xb5")
        wait_until(lambda: server.temporary_files(account), "the upload has begun")
        server.ask_to_stop()
        slow.cut()
        assert server.wait() == 0
    assert server.temporary_files(account) == []


def test_an_idle_connection_does_not_keep_it(server: WatchedServer, client: WatchedClient) -> None:
    with HandMadeRequest(server.port) as idle:
        idle.head("/health", {}, "GET")
        assert idle.answer()[0] == 200
        assert server.stop() == 0
