"""Whole collections to and from old clients: schema 11 on the wire, schema 18 on the server."""

import gzip
import json
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from anki.collection import Collection

from tests.conftest import AllSidesAgree, NewDevice
from tests.support.accounts import Account
from tests.support.contents import contents
from tests.support.device import FULL_DOWNLOAD, FULL_SYNC, NO_CHANGES, Device
from tests.support.form_client import FormClient, Python2Client, Rust10Client, in_pieces
from tests.support.forms import form, payload, text
from tests.support.our_server import OurServer
from tests.support.stored_files import Row, copy_of, read_tables

CLIENTS = [FormClient, Python2Client, Rust10Client]
# Bytes 18 and 19 of an SQLite file say how it is written: 1 with a rollback journal, 2 with a log.
JOURNAL = slice(18, 20)
UNKNOWN = {"ofAnOldAddOn": {"a": [1, 2.5, None, "ü 🦉"]}}
SMALL = 200_000


@pytest.fixture(params=CLIENTS, ids=["AnkiDroid", "Anki 2.0", "Anki 2.1.49"])
def client(request: pytest.FixtureRequest, ours: OurServer, account: Account) -> FormClient:
    kind: type[FormClient] = request.param
    return kind(ours.url).login(account)


@pytest.fixture
def droid(ours: OurServer, account: Account) -> FormClient:
    return FormClient(ours.url).login(account)


def schema_11_file(device: Device, folder: Path) -> Path:
    """Return a copy of a device's collection in the form that old clients have."""
    device.close()
    folder.mkdir()
    copy = copy_of(Path(device.col.path), folder / "schema 11")
    device.col.reopen()
    Collection(str(copy)).close(downgrade=True)
    return copy


