"""The data root: whose are its files, who else may read them, is there room?"""

import os
import shlex
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from syncserver.collections import data_root_lock
from syncserver.control.checks.finding import Finding
from syncserver.errands.channel import SOCKET_NAME, ServerHangs

OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
OWNERS_FILE: Final = stat.S_IRUSR | stat.S_IWUSR
OWNERS_FOLDER: Final = stat.S_IRWXU
# An upload lies beside the collection that it replaces, and is copied while it is sent.
COPIES_NEEDED: Final = 3
LEAST_FREE_BYTES: Final = 100_000_000
LEAST_FREE_PART: Final = 20
LEAST_FREE_INODES: Final = 1000
MOST_NAMED: Final = 5
AS_THE_SERVER: Final = "run it as the user of the server: runuser -u NAME -- ./ctl.py check"


def out_of_reach(data_root: Path) -> Finding | None:
    """Return why nothing in the data root can be looked at, None if it can."""
    where = str(data_root)
    try:
        status = data_root.stat()
    except (FileNotFoundError, NotADirectoryError):
        remedy = "start the server, which makes it; or correct data_root"
        return Finding("error", where, "is missing", remedy)
    except PermissionError:
        return Finding("error", where, "this user may not look into it", AS_THE_SERVER)
    # Its own user, who may not either, is told how to mend that.
    if status.st_uid != os.geteuid() and not _may_use(data_root):
        return Finding("error", where, "this user may not look into it", AS_THE_SERVER)
    return None


def ownership(data_root: Path, *, deep: bool) -> Iterator[Finding]:
    """Yield files that the server cannot use, and what others may look at.

    `deep` looks at each file of each user too.
    """
    owner = _servers_user(data_root)
    if data_root.stat().st_uid != owner:
        yield _not_owned(data_root, owner)
    if data_root.stat().st_mode & OTHERS:
        problem = "other users of this computer may look into it"
        yield Finding("warning", str(data_root), problem, f"chmod 700 {_quoted(data_root)}")
    wrong = [path for path in _paths(data_root, deep=deep) if not _is_usable(path, owner)]
    for path in wrong[:MOST_NAMED]:
        yield _not_owned(path, owner)
    if len(wrong) > MOST_NAMED:
        problem = f"{len(wrong) - MOST_NAMED} more files are not the server's to read and write"
        yield Finding("error", str(data_root), problem, _take_all(data_root, owner))


def running_server(data_root: Path) -> Iterator[Finding]:
    """Yield what keeps `ctl.py` from a server that runs."""
    if data_root_lock.server(data_root) is not None and not (data_root / SOCKET_NAME).is_socket():
        problem = "the server runs, but its control socket is missing"
        yield Finding("error", SOCKET_NAME, problem, "restart the server: ctl.py restart")


def hanging_server(problem: ServerHangs) -> Finding:
    """Return that a server runs and says nothing, so that nobody's data could be looked at."""
    remedy = "look into the server's log, then restart it: ctl.py restart"
    return Finding("error", SOCKET_NAME, f"{problem}; nobody's data were looked at", remedy)


def space(data_root: Path) -> Iterator[Finding]:
    """Yield whether the disk is about to be full."""
    disk = os.statvfs(data_root)
    free, total = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    needed = max(LEAST_FREE_BYTES, COPIES_NEEDED * _largest_collection(data_root))
    remedy = "make room, or move data_root to a larger disk; a full disk refuses every sync"
    where = f"disk of {data_root}"
    if free < needed:
        problem = f"{_megabytes(free)} free; the next large upload needs {_megabytes(needed)}"
        yield Finding("error", where, problem, remedy)
    elif free < total // LEAST_FREE_PART:
        problem = f"{_megabytes(free)} of {_megabytes(total)} free"
        yield Finding("warning", where, problem, remedy)
    if disk.f_files and disk.f_favail < LEAST_FREE_INODES:
        problem = f"room for {disk.f_favail} more files only (inodes), whatever the bytes"
        yield Finding(
            "error", where, problem, "delete files that are not needed, or move data_root"
        )


def _may_use(folder: Path) -> bool:
    return os.access(folder, os.R_OK | os.W_OK | os.X_OK, effective_ids=True)


def _servers_user(data_root: Path) -> int:
    """Return the number of the user who runs the server, or who owns the data root."""
    pid = data_root_lock.server(data_root)
    if pid and pid != os.getpid():
        with suppress(OSError):  # it has ended just now, or is in another container
            return os.stat(f"/proc/{pid}").st_uid
    return data_root.stat().st_uid


def _paths(data_root: Path, *, deep: bool) -> Iterator[Path]:
    """Yield everything in the data root; of users' folders only the first level unless `deep`."""
    for folder, folders, files in os.walk(data_root):
        depth = len(Path(folder).relative_to(data_root).parts)
        yield from (Path(folder, name) for name in (*folders, *files))
        if not deep and depth >= 2:
            folders.clear()


def _is_usable(path: Path, owner: int) -> bool:
    try:
        status = path.stat()
    except FileNotFoundError:  # gone meanwhile
        return not path.is_symlink()
    except OSError:  # a link to itself, a broken disk
        return False
    needed = OWNERS_FOLDER if stat.S_ISDIR(status.st_mode) else OWNERS_FILE
    return status.st_uid == owner and status.st_mode & needed == needed


def _not_owned(path: Path, owner: int) -> Finding:
    problem = "is not the server's to read and write"
    return Finding("error", str(path), problem, _take_all(path, owner))


def _take_all(path: Path, owner: int) -> str:
    named = _quoted(path)
    return f"as root: chown -R {owner} {named} && chmod -R u+rwX {named}"


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


def _largest_collection(data_root: Path) -> int:
    return max(map(_size, (data_root / "users").glob("*/collection.anki2")), default=0)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # gone meanwhile
        return 0


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:,.0f} MB"
