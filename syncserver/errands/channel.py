"""The socket between the control script and the server: one connection for each errand.

The request is one JSON message; the answer is any number of progress messages and then a result or
an error. Progress is dropped when nobody reads it. In between, an errand in several steps (a talk) tells
something and waits for what the control script says to it; a connection that ends is taken for a
script that was ended. However long an errand takes, a thread of its own gives signs of life: a server
that gives none hangs, and the script gives up. The socket lies in the data root, whose folder only the
server's own user may enter.
"""

import os
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog

from syncserver import events
from syncserver.collections.folders import PRIVATE_FILE_MODE
from syncserver.errands.errand import Converse, ErrandFailed, Progress, Talk, hold
from syncserver.errands.registry import ERRANDS, TALKS
from syncserver.errors import SyncServerError
from syncserver.services import Services

SOCKET_NAME: Final = "control.sock"
RETRY_SECONDS: Final = 1.0
# Between a connection and its request.
REQUEST_SECONDS: Final = 10.0
# How long a talk waits for the operator, who may be at a prompt, and how often it looks whether
# the server ends.
MOST_SILENCE_SECONDS: Final = 3600.0
LOOK_SECONDS: Final = 0.25
# How often the server gives a sign of life, and after how long without one it is taken to hang.
SIGN_SECONDS: Final = 5.0
PATIENCE_SECONDS: Final = 20

log = structlog.get_logger()


class NoAnswer(Exception):
    """A server owns the data root but does not answer; the message is for the operator."""


class ServerHangs(NoAnswer):
    """The server's socket takes connections, but nothing has come from it for too long."""


class Request(msgspec.Struct):
    """An errand's name and its arguments; for the audit trail who sent it, and whom it is about.

    `user` is empty if that is nobody, or more than one.
    """

    errand: str
    arguments: dict[str, Any]
    operator: str = ""
    user: str = ""

    @property
    def log_fields(self) -> dict[str, str]:
        """What all events say that the errand causes."""
        return {"operator": self.operator, **({"user": self.user} if self.user else {})}


class Message(msgspec.Struct, omit_defaults=True):
    """Part of an answer: a sign of life, steps done, what a talk tells, the result, or why none."""

    alive: bool = False
    done: int | None = None
    total: int | None = None
    told: Any = None
    result: Any = None
    error: str | None = None


class ErrandListener:
    """Runs the errands that the control script sends, each in a thread of its own."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._path = services.settings.data_root / SOCKET_NAME
        self._listener: Listener | None = None
        self._closed = threading.Event()

    def start(self) -> None:
        """Listen; the data root is owned, so a socket that lies there is a dead server's."""
        self._path.unlink(missing_ok=True)
        with _reachable(self._path) as address:
            self._listener = Listener(address, family="AF_UNIX")
        self._path.chmod(PRIVATE_FILE_MODE)
        threading.Thread(
            target=self._accept, args=(self._listener,), name="errands", daemon=True
        ).start()

    def close(self) -> None:
        """Take no more errands."""
        listener, self._listener = self._listener, None
        self._closed.set()
        if listener is not None:
            with suppress(OSError):
                listener.close()
            self._path.unlink(missing_ok=True)

    def _accept(self, listener: Listener) -> None:
        while self._listener is listener:
            try:
                connection = listener.accept()
            except OSError:  # closed, or too many open files, which passes
                self._closed.wait(RETRY_SECONDS)
                continue
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        with connection, suppress(EOFError, BrokenPipeError, ConnectionError):
            if connection.poll(REQUEST_SECONDS):
                sender = _Sender(connection)
                with sender.showing_life():
                    answer = self._answer(connection, sender)
                sender.send(answer)

    def _answer(self, connection: Connection, sender: "_Sender") -> Message:
        def progress(done: int, total: int) -> None:
            sender.send_if_read(Message(done=done, total=total))

        try:
            request = msgspec.json.decode(connection.recv_bytes(), type=Request)
            events.request_fields.set(request.log_fields)
            if request.errand in TALKS:
                talk = begin_talk(self._services, request)
                result = hold(talk, lambda told: self._converse(connection, sender, told))
            else:
                result = run_errand(self._services, request, progress)
            return Message(result=result)
        except ErrandFailed as problem:
            return Message(error=str(problem))
        except SyncServerError as problem:  # the disk is full, or the user's media are in use
            return Message(error=problem.public_text)
        except (EOFError, BrokenPipeError, ConnectionError):
            raise  # whoever asked is gone
        except Exception as problem:
            log.exception(events.ERRAND_FAILED)
            return Message(error=f"the server failed: {type(problem).__name__}; see its log")

    def _converse(self, connection: Connection, sender: "_Sender", told: Any) -> Any:
        """Tell something and return what is said to it. Raises EOFError, ErrandFailed."""
        sender.send(Message(told=told))
        deadline = time.monotonic() + MOST_SILENCE_SECONDS
        while not connection.poll(LOOK_SECONDS):
            if self._closed.is_set():
                raise ErrandFailed("the server is stopping; nothing was changed")
            if time.monotonic() > deadline:
                raise ErrandFailed("nobody has answered for too long; nothing was changed")
        return msgspec.json.decode(connection.recv_bytes())


