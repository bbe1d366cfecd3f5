"""Which errands there are."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from syncserver.errands import (
    backup_errands,
    check_errands,
    media_errands,
    monitoring_errands,
    workshops,
)
from syncserver.errands.errand import ErrandFailed, Progress, Talk
from syncserver.services import Services

__all__ = ["ERRANDS", "TALKS", "ErrandFailed", "Progress"]

Errand = Callable[[Services, Mapping[str, Any], Progress], Any]
BeginTalk = Callable[[Services, Mapping[str, Any]], Talk]

ERRANDS: Final[dict[str, Errand]] = {
    "backup": backup_errands.backup,
    "backups": backup_errands.snapshots,
    "restore": backup_errands.restore,
    "restore-copies": backup_errands.restore_copies,
    "restore-drill": backup_errands.drill,
    "check": check_errands.check,
    "media-check": media_errands.check,
    "media-trash": media_errands.trash,
    "media-restore": media_errands.restore,
    "who": monitoring_errands.who,
    "journal-flush": monitoring_errands.flush_journal,
}

# Errands in several steps.
TALKS: Final[dict[str, BeginTalk]] = {
    "lend": workshops.lend,
    "edit": workshops.edit,
    "receive": workshops.receive,
}
