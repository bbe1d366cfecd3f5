"""Connections that break half-way or hardly move: nobody else waits, and nothing is left behind."""

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.conftest import NewClient, NewSync
from tests.support.accounts import Account
from tests.support.faults_connection import HandMadeRequest
from tests.support.faults_server import WatchedServer, wait_until
from tests.support.faults_sync import (
    FIRST_NOTES,
    FirstCollection,
    HandMadeSync,
    WatchedClient,
    log_in,
    upload,
)
from tests.support.raw_client import compressed_pieces

OPTIONS = {"takeover_after": 60, "sync_wait": 2}

META = {"v": 11, "cv": "test"}

Break = Callable[[HandMadeRequest], None]


def cut(request: HandMadeRequest) -> None:
    request.cut()


def end_early(request: HandMadeRequest) -> None:
    """End the body in order, although the frame is not complete."""
    request.end()
    assert request.answer()[0] == 400


def send_rubbish(request: HandMadeRequest) -> None:
    """Send what is no chunk, and go."""
    request.send(b"this is no chunk\r\n" * 10)
    request.cut()


@pytest.fixture(params=[cut, end_early, send_rubbish])
def break_off(request: pytest.FixtureRequest) -> Break:
    chosen: Break = request.param
    return chosen


def half_sent(server: WatchedServer, client: WatchedClient, collection: bytes) -> HandMadeRequest:
    """Return an upload of which the server has got one half."""
    pieces = list(compressed_pieces(collection))
    request = HandMadeRequest(server.port)
    request.sync_head(client, "upload")
    for piece in pieces[: len(pieces) // 2]:
        request.piece(piece)
    return request


def test_an_upload_that_breaks_off_leaves_the_old_collection_and_no_file(
    break_off: Break,
    server: WatchedServer,
    account: Account,
    client: WatchedClient,
    first_collection: FirstCollection,
) -> None:
    stored = server.stored_collection(account)
    before = stored.read_bytes()
    request = half_sent(server, client, first_collection.path.read_bytes())
    wait_until(lambda: server.temporary_files(account), "the upload is being written")
    break_off(request)
    wait_until(lambda: not server.temporary_files(account), "the half upload is removed")
    assert stored.read_bytes() == before
    assert server.backups(account) == []
    upload(client, first_collection.path)
    assert not server.events("request_failed"), "a lost connection is nothing unexpected"


def test_a_chunk_that_breaks_off_leaves_the_sync_as_it_was(
    server: WatchedServer, account: Account, new_sync: NewSync
) -> None:
    sync = new_sync().begin()
    sync.send_notes("sent whole")
    pieces = list(compressed_pieces(b'{"chunk":{"notes":[' + b" " * 100_000))
    with HandMadeRequest(server.port) as request:
        request.sync_head(sync.client, "applyChunk")
        request.piece(pieces[0][:10])
        request.cut()
    assert sync.client.call("chunk").status == 200
    sync.finish()
    assert server.notes(account) == sorted([*FIRST_NOTES, "sent whole"])
    assert not server.events("request_failed")


def test_a_client_that_leaves_before_its_answer_disturbs_nobody(
    server: WatchedServer, account: Account, new_sync: NewSync, new_client: NewClient
) -> None:
    for method in ("meta", "download"):
        client = new_client()
        with HandMadeRequest(server.port) as request:
            request.sync_head(client, method)
            request.piece(b"".join(compressed_pieces(b'{"v":11,"cv":"test"}')))
            request.end()
            request.cut()
    new_sync().run("afterwards")
    assert "afterwards" in server.notes(account)
    wait_until(lambda: not server.temporary_files(account), "no copy for the download stays")


def test_a_download_that_is_given_up_leaves_no_file(
    server: WatchedServer, account: Account, client: WatchedClient, new_sync: NewSync
) -> None:
    sync = new_sync().begin()
    # Hardly compressible, so that the answer does not fit into the connection's buffers.
    sync.send_notes(*(noise(number) for number in range(40)))
    sync.finish()
    with HandMadeRequest(server.port) as request:
        request.sync_head(client, "download")
        request.piece(b"".join(compressed_pieces(b"{}")))
        request.end()
        assert request.answered(30)
        request.cut()

    def is_logged() -> bool:
        lines = server.events("request")
        return any(
            line["path"] == "/sync/download" and line.get("user") == account.name for line in lines
        )

    wait_until(is_logged, "the download is given up")
    assert server.temporary_files(account) == []
    assert client.call("meta", META).status == 200


def noise(seed: int) -> str:
    return random.Random(seed).randbytes(150_000).hex()


def test_a_slow_upload_holds_up_nobody(
    server: WatchedServer,
    account: Account,
    client: WatchedClient,
    new_sync: NewSync,
    new_client: NewClient,
    first_collection: FirstCollection,
) -> None:
    pieces = list(compressed_pieces(first_collection.path.read_bytes()))
    stranger = log_in(server, server.new_account())
    with HandMadeRequest(server.port) as slow:
        slow.sync_head(client, "upload")
        slow.piece(pieces[0])
        wait_until(lambda: server.temporary_files(account), "the slow upload has begun")
        # Another person's devices, and the same person's other device, in every way.
        upload(stranger, first_collection.path)
        HandMadeSync(stranger, first_collection.notetype).run("of another person")
        slow.piece(pieces[1])
        new_sync().run("of the same person")
        assert new_client().call("download").status == 200
        upload(new_client(), first_collection.path)
        assert not slow.answered(0.1)
        for piece in pieces[2:]:
            slow.piece(piece)
        slow.end()
        status, _, _ = slow.answer()
    assert status == 200
    assert server.notes(account) == FIRST_NOTES


def test_many_slow_requests_leave_room_for_others(
    server: WatchedServer, new_client: NewClient, new_sync: NewSync
) -> None:
    slow = []
    for number in range(50):
        # One person may have only so many requests at once, see tests/limits.
        client = new_client() if number < 10 else log_in(server, server.new_account())
        request = HandMadeRequest(server.port)
        request.sync_head(client, "upload")
        request.piece(b"\x28\xb5")
        slow.append(request)
    new_sync().run("meanwhile")
    for request in slow:
        request.cut()
    new_sync().run("afterwards")


def test_a_slow_reader_of_a_download_holds_up_nobody(
    server: WatchedServer, account: Account, client: WatchedClient, new_sync: NewSync
) -> None:
    sync = new_sync().begin()
    sync.send_notes(*(noise(number) for number in range(40)))
    sync.finish()
    with HandMadeRequest(server.port) as slow:
        slow.sync_head(client, "download")
        slow.piece(b"".join(compressed_pieces(b"{}")))
        slow.end()
        assert slow.answered(30), "the answer has begun, and is not read on"
        new_sync().run("meanwhile")
        assert "meanwhile" in server.notes(account)
        status, headers, body = slow.answer()
    assert (status, int(headers["anki-original-size"]) > 10_000_000) == (200, True)
    assert body


def test_a_slow_login_holds_up_no_other(
    server: WatchedServer, client: WatchedClient, background: ThreadPoolExecutor
) -> None:
    begun = threading.Event()

    def pieces() -> Iterator[bytes]:
        frame = b"".join(compressed_pieces(b'{"u":"nobody","p":"x"}'))
        yield frame[:5]
        begun.set()
        finished.wait(60)
        yield frame[5:]

    finished = threading.Event()
    slow = WatchedClient(server.url, server=server, name="nobody")
    waiting = background.submit(slow.send_as_is, "hostKey", pieces())
    assert begun.wait(30)
    log_in(server, server.new_account())
    finished.set()
    assert waiting.result().status == 403
