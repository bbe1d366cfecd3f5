"""The program that the commands make up, and how their errors become one line and an exit code."""

import os
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Annotated, Final

import typer

from syncserver import __version__
from syncserver.accounts.database import DatabaseUnusable
from syncserver.accounts.old_hashes import UnknownHash
from syncserver.accounts.passwords import BadPassword
from syncserver.accounts.users import BadUserName, UnknownUser, UserExists
from syncserver.collections.data_root_lock import DataRootInUse
from syncserver.control.operator import called_command
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
from syncserver.settings import TRACEBACK_VARIABLE, SettingsError

# Every command, or group of commands, in the order of the help: its module and its name in there.
COMMANDS: Final = {
    "adduser": "accounts:adduser",
    "deluser": "accounts:deluser",
    "lsuser": "accounts:lsuser",
    "passwd": "accounts:passwd",
    "first-user": "accounts:first_user",
    "limit": "limits:limit",
    "lskeys": "keys:lskeys",
    "revoke": "keys:revoke",
    "backup": "backups:backup",
    "backups": "backups:backups",
    "restore": "backups:restore",
    "restore-drill": "backups:restore_drill",
    "restore-offsite": "restore_offsite:restore_offsite",
    "log": "journal:log",
    "who": "journal:who",
    "stats": "stats:stats",
    "audit": "audit_trail:audit",
    "start": "process:start",
    "stop": "process:stop",
    "restart": "process:restart",
    "status": "process:status",
    "debug": "process:debug",
    "deploy-files": "deploying:deploy_files",
    "check": "check:check",
    "doctor": "doctor.command:doctor",
    "export": "exporting:export",
    "copy": "exporting:copy",
    "import": "importing:import_",
    "shell": "shell:shell",
    "sql": "shell:sql",
    "media": "media:program",
    "maintenance": "maintenance:program",
    "token": "tokens:program",
}

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
        build_program(_asked_for(sys.argv[1:]))()
    except Exception as problem:
        if os.environ.get(TRACEBACK_VARIABLE):  # set to anything
            raise
        # One line: the settings explain several wrong options on as many.
        note("; ".join(_explain(problem).splitlines()))
        sys.exit(_exit_code(problem))


def build_program(names: Iterable[str] = COMMANDS) -> typer.Typer:
    """Return the program with these commands, or with all of them.

    Only their modules are loaded: all together take longer than most commands do, and a server would
    hold them in memory for as long as it runs.
    """
    program = typer.Typer(
        name="syncserver-ctl",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    program.callback()(_options)
    for name in names:
        module, _, attribute = COMMANDS[name].partition(":")
        command = getattr(import_module(f"{__package__}.{module}"), attribute)
        if isinstance(command, typer.Typer):
            program.add_typer(command, name=name)
        else:
            program.command(name)(command)
    return program


def _asked_for(arguments: Sequence[str]) -> Iterable[str]:
    """Return the command that is called, all of them if it is none that we know."""
    called = called_command(arguments)
    return [called] if called in COMMANDS else COMMANDS


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
