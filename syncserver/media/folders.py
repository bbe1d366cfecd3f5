"""Where a user's media lie, and what stands around them while they change.

<user's folder>/
media/           the files, under their own names
media.db         the index
media-incoming/  one folder for each upload that is being taken in
media-trash/     what was deleted or replaced, one folder for each change
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from syncserver.collections import atomic_files
from syncserver.collections.folders import PRIVATE_FOLDER_MODE, UserFolder

INCOMING_NAME: Final = "media-incoming"


@dataclass(frozen=True, slots=True)
class MediaFolder:
    """The paths of one user's media."""

    user: UserFolder

    @property
    def files(self) -> Path:
        """The folder of the files themselves."""
        return self.user.path / "media"

    @property
    def index(self) -> Path:
        """The index."""
        return self.user.path / "media.db"

    @property
    def incoming(self) -> Path:
        """The folder of uploads that are being taken in."""
        return self.user.path / INCOMING_NAME

    @property
    def trash(self) -> Path:
        """The folder of what was deleted or replaced."""
        return self.user.path / "media-trash"

    def prepare(self) -> None:
        """Make the folders that must exist. Raises DiskFull."""
        with atomic_files.full_disk_is_passing_trouble():
            self.user.prepare()
            for folder in (self.files, self.incoming, self.trash):
                folder.mkdir(mode=PRIVATE_FOLDER_MODE, exist_ok=True)
