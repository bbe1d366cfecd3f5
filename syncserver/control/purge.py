"""Removing the files of a deleted user, with and without a running server, and in the store."""

import time
from typing import Final

from syncserver.accounts.users import Users
from syncserver.backups.offsite import Offsite, open_offsite
from syncserver.backups.store_failures import StoreFailed
from syncserver.collections import data_root_lock
from syncserver.collections.folders import UserFolder
from syncserver.control.installation import Installation
from syncserver.control.operator import command_name
from syncserver.control.output import CommandFailed

# The server looks for what is to be removed every few seconds.
PURGE_TIMEOUT: Final = 30.0
POLL_INTERVAL: Final = 0.1


def finish_purge(installation: Installation, users: Users, folder: str) -> None:
    """Return when nothing of a deleted user is left in `folder`; at most 30 seconds.

    A running server owns the files and has to remove them itself: it may have them open.
    """
    deadline = time.monotonic() + PURGE_TIMEOUT
    while folder in users.pending_purges():
        if _remove_files(installation, users, folder):
            return
        if time.monotonic() > deadline:
            path = installation.settings.users_folder / folder
            raise CommandFailed(f"the server has not yet removed the files in {path}; it will")
        time.sleep(POLL_INTERVAL)


def offsite_copies(installation: Installation) -> Offsite:
    """Return the off-site copies. Raises CommandFailed if the options name no store."""
    offsite = open_offsite(installation.settings)
    if offsite is None:
        raise CommandFailed("there are no off-site copies: see the option offsite_url")
    return offsite


def purge_offsite(offsite: Offsite, folder: UserFolder) -> None:
    """Remove a deleted user's copies from the store. Raises CommandFailed."""
    try:
        offsite.remove_all(folder)
    except StoreFailed as problem:
        name = folder.path.name
        raise CommandFailed(
            f"the user is deleted, the copies are not: {problem}; remove users/{name}/ there by hand"
        ) from None


def _remove_files(installation: Installation, users: Users, folder: str) -> bool:
    """Remove the files here, unless a server owns them; tell which."""
    data_root = installation.settings.data_root
    try:
        data_root_lock.acquire(data_root, command_name())
    except data_root_lock.DataRootInUse:
        return False
    try:
        UserFolder(installation.settings.users_folder / folder).remove()
        users.purge_done(folder)
    finally:
        data_root_lock.release(data_root)
    return True