def one_row(path: Path) -> Row:
    """Return the row of `col`, in which schema 11 has everything but notes, cards and reviews."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        row = dict(connection.execute("select * from col").fetchone())
        assert connection.execute("pragma integrity_check").fetchall()[0][0] == "ok"
    for column in ("conf", "models", "decks", "dconf", "tags"):
        row[column] = json.loads(row[column])
    return row


def downloaded(client: FormClient, path: Path) -> Row:
    """Download the collection to a file and return its row of `col`."""
    reply = client.download()
    assert reply.status == 200, reply
    assert reply.headers["content-length"] == str(len(reply.body))
    path.write_bytes(reply.body)
    assert reply.body[JOURNAL] == b"\x01\x01"
    return one_row(path)


def test_a_download_is_a_file_of_schema_11(
    client: FormClient, laptop: Device, tmp_path: Path
) -> None:
    usn = laptop.db.scalar("select usn from col")
    row = downloaded(client, tmp_path / "downloaded.anki2")
    assert (row["ver"], row["usn"]) == (11, usn + 1)
    assert row["models"].keys() == {str(one.id) for one in laptop.col.models.all_names_and_ids()}
    assert row["decks"]["1"]["name"] == "Default"
    tables = read_tables(tmp_path / "downloaded.anki2")
    assert [note["flds"] for note in tables["notes"]] == laptop.db.list("select flds from notes")
    assert tables.keys() >= {"cards", "revlog", "graves"}
    assert tables.keys().isdisjoint({"notetypes", "decks", "deck_config", "tags", "config"})


def test_a_download_leaves_the_servers_own_file_as_it_was(
    droid: FormClient, laptop: Device, ours: OurServer, account: Account, tmp_path: Path
) -> None:
    # Both of these are lost on the way to schema 11.
    laptop.col.tags.bulk_add(laptop.col.find_notes(""), "folded::or not")
    laptop.col.tags.set_collapsed("folded", False)
    laptop.upload()
    assert laptop.sync() == NO_CHANGES
    laptop.col.set_config("stamped", 1)
    assert laptop.sync() == NO_CHANGES
    stored = ours.stored_collection(account)
    before = read_tables(copy_of(stored, tmp_path / "before"))
    downloaded(droid, tmp_path / "downloaded.anki2")

    after = read_tables(copy_of(stored, tmp_path / "after"))
    changed = {"usn": before["col"][0]["usn"] + 1, "mod": after["col"][0]["mod"]}
    assert after.pop("col") == [{**before.pop("col")[0], **changed}]
    assert after == before
    assert [row["collapsed"] for row in after["tags"] if row["tag"] == "folded"] == [0]
    assert any(row["usn"] for row in after["config"])
    assert list((ours.user_folder(account) / "tmp").iterdir()) == []


def test_a_download_leads_other_devices_to_one_small_sync(
    droid: FormClient, laptop: Device, all_sides_agree: AllSidesAgree, tmp_path: Path
) -> None:
    downloaded(droid, tmp_path / "downloaded.anki2")
    assert laptop.sync() == NO_CHANGES
    all_sides_agree(laptop)


def test_an_upload_of_schema_11_is_brought_to_the_newest_on_arrival(
    client: FormClient,
    laptop: Device,
    ours: OurServer,
    unused_device: NewDevice,
    all_sides_agree: AllSidesAgree,
    tmp_path: Path,
) -> None:
    laptop.add_note("four", "of a deck of its own", deck=laptop.add_deck("Languages::Latin"))
    laptop.col.tags.bulk_add(laptop.col.find_notes(""), "old::tag")
    laptop.upload()
    body = schema_11_file(laptop, tmp_path / "files").read_bytes()
    assert body[JOURNAL] == b"\x01\x01"
    other = ours.new_account()
    reply = client.login(other).upload(body)
    assert (reply.status, reply.body) == (200, b"OK")
    newest = unused_device("newest").login(ours.url, other)
    assert newest.sync() == FULL_DOWNLOAD
    newest.download()
    assert contents(newest.col) == contents(laptop.col)
    all_sides_agree(newest, of=other)


def test_every_unknown_key_survives_an_upload_and_a_download(
    droid: FormClient, laptop: Device, tmp_path: Path
) -> None:
    path = schema_11_file(laptop, tmp_path / "files")
    row = one_row(path)
    objects = [*row["models"].values(), *row["decks"].values(), *row["dconf"].values()]
    parts = [part for one in row["models"].values() for part in (*one["flds"], *one["tmpls"])]
    for one in (*objects, *parts, row["conf"]):
        one.update(UNKNOWN)
    write_row(path, row)
    assert droid.upload(path.read_bytes()).body == b"OK"
    received = downloaded(droid, tmp_path / "downloaded.anki2")
    for column in ("models", "decks", "dconf", "conf"):
        assert received[column] == row[column]


def test_unknown_keys_of_a_file_of_schema_11_reach_the_newest_client(
    droid: FormClient, laptop: Device, tmp_path: Path, all_sides_agree: AllSidesAgree
) -> None:
    path = schema_11_file(laptop, tmp_path / "files")
    row = one_row(path)
    [basic] = [one for one in row["models"].values() if one["name"] == "Basic"]
    for one in (basic, basic["flds"][0], basic["tmpls"][0], row["decks"]["1"], row["dconf"]["1"]):
        one.update(UNKNOWN)
    row["scm"] = row["mod"] = int(time.time() * 1000) + 1
    write_row(path, row)
    assert droid.upload(path.read_bytes()).body == b"OK"
    assert laptop.sync() == FULL_SYNC
    laptop.download()
    received = laptop.notetype("Basic")
    options = laptop.col.decks.config_dict_for_deck_id(laptop.deck("Default")["id"])
    for one in (
        received,
        received["flds"][0],
        received["tmpls"][0],
        laptop.deck("Default"),
        options,
    ):
        assert one["ofAnOldAddOn"] == UNKNOWN["ofAnOldAddOn"]
    all_sides_agree(laptop)


def write_row(path: Path, row: Row) -> None:
    values: dict[str, Any] = {
        column: json.dumps(value) if isinstance(value, dict) else value
        for column, value in row.items()
    }
    with closing(sqlite3.connect(path)) as connection:
        marks = ", ".join(f"{column} = :{column}" for column in values)
        connection.execute(f"update col set {marks}", values)
        connection.commit()


# What is refused


def unchanged(laptop: Device) -> bool:
    return laptop.sync() == NO_CHANGES and laptop.col.note_count() == 3


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b"no collection" * 100, "not an Anki collection"),
        (b"SQLite format 3\x00" + bytes(4096), "damaged"),
    ],
    ids=["nothing", "something else", "damaged"],
)
def test_people_are_told_in_words_why_their_upload_was_refused(
    droid: FormClient, laptop: Device, body: bytes, words: str
) -> None:
    reply = droid.upload(body)
    assert reply.status == 200
    assert words in reply.body.decode()
    assert unchanged(laptop)


def test_an_upload_that_was_cut_off_is_refused(droid: FormClient, laptop: Device) -> None:
    packed = gzip.compress(Path(laptop.col.path).read_bytes())[:-100]
    body = form(text("c", "1"), text("k", droid.host_key), payload(packed))
    reply = droid.post("sync/upload", in_pieces(body))
    assert reply.status == 400
    assert unchanged(laptop)


def test_an_upload_with_a_wrong_key_is_refused(droid: FormClient, laptop: Device) -> None:
    droid.host_key = "0" * 40
    assert droid.upload(b"anything").status == 403
    assert droid.download().status == 403
    assert unchanged(laptop)


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OurServer]:
    """A server that accepts small collections only."""
    limits = {"max_collection_bytes": SMALL, "max_request_bytes": SMALL}
    server = OurServer(tmp_path_factory.mktemp("narrow"), limits)
    yield server
    server.stop()


@pytest.mark.parametrize(
    "body",
    [bytes(SMALL + 1), random.Random(1).randbytes(SMALL + 100_000)],
    ids=["after expanding", "already on the wire"],
)
@pytest.mark.parametrize("kind", CLIENTS)
def test_people_are_told_that_their_collection_is_too_large(
    narrow: OurServer, kind: type[FormClient], body: bytes
) -> None:
    reply = kind(narrow.url).login(narrow.new_account()).upload(body)
    assert reply.status == 200
    assert "larger than this server accepts" in reply.body.decode()
