"""Is this file, which somebody sent, an Anki collection that we can serve from now on?

The file is private to us and closed, so the standard library's SQLite may look at it: libanki
would turn an empty file, and any SQLite file without a collection in it, into a new collection.
"""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from syncserver.collections.libanki import LibankiCollection
from syncserver.collections.libanki_errors import CollectionDamaged, Rejected
from syncserver.errors import UploadRefused
from syncserver.sync.chunks import CARD_SQL, NOTE_COLUMNS, REVLOG_SQL

SQLITE_MAGIC: Final = b"SQLite format 3\x00"
READABLE_SCHEMAS: Final = frozenset({11, 14, 15, 16, 17, 18})
NEWEST_SCHEMA: Final = max(READABLE_SCHEMAS)
# How SQLite itself writes down a table or an index. Anki has nothing else; a file made by hand could
# call a trigger or a virtual table a table, so the statement counts, not the kind. Indexes that
# belong to a constraint have none.
UNEXPECTED_SQL: Final = """
    select 1 from sqlite_master where not (
        type = 'table' and sql like 'create table %'
        or type = 'index' and (
            sql is null or sql like 'create index %' or sql like 'create unique index %'
        )
    ) limit 1
"""
# What the engine reads and writes; a collection without one of these would fail at every sync.
NEEDED_COLUMNS: Final = {
    "col": "crt, mod, scm, ver, usn, ls",
    "notes": ", ".join(NOTE_COLUMNS),
    "cards": CARD_SQL,
    "revlog": REVLOG_SQL,
    "graves": "oid, type, usn",
    "notetypes": "id, name, mtime_secs, usn, config",
    "fields": "ntid, ord, name, config",
    "templates": "ntid, ord, name, mtime_secs, usn, config",
    "decks": "id, name, mtime_secs, usn, common, kind",
    "deck_config": "id, name, mtime_secs, usn, config",
    "config": "key, usn, mtime_secs, val",
    "tags": "tag, usn, collapsed",
}
# What SQLite computes for each row when it checks or changes one may never end: columns and checks of
# tables, indexes of anything but columns (Anki has one with a condition), defaults.
COMPUTED_IN_TABLES: Final = re.compile(r"\b(as|check)\b", re.IGNORECASE)
PLAIN_INDEX: Final = re.compile(
    r"create (unique )?index [^()]+\([\w\s,.\"'`\[\]]*\)(\s+where\s+odid\s*!=\s*0)?", re.IGNORECASE
)
COMPUTED_DEFAULTS: Final = "select 1 from pragma_table_info(?) where dflt_value like '%(%'"


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a collection holds, to tell whether its replacement holds less."""

    notes: int
    newest_review: int

    def exceed(self, other: "Holdings") -> bool:
        """Tell whether something here would be lost if `other` took this one's place."""
        return self.notes > other.notes or self.newest_review > other.newest_review


def validated_collection(path: Path) -> Holdings:
    """Bring the collection at `path` to the newest schema, check it whole, and close it again.

    Raises UploadRefused, with a sentence for the person at the client, when it is not a sound
    collection that we can open.
    """
    _check_is_sqlite(path)
    with _damage_refused():
        _check_outside(path)
        with opened(path) as collection:
            _check_inside(collection)
            return holdings(collection)


def schema_of(path: Path) -> int | None:
    """Return the version of Anki's schema of a closed private file, None if it is no collection."""
    with _outside(path) as database:
        return _schema_version(database)


def holdings(collection: LibankiCollection) -> Holdings:
    """Count what an open collection holds."""
    notes, newest_review = collection.row(
        "select (select count() from notes), (select coalesce(max(id), 0) from revlog)"
    )
    return Holdings(notes, newest_review)


@contextmanager
def opened(path: Path) -> Iterator[LibankiCollection]:
    """Open a collection that nobody else uses."""
    collection = LibankiCollection(path)
    try:
        yield collection
    finally:
        collection.close()


def _check_is_sqlite(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(len(SQLITE_MAGIC))
    if not start:
        raise UploadRefused("The upload was empty; your collection on the server is unchanged.")
    if start != SQLITE_MAGIC:
        raise UploadRefused("This is not an Anki collection (not an SQLite file).")


def _check_outside(path: Path) -> None:
    with _outside(path) as database:
        # First of all, because a query of a view that somebody else wrote may never end.
        if database.execute(UNEXPECTED_SQL).fetchone():
            raise UploadRefused(
                "The collection contains a trigger, a view or a virtual table, which is not Anki's."
            )
        if _is_anything_computed(database):
            raise UploadRefused(
                "The collection contains a computed column, index or check, which is not Anki's."
            )
        schema = _schema_version(database)
    if schema is None:
        raise UploadRefused("This is an SQLite file, but there is no Anki collection in it.")
    if schema > NEWEST_SCHEMA:
        raise UploadRefused("This collection was made by a newer Anki than this server knows.")
    if schema not in READABLE_SCHEMAS:
        raise UploadRefused("This collection was made by an Anki that is too old.")


def _is_anything_computed(database: sqlite3.Connection) -> bool:
    for kind, sql in database.execute("select type, sql from sqlite_master where sql is not null"):
        if kind == "table" and COMPUTED_IN_TABLES.search(str(sql)):
            return True
        if kind == "index" and not PLAIN_INDEX.fullmatch(str(sql)):
            return True
    return any(database.execute(COMPUTED_DEFAULTS, (table,)).fetchone() for table in NEEDED_COLUMNS)


def _outside(path: Path) -> "closing[sqlite3.Connection]":
    """Open a closed private file without changing it or anything beside it."""
    database = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)
    return closing(database)


def _schema_version(database: sqlite3.Connection) -> int | None:
    """Return the version of Anki's schema, None when the file is no collection."""
    try:
        versions = database.execute("select ver from col limit 2").fetchall()
    except sqlite3.OperationalError:
        return None
    only = versions[0][0] if len(versions) == 1 else None
    return only if isinstance(only, int) else None


def _check_inside(collection: LibankiCollection) -> None:
    problems = collection.integrity_problems()
    if problems:
        raise UploadRefused(
            "The collection is damaged. Please use Check Database, then try again.",
            cause="; ".join(problems[:3]),
        )
    for table, columns in NEEDED_COLUMNS.items():
        collection.rows(f"select {columns} from {table} limit 0")
    _check_objects(collection)
    _check_can_be_changed(collection)


def _check_objects(collection: LibankiCollection) -> None:
    """Raise Rejected when an object cannot be read: no sync could end then."""
    for notetype_id in collection.column("select id from notetypes"):
        collection.notetype_json(notetype_id)
    for deck_id in collection.column("select id from decks"):
        collection.deck_json(deck_id)
    for options_id in collection.column("select id from deck_config"):
        collection.deck_options_json(options_id)
    collection.config_json()


def _check_can_be_changed(collection: LibankiCollection) -> None:
    """Raise CollectionDamaged when SQLite only reads the file, as it does one of a later format."""
    collection.begin()
    try:
        collection.execute("update col set usn = usn")
    finally:
        collection.roll_back()


@contextmanager
def _damage_refused() -> Iterator[None]:
    try:
        yield
    except (CollectionDamaged, Rejected, sqlite3.Error, UnicodeDecodeError) as problem:
        raise UploadRefused(
            "The collection is damaged or cannot be read. Please use Check Database on this"
            " device, then try again.",
            cause=str(problem),
        ) from problem
