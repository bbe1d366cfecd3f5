"""Warn people before a limit stops them: what they have is nearly as large as it may be."""

import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

import structlog

from syncserver import events
from syncserver.accounts.host_keys import Device
from syncserver.accounts.users import User
from syncserver.collections.folders import UserFolder
from syncserver.media.refusal import megabytes
from syncserver.services import Services

NEAR_PERCENT: Final = 95
REMEMBERED_PATHS: Final = 4096
COLLECTION: Final = "max_collection_bytes"
MEDIA: Final = "media_quota"
TEXTS: Final = {
    COLLECTION: "Your collection takes {used} of the {most} that this server accepts. Syncing goes on"
    " beyond that, but you could not upload the whole collection any more. Please ask whoever runs"
    " the server to raise the limit (max_collection_bytes).",
    MEDIA: "Your media take {used} of the {most} that this server allows. Beyond that no more can be"
    " added. Please remove some files, or ask whoever runs the server for more room (media_quota).",
}

log = structlog.get_logger()


def warning(services: Services, device: Device) -> str:
    """Return what `meta` tells the device of limits that are near; nothing most of the time."""
    told = []
    for limit, used, most in _near(services, device.user):
        if services.reminders.is_due(device.key_id, limit):
            log.warning(events.LIMIT_NEAR, limit=limit, used=used, most=most)
            told.append(TEXTS[limit].format(used=megabytes(used), most=megabytes(most)))
    return " ".join(told)


def note_seen(services: Services, device: Device) -> None:
    """Note that the device goes on after `meta`."""
    services.reminders.seen(device.key_id, COLLECTION, MEDIA)


def _near(services: Services, user: User) -> Iterator[tuple[str, int, int]]:
    settings, folder = services.settings_of(user), user.folder
    for limit, used, most in (
        (COLLECTION, _size_of_collection(services, folder), settings.max_collection_bytes),
        (MEDIA, services.media.library(folder).total_bytes or 0, settings.media_quota),
    ):
        if 0 < most * NEAR_PERCENT <= used * 100:
            yield limit, used, most


def _size_of_collection(services: Services, folder: str) -> int:
    try:
        return os.stat(_collection_path(services.settings.users_folder, folder)).st_size
    except FileNotFoundError:
        return 0


@lru_cache(REMEMBERED_PATHS)
def _collection_path(users_folder: Path, folder: str) -> str:
    # Putting it together took a fifth of the time of `meta`.
    return str(UserFolder(users_folder / folder).collection)
