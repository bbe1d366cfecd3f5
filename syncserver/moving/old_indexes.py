"""Read the media indexes of other servers: which names, with which content, since which change.

Usns are kept, so that devices go on where they were. Where several names share one, as in some old
indexes, later ones are raised: a device is then told of a change twice, never of one too few.
"""

import re
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from syncserver.collections import atomic_files
from syncserver.collections.folders import LOG_SUFFIXES
from syncserver.media.index import IndexUnusable, MediaIndex
from syncserver.media.moving_in import NO_LIMIT
from syncserver.moving.old_servers import ANKISYNCD_INDEX, CLIENT_INDEX, OFFICIAL_INDEX

# A new index of old media begins here: devices skip what is not newer than the last usn that they
# were told by the old server, which counted single files.
FIRST_USN: Final = 1_000_000
HEX_SHA1: Final = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class OldEntry:
    """A name in an old index: the SHA-1 (hex) of its content, empty if deleted, and its usn."""

    name: str
    sha1: str
    usn: int


def copy_database(source: Path, target: Path) -> None:
    """Copy a SQLite file with what a killed server left beside it."""
    atomic_files.copy(source, target)
    for suffix in LOG_SUFFIXES:
        log = source.with_name(source.name + suffix)
        if log.exists():
            atomic_files.copy(log, target.with_name(target.name + suffix))


def fold_log(copy: Path) -> None:
    """Bring all that is committed into the copied file itself. Raises sqlite3.Error."""
    with closing(sqlite3.connect(copy, isolation_level=None)) as database:
        database.execute("pragma wal_checkpoint(truncate)")
        database.execute("pragma journal_mode = delete").fetchall()


def old_entries(index: Path | None, workplace: Path) -> list[OldEntry] | None:
    """Return the rows of an old index, None if there is none that can be used."""
    if index is None:
        return None
    folder = workplace / "index"
    folder.mkdir()
    copy = folder / index.name
    try:
        copy_database(index, copy)
        return list(_distinct(READERS[index.name](copy)))
    except (sqlite3.Error, IndexUnusable, ValueError, TypeError):
        return None
    finally:
        shutil.rmtree(folder)


def _official(copy: Path) -> list[OldEntry]:
    with closing(MediaIndex(copy)) as index:
        return [
            OldEntry(entry.name, entry.sha1.hex() if entry.exists else "", entry.usn)
            for entry in index.changes_after(0, NO_LIMIT)
        ]


def _ankisyncd(copy: Path) -> list[OldEntry]:
    return _entries(copy, "select fname, csum, usn from media")


def _client(copy: Path) -> list[OldEntry]:
    return _entries(copy, "select fname, csum, (select max(lastUsn) from meta) from media")


READERS: Final = {OFFICIAL_INDEX: _official, ANKISYNCD_INDEX: _ankisyncd, CLIENT_INDEX: _client}


def _entries(copy: Path, sql: str) -> list[OldEntry]:
    with closing(sqlite3.connect(copy)) as database:
        rows = database.execute(sql).fetchall()
    return [
        OldEntry(name, sha1 or "", int(usn)) for name, sha1, usn in rows if _is_sound(name, sha1)
    ]


def _is_sound(name: object, sha1: object) -> bool:
    return isinstance(name, str) and (
        sha1 is None or (isinstance(sha1, str) and bool(HEX_SHA1.fullmatch(sha1)))
    )


def _distinct(entries: Sequence[OldEntry]) -> Iterator[OldEntry]:
    """Yield the entries by their usns, with one for each."""
    last_usn = 0
    for entry in sorted(entries, key=lambda entry: (entry.usn, entry.name)):
        last_usn = max(entry.usn, last_usn + 1)
        yield OldEntry(entry.name, entry.sha1, last_usn)
