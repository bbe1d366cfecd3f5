"""The command about totals: stats."""

import shutil
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from syncserver.accounts.sync_journal import Total
from syncserver.control.disk_use import DiskUse, disk_use
from syncserver.control.installation import (
    DEFAULT_CONFIG,
    Accounts,
    ConfigOption,
    JsonOption,
    open_accounts,
    open_installation,
)
from syncserver.control.journal import flush_journal
from syncserver.control.journal_words import counted, in_words
from syncserver.control.output import print_json, print_table, say

SLOWEST_SHOWN: Final = 5
KINDS: Final = {
    "sync": ("sync", "syncs"),
    "media": ("media sync", "media syncs"),
    "upload": ("upload", "uploads"),
    "download": ("download", "downloads"),
}
UNITS: Final = ("bytes", "kB", "MB", "GB", "TB")


def stats(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Tell totals: users, syncs of the last day and week, disk use, the slowest syncs."""
    installation = open_installation(config)
    flush_journal(installation)
    now = datetime.now(timezone.utc)
    with open_accounts(installation) as accounts:
        users = accounts.users.all_users()
        devices = sum(len(accounts.host_keys.of_user(user)) for user in users)
        day, week = (_activity(accounts, now - timedelta(days=days)) for days in (1, 7))
        slowest = accounts.journal.slowest(now - timedelta(days=7), SLOWEST_SHOWN)
    use = disk_use(installation.settings.users_folder)
    disk = _disk(use, shutil.disk_usage(installation.settings.data_root).free)
    document = {
        "users": len(users),
        "devices": devices,
        "last_24_hours": day,
        "last_7_days": week,
        "disk": disk,
        "slowest": [asdict(entry) for entry in slowest],
    }
    if as_json:
        print_json(document)
        return
    of_users = counted(len(users), "user", "users")
    say(f"{of_users} with {counted(devices, 'device', 'devices')}")
    _say_activity("last 24 hours", day)
    _say_activity("last 7 days", week)
    _say_disk(disk)
    if slowest:
        say("\nThe slowest of the last 7 days:")
        columns = ("milliseconds", "user", "when", "what")
        rows = [(one.milliseconds, one.user, one.started_at, in_words(one)) for one in slowest]
        print_table(columns, rows)


def _activity(accounts: Accounts, since: datetime) -> dict[str, Any]:
    totals = accounts.journal.totals(since)
    return {
        "finished": {kind: _count(totals, kind) for kind in KINDS},
        "unfinished": sum(one.count for one in totals if one.outcome != "finished"),
        "bytes_in": sum(one.bytes_in for one in totals),
        "bytes_out": sum(one.bytes_out for one in totals),
        "by_outcome": [asdict(one) for one in totals],
    }


def _count(totals: Sequence[Total], kind: str) -> int:
    return sum(one.count for one in totals if (one.kind, one.outcome) == (kind, "finished"))


def _disk(use: DiskUse, free: int) -> dict[str, int]:
    return {
        "collections": use.collections,
        "collection_bytes": use.collection_bytes,
        "media_files": use.media_files,
        "media_bytes": use.media_bytes,
        "backups": use.backups,
        "backup_bytes": use.backup_bytes,
        "users_on_disk_bytes": use.on_disk,
        "free_bytes": free,
    }


def _say_activity(when: str, activity: dict[str, Any]) -> None:
    done = [counted(activity["finished"][kind], *words) for kind, words in KINDS.items()]
    say(
        f"{when}: {', '.join(done)}, {activity['unfinished']} not finished;"
        f" {readable(activity['bytes_in'])} in, {readable(activity['bytes_out'])} out"
    )


def _say_disk(disk: dict[str, int]) -> None:
    for count, size, one, several in (
        ("collections", "collection_bytes", "collection", "collections"),
        ("media_files", "media_bytes", "media file", "media files"),
        ("backups", "backup_bytes", "backup", "backups"),
    ):
        say(f"{counted(disk[count], one, several)}: {readable(disk[size])}")
    say(f"on disk: {readable(disk['users_on_disk_bytes'])}, free: {readable(disk['free_bytes'])}")


def readable(size: int) -> str:
    """Return a size in the unit in which it has at most three digits before the point."""
    value, unit = float(size), UNITS[0]
    for larger in UNITS[1:]:
        if round(value, 1) < 1000:  # as it will be told
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if unit == UNITS[0] else f"{value:.1f} {unit}"
