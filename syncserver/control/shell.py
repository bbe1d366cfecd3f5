"""The commands that look into a collection: shell and sql.

What an operator types runs here, never in the server's process, and on a copy: the server holds
the user's lease meanwhile and puts the copy into the collection's place if it is to be kept.
"""

import code
import sqlite3
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Annotated, Any, Final, NoReturn

import typer

from syncserver.collections.committed import read_committed_state
from syncserver.collections.libanki import LibankiCollection
from syncserver.collections.libanki_errors import CollectionDamaged, Rejected
from syncserver.control.errands import conversation
from syncserver.control.exporting import UserArgument, lent
from syncserver.control.installation import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    open_accounts,
    open_installation,
)
from syncserver.control.output import (
    FAILED,
    WRONG_USAGE,
    CommandFailed,
    note,
    print_json,
    print_table,
    say,
)
from syncserver.control.query import MOST_ROWS, Rows, WritesRefused, query
from syncserver.sync.collection_file import opened

FULL_SYNC: Final = "the schema was changed: every device will have to do a full sync"
BANNER: Final = """\
`col` is the collection of {user}. Its devices cannot sync while you are here, for an hour at most.
Ctrl+D or exit() leaves; you are then asked whether to keep what you have changed."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of the copy, and the exit code that the code asked for (0 if it went well)."""

    changed: bool
    full_sync: bool
    exit_code: int


def shell(
    user_name: UserArgument,
    command: Annotated[
        str | None, typer.Option("--command", help="Run this code in the place of a prompt.")
    ] = None,
    commit: Annotated[bool, typer.Option("--commit", help="Keep the changes, unasked.")] = False,
    discard: Annotated[bool, typer.Option("--discard", help="Drop the changes, unasked.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Open a Python prompt with a user's collection as `col`.

    Without a terminal the code is read from the input, and changes are dropped without --commit.
    """
    if commit and discard:
        raise CommandFailed("say either --commit or --discard", WRONG_USAGE)
    installation = open_installation(config)
    with open_accounts(installation) as accounts:
        user = accounts.user(user_name)
    with conversation(installation, "edit", user=user.name, folder=user.folder) as converse:
        path = Path(converse(None)["collection"])
        outcome = _work(path, user_name, command)
        keep = outcome.changed and not outcome.exit_code and _is_kept(outcome, commit, discard)
        converse({"commit": keep})
    _tell(outcome, kept=keep)
    if outcome.exit_code:
        raise typer.Exit(outcome.exit_code)


def sql(
    user_name: UserArgument,
    statement: Annotated[str, typer.Argument(metavar="SQL", help="A statement that only reads.")],
    limit: Annotated[
        int, typer.Option("--limit", min=0, help="The most rows that are shown; 0 for all.")
    ] = MOST_ROWS,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Run a SQL query on a copy of a user's collection."""
    with lent(open_installation(config), user_name, media=False) as lending:
        try:
            rows = query(Path(lending["collection"]), statement, limit)
        except WritesRefused as problem:
            raise CommandFailed(str(problem)) from None
        except sqlite3.Error as problem:
            raise CommandFailed(f"SQL: {problem}") from None
    _print_rows(rows, as_json=as_json)
    if not rows.complete:
        note(f"there are more than {limit} rows: --limit shows more")


def _work(path: Path, user_name: str, command: str | None) -> _Outcome:
    """Run an operator's code on the collection at `path`."""
    collection = LibankiCollection(path)
    before, schema = read_committed_state(collection), _sqlite_schema(collection)
    writes = collection.scalar("select total_changes()")
    interpreter = _Interpreter({"col": collection.objects, "exit": _leave, "quit": _leave})
    try:
        interpreter.run(command, user_name)
        with suppress(Rejected, CollectionDamaged):  # the code may have closed it
            writes -= collection.scalar("select total_changes()")
    finally:
        with suppress(Rejected, CollectionDamaged):
            collection.close()
    try:
        with opened(path) as again:
            after = read_committed_state(again)
            changed = (before, schema) != (after, _sqlite_schema(again)) or bool(writes)
    except CollectionDamaged as problem:
        raise CommandFailed(
            f"this is no collection any more; nothing was kept: {problem}"
        ) from None
    full_sync = after.schema_modified != before.schema_modified
    return _Outcome(changed, full_sync, interpreter.exit_code)


def _sqlite_schema(collection: LibankiCollection) -> int:
    """Return SQLite's count of changes of tables, which are no changes of rows."""
    return int(collection.scalar("pragma schema_version"))


class _Interpreter(code.InteractiveConsole):
    """Runs code from a terminal, from the input or from an argument."""

    def __init__(self, names: dict[str, Any]) -> None:
        super().__init__({**names, "__name__": "__console__", "__doc__": None})
        self.exit_code = 0
        self._at_a_prompt = False

    def run(self, command: str | None, user_name: str) -> None:
        """Run code to its end, with errors shown as Python does."""
        # The command line's own would show this program's lines as well.
        sys.excepthook = sys.__excepthook__
        try:
            if command is not None:
                self._run_text(command, "<command>")
            elif sys.stdin.isatty():
                self._prompt(user_name)
            else:
                self._run_text(sys.stdin.read(), "<stdin>")
        except SystemExit as end:
            self.exit_code = self._exit_code(end.code)
        sys.stdout.flush()

    def _exit_code(self, code: object) -> int:
        """Return what an exit asks for; a text is shown, as Python does."""
        if code is None or isinstance(code, int):
            return code or 0
        self.write(f"{code}\n")
        return FAILED

    def _prompt(self, user_name: str) -> None:
        with suppress(ImportError):
            import readline  # noqa: F401, PLC0415 - editing of lines, where there is a terminal
        self._at_a_prompt = True
        self.interact(BANNER.format(user=user_name), exitmsg="")

    def _run_text(self, text: str, name: str) -> None:
        try:
            self.runcode(_compiled(text, name))
        except (SyntaxError, ValueError, OverflowError):
            self.showsyntaxerror(name)
            self.exit_code = FAILED

    def showtraceback(self) -> None:
        """Show an exception; without a prompt nothing is kept after one."""
        super().showtraceback()
        if not self._at_a_prompt:
            self.exit_code = FAILED


def _compiled(text: str, name: str) -> CodeType:
    """Compile code; the values of single statements are shown, as at the prompt."""
    with suppress(SyntaxError):
        return compile(text, name, "single")
    return compile(text, name, "exec")


def _leave(exit_code: int | None = None) -> NoReturn:
    # Python's own closes the input, from which the answer to the last question is read.
    raise SystemExit(exit_code)


def _is_kept(outcome: _Outcome, commit: bool, discard: bool) -> bool:
    """Tell whether the changes are kept, asking if nobody has said."""
    if commit or discard or not sys.stdin.isatty():
        return commit
    if outcome.full_sync:
        note(FULL_SYNC)
    with suppress(typer.Abort):
        return typer.confirm("Keep the changes?")
    return False


def _tell(outcome: _Outcome, *, kept: bool) -> None:
    if kept:
        note(f"committed; {FULL_SYNC}" if outcome.full_sync else "committed")
    elif outcome.changed:
        note("discarded: nothing was changed (--commit keeps changes)")


def _print_rows(rows: Rows, *, as_json: bool) -> None:
    if as_json:
        document = {"columns": rows.columns, "rows": rows.rows, "complete": rows.complete}
        print_json(document)
    elif rows.columns:
        print_table(rows.columns, [[_cell(value) for value in row] for row in rows.rows])
    else:
        say("no result")


def _cell(value: object) -> str:
    return "" if value is None else str(value)
