"""Errands about media: check them, list the trash, restore from it."""

import sqlite3
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from syncserver.errands.errand import ErrandFailed, Progress, in_words
from syncserver.errors import SyncServerError
from syncserver.media.check import check_media, fix_media
from syncserver.media.index import IndexUnusable
from syncserver.media.trash import NotInTrash, trashed_files
from syncserver.media.trash import restore as restore_file
from syncserver.services import Services


def check(
    services: Services, arguments: Mapping[str, Any], progress: Progress
) -> dict[str, dict[str, Any]]:
    """Check the media in each of `folders`, mend them if `fix`; return the findings of each.

    What keeps the media of one from being checked is its `problem` and does not concern the others.
    """
    findings = {}
    for folder in arguments["folders"]:
        try:
            findings[folder] = _checked(services, folder, progress, fix=arguments["fix"])
        except (IndexUnusable, SyncServerError, OSError, sqlite3.Error) as problem:
            findings[folder] = {"problem": in_words(problem), "clean": False}
    return findings


def trash(
    services: Services, arguments: Mapping[str, Any], _progress: Progress
) -> list[dict[str, Any]]:
    """Return what is in the trash of `folder`, the newest first; `since` is seconds since 1970."""
    media = services.media.library(arguments["folder"]).folder
    return [
        {"name": file.name, "since": int(file.since.timestamp()), "size": file.size}
        for file in trashed_files(media)
    ]


def restore(
    services: Services, arguments: Mapping[str, Any], _progress: Progress
) -> dict[str, Any]:
    """Put the newest trashed version of `name` back for the user of `folder`."""
    try:
        with services.media.owned(arguments["folder"]) as library:
            restored = restore_file(library, arguments["name"])
    except (IndexUnusable, NotInTrash) as problem:
        raise ErrandFailed(str(problem)) from None
    return {"name": restored.name, "size": restored.size}


def _checked(services: Services, folder: str, progress: Progress, *, fix: bool) -> dict[str, Any]:
    with services.media.owned(folder) as library:
        total = library.index.counted_totals().files
        done = iter(range(1, total + 1))
        found = check_media(library, lambda: progress(next(done, total), total))
        if fix:
            fix_media(library, found)
    return {"problem": None, **asdict(found), "clean": found.clean, "files": total}
