import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from syncserver.errors import ServerBusy
from syncserver.media.archive import UploadedChange, stage_parts
from syncserver.media.batch import Batch, Move, drop_stray_batches, make_batch
from syncserver.media.folders import MediaFolder
from syncserver.media.index import Entry, MediaIndex, Totals
from syncserver.media.library import Library
from syncserver.media.upload import Staged, apply_upload
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


def placed(library: Library, folder: MediaFolder, *, committed: bool) -> Batch:
    """Add two files up to the moment before, or after, the commit of the index."""
    with library.owned(0) as owned:
        owned.index.totals()  # opened once, since opening looks after what was left
        batch = make_batch(folder, "interrupted")
        for name in ("a", "b"):
            (batch.folder / name).write_bytes(name.encode())
        batch.place({name: batch.folder / name for name in ("a", "b")})
        if committed:
            with owned.index.transaction():
                for usn, name in enumerate(("a", "b"), 1):
                    owned.index.put(Entry(name, bytes.fromhex(sha1(name.encode())), 1, usn))
                owned.index.set_totals(owned.index.counted_totals())
    library.close(0)
    return batch


def test_additions_are_in_their_place_before_the_index_is_committed(
    library: Library, folder: MediaFolder
) -> None:
    placed(library, folder, committed=True)
    assert names(folder.files) == ["a", "b"]
    with library.owned(0) as owned:
        assert owned.index.totals() == Totals(2, 2, 2)
    assert names(folder.files) == ["a", "b"]
    assert names(folder.incoming) == names(folder.trash) == []


def test_additions_that_were_not_committed_are_taken_back(
    library: Library, folder: MediaFolder
) -> None:
    (folder.files / "mine").write_bytes(b"of somebody who copied it here")
    placed(library, folder, committed=False)
    assert names(folder.files) == ["a", "b", "mine"]
    with library.owned(0) as owned:
        assert owned.index.totals() == Totals(0, 0, 0)
    assert names(folder.files) == ["mine"]
    assert names(folder.incoming) == names(folder.trash) == []


def test_a_start_leaves_additions_to_whoever_opens_the_index(
    library: Library, folder: MediaFolder
) -> None:
    batch = placed(library, folder, committed=False)
    drop_stray_batches(folder.user.path.parent)
    assert batch.folder.exists()
    with library.owned(0) as owned:
        owned.index.totals()
    assert names(folder.files) == names(folder.incoming) == []


@pytest.mark.parametrize("left", [b"", b'["a', b"\xff"])
def test_a_list_that_the_power_took_harms_nothing(
    library: Library, folder: MediaFolder, left: bytes
) -> None:
    batch = placed(library, folder, committed=False)
    (batch.folder / "additions.json").write_bytes(left)
    with library.owned(0) as owned:
        assert owned.index.totals() == Totals(0, 0, 0)
    assert names(folder.incoming) == []


def test_additions_whose_commit_fails_are_taken_back_by_the_next_request(
    library: Library, folder: MediaFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MediaIndex, "set_totals", failing)
    with pytest.raises(sqlite3.OperationalError):
        add_one(library, "a")
    monkeypatch.undo()
    with library.owned(0) as owned:
        assert owned.index.totals() == Totals(0, 0, 0)
    assert names(folder.files) == names(folder.incoming) == []
    add_one(library, "a")
    with library.owned(0) as owned:
        assert owned.index.totals() == Totals(1, 1, 1)
    assert names(folder.trash) == [], "nothing had the name"


def failing(*_arguments: object) -> None:
    raise sqlite3.OperationalError("disk I/O error")


def add_one(library: Library, name: str) -> None:
    with library.new_batch() as batch, library.owned(5) as owned:
        change = UploadedChange(name, stage_parts([b"x"], batch.file(0)))
        apply_upload(owned, Staged(batch, [change]), quota=0)


def test_an_index_that_knows_another_content_is_never_ahead_of_the_files(
    library: Library, folder: MediaFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_one(library, "a")
    (folder.files / "a").unlink()
    with library.owned(5) as owned, owned.index.transaction():
        owned.index.put(Entry("a", bytes(20), 1, 1))
    monkeypatch.setattr(Batch, "place", failing)
    add_one(library, "a")
    with library.owned(0) as owned:
        entry = owned.index.entry("a")
    assert entry is not None
    assert entry.sha1.hex() == sha1((folder.files / "a").read_bytes())
