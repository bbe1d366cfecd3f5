"""Keep the collections that uploads replace, the newest few of each user.

The commonest way to lose a collection is the wrong 'Upload' on a device. What held more than its
replacement is pinned: it is never removed automatically.
"""

from datetime import datetime, timezone
from pathlib import Path
from typing import Final

from syncserver.collections import atomic_files
from syncserver.collections.folders import PRIVATE_FOLDER_MODE, UserFolder

SUFFIX: Final = ".anki2"
PINNED_SUFFIX: Final = ".pinned.anki2"
# In UTC.
NAME_FORMAT: Final = "collection-%Y%m%dT%H%M%S.%f"


def keep_replaced(folder: UserFolder, *, pinned: bool, keep: int) -> Path:
    """Keep the user's closed collection under a new name in `backups/` and return that path.

    Of those that are not pinned the newest `keep` stay.
    """
    folder.backups.mkdir(mode=PRIVATE_FOLDER_MODE, exist_ok=True)
    target = folder.backups / _name(datetime.now(timezone.utc), pinned=pinned)
    atomic_files.keep_as(folder.collection, target)
    _move_write_ahead_log(folder.collection, target)
    _remove_old(folder.backups, keep)
    return target


def newest_point(folder: UserFolder) -> datetime | None:
    """Return when the newest of the user's kept collections was made, None if there is none."""
    names = [path.name for path in folder.backups.glob(f"*{SUFFIX}")]
    moments = [moment for moment in map(_moment_in, names) if moment is not None]
    return max(moments, default=None)


def _moment_in(name: str) -> datetime | None:
    try:
        return datetime.strptime(name.split("Z", maxsplit=1)[0], NAME_FORMAT).replace(
            tzinfo=timezone.utc
        )
    except ValueError:
        return None  # put there by somebody else


def _name(now: datetime, *, pinned: bool) -> str:
    suffix = PINNED_SUFFIX if pinned else SUFFIX
    return f"{now:{NAME_FORMAT}}Z{suffix}"


def _move_write_ahead_log(collection: Path, backup: Path) -> None:
    """Keep the log of a collection too damaged to be opened, and so to be closed, with it.

    Beside the collection's replacement it would corrupt that.
    """
    write_ahead_log = collection.with_name(f"{collection.name}-wal")
    if write_ahead_log.exists():
        write_ahead_log.replace(backup.with_name(f"{backup.name}-wal"))


def _remove_old(backups: Path, keep: int) -> None:
    ordinary = sorted(
        path for path in backups.glob(f"*{SUFFIX}") if not path.name.endswith(PINNED_SUFFIX)
    )
    for path in ordinary[:-keep]:
        path.unlink()


def drop_unfinished(folder: UserFolder) -> None:
    """Drop the second name of a collection whose replacement a crash prevented.

    The collection would be changed in place under both names, and such a backup is none.
    """
    collection = folder.collection.stat()
    if collection.st_nlink == 1:
        return
    for backup in folder.backups.glob(f"*{SUFFIX}"):
        if backup.samefile(folder.collection):
            backup.unlink()
