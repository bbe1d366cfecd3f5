"""Syncs made by hand, step by step, so that a test can stop in the middle of one."""

import itertools
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.accounts import Account
from tests.support.device import Device
from tests.support.faults_server import WatchedServer
from tests.support.raw_client import RawClient, RawReply

# The first fields of the notes that each collection starts with, in alphabetical order.
FIRST_NOTES = ["one", "three", "two"]
NO_CHANGES_SENT = {"models": [], "decks": [[], []], "tags": []}

# Ids are milliseconds; these stand for notes that were made in the years before.
_new_ids = itertools.count(1_500_000_000_000)


@dataclass(frozen=True)
class FirstCollection:
    """The file with which collections start, and its notetype of two fields."""

    path: Path
    notetype: int


def make_first_collection(folder: Path) -> FirstCollection:
    """Make a collection of three notes as a device has it."""
    device = Device(folder)
    for text in FIRST_NOTES:
        device.add_note(text, "back")
    notetype = device.notetype("Basic")["id"]
    device.close()
    return FirstCollection(Path(device.col.path), notetype)


@dataclass
class WatchedClient(RawClient):
    """A raw client whose answers are searched for what they may not tell."""

    server: WatchedServer = field(kw_only=True)
    name: str = field(kw_only=True)

    def send_as_is(
        self, method: str, wire: Iterable[bytes], *, sync_header: str | None = None
    ) -> RawReply:
        reply = super().send_as_is(method, wire, sync_header=sync_header)
        return self.server.watched(reply, asked_by=self.name)

    def another_session(self) -> "WatchedClient":
        return WatchedClient(self.url, self.host_key, server=self.server, name=self.name)


def log_in(server: WatchedServer, account: Account) -> WatchedClient:
    """Return a client of a device that has just logged in."""
    client = WatchedClient(server.url, server=server, name=account.name)
    client.login(account)
    server.secrets.keys.append(client.host_key)
    return client


def upload(client: RawClient, collection: Path) -> None:
    """Replace what the server has with this file."""
    reply = client.send("upload", collection.read_bytes())
    assert (reply.status, reply.body) == (200, b"OK"), reply


class HandMadeSync:
    """One sync of a device that has all that the server has, and adds notes."""

    def __init__(self, client: RawClient, notetype: int) -> None:
        self.client = client
        self._notetype = notetype
        self.meta: dict[str, Any] = {}

    def ask_meta(self) -> "HandMadeSync":
        """Ask the server what it has."""
        self.meta = self.client.expect("meta", {"v": 11, "cv": "test"})
        return self

    def start(self) -> RawReply:
        """Ask to begin."""
        return self.client.call(
            "start", {"minUsn": self.meta["usn"], "lnewer": True, "graves": None}
        )

    def begin(self) -> "HandMadeSync":
        """Go on until the server waits for changes."""
        self.ask_meta()
        reply = self.start()
        assert reply.status == 200, reply
        return self

    def send_notes(self, *texts: str) -> RawReply:
        """Send notes, each with a card, in one `applyChunk`."""
        return self.client.call("applyChunk", {"chunk": self.chunk(texts)})

    def chunk(self, texts: Sequence[str]) -> dict[str, Any]:
        """Return the rows of new notes with these first fields."""
        ids = [next(_new_ids) for _ in texts]
        usn, now = self.meta.get("usn", 0), int(time.time())
        notes = [
            [oid, f"guid{oid}", self._notetype, now, usn, "", f"{text}\x1fback", "", "", 0, ""]
            for oid, text in zip(ids, texts, strict=True)
        ]
        cards = [[oid, oid, 1, 0, now, usn, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, "{}"] for oid in ids]
        return {"done": True, "notes": notes, "cards": cards, "revlog": []}

    def exchange(self) -> list[str]:
        """Do the steps between `start` and the own rows; return the first fields of new notes."""
        self.client.expect("applyChanges", {"changes": NO_CHANGES_SENT})
        received: list[str] = []
        done = False
        while not done:
            chunk = self.client.expect("chunk")
            received += [row[6].split("\x1f")[0] for row in chunk.get("notes", [])]
            done = chunk["done"]
        return received

    def finish(self) -> int:
        """Make it durable and return the new modification time."""
        modified: int = self.client.expect("finish")
        return modified

    def run(self, *texts: str) -> int:
        """Do all of it at once, sending these notes."""
        self.begin()
        self.exchange()
        reply = self.send_notes(*texts)
        assert reply.status == 200, reply
        return self.finish()
