"""Where the servers that people move away from keep their users' files and passwords.

The official server, a folder for each user:

    <user>/collection.anki2, media/, media.db

ankisyncd, anki-sync-server and their kin (dsnopek, tsudoko, ankicommunity, its port to Rust):

    auth.db                                      table auth: name, hash of the password
    collections/<user>/collection.anki2
                       collection.media/
                       collection.media.server.db  media: fname, usn, csum (null if deleted)
                       collection.media.db2        the index of a client, in the oldest of them
"""

import fcntl
import os
import sqlite3
import struct
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

COLLECTION: Final = "collection.anki2"
MEDIA_FOLDERS: Final = ("media", "collection.media")
OFFICIAL_INDEX: Final = "media.db"
ANKISYNCD_INDEX: Final = "collection.media.server.db"
CLIENT_INDEX: Final = "collection.media.db2"
INDEXES: Final = (OFFICIAL_INDEX, ANKISYNCD_INDEX, CLIENT_INDEX)
USERS_FOLDER: Final = "collections"
AUTH_DB: Final = "auth.db"

# What Linux is asked about a lock on a file: type, whence, start, length, owner.
_LOCK: Final = struct.Struct("hhqqi4x")
_WHOLE_FILE: Final = _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)


class NotMovable(Exception):
    """What was named cannot be moved in; the message is for the operator."""


@dataclass(frozen=True, slots=True)
class OldUser:
    """The files of one user of another server; None for what there is not."""

    collection: Path
    media: Path | None
    index: Path | None


@dataclass(frozen=True, slots=True)
class OldInstallation:
    """All users of another server, their files (None without any), and where passwords are."""

    users: Mapping[str, OldUser | None]
    auth_db: Path | None


def user_in(folder: Path) -> OldUser | None:
    """Return the user whose folder this is, None if there is no collection in it."""
    collection = folder / COLLECTION
    if not collection.is_file():
        return None
    return OldUser(
        collection,
        media=_first(folder / name for name in MEDIA_FOLDERS if (folder / name).is_dir()),
        index=_first(folder / name for name in INDEXES if (folder / name).is_file()),
    )


def installation_in(folder: Path) -> OldInstallation:
    """Return the users of the server whose folder this is, or the folder of its collections.

    Raises NotMovable when there are none.
    """
    users_folder = folder / USERS_FOLDER if (folder / USERS_FOLDER).is_dir() else folder
    auth_db = find_auth_db(users_folder)
    known = old_passwords(auth_db) if auth_db else {}
    named = sorted({*known, *_folders_with_collections(users_folder)})
    users = {name: user_in(users_folder / name) if _is_plain(name) else None for name in named}
    if not users:
        raise NotMovable(f"{folder}: there are no users of a sync server in this folder")
    return OldInstallation(users, auth_db)


def find_auth_db(users_folder: Path) -> Path | None:
    """Return the file of names and passwords in the folder of the collections or above it."""
    candidates = [folder / AUTH_DB for folder in (users_folder, users_folder.parent)]
    return _first(path for path in candidates if path.is_file())


def old_passwords(auth_db: Path) -> dict[str, str]:
    """Return the hashes of the passwords by the names of the users. Raises NotMovable.

    The column of the names is called `user` in the oldest versions, `username` in later ones.
    """
    try:
        uri = f"{auth_db.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as database:
            rows = database.execute("select * from auth").fetchall()
    except sqlite3.Error as problem:
        raise NotMovable(f"{auth_db}: {problem}") from None
    return {str(row[0]): str(row[1]) for row in rows if len(row) > 1 and row[0]}


def check_not_in_use(collection: Path) -> None:
    """Raise NotMovable when another process has the collection open, as a running server does."""
    with collection.open("rb") as file:
        answer = fcntl.fcntl(file, fcntl.F_GETLK, _WHOLE_FILE)
    kind, *_, owner = _LOCK.unpack(answer)
    if kind != fcntl.F_UNLCK:
        raise NotMovable(f"{collection} is in use by process {owner}: stop the old server first")


def _folders_with_collections(users_folder: Path) -> list[str]:
    if not users_folder.is_dir():
        raise NotMovable(f"{users_folder}: there is no such folder")
    return [path.parent.name for path in users_folder.glob(f"*/{COLLECTION}")]


def _is_plain(name: str) -> bool:
    """Tell whether a name from a database is that of an entry of a folder."""
    return name not in (".", "..") and "/" not in name and "\0" not in name


def _first(paths: Iterable[Path]) -> Path | None:
    return next(iter(paths), None)
