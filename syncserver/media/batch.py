"""Take the files of one upload in so that a crash leaves the index and the files in step.

The files of an upload are written and synced in a folder of their own. When the index is ready to
be committed, a journal is written beside them that says which file takes which name. After the
commit the files are moved. If the server dies in between, the journal is played again at the next
start, as far as the index agrees with it. So an entry never lacks its bytes: they are in `media/`,
or in the folder of a journal that puts them there before anybody looks.

Where nothing is replaced or deleted, which is nearly always, there is a shorter way: the files are
moved first, and a list of them is dropped when the index has been committed. If the server dies in
between, what the index does not name is removed. The disk is waited for three times then, not five.
"""

import filecmp
import os
import secrets
import shutil
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from syncserver.collections import atomic_files, disk_sync
from syncserver.collections.folders import PRIVATE_FOLDER_MODE
from syncserver.media.folders import INCOMING_NAME, MediaFolder
from syncserver.media.index import Entry, MediaIndex
from syncserver.media.trash_folder import make_folder, new_folder_name

JOURNAL_NAME: Final = "journal.json"
ADDITIONS_NAME: Final = "additions.json"


class Move(msgspec.Struct):
    """One name's new content: a file of the batch and its SHA-1 (hex), or none when deleted."""

    name: str
    file: str | None
    sha1: str | None

    def is_in_step_with(self, entry: Entry | None) -> bool:
        """Tell whether the index says what the files will be after this move."""
        if entry is None or not entry.exists:
            return self.file is None
        return entry.sha1.hex() == self.sha1


class Journal(msgspec.Struct):
    """What a batch does once the index agrees; `trash` is where old content goes."""

    trash: str
    moves: list[Move]


class Batch:
    """The folder of one upload."""

    def __init__(self, media: MediaFolder, folder: Path) -> None:
        self._media = media
        self.folder = folder
        self._on_disk: set[Path] = set()

    def file(self, number: int) -> Path:
        """Return the path for the batch's file of this number."""
        return self.folder / str(number)

    def sync(self, files: Iterable[Path]) -> None:
        """Bring files of the batch to disk, those that are not there yet, all at once."""
        new = {self._media.incoming, *files} - self._on_disk
        with atomic_files.full_disk_is_passing_trouble():
            disk_sync.sync_all(new)
        self._on_disk |= new

    def place(self, files: Mapping[str, Path]) -> None:
        """Give files of the batch, which are on disk, names that nothing has, durably.

        The index is committed after this.
        """
        # Nobody waits for this one: a killed server leaves it whole. If the power fails, it may be
        # lost, and then files stay that the index does not name, which nobody is shown.
        self._additions.write_bytes(msgspec.json.encode(list(files)))
        for name, file in files.items():
            os.replace(file, self._media.files / name)
        disk_sync.sync(self._media.files)

    def take_back(self, index: MediaIndex) -> None:
        """Remove what `place` has put where it belongs, but the index was not told of."""
        with suppress(msgspec.DecodeError):
            for name in msgspec.json.decode(self._additions.read_bytes(), type=list[str]):
                entry = index.entry(name)
                if entry is None or not entry.exists:
                    (self._media.files / name).unlink(missing_ok=True)

    def write_journal(self, moves: list[Move]) -> None:
        """Say durably what is to happen once the index is committed; `sync` comes before."""
        journal = Journal(new_folder_name(), moves)
        # Made now, so that playing the journal needs no room on the disk.
        trash = make_folder(self._media, journal.trash)
        try:
            with atomic_files.temporary_file(self.folder) as path:
                path.write_bytes(msgspec.json.encode(journal))
                # This syncs the folder too, and so the names of the other files.
                atomic_files.replace(path, self.folder / JOURNAL_NAME)
        except BaseException:
            trash.rmdir()
            raise

    def play(self, index: MediaIndex) -> None:
        """Do what the journal says and `index` agrees with; what was done is not done again."""
        journal = msgspec.json.decode((self.folder / JOURNAL_NAME).read_bytes(), type=Journal)
        trash = make_folder(self._media, journal.trash)
        for move in journal.moves:
            if move.is_in_step_with(index.entry(move.name)):
                self._play_move(move, trash)
        changed = [self._media.files]
        if any(trash.iterdir()):
            changed += [trash, self._media.trash]
        else:
            trash.rmdir()
        disk_sync.sync_all(changed)

    def remove(self) -> None:
        """Remove what is left of the batch; the journal goes first, so that it is never played."""
        (self.folder / JOURNAL_NAME).unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def has_journal(self) -> bool:
        """Whether the batch still has to be played."""
        return (self.folder / JOURNAL_NAME).exists()

    @property
    def has_additions(self) -> bool:
        """Whether it is still to be seen if the index knows what was placed."""
        return self._additions.exists()

    @property
    def counts(self) -> bool:
        """Whether it is more than files that nobody relies on yet."""
        return _counts(self.folder)

    @property
    def _additions(self) -> Path:
        return self.folder / ADDITIONS_NAME

    def _play_move(self, move: Move, trash: Path) -> None:
        target = self._media.files / move.name
        source = self.folder / move.file if move.file is not None else None
        if source is not None and not source.exists():
            return  # this move was played before the crash
        # A stray that is taken in lies there already: it is not replaced.
        if target.exists() and not (source and _is_same(source, target)):
            os.replace(target, trash / move.name)
        if source is not None:
            os.replace(source, target)


def _is_same(new: Path, old: Path) -> bool:
    with suppress(OSError):  # what cannot be read is kept as another one
        return filecmp.cmp(new, old, shallow=False)
    return False


def new_batch_name() -> str:
    """Return a name that no other batch has."""
    return secrets.token_hex(8)


def make_batch(media: MediaFolder, name: str) -> Batch:
    """Make the folder for one upload."""
    folder = media.incoming / name
    folder.mkdir(mode=PRIVATE_FOLDER_MODE)
    return Batch(media, folder)


def drop_stray_batches(users_folder: Path) -> None:
    """Remove the uploads that a killed server was still taking in, for a server that starts."""
    for folder in users_folder.glob(f"*/{INCOMING_NAME}/*"):
        if not _counts(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _counts(folder: Path) -> bool:
    return any((folder / name).exists() for name in (JOURNAL_NAME, ADDITIONS_NAME))


def recover(media: MediaFolder, index: MediaIndex, active: Collection[str]) -> None:
    """Finish the batches that were committed before a crash or an error, and drop the others.

    Those named in `active` are still being taken in and are left alone until they have a journal:
    a journal, or a list, is only written while the library is owned: one that is found now was given
    up.
    """
    for folder in sorted(media.incoming.iterdir()):
        batch = Batch(media, folder)
        if batch.has_journal:
            batch.play(index)
            batch.remove()
        elif batch.has_additions:
            batch.take_back(index)
            batch.remove()
        elif folder.name not in active:
            batch.remove()
