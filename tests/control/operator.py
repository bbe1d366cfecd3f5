"""Somebody who calls the real control script on an installation of their own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from syncserver.collections import data_root_lock
from tests.support.accounts import Account
from tests.support.processes import free_port
from tests.support.raw_client import RawClient

FORK_TIMEOUT = 30.0
REPOSITORY = Path(__file__).parents[2]
CTL = REPOSITORY / "ctl.py"
TIMEOUT = 120.0
# Far above what anything here takes: only a failing test waits that long.
PATIENCE = 30.0
META = {"v": 11, "cv": "26.09.3,29bb700b,linux"}

APPS = """
[composite:main]
use = egg:syncserver#mount
/sync = sync
/msync = media
/ = pages

[app:sync]
use = egg:syncserver#sync

[app:media]
use = egg:syncserver#media

[app:pages]
use = egg:syncserver#pages
"""


@dataclass(frozen=True)
class Result:
    """How a call of the control script ended."""

    exit_code: int
    output: str
    errors: str

    @property
    def json(self) -> Any:
        return json.loads(self.output)


class Operator:
    """An installation in a folder, and the control script called on it."""

    def __init__(self, folder: Path, *, server: str = "egg:syncserver#server") -> None:
        self.folder = folder
        self.data_root = folder / "data"
        self.config = folder / "production.ini"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self._names = 0
        self._foreground: list[subprocess.Popen[str]] = []
        self.config.write_text(
            f"[DEFAULT]\ndata_root = %(here)s/data\npassword_hash_memory = 1MiB\n"
            f"[server:main]\nuse = {server}\nhost = 127.0.0.1\nport = {self.port}\n{APPS}"
        )

    @property
    def pid_file(self) -> Path:
        return self.data_root / "syncserver.pid"

    @property
    def log(self) -> str:
        return (self.data_root / "syncserver.log").read_text()

    def ctl(
        self, *arguments: str, stdin: str = "", environment: Mapping[str, str] | None = None
    ) -> Result:
        """Call the script in the installation's folder, without a terminal."""
        ended = subprocess.run(
            [sys.executable, str(CTL), *arguments],
            cwd=self.folder,
            env=clean_environment(environment),
            input=stdin,
            capture_output=True,
            text=True,
            errors="surrogateescape",  # a test may hand over what is no UTF-8
            timeout=TIMEOUT,
            check=False,
        )
        assert "Traceback" not in ended.stderr, ended.stderr
        return Result(ended.returncode, ended.stdout, ended.stderr)

    def must(self, *arguments: str, stdin: str = "") -> Result:
        """Call the script, which must succeed."""
        result = self.ctl(*arguments, stdin=stdin)
        assert result.exit_code == 0, result
        return result

    def debug(self, environment: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
        """Start the server in the foreground of nobody's terminal; return when it answers."""
        process = subprocess.Popen(
            [sys.executable, str(CTL), "debug"],
            cwd=self.folder,
            env=clean_environment(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._foreground.append(process)
        wait_until(lambda: self.ctl("status").exit_code == 0)
        return process

    def add(self, name: str, password: str = "secret") -> Account:
        self.must("adduser", name, "--password-stdin", stdin=f"{password}\n")
        return Account(name, password)

    def add_somebody(self) -> Account:
        """Add a user whose name no other test of this installation uses."""
        self._names += 1
        return self.add(f"user{self._names}", f"secret{self._names}")

    def client(self, account: Account) -> RawClient:
        """Return a client that has just logged in."""
        return RawClient(self.url).login(account)

    def server_pid(self) -> int:
        pid = data_root_lock.server(self.data_root)
        assert pid, "no server is running"
        return pid

    def worker_pid(self) -> int:
        children = Path(f"/proc/{self.server_pid()}/task/{self.server_pid()}/children")
        deadline = time.monotonic() + FORK_TIMEOUT
        while not (found := children.read_text().split()):
            assert time.monotonic() < deadline, "the server has no worker"
            time.sleep(0.05)
        return int(found[0])

    def is_stopped(self) -> bool:
        return data_root_lock.owner(self.data_root) is None

    def clean_up(self) -> None:
        """End every process of this installation, whatever state it is in."""
        pids = {process.pid for process in self._foreground}
        if server := data_root_lock.server(self.data_root):
            pids.add(server)
        for pid in pids:
            kill_group(pid)
        for process in self._foreground:
            process.communicate(timeout=PATIENCE)


def clean_environment(changes: Mapping[str, str] | None) -> dict[str, str]:
    """Return the environment without options that the tests' caller may have set."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("SYNCSERVER_")}
    return {**inherited, **(changes or {})}


def is_refused(client: RawClient) -> bool:
    """Tell whether the client's key is refused."""
    try:
        return client.call("meta", META).status == 403
    except ConnectionError:
        # The answer may come, and the connection end, while the client is still sending.
        return False


def wait_until(condition: Callable[[], object]) -> None:
    """Return when `condition` holds; it must do so before long."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def kill_group(pid: int) -> None:
    """Kill a process that leads a group, and the whole group, if they still live."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
