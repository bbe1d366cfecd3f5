"""Errands in several steps: whoever leaves in the middle leaves nothing behind."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncserver.collections import data_root_lock
from syncserver.collections.libanki import LibankiCollection
from syncserver.errands import channel
from syncserver.errands.channel import ErrandListener, NoAnswer, Request, talking_to_server
from syncserver.errands.errand import ErrandFailed, Talk, hold
from syncserver.errors import SyncConflict
from syncserver.services import Services
from syncserver.settings import Settings

PATIENCE = 30.0


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    services = Services(Settings(data_root=tmp_path, sync_wait=0, api_wait=0))
    services.accompany("errands", ErrandListener)
    services.start()
    yield services
    services.close()
    data_root_lock.release(tmp_path)


def lend(*, media: bool = False) -> Request:
    return Request("lend", {"folder": "anna", "media": media})


def edit(folder: str = "anna") -> Request:
    return Request("edit", {"folder": folder})


def assert_free(services: Services, folder: str = "anna") -> None:
    """Wait until the collection can be had again and no copy is left."""
    deadline = time.monotonic() + PATIENCE
    temporary = services.settings.users_folder / folder / "tmp"
    while True:
        try:
            with services.collections.borrow(folder):
                assert list(temporary.iterdir()) == []
                return
        except (AssertionError, SyncConflict):
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_a_copy_is_lent_until_it_is_given_back(services: Services) -> None:
    with talking_to_server(services.settings.data_root, lend(media=True)) as converse:
        lent = converse(None)
        copy = Path(lent["collection"])
        assert copy.exists()
        assert lent["files"] == 0
        with services.collections.borrow("anna") as lease:
            assert lease.collection.scalar("select count() from notes") == 0
        assert converse({}) == {}
    assert_free(services)
    assert not copy.exists()


def test_a_script_that_hangs_up_leaves_nothing(services: Services) -> None:
    for request in (lend(), edit()):
        with talking_to_server(services.settings.data_root, request) as converse:
            assert Path(converse(None)["collection"]).exists()
        assert_free(services)


def test_while_a_collection_is_edited_nobody_else_has_it(services: Services) -> None:
    root = services.settings.data_root
    with talking_to_server(root, edit()) as converse:
        copy = Path(converse(None)["collection"])
        with (
            talking_to_server(root, edit()) as second,
            pytest.raises(ErrandFailed, match="Another device is syncing"),
        ):
            second(None)
        with talking_to_server(root, edit("berta")) as other:
            assert other(None)
        change(copy)
        assert converse({"commit": True}) == {"committed": True}
    assert_free(services)
    with services.collections.borrow("anna") as lease:
        assert lease.collection.scalar("select val from config where key = 'x'") == [49]


def change(copy: Path) -> None:
    collection = LibankiCollection(copy)
    collection.execute("insert into config values ('x', 0, 0, cast('1' as blob))")
    collection.close()


def test_changes_that_are_not_committed_are_gone(services: Services) -> None:
    with talking_to_server(services.settings.data_root, edit()) as converse:
        change(Path(converse(None)["collection"]))
        assert converse({"commit": False}) == {"committed": False}
    with services.collections.borrow("anna") as lease:
        assert lease.collection.scalar("select count() from config where key = 'x'") == 0


def test_an_edit_that_spoils_the_copy_is_refused(services: Services) -> None:
    with talking_to_server(services.settings.data_root, edit()) as converse:
        Path(converse(None)["collection"]).write_bytes(b"spoiled")
        with pytest.raises(ErrandFailed, match="not an Anki collection"):
            converse({"commit": True})
    assert_free(services)


def test_a_server_that_stops_ends_its_talks(services: Services) -> None:
    with talking_to_server(services.settings.data_root, edit()) as converse:
        converse(None)
        stopping = threading.Thread(target=services.close)
        stopping.start()
        stopping.join(PATIENCE)
        assert not stopping.is_alive()
        with pytest.raises((ErrandFailed, NoAnswer)):
            converse({"commit": True})


def test_nobody_holds_a_collection_for_ever(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "MOST_SILENCE_SECONDS", 0.0)
    with talking_to_server(services.settings.data_root, edit()) as converse:
        converse(None)
        assert_free(services)
        with pytest.raises(ErrandFailed, match="nobody has answered for too long"):
            converse({"commit": True})


def test_an_operator_may_think_for_longer_than_signs_of_life_are_read(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "SIGN_SECONDS", 0.0005)
    monkeypatch.setattr(channel, "PATIENCE_SECONDS", 1)
    with talking_to_server(services.settings.data_root, edit()) as converse:
        copy = Path(converse(None)["collection"])
        time.sleep(1.5)
        change(copy)
        assert converse({"commit": True}) == {"committed": True}
    assert_free(services)


def test_a_talk_is_held_to_its_end_and_closed_when_the_other_side_is_gone() -> None:
    ended: list[str] = []

    def talk() -> Talk:
        try:
            first = yield "one"
            second = yield "two"
        finally:
            ended.append("cleaned up")
        return [first, second]

    assert hold(talk(), {"one": 1, "two": 2}.__getitem__) == [1, 2]
    with pytest.raises(EOFError):
        hold(talk(), lambda _told: (_ for _ in ()).throw(EOFError()))
    assert ended == ["cleaned up"] * 2
