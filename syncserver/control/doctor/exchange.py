"""One HTTP request and its answer, byte for byte as Anki's clients make them, with bounded waits.

Nothing is followed, retried, decompressed or kept alive: what stands between is to be seen.
"""

import gzip
import http.client
import json
import socket
import ssl
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from email.message import Message
from typing import Final

import zstandard

from syncserver import __version__
from syncserver.control.doctor.address import Address
from syncserver.control.doctor.encryption import HANDSHAKE_SECONDS
from syncserver.control.doctor.network import CONNECT_SECONDS, Endpoint, connect
from syncserver.protocol.header_framing import HEADER_NAME
from syncserver.protocol.versions import NEWEST

# Clients give up after so long without a byte.
STALL_SECONDS: Final = 30.0
# No request of ours may take longer, however slowly it goes on.
REQUEST_SECONDS: Final = 60.0
READ_BYTES: Final = 64 * 1024
CLIENT: Final = f"syncserver-doctor,{__version__},linux"


class NoAnswer(Exception):
    """The connection ended, or nobody answered in time; `seconds` is how long that took."""

    def __init__(self, problem: Exception, seconds: float) -> None:
        super().__init__(str(problem))
        self.problem = problem
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; `body` is cut at the most that was asked for.

    `version` is 10 or 11. `seconds` are those from the first byte sent to the first received,
    `parts` how often something was read.
    """

    status: int
    version: int
    headers: Message
    body: bytes
    seconds: float
    sent_at: float
    parts: int = 1

    @property
    def text(self) -> str:
        """The body as text, also of those who compress what nobody asked them to."""
        body = self.body
        if self.headers.get("Content-Encoding") == "gzip":
            with suppress(OSError, EOFError, zlib.error):
                body = gzip.decompress(body)
        return body.decode("utf-8", "replace").strip()

    @property
    def program(self) -> str:
        """Which program says that it has answered; "" if none."""
        text = f"{self.headers.get('Server', '')} {self.headers.get('Via', '')}".strip()
        return text or ("nginx" if "nginx" in self.text[:2000] else "")

    @property
    def is_page(self) -> bool:
        """Whether it is a web page, which our server never answers to a client."""
        return self.text.startswith("<")


@dataclass(frozen=True, slots=True)
class Request:
    """One request; a body that is no `bytes` is sent in chunks."""

    verb: str
    path: str
    headers: Mapping[str, str]
    body: bytes | Iterable[bytes] = b""
    most_bytes: int = READ_BYTES
    seconds: float = REQUEST_SECONDS


@dataclass(frozen=True, slots=True)
class Route:
    """How requests get to the server: to one address of its name, as clients encrypt."""

    address: Address
    endpoint: Endpoint
    context: ssl.SSLContext

    def get(self, path: str, *, from_root: bool = False) -> Reply:
        """Ask for a path below the address."""
        return self.ask(Request("GET", path if from_root else self.path(path), {"Accept": "*/*"}))

    def path(self, method: str) -> str:
        """Return the path of a method below the address."""
        return f"{self.address.path}{method}"

    def ask(self, request: Request) -> Reply:
        """Send a request and read the answer. Raises NoAnswer."""
        started = time.monotonic()
        try:
            with self._connection() as connection:
                return _exchange(connection, request, started)
        except (OSError, http.client.HTTPException) as problem:
            raise NoAnswer(problem, time.monotonic() - started) from problem

    @contextmanager
    def _connection(self) -> Iterator[http.client.HTTPConnection]:
        sock: socket.socket = connect(self.endpoint, CONNECT_SECONDS)
        kind: type[http.client.HTTPConnection] = http.client.HTTPConnection
        if self.address.encrypted:
            sock.settimeout(HANDSHAKE_SECONDS)
            sock = self.context.wrap_socket(sock, server_hostname=self.address.host)
            kind = http.client.HTTPSConnection  # it knows which port is left out of Host
        connection = kind(self.address.host, self.address.port)
        connection.sock = sock
        try:
            yield connection
        finally:
            connection.close()
            sock.close()


def _exchange(connection: http.client.HTTPConnection, request: Request, started: float) -> Reply:
    sent_at = time.time()
    deadline = started + request.seconds
    connection.sock.settimeout(STALL_SECONDS)
    connection.putrequest(request.verb, request.path, skip_accept_encoding=True)
    for name, value in request.headers.items():
        connection.putheader(name, value)
    # Whoever refuses a body may say so and hang up before it was sent.
    with suppress(BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
        _send_body(connection, request, deadline)
    response = connection.getresponse()
    seconds = time.monotonic() - started
    body, parts = _read(response, request.most_bytes, deadline)
    return Reply(response.status, response.version, response.msg, body, seconds, sent_at, parts)


def _send_body(connection: http.client.HTTPConnection, request: Request, deadline: float) -> None:
    if isinstance(request.body, bytes):
        if request.verb != "GET":
            connection.putheader("Content-Length", str(len(request.body)))
        connection.endheaders(request.body or None)
        return
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    for part in request.body:
        if time.monotonic() > deadline:
            raise TimeoutError("the request took too long")
        connection.send(b"%x\r\n%b\r\n" % (len(part), part))
    connection.send(b"0\r\n\r\n")


def _read(
    response: http.client.HTTPResponse, most_bytes: int, deadline: float
) -> tuple[bytes, int]:
    parts: list[bytes] = []
    left = most_bytes
    while left > 0 and (part := response.read1(min(left, READ_BYTES))):
        parts.append(part)
        left -= len(part)
        if time.monotonic() > deadline:
            raise TimeoutError("the answer took too long")
    return b"".join(parts), len(parts)


def new_style(method: str, payload: object, key: str = "", session: str = "doctor") -> Request:
    """Return a request of protocol version 11; `method` is the whole path.

    Its body is one zstd frame of unknown size, in chunks.
    """
    header = {"v": NEWEST, "k": key, "c": CLIENT, "s": session}
    return Request(
        "POST",
        method,
        {HEADER_NAME: json.dumps(header), "Content-Type": "application/octet-stream"},
        _frame_in_pieces(json.dumps(payload).encode()),
    )


def with_length(request: Request) -> Request:
    """Return the same request with its length told, for what is not about chunks."""
    body = request.body if isinstance(request.body, bytes) else b"".join(request.body)
    return replace(request, body=body)


def _frame_in_pieces(payload: bytes, pieces: int = 3) -> Iterator[bytes]:
    compressor = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    frame = compressor.compress(payload) + compressor.flush()
    size = max(1, -(-len(frame) // pieces))
    for start in range(0, len(frame), size):
        yield frame[start : start + size]
