"""One call of the API on a collection: one transaction, stamps that devices see, undo, full syncs."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from anki.collection import Collection
from anki.decks import DeckId
from anki.notes import Note, NoteId

from syncserver.collections.api_work import NeedsFullSync, ReadHasChanged, Work, api_work
from syncserver.collections.lease import Collections
from syncserver.collections.libanki_errors import Missing, Rejected
from syncserver.settings import Settings

ME = "me"
Open = Callable[[], AbstractContextManager[Collection]]


@pytest.fixture
def collections(tmp_path: Path) -> Iterator[Collections]:
    (tmp_path / "users").mkdir()
    made = Collections(Settings(data_root=tmp_path))
    yield made
    made.close(wait_seconds=0)


@pytest.fixture
def changing(collections: Collections) -> Open:
    return lambda: api_work(collections, ME, Work(change=True))


@pytest.fixture
def reading(collections: Collections) -> Open:
    return lambda: api_work(collections, ME, Work(change=False))


def add(collection: Collection, front: str) -> NoteId:
    notetype = collection.models.by_name("Basic")
    assert notetype is not None
    note = Note(collection, notetype)
    note["Front"] = front
    collection.add_note(note, DeckId(1))
    return note.id


def remove_notes_and_fail(collection: Collection, *added: NoteId) -> None:
    collection.remove_notes(added[:1])
    collection.get_note(added[0])


def notes(reading: Open) -> list[NoteId]:
    with reading() as collection:
        return list(collection.find_notes(""))


def add_a_field(collection: Collection) -> None:
    basic = collection.models.by_name("Basic")
    assert basic is not None
    collection.models.add_field(basic, collection.models.new_field("Extra"))
    collection.models.update_dict(basic)


def test_a_change_is_told_by_meta_at_once(collections: Collections, changing: Open) -> None:
    before = collections.committed(ME)
    with changing() as collection:
        add(collection, "one")
    after = collections.committed(ME)
    assert after.modified > before.modified
    assert (after.usn, after.schema_modified) == (before.usn, before.schema_modified)
    assert (before.empty, after.empty) == (True, False)


def test_what_is_changed_carries_the_collections_present_usn(
    collections: Collections, changing: Open
) -> None:
    with collections.lease(ME) as lease:
        lease.collection.execute("update col set usn = 42")
        lease.close_collection()
    with changing() as collection:
        note = add(collection, "one")
        collection.tags.bulk_add([note], "tagged")
        collection.decks.add_normal_deck_with_name("Other")
        collection.remove_notes([add(collection, "two")])
        assert collection.db is not None
        for table in ("notes", "cards", "tags", "graves"):
            assert set(collection.db.list(f"select usn from {table}")) == {42}, table
        assert collection.db.scalar("select usn from decks where id <> 1") == 42


def test_no_two_changes_have_the_same_time(collections: Collections, changing: Open) -> None:
    times = set()
    for number in range(100):
        with changing() as collection:
            add(collection, str(number))
        times.add(collections.committed(ME).modified)
    assert len(times) == 100


def test_several_operations_are_undone_together_when_the_last_one_fails(
    changing: Open, reading: Open
) -> None:
    with pytest.raises(Missing), changing() as collection:
        remove_notes_and_fail(collection, add(collection, "one"), add(collection, "two"))
    assert notes(reading) == []


def test_what_was_rolled_back_cannot_be_undone_again(changing: Open, reading: Open) -> None:
    with changing() as collection:
        kept = add(collection, "kept")
    with pytest.raises(Missing), changing() as collection:
        remove_notes_and_fail(collection, add(collection, "lost"))
    with pytest.raises(Rejected), changing() as collection:
        collection.undo()
    assert notes(reading) == [kept]


def test_a_change_can_be_undone_by_a_later_call(
    collections: Collections, changing: Open, reading: Open
) -> None:
    with changing() as collection:
        kept = add(collection, "kept")
    before = collections.committed(ME)
    with changing() as collection:
        add(collection, "undone")
    with reading() as collection:
        collection.find_notes("kept")
    with pytest.raises(Missing), changing() as collection:
        collection.get_note(NoteId(5))
    with changing() as collection:
        assert collection.undo().operation == "Add Note"
    assert notes(reading) == [kept]
    # It is what it was, so it has the time that it had.
    assert collections.committed(ME) == before


def test_a_read_that_changes_something_is_a_mistake_and_leaves_nothing(
    collections: Collections, reading: Open
) -> None:
    assert notes(reading) == []
    before = collections.committed(ME)
    with pytest.raises(ReadHasChanged), reading() as collection:
        add(collection, "one")
    assert notes(reading) == []
    assert collections.committed(ME) == before


def test_reading_what_is_due_is_a_read(
    collections: Collections, changing: Open, reading: Open
) -> None:
    with changing() as collection:
        add(collection, "one")
    before = collections.committed(ME)
    with reading() as collection:
        assert len(collection.sched.get_queued_cards().cards) == 1
        assert collection.sched.deck_due_tree().new_count == 1
    assert collections.committed(ME) == before


def test_what_would_force_a_full_sync_is_refused_and_rolled_back(
    changing: Open, reading: Open
) -> None:
    with pytest.raises(NeedsFullSync), changing() as collection:
        add_a_field(collection)
    with reading() as collection:
        basic = collection.models.by_name("Basic")
        assert basic is not None
        assert collection.models.field_names(basic) == ["Front", "Back"]


def test_what_would_force_a_full_sync_is_done_when_it_is_allowed(
    collections: Collections, reading: Open
) -> None:
    before = collections.committed(ME)
    allowed = Work(change=True, allow_full_sync=True)
    with api_work(collections, ME, allowed) as collection:
        add_a_field(collection)
    assert collections.committed(ME).schema_modified > before.schema_modified
    with reading() as collection:
        basic = collection.models.by_name("Basic")
        assert basic is not None
        assert "Extra" in collection.models.field_names(basic)


def test_errors_of_libanki_become_ours(changing: Open) -> None:
    with pytest.raises(Missing), changing() as collection:
        collection.get_note(NoteId(5))
    with pytest.raises(Rejected, match="search"), changing() as collection:
        collection.find_notes("((")


def test_a_new_collection_gets_no_settings_of_the_server(reading: Open) -> None:
    with reading() as collection:
        assert collection.get_config("creationOffset") is None
        assert collection.get_config("localOffset") is None


def test_a_time_in_the_future_does_not_hold_a_change_up(
    collections: Collections, changing: Open
) -> None:
    future = 4_000_000_000_000
    with collections.lease(ME) as lease:
        lease.collection.execute("update col set mod = ?", future)
        lease.close_collection()
        lease.forget_committed()
    with changing() as collection:
        add(collection, "one")
    assert collections.committed(ME).modified != future


def test_what_a_sync_has_changed_is_seen_by_the_next_call(
    collections: Collections, changing: Open, reading: Open
) -> None:
    with changing() as collection:
        note = add(collection, "one")
    with collections.lease(ME) as lease:
        lease.collection.begin()
        lease.collection.execute("update notes set tags = ' changed ' where id = ?", note)
        lease.collection.commit()
    with reading() as collection:
        assert collection.get_note(note).tags == ["changed"]
    # The sync is not to be undone.
    with pytest.raises(Rejected), changing() as collection:
        collection.undo()
