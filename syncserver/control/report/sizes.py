"""How much the server holds, counted without opening a collection or naming anybody."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, func, select

from syncserver.accounts import tables
from syncserver.accounts.database import reading
from syncserver.collections.folders import UserFolder
from syncserver.collections.restore_points import readable_points

# Counting the files of a large installation on a slow disk is given up after this.
COUNT_SECONDS: Final = 15.0


def account_counts(engine: Engine) -> dict[str, int]:
    """Return how many users, devices and tokens there are. Raises ServerBusy."""
    counted = (tables.users, tables.host_keys, tables.api_tokens)
    with reading(engine) as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in counted
        }


def stored_sizes(users_folder: Path) -> dict[str, Any]:
    """Return the sizes of collections, media and backups, by the names of files alone."""
    deadline = time.monotonic() + COUNT_SECONDS
    folders = [UserFolder(path) for path in _below(users_folder) if path.is_dir()]
    collections = sorted(_size(folder.collection) for folder in folders)
    media = [_counted(folder.path / "media", deadline) for folder in folders]
    return {
        "folders": len(folders),
        "largest_collection_bytes": collections[-1] if collections else 0,
        "median_collection_bytes": collections[len(collections) // 2] if collections else 0,
        "most_media_files": max((files for files, _ in media), default=0),
        "media_files": sum(files for files, _ in media),
        "media_bytes": sum(size for _, size in media),
        "backups": sum(len(readable_points(folder)) for folder in folders),
        "backup_bytes": sum(_counted(folder.backups, deadline)[1] for folder in folders),
        "complete": time.monotonic() < deadline,
    }


def _below(folder: Path) -> Iterator[Path]:
    try:
        yield from folder.iterdir()
    except OSError:
        return


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _counted(folder: Path, deadline: float) -> tuple[int, int]:
    files, size = 0, 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if time.monotonic() > deadline:
                    break
                files, size = files + 1, size + entry.stat(follow_symlinks=False).st_size
    except OSError:
        pass  # none, or it goes just now
    return files, size
