"""An operator who looks after restore points, and what lies on the disk of them."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard

from syncserver.collections import data_root_lock
from tests.support.accounts import Account
from tests.support.agreement import without
from tests.support.contents import Contents, contents
from tests.support.device import FULL_SYNC, Device
from tests.support.faults_server import WatchedServer, wait_until
from tests.support.our_server import REPOSITORY, _environment

TIMEOUT = 120.0


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    exit_code: int
    output: str
    errors: str

    @property
    def json(self) -> Any:
        return json.loads(self.output)


@dataclass(frozen=True)
class Keeper:
    """Whoever calls the control script on a server's installation."""

    server: WatchedServer

    def ctl(self, *arguments: str) -> Ended:
        """Run a command of the control script, whatever becomes of it."""
        done = subprocess.run(
            [sys.executable, str(REPOSITORY / "ctl.py"), *arguments, *self._config()],
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            env=_environment(),
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Ended(done.returncode, done.stdout, done.stderr)

    def begin(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """Start a command and do not wait for it."""
        return subprocess.Popen(
            [sys.executable, str(REPOSITORY / "ctl.py"), *arguments, *self._config()],
            env=_environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def must(self, *arguments: str) -> Ended:
        """Run a command that must succeed."""
        ended = self.ctl(*arguments)
        assert ended.exit_code == 0, ended
        return ended

    def backup(self, account: Account) -> str:
        """Take a restore point now, and return its id."""
        result = self.must("backup", account.name, "--json").json[account.name]
        assert result["snapshot"], result
        return str(result["snapshot"])

    def points(self, account: Account) -> list[dict[str, Any]]:
        """Return what the script tells of the restore points, the newest first."""
        listed: list[dict[str, Any]] = self.must("backups", account.name, "--json").json
        return listed

    def files(self, account: Account) -> list[Path]:
        """Return the files of the points themselves, the oldest first."""
        folder = self.server.user_folder(account) / "backups"
        return sorted(path for path in folder.glob("*.anki2*") if path.suffix != ".json")

    def _config(self) -> list[str]:
        return ["--config", str(self.server.config)]

    def is_running(self) -> bool:
        return data_root_lock.owner(self.server.data_root) is not None


def unpack(point: Path, target: Path) -> Path:
    """Write the collection of a compressed point to a file."""
    with point.open("rb") as stored, target.open("wb") as file:
        zstandard.ZstdDecompressor().copy_stream(stored, file)
    return target


def contents_of(device: Device) -> Contents:
    """Return what a device holds, apart from the schema time, which a restore raises."""
    return without(contents(device.col), ["stamps"])


def download_after_restore(device: Device) -> None:
    """Do what a person does whose device asks for a direction after a restore."""
    assert device.sync() == FULL_SYNC, "the device must ask, whatever it had"
    device.download()


def wait_for_points(keeper: Keeper, account: Account, number: int) -> None:
    """Return as soon as there are so many restore points."""
    wait_until(lambda: len(keeper.files(account)) >= number, f"{number} restore points")
