"""Headers, session keys, bodies and paths are judged as the official server judges them."""

import json
from collections.abc import Callable

import pytest
import zstandard

from tests.support.malformed_requests import CHANGES, COUNTS, GRAVES
from tests.support.raw_client import RawClient, RawReply, compressed_pieces
from tests.support.side_by_side import SideBySide

META = {"v": 11, "cv": "test"}
META_BODY = json.dumps(META).encode()
START = {"minUsn": 0, "lnewer": False, "graves": None}
# The methods that need a sync in progress, each with a request that is in order.
STATEFUL: dict[str, object] = {
    "applyGraves": {"chunk": GRAVES},
    "applyChanges": {"changes": CHANGES},
    "chunk": {},
    "applyChunk": {"chunk": {"done": True}},
    "sanityCheck2": {"client": COUNTS},
    "finish": {},
}

Send = Callable[[RawClient], RawReply]


def statuses(both: SideBySide, send: Send) -> tuple[int, int]:
    """Return the status of the official server and ours."""
    return send(both.official.client).status, send(both.ours.client).status


def with_header(**changed: object) -> Send:
    return lambda client: client.send_as_is(
        "meta", [*compressed_pieces(META_BODY)], sync_header=client.sync_header(**changed)
    )


def with_header_text(text: str) -> Send:
    return lambda client: client.send_as_is(
        "meta", [*compressed_pieces(META_BODY)], sync_header=text
    )


def with_header_without(key: str) -> Send:
    def send(client: RawClient) -> RawReply:
        entries = json.loads(client.sync_header())
        del entries[key]
        return with_header_text(json.dumps(entries))(client)

    return send


HEADERS: dict[str, tuple[Send, int]] = {
    "no text": (with_header_text(""), 400),
    "no JSON": (with_header_text("x"), 400),
    "a list": (with_header_text("[]"), 400),
    "an empty object": (with_header_text("{}"), 400),
    "version 7": (with_header(v=7), 400),
    "version 12": (with_header(v=12), 400),
    "version as text": (with_header(v="11"), 400),
    "version null": (with_header(v=None), 400),
    "no version": (with_header_without("v"), 400),
    "no key": (with_header_without("k"), 400),
    "key null": (with_header(k=None), 400),
    "key as number": (with_header(k=5), 400),
    "key empty": (with_header(k=""), 403),
    "key unknown": (with_header(k="0" * 40), 403),
    "key very long": (with_header(k="0" * 4000), 403),
    "no client": (with_header_without("c"), 400),
    "client null": (with_header(c=None), 400),
    "client empty": (with_header(c=""), 200),
    "no session": (with_header_without("s"), 400),
    "session null": (with_header(s=None), 400),
    "session as number": (with_header(s=5), 400),
    "session empty": (with_header(s=""), 200),
    "another entry": (with_header(z=5), 200),
}


@pytest.mark.parametrize("header", HEADERS)
def test_the_sync_header_is_judged_alike(both: SideBySide, header: str) -> None:
    send, expected = HEADERS[header]
    assert statuses(both, send) == (expected, expected)


FRAME = b"".join(compressed_pieces(META_BODY))

BODIES: dict[str, tuple[Send, int]] = {
    "not zstd": (lambda client: client.send_as_is("meta", [META_BODY]), 400),
    "cut off": (lambda client: client.send_as_is("meta", [FRAME[:-3]]), 400),
    "trailing bytes": (lambda client: client.send_as_is("meta", [FRAME, b"garbage"]), 200),
    "a second frame": (lambda client: client.send_as_is("meta", [FRAME, FRAME]), 200),
    "known length": (lambda client: client.send_as_is("meta", FRAME), 200),
    "byte by byte": (
        lambda client: client.send_as_is("meta", [bytes([one]) for one in FRAME]),
        200,
    ),
    "a frame that tells its size": (
        lambda client: client.send_as_is("meta", [zstandard.ZstdCompressor().compress(META_BODY)]),
        200,
    ),
}


@pytest.mark.parametrize("body", BODIES)
def test_the_body_is_judged_alike(both: SideBySide, body: str) -> None:
    send, expected = BODIES[body]
    assert statuses(both, send) == (expected, expected)


@pytest.mark.parametrize("method", STATEFUL)
def test_another_session_key_is_refused_and_the_sync_goes_on(both: SideBySide, method: str) -> None:
    both.statuses("meta", META)
    both.statuses("start", START)
    strangers = [side.client.another_session() for side in (both.official, both.ours)]
    assert [one.call(method, STATEFUL[method]).status for one in strangers] == [409, 409]
    assert both.statuses("finish") == (200, 200)


@pytest.mark.parametrize("method", STATEFUL)
def test_a_method_that_needs_a_sync_is_refused_without_one(both: SideBySide, method: str) -> None:
    assert both.statuses(method, STATEFUL[method]) == (409, 409)


@pytest.mark.parametrize("method", ["start", *STATEFUL])
def test_a_session_key_is_demanded_alike(both: SideBySide, method: str) -> None:
    body = json.dumps({"start": START, **STATEFUL}[method]).encode()

    def send(client: RawClient) -> RawReply:
        header = client.sync_header(s="")
        return client.send_as_is(method, [*compressed_pieces(body)], sync_header=header)

    both.statuses("meta", META)
    assert statuses(both, send) == (400, 400)


def test_json_that_cannot_be_read_does_not_end_the_sync(both: SideBySide) -> None:
    both.statuses("meta", META)
    both.statuses("start", START)
    assert statuses(both, lambda client: client.send("applyChunk", b"{")) == (400, 400)
    assert both.statuses("finish") == (200, 200)


def test_a_note_that_cannot_be_merged_ends_the_sync(both: SideBySide) -> None:
    both.statuses("meta", META)
    both.statuses("start", START)
    orphan = [5, "guid", 999, 1, 20, "", "front", "", "", 0, ""]
    assert both.statuses("applyChunk", {"chunk": {"notes": [orphan]}}) == (400, 400)
    assert both.statuses("finish") == (409, 409)


def test_the_same_device_starts_again_without_an_error(both: SideBySide) -> None:
    both.statuses("meta", META)
    assert both.statuses("start", START) == (200, 200)
    assert both.statuses("start", START) == (200, 200)
    assert both.statuses("finish") == (200, 200)


def test_an_abort_without_a_sync_is_no_error(both: SideBySide) -> None:
    assert both.statuses("abort") == (200, 200)
    assert both.call("abort") is None
