"""The passwords that users bring along: hashes of an old server, or what an operator has of them.

The official server keeps none on disk: it has them from its environment, as `SYNC_USER1=name:password`,
where the password may be a hash. A file of such lines does, for example that of a container.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from syncserver.accounts.folder_names import normalise_user_name
from syncserver.accounts.old_hashes import OldHash, SaltedSha256, UnknownHash, old_hash
from syncserver.control.output import note
from syncserver.moving.old_servers import NotMovable, old_passwords

SQLITE_MAGIC: Final = b"SQLite format 3\x00"
# A line of the environment, or only its right side; quotes as a shell wants them.
USER_LINE: Final = re.compile(r"(?:export\s+)?(?:SYNC_USER\d+=)?([\"']?)([^:=]+):(.+)\1")
HASH_START: Final = "$pbkdf2-"

Secret = str | OldHash


def secrets_in(file: Path | None) -> dict[str, Secret]:
    """Return passwords or hashes by the names of their users: from an auth.db, or from lines.

    Those by which nobody could log in here are left out, with a note. Raises NotMovable.
    """
    if file is None:
        return {}
    with file.open("rb") as opened:
        is_database = opened.read(len(SQLITE_MAGIC)) == SQLITE_MAGIC
    if is_database:
        return _usable(old_passwords(file))
    lines = file.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    pairs = [(found[2], found[3]) for found in map(_user_line, lines) if found]
    if not pairs:
        raise NotMovable(f"{file}: there is no line like SYNC_USER1=name:password")
    hashes = {name: text for name, text in pairs if text.startswith(HASH_START)}
    plain = {name: text for name, text in pairs if name not in hashes and _is_text(name, text)}
    return {**plain, **_usable(hashes)}


def _user_line(line: str) -> re.Match[str] | None:
    return USER_LINE.fullmatch(line.strip())


def _is_text(name: str, password: str) -> bool:
    try:
        password.encode()
    except UnicodeEncodeError:
        note(f"{name}: the password is not UTF-8")
        return False
    return True


def _usable(hashes: Mapping[str, str]) -> dict[str, Secret]:
    found = {name: _usable_hash(name, text) for name, text in hashes.items()}
    return {name: old for name, old in found.items() if old is not None}


def _usable_hash(name: str, text: str) -> OldHash | None:
    try:
        old = old_hash(text)
    except UnknownHash as problem:
        note(f"{name}: {problem}")
        return None
    if isinstance(old.scheme, SaltedSha256) and normalise_user_name(name) != name:
        note(f"{name}: the name is written in another way here, and the old hash holds it")
        return None
    return old
