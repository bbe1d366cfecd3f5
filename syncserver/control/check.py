"""The command `check`: look everything over, and say what to do about what is found."""

import os
import shlex
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from syncserver.accounts.users import User
from syncserver.collections import data_root_lock
from syncserver.control.checks import accounts, clock, configuration, files
from syncserver.control.checks.finding import Finding
from syncserver.control.errands import run_errand
from syncserver.control.installation import (
    DEFAULT_CONFIG,
    ConfigOption,
    Installation,
    JsonOption,
    is_there,
    open_installation,
)
from syncserver.control.output import FAILED, NO_SUCH_USER, CommandFailed, print_json, say
from syncserver.errands.channel import NoAnswer, ServerHangs
from syncserver.errands.errand import ErrandFailed


def check(
    user_name: Annotated[
        str | None, typer.Argument(metavar="[USER]", help="Look at this user's data only.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Read no file from its beginning to its end.")
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Check configuration, files, disk, accounts, and each user's collection, media and backups.

    Works while the server runs, and never ends anybody's sync. The exit code is 1 if anything was
    found.
    """
    findings, users = _all_findings(config, user_name, quick=quick)
    if as_json:
        clean = not any(finding.counts for finding in findings)
        print_json({"clean": clean, "users": users, "findings": [asdict(one) for one in findings]})
    else:
        _print(findings, users)
    if any(finding.counts for finding in findings):
        raise typer.Exit(FAILED)


def _all_findings(config: Path, user_name: str | None, *, quick: bool) -> tuple[list[Finding], int]:
    """Return what was found, and of how many users the data were looked at."""
    if is_there(config) and (unusable := configuration.unusable(config)):
        return unusable, 0  # all the rest depends on it
    installation = open_installation(config)
    settings = installation.settings
    findings = list(configuration.inconsistent(config, settings, installation.server, os.environ))
    if out_of_reach := files.out_of_reach(settings.data_root):
        return [*findings, out_of_reach], 0
    findings += files.ownership(settings.data_root, deep=not quick)
    findings += files.running_server(settings.data_root)
    findings += files.space(settings.data_root)
    findings += clock.clock(settings.data_root)
    of_accounts = accounts.check_accounts(settings)
    findings += of_accounts.findings
    users = _chosen(of_accounts, user_name)
    return findings + _of_users(installation, users, quick=quick), len(users)


def _chosen(found: accounts.AccountCheck, user_name: str | None) -> list[User]:
    if user_name is None or not found.users:
        return found.users
    users = [user for user in found.users if user.name == user_name]
    if not users:
        raise CommandFailed(f"there is no user called {user_name!r}", NO_SUCH_USER)
    return users


def _of_users(installation: Installation, users: list[User], *, quick: bool) -> list[Finding]:
    """Return what is wrong with collections, media and backups."""
    data_root = installation.settings.data_root
    if not users:
        return []
    if data_root_lock.server(data_root) is None and data_root.stat().st_uid != os.geteuid():
        problem = "not looked at: files would come to belong to the wrong user"
        return [Finding("error", "collections and media", problem, files.AS_THE_SERVER)]
    folders = [user.folder for user in users]
    try:
        found = run_errand(installation, "check", "checking", folders=folders, quick=quick)
    except data_root_lock.DataRootInUse as problem:
        remedy = "wait for that command, then check again"
        return [Finding("warning", "collections and media", f"not looked at: {problem}", remedy)]
    except ServerHangs as problem:
        return [files.hanging_server(problem)]
    except (NoAnswer, ErrandFailed) as problem:
        remedy = "look into the server's log; restart it if it does not answer"
        return [Finding("error", "collections and media", f"not looked at: {problem}", remedy)]
    return [
        Finding(one["severity"], user.name, one["what"], _for_user(one["remedy"], user))
        for user in users
        for one in found[user.folder]
    ]


def _for_user(remedy: str, user: User) -> str:
    return remedy.format(user=shlex.quote(user.name))


def _print(findings: list[Finding], users: int) -> None:
    for finding in findings:
        say(f"{finding.severity}: {finding.where}: {finding.problem}")
        say(f"    → {finding.remedy}")
    counted = Counter(finding.severity for finding in findings if finding.counts)
    looked = f"the data of {_number(users, 'user')} looked at"
    if counted:
        numbers = [_number(number, severity) for severity, number in counted.items()]
        say(f"{', '.join(numbers)}; {looked}")
    else:
        say(f"nothing wrong; {looked}")


def _number(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
