"""A server with somebody's cards and media, and the operator who checks it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.accounts import Account
from tests.support.device import FULL_UPLOAD, NO_CHANGES, Device
from tests.support.faults_server import WatchedServer, wait_until
from tests.support.media_device import refer_to_media, sync_media, write_media

CTL = Path(__file__).parents[2] / "ctl.py"
TIMEOUT = 120.0
CLEAN, FOUND = 0, 1
MEDIA = {"one.png": b"first picture", "two.png": b"second picture"}


@dataclass(frozen=True)
class Checked:
    """How a check ended."""

    exit_code: int
    output: str
    errors: str

    @property
    def json(self) -> Any:
        return json.loads(self.output)

    def about(self, where: str) -> list[dict[str, str]]:
        """Return the findings that count, about a place whose name contains `where`."""
        counted = [one for one in self.json["findings"] if one["severity"] != "hint"]
        return [one for one in counted if where in one["where"]]

    def only(self, where: str) -> dict[str, str]:
        """Return the only finding that counts, which must be about this place."""
        assert self.exit_code == FOUND, self
        counted = [one for one in self.json["findings"] if one["severity"] != "hint"]
        assert [where in one["where"] for one in counted] == [True], counted
        assert counted[0]["remedy"]
        assert self.json["clean"] is False
        return dict(counted[0])


def run_check(config: Path, *arguments: str, **environment: str) -> Checked:
    """Run the real control script."""
    kept = {name: value for name, value in os.environ.items() if "SYNCSERVER_" not in name}
    ended = subprocess.run(
        [sys.executable, str(CTL), "check", *arguments, "--config", str(config)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        env={**kept, **environment},
        check=False,
    )
    assert "Traceback" not in ended.stderr, ended.stderr
    return Checked(ended.returncode, ended.stdout, ended.stderr)


Check = Callable[..., Checked]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WatchedServer]:
    """A server of this test alone."""
    server = WatchedServer(tmp_path / "server", {"idle_close": 1, "api_wait": 1})
    yield server
    server.stop()


@pytest.fixture
def account(server: WatchedServer) -> Account:
    return server.new_account()


@pytest.fixture
def device(server: WatchedServer, account: Account, tmp_path: Path) -> Iterator[Device]:
    """A device that has synced cards and media, twice, so that there is a backup."""
    device = Device(tmp_path / "device").login(server.url, account)
    device.add_notes([[f"note {number}", "back" * 50] for number in range(200)])
    refer_to_media(device, MEDIA)
    for name, content in MEDIA.items():
        write_media(device, name, content)
    assert device.sync() == FULL_UPLOAD
    device.upload()
    device.upload()
    sync_media(device)
    assert device.sync() == NO_CHANGES
    yield device
    device.close()


@pytest.fixture
def closed(server: WatchedServer, account: Account, device: Device) -> Path:
    """The account's stored collection while nobody has it open."""
    folder = server.user_folder(account).name
    wait_until(lambda: folder not in server.open_collections(), "the collection is closed")
    return server.stored_collection(account)


@pytest.fixture
def check(server: WatchedServer) -> Check:
    """Check this server, with the result as JSON."""
    return lambda *arguments, **environment: run_check(
        server.config, "--json", *arguments, **environment
    )
