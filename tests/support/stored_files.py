"""Look at a collection as a server stored it: always at a copy, never at the file in use."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

# One row: column name -> value.
Row = dict[str, Any]
Tables = dict[str, list[Row]]


def copy_of(stored: Path, folder: Path) -> Path:
    """Copy a collection that a server may have open, with all that is committed, into `folder`.

    No sync may be going on. What a server committed last may still be in the write-ahead log.
    """
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / "collection.anki2"
    shutil.copyfile(stored, copy)
    log = stored.with_name(stored.name + "-wal")
    if log.exists():
        shutil.copyfile(log, copy.with_name(copy.name + "-wal"))
    return copy


def read_tables(copy: Path) -> Tables:
    """Return every row of every table of a copy, in an order that depends on the rows alone."""
    with _opened(copy) as connection:
        connection.row_factory = sqlite3.Row
        names = connection.execute(
            "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'"
        )
        return {name: _rows(connection, name) for (name,) in names.fetchall()}


def change(copy: Path, *statements: str) -> None:
    """Run SQL statements on a copy that no server and no client has open."""
    with _opened(copy) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def _rows(connection: sqlite3.Connection, table: str) -> list[Row]:
    rows = connection.execute(f"select * from {table}").fetchall()
    return sorted((dict(row) for row in rows), key=lambda row: repr(list(row.values())))


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path)) as connection:
        # The name columns are sorted by a collation that only libanki brings along.
        connection.create_collation("unicase", _compare_without_case)
        yield connection


def _compare_without_case(left: str, right: str) -> int:
    one, other = left.casefold(), right.casefold()
    return (one > other) - (one < other)
