"""Identical files of different users take disk space once.

Each file is also linked into a store under its SHA-1, which the media sync needs anyway, so that a
class of thirty with the same deck holds its media once. Who finds a file there compares the bytes:
no file is taken for another one that was made to have the same checksum. The links are equal: a
user's file stays when another user's is deleted, and no file is ever changed in place. Where the
file system has no links, everybody has plain copies.
"""

import filecmp
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from syncserver.collections.folders import PRIVATE_FOLDER_MODE

PREFIX_LENGTH: Final = 2
PREFIXES: Final = tuple(f"{number:0{PREFIX_LENGTH}x}" for number in range(16**PREFIX_LENGTH))


class SharedStore:
    """The files of all users of a data root by their SHA-1."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def prepare(self) -> None:
        """Make the folders in which files are stored, so that no upload has to."""
        with suppress(OSError):  # a full disk; whoever stores a file tries it once more
            there = set(os.listdir(self._folder)) if self._folder.exists() else set()
            for prefix in PREFIXES:
                if prefix not in there:
                    _make_folder(self._folder / prefix)

    def share(self, file: Path, sha1: bytes) -> bool:
        """Replace `file`, whose bytes are on disk, by a link to the stored twin, or store it.

        Return whether a twin was stored already.
        """
        name = sha1.hex()
        stored = self._folder / name[:PREFIX_LENGTH] / name
        try:
            return _link_twin(stored, file) or _store(stored, file)
        except OSError:
            return False  # no links here, or too many to one file: a plain copy serves as well

    def remove_unused(self) -> int:
        """Remove what no user has any more, and return how many files that were."""
        return sum(1 for stored in self._stored() if _remove_if_unused(stored))

    def _stored(self) -> Iterator[Path]:
        if self._folder.exists():
            for prefix in self._folder.iterdir():
                yield from prefix.iterdir()


def _link_twin(stored: Path, file: Path) -> bool:
    link = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    try:
        os.link(stored, link)
    except FileNotFoundError:
        return False
    # Damage or an edit in one user's folder must not spread, nor may a checksum that two files share
    # be enough to get at somebody's file; both are in the system's cache.
    if not filecmp.cmp(link, file, shallow=False):
        link.unlink()
        stored.unlink()
        return False
    os.replace(link, file)
    return True


def _store(stored: Path, file: Path) -> bool:
    with suppress(FileExistsError):  # another user's upload was quicker; both have their bytes
        try:
            os.link(file, stored)
        except FileNotFoundError:  # the first one with this prefix
            _make_folder(stored.parent)
            os.link(file, stored)
    return False


def _make_folder(prefix: Path) -> None:
    for folder in (prefix.parent, prefix):
        folder.mkdir(mode=PRIVATE_FOLDER_MODE, exist_ok=True)


def _remove_if_unused(stored: Path) -> bool:
    # Whoever links it just before it goes keeps the bytes; just after, stores them afresh.
    with suppress(FileNotFoundError):
        if stored.stat().st_nlink == 1:
            stored.unlink()
            return True
    return False
