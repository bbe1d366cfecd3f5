"""The program that the commands make up, and how their errors become one line and an exit code."""

import os
import sys
from typing import Annotated, Final

import typer
from sqlalchemy.exc import SQLAlchemyError

from syncserver import __version__
from syncserver.accounts.database import DatabaseUnusable
from syncserver.accounts.passwords import BadPassword
from syncserver.accounts.users import BadUserName, UnknownUser, UserExists
from syncserver.collections.data_root_lock import DataRootInUse
from syncserver.control import accounts, keys, media, process
from syncserver.control.output import (
    FAILED,
    NO_SUCH_USER,
    WRONG_CONFIGURATION,
    CommandFailed,
    note,
    say,
)
from syncserver.errands.channel import NoAnswer
from syncserver.errands.errand import ErrandFailed
from syncserver.errors import SyncServerError
from syncserver.server import CannotServe
from syncserver.settings import SettingsError

# Set to anything to see the traceback of an error that nobody expected.
TRACEBACK_VARIABLE: Final = "SYNCSERVER_TRACEBACK"

COMMANDS: Final = (
    accounts.adduser,
    accounts.deluser,
    accounts.lsuser,
    accounts.passwd,
    accounts.first_user,
    keys.lskeys,
    keys.revoke,
    process.start,
    process.stop,
    process.restart,
    process.status,
    process.debug,
)

EXPECTED: Final = (
    BadPassword,
    BadUserName,
    CannotServe,
    DataRootInUse,
    DatabaseUnusable,
    ErrandFailed,
    NoAnswer,
    SQLAlchemyError,
    UnicodeDecodeError,
    UserExists,
)


def main() -> None:
    """Run the command that the arguments name, and exit with its code."""
    try:
        build_program()()
    except CommandFailed as problem:
        _fail(problem, problem.exit_code)
    except SettingsError as problem:
        _fail(problem, WRONG_CONFIGURATION)
    except UnknownUser as problem:
        _fail(problem, NO_SUCH_USER)
    except SyncServerError as problem:
        _fail(problem.cause or problem, FAILED)
    except OSError as problem:
        _fail(f"{problem.filename}: {problem.strerror}" if problem.filename else problem, FAILED)
    except EXPECTED as problem:
        _fail(problem, FAILED)
    except Exception as problem:
        if os.environ.get(TRACEBACK_VARIABLE):
            raise
        text = f"{type(problem).__name__}: {problem} (set {TRACEBACK_VARIABLE}=1 to see where)"
        _fail(text, FAILED)


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
    program.add_typer(media.program, name="media")
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


def _fail(problem: object, exit_code: int) -> None:
    # One line: SQLAlchemy and the settings explain themselves on several.
    note("; ".join(line.strip() for line in str(problem).splitlines() if line.strip()))
    sys.exit(exit_code)
