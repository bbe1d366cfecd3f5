"""One server for each module, with the module's `OPTIONS` if it has any, and accounts on it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.accounts import Account
from tests.support.device import Device
from tests.support.media_client import MediaClient, media_client
from tests.support.media_server import MediaServer, running_media_server

NewMediaDevice = Callable[[str], Device]


@pytest.fixture(scope="module")
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MediaServer]:
    """The server of this module."""
    options = getattr(request.module, "OPTIONS", {})
    yield from running_media_server(tmp_path_factory.mktemp("server"), options)


@pytest.fixture
def account(server: MediaServer) -> Account:
    """An account without media."""
    return server.new_account()


@pytest.fixture
def client(server: MediaServer, account: Account) -> MediaClient:
    """A raw client of the account."""
    return media_client(server, account)


@pytest.fixture
def new_device(server: MediaServer, account: Account, tmp_path: Path) -> Iterator[NewMediaDevice]:
    """Make a real device on which somebody just logged in to the account."""
    devices = []

    def make(name: str) -> Device:
        devices.append(Device(tmp_path / name).login(server.url, account))
        return devices[-1]

    yield make
    for device in devices:
        device.close()


@pytest.fixture
def device(new_device: NewMediaDevice) -> Device:
    """A real device of the account."""
    return new_device("device")
