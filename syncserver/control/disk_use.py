"""How much room the files of users take, seen from outside: nothing is opened."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from syncserver.collections.folders import UserFolder
from syncserver.collections.restore_points import readable_points


@dataclass(slots=True)
class DiskUse:
    """How many, and bytes; a file that has several names (shared media) is counted once in `on_disk`."""

    collections: int = 0
    collection_bytes: int = 0
    media_files: int = 0
    media_bytes: int = 0
    backups: int = 0
    backup_bytes: int = 0
    on_disk: int = 0
    _seen: set[tuple[int, int]] = field(default_factory=set)

    def add(self, folder: UserFolder) -> None:
        """Add what lies in a user's folder."""
        if folder.collection.exists():
            self.collections += 1
            self.collection_bytes += folder.collection.stat().st_size
        for status in _files(folder.path / "media"):
            self.media_files += 1
            self.media_bytes += status.st_size
        self.backups += len(readable_points(folder))
        for status in _files(folder.backups):
            self.backup_bytes += status.st_size
        for status in _files(folder.path):
            self._add_room(status)

    def _add_room(self, status: os.stat_result) -> None:
        if status.st_nlink > 1:
            if (status.st_dev, status.st_ino) in self._seen:
                return
            self._seen.add((status.st_dev, status.st_ino))
        self.on_disk += status.st_blocks * 512


def disk_use(users_folder: Path) -> DiskUse:
    """Return what the folders of all users take, of deleted users whose files stayed too."""
    use = DiskUse()
    for folder in sorted(users_folder.iterdir()) if users_folder.exists() else ():
        use.add(UserFolder(folder))
    return use


def _files(folder: Path) -> Iterator[os.stat_result]:
    """Yield what the system knows of each file below a folder; what goes meanwhile is left out."""
    for path, _folders, names in os.walk(folder):
        for name in names:
            try:
                yield os.lstat(os.path.join(path, name))
            except FileNotFoundError:
                continue
