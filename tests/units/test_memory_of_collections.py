"""What SQLite has read of a collection stays in memory only as long as somebody uses it."""

import ctypes
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncserver.collections import slot
from syncserver.collections.api_work import Work, api_work
from syncserver.collections.lease import Collections, Lease
from syncserver.collections.page_cache import forget_pages
from syncserver.collections.slot import Caller
from syncserver.settings import Settings
from syncserver.sync.row_counts import counted

MEGABYTE = 1_000_000
ROWS, ROW_BYTES = 1500, 4000
PHONE = Caller(key_id=1, session_key="phone")


class _Mallinfo(ctypes.Structure):
    """What mallinfo2(3) of glibc tells; `uordblks` are the bytes in use."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    )
    uordblks: int


def allocated() -> int:
    """Return how many bytes the C library has handed out and not got back."""
    mallinfo = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if mallinfo is None:
        pytest.skip("the C library does not tell what is allocated")
    mallinfo.restype = _Mallinfo
    return int(mallinfo().uordblks)


@pytest.fixture
def collections(tmp_path: Path) -> Iterator[Collections]:
    (tmp_path / "users").mkdir()
    made = Collections(Settings(data_root=tmp_path))
    with made.lease("user") as lease:
        _fill(lease)
    yield made
    made.close(wait_seconds=0)


def _fill(lease: Lease) -> None:
    rows = [[number, "x" * ROW_BYTES] for number in range(ROWS)]
    insert = "insert into notes values (?, ?1, 1, 1, 0, '', ?, '', 0, 0, '')"
    lease.collection.execute_many(insert, rows)
    lease.close_collection()


def read_all(lease: Lease) -> None:
    lease.collection.scalar("select sum(length(flds)) from notes")


def test_what_was_read_of_a_resting_collection_is_forgotten(
    collections: Collections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slot, "PAGES_KEPT_SECONDS", 3600.0)
    with collections.lease("user") as lease:
        read_all(lease)
    full = allocated()
    assert collections.tidy() == 0
    assert allocated() > full - MEGABYTE
    monkeypatch.setattr(slot, "PAGES_KEPT_SECONDS", 0.0)
    assert collections.tidy() == 1
    assert allocated() < full - 4 * MEGABYTE


def test_it_is_forgotten_once_after_each_use(
    collections: Collections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slot, "PAGES_KEPT_SECONDS", 0.0)
    for _use in range(2):
        with collections.lease("user") as lease:
            read_all(lease)
        assert [collections.tidy(), collections.tidy()] == [1, 0]


def test_the_pages_of_a_sync_in_progress_stay(
    collections: Collections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slot, "PAGES_KEPT_SECONDS", 0.0)
    with collections.lease("user", PHONE) as lease:
        lease.collection.begin()
        lease.reserve(PHONE, "a sync")
    assert collections.tidy() == 0


def test_a_collection_that_is_used_is_left_alone(
    collections: Collections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slot, "PAGES_KEPT_SECONDS", 0.0)
    with collections.lease("user") as lease:
        read_all(lease)
        assert collections.tidy() == 0


def test_what_was_read_to_count_rows_is_forgotten_at_once(collections: Collections) -> None:
    with collections.lease("user") as lease:
        read_all(lease)
        full = allocated()
        counted(lease.collection)
        assert allocated() < full - 4 * MEGABYTE


@pytest.mark.parametrize("undone", [False, True])
def test_what_can_be_undone_or_redone_stays(
    collections: Collections, monkeypatch: pytest.MonkeyPatch, undone: bool
) -> None:
    monkeypatch.setattr(slot, "PAGES_KEPT_SECONDS", 0.0)
    with api_work(collections, "user", Work(change=True)) as collection:
        collection.decks.add_normal_deck_with_name("French")
        if undone:
            collection.undo()
        before = collection.undo_status()
    collections.tidy()
    with api_work(collections, "user", Work(change=False)) as collection:
        after = collection.undo_status()
    assert (after.undo, after.redo) == (before.undo, before.redo)
    assert after.undo or after.redo


def test_nothing_that_is_written_is_forgotten(
    collections: Collections, monkeypatch: pytest.MonkeyPatch
) -> None:
    with collections.lease("user") as lease:
        lease.collection.begin()
        lease.collection.execute("update notes set mod = 7")
        forget_pages(lease.collection)
        lease.collection.commit()
    monkeypatch.setattr(slot, "PAGES_KEPT_SECONDS", 0.0)
    collections.tidy()
    with collections.lease("user") as lease:
        assert lease.collection.scalar("select count() from notes where mod = 7") == ROWS
