"""One server for each module, with the module's `OPTIONS`, and somebody who looks after it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.accounts import Account
from tests.support.backups import Keeper
from tests.support.device import FULL_UPLOAD, Device
from tests.support.faults_server import WatchedServer

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


@pytest.fixture
def keeper(server: WatchedServer) -> Keeper:
    """Whoever looks after the restore points."""
    return Keeper(server)


@pytest.fixture
def account(server: WatchedServer) -> Account:
    """An account with an empty collection."""
    return server.new_account()


@pytest.fixture
def new_device(server: WatchedServer, account: Account, tmp_path: Path) -> Iterator[NewDevice]:
    """Make a device on which somebody just logged in to the account."""
    devices: list[Device] = []

    def make(name: str) -> Device:
        device = Device(tmp_path / name).login(server.url, account)
        devices.append(device)
        assert device.auth is not None
        server.secrets.keys.append(device.auth.hkey)
        return device

    yield make
    for device in devices:
        device.close()


@pytest.fixture
def laptop(new_device: NewDevice) -> Device:
    """The first device: it holds three notes, and the server has them."""
    laptop = new_device("laptop")
    for text in ("one", "two", "three"):
        laptop.add_note(text, "back")
    assert laptop.sync() == FULL_UPLOAD
    laptop.upload()
    return laptop


@pytest.fixture
def unreadable_folder(server: WatchedServer) -> Iterator[str]:
    """The name of a user's folder, before all others, whose restore points cannot be read."""
    broken = server.data_root / "users" / "0-comes-first"
    broken.mkdir()
    (broken / "backups").write_bytes(b"no folder")
    yield broken.name
    shutil.rmtree(broken)
