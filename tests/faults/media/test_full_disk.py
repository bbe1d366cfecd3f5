"""A full disk: a clear error, nothing lost, and all is well when there is room again."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from anki.errors import SyncError

from tests.media.conftest import NewMediaDevice
from tests.support.accounts import Account
from tests.support.media_client import MediaClient
from tests.support.media_device import (
    bring_media_into_step,
    media_of,
    sha1,
    sync_media,
    write_media,
)
from tests.support.media_server import MediaServer, running_media_server, small_disk
from tests.support.media_zip import upload_zip

DISK_MEGABYTES = 12
BLOCK = 4096


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MediaServer]:
    """A server whose data root is a small disk."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "data").mkdir()
    with small_disk(folder / "data", DISK_MEGABYTES):
        yield from running_media_server(folder, {})


class Filler:
    """A file that takes the disk's room away."""

    def __init__(self, data_root: Path) -> None:
        self._path = data_root / "filler"

    def leave_free(self, size: int) -> None:
        """Fill the disk up to so many free bytes."""
        self.remove()
        free = shutil.disk_usage(self._path.parent).free
        with self._path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(free - size, 1))

    def remove(self) -> None:
        """Make room again."""
        self._path.unlink(missing_ok=True)


@pytest.fixture
def filler(server: MediaServer) -> Iterator[Filler]:
    filler = Filler(server.data_root)
    yield filler
    filler.remove()


def test_an_upload_larger_than_the_room_is_refused_as_passing_trouble(
    server: MediaServer, account: Account, client: MediaClient
) -> None:
    client.upload(("a.png", b"a"))
    reply = client.send("uploadChanges", upload_zip(("large.png", os.urandom(15_000_000))))
    assert reply.status == 503
    assert reply.body == b"The server's disk is full; nothing was changed.\n"
    assert client.begin() == 1
    assert server.files(account) == {"a.png": sha1(b"a")}
    server.assert_clean(account)
    assert client.upload(("b.png", b"b")) == (1, 2)


def test_what_is_there_can_be_read_on_a_full_disk(
    server: MediaServer, account: Account, client: MediaClient, filler: Filler
) -> None:
    client.upload(("a.png", b"a"), ("b.png", b"b"))
    filler.leave_free(0)
    assert client.send("uploadChanges", upload_zip(("c.png", b"c"))).status == 503
    assert client.begin() == 2
    assert len(client.changes()) == 2
    assert client.download(["a.png", "b.png"]) == [("a.png", b"a"), ("b.png", b"b")]
    assert client.sanity(2) == "OK"


def test_wherever_the_room_ends_an_upload_is_taken_whole_or_not_at_all(
    server: MediaServer, account: Account, client: MediaClient, filler: Filler
) -> None:
    """With a little more room each time, so that every step of the work is the first to fail."""
    kept = {"replaced.png": b"version 0", "deleted 0.png": b"x"}
    client.upload(*kept.items())
    statuses = []
    number = 0
    for blocks in (*range(0, 20, 4), *range(20, 45), *range(45, 80, 5)):
        filler.leave_free(blocks * BLOCK)
        files = {f"{number} {one}.png": os.urandom(9000) for one in range(4)}
        replaced = {"replaced.png": b"version %d" % (number + 1)}
        added = {f"deleted {number + 1}.png": b"x"}
        gone = f"deleted {number}.png"
        zip_file = upload_zip(*files.items(), *replaced.items(), *added.items(), (gone, None))
        reply = client.send("uploadChanges", zip_file)
        filler.remove()
        statuses.append(reply.status)
        if reply.status == 200:
            kept.update(**files, **replaced, **added)
            del kept[gone]
            number += 1
        assert server.files(account) == {name: sha1(content) for name, content in kept.items()}
        server.assert_clean(account)
        for folder in (server.folder(account) / "media-trash").iterdir():
            assert list(folder.iterdir()), "an upload that was refused left an empty folder"
    assert set(statuses) == {200, 503}
    assert statuses[0] == 503
    assert statuses[-1] == 200


def test_a_device_that_was_turned_away_syncs_again_when_there_is_room(
    server: MediaServer, account: Account, new_device: NewMediaDevice, filler: Filler
) -> None:
    laptop, phone = new_device("laptop"), new_device("phone")
    for number in range(40):
        write_media(laptop, f"{number}.png", os.urandom(20_000))
    filler.leave_free(500_000)
    with pytest.raises(SyncError) as shown:
        sync_media(laptop)
    assert "try again" in str(shown.value)
    server.assert_clean(account)
    filler.remove()
    bring_media_into_step(laptop, phone)
    assert media_of(phone) == media_of(laptop) == server.files(account)
    assert len(media_of(phone)) == 40
    server.assert_clean(account)
