"""The program that the commands make up, and how their errors become one line and an exit code."""

import os
import sys
from typing import Annotated, Final

import typer

from syncserver import __version__
from syncserver.accounts.database import DatabaseUnusable
from syncserver.accounts.old_hashes import UnknownHash
from syncserver.accounts.passwords import BadPassword
from syncserver.accounts.users import BadUserName, UnknownUser, UserExists
from syncserver.collections.data_root_lock import DataRootInUse
from syncserver.control import (
    accounts,
    audit_trail,
    backups,
    check,
    deploying,
    exporting,
    importing,
    journal,
    keys,
    limits,
    maintenance,
    media,
    process,
    restore_offsite,
    shell,
    stats,
    tokens,
)
from syncserver.control.doctor.command import doctor
from syncserver.control.output import (
    FAILED,
    NO_SUCH_USER,
    WRONG_CONFIGURATION,
    CommandFailed,
    note,
    print_whatever_it_is,
    say,
)
from syncserver.errands.channel import NoAnswer
from syncserver.errands.errand import ErrandFailed
from syncserver.errors import SyncServerError
from syncserver.listening.sockets import CannotServe
from syncserver.moving.old_servers import NotMovable
from syncserver.settings import SettingsError

# Set to anything to see the traceback of an error that nobody expected.
TRACEBACK_VARIABLE: Final = "SYNCSERVER_TRACEBACK"

COMMANDS: Final = (
    accounts.adduser,
    accounts.deluser,
    accounts.lsuser,
    accounts.passwd,
    accounts.first_user,
    limits.limit,
    keys.lskeys,
    keys.revoke,
    backups.backup,
    backups.backups,
    backups.restore,
    backups.restore_drill,
    restore_offsite.restore_offsite,
    journal.log,
    journal.who,
    stats.stats,
    audit_trail.audit,
    process.start,
    process.stop,
    process.restart,
    process.status,
    process.debug,
    deploying.deploy_files,
    check.check,
    doctor,
)

# The exit codes of what is no CommandFailed, which brings its own.
EXIT_CODES: Final = {SettingsError: WRONG_CONFIGURATION, UnknownUser: NO_SUCH_USER}

# Their messages are for the operator.
EXPLAINED: Final = (
    BadPassword,
    BadUserName,
    CannotServe,
    CommandFailed,
    DataRootInUse,
    DatabaseUnusable,
    ErrandFailed,
    NoAnswer,
    NotMovable,
    SettingsError,
    UnknownHash,
    UnknownUser,
    UserExists,
)


def main() -> None:
    """Run the command that the arguments name, and exit with its code."""
    print_whatever_it_is()
    try:
        build_program()()
    except Exception as problem:
        if os.environ.get(TRACEBACK_VARIABLE):
            raise
        # One line: the settings explain several wrong options on as many.
        note("; ".join(_explain(problem).splitlines()))
        sys.exit(_exit_code(problem))


def build_program() -> typer.Typer:
    """Return the program with all its commands."""
    program = typer.Typer(
        name="syncserver-ctl",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    program.callback()(_options)
    for command in COMMANDS:
        program.command()(command)
    for group in (exporting.program, importing.program, shell.program):
        program.add_typer(group)
    program.add_typer(media.program, name="media")
    program.add_typer(maintenance.program, name="maintenance")
    program.add_typer(tokens.program, name="token")
    return program


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"syncserver {__version__}")
        raise typer.Exit


def _options(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version."
        ),
    ] = False,
) -> None:
    """Manage a sync server for Anki: its users, their devices, its process."""


def _explain(problem: Exception) -> str:
    if isinstance(problem, EXPLAINED):
        return str(problem)
    if isinstance(problem, SyncServerError):
        return problem.cause or problem.public_text
    if isinstance(problem, OSError):
        return f"{problem.filename}: {problem.strerror}" if problem.filename else str(problem)
    return f"{type(problem).__name__}: {problem} (set {TRACEBACK_VARIABLE}=1 to see where)"


def _exit_code(problem: Exception) -> int:
    if isinstance(problem, CommandFailed):
        return problem.exit_code
    return EXIT_CODES.get(type(problem), FAILED)
