"""Bytes of protocol version 11: requests that are made beforehand, replies that are hardly read.

Requests look like those of real clients: a header, and a zstd frame that is sent as one chunk.
"""

import json
import re
import secrets
import socket
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import zstandard

from bench.servers import Account, Server

NO_INPUT: Final = b'{"_pad":null}'
END_OF_CHUNKS: Final = b"0\r\n\r\n"
REPLY_TIMEOUT: Final = 300.0
RECEIVED_AT_ONCE: Final = 1 << 18
# What real clients make of an upload [seen with 26.9.3].
CHUNK_OF_CLIENTS: Final = 4096

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

    def login_request(self, account: Account) -> bytes:
        """Return the request that asks for a host key."""
        names = {"u": account.name, "p": account.password}
        return self.request("hostKey", json.dumps(names).encode())

    def call(self, request: bytes) -> Reply:
        """Send a request over a connection of its own, and wait for the reply."""
        with socket.create_connection(("127.0.0.1", self.port), REPLY_TIMEOUT) as connection:
            connection.sendall(request)
            received = bytearray()
            while (reply := take_reply(received)) is None:
                part = connection.recv(RECEIVED_AT_ONCE)
                if not part:
                    raise NotAnswered("the server hung up")
                received += part
            return reply


def chunks(body: bytes) -> bytes:
    """Frame a large body as clients do, in many small chunks; one server minds, the other not."""
    starts = range(0, len(body), CHUNK_OF_CLIENTS)
    parts = (chunk(body[start : start + CHUNK_OF_CLIENTS]) for start in starts)
    return b"".join(parts) + END_OF_CHUNKS


def chunk(part: bytes) -> bytes:
    """Frame one part of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(part), part)


def login(server: Server, account: Account) -> Client:
    """Return a client that has a host key; raises NotAnswered."""
    client = Client(server.port)
    reply = client.call(client.login_request(account))
    if reply.status != HTTPStatus.OK:
        raise NotAnswered(f"hostKey was answered with {reply.status}")
    return Client(client.port, json.loads(reply.payload())["key"])


def upload(client: Client, framed: bytes) -> None:
    """Upload a compressed collection that is framed as a chunked body; raises NotAnswered."""
    reply = client.call(client.head("upload") + framed)
    if reply.status != HTTPStatus.OK or reply.payload() != b"OK":
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
