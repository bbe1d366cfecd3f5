"""Errands about media: check them, list the trash, restore from it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from syncserver.errands.errand import ErrandFailed, Progress
from syncserver.media.check import check_media, fix_media
from syncserver.media.index import IndexUnusable
from syncserver.media.library import Library
from syncserver.media.trash import NotInTrash, trashed_files
from syncserver.media.trash import restore as restore_file
from syncserver.services import Services


def check(
    services: Services, arguments: Mapping[str, Any], progress: Progress
) -> dict[str, dict[str, Any]]:
    """Check the media in each of `folders`, mend them if `fix`; return the findings of each.

    Raises ErrandFailed for an index that cannot be read.
    """
    findings = {}
    for folder in arguments["folders"]:
        with _owned(services, folder) as library:
            total = library.index.counted_totals().files
            done = iter(range(1, total + 1))
            found = check_media(library, lambda: progress(next(done, total), total))  # noqa: B023
            if arguments["fix"]:
                fix_media(library, found)
        findings[folder] = {**asdict(found), "clean": found.clean, "files": total}
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
    with _owned(services, arguments["folder"]) as library:
        try:
            restored = restore_file(library, arguments["name"])
        except NotInTrash as problem:
            raise ErrandFailed(str(problem)) from None
    return {"name": restored.name, "size": restored.size}


@contextmanager
def _owned(services: Services, folder: str) -> Iterator[Library]:
    try:
        with services.media.owned(folder) as library:
            yield library
    except IndexUnusable as problem:
        raise ErrandFailed(str(problem)) from None
