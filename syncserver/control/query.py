"""One SQL query on a private copy of a collection that cannot write anything, anywhere."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

MOST_ROWS: Final = 1000
# So often Python gets a turn during a long query, to hear Ctrl+C.
STEPS_BETWEEN_TURNS: Final = 100_000
INTERRUPTED: Final = "interrupted"
READING: Final = frozenset(
    {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_RECURSIVE,
    }
)
HARMLESS_PRAGMAS: Final = frozenset(
    {
        *("table_list", "table_info", "table_xinfo", "index_list", "index_info", "index_xinfo"),
        *("integrity_check", "quick_check", "user_version", "page_count", "page_size"),
    }
)


class WritesRefused(Exception):
    """The statement is not a query; the message is for the operator."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The names of the columns, the rows (bytes as hex), and whether these are all."""

    columns: list[str]
    rows: list[list[Any]]
    complete: bool


def query(copy: Path, statement: str, limit: int) -> Rows:
    """Run a statement on a closed private copy; at most `limit` rows, 0 for all.

    Raises WritesRefused for a statement that does more than read, sqlite3.Error for other trouble.
    """
    uri = f"{copy.absolute().as_uri()}?mode=ro&immutable=1"
    with closing(sqlite3.connect(uri, uri=True)) as database:
        # Names are sorted by a collation that only libanki brings along.
        database.create_collation("unicase", _without_case)
        database.set_progress_handler(lambda: 0, STEPS_BETWEEN_TURNS)
        guard = _Guard()
        database.set_authorizer(guard)
        try:
            cursor = database.execute(statement)
            columns = [column[0] for column in cursor.description or ()]
            found = cursor.fetchmany(limit + 1) if limit else cursor.fetchall()
        except sqlite3.DatabaseError as problem:
            if guard.refused:
                text = "sql only reads; ctl.py shell changes collections"
                raise WritesRefused(text) from None
            if INTERRUPTED in str(problem):
                raise KeyboardInterrupt from None
            raise
    rows = [[_plain(value) for value in row] for row in found]
    return Rows(columns, rows[:limit] if limit else rows, not limit or len(rows) <= limit)


class _Guard:
    """Allows what reads the collection, and remembers whether anything else was asked for."""

    def __init__(self) -> None:
        self.refused = False

    def __call__(self, action: int, first: str | None, *_more: str | None) -> int:
        allowed = action in READING or (
            action == sqlite3.SQLITE_PRAGMA and (first or "").lower() in HARMLESS_PRAGMAS
        )
        self.refused |= not allowed
        return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


def _plain(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


def _without_case(left: str, right: str) -> int:
    one, other = left.casefold(), right.casefold()
    return (one > other) - (one < other)
