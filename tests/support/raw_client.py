"""Requests of protocol version 11 made by hand: the `anki-sync` header and a streamed zstd body.

Real devices show what a client does; this shows what bytes the server takes and gives.
"""

import http.client
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import zstandard

from tests.support.accounts import Account

CLIENT_VERSION = "26.09.3,29bb700b,linux"
# What clients send to methods that have no input.
NO_INPUT: Mapping[str, None] = {"_pad": None}
# Small enough that every body but the shortest crosses the network in several pieces.
PIECE_BYTES = 1000
REQUEST_TIMEOUT = 60.0


@dataclass(frozen=True)
class RawReply:
    """What came back: the status, the headers, and the body without its compression."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class RawClient:
    """One client object: it keeps its session key for all its requests, as real ones do."""

    url: str
    host_key: str = ""
    session_key: str = field(default_factory=lambda: secrets.token_hex(3))

    def login(self, account: Account) -> "RawClient":
        """Fetch a host key with the account's name and password, and use it from now on."""
        reply = self.call("hostKey", {"u": account.name, "p": account.password})
        assert reply.status == 200, reply
        self.host_key = reply.json["key"]
        return self

    def another_session(self) -> "RawClient":
        """Return a client of the same login with a session key of its own."""
        return RawClient(self.url, self.host_key)

    def call(self, method: str, payload: object = NO_INPUT) -> RawReply:
        """Send one request with `payload` as JSON."""
        return self.send(method, json.dumps(payload, ensure_ascii=False).encode())

    def expect(self, method: str, payload: object = NO_INPUT) -> Any:
        """Send one request that must be answered with 200, and return the JSON of the answer."""
        reply = self.call(method, payload)
        assert reply.status == 200, f"{method} was answered {reply.status}: {reply.body!r}"
        return reply.json

    def send(self, method: str, body: bytes) -> RawReply:
        """Send one request with `body`, compressed and in pieces."""
        return self.send_as_is(method, compressed_pieces(body))

    def send_as_is(
        self, method: str, wire: bytes | Iterable[bytes], *, sync_header: str | None = None
    ) -> RawReply:
        """Send one request whose body is exactly `wire`, and whose header may be given too.

        Pieces are sent as chunks; of bytes, the request tells their length instead.
        """
        header = self.sync_header() if sync_header is None else sync_header
        headers = {"anki-sync": header, "content-type": "application/octet-stream"}
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(
            address.hostname or "", address.port, timeout=REQUEST_TIMEOUT
        )
        try:
            # A server may answer, and hang up, before it has read all of a body that it refuses.
            with suppress(BrokenPipeError, ConnectionResetError):
                path = f"{address.path}sync/{method}"
                connection.request("POST", path, wire, headers, encode_chunked=True)
            return _read_reply(connection.getresponse())
        finally:
            connection.close()

    def sync_header(self, **changed: object) -> str:
        """Return the value of the `anki-sync` header, with some of its entries changed."""
        entries = {"v": 11, "k": self.host_key, "c": CLIENT_VERSION, "s": self.session_key}
        return json.dumps({**entries, **changed})


def compressed_pieces(body: bytes) -> Iterator[bytes]:
    """Yield the zstd frame of `body` piece by piece; it does not tell its length, as clients'."""
    compressor = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    frame = compressor.compress(body) + compressor.flush()
    for start in range(0, len(frame), PIECE_BYTES):
        yield frame[start : start + PIECE_BYTES]


def _read_reply(response: http.client.HTTPResponse) -> RawReply:
    body = response.read()
    if response.status == 200:
        body = zstandard.ZstdDecompressor().decompressobj().decompress(body)
        size = response.getheader("anki-original-size")
        assert size == str(len(body)), f"anki-original-size is {size} for {len(body)} bytes"
    return RawReply(response.status, dict(response.getheaders()), body)
