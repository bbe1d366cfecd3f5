"""The commands about tokens, with which programs use the API: token add, ls and revoke."""

import re
from datetime import datetime, timedelta, timezone
from typing import Annotated, Any, Final

import typer

from syncserver.accounts.api_tokens import ApiToken
from syncserver.accounts.scopes import Scope
from syncserver.accounts.tables import LARGEST_ID
from syncserver.control.installation import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    open_accounts,
    open_installation,
)
from syncserver.control.output import (
    NO_SUCH_USER,
    WRONG_USAGE,
    CommandFailed,
    print_json,
    print_table,
    say,
)

program = typer.Typer(no_args_is_help=True, help="Manage the tokens of programs.")

DURATION: Final = re.compile(r"([1-9][0-9]{0,5})([hdw])")
HOURS: Final = {"h": 1, "d": 24, "w": 7 * 24}

UserArgument = Annotated[str, typer.Argument(metavar="USER", help="The user's name.")]


@program.command()
def add(
    user_name: UserArgument,
    name: Annotated[str, typer.Option(help="What the token is for.")] = "",
    scope: Annotated[Scope, typer.Option(help="What the token may do.")] = Scope.WRITE,
    expires: Annotated[
        str, typer.Option(metavar="WHEN", help="12h, 30d, 4w or a date such as 2027-01-31.")
    ] = "",
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Make a token for a program, and show it this once."""
    expires_at = parse_expiry(expires, datetime.now(timezone.utc)) if expires else None
    with open_accounts(open_installation(config)) as accounts:
        user = accounts.user(user_name)
        token = accounts.api_tokens.add(user, name, scope, expires_at)
        made = accounts.api_tokens.describe(token)
    if as_json:
        print_json({**_document(made), "token": token})
    else:
        say(token)


@program.command("ls")
def list_tokens(
    user_name: UserArgument, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False
) -> None:
    """List the tokens of a user.

    What a token is cannot be shown again.
    """
    with open_accounts(open_installation(config)) as accounts:
        tokens = [_document(one) for one in accounts.api_tokens.of_user(accounts.user(user_name))]
    if as_json:
        print_json(tokens)
    else:
        columns = ("id", "name", "scope", "made", "expires", "last used", "address")
        print_table(columns, [tuple(token.values()) for token in tokens])


@program.command()
def revoke(
    user_name: UserArgument,
    token_id: Annotated[
        int, typer.Argument(metavar="TOKEN", max=LARGEST_ID, help="The id that ls shows.")
    ],
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Revoke a token of a user."""
    with open_accounts(open_installation(config)) as accounts:
        user = accounts.user(user_name)
        if not accounts.api_tokens.revoke(user, token_id):
            raise CommandFailed(f"{user.name} has no token {token_id}", NO_SUCH_USER)
    if as_json:
        print_json({"name": user.name, "revoked": token_id})
    else:
        say(f"revoked token {token_id} of {user.name}")


def parse_expiry(text: str, now: datetime) -> datetime:
    """Return the moment that `text` names: a time from `now` on, or the end of a day in UTC.

    Raises CommandFailed when it is neither, or over already.
    """
    try:
        moment = _moment(text, now)
    except (ValueError, OverflowError):
        raise CommandFailed(
            f"{text!r} is neither a time such as 12h, 30d or 4w nor a date such as 2027-01-31",
            WRONG_USAGE,
        ) from None
    if moment <= now:
        raise CommandFailed(f"{text} is over already", WRONG_USAGE)
    return moment


def _moment(text: str, now: datetime) -> datetime:
    duration = DURATION.fullmatch(text)
    if duration:
        return now + timedelta(hours=int(duration[1]) * HOURS[duration[2]])
    day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=timezone.utc)
    return day + timedelta(days=1)


def _document(token: ApiToken) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.name,
        "scope": token.scope.value,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "last_used_at": token.last_used_at,
        "address": token.address,
    }
