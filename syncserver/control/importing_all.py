"""Import every user of another server, each whole or not at all, whatever happens to others."""

import secrets
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import typer

from syncserver.accounts.folder_names import BadUserName, folder_name, new_user_name
from syncserver.accounts.old_hashes import OldHash
from syncserver.accounts.passwords import BadPassword
from syncserver.accounts.users import UserExists
from syncserver.control.importing_one import Source, import_files
from syncserver.control.installation import Accounts, Installation, open_accounts
from syncserver.control.old_passwords import Secret, secrets_in
from syncserver.control.output import WRONG_USAGE, CommandFailed
from syncserver.control.purge import finish_purge
from syncserver.errands.channel import NoAnswer
from syncserver.errands.errand import ErrandFailed, in_words
from syncserver.errors import SyncServerError
from syncserver.moving.old_servers import NotMovable, OldUser, installation_in
from syncserver.moving.staging import MediaReport

# What may go wrong with one user and not with the next.
PROBLEMS_OF_ONE: Final = (
    BadPassword,
    BadUserName,
    CommandFailed,
    ErrandFailed,
    NoAnswer,
    NotMovable,
    OSError,
    SyncServerError,
    UserExists,
)

OLD, SET_ONE, UNCHANGED, GIVEN = "the old one", "none: ctl.py passwd", "unchanged", "as given"


def import_everybody(
    installation: Installation, folder: Path, passwords: Path | None, *, yes: bool
) -> list[dict[str, Any]]:
    """Import all users of the server whose folder this is, and tell what became of each.

    Raises NotMovable when there are none, CommandFailed when nobody allows what is replaced.
    """
    if folder.resolve().is_relative_to(installation.settings.data_root.resolve()):
        raise NotMovable(f"{folder} belongs to this server")
    everybody = installation_in(folder)
    secrets_of = secrets_in(everybody.auth_db) | secrets_in(passwords)
    with open_accounts(installation) as accounts:
        _confirm(installation, accounts, everybody.users, yes=yes)
        return [
            _import_one(installation, accounts, (name, files), secrets_of.get(name))
            for name, files in everybody.users.items()
        ]


def _import_one(
    installation: Installation,
    accounts: Accounts,
    old_user: tuple[str, OldUser | None],
    secret: Secret | None,
) -> dict[str, Any]:
    name, files = old_user
    done: dict[str, Any] = {
        "user": name,
        "notes": 0,
        "full_sync": False,
        "replaced": False,
        "media": asdict(MediaReport()),
        "password": UNCHANGED,
        "error": None,
    }
    try:
        user = accounts.users.find(name)
        normal = user.name if user else new_user_name(name)
        if user is None:
            finish_purge(installation, accounts.users, folder_name(normal))
        if files is not None:
            done |= import_files(
                installation, folder_name(normal), normal, Source(files, in_step=True)
            )
        if user is None:
            done["password"] = _add(accounts, name, secret)
    except PROBLEMS_OF_ONE as problem:
        done["error"] = in_words(problem)
    return done


def _add(accounts: Accounts, name: str, secret: Secret | None) -> str:
    """Add a user, and tell which password it has."""
    # Without one nobody knows the password.
    accounts.add(name, secret or secrets.token_urlsafe(32))
    if secret is None:
        return SET_ONE
    return OLD if isinstance(secret, OldHash) else GIVEN


def _confirm(
    installation: Installation, accounts: Accounts, names: Iterable[str], *, yes: bool
) -> None:
    present = [user for name in names if (user := accounts.users.find(name)) is not None]
    replaced = [user.name for user in present if installation.folder_of(user).collection.exists()]
    if yes or not replaced:
        return
    who = ", ".join(replaced)
    if not sys.stdin.isatty():
        text = f"these users have a collection here already, --yes replaces it: {who}"
        raise CommandFailed(text, WRONG_USAGE)
    if not typer.confirm(f"Replace the collections of {who}? They will be kept in the backups."):
        raise CommandFailed("nothing was imported")
