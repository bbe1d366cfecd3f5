"""Files that the API is given become media of the user."""

from collections.abc import Mapping
from pathlib import Path

from syncserver.accounts.users import User
from syncserver.collections import atomic_files
from syncserver.media.additions import add_files
from syncserver.services import Services


def store_files(services: Services, user: User, files: Mapping[str, Path]) -> None:
    """Make the contents of `files` media of `user`. Raises what `add_files` does."""
    add_files(services.media, services.settings_of(user), user.folder, files)


def store_bytes(services: Services, user: User, name: str, content: bytes) -> None:
    """Make `content` the user's media file `name`. Raises what `add_files` does."""
    folder = services.media.library(user.folder).folder
    folder.prepare()
    with atomic_files.temporary_file(folder.user.temporary) as path:
        path.write_bytes(content)
        store_files(services, user, {name: path})
