"""What the tests of the API start from: a server, an account, programs with tokens."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest

from syncserver.accounts.scopes import Scope
from tests.support.accounts import Account
from tests.support.our_server import OurServer
from tests.support.rest_client import RestClient, RestReply

NewProgram = Callable[..., RestClient]


@pytest.fixture
def new_program(ours: OurServer, account: Account) -> NewProgram:
    """Make a program that has a token of a scope, for the account or for another one."""

    def make(scope: Scope = Scope.WRITE, of: Account = account) -> RestClient:
        return RestClient(ours.url, ours.new_token(of, scope))

    return make


@pytest.fixture
def program(new_program: NewProgram) -> RestClient:
    """A program that may do everything with the account's own collection."""
    return new_program()


@dataclass(frozen=True)
class AncestorProgram:
    """A program written for the ancestor, which was given a token."""

    client: RestClient
    user: str

    def __call__(self, operation: str, data: object = None) -> Any:
        """Call an operation of the user's collection, which must succeed."""
        return self.client.collection(self.user, operation, data)

    def refused(self, operation: str, data: object = None) -> RestReply:
        """Call an operation, which must not succeed."""
        path = f"/collection/{quote(self.user)}/{quote(operation)}"
        reply = self.client.call("POST", path, {} if data is None else data)
        assert reply.status >= 400, reply
        return reply


@pytest.fixture
def old(program: RestClient, account: Account) -> AncestorProgram:
    """An old program that may do everything with the account's own collection."""
    return AncestorProgram(program, account.name)
