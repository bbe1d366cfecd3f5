"""Quick checks: what can be told in a second, by yes or no."""

import os
import stat
from pathlib import Path
from typing import Final

from syncserver.collections import data_root_lock
from syncserver.control.addresses import answers_health
from syncserver.control.installation import Installation

ENOUGH_BYTES: Final = 1_000_000_000
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def quick_checks(installation: Installation, *, accounts_readable: bool) -> dict[str, bool]:
    """Return what is as it should be, and what is not."""
    root = installation.settings.data_root
    running = data_root_lock.owner(root) is not None
    return {
        "data_root_exists": root.is_dir(),
        "data_root_writable": os.access(root, os.W_OK | os.X_OK),
        "data_root_private": root.is_dir() and not root.stat().st_mode & OTHERS,
        "data_root_is_ours": root.is_dir() and root.stat().st_uid == os.geteuid(),
        "disk_has_room": _has_room(root),
        "accounts_readable": accounts_readable,
        "server_running": running,
        "server_answers": running and answers_health(installation.settings, installation.server),
    }


def _has_room(folder: Path) -> bool:
    try:
        status = os.statvfs(folder)
    except OSError:
        return False
    return status.f_bavail * status.f_frsize >= ENOUGH_BYTES and status.f_favail != 0
