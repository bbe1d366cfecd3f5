"""Where a user's files lie: one folder for each user, laid out as the official server does.

<data_root>/users/<folder>/
collection.anki2     the collection; its write-ahead log beside it while it is open
media/, media.db     the media (names and formats of the official server)
backups/             restore points: collections of earlier times
tmp/                 files that are being written; emptied when a server starts
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

PRIVATE_FOLDER_MODE = 0o700
PRIVATE_FILE_MODE = 0o600
# What SQLite writes beside a database: its write-ahead log and its journal.
LOG_SUFFIXES = ("-wal", "-journal")


@dataclass(frozen=True, slots=True)
class UserFolder:
    """The paths of one user."""

    path: Path

    @property
    def collection(self) -> Path:
        """The collection file."""
        return self.path / "collection.anki2"

    @property
    def backups(self) -> Path:
        """The folder of restore points."""
        return self.path / "backups"

    @property
    def temporary(self) -> Path:
        """The folder of files that are being written, on the same file system."""
        return self.path / "tmp"

    def prepare(self) -> None:
        """Make the folders that must exist, readable by the server alone."""
        for folder in (self.path, self.temporary):
            folder.mkdir(mode=PRIVATE_FOLDER_MODE, parents=True, exist_ok=True)

    def prepare_temporary(self) -> None:
        """Make the folder of temporary files of a user who is there.

        Raises FileNotFoundError for one who was removed, and must not come back by that.
        """
        self.temporary.mkdir(mode=PRIVATE_FOLDER_MODE, exist_ok=True)

    def prepare_backups(self) -> None:
        """Make the folder of restore points."""
        self.backups.mkdir(mode=PRIVATE_FOLDER_MODE, exist_ok=True)

    def remove_logs_of_nothing(self) -> None:
        """Remove the logs of a collection that is gone: SQLite would play them into the next one."""
        for suffix in LOG_SUFFIXES:
            self.collection.with_name(f"{self.collection.name}{suffix}").unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the user's files; a crash leaves a folder that is not the user's any more."""
        if not self.path.exists():
            return
        doomed = self.path.with_name(f".{self.path.name}.removed")
        shutil.rmtree(doomed, ignore_errors=True)
        os.replace(self.path, doomed)
        shutil.rmtree(doomed)


def remove_stray_files(users_folder: Path) -> None:
    """Remove what a killed server left half-written or half-removed."""
    if not users_folder.exists():
        return
    for folder in users_folder.iterdir():
        if folder.name.startswith("."):
            shutil.rmtree(folder, ignore_errors=True)
        else:
            shutil.rmtree(UserFolder(folder).temporary, ignore_errors=True)
