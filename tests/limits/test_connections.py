"""The system notices clients that have vanished, and allows as many connections as there may be."""

import resource
import socket
from pathlib import Path

from syncserver.listening.sockets import listening
from syncserver.settings import ServerSettings, Settings
from tests.limits.conftest import Stall
from tests.support.accounts import Account
from tests.support.faults_server import WatchedServer, wait_until
from tests.support.raw_client import RawClient

OPTIONS: dict[str, object] = {}
ESTABLISHED = "01"
KEEPALIVE_TIMER = "02"
MORE_THAN_THE_USUAL = 1024


def test_what_the_server_accepts_is_watched(tmp_path: Path) -> None:
    options = ServerSettings(port=0)
    with listening(Settings(data_root=tmp_path), options) as sockets:
        (listens,) = sockets.serving
        with socket.create_connection(listens.getsockname()):
            accepted, _address = listens.accept()
            with accepted:
                assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60


def test_the_running_server_watches_its_connections(
    server: WatchedServer, account: Account, stall: Stall
) -> None:
    client = RawClient(server.url).login(account)
    port = f":{server.port:04X}"

    def is_watched() -> bool:
        stall(client)
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        ours = [row for row in rows if row[1].endswith(port) and row[3] == ESTABLISHED]
        return any(row[5].startswith(KEEPALIVE_TIMER) for row in ours)

    wait_until(is_watched, "the connections are watched")


def test_the_running_server_may_open_many_files(server: WatchedServer) -> None:
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limits = Path(f"/proc/{server.worker}/limits").read_text().splitlines()
    soft = next(line.split()[3] for line in limits if line.startswith("Max open files"))
    assert int(soft) > MORE_THAN_THE_USUAL or int(soft) == hard
