"""The commands about restore points: backup, backups, restore and restore-drill."""

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Annotated, Any, Final

import typer

from syncserver.control.errands import run_errand
from syncserver.control.installation import (
    DEFAULT_CONFIG,
    ConfigOption,
    Installation,
    JsonOption,
    open_accounts,
    open_installation,
)
from syncserver.control.output import (
    FAILED,
    WRONG_USAGE,
    Cell,
    CommandFailed,
    note,
    print_json,
    print_table,
    say,
)

COLUMNS: Final = ("id", "taken", "reason", "bytes", "notes", "reviews", "media", "state")
# Missing media are named one by one up to this many.
MOST_NAMES: Final = 20
MEDIA_UNKNOWN: Final = (
    "the media were not recorded, as their index cannot be read: ctl.py check says what to do"
)

UserArgument = Annotated[str, typer.Argument(metavar="USER", help="The user's name.")]
OptionalUser = Annotated[str | None, typer.Argument(metavar="[USER]", help="The user's name.")]


def backup(
    user_name: OptionalUser = None,
    everybody: Annotated[bool, typer.Option("--all", help="Of every user.")] = False,
    pin: Annotated[bool, typer.Option("--pin", help="Never remove it automatically.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Take a restore point of a user, or of all, now.

    The exit code is 1 if one of them could not be taken.
    """
    installation = open_installation(config)
    names = _chosen(installation, user_name, everybody=everybody)
    results = _by_name(
        names,
        run_errand(installation, "backup", "taking restore points", folders=list(names), pin=pin),
    )
    if as_json:
        print_json(results)
    else:
        for name, result in results.items():
            say(f"{name}: {_taken(result)}")
    _exit_if_any_failed(results)


def backups(
    user_name: UserArgument,
    offsite: Annotated[bool, typer.Option("--offsite", help="The copies in the store.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """List the restore points of a user, the newest first."""
    installation = open_installation(config)
    (folder,) = _chosen(installation, user_name, everybody=False)
    points = run_errand(installation, "backups", "looking", folder=folder, offsite=offsite)
    for point in points:
        point["taken_at"] = datetime.fromtimestamp(point["taken_at"], timezone.utc)
    if as_json:
        print_json(points)
    else:
        print_table(COLUMNS, [_row(point) for point in points])


def restore(
    user_name: UserArgument,
    snapshot: Annotated[
        str, typer.Argument(metavar="SNAPSHOT", help="An id, its beginning, or 'newest'.")
    ],
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Put a restore point in the place of a user's collection.

    The present collection becomes a restore point first. Every device of the user then asks for a
    direction at its next sync: choose Download.
    """
    installation = open_installation(config)
    ((folder, name),) = _chosen(installation, user_name, everybody=False).items()
    restored = run_errand(
        installation, "restore", "restoring", user=name, folder=folder, snapshot=snapshot
    )
    if as_json:
        print_json(restored)
        return
    say(
        f"restored {restored['snapshot']}: {restored['notes']} notes, {restored['reviews']} reviews"
    )
    if not restored["media_known"]:
        note("the media of that time were not recorded: those that are here stay as they are")
    _tell_media(restored["media"])
    say("At its next sync each device asks for a direction: choose Download.")


def restore_drill(
    user_name: OptionalUser = None,
    everybody: Annotated[bool, typer.Option("--all", help="Of every user.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Restore the newest restore point of a user, or of all, into a scratch folder, and check it.

    Nothing that is in use is touched. The exit code is 1 if one of them does not pass.
    """
    installation = open_installation(config)
    names = _chosen(installation, user_name, everybody=everybody or user_name is None)
    results = _by_name(
        names,
        run_errand(
            installation, "restore-drill", "restoring into a scratch folder", folders=list(names)
        ),
    )
    if as_json:
        print_json(results)
    else:
        for name, result in results.items():
            say(f"{name}: {_drilled(result)}")
    _exit_if_any_failed(results)


def _chosen(
    installation: Installation, user_name: str | None, *, everybody: bool
) -> dict[str, str]:
    """Return the names of one user, or of all, by their folders."""
    if (user_name is None) is not everybody:
        raise CommandFailed("name one user, or say --all", WRONG_USAGE)
    with open_accounts(installation) as accounts:
        users = [accounts.user(user_name)] if user_name else accounts.users.all_users()
    return {user.folder: user.name for user in users}


def _by_name(names: dict[str, str], results: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {names[folder]: result for folder, result in results.items()}


def _exit_if_any_failed(results: dict[str, dict[str, Any]]) -> None:
    if any(result["problem"] for result in results.values()):
        raise typer.Exit(FAILED)


def _taken(result: dict[str, Any]) -> str:
    if result["problem"]:
        return f"no restore point: {result['problem']}"
    if result["snapshot"] is not None:
        told = f"{result['snapshot']} ({result['notes']} notes, {result['stored_bytes']} bytes)"
        told += ", unchanged since then, is pinned" if result["unchanged"] else ""
    else:
        told = "unchanged since the newest restore point" if result["unchanged"] else "empty"
    return told if result.get("media_known", True) else f"{told}; {MEDIA_UNKNOWN}"


def _drilled(result: dict[str, Any]) -> str:
    if result["problem"]:
        return f"FAILED: {result['problem']}"
    if result["snapshot"] is None:
        return "there is no restore point"
    counts = f"{result['notes']} notes, {result['cards']} cards, {result['reviews']} reviews"
    media = "its media were not recorded"
    if result["media"] is not None:
        media = f"{result['media']} media files, {result['media_missing']} of them missing now"
    return f"{result['snapshot']} can be restored: {counts}, {media}"


def _row(point: dict[str, Any]) -> Sequence[Cell]:
    state = [word for word in ("pinned", "offsite") if point[word]]
    if not point["sound"]:
        state.append("not checked yet" if point["sound"] is None else "damaged")
    counts = (point[name] for name in ("stored_bytes", "notes", "reviews", "media_files"))
    numbers = ("?" if count is None else count for count in counts)
    return (point["snapshot"], point["taken_at"], point["reason"], *numbers, ", ".join(state))


def _tell_media(media: dict[str, Any]) -> None:
    if media["unchanged"] or media["brought_back"]:
        say(f"media: {media['unchanged']} as they were, {media['brought_back']} brought back")
    for name in media["missing"][:MOST_NAMES]:
        note(f"missing: {name}")
    if len(media["missing"]) > MOST_NAMES:
        note(f"and {len(media['missing']) - MOST_NAMES} more are missing")
    if media["problem"]:
        note(f"not all media were brought back: {media['problem']}; restore once more after that")
