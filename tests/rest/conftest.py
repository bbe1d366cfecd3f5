"""What the tests of the API start from: a server, an account, a program with a token."""

from collections.abc import Callable

import pytest

from syncserver.accounts.scopes import Scope
from tests.support.accounts import Account
from tests.support.our_server import OurServer
from tests.support.rest_client import RestClient

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
