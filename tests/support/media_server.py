"""Our server with eyes on its media: files, index, trash, open files, memory, what `ctl.py` says."""

import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from syncserver.accounts.database import open_database
from syncserver.accounts.passwords import Passwords
from syncserver.accounts.users import Users
from syncserver.errands.channel import Request, ask_server
from syncserver.settings import load_file
from tests.support.accounts import Account
from tests.support.media_device import Hashes, hashes_in
from tests.support.missing import cannot_be_tested
from tests.support.our_server import CONTROL_TIMEOUT, OurServer, _control, _environment
from tests.support.stored_files import Row

# Generous, since nothing that waits this long is about speed.
PATIENCE = 30.0
RESET_PEAK = "5"
# What may lie in a user's folder.
EXPECTED_NAMES = {
    "media",
    "media.db",
    "media.db-wal",
    "media-incoming",
    "media-trash",
    "tmp",
    "collection.anki2",
    "collection.anki2-wal",
    "backups",
}


@dataclass(frozen=True)
class Result:
    """How a call of the control script ended."""

    exit_code: int
    output: str
    errors: str


class MediaServer(OurServer):
    """A server whose media folders, index and process are looked at."""

    def new_account(self) -> Account:
        """Do what `ctl.py adduser` does, without the second that a process takes to start."""
        self._names += 1
        account = Account(f"learner-{self._names}-", f"secret{self._names}")
        settings = load_file(self.config)[0].options
        engine = open_database(settings.accounts_url)
        # A hash for each account of the tests: it need not be hard to guess.
        cheap = settings.model_copy(update={"password_hash_memory": 64 * 1024})
        Users(engine, Passwords(cheap)).add(account.name, account.password)
        engine.dispose()
        return account

    def folder(self, account: Account) -> Path:
        """Return where the account's files lie, or will lie."""
        return self.data_root / "users" / account.name

    def files(self, account: Account) -> Hashes:
        """Return the names and SHA-1s of what lies in `media/`."""
        return hashes_in(self.folder(account) / "media")

    def trash(self, account: Account) -> dict[str, list[bytes]]:
        """Return the contents of each name in the trash, the newest first."""
        found: dict[str, list[bytes]] = {}
        for folder in sorted((self.folder(account) / "media-trash").iterdir(), reverse=True):
            for file in folder.iterdir():
                found.setdefault(file.name, []).append(file.read_bytes())
        return found

    def unfinished(self, account: Account) -> list[str]:
        """Return what lies in the folders of files that are being written."""
        folders = [self.folder(account) / name for name in ("tmp", "media-incoming")]
        return [str(path) for folder in folders for path in sorted(folder.rglob("*"))]

    def shared(self) -> list[Path]:
        """Return the files of the store of shared bytes."""
        return [one for one in (self.data_root / "media-store").rglob("*") if one.is_file()]

    # The control script, and what it asks of the server

    def command(self, *arguments: str) -> Result:
        """Run one command of the control script, which may fail."""
        done = subprocess.run(
            [*_control(*arguments), "--config", str(self.config)],
            capture_output=True,
            text=True,
            timeout=CONTROL_TIMEOUT,
            env=_environment(),
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def check(self, account: Account, *, fix: bool = False) -> dict[str, Any]:
        """Return what `media check` finds, asking the running server as `ctl.py` does."""
        request = Request("media-check", {"folders": [account.name], "fix": fix})
        answer = ask_server(self.data_root, request, lambda _done, _total: None)
        findings: dict[str, Any] = answer[account.name]
        return findings

    def assert_clean(self, account: Account) -> None:
        """Fail if index and files are not in step, or anything unfinished lies about."""
        findings = self.check(account)
        assert findings["clean"], findings
        assert self.unfinished(account) == []
        names = {path.name for path in self.folder(account).iterdir()}
        assert names <= EXPECTED_NAMES

    # The index

    def rows(self, account: Account, table: str = "media") -> list[Row]:
        """Return the committed rows of a table of the index."""
        with self.index_copy(account) as copy, closing(sqlite3.connect(copy)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(f"select * from {table} order by 1")]

    @contextmanager
    def index_copy(self, account: Account) -> Iterator[Path]:
        """Give a copy of the index, which the server may have open."""
        with tempfile.TemporaryDirectory() as folder:
            yield copy_index(self.folder(account), Path(folder))

    # The process

    @property
    def worker(self) -> int:
        """The process that serves; the one that was started only watches over it."""
        text = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii")
        (worker,) = [int(child) for child in text.split()]
        return worker

    def open_files(self, below: Path) -> list[str]:
        """Return the files below a folder that the worker holds open."""
        targets = []
        for handle in Path(f"/proc/{self.worker}/fd").iterdir():
            try:
                targets.append(os.readlink(handle))
            except FileNotFoundError:
                continue
        return [target for target in targets if target.startswith(f"{below}/")]

    def memory(self) -> int:
        """Return how much memory (bytes) the worker holds now."""
        return self._memory("VmRSS")

    def peak_memory(self) -> int:
        """Return the most memory (bytes) that the worker held since the last reset."""
        return self._memory("VmHWM")

    def reset_peak_memory(self) -> None:
        """Begin to measure `peak_memory` anew."""
        Path(f"/proc/{self.worker}/clear_refs").write_text(RESET_PEAK, encoding="ascii")

    def _memory(self, kind: str) -> int:
        status = Path(f"/proc/{self.worker}/status").read_text(encoding="ascii")
        line = next(line for line in status.splitlines() if line.startswith(f"{kind}:"))
        return int(line.split()[1]) * 1024


def running_media_server(folder: Path, options: dict[str, object]) -> Iterator[MediaServer]:
    """Run a server for a fixture; at its end nothing unexpected may stand in the log."""
    server = MediaServer(folder, options)
    yield server
    server.stop()
    assert_nothing_unexpected(server)


def assert_nothing_unexpected(server: MediaServer) -> None:
    """Fail if the log tells of an error that nobody foresaw."""
    log = server.log()
    for sign in ("Traceback", "request_failed", "errand_failed", "housekeeping_failed"):
        assert sign not in log, log[max(0, log.index(sign) - 2000) : log.index(sign) + 4000]


def copy_index(folder: Path, target: Path) -> Path:
    """Copy a user's index with all that is committed into the folder `target`."""
    for name in ("media.db", "media.db-wal"):
        if (folder / name).exists():
            shutil.copyfile(folder / name, target / name)
    return target / "media.db"


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Return as soon as the condition holds; fail when it has not for a very long time."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"still not so: {what}"
        time.sleep(0.02)


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """Mount an empty file system of that size at `folder`; skips the test where that is forbidden."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        cannot_be_tested(f"only root may mount a small disk: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
