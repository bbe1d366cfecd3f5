"""The commands about devices that are logged in: lskeys and revoke."""

from typing import Annotated, Any

import typer

from syncserver.accounts.host_keys import HostKey
from syncserver.accounts.tables import LARGEST_ID
from syncserver.control.installation import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    open_accounts,
    open_installation,
)
from syncserver.control.output import NO_SUCH_USER, CommandFailed, print_json, print_table, say

UserArgument = Annotated[str, typer.Argument(metavar="USER", help="The user's name.")]
KeyArgument = Annotated[
    int | None,
    typer.Argument(metavar="[KEY]", max=LARGEST_ID, help="The number that lskeys shows."),
]


def lskeys(
    user_name: UserArgument, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False
) -> None:
    """List the devices that are logged in as a user.

    Each login has a key of its own.
    """
    with open_accounts(open_installation(config)) as accounts:
        keys = [_document(key) for key in accounts.host_keys.of_user(accounts.user(user_name))]
    if as_json:
        print_json(keys)
    else:
        columns = ("key", "client", "logged in", "last used", "address")
        print_table(columns, [tuple(key.values()) for key in keys])


def revoke(
    user_name: UserArgument,
    key: KeyArgument = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Log one device of a user out, or all of them."""
    with open_accounts(open_installation(config)) as accounts:
        user = accounts.user(user_name)
        revoked = accounts.host_keys.revoke(user, key)
    if key is not None and not revoked:
        raise CommandFailed(f"{user.name} has no key {key}", NO_SUCH_USER)
    if as_json:
        print_json({"name": user.name, "revoked": revoked})
    else:
        say(f"revoked {revoked} key{'' if revoked == 1 else 's'} of {user.name}")


def _document(key: HostKey) -> dict[str, Any]:
    return {
        "key": key.id,
        "client_version": key.client_version,
        "created_at": key.created_at,
        "last_used_at": key.last_used_at,
        "address": key.address,
    }
