"""The command restore-offsite: a lost machine's accounts and collections come back from the store."""

from pathlib import Path
from typing import Any, Final

import typer
import zstandard

from syncserver.backups.offsite import Offsite
from syncserver.backups.offsite_accounts import accounts_file
from syncserver.backups.store_failures import StoreFailed
from syncserver.collections import atomic_files, data_root_lock
from syncserver.control.errands import run_errand
from syncserver.control.installation import (
    DEFAULT_CONFIG,
    ConfigOption,
    Installation,
    JsonOption,
    enter_data_root,
    open_accounts,
    open_installation,
)
from syncserver.control.operator import command_name
from syncserver.control.output import FAILED, CommandFailed, print_json, say
from syncserver.control.purge import offsite_copies

# What SQLite keeps beside a database that was not closed.
SIDE_FILES: Final = ("-wal", "-shm")


def restore_offsite(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Bring accounts, collections and media of a lost machine back from the off-site copies.

    For a new machine: accounts come only where there are none, collections only to those who have
    none. Repeat it if it was cut off. The exit code is 1 if somebody's could not be restored.
    """
    installation = open_installation(config)
    enter_data_root(installation.settings.data_root)
    copy = _restore_accounts(installation, offsite_copies(installation))
    with open_accounts(installation) as accounts:
        names = {user.folder: user.name for user in accounts.users.all_users()}
    results = run_errand(installation, "restore-copies", "restoring", folders=names)
    by_name = {names[folder]: result for folder, result in results.items()}
    if as_json:
        print_json({"accounts": copy, "users": by_name})
    else:
        say(f"accounts: those of {copy}" if copy else "accounts: those that are here")
        for name, result in by_name.items():
            say(f"{name}: {_words(result)}")
    if any(result["problem"] for result in by_name.values()):
        raise typer.Exit(FAILED)


def _restore_accounts(installation: Installation, offsite: Offsite) -> str | None:
    """Fetch the accounts if there are none here; return of when they are."""
    with open_accounts(installation) as accounts:
        if accounts.users.all_users():
            return None
    database = accounts_file(installation.settings)
    if database is None:
        raise CommandFailed("restore the account database with its own tools first")
    data_root = installation.settings.data_root
    data_root_lock.acquire(data_root, command_name())
    try:
        return _fetch_accounts(offsite, database)
    finally:
        data_root_lock.release(data_root)


def _fetch_accounts(offsite: Offsite, database: Path) -> str:
    try:
        with atomic_files.temporary_file(database.parent) as new:
            copy = offsite.accounts.fetch_newest(new)
            if copy is None:
                raise CommandFailed("there are no accounts in the store")
            for suffix in SIDE_FILES:
                database.with_name(f"{database.name}{suffix}").unlink(missing_ok=True)
            atomic_files.replace(new, database)
    except (StoreFailed, zstandard.ZstdError) as problem:
        raise CommandFailed(f"the accounts cannot be fetched: {problem}") from None
    return f"{copy.taken_at:%Y-%m-%d %H:%M} UTC"


def _words(result: dict[str, Any]) -> str:
    if result["problem"]:
        return f"FAILED: {result['problem']}"
    if result["snapshot"] is None:
        return "has a collection here" if result["present"] else "nothing is in the store"
    media = result["media"]
    missing = f", {len(media['missing'])} missing" if media["missing"] else ""
    files = media["unchanged"] + media["brought_back"]
    told = f"{files} media files{missing}" if result["media_known"] else "its media are not known"
    return f"{result['snapshot']}: {result['notes']} notes, {told}"
