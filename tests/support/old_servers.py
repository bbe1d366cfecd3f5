"""Folders as ankisyncd, anki-sync-server and their kin leave them, made from their known layout."""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from tests.support.accounts import Account
from tests.support.media_device import sha1
from tests.support.old_hashes import ankisyncd_hash

# A name, its content (None if it was deleted), the usn of its last change.
MediaRow = tuple[str, bytes | None, int]


def write_auth_db(folder: Path, hashes: Mapping[str, str], *, column: str = "username") -> Path:
    """Write the file of names and hashes; `column` is `user` in the oldest versions."""
    path = folder / "auth.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"create table auth ({column} varchar primary key, hash varchar)")
        database.executemany("insert into auth values (?, ?)", hashes.items())
        database.commit()
    return path


def write_auth_db_of(folder: Path, *accounts: Account, column: str = "username") -> Path:
    """Write the file with these accounts and their passwords."""
    hashes = {one.name: ankisyncd_hash(one.name, one.password) for one in accounts}
    return write_auth_db(folder, hashes, column=column)


def write_media(user: Path, rows: Sequence[MediaRow]) -> None:
    """Write the media of a user with the index of ankisyncd."""
    _write_files(user, rows)
    with closing(sqlite3.connect(user / "collection.media.server.db")) as database:
        database.executescript(
            "create table media (fname text not null primary key, usn int not null, csum text);"
            "create index idx_media_usn on media (usn);"
        )
        database.executemany(
            "insert into media values (?, ?, ?)",
            [(name, usn, sha1(content) if content else None) for name, content, usn in rows],
        )
        database.commit()


def write_media_of_client(user: Path, rows: Sequence[MediaRow]) -> None:
    """Write the media of a user with the index of a client, as the oldest servers had it."""
    _write_files(user, rows)
    with closing(sqlite3.connect(user / "collection.media.db2")) as database:
        database.executescript(
            "create table media (fname text not null primary key, csum text,"
            " mtime int not null, dirty int not null);"
            "create index idx_media_dirty on media (dirty);"
            "create table meta (dirMod int, lastUsn int);"
        )
        database.executemany(
            "insert into media values (?, ?, 1400000000, 0)",
            [(name, sha1(content) if content else None) for name, content, _usn in rows],
        )
        database.execute("insert into meta values (0, ?)", (max(usn for *_, usn in rows),))
        database.commit()


def _write_files(user: Path, rows: Sequence[MediaRow]) -> None:
    (user / "collection.media").mkdir(parents=True, exist_ok=True)
    for name, content, _usn in rows:
        if content is not None:
            (user / "collection.media" / name).write_bytes(content)
