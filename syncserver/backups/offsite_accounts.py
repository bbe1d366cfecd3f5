"""Copies of the account database in an object store, so that a lost machine's users come back.

<prefix>accounts/accounts-<time>-<digest>.db.zst   a SQLite file without the journal of syncs

Passwords and keys are in it as in the original: hashed. A database that is no SQLite file has
tools of its own, and is not sent.
"""

import hashlib
import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import zstandard
from sqlalchemy import Table, make_url

from syncserver.accounts.tables import api_tokens, host_keys, sync_journal, users
from syncserver.collections import atomic_files
from syncserver.collections.restore_points import TIME_FORMAT
from syncserver.collections.retention import SCHEDULE, Limits, superfluous
from syncserver.settings import Settings

if TYPE_CHECKING:
    from syncserver.backups.object_store import ObjectStore

PREFIX: Final = "accounts/"
NAME: Final = re.compile(
    r"accounts/accounts-(?P<time>\d{8}T\d{6}\.\d{6}Z)-(?P<digest>[0-9a-f]{16})\.db\.zst"
)
DIGEST_LENGTH: Final = 16
# The newest, and the last one of each of the last days that have one.
KEPT: Final = Limits(recent=20, daily=30, weekly=0, monthly=0, before_changes=0)
# What nobody would miss, and what changes with every sync.
LEFT_OUT_OF_DIGEST: Final = frozenset({"last_used_at", "address"})
WAIT_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class AccountsCopy:
    """A copy in the store; `taken_at` is UTC, `digest` of what is in it."""

    name: str
    taken_at: datetime
    digest: str
    reason: str = SCHEDULE
    pinned: bool = False


class OffsiteAccounts:
    """The copies of one installation's accounts."""

    def __init__(self, settings: Settings, store: "ObjectStore") -> None:
        self._database = accounts_file(settings)
        self._users_folder = settings.users_folder
        self._store = store
        self._last_digest: str | None = None

    def send_if_changed(self) -> bool:
        """Send a copy unless the newest one has the same; tell whether. Raises StoreFailed.

        None without users: a new machine must not cover up what is to be restored to it.
        """
        if self._database is None:
            return False
        with atomic_files.full_disk_is_passing_trouble(), self._private_folder() as folder:
            copy = Path(folder) / "accounts.db"
            digest = _copy(self._database, copy)
            if digest is None or digest == self._newest_digest():
                return False
            now = datetime.now(timezone.utc).strftime(TIME_FORMAT)
            content = zstandard.ZstdCompressor(write_checksum=True).compress(copy.read_bytes())
            self._store.put_bytes(f"{PREFIX}accounts-{now}-{digest}.db.zst", content)
        self._last_digest = digest
        for old in superfluous(self.copies(), KEPT):
            self._store.remove(old.name)
        return True

    def copies(self) -> list[AccountsCopy]:
        """Return what lies in the store, the oldest first. Raises StoreFailed."""
        matches = (NAME.fullmatch(name) for name in sorted(self._store.names(PREFIX)))
        return [
            AccountsCopy(match[0], _time(match["time"]), match["digest"])
            for match in matches
            if match
        ]

    def fetch_newest(self, target: Path) -> AccountsCopy | None:
        """Write the newest copy into a temporary file; None if there is none.

        Raises StoreFailed, DiskFull, ZstdError for a damaged one.
        """
        copies = self.copies()
        if not copies:
            return None
        with self._private_folder() as folder:
            packed = Path(folder) / "accounts.db.zst"
            self._store.get(copies[-1].name, packed)
            with packed.open("rb") as stored:
                parts = zstandard.ZstdDecompressor().read_to_iter(stored)
                atomic_files.write_parts(target, parts)
        return copies[-1]

    def _private_folder(self) -> "TemporaryDirectory[str]":
        """Return a folder that a starting server removes, if a killed one could not."""
        return TemporaryDirectory(prefix=".accounts-", dir=self._users_folder)

    def _newest_digest(self) -> str | None:
        if self._last_digest is None:
            copies = self.copies()
            self._last_digest = copies[-1].digest if copies else None
        return self._last_digest


def accounts_file(settings: Settings) -> Path | None:
    """Return the file of the account database, None if it is no plain file of SQLite."""
    url = make_url(settings.accounts_url)
    is_file = url.get_backend_name() == "sqlite" and not str(url.database).startswith("file:")
    return Path(str(url.database)) if is_file else None


def _copy(database: Path, target: Path) -> str | None:
    """Copy a database that is in use, without its journal, and return a digest of what it holds.

    None if there are no users in it.
    """
    source = sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)
    with closing(source), closing(sqlite3.connect(target, isolation_level=None)) as copy:
        source.execute(f"pragma busy_timeout = {int(WAIT_SECONDS * 1000)}")
        source.backup(copy)
        copy.execute("pragma journal_mode = delete").fetchall()
        copy.execute(f"delete from {sync_journal.name}")
        copy.execute("vacuum")
        if not copy.execute(f"select exists (select 1 from {users.name})").fetchone()[0]:
            return None
        digest = hashlib.sha256()
        for table in (users, host_keys, api_tokens):
            for row in copy.execute(_rows_of(table)):
                digest.update(repr(row).encode())
    return digest.hexdigest()[:DIGEST_LENGTH]


def _rows_of(table: Table) -> str:
    names = [column.name for column in table.columns if column.name not in LEFT_OUT_OF_DIGEST]
    return f"select {', '.join(names)} from {table.name} order by id"


def _time(text: str) -> datetime:
    return datetime.strptime(text, TIME_FORMAT).replace(tzinfo=timezone.utc)
