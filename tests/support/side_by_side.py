"""The same requests to the official server and to the one under test, and what each then holds.

Both start from copies of one collection. Whatever may differ is a `Difference` with its reason;
everything else is compared exactly: statuses, JSON answers, and all rows of all tables.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.accounts import Account, SyncTarget
from tests.support.raw_client import NO_INPUT, RawClient, RawReply
from tests.support.stored_files import Tables, copy_of, read_tables

# What takes the place of a value that both servers took from their clocks.
NOW = "now"


@dataclass(frozen=True)
class Difference:
    """One column that may differ, how its values are made comparable, and why."""

    table: str
    column: str
    reason: str
    comparable: Callable[[Any], Any]


@dataclass
class Side:
    """One of the two servers, with an account of its own there."""

    target: SyncTarget
    account: Account = field(init=False)
    client: RawClient = field(init=False)

    def __post_init__(self) -> None:
        self.account = self.target.new_account()
        self.client = RawClient(self.target.url).login(self.account)

    def tables(self, folder: Path) -> Tables:
        """Return everything that is committed here."""
        stored = self.target.stored_collection(self.account)
        assert stored is not None, "a differential test needs servers on this machine"
        return read_tables(copy_of(stored, folder))


class SideBySide:
    """Two servers with equal collections, between which nobody may see a difference."""

    def __init__(self, official: Side, ours: Side, folder: Path) -> None:
        self.official, self.ours = official, ours
        self._folder = folder
        self._comparisons = 0
        self._started = time.time()

    @property
    def are_both_official(self) -> bool:
        """Tell whether the official server is compared with itself, to prove the comparison."""
        return type(self.ours.target) is type(self.official.target)

    def upload(self, collection: Path) -> None:
        """Give both sides a copy of this collection."""
        body = collection.read_bytes()
        for side in (self.official, self.ours):
            reply = side.client.send("upload", body)
            assert (reply.status, reply.body) == (200, b"OK"), reply

    def call(self, method: str, payload: object = NO_INPUT) -> Any:
        """Send one request to both, compare the answers, and return the JSON of it."""
        answers = [self._answer(method, reply) for reply in self.replies(method, payload)]
        assert answers[1] == answers[0], f"{method} {str(payload)[:2000]}"
        return answers[0]

    def replies(self, method: str, payload: object = NO_INPUT) -> tuple[RawReply, RawReply]:
        """Send one request to both, and return what the official one and ours answered."""
        return self.official.client.call(method, payload), self.ours.client.call(method, payload)

    def statuses(self, method: str, payload: object = NO_INPUT) -> tuple[int, int]:
        """Send one request to both, and return the official status and ours."""
        official, ours = self.replies(method, payload)
        return official.status, ours.status

    def assert_equal_tables(self, differences: Sequence[Difference] = ()) -> Tables:
        """Compare all tables row for row, apart from `differences`, and return the official's."""
        self._comparisons += 1
        folder = self._folder / f"comparison {self._comparisons}"
        official = self.official.tables(folder / "official")
        ours = self.ours.tables(folder / "ours")
        assert ours.keys() == official.keys()
        for table, rows in official.items():
            relevant = [difference for difference in differences if difference.table == table]
            expected = [_comparable(row, relevant) for row in rows]
            found = [_comparable(row, relevant) for row in ours[table]]
            assert found == expected, f"table {table}: ours is on the left"
        return official

    def clock(self, value: Any) -> Any:
        """Return NOW for a time of this test in seconds or milliseconds, else the value."""
        for unit in (1, 1000):
            if isinstance(value, int) and self._started - 1 <= value / unit <= time.time() + 1:
                return NOW
        return value

    def _answer(self, method: str, reply: RawReply) -> Any:
        assert reply.status == 200, f"{method}: {reply.status} {reply.body!r}"
        answer = reply.json
        if method == "finish":
            return self.clock(answer)
        if method == "meta":
            return {key: self.clock(value) for key, value in answer.items()}
        return answer


def _comparable(row: Mapping[str, Any], differences: Sequence[Difference]) -> dict[str, Any]:
    changed = {
        difference.column: difference.comparable(row[difference.column])
        for difference in differences
    }
    return {**row, **changed}
