"""One media request by hand, whose body is sent when the test says so, or never to its end."""

import socket
from urllib.parse import urlsplit

from tests.support.media_client import MediaClient

TIMEOUT = 60.0


class MediaConnection:
    """A connection on which the head of one media request was sent."""

    def __init__(self, client: MediaClient, method: str) -> None:
        address = urlsplit(client.url)
        assert address.port is not None
        self._socket = socket.create_connection((address.hostname, address.port), TIMEOUT)
        head = (
            f"POST {address.path}sync/{method} HTTP/1.1\r\nhost: test\r\n"
            f"anki-sync: {client.sync_header()}\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        self._socket.sendall(head.encode())

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def piece(self, data: bytes) -> None:
        """Send a piece of the body."""
        self._socket.sendall(b"%x\r\n%s\r\n" % (len(data), data))

    def end(self) -> None:
        """Send the end of the body."""
        self._socket.sendall(b"0\r\n\r\n")

    def first_bytes_of_answer(self) -> bytes:
        """Return how the answer begins."""
        return self._socket.recv(1000)
