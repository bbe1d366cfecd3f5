"""The trash on disk: one folder for each change, whose name begins with when it was made."""

import os
import secrets
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

from syncserver.collections.folders import PRIVATE_FOLDER_MODE
from syncserver.media.folders import MediaFolder
from syncserver.media.names import is_possible_name

STAMP_FORMAT: Final = "%Y%m%dT%H%M%S.%f"
STAMP_END: Final = "Z-"


def new_folder_name() -> str:
    """Return the name of a folder for what is thrown away now."""
    now = datetime.now(timezone.utc)
    return f"{now.strftime(STAMP_FORMAT)}{STAMP_END}{secrets.token_hex(4)}"


def make_folder(media: MediaFolder, name: str) -> Path:
    """Return the folder of this name, made if need be."""
    folder = media.trash / name
    folder.mkdir(mode=PRIVATE_FOLDER_MODE, exist_ok=True)
    return folder


def throw_away(media: MediaFolder, name: str) -> None:
    """Move a file to the trash, if it is there."""
    if not is_possible_name(name):
        return  # an index that moved in may say anything
    folder = make_folder(media, new_folder_name())
    with suppress(FileNotFoundError):
        os.replace(media.files / name, folder / name)
        return
    folder.rmdir()


def folders(media: MediaFolder) -> list[tuple[Path, datetime]]:
    """Return the folders of a user's trash and when each was made (UTC)."""
    if not media.trash.exists():
        return []
    found = [(folder, _made_at(folder)) for folder in media.trash.iterdir()]
    return [(folder, made_at) for folder, made_at in found if made_at is not None]


def _made_at(folder: Path) -> datetime | None:
    stamp = folder.name.partition(STAMP_END)[0]
    try:
        return datetime.strptime(stamp, STAMP_FORMAT).replace(tzinfo=timezone.utc)
    except ValueError:
        return None  # not a folder of ours
