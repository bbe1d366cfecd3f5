"""What commands print and how they end.

Results go to standard output: tables for people, or one JSON document after `--json`. Everything
else goes to standard error, one line at a time. The exit codes, which scripts may rely on:

     0  done, or there was nothing to do (`start` of a running server, `stop` of a stopped one)
     1  it did not work; the line on standard error says why
     2  wrong usage: an unknown option, a missing argument, no terminal to ask on
     3  `status`: the server is not running (as in init scripts)
    67  there is no such user, key or token (EX_NOUSER)
    78  the configuration file is missing or wrong, or it or the data root is not for this user
        (EX_CONFIG)
"""

import io
import json
import os
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

DONE: Final = 0
FAILED: Final = 1
WRONG_USAGE: Final = 2
NOT_RUNNING: Final = 3
NO_SUCH_USER: Final = os.EX_NOUSER
WRONG_CONFIGURATION: Final = os.EX_CONFIG

# Wide enough for any row: a table that a program reads must not be folded.
UNLIMITED_WIDTH: Final = 100_000

Cell = str | int | datetime | None


class CommandFailed(Exception):
    """A command cannot do what it was asked; the message is for the operator."""

    def __init__(self, message: str, exit_code: int = FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def print_whatever_it_is() -> None:
    """Have standard output and error take every text, whatever their encoding is.

    What cannot be shown is written as its number; it would otherwise end a command in the middle of
    what it has to say.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(text: str) -> None:
    """Print one line of the result."""
    sys.stdout.write(f"{printable(text)}\n")


def note(text: str) -> None:
    """Print one line that is not the result: a warning, or what went wrong."""
    sys.stdout.flush()
    sys.stderr.write(f"{printable(text)}\n")


def print_json(document: object) -> None:
    """Print `document` as JSON; times become ISO 8601 text."""
    sys.stdout.write(json.dumps(document, indent=2, default=_as_json) + "\n")


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    """Print rows under their columns, folded to the width of a terminal if there is one."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        # Text, because a user may be called "[red]".
        table.add_row(*(Text(_as_text(cell)) for cell in row))
    width = None if sys.stdout.isatty() else UNLIMITED_WIDTH
    Console(width=width, highlight=False).print(table)


def printable(text: str) -> str:
    """Return `text` without what would drive a terminal: user names may hold any character."""
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode()
        for char in text
    )


def _as_json(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _as_text(cell: Cell) -> str:
    if cell is None:
        return "never"
    if isinstance(cell, datetime):
        return cell.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    return printable(str(cell)).replace("\n", "\\n")
