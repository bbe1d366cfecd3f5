"""`downloadFiles`: a zip of the files that were asked for, or of as many as make a good reply."""

import os
from contextlib import ExitStack
from typing import BinaryIO, Final

import structlog
from zipstream import ZipStream

from syncserver import events
from syncserver.errors import BadRequest, SyncConflict
from syncserver.media.archive import MAX_FILES, download_archive
from syncserver.media.index import Entry, MediaIndex, Totals
from syncserver.media.library import Library
from syncserver.media.names import is_possible_name
from syncserver.media.trash_folder import throw_away

# The file that crosses this is the last. The official server stops at 2.5 MiB; more per reply
# saves round trips, and nothing of it is held in memory.
ENOUGH_BYTES: Final = 32 * 1024 * 1024

# All of them are open while they are sent, and a process may open 1024 files on many systems.
MOST_FILES: Final = 100

log = structlog.get_logger()


def download_files(library: Library, names: list[str]) -> ZipStream:
    """Return a zip of a non-empty prefix of the files asked for, in the order asked.

    The client drops as many names as it got and asks again. The files are opened here, so that
    the library need not be owned while they are sent. Raises SyncConflict for a file that is not
    there any more, BadRequest for too many.
    """
    if len(names) > MAX_FILES:
        raise BadRequest("Too many files were asked for.", cause=f"{len(names)} names")
    with ExitStack() as opened:
        files = [
            (entry.name, opened.enter_context(open_entry(library, entry)), entry.size)
            for entry in _prefix(library.index, names)
        ]
        opened.pop_all()  # the archive closes each file when it has been sent
    return download_archive(files)


def _prefix(index: MediaIndex, names: list[str]) -> list[Entry]:
    prefix: list[Entry] = []
    total = 0
    for name in names[:MOST_FILES]:
        # An index that moved in may hold names that lead out of the folder.
        entry = index.entry(name) if is_possible_name(name) else None
        if entry is None or not entry.exists:
            raise SyncConflict("A file that was asked for is not on the server.", cause=repr(name))
        prefix.append(entry)
        total += entry.size
        if total > ENOUGH_BYTES:
            break
    return prefix


def open_entry(library: Library, entry: Entry) -> BinaryIO:
    """Open the file of an entry. Raises SyncConflict if it is missing or damaged."""
    path = library.folder.files / entry.name
    try:
        file = path.open("rb")
    except (FileNotFoundError, IsADirectoryError):
        forget_missing(library, entry)
        raise SyncConflict("A file is missing on the server.", cause=repr(entry.name)) from None
    if os.fstat(file.fileno()).st_size != entry.size:
        file.close()
        forget_missing(library, entry)
        raise SyncConflict("A file is damaged on the server.", cause=repr(entry.name))
    return file


def forget_missing(library: Library, entry: Entry) -> None:
    """Remove the entry of a file that is not on disk, without a new usn or a deletion.

    Devices that still have it notice at their next check and send it again (section 6.5 of the
    protocol facts). What lies there instead, damaged, goes to the trash.
    """
    index = library.index
    throw_away(library.folder, entry.name)
    with index.transaction():
        totals = index.totals()
        index.forget(entry.name)
        index.set_totals(Totals(totals.last_usn, totals.total_bytes - entry.size, totals.files - 1))
    log.warning(events.MEDIA_FILE_MISSING, file=entry.name)
