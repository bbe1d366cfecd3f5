"""Give a user's media second names in another folder, for whoever reads them all."""

from contextlib import suppress
from pathlib import Path

from syncserver.collections import atomic_files
from syncserver.collections.folders import PRIVATE_FOLDER_MODE
from syncserver.media.library import Library
from syncserver.media.names import is_possible_name


def lend_files(library: Library, folder: Path) -> int:
    """Make `folder` with all files of the index in it, and return how many these are."""
    folder.mkdir(mode=PRIVATE_FOLDER_MODE)
    lent = 0
    for entry in library.index.existing():
        # Missing ones are for the check of media to tell; an index that moved in may say anything.
        if is_possible_name(entry.name):
            with suppress(FileNotFoundError):
                atomic_files.lend(library.folder.files / entry.name, folder / entry.name)
                lent += 1
    return lent
