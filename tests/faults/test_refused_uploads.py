"""Every upload that is refused: a sentence for the person, and the old collection untouched."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from anki.collection import Collection

from tests.support.accounts import Account
from tests.support.faults_server import WatchedServer
from tests.support.faults_sync import FIRST_NOTES, FirstCollection, WatchedClient, log_in, upload
from tests.support.raw_client import RawReply, compressed_pieces
from tests.support.stored_files import change, copy_of

LIMIT = 2_000_000
OPTIONS = {"sync_wait": 2, "max_collection_bytes": LIMIT}

PAGE = 4096
ENDLESS = "with recursive n(i) as (select 1 union all select i + 1 from n) select i as ver from n"

Spoil = Callable[[Path], bytes]


def with_sql(*statements: str) -> Spoil:
    """Return the bytes of a sound collection after these statements."""

    def spoil(copy: Path) -> bytes:
        change(copy, *statements)
        return copy.read_bytes()

    return spoil


def with_schema_row(kind: str, sql: str) -> Spoil:
    """Return a collection in whose schema somebody wrote by hand, as SQLite never would."""

    def spoil(copy: Path) -> bytes:
        with closing(sqlite3.connect(copy)) as connection:
            connection.execute("pragma writable_schema = on")
            connection.execute(
                "insert into sqlite_master (type, name, tbl_name, rootpage, sql)"
                " values (?, 'x', 'notes', 0, ?)",
                (kind, sql),
            )
            connection.commit()
        return copy.read_bytes()

    return spoil


def with_flipped_bytes(first_page: int, last_page: int) -> Spoil:
    def spoil(copy: Path) -> bytes:
        data = bytearray(copy.read_bytes())
        for page in range(first_page, last_page + 1):
            start = page * PAGE + (100 if page == 0 else 0)
            data[start : start + 100] = bytes(byte ^ 0xFF for byte in data[start : start + 100])
        return bytes(data)

    return spoil


def with_every_page_shuffled(copy: Path) -> bytes:
    data = copy.read_bytes()
    pages = [data[start : start + PAGE] for start in range(PAGE, len(data), PAGE)]
    return data[:PAGE] + b"".join(reversed(pages))


def with_header_byte(position: int, value: int) -> Spoil:
    def spoil(copy: Path) -> bytes:
        data = bytearray(copy.read_bytes())
        data[position] = value
        return bytes(data)

    return spoil


def without_its_index_entries(copy: Path) -> bytes:
    """Return a collection that opens and reads well, but whose index does not fit its table."""
    with closing(sqlite3.connect(copy)) as connection:
        index = connection.execute(
            "select * from sqlite_master where type = 'index' and name = 'ix_notes_usn'"
        ).fetchone()
        connection.execute("pragma writable_schema = on")
        connection.execute("delete from sqlite_master where name = 'ix_notes_usn'")
        connection.commit()
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("update notes set usn = usn + id")
        connection.commit()
        connection.execute("pragma writable_schema = on")
        connection.execute("insert into sqlite_master values (?, ?, ?, ?, ?)", index)
        connection.commit()
    return copy.read_bytes()


def other_sqlite_file(copy: Path) -> bytes:
    other = copy.with_name("other.db")
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("create table notes (id integer primary key)")
        connection.commit()
    return other.read_bytes()


def empty_sqlite_file(copy: Path) -> bytes:
    other = copy.with_name("empty.db")
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("vacuum")
    return other.read_bytes()


def endless_view_for_the_head(copy: Path) -> bytes:
    other = copy.with_name("endless.db")
    with closing(sqlite3.connect(other)) as connection:
        connection.execute(f"create view col as {ENDLESS}")
        connection.commit()
    return other.read_bytes()


# Evaluated for a row, it would take hours; SQLite does so while it looks for damage.
ENDLESS_TERM = "instr(printf('%.10000000c', 'a'), printf('%.5000000c', 'a') || 'b' || id)"
TRIGGER = "create trigger t after insert on notes begin delete from notes; end"
REFUSED: dict[str, tuple[Spoil, str]] = {
    "zero bytes": (lambda copy: b"", "empty"),
    "one byte": (lambda copy: b"S", "not an SQLite file"),
    "text": (lambda copy: b"<html>not a collection</html>" * 100, "not an SQLite file"),
    "a zip archive": (lambda copy: b"PK\x03\x04" + bytes(5000), "not an SQLite file"),
    "nothing but the magic": (lambda copy: copy.read_bytes()[:16], ""),
    "nothing but the header": (lambda copy: copy.read_bytes()[:100], ""),
    "the first page": (lambda copy: copy.read_bytes()[:PAGE], ""),
    "half a collection": (lambda copy: copy.read_bytes()[: copy.stat().st_size // 2], ""),
    "an SQLite file of something else": (other_sqlite_file, "no Anki collection"),
    "an SQLite file of nothing": (empty_sqlite_file, "no Anki collection"),
    "no head": (with_sql("delete from col"), "no Anki collection"),
    "two heads": (
        with_sql(
            "insert into col select 2, crt, mod, scm, ver, dty, usn, ls, '', '', '', '', '' from col"
        ),
        "no Anki collection",
    ),
    "a schema of the future": (with_sql("update col set ver = 99"), "newer Anki"),
    "a schema of long ago": (with_sql("update col set ver = 3"), "too old"),
    "a schema that is a text": (with_sql("update col set ver = 'new'"), "no Anki collection"),
    "no notes table": (with_sql("drop table notes"), ""),
    "a table of other columns": (with_sql("drop table cards", "create table cards (x)"), ""),
    "flipped bytes in the schema": (with_flipped_bytes(0, 0), ""),
    "flipped bytes in the middle": (with_flipped_bytes(4, 20), "damaged"),
    "pages in another order": (with_every_page_shuffled, "damaged"),
    "an index without its rows": (without_its_index_entries, "damaged"),
    "a trigger": (with_sql(TRIGGER), "trigger"),
    "a view": (with_sql("create view v as select * from notes"), "view"),
    "a view in place of a table": (
        with_sql("drop table graves", "create view graves as select 1 as oid, 1 as type, 1 as usn"),
        "view",
    ),
    "an endless view in place of the head": (endless_view_for_the_head, ""),
    "a virtual table": (with_sql("create virtual table v using fts5(x)"), "not Anki's"),
    "a trigger that calls itself a table": (with_schema_row("table", TRIGGER), ""),
    "a trigger that calls itself something else": (with_schema_row("TRIGGER", TRIGGER), ""),
    "a virtual table spelled oddly": (
        with_schema_row("table", "create /**/ virtual table x using fts5(x)"),
        "",
    ),
    "an index of what is computed": (
        with_schema_row("index", f"create index x on notes ({ENDLESS_TERM})"),
        "computed",
    ),
    "an index of what a computed condition finds": (
        with_schema_row("index", f"create index x on notes (id) where {ENDLESS_TERM}"),
        "computed",
    ),
    "a table with a computed check": (
        with_sql(
            "create table t (id integer primary key check (id >= 0))", "insert into t values (1)"
        ),
        "computed",
    ),
    "a table with a computed column": (
        with_sql("create table t (id integer primary key, x as (id + 1))"),
        "computed",
    ),
    "a computed default of a table of Anki's": (
        with_sql(
            "drop table graves",
            "create table graves (oid integer, type integer, usn integer, x default (random()))",
        ),
        "computed",
    ),
    "a name in the schema that is no text": (
        with_sql(
            "pragma writable_schema = on",
            "insert into sqlite_master values ('table', cast(x'ff' as text), 'notes', 0, 'x')",
        ),
        "",
    ),
    "a format that is only read": (with_header_byte(18, 15), "damaged"),
    "a notetype that cannot be read": (
        with_sql("update notetypes set config = x'ffffff'"),
        "cannot be read",
    ),
    "a deck that cannot be read": (with_sql("update decks set kind = x'ffffff'"), "cannot be read"),
    "deck options that cannot be read": (
        with_sql("update deck_config set config = x'ffffff'"),
        "cannot be read",
    ),
    "a configuration that cannot be read": (
        with_sql("insert into config values ('x', 0, 0, x'5b5b')"),
        "cannot be read",
    ),
    "a view that calls itself an index": (
        with_schema_row("index", "create view x as select 1"),
        "",
    ),
}


@pytest.fixture
def copy(first_collection: FirstCollection, tmp_path: Path) -> Path:
    """A copy of a sound collection."""
    return copy_of(first_collection.path, tmp_path / "spoilt")


@pytest.fixture
def assert_untouched(server: WatchedServer, account: Account) -> Iterator[None]:
    """The stored collection must be the same afterwards, byte for byte."""
    stored = server.stored_collection(account)
    before, tables = stored.read_bytes(), server.tables(account)
    yield
    assert stored.read_bytes() == before
    assert server.tables(account) == tables
    assert server.temporary_files(account) == [], "what was refused is removed"
    assert server.backups(account) == []
    assert sorted(one.name for one in server.user_folder(account).iterdir()) == [
        "collection.anki2",
        "tmp",
    ]


def assert_refused(server: WatchedServer, reply: RawReply, words: str) -> None:
    text = reply.body.decode()
    assert reply.status == 200, "clients show the text of a 200 only"
    assert text != "OK"
    assert words in text
    assert len(text) > 30, "a sentence"
    assert text.endswith((".", ")"))
    assert server.events("upload_refused")[-1]["reason"] == text


@pytest.mark.usefixtures("assert_untouched")
@pytest.mark.parametrize("case", REFUSED)
def test_this_upload_is_refused(
    case: str, server: WatchedServer, client: WatchedClient, copy: Path
) -> None:
    spoil, words = REFUSED[case]
    body = spoil(copy)
    assert len(body) < LIMIT
    assert_refused(server, client.send("upload", body), words)


@pytest.mark.usefixtures("assert_untouched")
def test_an_upload_beyond_the_limit_is_told_the_limit(
    server: WatchedServer, client: WatchedClient, copy: Path
) -> None:
    change(copy, "create table filler (x)", f"insert into filler values (randomblob({LIMIT}))")
    reply = client.send("upload", copy.read_bytes())
    assert_refused(server, reply, "2 MB")
    assert b"max_collection_bytes" in reply.body, "whoever runs the server must know what to do"


@pytest.mark.usefixtures("assert_untouched")
def test_an_upload_that_expands_beyond_the_limit_is_told_the_limit(
    server: WatchedServer, client: WatchedClient, copy: Path
) -> None:
    reply = client.send("upload", copy.read_bytes() + bytes(50_000_000))
    assert_refused(server, reply, "2 MB")


@pytest.mark.usefixtures("assert_untouched")
def test_an_upload_that_is_not_compressed_is_refused(client: WatchedClient, copy: Path) -> None:
    reply = client.send_as_is("upload", [copy.read_bytes()])
    assert reply.status == 400


@pytest.mark.usefixtures("assert_untouched")
def test_an_upload_whose_frame_was_cut_off_is_refused(client: WatchedClient, copy: Path) -> None:
    pieces = list(compressed_pieces(copy.read_bytes()))
    for count in (1, len(pieces) // 2, len(pieces) - 1):
        assert client.send_as_is("upload", pieces[:count]).status == 400
    assert client.send_as_is("upload", [*pieces[:-1], pieces[-1][:-1]]).status == 400


@pytest.mark.usefixtures("assert_untouched")
def test_an_upload_without_any_bytes_is_refused(
    server: WatchedServer, client: WatchedClient
) -> None:
    assert_refused(server, client.send_as_is("upload", []), "body")


def test_a_refused_upload_of_somebody_new_leaves_nothing(
    server: WatchedServer, first_collection: FirstCollection
) -> None:
    account = server.new_account()
    newcomer = log_in(server, account)
    assert_refused(server, newcomer.send("upload", b""), "empty")
    assert newcomer.expect("meta", {"v": 11, "cv": "test"})["empty"] is True
    upload(newcomer, first_collection.path)
    assert server.notes(account) == FIRST_NOTES


def test_a_refused_upload_does_not_disturb_a_sync_in_progress(
    server: WatchedServer, account: Account, client: WatchedClient, copy: Path
) -> None:
    client.expect("meta", {"v": 11, "cv": "test"})
    client.expect("start", {"minUsn": 0, "lnewer": True, "graves": None})
    log_in(server, account).send("upload", copy.read_bytes()[:-1000])
    assert client.call("chunk").status == 200
    client.expect("finish")


@pytest.mark.parametrize("schema", [11, 18])
def test_a_sound_collection_of_an_older_or_the_present_schema_is_taken(
    schema: int, server: WatchedServer, account: Account, client: WatchedClient, copy: Path
) -> None:
    if schema == 11:
        col = Collection(str(copy))
        col.close(downgrade=True)
    assert client.send("upload", copy.read_bytes()).body == b"OK"
    assert server.notes(account) == FIRST_NOTES
    (head,) = server.tables(account)["col"]
    assert head["ver"] == 18


def test_a_collection_with_sqlites_own_statistics_is_taken(
    server: WatchedServer, account: Account, client: WatchedClient, copy: Path
) -> None:
    change(copy, "create index own on notes (mod)", "analyze")
    assert client.send("upload", copy.read_bytes()).body == b"OK"
    assert server.notes(account) == FIRST_NOTES
