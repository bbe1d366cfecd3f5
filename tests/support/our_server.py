"""Our own server, started the way an operator starts it, with a data root of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from syncserver.accounts.scopes import Scope
from syncserver.control.installation import open_accounts, open_installation
from tests.support.accounts import Account
from tests.support.processes import ServerProcess, free_port

REPOSITORY = Path(__file__).parents[2]
CONTROL_TIMEOUT = 60.0

CONFIGURATION = """\
[DEFAULT]
data_root = {data_root}
# A hash for each account and each login of the tests: it need not be hard to guess.
password_hash_memory = 1MiB
{shared}

[app:main]
use = egg:syncserver#main

[server:main]
use = egg:syncserver#server
host = 127.0.0.1
port = {port}
"""


class OurServer:
    """`ctl.py debug` on a folder of its own; accounts are added while it runs."""

    def __init__(self, folder: Path, options: Mapping[str, object] | None = None) -> None:
        """Start the server; `options` are added to [DEFAULT]."""
        folder.mkdir(parents=True, exist_ok=True)
        self.data_root = folder / "data"
        self.port = free_port()
        self.config = folder / "server.ini"
        self.config.write_text(self._configuration(options or {}), encoding="utf-8")
        self.log_file = folder / "server.log"
        self._names = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def pid(self) -> int:
        """The process that was started."""
        return self._process.pid

    def start(self) -> None:
        """Start it, also again after stop() or kill(), and return when it answers /health."""
        self._process = ServerProcess(
            self.start_command(), port=self.port, log_file=self.log_file, environment=_environment()
        )
        self._process.wait_until_healthy()

    def start_command(self) -> list[str]:
        """Return what is started."""
        return [*_control("debug"), "--config", str(self.config)]

    def stop(self) -> int:
        """Ask it to end, as an operator does, and return its exit code."""
        return self._process.stop()

    def kill(self) -> None:
        """End it at once, as a power cut does."""
        self._process.kill()

    def log(self) -> str:
        """Return what it printed so far."""
        return self._process.log()

    def new_account(self) -> Account:
        self._names += 1
        account = Account(f"user{self._names}", f"secret{self._names}")
        # What `ctl.py adduser` does, without the second that a process takes to start.
        with open_accounts(open_installation(self.config)) as accounts:
            accounts.users.add(account.name, account.password)
        return account

    def new_token(
        self, account: Account, scope: Scope = Scope.WRITE, expires_at: datetime | None = None
    ) -> str:
        """Return a new token for the API."""
        with open_accounts(open_installation(self.config)) as accounts:
            return accounts.api_tokens.add(accounts.user(account.name), "test", scope, expires_at)

    def stored_collection(self, account: Account) -> Path:
        return self.user_folder(account) / "collection.anki2"

    def user_folder(self, account: Account) -> Path:
        """Return the folder that holds what the account has."""
        found = list((self.data_root / "users").glob(f"{account.name}*"))
        assert len(found) == 1, f"{account.name} has the folders {found}"
        return found[0]

    def control(self, *arguments: str, stdin: str = "") -> str:
        """Run one command of the control script and return what it printed; it must succeed."""
        done = subprocess.run(
            [*_control(*arguments), "--config", str(self.config)],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=CONTROL_TIMEOUT,
            env=_environment(),
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def _configuration(self, options: Mapping[str, object]) -> str:
        # Nothing by the clock, which a slow test would meet sooner or later.
        given = {"snapshot_interval": 0, **options}
        shared = "\n".join(f"{name} = {value}" for name, value in given.items())
        return CONFIGURATION.format(data_root=self.data_root, shared=shared, port=self.port)


def _control(*arguments: str) -> list[str]:
    return [sys.executable, str(REPOSITORY / "ctl.py"), *arguments]


def _environment() -> dict[str, str]:
    # Options of the person who runs the tests must not reach the server under test.
    kept = {name: value for name, value in os.environ.items() if "SYNCSERVER_" not in name}
    return {**kept, "PYTHONUNBUFFERED": "1"}
