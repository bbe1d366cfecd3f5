"""Start our server and the official one, each the way an operator starts it."""

import compileall
import os
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.quick_hash import quick_hash
from bench.server_process import ServerProcess, unused_port
from bench.usage import Usage
from syncserver.control.installation import open_accounts, open_installation

OURS: Final = "ours"
OFFICIAL: Final = "official"

REPOSITORY: Final = Path(__file__).parents[1]
# Beyond all that is sent here, so that no limit is measured.
LARGEST_UPLOAD_MB: Final = 1000

_INI: Final = """\
[DEFAULT]
data_root = {folder}/data
max_collection_bytes = {largest}MB
# Passwords are hashed as by default; but guessing shall reach the hashing, and not be turned away.
login_failures_per_account = 1000000
login_failures_per_address = 1000000
# Nor shall a user who does nothing but sync.
requests_per_user = 0
{hashing}

[app:main]
use = egg:syncserver#main

[server:main]
use = egg:syncserver#server
host = 127.0.0.1
port = {port}
"""


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may sync."""

    name: str
    password: str


@dataclass(frozen=True, slots=True)
class _Installation:
    folder: Path
    port: int
    accounts: Sequence[Account]
    quick_logins: bool


class Server(AbstractContextManager["Server"]):
    """A running server with its accounts, of which each `new_account` hands out one."""

    def __init__(
        self, name: str, folder: Path, *, accounts: int = 1, quick_logins: bool = False
    ) -> None:
        """Install and start the server called `name` in a folder of its own.

        With `quick_logins` passwords are hashed with much less work than by default.
        """
        folder.mkdir(parents=True)
        people = [Account(f"user{one}", secrets.token_hex(8)) for one in range(accounts)]
        installation = _Installation(folder, unused_port(), people, quick_logins)
        self.name = name
        self.port = installation.port
        self.url = f"http://127.0.0.1:{self.port}/"
        self._unused = iter(people)
        self._command, self._environment = _HOW_TO_START[name](installation)
        self._log_file = folder / "server.log"
        self._start()

    def __exit__(self, *_problem: object) -> None:
        self._process.stop()

    @property
    def starting_time(self) -> float:
        """Seconds from the start of the program to its first answer."""
        return self._process.starting_time

    def new_account(self) -> Account:
        """Return an account that nobody has used yet."""
        return next(self._unused)

    def restart(self) -> None:
        """Stop and start it, so that its memory is not that of what it has done before."""
        self._process.stop()
        self._start()

    def _start(self) -> None:
        self._process = ServerProcess(self._command, self._environment, self.port, self._log_file)
        self.usage = Usage(self._process.pid)


def _ours(installation: _Installation) -> tuple[list[str], dict[str, str]]:
    config = installation.folder / "server.ini"
    text = _INI.format(
        folder=installation.folder,
        largest=LARGEST_UPLOAD_MB,
        port=installation.port,
        hashing="password_hash_memory = 1MiB" if installation.quick_logins else "",
    )
    config.write_text(text, encoding="utf-8")
    with open_accounts(open_installation(config)) as accounts:
        for account in installation.accounts:
            accounts.users.add(account.name, account.password)
    # As pip does with what it installs, the official server among it.
    compileall.compile_dir(REPOSITORY / "syncserver", quiet=1)
    command = [sys.executable, str(REPOSITORY / "ctl.py"), "debug", "--config", str(config)]
    # Options of the person who measures must not reach the server.
    return command, _without(os.environ, "SYNCSERVER_")


def _official(installation: _Installation) -> tuple[list[str], dict[str, str]]:
    quick = installation.quick_logins
    options = {
        **({"PASSWORDS_HASHED": "1"} if quick else {}),
        "SYNC_BASE": str(installation.folder / "data"),
        "SYNC_HOST": "127.0.0.1",
        "SYNC_PORT": str(installation.port),
        "MAX_SYNC_PAYLOAD_MEGS": str(LARGEST_UPLOAD_MB),
        **{
            f"SYNC_USER{number}": f"{one.name}:{quick_hash(one.password) if quick else one.password}"
            for number, one in enumerate(installation.accounts, start=1)
        },
    }
    command = [sys.executable, "-m", "anki.syncserver"]
    return command, {**_without(os.environ, "SYNC_"), **options}


def _without(environment: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith(prefix)}


_HOW_TO_START: Final[Mapping[str, Callable[[_Installation], tuple[list[str], dict[str, str]]]]] = {
    OURS: _ours,
    OFFICIAL: _official,
}
