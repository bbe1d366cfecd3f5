"""What takes a collection's place looks new to every device, whatever the clock says."""

from dataclasses import replace
from pathlib import Path

import pytest

from syncserver.collections.committed import read_committed_state
from syncserver.sync.collection_file import opened
from syncserver.sync.new_stamps import look_new

FUTURE = 4_000_000_000_000


@pytest.mark.parametrize("ahead", ["modified", "schema_modified"])
def test_times_are_later_than_all_that_devices_may_have_seen(tmp_path: Path, ahead: str) -> None:
    with opened(tmp_path / "collection.anki2") as collection:
        before = read_committed_state(collection)
        look_new(collection, replace(before, usn=41, **{ahead: FUTURE}))
        after = read_committed_state(collection)
    assert after.modified == after.schema_modified > FUTURE
    assert after.usn == 42


def test_without_anything_that_is_replaced_its_own_stamps_count(tmp_path: Path) -> None:
    with opened(tmp_path / "collection.anki2") as collection:
        collection.execute("update col set mod = ?, usn = -1", FUTURE)
        look_new(collection, None)
        after = read_committed_state(collection)
    assert after.modified == after.schema_modified == FUTURE + 1
    assert after.usn == 0
