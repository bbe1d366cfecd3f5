"""The index of a user's media, `media.db`, in the official server's format (version 4).

One row for each name that ever was: its checksum, its size (0 when deleted), the usn of its last
change. One row of totals, which is kept in step with every change in the same transaction.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from syncserver.collections.folders import PRIVATE_FILE_MODE
from syncserver.errors import DiskFull

FORMAT_VERSION: Final = 4
PAGE_OF_CHANGES: Final = 1000

CREATE_SQL: Final = """
create table media (
  fname text not null primary key,
  csum blob not null,
  size int not null,
  usn int not null,
  mtime int not null
);
create index ix_usn on media (usn);
create table meta (
  last_usn int not null,
  total_bytes int not null,
  total_nonempty_files int not null
);
"""
EMPTY_TOTALS_SQL: Final = "insert into meta values (0, 0, 0)"
# Version 3 had other names for some columns, no checksum for deleted files and fewer totals. The
# newest change may be of a row that is dropped; its usn stays, or devices would miss the next ones.
FROM_VERSION_3_SQL: Final = f"""
alter table media rename to media_version_3;
alter table meta rename to meta_version_3;
drop index if exists ix_usn;
{CREATE_SQL}
insert into media select fname, csum, sz, usn, deleted from media_version_3
  where csum is not null;
insert into meta select
  max(coalesce(max(usn), 0), coalesce((select max(usn) from meta_version_3), 0)),
  coalesce(sum(size), 0), count(case when size > 0 then 1 end) from media;
drop table media_version_3;
drop table meta_version_3;
"""


class IndexUnusable(Exception):
    """`media.db` is damaged, or of a version that this server does not know."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in the index; `size` 0 means deleted, `sha1` is of the last content (20 bytes)."""

    name: str
    sha1: bytes
    size: int
    usn: int

    @property
    def exists(self) -> bool:
        """Whether the file is there and not deleted."""
        return self.size > 0


@dataclass(frozen=True, slots=True)
class Totals:
    """The usn of the newest change, and how much there is."""

    last_usn: int
    total_bytes: int
    files: int


class MediaIndex:
    """An open index; not for use by two threads at once."""

    def __init__(self, path: Path) -> None:
        """Open `path`, made or migrated if need be. Raises IndexUnusable, DiskFull."""
        # Threads take turns under the library's lock, which SQLite's own check cannot see.
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            with _full_disk_explained():
                self._prepare(path)
        except (sqlite3.DatabaseError, IndexUnusable) as problem:
            self._database.close()
            raise IndexUnusable(f"{path}: {problem}") from problem
        except DiskFull:
            self._database.close()
            raise

    def close(self) -> None:
        """Close the file; the write-ahead log is folded in."""
        self._database.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make the changes of the block durable at its end, or undo them if it raises."""
        with _full_disk_explained():
            self._database.execute("begin immediate")
            try:
                yield
                self._database.execute("commit")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("rollback")
                raise

    def totals(self) -> Totals:
        """Return the newest usn and how much there is."""
        row = self._database.execute(
            "select last_usn, total_bytes, total_nonempty_files from meta"
        ).fetchone()
        return Totals(*row)

    def entry(self, name: str) -> Entry | None:
        """Return the row of a name."""
        row = self._database.execute(
            "select fname, csum, size, usn from media where fname = ?", (name,)
        ).fetchone()
        return Entry(*row) if row else None

    def changes_after(self, usn: int, limit: int = PAGE_OF_CHANGES) -> list[Entry]:
        """Return the oldest changes that are newer than `usn`, in the order of their usns."""
        rows = self._database.execute(
            "select fname, csum, size, usn from media where usn > ? order by usn limit ?",
            (usn, limit),
        )
        return [Entry(*row) for row in rows]

    def existing(self) -> Iterator[Entry]:
        """Yield the files that are not deleted."""
        rows = self._database.execute("select fname, csum, size, usn from media where size > 0")
        return (Entry(*row) for row in rows)

    def page_of_existing(self, after: str, limit: int) -> list[Entry]:
        """Return the files that are not deleted, by name, from the first one after `after` on."""
        rows = self._database.execute(
            "select fname, csum, size, usn from media where size > 0 and fname > ?"
            " order by fname limit ?",
            (after, limit),
        )
        return [Entry(*row) for row in rows]

    def put(self, entry: Entry) -> None:
        """Store a row; `set_totals` must follow in the same transaction."""
        self._database.execute(
            "insert or replace into media (fname, csum, size, usn, mtime) values (?, ?, ?, ?, ?)",
            (entry.name, entry.sha1, entry.size, entry.usn, int(time.time())),
        )

    def forget(self, name: str) -> None:
        """Remove a row without a trace; `set_totals` must follow in the same transaction."""
        self._database.execute("delete from media where fname = ?", (name,))

    def set_totals(self, totals: Totals) -> None:
        """Store the totals."""
        self._database.execute(
            "update meta set last_usn = ?, total_bytes = ?, total_nonempty_files = ?",
            (totals.last_usn, totals.total_bytes, totals.files),
        )

    def counted_totals(self) -> Totals:
        """Return the totals as the rows say, to check the stored ones."""
        row = self._database.execute(
            "select max((select last_usn from meta), coalesce(max(usn), 0)),"
            " coalesce(sum(size), 0), count(case when size > 0 then 1 end) from media"
        ).fetchone()
        return Totals(*row)

    def _prepare(self, path: Path) -> None:
        self._database.execute("pragma locking_mode = exclusive")
        self._database.execute("pragma journal_mode = wal")
        self._database.execute("pragma synchronous = full")
        version = self._database.execute("pragma user_version").fetchone()[0]
        if version == FORMAT_VERSION:
            return
        if version not in (0, 3):
            raise IndexUnusable(f"version {version} of the index is not known")
        script = FROM_VERSION_3_SQL if version else f"{CREATE_SQL}{EMPTY_TOTALS_SQL};"
        self._database.executescript(
            f"begin exclusive; {script} pragma user_version = {FORMAT_VERSION}; commit"
        )
        path.chmod(PRIVATE_FILE_MODE)


@contextmanager
def _full_disk_explained() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as problem:
        if "disk is full" in str(problem):
            text = "The server's disk is full; nothing was changed."
            raise DiskFull(text, cause=str(problem)) from problem
        raise
