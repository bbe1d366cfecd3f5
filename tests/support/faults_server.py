"""Our server with eyes on it: what it holds open, how much memory it took, what it tells whom.

Every answer and the whole log are searched for what they may not contain, see `Secrets`.
"""

import json
import os
import secrets
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from syncserver.control.installation import Accounts, open_accounts, open_installation
from tests.support.accounts import Account
from tests.support.our_server import OurServer
from tests.support.processes import answers_health
from tests.support.raw_client import RawReply
from tests.support.stored_files import Tables, copy_of, read_tables

# Generous, since nothing that waits this long is about speed.
PATIENCE = 30.0
RESET_PEAK = "5"


@dataclass
class Secrets:
    """What may stand neither in an answer nor in the log."""

    data_root: Path
    names: list[str] = field(default_factory=list)
    passwords: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    def assert_not_in_answer(self, body: bytes, *, asked_by: str) -> None:
        """Fail if an answer shows a traceback, a path of the server or another person's name."""
        others = [name for name in self.names if name != asked_by]
        for telling in ("Traceback", 'File "', str(self.data_root), "site-packages", *others):
            assert telling.encode() not in body, f"{telling!r} was told: {body[:500]!r}"

    def assert_not_in_log(self, log: str) -> None:
        """Fail if the log holds a password or a host key."""
        for secret in (*self.passwords, *self.keys):
            assert secret not in log, "a password or a host key stands in the log"


class WatchedServer(OurServer):
    """A server whose secrets are known, with a log that programs can read."""

    def __init__(self, folder: Path, options: Mapping[str, object] | None = None) -> None:
        self.secrets = Secrets(folder / "data")
        self._running = False
        super().__init__(folder, {"log_format": "json", **(options or {})})

    def new_account(self) -> Account:
        """Return an account whose name and password occur nowhere else."""
        account = Account(f"person-{secrets.token_hex(6)}", secrets.token_urlsafe(16))
        with self.accounts() as accounts:
            accounts.users.add(account.name, account.password)
        self.secrets.names.append(account.name)
        self.secrets.passwords.append(account.password)
        return account

    @contextmanager
    def accounts(self) -> Iterator[Accounts]:
        """Open the accounts while the server runs, as the control script does."""
        with open_accounts(open_installation(self.config)) as accounts:
            yield accounts

    def watched(self, reply: RawReply, *, asked_by: str) -> RawReply:
        """Return the reply after a look at what it tells."""
        # What was stored for somebody may be told to them, and is not text.
        if reply.status != 200 or len(reply.body) < 10_000:
            self.secrets.assert_not_in_answer(reply.body, asked_by=asked_by)
        return reply

    # What it holds

    @property
    def worker(self) -> int:
        """The process that serves; the one that was started only watches over it."""
        workers = _children(self.pid)
        assert len(workers) == 1, f"the server has the workers {workers}"
        return workers[0]

    def worker_or_none(self) -> int | None:
        """Return the process that serves, None while there is none or more than one."""
        workers = _children(self.pid)
        return workers[0] if len(workers) == 1 else None

    def answers(self) -> bool:
        """Tell whether it answers at all."""
        return answers_health(self.port)

    def ask_to_stop(self) -> None:
        """Ask it to end, and do not wait for that."""
        os.kill(self.pid, signal.SIGTERM)

    def wait(self) -> int:
        """Return its exit code when it has ended."""
        return self._process._process.wait(PATIENCE)

    def kill_worker(self) -> None:
        """End the worker alone, as the system does when memory runs out."""
        os.kill(self.worker, signal.SIGKILL)

    def open_collections(self) -> set[str]:
        """Return the folders' names of the users whose collections are open."""
        folder = Path(f"/proc/{self.worker}/fd")
        targets = [Path(os.readlink(one)) for one in folder.iterdir() if one.is_symlink()]
        return {path.parent.name for path in targets if path.name == "collection.anki2"}

    def reset_peak_memory(self) -> None:
        """Begin to measure `peak_memory` anew."""
        Path(f"/proc/{self.worker}/clear_refs").write_text(RESET_PEAK, encoding="ascii")

    def peak_memory(self) -> int:
        """Return the most memory (bytes) that the worker held since the last reset."""
        status = Path(f"/proc/{self.worker}/status").read_text(encoding="ascii")
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024

    # What it stored

    def tables(self, account: Account) -> Tables:
        """Return everything that is committed in the account's collection."""
        with tempfile.TemporaryDirectory() as folder:
            return read_tables(copy_of(self.stored_collection(account), Path(folder)))

    def notes(self, account: Account) -> list[str]:
        """Return the first fields of the account's notes in alphabetical order."""
        return sorted(row["flds"].split("\x1f")[0] for row in self.tables(account)["notes"])

    def head(self, account: Account) -> dict[str, int]:
        """Return the stamps of the account's collection."""
        (row,) = self.tables(account)["col"]
        return {name: row[name] for name in ("mod", "scm", "usn", "ls")}

    def temporary_files(self, account: Account) -> list[str]:
        """Return the names of the files that are being written for the account."""
        return sorted(one.name for one in (self.user_folder(account) / "tmp").glob("*"))

    def backups(self, account: Account) -> list[Path]:
        """Return the collections that uploads have replaced, the oldest first."""
        return sorted((self.user_folder(account) / "backups").glob("*"))

    # What it said

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the events of that name in the log, in their order."""
        return [event for event in self.all_events() if event["event"] == name]

    def all_events(self) -> list[dict[str, Any]]:
        """Return all events of the log."""
        lines = [line for line in self.log().splitlines() if line.endswith("}")]
        return [json.loads(line) for line in lines]


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Return as soon as the condition holds; fail when it has not for a very long time."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"still not so: {what}"
        time.sleep(0.02)


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(child) for child in text.split()]
