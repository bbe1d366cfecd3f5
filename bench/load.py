"""Users who sync all the time, all from one thread: a generator that costs less than a server."""

import selectors
import socket
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from bench.figures import percentile
from bench.helper import Control
from bench.prepared_sync import Content, Dialogue, SyncingUser
from bench.wire import Client, NotAnswered, take_reply

# How long an unanswered sync is waited for after the end; then it counts with that time.
LONGEST_SYNC: Final = 90.0
RECEIVED_AT_ONCE: Final = 1 << 18


@dataclass(slots=True)
class Load:
    """What the users have seen: seconds of each sync, problems, and what it took to find out."""

    seconds: float = 0.0
    syncs: list[float] = field(default_factory=list)
    problems: Counter[str] = field(default_factory=Counter)
    generator_cpu: float = 0.0

    @property
    def rate(self) -> float:
        """Syncs per second."""
        return len(self.syncs) / self.seconds

    def milliseconds(self, percent: float) -> float:
        """Return the time that `percent` of the syncs did not exceed."""
        return percentile(self.syncs, percent) * 1000


class _User:
    """One user's connection and the sync that runs through it."""

    def __init__(self, port: int, user: SyncingUser) -> None:
        self._port = port
        self._user = user
        self._dialogue: Dialogue = user.one_sync()
        self._received = bytearray()
        self.began = 0.0
        self.connect()

    def connect(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self._port), LONGEST_SYNC)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received.clear()

    def begin(self) -> None:
        self._dialogue = self._user.one_sync()
        self.began = time.perf_counter()
        self.socket.sendall(next(self._dialogue))

    def go_on(self) -> bool:
        """Read what has come, answer it, and return whether the sync has ended."""
        part = self.socket.recv(RECEIVED_AT_ONCE)
        if not part:
            raise ConnectionResetError("the server hung up")
        self._received += part
        reply = take_reply(self._received)
        if reply is None:
            return False
        try:
            self.socket.sendall(self._dialogue.send(reply))
        except StopIteration:
            return True
        return False


class _Crowd:
    """All users, for a time."""

    def __init__(self, users: Sequence[_User], seconds: float) -> None:
        self._selector = selectors.DefaultSelector()
        self._load = Load()
        self._began = time.perf_counter()
        self._end = self._began + seconds
        self._busy = set(users)

    def run(self) -> Load:
        cpu = time.process_time()
        for user in self._busy:
            self._begin(user)
        while self._busy and time.perf_counter() < self._end + LONGEST_SYNC:
            for key, _events in self._selector.select(1.0):
                self._attend(key.data)
        now = time.perf_counter()
        self._load.syncs += [now - user.began for user in self._busy]
        self._load.problems.update("not answered" for _user in self._busy)
        self._load.seconds = now - self._began
        self._load.generator_cpu = time.process_time() - cpu
        return self._load

    def _begin(self, user: _User) -> None:
        self._selector.register(user.socket, selectors.EVENT_READ, user)
        user.begin()

    def _attend(self, user: _User) -> None:
        try:
            if not user.go_on():
                return
            self._load.syncs.append(time.perf_counter() - user.began)
        except (NotAnswered, OSError) as problem:
            self._load.problems[str(problem)] += 1
            self._selector.unregister(user.socket)
            user.socket.close()
            user.connect()
            self._selector.register(user.socket, selectors.EVENT_READ, user)
        self._next(user)

    def _next(self, user: _User) -> None:
        if time.perf_counter() < self._end:
            user.begin()
        else:
            self._selector.unregister(user.socket)
            user.socket.close()
            self._busy.remove(user)


def sync_all_the_time(
    control: Control, clients: Sequence[Client], content: Content, seconds: float
) -> Load:
    """Let all clients sync for some seconds, without a pause; to be run in a helper."""
    del control
    users = [_User(client.port, SyncingUser(client, content)) for client in clients]
    return _Crowd(users, seconds).run()
