"""Users who sync again and again, all from one thread: a generator that costs less than a server.

A sync that was due while the one before it was still waited for counts from when it was due, so
that a server that answers nobody for a while does not hide it by being asked less.
"""

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
from bench.wire import RECEIVED_AT_ONCE, Client, NotAnswered, take_reply

# How long an unanswered sync is waited for after the end; then it counts with that time. Clients
# give up after as long without a byte.
LONGEST_SYNC: Final = 30.0
IDLE_TURN: Final = 1.0


@dataclass(frozen=True, slots=True)
class Pace:
    """For how many seconds a user syncs, and at which intervals; 0: one after the other."""

    seconds: float
    interval: float = 0.0


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
        self.due = 0.0
        self.connect()

    def connect(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self._port), LONGEST_SYNC)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received.clear()

    def begin(self) -> None:
        self._dialogue = self._user.one_sync()
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
    """All users, for a time. Each one is in a sync, or waits for the next one to be due."""

    def __init__(self, users: Sequence[_User], pace: Pace) -> None:
        self._selector = selectors.DefaultSelector()
        self._load = Load()
        self._pace = pace
        self._began = time.perf_counter()
        self._end = self._began + pace.seconds
        self._syncing: set[_User] = set()
        self._waiting = list(users)
        for user in users:
            user.due = self._began
            self._selector.register(user.socket, selectors.EVENT_READ, user)

    def run(self) -> Load:
        cpu = time.process_time()
        self._begin_what_is_due()
        while self._syncing or self._waiting:
            for key, _events in self._selector.select(self._time_to_wait()):
                self._attend(key.data)
            if time.perf_counter() > self._end + LONGEST_SYNC:
                self._give_up()
            self._begin_what_is_due()
        self._load.seconds = time.perf_counter() - self._began
        self._load.generator_cpu = time.process_time() - cpu
        return self._load

    def _time_to_wait(self) -> float:
        now = time.perf_counter()
        return max(0.0, min((user.due - now for user in self._waiting), default=IDLE_TURN))

    def _begin_what_is_due(self) -> None:
        now = time.perf_counter()
        for user in [one for one in self._waiting if one.due <= now]:
            self._waiting.remove(user)
            self._syncing.add(user)
            user.begin()

    def _attend(self, user: _User) -> None:
        try:
            if not user.go_on():
                return
            self._load.syncs.append(time.perf_counter() - user.due)
        except (NotAnswered, OSError) as problem:
            self._load.problems[str(problem)] += 1
            self._connect_anew(user)
        self._syncing.remove(user)
        self._plan(user)

    def _connect_anew(self, user: _User) -> None:
        self._selector.unregister(user.socket)
        user.socket.close()
        user.connect()
        self._selector.register(user.socket, selectors.EVENT_READ, user)

    def _plan(self, user: _User) -> None:
        now = time.perf_counter()
        user.due = user.due + self._pace.interval if self._pace.interval else now
        if now < self._end and user.due < self._end:
            self._waiting.append(user)
            return
        # What was due and has not begun has waited at least until now.
        while user.due < self._end and self._pace.interval:
            self._load.syncs.append(now - user.due)
            user.due += self._pace.interval

    def _give_up(self) -> None:
        now = time.perf_counter()
        self._load.syncs += [now - user.due for user in self._syncing]
        self._load.problems["not answered"] += len(self._syncing)
        self._syncing.clear()


def sync_again_and_again(
    control: Control, clients: Sequence[Client], content: Content, pace: Pace
) -> Load:
    """Let all clients sync for some time; to be run in a helper."""
    del control
    users = [_User(client.port, SyncingUser(client, content)) for client in clients]
    return _Crowd(users, pace).run()
