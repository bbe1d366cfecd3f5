"""What the tests of AnkiConnect start from: programs that were written for the add-on."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from syncserver.accounts.scopes import Scope
from tests.support.accounts import Account
from tests.support.device import NO_CHANGES, Device
from tests.support.our_server import OurServer
from tests.support.rest_client import RestClient, RestReply

VERSION = 6
PATH = "/ankiconnect"


@dataclass(frozen=True)
class Program:
    """A program for AnkiConnect, whose user has entered a key."""

    url: str
    key: str

    def __call__(self, action: str, /, **params: Any) -> Any:
        """Ask for an action, which must succeed, and return its result."""
        answer = self.answer(action, **params)
        assert answer["error"] is None, f"{action}: {answer}"
        return answer["result"]

    def error(self, action: str, /, **params: Any) -> str:
        """Ask for an action, which must fail, and return the error."""
        answer = self.answer(action, **params)
        assert answer["result"] is None, f"{action}: {answer}"
        return str(answer["error"])

    def answer(self, action: str, /, **params: Any) -> Any:
        """Ask for an action and return all of the answer."""
        asked = {"action": action, "version": VERSION, "params": params, "key": self.key}
        return self.send(asked).json

    def send(self, asked: object, *, headers: Mapping[str, str] | None = None) -> RestReply:
        """Send one request as it is."""
        reply = RestClient(self.url).call("POST", PATH, asked, headers=headers)
        assert reply.status == 200, reply
        return reply


NewAnki = Callable[..., Program]


@pytest.fixture
def new_anki(ours: OurServer, account: Account) -> NewAnki:
    """Make a program with a key of a scope, for the account or for another one."""

    def make(scope: Scope = Scope.WRITE, of: Account = account) -> Program:
        return Program(ours.url, ours.new_token(of, scope))

    return make


@pytest.fixture
def anki(new_anki: NewAnki, laptop: Device) -> Program:
    """A program that may change everything of the collection that the laptop has uploaded."""
    return new_anki()


@pytest.fixture
def new_server(tmp_path: Path) -> Iterator[Callable[..., OurServer]]:
    """Start a server with options of its own."""
    servers = []

    def start(**options: object) -> OurServer:
        servers.append(OurServer(tmp_path / f"server{len(servers)}", options))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def synced(*devices: Device) -> None:
    """Sync devices; none of them may be told to replace its collection."""
    for device in devices:
        assert device.sync() == NO_CHANGES


def basic(front: str, back: str = "", **others: Any) -> dict[str, Any]:
    """Return a note of the notetype Basic as programs send it."""
    fields = {"Front": front, "Back": back}
    return {"deckName": "Default", "modelName": "Basic", "fields": fields, **others}
