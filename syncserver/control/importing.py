"""The command import: collections of other servers and of Anki take the place of users' own."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from syncserver.accounts.folder_names import folder_name, new_user_name
from syncserver.control.importing_all import import_everybody
from syncserver.control.importing_one import Source, import_files, source_at
from syncserver.control.installation import (
    DEFAULT_CONFIG,
    Accounts,
    ConfigOption,
    Installation,
    JsonOption,
    open_accounts,
    open_installation,
)
from syncserver.control.old_passwords import Secret
from syncserver.control.output import (
    FAILED,
    NO_SUCH_USER,
    WRONG_USAGE,
    CommandFailed,
    note,
    print_json,
    print_table,
    say,
)
from syncserver.control.passwords import PasswordStdinOption, obtain_password
from syncserver.control.purge import finish_purge

LEFT_OUT = {
    "missing": "not there, though the old index knows it",
    "damaged": "empty, or not what the old index says",
    "impossible": "a name that no media file can have",
    "too_large": "larger than max_media_file_bytes",
}


def import_(  # noqa: PLR0913, PLR0917 - each is an option of the command line
    user_name: Annotated[
        str | None, typer.Argument(metavar="[USER]", help="The user's name.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="A folder of another server, .colpkg or .anki2."),
    ] = None,
    everybody: Annotated[
        Path | None,
        typer.Option("--all", metavar="FOLDER", help="Import every user of another server."),
    ] = None,
    passwords: Annotated[
        Path | None,
        typer.Option(help="The old server's auth.db, or lines like SYNC_USER1=name:password."),
    ] = None,
    password_stdin: PasswordStdinOption = False,
    create: Annotated[bool, typer.Option("--create", help="Add the user if need be.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Put a collection with its media in the place of a user's, which goes to the backups.

    FILE is a folder of the official server, of ankisyncd or anki-sync-server, or a package.
    """
    installation = open_installation(config)
    if everybody is not None and user_name is None:
        result = import_everybody(installation, everybody, passwords, yes=yes)
        _report_all(result, as_json=as_json)
        return
    if everybody is not None or user_name is None or file is None:
        raise CommandFailed("name a user and a file, or say --all FOLDER", WRONG_USAGE)
    source = source_at(installation, file, user_name, passwords)
    with open_accounts(installation) as accounts:
        user = accounts.users.find(user_name)
        if user is None:
            _make_sure_to_add(user_name, create=create)
            secret = source.secret or obtain_password(from_stdin=password_stdin)
            done = _import_new(installation, accounts, (user_name, secret), source)
        else:
            _confirm_replacing(installation, accounts, user_name, yes=yes)
            done = import_files(installation, user.folder, user.name, source)
    _report(done, as_json=as_json)


def _make_sure_to_add(name: str, *, create: bool) -> None:
    if create:
        return
    if not sys.stdin.isatty():
        raise CommandFailed(f"there is no user called {name!r}: --create adds one", NO_SUCH_USER)
    if not typer.confirm(f"There is no user called {name!r}. Add one?"):
        raise CommandFailed("nothing was imported")


def _import_new(
    installation: Installation, accounts: Accounts, new_user: tuple[str, Secret], source: Source
) -> dict[str, Any]:
    """Import the files, then add the user: no device can come before all is there."""
    name, secret = new_user
    normal = new_user_name(name)
    folder = folder_name(normal)
    # Or the new user's files would be removed in the place of an old one's.
    finish_purge(installation, accounts.users, folder)
    done = import_files(installation, folder, normal, source)
    accounts.add(normal, secret)
    return {**done, "created": True, "old_password": source.secret is not None}


def _confirm_replacing(
    installation: Installation, accounts: Accounts, name: str, *, yes: bool
) -> None:
    if yes or not installation.folder_of(accounts.user(name)).collection.exists():
        return
    if not sys.stdin.isatty():
        raise CommandFailed("no terminal to ask on: use --yes", WRONG_USAGE)
    if not typer.confirm(f"Replace the collection of {name!r}? It will be kept in the backups."):
        raise CommandFailed("nothing was imported")


def _report(done: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(done)
        return
    _note_left_out(done)
    media = done["media"]
    say(f"imported {done['notes']} notes and {media['files']} media files for {done['user']}")
    if done.get("old_password"):
        note("the password of the old server is valid here too")
    if done["full_sync"]:
        note("devices will ask for a direction at their next sync: choose Download")


def _report_all(done: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(done)
    else:
        for one in done:
            _note_left_out(one)
        columns = ("name", "notes", "media", "password", "result")
        print_table(columns, [_row(one) for one in done])
    if any(one["error"] for one in done):
        raise typer.Exit(FAILED)


def _row(one: dict[str, Any]) -> tuple[str | int, ...]:
    if one["error"]:
        return one["user"], "", "", "", f"failed: {one['error']}"
    media = one["media"]["files"] if one["media"] else 0
    return one["user"], one["notes"], media, one["password"], "imported"


def _note_left_out(done: dict[str, Any]) -> None:
    media = done["media"] or {}
    if media.get("strays"):
        note(f"{done['user']}: {media['strays']} media files were not in the old index; taken in")
    for kind, words in LEFT_OUT.items():
        for name in media.get(kind, ()):
            note(f"{done['user']}: {name}: left out: {words}")
