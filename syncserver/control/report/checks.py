"""Quick checks: what can be told in a second, by yes or no."""

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from syncserver.collections import data_root_lock
from syncserver.control.addresses import answers_health
from syncserver.control.installation import Installation
from syncserver.settings import SettingsError

ENOUGH_BYTES: Final = 1_000_000_000
UNKNOWN: Final = "unknown: this user may not look"
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def quick_checks(installation: Installation, *, accounts_readable: bool) -> dict[str, bool | str]:
    """Return what is as it should be, what is not, and what this user may not look at."""
    root = installation.settings.data_root

    def is_running() -> bool:
        return data_root_lock.server(root) is not None

    def answers() -> bool:
        return is_running() and answers_health(installation.settings, installation.server)

    questions: Mapping[str, Callable[[], bool]] = {
        "data_root_exists": root.is_dir,
        "data_root_writable": lambda: os.access(root, os.W_OK | os.X_OK),
        "data_root_private": lambda: root.is_dir() and not root.stat().st_mode & OTHERS,
        "data_root_is_ours": lambda: root.is_dir() and root.stat().st_uid == os.geteuid(),
        "disk_has_room": lambda: _has_room(root),
        "accounts_readable": lambda: accounts_readable,
        "server_running": is_running,
        "server_answers": answers,
    }
    return {name: _answer(ask) for name, ask in questions.items()}


def _answer(ask: Callable[[], bool]) -> bool | str:
    try:
        return ask()
    except (PermissionError, SettingsError):
        return UNKNOWN


def _has_room(folder: Path) -> bool:
    try:
        status = os.statvfs(folder)
    except OSError:
        return False
    return status.f_bavail * status.f_frsize >= ENOUGH_BYTES and status.f_favail != 0
