"""A slow device must not make a proxy collect what the server has sent: not in memory, not on disk."""

import json
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import zstandard

from tests.deploy.conftest import PROXIES, SUB_PATH, StartProxy
from tests.support.accounts import Account
from tests.support.authority import Authority
from tests.support.device import Device
from tests.support.our_server import OurServer
from tests.support.reverse_proxies import ReverseProxy

COLLECTION_BYTES = 30_000_000
# What a proxy, TLS and the sockets of the way may hold together.
MOST_BUFFERED = 9_000_000
SMALL_WINDOW = 64 * 1024


@pytest.fixture
def stored(served: OurServer, account: Account, tmp_path: Path) -> Account:
    """An account with a collection that does not compress to less than its half."""
    device = Device(tmp_path / "laptop").login(served.url, account)
    device.add_notes([(str(one), secrets.token_hex(500_000)) for one in range(36)])
    device.upload()
    device.close()
    return account


@contextmanager
def slow_download(proxy: ReverseProxy, authority: Authority, key: str) -> Iterator[socket.socket]:
    """Begin a download over a connection that takes in hardly anything."""
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_WINDOW)
    plain.connect(("127.0.0.1", proxy.port))
    body = zstandard.compress(b"{}")
    header = json.dumps({"v": 11, "k": key, "c": "26.09.3,29bb700b,linux", "s": "slow"})
    request = (
        f"POST {proxy.path}sync/download HTTP/1.1\r\nHost: localhost\r\nanki-sync: {header}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with closing(authority.trusting().wrap_socket(plain, server_hostname="localhost")) as secure:
        secure.sendall(request.encode() + body)
        yield secure


def files_below(folder: Path) -> int:
    """Return the bytes of the files in a folder, of those without a name too."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("kind", PROXIES)
def test_a_slow_download_is_not_collected_by_the_proxy(
    kind: str,
    start_proxy: StartProxy,
    authority: Authority,
    served: OurServer,
    stored: Account,
    tmp_path: Path,
) -> None:
    proxy = start_proxy(kind, SUB_PATH)
    device = Device(tmp_path / "for its key").login(served.url, stored)
    assert device.auth is not None
    before = proxy.memory()
    with slow_download(proxy, authority, device.auth.hkey) as connection:
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        # Long enough for whoever collects: the server alone sends it in a fraction of this.
        time.sleep(3)
        assert proxy.memory() - before < MOST_BUFFERED
        assert open_file_bytes(proxy) < MOST_BUFFERED
        received = 0
        while part := connection.recv(1 << 20):
            received += len(part)
            if received > COLLECTION_BYTES // 3:
                break
    device.close()


def open_file_bytes(proxy: ReverseProxy) -> int:
    """Return the bytes of the deleted files that the proxy still holds open, and of others there."""
    deleted = sum(
        opened.stat().st_size
        for process in proxy.processes()
        for opened in Path(f"/proc/{process.pid}/fd").iterdir()
        if opened.exists() and opened.is_file()
    )
    return deleted + files_below(proxy.folder)
