"""Small bodies that expand to gigabytes: refused, and never held in memory."""

from collections.abc import Iterator

import pytest

from tests.faults.conftest import NewSync
from tests.support.accounts import Account
from tests.support.faults_bombs import expanding_frame
from tests.support.faults_server import WatchedServer
from tests.support.faults_sync import FIRST_NOTES, FirstCollection, WatchedClient
from tests.support.raw_client import compressed_pieces

OPTIONS = {"sync_wait": 2}

MEGABYTE = 1_000_000
EXPANDED = 4_000 * MEGABYTE
# Requests are read whole up to max_request_bytes (100 MB), uploads never.
ALLOWED = 300 * MEGABYTE

STARTS = {
    "hostKey": b'{"u":"',
    "meta": b'{"v":11,"cv":"',
    "start": b'{"minUsn":0,"graves":{"cards":[',
    "applyGraves": b'{"chunk":{"cards":[',
    "applyChanges": b'{"changes":{"models":[',
    "chunk": b"{",
    "applyChunk": b'{"chunk":{"notes":[[1,"',
    "sanityCheck2": b'{"client":[',
    "finish": b"{",
    "abort": b"{",
    "download": b"{",
}


class Memory:
    """How much the server's memory grows."""

    def __init__(self, server: WatchedServer) -> None:
        self._server = server
        server.reset_peak_memory()
        self._before = server.peak_memory()

    def assert_grew_less_than(self, allowed: int, what: str) -> None:
        grown = self._server.peak_memory() - self._before
        print(f"{what}: {grown / MEGABYTE:.0f} MB above the {self._before / MEGABYTE:.0f} before")
        assert grown < allowed


@pytest.fixture
def memory(server: WatchedServer, account: Account) -> Memory:
    return Memory(server)


@pytest.mark.parametrize("method", STARTS)
def test_a_body_that_expands_to_gigabytes_is_refused(
    method: str, server: WatchedServer, account: Account, new_sync: NewSync, memory: Memory
) -> None:
    sync = new_sync().begin()
    reply = sync.client.send_as_is(method, expanding_frame(STARTS[method], b" ", EXPANDED))
    memory.assert_grew_less_than(ALLOWED, method)
    assert reply.status == 413
    assert sync.client.call("chunk").status == 200, "the sync in progress stays alive"
    sync.finish()
    assert server.notes(account) == FIRST_NOTES


def test_an_upload_that_expands_to_gigabytes_is_refused_in_words(
    server: WatchedServer,
    account: Account,
    client: WatchedClient,
    first_collection: FirstCollection,
    memory: Memory,
) -> None:
    start = first_collection.path.read_bytes()[:4096]
    reply = client.send_as_is("upload", expanding_frame(start, b"\x00", EXPANDED))
    memory.assert_grew_less_than(ALLOWED, "upload")
    assert (reply.status, b"300 MB" in reply.body) == (200, True)
    assert server.notes(account) == FIRST_NOTES
    assert server.temporary_files(account) == []


def test_an_upload_of_noise_beyond_the_limit_is_refused_without_being_read_whole(
    server: WatchedServer, account: Account, client: WatchedClient, memory: Memory
) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        yield from compressed_pieces(b"SQLite format 3\x00")
        while sent < EXPANDED:
            sent += MEGABYTE
            yield bytes(MEGABYTE)

    reply = client.send_as_is("upload", endless())
    memory.assert_grew_less_than(ALLOWED, "noise")
    assert reply.status == 200
    assert server.notes(account) == FIRST_NOTES


# Small bodies that are no larger in bytes than they may be, but would be as objects.


@pytest.mark.parametrize(
    ("method", "start", "filling", "end"),
    [
        ("applyChanges", b'{"changes":{"models":[{}', b",{}", b'],"decks":[[],[]],"tags":[]}}'),
        ("applyChanges", b'{"changes":{"models":[],"decks":[[{"a":[[]', b",[]", b"]}],[]]}}"),
        (
            "applyChanges",
            b'{"changes":{"models":[],"decks":[[],[]],"conf":{"a":[[]',
            b",[]",
            b"]}}}",
        ),
        ("applyChanges", b'{"changes":{"models":[],"decks":[[],[]],"tags":[""', b',""', b"]}}"),
        ("applyChunk", b'{"chunk":{"revlog":[[1,1,1,1,1,1,1,1,[[]', b",[]", b"]]]}}"),
        ("applyChunk", b'{"chunk":{"unknown":[[]', b",[]", b"]}}"),
        ("applyGraves", b'{"chunk":{"cards":[0', b",0", b'],"notes":[],"decks":[]}}'),
    ],
)
def test_a_body_of_many_tiny_objects_does_not_fill_the_memory(
    method: str,
    start: bytes,
    filling: bytes,
    end: bytes,
    new_sync: NewSync,
    memory: Memory,
) -> None:
    body = start + filling * (99 * MEGABYTE // len(filling)) + end
    sync = new_sync().begin()
    reply = sync.client.send(method, body)
    memory.assert_grew_less_than(ALLOWED, f"{method} {filling!r}")
    assert reply.status == 413
