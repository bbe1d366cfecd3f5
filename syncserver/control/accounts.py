"""The commands about users: adduser, deluser, lsuser, passwd and first-user."""

import sys
from typing import Annotated, Any

import typer

from syncserver.accounts.folder_names import folder_name, new_user_name
from syncserver.accounts.users import User
from syncserver.control.addresses import reaches_this_machine_only
from syncserver.control.installation import (
    DEFAULT_CONFIG,
    Accounts,
    ConfigOption,
    Installation,
    JsonOption,
    open_accounts,
    open_installation,
)
from syncserver.control.output import (
    WRONG_USAGE,
    CommandFailed,
    note,
    print_json,
    print_table,
    say,
)
from syncserver.control.passwords import (
    HashStdinOption,
    PasswordStdinOption,
    obtain_password,
    obtain_secret,
    readable_password,
)
from syncserver.control.purge import finish_purge, offsite_copies, purge_offsite

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]


def adduser(
    name: NameArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    password_stdin: PasswordStdinOption = False,
    password_hash_stdin: HashStdinOption = False,
    as_json: JsonOption = False,
) -> None:
    """Add a user, who can sync at once."""
    installation = open_installation(config)
    secret = obtain_secret(from_stdin=password_stdin, hash_from_stdin=password_hash_stdin)
    with open_accounts(installation) as accounts:
        # Or the new user's files would be removed in the place of an old one's.
        finish_purge(installation, accounts.users, folder_name(new_user_name(name)))
        user = accounts.add(name, secret)
    folder = installation.folder_of(user)
    if folder.collection.exists():
        note(f"{folder.path} holds a collection already: it will be used")
    if as_json:
        print_json({**_document(user), "has_collection": folder.collection.exists()})
    else:
        say(f"added user {user.name}")


def deluser(
    name: NameArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    purge: Annotated[bool, typer.Option("--purge", help="Remove the user's files too.")] = False,
    offsite: Annotated[
        bool, typer.Option("--offsite", help="With --purge: the off-site copies as well.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete a user and log the devices out.

    The files stay, for a user of the same name, unless --purge removes them.
    """
    if offsite and not purge:
        raise CommandFailed("--offsite needs --purge", WRONG_USAGE)
    installation = open_installation(config)
    copies = offsite_copies(installation) if offsite else None
    with open_accounts(installation) as accounts:
        user = accounts.user(name)
        if not yes:
            _make_sure(user, purge=purge)
        accounts.users.delete(user.name, purge=purge)
        if purge:
            finish_purge(installation, accounts.users, user.folder)
    folder = installation.folder_of(user).path
    if copies is not None:
        purge_offsite(copies, installation.folder_of(user))
    if as_json:
        print_json({**_document(user), "files_removed": purge, "copies_removed": offsite})
    else:
        say(f"deleted user {user.name}")
        if folder.exists():
            note(f"the files are still in {folder}")
        elif installation.settings.offsite_url and not offsite:
            note("copies of the restore points are still in the store (see --offsite)")


def lsuser(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List the users."""
    with open_accounts(open_installation(config)) as accounts:
        users = [_with_devices(accounts, user) for user in accounts.users.all_users()]
    if as_json:
        print_json(users)
    else:
        columns = ("name", "folder", "created", "devices", "last seen")
        print_table(columns, [tuple(user.values()) for user in users])


def passwd(
    name: NameArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    password_stdin: PasswordStdinOption = False,
    as_json: JsonOption = False,
) -> None:
    """Change a password and log the devices out."""
    installation = open_installation(config)
    with open_accounts(installation) as accounts:
        user = accounts.user(name)
        accounts.users.change_password(user.name, obtain_password(from_stdin=password_stdin))
    if as_json:
        print_json(_document(user))
    else:
        say(f"changed the password of {user.name}; all devices must log in again")


def first_user(
    config: ConfigOption = DEFAULT_CONFIG,
    name: Annotated[
        str, typer.Option(help="Its name; if there is no option first_user: anki.")
    ] = "",
) -> None:
    """Add a user if there is none, and say what to enter in Anki.

    The password is random, and shown once, unless the option first_password says it.
    """
    installation = open_installation(config)
    chosen = installation.server.first_password.get_secret_value()
    with open_accounts(installation) as accounts:
        users = accounts.users.all_users()
        password = chosen or readable_password()
        if not users:
            name = name or installation.server.first_user or "anki"
            users = [accounts.users.add(name, password)]
            shown = "(the option first_password)" if chosen else password
            say(f"Name:      {users[0].name}\nPassword:  {shown}")
        else:
            say(f"Users:     {len(users)} (ctl.py lsuser lists them, ctl.py adduser adds one)")
    _say_address(installation)


def _make_sure(user: User, *, purge: bool) -> None:
    if not sys.stdin.isatty():
        raise CommandFailed("no terminal to ask on: use --yes", WRONG_USAGE)
    files = "and all files of the user" if purge else "but keep the files"
    if not typer.confirm(f"Delete user {user.name!r} {files}?"):
        raise CommandFailed("nothing was deleted")


def _with_devices(accounts: Accounts, user: User) -> dict[str, Any]:
    keys = accounts.host_keys.of_user(user)
    seen = [key.last_used_at or key.created_at for key in keys]
    return {**_document(user), "devices": len(keys), "last_seen_at": max(seen, default=None)}


def _document(user: User) -> dict[str, Any]:
    return {"name": user.name, "folder": user.folder, "created_at": user.created_at}


def _say_address(installation: Installation) -> None:
    say(f"Sync URL:  {installation.url}")
    if reaches_this_machine_only(installation.settings, installation.server):
        note(
            f"Only this computer reaches it; for others set host = 0.0.0.0 in {installation.config}"
        )
