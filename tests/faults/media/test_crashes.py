"""A killed server, at any moment: devices just sync again, and index and files stay in step."""

import http.client
import json
import os
import random
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import pytest
from anki.errors import NetworkError, SyncError

from syncserver.media.trash_folder import new_folder_name
from tests.media.conftest import NewMediaDevice
from tests.support.accounts import Account
from tests.support.device import Device
from tests.support.media_client import MediaClient, compressed_pieces
from tests.support.media_connection import MediaConnection
from tests.support.media_device import (
    bring_media_into_step,
    media_of,
    sha1,
    start_media_sync,
    sync_media,
    wait_for_media,
    write_media,
)
from tests.support.media_server import (
    MediaServer,
    assert_nothing_unexpected,
    wait_until,
)
from tests.support.media_zip import upload_zip

ROUNDS = 6
BATCH = "0123456789abcdef"


@pytest.fixture
def stopped(server: MediaServer, account: Account, client: MediaClient) -> Iterator[MediaServer]:
    """The server, ended after the account got two files; tests build a crash and start it."""
    client.upload(("old.png", b"old"), ("replaced.png", b"before"))
    server.stop()
    try:
        yield server
    finally:
        server.stop()
        server.start()


def interrupted_batch(
    server: MediaServer, account: Account, *, moves: list[dict[str, object]]
) -> Path:
    """Make the folder of an upload whose journal was written before the crash."""
    folder = server.folder(account) / "media-incoming" / BATCH
    folder.mkdir()
    journal = {"trash": new_folder_name(), "moves": moves}
    (folder / "journal.json").write_text(json.dumps(journal), encoding="utf-8")
    return folder


def change_index(server: MediaServer, account: Account, *statements: str) -> None:
    with closing(sqlite3.connect(server.folder(account) / "media.db")) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def row(name: str, content: bytes, usn: int, size: int | None = None) -> str:
    size = len(content) if size is None else size
    return f"insert or replace into media values ('{name}', x'{sha1(content)}', {size}, {usn}, 1)"


MOVES: list[dict[str, object]] = [
    {"name": "new.png", "file": "0", "sha1": sha1(b"new")},
    {"name": "replaced.png", "file": "1", "sha1": sha1(b"after")},
    {"name": "old.png", "file": None, "sha1": None},
]
COMMIT = (
    row("new.png", b"new", 3),
    row("replaced.png", b"after", 4),
    row("old.png", b"old", 5, size=0),
    "update meta set last_usn = 5, total_bytes = 8, total_nonempty_files = 2",
)


@pytest.mark.parametrize("played", [0, 1, 2, 3], ids="{} moves were made".format)
def test_an_upload_that_was_committed_before_the_crash_is_finished_at_the_next_start(
    stopped: MediaServer, account: Account, client: MediaClient, played: int
) -> None:
    media = stopped.folder(account) / "media"
    batch = interrupted_batch(stopped, account, moves=MOVES)
    (batch / "0").write_bytes(b"new")
    (batch / "1").write_bytes(b"after")
    change_index(stopped, account, *COMMIT)
    trash = (
        media.with_name("media-trash") / json.loads((batch / "journal.json").read_text())["trash"]
    )
    trash.mkdir()
    if played >= 1:
        os.rename(batch / "0", media / "new.png")
    if played >= 2:
        os.rename(media / "replaced.png", trash / "replaced.png")
    if played >= 3:
        os.rename(batch / "1", media / "replaced.png")
    stopped.start()
    assert client.begin() == 5
    assert dict(client.download(["replaced.png", "new.png"])) == {
        "replaced.png": b"after",
        "new.png": b"new",
    }
    assert stopped.trash(account) == {"old.png": [b"old"], "replaced.png": [b"before"]}
    stopped.assert_clean(account)


def test_an_upload_that_was_not_committed_is_dropped(
    stopped: MediaServer, account: Account, client: MediaClient
) -> None:
    batch = interrupted_batch(stopped, account, moves=MOVES)
    (batch / "0").write_bytes(b"new")
    (batch / "1").write_bytes(b"after")
    (stopped.folder(account) / "media-trash" / new_folder_name()).mkdir()
    stopped.start()
    assert client.begin() == 2
    assert stopped.files(account) == {"old.png": sha1(b"old"), "replaced.png": sha1(b"before")}
    assert stopped.trash(account) == {}
    stopped.assert_clean(account)


def test_what_was_half_written_is_gone_after_the_start_before_anybody_asks(
    stopped: MediaServer, account: Account
) -> None:
    folder = stopped.folder(account)
    (folder / "tmp" / "half a zip").write_bytes(b"x" * 1000)
    (folder / "media-incoming" / BATCH).mkdir()
    (folder / "media-incoming" / BATCH / "0").write_bytes(b"half a file")
    stopped.start()
    assert stopped.unfinished(account) == []
    stopped.assert_clean(account)


