"""One media file at a time, as programs have them: take in, open, remove."""

from collections.abc import Iterable
from typing import BinaryIO

from syncserver.collections import atomic_files
from syncserver.media.archive import UploadedChange, stage_parts
from syncserver.media.download import open_entry
from syncserver.media.index import Entry
from syncserver.media.library import Libraries
from syncserver.media.names import check_name, is_possible_name
from syncserver.media.shared_store import SharedStore
from syncserver.media.upload import Staged, apply_upload
from syncserver.settings import Settings


class Taken(Exception):
    """There is another file of this name."""


class Empty(Exception):
    """There can be no media files without bytes."""


def put_file(
    libraries: Libraries,
    settings: Settings,
    folder: str,
    change: tuple[str, Iterable[bytes]],
    *,
    replace: bool,
) -> Entry:
    """Make the parts of a (name, parts) pair a media file, durably, and return its entry.

    The library is not owned while the parts arrive. Raises Taken for another file of the name
    unless `replace`, Empty, BadRequest for an impossible name, MediaRefused, ServerBusy, DiskFull.
    """
    name, parts = change
    library = libraries.library(folder)
    check_name(name)
    with atomic_files.full_disk_is_passing_trouble(), library.new_batch() as batch:
        content = stage_parts(parts, batch.file(0))
        if not content.size:
            raise Empty(name)
        staged = Staged(batch, [UploadedChange(name, content)], _store(libraries, settings))
        refused = False
        with libraries.owned(folder) as owned:
            present = owned.index.entry(name)
            if present is None or not present.exists or present.sha1 == content.sha1 or replace:
                apply_upload(owned, staged, settings.media_quota)
            else:
                refused = True
            stored = owned.index.entry(name)
    if refused or stored is None:
        # Not inside of `owned`, which takes whatever is raised there for damage.
        raise Taken(name)
    return stored


def open_file(libraries: Libraries, folder: str, name: str) -> tuple[Entry, BinaryIO] | None:
    """Return a file's entry and the open file, None if there is none of this name.

    The file may be sent after this: what replaces it is another file. Raises SyncConflict for one
    that is damaged, ServerBusy.
    """
    if not is_possible_name(name):
        return None
    with libraries.owned(folder) as owned:
        entry = owned.index.entry(name)
        if entry is None or not entry.exists:
            return None
        return entry, open_entry(owned, entry)


def remove_file(libraries: Libraries, folder: str, name: str) -> bool:
    """Move a file to the trash, for all devices; tell whether there was one.

    Raises ServerBusy, DiskFull.
    """
    if not is_possible_name(name):
        return False
    library = libraries.library(folder)
    with library.new_batch() as batch, libraries.owned(folder) as owned:
        entry = owned.index.entry(name)
        if entry is None or not entry.exists:
            return False
        apply_upload(owned, Staged(batch, [UploadedChange(name, None)]), quota=0)
        return True


def _store(libraries: Libraries, settings: Settings) -> SharedStore | None:
    return libraries.store if settings.share_media else None
