"""People move in from ankisyncd, anki-sync-server and their kin, with the password they know."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import NewDevice
from tests.moving.conftest import Operating
from tests.support.accounts import Account
from tests.support.device import FULL_DOWNLOAD, NO_CHANGES
from tests.support.media_client import media_client
from tests.support.media_device import media_of, sha1, sync_media
from tests.support.moving_server import MovingServer
from tests.support.old_anki import OLD_ANKIS
from tests.support.old_client import OldClient
from tests.support.old_hashes import ankisyncd_hash
from tests.support.old_servers import (
    MediaRow,
    write_auth_db,
    write_auth_db_of,
    write_media,
    write_media_of_client,
)
from tests.support.stored_files import change, copy_of

# Made by an Anki whose collections have schema 11, as those of the old servers.
OLD_ANKI = OLD_ANKIS[0]
ANNA = Account("anna", "Größe 1")
CONTROL_CHARACTERS = "a user name must not hold line breaks or other control characters"
ROWS: list[MediaRow] = [("cat.png", b"cat", 4), ("gone.png", None, 6), ("ü.mp3", b"sound", 7)]


@pytest.fixture
def old_client(server: MovingServer, tmp_path: Path) -> Iterator[OldClient]:
    """An old Anki that is in step with the server it has synced with so far."""
    client = OldClient(OLD_ANKI, tmp_path / "old client", server.url)
    client.login(server.new_account())
    client.add_note("old note", "", tags=["a::b"])
    client.review(client.add_note("learnt", "here"))
    client.add_deck("Languages::French")
    assert client.sync() == "FULL_UPLOAD"
    client.upload()
    yield client
    client.close()


@pytest.fixture
def old_folder(old_client: OldClient, tmp_path: Path) -> Path:
    """The folder of an old server, which holds what that client has uploaded."""
    folder = tmp_path / "ankisyncd"
    user = folder / "collections" / ANNA.name
    user.mkdir(parents=True)
    old_client.copy_as_schema_11(user / "collection.anki2")
    with closing(sqlite3.connect(user / "collection.anki2")) as database:
        assert database.execute("select ver from col").fetchone() == (11,)
    write_media(user, ROWS)
    return folder


@pytest.fixture
def anna(server: MovingServer) -> Iterator[Account]:
    """A user of the old server, who is gone from ours afterwards."""
    yield ANNA
    server.ctl("deluser", ANNA.name, "--purge", "--yes")


@pytest.mark.parametrize("column", ["user", "username"])
def test_an_old_device_goes_on_with_the_old_password(
    server: MovingServer,
    anna: Account,
    old_client: OldClient,
    old_folder: Path,
    operating: Operating,
    unused_device: NewDevice,
    column: str,
) -> None:
    write_auth_db_of(old_folder, anna, column=column)
    before = old_client.contents()
    with operating():
        result = server.must("import", anna.name, old_folder, "--create")
    assert "the password of the old server is valid here too" in result.errors
    assert anna.password not in result.output + result.errors
    assert not server.stored_hash(anna).startswith("$argon2id$")
    assert server.login_status(Account(anna.name, "wrong")) == 403

    old_client.login(anna)

    assert server.stored_hash(anna).startswith("$argon2id$")
    assert old_client.sync() == "NO_CHANGES"
    assert old_client.contents() == before
    new = unused_device("new").login(server.url, anna)
    assert new.sync() == FULL_DOWNLOAD
    new.download()
    old_client.add_note("after the move", "")
    assert old_client.sync() == "NO_CHANGES"
    assert new.sync() == NO_CHANGES
    assert len(new.col.find_notes("")) == 3
    assert old_client.check_database() == ""


def test_media_keep_their_usns_and_deletions(
    server: MovingServer, anna: Account, old_folder: Path, unused_device: NewDevice
) -> None:
    write_auth_db_of(old_folder, anna)
    server.must("import", anna.name, old_folder, "--create")
    client = media_client(server, anna)
    assert client.begin() == 7
    assert client.changes(3) == [
        ("cat.png", 4, sha1(b"cat")),
        ("gone.png", 6, ""),
        ("ü.mp3", 7, sha1(b"sound")),
    ]
    assert client.changes(6) == [("ü.mp3", 7, sha1(b"sound"))]
    assert client.sanity(2) == "OK"
    device = unused_device("device").login(server.url, anna)
    sync_media(device)
    assert media_of(device) == {"cat.png": sha1(b"cat"), "ü.mp3": sha1(b"sound")}
    server.assert_clean(anna)


def test_every_user_moves_and_a_broken_collection_stops_nobody(
    server: MovingServer, old_folder: Path
) -> None:
    people = [Account(name, f"secret of {name}") for name in ("Zoë", "berta", "carl", "dora")]
    zoe, berta, carl, dora = people
    whole = (old_folder / "collections" / ANNA.name).rename(old_folder / "collections" / zoe.name)
    copy_of(whole / "collection.anki2", old_folder / "collections" / berta.name)
    broken = old_folder / "collections" / carl.name / "collection.anki2"
    broken.parent.mkdir()
    broken.write_bytes(b"SQLite format 3\0" + bytes(5000))
    hashes = {one.name: ankisyncd_hash(one.name, one.password) for one in people}
    write_auth_db(old_folder, {**hashes, "../evil": hashes["berta"], "ella": "md5"})

    result = server.ctl("import", "--all", old_folder, "--json")

    assert result.exit_code == 1
    done = {one["user"]: one for one in json.loads(result.output)}
    assert {name for name, one in done.items() if one["error"]} == {carl.name}
    assert done[zoe.name]["media"]["files"] == 2
    assert (done["ella"]["password"], done["berta"]["password"]) == (
        "none: ctl.py passwd",
        "the old one",
    )
    listed = {
        user["name"]: user["folder"] for user in json.loads(server.must("lsuser", "--json").output)
    }
    assert {zoe.name, berta.name, dora.name, "../evil", "ella"} <= set(listed)
    assert carl.name not in listed
    assert "/" not in listed["../evil"]
    for one in (zoe, berta, dora):
        assert server.login_status(one) == 200
    assert server.notes(zoe) == server.notes(berta) == ["learnt", "old note"]

    again = server.ctl("import", "--all", old_folder)
    assert again.exit_code == 2
    assert "--yes" in again.errors
    for name in listed:
        if not name.startswith("learner-"):
            server.must("deluser", name, "--purge", "--yes")


def test_of_a_name_with_a_line_break_nothing_is_imported(
    server: MovingServer, old_folder: Path
) -> None:
    name = "an\nna"
    (old_folder / "collections" / ANNA.name).rename(old_folder / "collections" / name)
    before = sorted((server.data_root / "users").iterdir())
    result = server.ctl("import", "--all", old_folder, "--json")
    assert [one["error"] for one in json.loads(result.output)] == [CONTROL_CHARACTERS]
    single = ("import", name, old_folder, "--create", "--password-stdin")
    assert server.ctl(*single, stdin="secret\n").errors == f"{CONTROL_CHARACTERS}\n"
    assert sorted((server.data_root / "users").iterdir()) == before


def test_an_account_that_was_here_keeps_its_password(
    server: MovingServer, account: Account, old_folder: Path
) -> None:
    user = old_folder / "collections" / ANNA.name
    user.rename(user.with_name(account.name))
    write_auth_db_of(old_folder, Account(account.name, "another one"))
    before = server.stored_hash(account)
    server.must("import", account.name, old_folder)
    assert server.stored_hash(account) == before
    assert server.notes(account) == ["learnt", "old note"]


def test_bytes_that_are_not_what_the_index_says_are_left_out_and_named(
    server: MovingServer, account: Account, old_folder: Path
) -> None:
    user = old_folder / "collections" / ANNA.name
    media = user / "collection.media"
    (user / "collection.media.server.db").unlink()
    rows: list[MediaRow] = [
        ("damaged.png", b"d", 1),
        ("missing.png", b"m", 2),
        ("sub/dir.png", None, 3),
        ("deleted.png", b"x", 4),
        ("cafe\u0301.png", b"c", 9),
    ]
    write_media(user, rows)
    change_index(user, "update media set csum = null where fname = 'deleted.png'")
    change_index(user, "insert into media values ('../../evil.png', 8, null)")
    (media / "damaged.png").write_bytes(b"other bytes")
    (media / "missing.png").unlink()
    (media / "stray.png").write_bytes(b"stray")
    (media / "empty.png").write_bytes(b"")
    (media / "folder.png").mkdir()
    (media / "link.png").symlink_to("/etc/passwd")
    files = json.loads(server.must("import", account.name, user, "--json").output)["media"]
    assert files["missing"] == ["missing.png"]
    assert sorted(files["damaged"]) == ["damaged.png", "empty.png"]
    assert sorted(files["impossible"]) == ["../../evil.png", "sub/dir.png"]
    assert files["index_used"]
    stored = set(server.files(account))
    assert {"stray.png", "caf\u00e9.png"} <= stored
    assert not stored & {"damaged.png", "empty.png", "deleted.png", "folder.png", "link.png"}
    server.assert_clean(account)
    assert media_client(server, account).begin() > 9


def change_index(user: Path, statement: str) -> None:
    change(user / "collection.media.server.db", statement)


def no_index(user: Path) -> None:
    (user / "collection.media.server.db").unlink()


def foreign_index(user: Path) -> None:
    (user / "collection.media.server.db").write_bytes(b"no database" * 500)


def other_tables(user: Path) -> None:
    change_index(user, "alter table media rename to other")


def index_of_a_client(user: Path) -> None:
    no_index(user)
    write_media_of_client(user, ROWS)


@pytest.mark.parametrize("spoil", [no_index, foreign_index, other_tables, index_of_a_client])
def test_without_a_usable_index_a_new_one_tells_every_device_of_all_files(
    server: MovingServer, account: Account, old_folder: Path, spoil: Callable[[Path], None]
) -> None:
    user = old_folder / "collections" / ANNA.name
    spoil(user)
    server.must("import", account.name, user)
    client = media_client(server, account)
    # What a device knows that was in step with the old server.
    told: dict[str, Any] = {name: digest for name, _usn, digest in client.all_changes()}
    assert {name for name, digest in told.items() if digest} == {"cat.png", "ü.mp3"}
    newer = {name for name, _usn, digest in client.changes(6) if digest}
    assert newer == {"cat.png", "ü.mp3"}
    assert len({usn for _name, usn, _digest in client.changes()}) == len(client.changes())
    server.assert_clean(account)


def test_identical_bytes_of_two_users_are_stored_once(
    server: MovingServer, old_folder: Path
) -> None:
    user = old_folder / "collections" / ANNA.name
    accounts = [server.new_account() for _ in range(2)]
    for account in accounts:
        server.must("import", account.name, user)
    inodes = {(server.folder(one) / "media" / "cat.png").stat().st_ino for one in accounts}
    assert len(inodes) == 1
    assert (user / "collection.media" / "cat.png").stat().st_nlink == 1, "the old file is no part"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nobody", "{folder}"], "there is no user called 'nobody': --create adds one"),
        (["{user}", "{folder}/nothing"], "there is no such file or folder"),
        (["{user}", "{folder}"], "there is no collection of '{user}'"),
        (["{user}", "{folder}/collections/anna/collection.media"], "no users of a sync server"),
        (["{user}", "{data}/users"], "belongs to this server"),
        (["--all", "{data}"], "belongs to this server"),
        (["--all", "{folder}/collections/anna/collection.media"], "no users of a sync server"),
        (["{user}"], "name a user and a file, or say --all FOLDER"),
        (["{user}", "{folder}", "--all", "{folder}"], "name a user and a file"),
    ],
)
def test_what_cannot_be_imported_is_said_in_words(
    server: MovingServer, account: Account, old_folder: Path, arguments: list[str], words: str
) -> None:
    names = {"user": account.name, "folder": str(old_folder), "data": str(server.data_root)}
    if "nobody" in arguments:
        user = old_folder / "collections" / ANNA.name
        user.rename(user.with_name("nobody"))
    result = server.ctl("import", *[word.format(**names) for word in arguments])
    assert result.exit_code != 0
    assert words.format(**names) in result.errors
    assert not (server.folder(account) / "collection.anki2").exists()