def test_a_server_killed_again_and_again_while_a_device_uploads_loses_nothing(
    server: MediaServer, account: Account, new_device: NewMediaDevice
) -> None:
    laptop = new_device("laptop")
    chance = random.Random(7)
    for number in range(40 * ROUNDS):
        write_media(laptop, f"{number} ü.png", chance.randbytes(chance.choice((10, 2000, 60_000))))
    for _ in range(ROUNDS):
        kill_during_media_sync(server, laptop, after_seconds=chance.uniform(0.02, 0.5))
        # What the index says is on disk, whatever the moment was.
        server.assert_clean(account)
    expected = media_of(laptop)
    phone = new_device("phone")
    bring_media_into_step(laptop, phone)
    assert media_of(phone) == media_of(laptop) == expected == server.files(account)
    server.assert_clean(account)
    assert_nothing_unexpected(server)


def test_a_server_killed_while_a_device_downloads_is_asked_again(
    server: MediaServer, account: Account, new_device: NewMediaDevice
) -> None:
    laptop, phone = new_device("laptop"), new_device("phone")
    chance = random.Random(8)
    for number in range(120):
        write_media(laptop, f"{number}.png", chance.randbytes(30_000))
    sync_media(laptop)
    for _ in range(3):
        kill_during_media_sync(server, phone, after_seconds=chance.uniform(0.02, 0.3))
    bring_media_into_step(phone, laptop)
    assert media_of(phone) == media_of(laptop) == server.files(account)
    assert len(media_of(phone)) == 120
    server.assert_clean(account)


def kill_during_media_sync(server: MediaServer, device: Device, *, after_seconds: float) -> None:
    start_media_sync(device)
    time.sleep(after_seconds)
    server.kill()
    with suppress(NetworkError, SyncError):  # the server cannot be reached
        wait_for_media(device)
    server.start()


def test_uploads_that_were_answered_survive_the_kill_that_follows(
    server: MediaServer, account: Account, client: MediaClient
) -> None:
    """Raw requests one after another, so that the kill hits every part of the work on one."""
    answered: list[int] = []

    def upload_until_killed() -> None:
        for number in range(1000):
            changes = [(f"{number}-{one}.png", os.urandom(3000)) for one in range(5)]
            replaced = [("always.png", b"version %d" % number)]
            try:
                client.upload(*changes, *replaced)
            except (OSError, http.client.HTTPException):
                return
            answered.append(number)

    for round_number in range(4):
        with ThreadPoolExecutor(1) as background:
            started = len(answered)
            upload = background.submit(upload_until_killed)
            wait_until(partial(answered_more_than, answered, started), "an upload was answered")
            time.sleep(0.013 * round_number)
            server.kill()
            upload.result()
        server.start()
        stored = server.files(account)
        numbers = answered[started:]
        assert {f"{number}-{one}.png" for number in numbers for one in range(5)} <= stored.keys()
        assert stored["always.png"] in {
            sha1(b"version %d" % number) for number in (numbers[-1], numbers[-1] + 1)
        }
        server.assert_clean(account)


def answered_more_than(answered: list[int], number: int) -> bool:
    return len(answered) > number


def test_an_upload_that_breaks_off_leaves_nothing(
    server: MediaServer, account: Account, client: MediaClient
) -> None:
    client.upload(("a.png", b"a"))
    pieces = list(compressed_pieces(upload_zip(("b.png", os.urandom(5_000_000)))))
    with closing(MediaConnection(client, "uploadChanges")) as connection:
        for piece in pieces[: len(pieces) // 2]:
            connection.piece(piece)
        wait_until(lambda: server.unfinished(account), "the server has begun to write the upload")
    wait_until(lambda: not server.unfinished(account), "the server has removed it")
    assert client.begin() == 1
    server.assert_clean(account)


def test_a_download_that_is_given_up_leaves_no_file_open(
    server: MediaServer, account: Account, client: MediaClient
) -> None:
    names = [f"{number}.png" for number in range(30)]
    client.upload(*((name, os.urandom(1_000_000)) for name in names))
    media = server.folder(account) / "media"
    with closing(MediaConnection(client, "downloadFiles")) as connection:
        connection.piece(b"".join(compressed_pieces(json.dumps({"files": names}).encode())))
        connection.end()
        assert connection.first_bytes_of_answer().startswith(b"HTTP/1.1 200")
        assert server.open_files(media)
    wait_until(lambda: not server.open_files(media), "the server has closed the files")
