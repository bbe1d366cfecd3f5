"""The command about what one user may have and ask for: limit."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Final

import typer
from pydantic import ByteSize, TypeAdapter, ValidationError

from syncserver.accounts.users import User
from syncserver.control.disk_use import DiskUse
from syncserver.control.installation import (
    DEFAULT_CONFIG,
    ConfigOption,
    Installation,
    JsonOption,
    open_accounts,
    open_installation,
)
from syncserver.control.output import WRONG_USAGE, CommandFailed, print_json, print_table
from syncserver.media.refusal import megabytes

# What is typed to have what the settings say again.
DEFAULT: Final = "default"
# What their columns hold.
MOST_BYTES: Final = 2**63 - 1
MOST_REQUESTS: Final = 2**31 - 1

COLLECTION: Final = "max_collection_bytes"
MEDIA: Final = "media_quota"
REQUESTS: Final = "requests_per_user"


def limit(
    user_name: Annotated[str, typer.Argument(metavar="USER", help="The user's name.")],
    collection: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Largest collection to upload: 500MB, or 'default'."),
    ] = None,
    media: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="All media: 2GB, 0 for no limit, or 'default'."),
    ] = None,
    requests: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBER",
            help="Requests within request_window: a number, 0 for no limit, or 'default'.",
        ),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Show the limits of a user, and set those that are named.

    They hold within a second, in the place of what the settings say for everybody.
    """
    installation = open_installation(config)
    typed = {COLLECTION: collection, MEDIA: media, REQUESTS: requests}
    changes = {name: _parsed(name, text) for name, text in typed.items() if text is not None}
    with open_accounts(installation) as accounts:
        if changes:
            user = accounts.users.set_limits(user_name, changes)
        else:
            user = accounts.user(user_name)
    _show(installation, user, as_json=as_json)


def _parsed(name: str, text: str) -> int | None:
    """Return the number that was typed, None for that of the settings. Raises CommandFailed."""
    if text == DEFAULT:
        return None
    least, most = (0, MOST_REQUESTS) if name == REQUESTS else (0, MOST_BYTES)
    if name == COLLECTION:
        least = 1  # there is no such thing as no limit
    try:
        number = TypeAdapter(int if name == REQUESTS else ByteSize).validate_python(text)
    except ValidationError:
        number = -1
    if not least <= number <= most:
        like = "20000" if name == REQUESTS else "500MB"
        raise CommandFailed(
            f"{text!r} is no limit; it looks like {like}, or {DEFAULT} for what the settings say",
            WRONG_USAGE,
        )
    return int(number)


def _show(installation: Installation, user: User, *, as_json: bool) -> None:
    use = DiskUse()
    use.add(installation.folder_of(user))
    in_use = {COLLECTION: use.collection_bytes, MEDIA: use.media_bytes, REQUESTS: None}
    own: Mapping[str, int | None] = asdict(user.limits)
    document: dict[str, Any] = {
        name: {"own": own[name], "default": getattr(installation.settings, name), "in_use": used}
        for name, used in in_use.items()
    }
    if as_json:
        print_json({"name": user.name, **document})
        return
    columns = ("limit", "of this user", "of everybody", "in use")
    print_table(columns, [_row(name, **numbers) for name, numbers in document.items()])


def _row(name: str, own: int | None, default: int, in_use: int | None) -> tuple[str, str, str, str]:
    return (
        name,
        DEFAULT if own is None else _in_words(name, own),
        _in_words(name, default),
        "" if in_use is None else megabytes(in_use),
    )


def _in_words(name: str, number: int) -> str:
    if not number:
        return "no limit"
    return f"{number:,}" if name == REQUESTS else megabytes(number)
