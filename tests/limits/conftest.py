"""A server for each module, with the module's `OPTIONS`, and real devices of its accounts."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.accounts import Account
from tests.support.device import FULL_UPLOAD, Device
from tests.support.faults_connection import HandMadeRequest
from tests.support.faults_server import WatchedServer
from tests.support.raw_client import RawClient

NewDevice = Callable[[Account], Device]
Stall = Callable[[RawClient], HandMadeRequest]


@pytest.fixture(scope="module")
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WatchedServer]:
    """The server of this module."""
    server = WatchedServer(tmp_path_factory.mktemp("server"), request.module.OPTIONS)
    yield server
    server.stop()
    server.secrets.assert_not_in_log(server.log())


@pytest.fixture
def account(server: WatchedServer) -> Account:
    """An account with an empty collection."""
    return server.new_account()


@pytest.fixture
def new_device(server: WatchedServer, tmp_path: Path) -> Iterator[NewDevice]:
    """Make a device of an account, which holds one note."""
    devices: list[Device] = []

    def make(account: Account) -> Device:
        device = Device(tmp_path / f"device {len(devices)}").login(server.url, account)
        devices.append(device)
        device.add_note("one", "back")
        return device

    yield make
    for device in devices:
        device.close()


@pytest.fixture
def device(new_device: NewDevice, account: Account) -> Device:
    """A device that has uploaded what it holds."""
    device = new_device(account)
    assert device.sync() == FULL_UPLOAD
    device.upload()
    return device


@pytest.fixture
def stall(server: WatchedServer) -> Iterator[Stall]:
    """Begin an upload that stands still after its first bytes, until the test ends."""
    with ExitStack() as connections:

        def begin(client: RawClient) -> HandMadeRequest:
            request = connections.enter_context(HandMadeRequest(server.port))
            request.sync_head(client, "upload")
            request.piece(b"\x28\xb5")
            return request

        yield begin
