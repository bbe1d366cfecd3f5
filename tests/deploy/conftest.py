"""One server, and each real proxy in front of it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.accounts import Account
from tests.support.authority import Authority
from tests.support.device import Device
from tests.support.our_server import OurServer
from tests.support.reverse_proxies import ReverseProxy

PROXIES = ("nginx", "apache", "caddy", "haproxy")
SUB_PATH = "/anki/"

Login = Callable[[str], Device]
StartProxy = Callable[[str, str], ReverseProxy]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority") / "files")


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OurServer]:
    """A server that takes collections of up to 40 MB and knows nothing of its public address."""
    server = OurServer(tmp_path_factory.mktemp("served"), {"max_collection_bytes": "40MB"})
    yield server
    server.stop()


@pytest.fixture(scope="session")
def start_proxy(
    served: OurServer, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StartProxy]:
    """Start a proxy of that kind for a path, once; it runs until all tests are done."""
    running: dict[tuple[str, str], ReverseProxy] = {}

    def start(kind: str, path: str) -> ReverseProxy:
        if (kind, path) not in running:
            folder = tmp_path_factory.mktemp(kind) / "proxy"
            running[kind, path] = ReverseProxy(kind, folder, served.config, authority, path)
        return running[kind, path]

    yield start
    for proxy in running.values():
        proxy.stop()


@pytest.fixture(params=PROXIES)
def proxy(request: pytest.FixtureRequest, start_proxy: StartProxy) -> ReverseProxy:
    """Each proxy, with the server under a path of its own."""
    return start_proxy(request.param, SUB_PATH)


@pytest.fixture
def account(served: OurServer) -> Account:
    return served.new_account()


@pytest.fixture
def login(
    proxy: ReverseProxy, account: Account, authority: Authority, tmp_path: Path
) -> Iterator[Login]:
    """Make a device on which somebody just logged in through the proxy."""
    devices: list[Device] = []

    def make(name: str) -> Device:
        devices.append(authority.trusted_by(Device(tmp_path / name)).login(proxy.url, account))
        return devices[-1]

    yield make
    for device in devices:
        device.close()
