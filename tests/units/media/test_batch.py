import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from syncserver.errors import ServerBusy
from syncserver.media.batch import Batch, Move, drop_stray_batches, make_batch
from syncserver.media.folders import MediaFolder
from syncserver.media.index import Entry, Totals
from syncserver.media.library import Library
from tests.support.media_device import sha1


class ServerDied(Exception):
    """The end of everything at this moment."""


def move(name: str, number: int, content: bytes) -> Move:
    return Move(name, str(number), sha1(content))


def deletion(name: str) -> Move:
    return Move(name, None, None)


def interrupted(
    library: Library,
    folder: MediaFolder,
    moves: Sequence[tuple[str, bytes | None]],
    *,
    committed: bool,
) -> Batch:
    """Take an upload in up to the moment before, or after, the commit of the index."""
    with library.owned(0):
        pass  # opened once, since opening removes batches that nobody works on
    batch = make_batch(folder, "interrupted")
    planned = []
    for number, (name, content) in enumerate(moves):
        if content is not None:
            batch.file(number).write_bytes(content)
        planned.append(deletion(name) if content is None else move(name, number, content))

    def take_in() -> None:
        with library.owned(0) as owned, owned.index.transaction():
            for usn, (name, content) in enumerate(moves, 1):
                digest = bytes.fromhex(sha1(content or b""))
                owned.index.put(Entry(name, digest, len(content or b""), usn))
            owned.index.set_totals(owned.index.counted_totals())
            batch.write_journal(planned)
            if not committed:
                raise ServerDied

    if committed:
        take_in()
    else:
        with pytest.raises(ServerDied):
            take_in()
    library.close(0)
    return batch


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def trashed(folder: MediaFolder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.trash.glob("*/*")}


def test_a_committed_batch_is_played_when_the_library_is_opened(
    library: Library, folder: MediaFolder
) -> None:
    (folder.files / "replaced").write_bytes(b"before")
    (folder.files / "deleted").write_bytes(b"gone")
    moves = [("new", b"new"), ("replaced", b"after"), ("deleted", None)]
    interrupted(library, folder, moves, committed=True)
    assert names(folder.files) == ["deleted", "replaced"]
    with library.owned(0) as owned:
        assert owned.index.totals() == Totals(3, 8, 2)
    assert {path.name: path.read_bytes() for path in folder.files.iterdir()} == {
        "new": b"new",
        "replaced": b"after",
    }
    assert trashed(folder) == {"replaced": b"before", "deleted": b"gone"}
    assert names(folder.incoming) == []


def test_a_batch_that_was_not_committed_is_dropped_with_its_empty_trash(
    library: Library, folder: MediaFolder
) -> None:
    (folder.files / "replaced").write_bytes(b"before")
    interrupted(library, folder, [("new", b"new"), ("replaced", b"after")], committed=False)
    with library.owned(0) as owned:
        assert owned.index.totals() == Totals(0, 0, 0)
    assert {path.name: path.read_bytes() for path in folder.files.iterdir()} == {
        "replaced": b"before"
    }
    assert names(folder.incoming) == []
    assert names(folder.trash) == []


def test_playing_a_batch_twice_is_playing_it_once(library: Library, folder: MediaFolder) -> None:
    (folder.files / "replaced").write_bytes(b"before")
    moves = [("new", b"new"), ("replaced", b"after"), ("deleted", None)]
    batch = interrupted(library, folder, moves, committed=True)
    journal = (batch.folder / "journal.json").read_bytes()
    with library.owned(0) as owned:
        assert owned.index.totals().last_usn == 3
        again = make_batch(folder, "again")
        (again.folder / "journal.json").write_bytes(journal)
        again.play(owned.index)
    assert (folder.files / "replaced").read_bytes() == b"after"
    assert trashed(folder) == {"replaced": b"before"}


def test_a_batch_that_is_still_taken_in_is_left_alone(
    library: Library, folder: MediaFolder
) -> None:
    with library.new_batch() as batch:
        batch.file(0).write_bytes(b"half of it")
        with library.owned(0) as owned:
            assert owned.index.totals().files == 0
        assert names(batch.folder) == ["0"]
    assert names(folder.incoming) == []


def test_a_batch_given_up_after_its_commit_is_played_by_the_next_request(
    library: Library, folder: MediaFolder
) -> None:
    """The next request may come before the failed one has let go of its batch."""

    def fail_after_the_commit(batch: Batch) -> None:
        batch.file(0).write_bytes(b"new")
        with library.owned(0) as owned:
            with owned.index.transaction():
                owned.index.put(Entry("new", bytes.fromhex(sha1(b"new")), 3, 1))
                owned.index.set_totals(owned.index.counted_totals())
                batch.write_journal([move("new", 0, b"new")])
            raise ServerDied

    with library.new_batch() as batch:
        with pytest.raises(ServerDied):
            fail_after_the_commit(batch)
        with library.owned(0) as owned:
            assert owned.index.totals().files == 1
        assert (folder.files / "new").read_bytes() == b"new"
    assert names(folder.incoming) == []


def test_a_journal_that_cannot_be_written_leaves_no_trash(folder: MediaFolder) -> None:
    batch = make_batch(folder, "vanished")
    batch.folder.rmdir()
    with pytest.raises(FileNotFoundError):
        batch.write_journal([deletion("a")])
    assert names(folder.trash) == []


def test_a_start_drops_only_what_has_no_journal(library: Library, folder: MediaFolder) -> None:
    interrupted(library, folder, [("new", b"new")], committed=True)
    make_batch(folder, "half").file(0).write_bytes(b"half")
    drop_stray_batches(folder.user.path.parent)
    assert names(folder.incoming) == ["interrupted"]


def test_a_library_in_use_is_busy_and_its_usn_is_told_at_once(library: Library) -> None:
    entered, leave = threading.Event(), threading.Event()

    def use() -> None:
        with library.owned(0) as owned:
            assert owned.index.totals().files == 0
            entered.set()
            leave.wait(30)

    user = threading.Thread(target=use)
    user.start()
    try:
        assert entered.wait(30)
        # A collection sync must not wait for media: `meta` tells the usn.
        assert library.last_usn == 0
        with pytest.raises(ServerBusy), library.owned(0.01):
            pass
    finally:
        leave.set()
        user.join()


def newest_usn(library: Library) -> int | None:
    return library.last_usn


def test_a_library_that_nobody_uses_is_closed_and_opened_again(library: Library) -> None:
    with library.owned(0) as owned:
        assert owned.index.totals().last_usn == 0
        library.close_if_idle(since=float("inf"))
        assert library.last_usn == 0, "in use"
    library.close_if_idle(since=0)
    assert library.last_usn == 0, "used lately"
    library.close_if_idle(since=float("inf"))
    assert newest_usn(library) is None
    with library.owned(0) as owned:
        assert owned.index.totals().last_usn == 0
