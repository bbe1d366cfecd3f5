"""One server for each module, with the module's `OPTIONS`, and what the scenarios start from."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.accounts import Account
from tests.support.device import Device
from tests.support.faults_server import WatchedServer
from tests.support.faults_sync import (
    FirstCollection,
    HandMadeSync,
    WatchedClient,
    log_in,
    make_first_collection,
    upload,
)

NewClient = Callable[[], WatchedClient]
NewSync = Callable[[], HandMadeSync]
NewDevice = Callable[[str], Device]


@pytest.fixture(scope="module")
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WatchedServer]:
    """The server of this module."""
    server = WatchedServer(tmp_path_factory.mktemp("server"), request.module.OPTIONS)
    yield server
    server.stop()
    server.secrets.assert_not_in_log(server.log())


@pytest.fixture(scope="session")
def first_collection(tmp_path_factory: pytest.TempPathFactory) -> FirstCollection:
    """The collection with which accounts start."""
    return make_first_collection(tmp_path_factory.mktemp("first") / "device")


@pytest.fixture
def account(server: WatchedServer, first_collection: FirstCollection) -> Account:
    """An account whose collection holds three notes."""
    account = server.new_account()
    upload(log_in(server, account), first_collection.path)
    return account


@pytest.fixture
def new_client(server: WatchedServer, account: Account) -> NewClient:
    """Make a raw client of a device that has just logged in to the account."""
    return lambda: log_in(server, account)


@pytest.fixture
def client(new_client: NewClient) -> WatchedClient:
    """A raw client of the account."""
    return new_client()


@pytest.fixture
def new_sync(new_client: NewClient, first_collection: FirstCollection) -> NewSync:
    """Make a sync by hand, of a device of its own."""
    return lambda: HandMadeSync(new_client(), first_collection.notetype)


@pytest.fixture
def new_device(server: WatchedServer, account: Account, tmp_path: Path) -> Iterator[NewDevice]:
    """Make a real device of the account that has what the server has."""
    devices: list[Device] = []

    def make(name: str) -> Device:
        device = Device(tmp_path / name).login(server.url, account)
        devices.append(device)
        assert device.auth is not None
        server.secrets.keys.append(device.auth.hkey)
        device.download()
        return device

    yield make
    for device in devices:
        device.close()


@pytest.fixture
def background() -> Iterator[ThreadPoolExecutor]:
    """Threads for what happens at the same time."""
    with ThreadPoolExecutor(max_workers=8) as executor:
        yield executor
