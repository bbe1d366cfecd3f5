"""The account database, and whether accounts and folders belong together."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from syncserver.accounts.database import missing_file, open_database, reading, revision
from syncserver.accounts.host_keys import HostKeys
from syncserver.accounts.migrations import HEAD
from syncserver.accounts.passwords import Passwords
from syncserver.accounts.users import User, Users
from syncserver.control.checks.finding import Finding
from syncserver.errors import ServerBusy
from syncserver.settings import Settings

WHERE: Final = "account database"


@dataclass(frozen=True, slots=True)
class AccountCheck:
    """Who has an account, and what is wrong with the database; no users when it cannot be read."""

    users: list[User]
    findings: list[Finding]


def check_accounts(settings: Settings) -> AccountCheck:
    """Look at the account database without changing it."""
    with _opened(settings) as engine:
        try:
            findings = list(_state(engine))
            if any(finding.severity == "error" for finding in findings):
                return AccountCheck([], findings)
            users = Users(engine, Passwords(settings)).all_users()
            findings += _folders(settings, engine, users)
        except ServerBusy as problem:
            return AccountCheck([], [_unreachable(str(problem.cause))])
        except DBAPIError as problem:  # damaged, or of another program
            return AccountCheck([], [_unreachable(str(problem.orig))])
    return AccountCheck(users, findings)


@contextmanager
def _opened(settings: Settings) -> Iterator[Engine]:
    engine = open_database(settings.accounts_url)
    try:
        yield engine
    finally:
        engine.dispose()


def _unreachable(problem: str) -> Finding:
    remedy = "look at database_url and at the database; without it nobody can log in or sync"
    return Finding("error", WHERE, f"cannot be used: {problem}", remedy)


def _state(engine: Engine) -> Iterator[Finding]:
    if missing_file(engine):
        remedy = "add the first user: ctl.py adduser NAME; or correct data_root"
        yield Finding("error", WHERE, "there is none yet", remedy)
        return
    if engine.url.get_backend_name() == "sqlite":
        yield from _damage(engine)
    with reading(engine) as connection:
        found = revision(connection)
    if found is None:
        yield Finding("error", WHERE, "has no tables of ours", "start the server, which makes them")
    elif found > HEAD:
        problem = f"has the revision {found}, which is newer than this program ({HEAD})"
        yield Finding(
            "error", WHERE, problem, "install the syncserver that was here before, or newer"
        )
    elif found < HEAD:
        problem = f"has the revision {found}; this program brings it to {HEAD}"
        yield Finding("error", WHERE, problem, "start or restart the server, which does that")


def _damage(engine: Engine) -> Iterator[Finding]:
    with reading(engine) as connection:
        answers = [str(row[0]) for row in connection.execute(text("PRAGMA quick_check"))]
    if answers != ["ok"]:
        remedy = "stop the server and bring accounts.db back from your backup of the data root"
        yield Finding("error", WHERE, f"is damaged: {answers[0]}", remedy)


def _folders(settings: Settings, engine: Engine, users: list[User]) -> Iterator[Finding]:
    """Yield folders of nobody, and users whose folder is gone though they have synced."""
    known = {user.folder for user in users}
    known |= set(Users(engine, Passwords(settings)).pending_purges())
    here = {path.name for path in settings.users_folder.glob("*") if path.is_dir()}
    for name in sorted(here - known):
        if not name.startswith("."):
            problem = "is the folder of nobody who has an account"
            remedy = "add that user again (ctl.py adduser), or move the folder away"
            yield Finding("warning", f"users/{name}", problem, remedy)
    keys = HostKeys(engine, settings.host_keys_per_user)
    for user in users:
        used = any(key.last_used_at is not None for key in keys.of_user(user))
        if used and user.folder not in here:
            problem = "has synced, but the folder is gone"
            remedy = f"bring users/{user.folder} back from a backup, or let a device upload"
            yield Finding("error", user.name, problem, remedy)