class _Sender:
    """Sends messages whole, though signs of life come from another thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._turn = threading.Lock()

    def send(self, message: Message) -> None:
        """Send a message; waits for whoever reads slowly."""
        with self._turn:
            self._connection.send_bytes(msgspec.json.encode(message))

    def send_if_read(self, message: Message) -> None:
        """Send a short message, or drop it if the other side reads nothing."""
        # A script that was stopped (Ctrl+Z) reads nothing, and the errand may hold a lock.
        with self._turn:
            if _takes_more(self._connection):
                self._connection.send_bytes(msgspec.json.encode(message))

    @contextmanager
    def showing_life(self) -> Iterator[None]:
        """Give signs of life for the length of the block; none comes after it."""
        ended = threading.Event()
        signs = threading.Thread(target=self._show_life, args=(ended,), daemon=True)
        signs.start()
        try:
            yield
        finally:
            ended.set()
            signs.join()

    def _show_life(self, ended: threading.Event) -> None:
        with suppress(OSError):  # whoever asked is gone, which is for the errand to notice
            while not ended.wait(SIGN_SECONDS):
                self.send_if_read(Message(alive=True))


def _takes_more(connection: Connection) -> bool:
    """Tell whether a short message can be sent without waiting for the other side."""
    writable = select.poll()
    writable.register(connection, select.POLLOUT)
    return bool(writable.poll(0))


def run_errand(services: Services, request: Request, progress: Progress) -> Any:
    """Run an errand in this process, which owns the data root. Raises ErrandFailed."""
    errand = ERRANDS.get(request.errand)
    if errand is None:
        raise ErrandFailed(f"this server does not know the errand {request.errand!r}")
    return errand(services, request.arguments, progress)


def begin_talk(services: Services, request: Request) -> Talk:
    """Begin an errand in several steps in this process, which owns the data root."""
    return TALKS[request.errand](services, request.arguments)


def ask_server(data_root: Path, request: Request, progress: Progress) -> Any:
    """Have the running server run an errand and return its result.

    Raises ErrandFailed when the errand failed, NoAnswer when the server cannot be reached or hangs.
    """
    with (
        _answer_expected(data_root),
        _reachable(data_root / SOCKET_NAME) as address,
        _connection_to(address) as connection,
    ):
        connection.send_bytes(msgspec.json.encode(request))
        return _await_result(connection, progress)


@contextmanager
def talking_to_server(data_root: Path, request: Request) -> Iterator[Converse]:
    """Have the running server run an errand in several steps.

    Each step raises ErrandFailed when the errand failed, NoAnswer when the server is gone or hangs.
    """
    with ExitStack() as connected:
        with _answer_expected(data_root):
            address = connected.enter_context(_reachable(data_root / SOCKET_NAME))
            connection = connected.enter_context(_connection_to(address))

        def converse(said: Any) -> Any:
            message = request if said is None else said
            with _answer_expected(data_root):
                # A server that has given up has said why before it hung up.
                with suppress(BrokenPipeError):
                    connection.send_bytes(msgspec.json.encode(message))
                return _await_result(connection, lambda _done, _total: None)

        yield converse


@contextmanager
def _answer_expected(data_root: Path) -> Iterator[None]:
    try:
        yield
    except BlockingIOError:
        raise ServerHangs(
            f"the server has not answered for {PATIENCE_SECONDS} seconds; it may hang:"
            " see ctl.py status"
        ) from None
    except (OSError, EOFError) as problem:
        raise NoAnswer(
            f"a server owns {data_root} but does not answer on its control socket ({problem})"
        ) from None


def _connection_to(address: str) -> Connection:
    """Connect; what has to wait for the server for too long then raises BlockingIOError.

    Connecting waits too, when others wait already, and so does sending what the server does not read.
    """
    with socket.socket(socket.AF_UNIX) as made:
        for waiting in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
            made.setsockopt(socket.SOL_SOCKET, waiting, struct.pack("ll", PATIENCE_SECONDS, 0))
        made.connect(address)
        return Connection(made.detach())


def _await_result(connection: Connection, progress: Callable[[int, int], None]) -> Any:
    while True:
        message = msgspec.json.decode(connection.recv_bytes(), type=Message)
        if message.error is not None:
            raise ErrandFailed(message.error)
        if message.alive:
            continue
        if message.done is None or message.total is None:
            return message.told if message.told is not None else message.result
        progress(message.done, message.total)


@contextmanager
def _reachable(path: Path) -> Iterator[str]:
    """Give an address for a socket's path, however long: the system allows some 100 characters."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
