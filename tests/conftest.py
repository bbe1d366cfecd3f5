"""The servers, accounts and devices that tests ask for by name.

The scenarios of tests/clients run against our own server unless SYNCSERVER_TEST_URL says
otherwise: `official` starts the one of the `anki` package, an address is used as it is (see
tests/support/remote_server.py).
"""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.support.accounts import Account, SyncTarget
from tests.support.agreement import assert_all_sides_agree
from tests.support.device import FULL_DOWNLOAD, FULL_UPLOAD, Device
from tests.support.official_server import OfficialServer
from tests.support.our_server import OurServer
from tests.support.remote_server import URL_VARIABLE, RemoteServer

NewDevice = Callable[[str], Device]
AllSidesAgree = Callable[..., None]


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SyncTarget]:
    """The server that scenarios run against."""
    folder = tmp_path_factory.mktemp("server")
    server = _start_target(os.environ.get(URL_VARIABLE, ""), folder)
    yield server
    server.stop()


def _start_target(url: str, folder: Path) -> OurServer | OfficialServer | RemoteServer:
    if url == "official":
        return OfficialServer(folder)
    if url:
        return RemoteServer(url, os.environ)
    return OurServer(folder)


@pytest.fixture
def ours(target: SyncTarget) -> OurServer:
    """The server if it is ours: for what others do not take, or keep in other places."""
    if not isinstance(target, OurServer):
        pytest.skip("this is about our own server")
    return target


@pytest.fixture
def account(target: SyncTarget) -> Account:
    """An account with an empty collection."""
    return target.new_account()


@pytest.fixture
def unused_device(tmp_path: Path) -> Iterator[NewDevice]:
    """Make a device on which Anki was just installed; the argument names its folder."""
    devices = []

    def make(name: str) -> Device:
        devices.append(Device(tmp_path / name))
        return devices[-1]

    yield make
    for device in devices:
        device.close()


@pytest.fixture
def new_device(unused_device: NewDevice, target: SyncTarget, account: Account) -> NewDevice:
    """Make a device on which somebody just logged in to the account."""
    return lambda name: unused_device(name).login(target.url, account)


@pytest.fixture
def laptop(new_device: NewDevice) -> Device:
    """The first device: it holds three notes, and the server has them."""
    laptop = new_device("laptop")
    for number in ("one", "two", "three"):
        laptop.add_note(number, f"back of {number}")
    assert laptop.sync() == FULL_UPLOAD
    laptop.upload()
    return laptop


@pytest.fixture
def phone(laptop: Device, new_device: NewDevice) -> Device:
    """The second device: it downloaded what the laptop had uploaded."""
    phone = new_device("phone")
    assert phone.sync() == FULL_DOWNLOAD
    phone.download()
    return phone


@pytest.fixture
def all_sides_agree(target: SyncTarget, account: Account, tmp_path: Path) -> AllSidesAgree:
    """The end of a scenario: these devices, the server and a newcomer hold the same."""

    def check(*devices: Device, of: Account = account, apart_from: Sequence[str] = ()) -> None:
        folder = tmp_path / f"sides of {of.name}"
        assert_all_sides_agree(target, of, *devices, folder=folder, apart_from=apart_from)

    return check
