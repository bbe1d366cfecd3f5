"""A Unix socket that leads to a TCP port of this machine."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def unix_relay(path: Path, port: int) -> Iterator[None]:
    """Pass on what comes to the socket at `path`, which everybody may write to."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        os.chmod(path, 0o777)
        listening.listen()
        threading.Thread(target=_serve, args=(listening, port), daemon=True).start()
        yield
        listening.shutdown(socket.SHUT_RDWR)


def _serve(listening: socket.socket, port: int) -> None:
    with suppress(OSError):  # closed
        while True:
            client = listening.accept()[0]
            server = socket.create_connection(("127.0.0.1", port))
            for pair in ((client, server), (server, client)):
                threading.Thread(target=_copy, args=pair, daemon=True).start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while part := source.recv(1 << 16):
            target.sendall(part)
        target.shutdown(socket.SHUT_WR)
