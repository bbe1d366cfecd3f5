"""One HTTP connection by hand, byte by byte: cut short, slow, or not HTTP at all."""

import contextlib
import http.client
import socket
import struct
from collections.abc import Mapping
from typing import final

from tests.support.raw_client import RawClient

TIMEOUT = 60.0


@final
class HandMadeRequest:
    """A request whose bytes are sent when the test says so."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        self._verb = "POST"

    def __enter__(self) -> "HandMadeRequest":
        return self

    def __exit__(self, *_exception: object) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._socket.sendall(data)

    def head(self, path: str, headers: Mapping[str, str], verb: str = "POST") -> None:
        """Send the request line and the headers."""
        self._verb = verb
        lines = [f"{verb} {path} HTTP/1.1", "host: test"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1"))

    def sync_head(
        self, client: RawClient, method: str, *, chunked: bool = True, mount: str = "sync"
    ) -> None:
        """Send the head of a sync method; without `chunked` it announces no body at all."""
        headers = {"anki-sync": client.sync_header()}
        if chunked:
            headers["transfer-encoding"] = "chunked"
        self.head(f"/{mount}/{method}", headers)

    def piece(self, data: bytes) -> None:
        """Send one piece of a chunked body."""
        self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def end(self) -> None:
        """Send the end of a chunked body."""
        self.send(b"0\r\n\r\n")

    def answer(self) -> tuple[int, Mapping[str, str], bytes]:
        """Read the status, the headers and the body of the answer."""
        response = http.client.HTTPResponse(self._socket, method=self._verb)
        response.begin()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return response.status, headers, response.read()

    def answered(self, within_seconds: float) -> bool:
        """Tell whether anything has come back, or the connection was closed."""
        self._socket.settimeout(within_seconds)
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return False
        except ConnectionError:
            return True
        finally:
            self._socket.settimeout(TIMEOUT)
        return True

    def cut(self) -> None:
        """Break the connection at once, as a lost network does when it is noticed."""
        with contextlib.suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()
