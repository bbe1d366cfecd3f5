"""The commands about syncs: log (what happened) and who (what is happening)."""

from dataclasses import asdict
from typing import Annotated, Any, Final

import typer

from syncserver.collections import data_root_lock
from syncserver.control.errands import run_errand
from syncserver.control.installation import (
    DEFAULT_CONFIG,
    ConfigOption,
    Installation,
    JsonOption,
    open_accounts,
    open_installation,
)
from syncserver.control.journal_words import in_words, objects_in_words
from syncserver.control.output import NOT_RUNNING, note, print_json, print_table
from syncserver.errands.channel import NoAnswer, ServerHangs
from syncserver.errands.errand import ErrandFailed

SHOWN: Final = 20

UserArgument = Annotated[str, typer.Argument(metavar="USER", help="The user's name.")]
LimitOption = Annotated[int, typer.Option("--limit", "-n", min=1, help="How many at most.")]


def log(
    user_name: UserArgument,
    limit: LimitOption = SHOWN,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Tell what a user's devices have synced, the newest first."""
    installation = open_installation(config)
    flush_journal(installation)
    with open_accounts(installation) as accounts:
        entries = accounts.journal.of_user(accounts.user(user_name), limit)
    if as_json:
        print_json([asdict(entry) for entry in entries])
        return
    columns = ("when", "device", "client", "what", "milliseconds")
    print_table(
        columns,
        [
            (entry.started_at, entry.device, entry.client, in_words(entry), entry.milliseconds)
            for entry in entries
        ],
    )


def who(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Tell who is syncing, and whose collection is open.

    The exit code is 3 when the server is not running.
    """
    installation = open_installation(config)
    if not is_running(installation):
        note("the server is not running")
        raise typer.Exit(NOT_RUNNING)
    seen = run_errand(installation, "who", "asking the server")
    with open_accounts(installation) as accounts:
        users = accounts.users.all_users()
    names: dict[Any, str] = {user.folder: user.name for user in users}
    names.update({user.id: user.name for user in users})
    for one in seen:
        one["user"] = names.get(one.pop("user_id") or one["folder"], one["folder"])
    if as_json:
        print_json(seen)
        return
    columns = ("user", "doing", "device", "client", "seconds", "silent for", "so far")
    print_table(columns, [_row(one) for one in seen])


def is_running(installation: Installation) -> bool:
    """Tell whether a server owns the data root."""
    return data_root_lock.server(installation.settings.data_root) is not None


def flush_journal(installation: Installation) -> None:
    """Have the running server write what its journal has not written yet."""
    if is_running(installation):
        try:
            run_errand(installation, "journal-flush", "asking the server")
        except ServerHangs as problem:
            note(f"the newest syncs may be missing: {problem}")
        except (NoAnswer, ErrandFailed):
            pass  # it is just starting or ending


def _row(one: dict[str, Any]) -> tuple[str, str, str, str, str, str, str]:
    so_far = [
        f"sent {objects_in_words(one['received'])}" if one.get("received") else "",
        f"got {objects_in_words(one['sent'])}" if one.get("sent") else "",
    ]
    return (
        one["user"],
        one["doing"],
        str(one["device"] or ""),
        one["client"],
        str(one["seconds"]),
        str(one["silent_seconds"]),
        "; ".join(filter(None, so_far)),
    )
