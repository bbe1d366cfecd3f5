"""One server for each module, people who move, and their devices."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.conftest import NewDevice
from tests.support.accounts import Account
from tests.support.device import FULL_UPLOAD, Device
from tests.support.media_server import assert_nothing_unexpected
from tests.support.moving_server import MovingServer

Operating = Callable[[], AbstractContextManager[None]]


@pytest.fixture(scope="module")
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MovingServer]:
    """The server of this module, with the module's OPTIONS."""
    options = getattr(request.module, "OPTIONS", {})
    server = MovingServer(tmp_path_factory.mktemp("server"), options)
    yield server
    server.stop()
    assert_nothing_unexpected(server)


@pytest.fixture(params=["running", "alone"])
def operating(request: pytest.FixtureRequest, server: MovingServer) -> Operating:
    """What an operator does is done beside the running server, or while there is none."""

    @contextmanager
    def operate() -> Iterator[None]:
        if request.param == "running":
            yield
            return
        server.stop()
        try:
            yield
        finally:
            server.start()

    return operate


@pytest.fixture
def account(server: MovingServer) -> Account:
    """An account without a collection."""
    return server.new_account()


@pytest.fixture
def laptop(server: MovingServer, account: Account, unused_device: NewDevice) -> Device:
    """A device of the account that has uploaded two notes."""
    laptop = unused_device("laptop").login(server.url, account)
    laptop.add_note("one", "1")
    laptop.add_note("two", "2")
    assert laptop.sync() == FULL_UPLOAD
    laptop.upload()
    return laptop
