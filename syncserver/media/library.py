"""The open media of the users: an index and files with a lock of their own for each user.

Media and collection of one user sync at the same time, and no user waits for another.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from syncserver.collections import atomic_files
from syncserver.collections.folders import UserFolder
from syncserver.errors import ServerBusy
from syncserver.media.batch import Batch, make_batch, new_batch_name, recover
from syncserver.media.folders import MediaFolder
from syncserver.media.index import MediaIndex
from syncserver.media.shared_store import SharedStore
from syncserver.settings import Settings

# A sync of the collection only wants to know whether there are new media.
LAST_USN_WAIT_SECONDS: Final = 2.0


class Library:
    """One user's media; `index` may only be used inside of `owned`."""

    def __init__(self, folder: MediaFolder) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        # As text: each `meta` of somebody who has no media asks whether it is there.
        self._index_path = str(folder.index)
        self._index: MediaIndex | None = None
        # The newest committed usn, None when it is not known without opening the index.
        self.last_usn: int | None = None
        # What all files together took when the index was used last.
        self.total_bytes: int | None = None
        self._active_batches: set[str] = set()
        self.last_used = 0.0

    @property
    def index(self) -> MediaIndex:
        """The user's index, opened and brought in step with the files if need be."""
        if self._index is None:
            self.folder.prepare()
            index = MediaIndex(self.folder.index)
            try:
                with atomic_files.full_disk_is_passing_trouble():
                    recover(self.folder, index, self._active_batches)
                self.last_usn = index.totals().last_usn
            except BaseException:
                index.close()
                raise
            self._index = index
        return self._index

    def has_index(self) -> bool:
        """Tell whether there is an index, which the first upload makes."""
        return os.path.exists(self._index_path)

    @contextmanager
    def owned(self, wait_seconds: float) -> Iterator["Library"]:
        """Own the library. Raises ServerBusy when it is not free for `wait_seconds`.

        If the block raises, the index is closed, so that the next one who opens it recovers.
        """
        if not self._lock.acquire(timeout=wait_seconds):
            raise ServerBusy("Other requests for your media are still being worked on.")
        try:
            yield self
            totals = self.index.totals()
            self.last_usn, self.total_bytes = totals.last_usn, totals.total_bytes
        except BaseException:
            self._close()
            raise
        finally:
            self.last_used = time.monotonic()
            self._lock.release()

    @contextmanager
    def new_batch(self) -> Iterator[Batch]:
        """Give a folder for the files of one upload; the library need not be owned for that."""
        self.folder.prepare()
        name = new_batch_name()
        self._active_batches.add(name)
        try:
            batch = make_batch(self.folder, name)
            try:
                yield batch
            finally:
                if not batch.counts:
                    batch.remove()
        finally:
            self._active_batches.discard(name)

    def close_if_idle(self, since: float) -> None:
        """Close the index if nobody has used it after `since` (monotonic seconds)."""
        if (
            self._index is not None
            and self.last_used < since
            and self._lock.acquire(blocking=False)
        ):
            try:
                self._close()
            finally:
                self._lock.release()

    def close(self, wait_seconds: float) -> None:
        """Close the index for the server's end, or because the user's folder goes."""
        if self._lock.acquire(timeout=wait_seconds):
            try:
                self._close()
            finally:
                self._lock.release()

    def _close(self) -> None:
        index, self._index, self.last_usn = self._index, None, None
        if index is not None:
            index.close()


class Libraries:
    """The media of all users of one data root."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._users_folder: Path = settings.users_folder
        self.store = SharedStore(settings.data_root / "media-store")
        self._libraries: dict[str, Library] = {}
        self._lock = threading.Lock()

    def library(self, folder: str) -> Library:
        """Return the library of the user with this folder."""
        with self._lock:
            library = self._libraries.get(folder)
            if library is None:
                media = MediaFolder(UserFolder(self._users_folder / folder))
                library = self._libraries[folder] = Library(media)
            return library

    @contextmanager
    def owned(self, folder: str) -> Iterator[Library]:
        """Own a user's media. Raises ServerBusy when they are not free for `sync_wait` seconds."""
        with self.library(folder).owned(self._settings.sync_wait) as library:
            yield library

    def last_usn(self, folder: str) -> int:
        """Return the newest committed usn of a user's media, at once when it is known.

        Raises IndexUnusable, ServerBusy when the media are in use and it is not known.
        """
        library = self.library(folder)
        known = library.last_usn
        if known is not None:
            return known
        if not library.has_index():
            return 0  # not remembered: just now the first upload may be telling another number
        with library.owned(LAST_USN_WAIT_SECONDS) as owned:
            return owned.index.totals().last_usn

    def tidy(self) -> None:
        """Close the indexes that nobody uses."""
        with self._lock:
            libraries = list(self._libraries.values())
        for library in libraries:
            library.close_if_idle(time.monotonic() - self._settings.idle_close)

    def close(self, wait_seconds: float) -> None:
        """Close every index, for the server's end."""
        with self._lock:
            libraries = list(self._libraries.values())
        for library in libraries:
            library.close(wait_seconds)

    def forget(self, folder: str, wait_seconds: float) -> None:
        """Close the index of a user whose folder is going to be removed."""
        self.library(folder).close(wait_seconds)
        with self._lock:
            self._libraries.pop(folder, None)
