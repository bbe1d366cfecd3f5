"""Kept row counts are those of the tables, or they are not used."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from syncserver import events
from syncserver.collections.libanki import LibankiCollection
from syncserver.sync.row_counts import (
    BELIEVED,
    LARGE_TABLES,
    RowCounts,
    counted,
    keep,
    new_rows,
    trusted_counts,
)


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[LibankiCollection]:
    opened = LibankiCollection(tmp_path / "collection.anki2")
    yield opened
    opened.close()


def add_reviews(collection: LibankiCollection, *ids: int) -> None:
    sql = "insert into revlog values (?, 1, 0, 3, 1, 1, 2500, 1000, 1)"
    collection.execute_many(sql, [[review] for review in ids])


def kept(collection: LibankiCollection) -> RowCounts:
    keep(collection, counted(collection))
    trusted = trusted_counts(collection)
    assert trusted is not None
    return trusted


def test_a_collection_that_was_just_opened_has_to_be_counted(collection: LibankiCollection) -> None:
    assert trusted_counts(collection) is None


def test_every_large_table_is_counted(collection: LibankiCollection) -> None:
    add_reviews(collection, 1, 2, 3)
    assert counted(collection).rows == {"cards": 0, "notes": 0, "revlog": 3}
    assert set(counted(collection).rows) == set(LARGE_TABLES)


def test_counts_are_kept_as_long_as_nobody_writes(collection: LibankiCollection) -> None:
    add_reviews(collection, 1, 2)
    assert kept(collection).rows["revlog"] == 2
    collection.rows("select * from revlog")
    assert trusted_counts(collection) is not None


@pytest.mark.parametrize(
    "sql",
    [
        "delete from revlog where id = 1",
        "update revlog set ease = 4",
        "insert into graves (oid, type, usn) values (1, 0, 0)",
    ],
)
def test_counts_are_dropped_when_somebody_else_has_written(
    collection: LibankiCollection, sql: str
) -> None:
    add_reviews(collection, 1, 2)
    kept(collection)
    collection.execute(sql)
    assert trusted_counts(collection) is None


def test_a_sync_that_lost_count_leaves_none_behind(collection: LibankiCollection) -> None:
    kept(collection)
    keep(collection, None)
    assert trusted_counts(collection) is None


def test_only_ids_that_are_not_stored_are_new_and_each_once(collection: LibankiCollection) -> None:
    add_reviews(collection, 1, 2**62)
    assert new_rows(collection, "revlog", []) == 0
    assert new_rows(collection, "revlog", [1, 2**62]) == 0
    assert new_rows(collection, "revlog", [1, 2, 3, 3, -(2**63), 2**63 - 1]) == 4


def test_kept_counts_are_counted_now_and_then(collection: LibankiCollection) -> None:
    kept(collection)
    with structlog.testing.capture_logs() as logged:
        trusted = [trusted_counts(collection) is not None for _ in range(BELIEVED)]
    assert trusted == [True] * (BELIEVED - 1) + [False]
    assert logged == []


def test_wrong_counts_are_reported_when_they_are_compared(collection: LibankiCollection) -> None:
    counts = kept(collection)
    counts.add("cards", 1)
    with structlog.testing.capture_logs() as logged:
        for _ in range(BELIEVED):
            trusted_counts(collection)
    assert [line["event"] for line in logged] == [events.COUNTS_WRONG]
