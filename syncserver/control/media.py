"""The commands about media: media check, media trash and media restore."""

from datetime import datetime, timezone
from typing import Annotated, Any

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
    CommandFailed,
    print_json,
    print_table,
    say,
)

UserArgument = Annotated[str, typer.Argument(metavar="USER", help="The user's name.")]
PROBLEMS = {
    "missing": "missing on disk",
    "wrong_content": "damaged",
    "stray": "not in the index",
}

program = typer.Typer(no_args_is_help=True, help="Look after media files.")


@program.command()
def check(
    user_name: Annotated[
        str | None, typer.Argument(metavar="[USER]", help="The user's name.")
    ] = None,
    everybody: Annotated[bool, typer.Option("--all", help="Check every user.")] = False,
    fix: Annotated[bool, typer.Option("--fix", help="Bring files and index in step.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Compare the media files of a user, or of all, with the index.

    The exit code is 1 if the media of a user could not be checked and, without --fix, if anything was
    found.
    """
    if (user_name is None) is not everybody:
        raise CommandFailed("name one user, or say --all", WRONG_USAGE)
    installation = open_installation(config)
    names = _folders(installation, user_name)
    found = run_errand(installation, "media-check", "checking media", folders=list(names), fix=fix)
    findings = {names[folder]: result for folder, result in found.items()}
    if as_json:
        print_json(findings)
    else:
        _print_findings(findings, fixed=fix)
    if any(found["problem"] or not (fix or found["clean"]) for found in findings.values()):
        raise typer.Exit(FAILED)


@program.command()
def trash(
    user_name: UserArgument, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False
) -> None:
    """List the media files of a user that were deleted or replaced."""
    installation = open_installation(config)
    (folder,) = _folders(installation, user_name)
    files = run_errand(installation, "media-trash", "looking into the trash", folder=folder)
    for file in files:
        file["since"] = datetime.fromtimestamp(file["since"], timezone.utc)
    if as_json:
        print_json(files)
    else:
        print_table(("name", "in the trash since", "bytes"), [tuple(f.values()) for f in files])


@program.command()
def restore(
    user_name: UserArgument,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The file's name.")],
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Put the newest version of a file in the trash back; all devices get it."""
    installation = open_installation(config)
    (folder,) = _folders(installation, user_name)
    restored = run_errand(installation, "media-restore", "restoring", folder=folder, name=name)
    if as_json:
        print_json(restored)
    else:
        say(f"restored {restored['name']} ({restored['size']} bytes)")


def _folders(installation: Installation, user_name: str | None) -> dict[str, str]:
    """Return the names of one user, or of all, by their folders."""
    with open_accounts(installation) as accounts:
        users = [accounts.user(user_name)] if user_name else accounts.users.all_users()
    return {user.folder: user.name for user in users}


def _print_findings(findings: dict[str, dict[str, Any]], *, fixed: bool) -> None:
    for name, found in findings.items():
        if found["problem"]:
            say(f"{name}: not checked: {found['problem']}")
            continue
        for kind, words in PROBLEMS.items():
            for file in found[kind]:
                say(f"{name}: {file}: {words}")
        if found["wrong_totals"]:
            say(f"{name}: the index's totals are wrong")
        verdict = "clean" if found["clean"] else "mended" if fixed else "not clean; see --fix"
        say(f"{name}: {found['files']} files, {verdict}")
