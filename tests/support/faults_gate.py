"""A gate on the way to the server, which holds one request of a real client, or its answer."""

import contextlib
import socket
import threading
from typing import final

PATIENCE = 60.0
READ_SIZE = 65536


@final
class Gate:
    """Everything passes but the first request of one method: it is held until `open` or `close`.

    With `hold_answer` the server gets the request, and its answer is held.
    """

    def __init__(self, port: int, method: str, *, hold_answer: bool = False) -> None:
        self._port = port
        self._wanted = f"POST /sync/{method} ".encode()
        self._hold_answer = hold_answer
        self._asked = False
        self._answered = False
        self._released = threading.Event()
        self._closed = False
        self.reached = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """The address that a client must be given."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/"

    def __enter__(self) -> "Gate":
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def wait_until_reached(self) -> None:
        """Return when the request, or its answer, is held."""
        assert self.reached.wait(PATIENCE), "the client never came to the gate"

    def open(self) -> None:
        """Let what is held pass."""
        self._released.set()

    def close(self) -> None:
        """Drop what is held and all connections."""
        self._closed = True
        self._released.set()
        for one in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._port))
                self._sockets += [client, server]
                for copy in (self._copy_requests, self._copy_answers):
                    threading.Thread(target=copy, args=(client, server), daemon=True).start()

    def _copy_requests(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(READ_SIZE):
                if self._wanted in data and not self._asked:
                    self._asked = True
                    if not self._hold_answer:
                        self._hold()
                if self._closed:
                    return
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)

    def _copy_answers(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(READ_SIZE):
                if self._hold_answer and self._asked and not self._answered:
                    self._answered = True
                    self._hold()
                if self._closed:
                    return
                client.sendall(data)
            client.shutdown(socket.SHUT_WR)

    def _hold(self) -> None:
        self.reached.set()
        self._released.wait(PATIENCE)
