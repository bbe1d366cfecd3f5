"""The errand of `ctl.py check`: each user's collection, media and backups, without ending a sync."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from syncserver.backups.drill import drill
from syncserver.collections import atomic_files
from syncserver.collections.folders import UserFolder
from syncserver.collections.libanki_errors import CollectionDamaged
from syncserver.collections.workshop import workshop
from syncserver.errands.errand import Progress
from syncserver.errors import DiskFull, ServerBusy, SyncConflict
from syncserver.media.check import Findings, check_media
from syncserver.media.index import IndexUnusable
from syncserver.media.library import Library
from syncserver.services import Services
from syncserver.sync.collection_check import (
    RESTORE,
    Problem,
    problems_of_copy,
)

LATER: Final = "check again later"
OLDER_POINT: Final = "use an older one if you need to restore; check the disk"
UNREADABLE: Final = (
    "check the disk (dmesg, smartctl) and whose the file is; bring it back from a backup"
)
MAKE_ROOM: Final = "make room on the disk; a copy of each collection is needed to check it"
MEDIA_REMEDIES: Final = {
    "missing": "ctl.py media check {user} --fix, after which devices that have them send them again",
    "wrong_content": "ctl.py media check {user} --fix; check the disk",
    "stray": "ctl.py media check {user} --fix, which takes them in",
    "wrong_totals": "ctl.py media check {user} --fix",
}
MEDIA_WORDS: Final = {
    "missing": "files are missing",
    "wrong_content": "files are damaged",
    "stray": "files are not in the index",
}


def check(
    services: Services, arguments: Mapping[str, Any], progress: Progress
) -> dict[str, list[dict[str, str]]]:
    """Check what each of `folders` holds; return the problems of each.

    `quick` reads no file from its beginning to its end. Never takes a sync over.
    """
    folders, quick = arguments["folders"], arguments["quick"]
    found = {}
    for number, folder in enumerate(folders):
        problems: list[Problem] = []
        for step, part in enumerate(PARTS):
            progress(number * len(PARTS) + step, len(folders) * len(PARTS))
            problems += _looked_at(services, folder, part, quick=quick)
        found[folder] = [asdict(problem) for problem in problems]
    progress(len(folders) * len(PARTS), len(folders) * len(PARTS))
    return found


def _looked_at(services: Services, folder: str, part: str, *, quick: bool) -> list[Problem]:
    """Look at one part; what cannot be read is a problem too, and keeps nobody else unchecked."""
    try:
        return PARTS[part](services, folder, quick)
    except FileNotFoundError:
        if not (services.settings.users_folder / folder).exists():
            return []  # the user was deleted meanwhile
        return [Problem("warning", f"{part} not checked: files went away meanwhile", LATER)]
    except (OSError, sqlite3.Error) as problem:
        return [Problem("error", f"{part} not checked: {problem}", UNREADABLE)]


def _collection(services: Services, folder: str, quick: bool) -> list[Problem]:
    user = UserFolder(services.settings.users_folder / folder)
    if not user.collection.exists():
        return []
    try:
        if quick:
            services.collections.committed(folder)
            return []
        return _problems(services, user)
    except CollectionDamaged as problem:
        return [Problem("error", f"cannot be opened: {problem}", RESTORE)]
    except SyncConflict:
        return [Problem("warning", "not checked: a device is syncing", LATER)]
    except DiskFull:
        return [Problem("error", "not checked: no room for a copy", MAKE_ROOM)]


def _problems(services: Services, user: UserFolder) -> list[Problem]:
    """Read the whole collection, in a copy that is made between two syncs."""
    with workshop(user) as private:
        copy = private / user.collection.name
        with services.collections.borrow(user.path.name) as lease:
            lease.close_collection()
            _copy_with_log(user.collection, copy)
        problems = problems_of_copy(copy)
    if any(problem.remedy == RESTORE for problem in problems):
        # The user is told, too, at the next sync.
        with services.collections.borrow(user.path.name) as lease:
            lease.note_damage(problems[0].what)
    return problems


def _media(services: Services, folder: str, quick: bool) -> list[Problem]:
    if not services.media.library(folder).has_index():
        return []
    try:
        with services.media.owned(folder) as library:
            found = _quick_look(library) if quick else check_media(library)
    except IndexUnusable as problem:
        remedy = (
            "bring media.db back from a backup, or move it away and let a device send all again"
        )
        return [Problem("error", f"the index of the media cannot be used: {problem}", remedy)]
    except ServerBusy:
        return [Problem("warning", "media not checked: they are in use", LATER)]
    return list(_media_problems(found))


def _quick_look(library: Library) -> Findings:
    """Return which files are missing or of another size, without reading them."""
    found = Findings()
    for entry in library.index.existing():
        path = library.folder.files / entry.name
        if not path.is_file():
            found.missing.append(entry.name)
        elif path.stat().st_size != entry.size:
            found.wrong_content.append(entry.name)
    found.wrong_totals = library.index.totals() != library.index.counted_totals()
    return found


def _media_problems(found: Findings) -> Iterator[Problem]:
    for kind, words in MEDIA_WORDS.items():
        names = getattr(found, kind)
        if names:
            what = f"{len(names)} media {words}, such as {names[0]!r}"
            severity = "warning" if kind == "stray" else "error"
            yield Problem(severity, what, MEDIA_REMEDIES[kind])
    if found.wrong_totals:
        yield Problem(
            "error", "the totals of the media index are wrong", MEDIA_REMEDIES["wrong_totals"]
        )


def _backup(services: Services, folder: str, quick: bool) -> list[Problem]:
    """Look whether the newest restore point could be restored."""
    points = services.restore_points.points(folder) if not quick else []
    if not points or points[-1].path.with_name(f"{points[-1].path.name}-wal").exists():
        return []  # one with a log was too damaged to be closed, and was kept for that
    try:
        drilled = drill(services.restore_points, folder, lambda: None)
    except DiskFull:
        return [Problem("error", "newest restore point not checked: no room for it", MAKE_ROOM)]
    except ServerBusy:
        return [Problem("warning", "newest restore point not checked: it is in use", LATER)]
    if drilled.problem is None:
        return []
    what = f"the newest restore point ({drilled.snapshot}): {drilled.problem}"
    return [Problem("warning", what, OLDER_POINT)]


def _copy_with_log(collection: Path, copy: Path) -> None:
    """Copy a closed collection; a log that lies beside it is what a crash has left."""
    atomic_files.copy(collection, copy)
    log = collection.with_name(f"{collection.name}-wal")
    if log.exists():
        atomic_files.copy(log, copy.with_name(f"{copy.name}-wal"))


# What of each user is looked at, by what it is called in a finding.
PARTS: Final[Mapping[str, Callable[[Services, str, bool], list[Problem]]]] = {
    "collection": _collection,
    "media": _media,
    "newest restore point": _backup,
}
