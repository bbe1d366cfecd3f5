"""Bytes of protocol version 11: requests that are made beforehand, replies that are hardly read.

Requests look like those of real clients: a header, and a zstd frame that is sent as one chunk.
"""

import http.client
import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import zstandard

from bench.servers import Account, Server

NO_INPUT: Final = b'{"_pad":null}'
END_OF_CHUNKS: Final = b"0\r\n\r\n"
REPLY_TIMEOUT: Final = 300.0

_END_OF_HEAD: Final = b"\r\n\r\n"
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_compressor: Final = zstandard.ZstdCompressor(write_content_size=False)


class NotAnswered(Exception):
    """A server refused a request that it should answer; the text has the status."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The status, and the body as it came."""

    status: int
    body: bytes

    def payload(self) -> bytes:
        """Return the body without its compression."""
        return zstandard.ZstdDecompressor().decompressobj().decompress(self.body)


@dataclass(frozen=True, slots=True)
class Client:
    """A logged-in client; it makes requests, others send them."""

    port: int
    host_key: str = ""
    session_key: str = field(default_factory=lambda: secrets.token_hex(3))

    @property
    def sync_header(self) -> str:
        """The value of the header that tells who asks."""
        keys = {"v": 11, "k": self.host_key, "c": "26.09.3,29bb700b,linux", "s": self.session_key}
        return json.dumps(keys)

    def head(self, method: str) -> bytes:
        """Return what stands before the chunks of a request's body."""
        return (
            f"POST /sync/{method} HTTP/1.1\r\n"
            f"host: 127.0.0.1:{self.port}\r\n"
            f"anki-sync: {self.sync_header}\r\n"
            "content-type: application/octet-stream\r\n"
            "transfer-encoding: chunked\r\n\r\n"
        ).encode()

    def request(self, method: str, payload: bytes = NO_INPUT) -> bytes:
        """Return all bytes of a request."""
        return self.head(method) + chunk(_compressor.compress(payload)) + END_OF_CHUNKS

    def send(self, method: str, body: Iterable[bytes]) -> Reply:
        """Send a compressed body in parts over a connection of its own, and wait for the reply."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=REPLY_TIMEOUT)
        headers = {"anki-sync": self.sync_header}
        try:
            connection.request("POST", f"/sync/{method}", body, headers, encode_chunked=True)
            answer = connection.getresponse()
            return Reply(answer.status, answer.read())
        finally:
            connection.close()


def chunk(part: bytes) -> bytes:
    """Frame one part of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(part), part)


def login(server: Server, account: Account) -> Client:
    """Return a client that has a host key; raises NotAnswered."""
    return _login(Client(server.port), account)


def _login(client: Client, account: Account) -> Client:
    body = _compressor.compress(json.dumps({"u": account.name, "p": account.password}).encode())
    reply = client.send("hostKey", [body])
    if reply.status != http.HTTPStatus.OK:
        raise NotAnswered(f"hostKey was answered with {reply.status}")
    return Client(client.port, json.loads(reply.payload())["key"])


def upload(client: Client, compressed: bytes) -> None:
    """Upload a compressed collection; raises NotAnswered."""
    reply = client.send("upload", [compressed])
    if reply.status != http.HTTPStatus.OK or reply.payload() != b"OK":
        raise NotAnswered(f"upload was answered with {reply.status}: {reply.body[:200]!r}")


def take_reply(received: bytearray) -> Reply | None:
    """Take a whole reply out of what was received so far; None when it is not whole yet."""
    head, found, rest = received.partition(_END_OF_HEAD)
    if not found:
        return None
    length = _LENGTH.search(head)
    body = _counted(rest, int(length[1])) if length else _chunked(rest)
    if body is None:
        return None
    received.clear()  # nobody sends a second request before the first one is answered
    return Reply(int(head[9:12]), body)


def _counted(rest: bytearray, length: int) -> bytes | None:
    return bytes(rest) if len(rest) >= length else None


def _chunked(rest: bytearray) -> bytes | None:
    if not rest.endswith(END_OF_CHUNKS):
        return None
    parts, position = bytearray(), 0
    while size := int(rest[position : (line := rest.index(b"\r\n", position))], 16):
        parts += rest[line + 2 : line + 2 + size]
        position = line + 2 + size + 2
    return bytes(parts)
