"""A server for all set-ups, and a doctor who says what was found in them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.accounts import Account
from tests.support.authority import Authority
from tests.support.our_server import OurServer

# Two devices wait for each other as long as this, which the test of time-outs waits out.
OPTIONS = {"sync_wait": 5, "login_failures_per_account": 3}


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OurServer]:
    server = OurServer(tmp_path_factory.mktemp("server"), OPTIONS)
    yield server
    server.stop()


@pytest.fixture(scope="package")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OurServer]:
    """A server that lets devices wait as long as usual, for proxies that do not."""
    server = OurServer(tmp_path_factory.mktemp("patient"))
    yield server
    server.stop()


@pytest.fixture(scope="package")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def account(server: OurServer) -> Account:
    """An account with an empty collection."""
    return server.new_account()


@pytest.fixture
def upstream(server: OurServer) -> str:
    """The server's address as a proxy has it in its configuration, without a path."""
    return server.url.rstrip("/")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for a proxy, which does not exist yet."""
    return tmp_path / "proxy"


@pytest.fixture
def shifted(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[OurServer]:
    """A server whose clock is so many seconds ahead of this computer's."""
    server = ShiftedServer(tmp_path / "shifted", request.param)
    yield server
    server.stop()


class ShiftedServer(OurServer):
    """A server that believes in another time."""

    def __init__(self, folder: Path, seconds_ahead: int) -> None:
        self._seconds_ahead = seconds_ahead
        super().__init__(folder)

    def start_command(self) -> list[str]:
        shift = f"{self._seconds_ahead:+d}s"
        return ["faketime", "-m", "--exclude-monotonic", "-f", shift, *super().start_command()]
