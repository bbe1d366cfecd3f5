import errno
import os
import threading
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from syncserver.errors import DiskFull
from syncserver.media.archive import Limits, UploadedChange, stage_parts
from syncserver.media.folders import MediaFolder
from syncserver.media.index import Totals
from syncserver.media.library import Library
from syncserver.media.refusal import MediaRefused, megabytes
from syncserver.media.upload import Staged, UploadResult, apply_upload, staged_upload
from tests.support.media_zip import Change, upload_zip

LIMITS = Limits(file_bytes=1_000_000, total_bytes=3_000_000)


def upload(library: Library, *changes: Change, quota: int = 0) -> UploadResult:
    body = BytesIO(upload_zip(*changes))
    with staged_upload(library, body, LIMITS, None) as staged, library.owned(5) as owned:
        return apply_upload(owned, staged, quota)


def totals(library: Library) -> Totals:
    with library.owned(0) as owned:
        return owned.index.totals()


def test_the_totals_follow_every_kind_of_change(library: Library) -> None:
    assert upload(library, ("a", b"1"), ("b", b"22"), ("c", b"333")) == UploadResult(3, 3)
    assert totals(library) == Totals(last_usn=3, total_bytes=6, files=3)
    upload(library, ("a", b"4444"), ("b", None), ("b", None), ("c", b"333"))
    assert totals(library) == Totals(last_usn=5, total_bytes=7, files=2)
    upload(library, ("b", b"5"), ("b", None), ("d", b"66"), ("d", b"7"))
    assert totals(library) == Totals(last_usn=9, total_bytes=8, files=3)
    with library.owned(0) as owned:
        assert owned.index.counted_totals() == owned.index.totals()


def test_whoever_is_over_a_quota_that_was_lowered_may_still_make_room(library: Library) -> None:
    upload(library, ("a", bytes(100)), ("b", bytes(100)), ("c", bytes(100)))
    quota = 50
    with pytest.raises(MediaRefused):
        upload(library, ("d", b"1"), quota=quota)
    assert upload(library, ("a", None), quota=quota).last_usn == 4
    assert upload(library, ("b", bytes(90)), quota=quota).last_usn == 5
    assert upload(library, ("b", b"x" * 90), quota=quota).last_usn == 6, "of equal size"
    with pytest.raises(MediaRefused):
        upload(library, ("b", bytes(91)), quota=quota)
    assert upload(library, ("b", None), ("c", None), ("d", bytes(50)), quota=quota).last_usn == 9


def test_a_refused_upload_leaves_nothing(library: Library, folder: MediaFolder) -> None:
    with pytest.raises(MediaRefused):
        upload(library, ("a", b"content"), quota=1)
    assert list(folder.files.iterdir()) == list(folder.incoming.iterdir()) == []
    assert totals(library) == Totals(0, 0, 0)


def take_in_alone(library: Library, name: str, content: bytes) -> None:
    with library.new_batch() as batch, library.owned(5) as owned:
        change = UploadedChange(name, stage_parts([content], batch.file(0)))
        apply_upload(owned, Staged(batch, [change]), quota=0)


@pytest.mark.parametrize(
    "take_in",
    [
        lambda library: upload(library, ("a", b"1")),
        lambda library: take_in_alone(library, "a", b"1"),
    ],
    ids=["of a device", "of a program"],
)
def test_a_file_that_does_not_reach_the_disk_is_in_no_index(
    library: Library,
    folder: MediaFolder,
    monkeypatch: pytest.MonkeyPatch,
    take_in: Callable[[Library], object],
) -> None:
    real = os.fsync

    def fsync(handle: int) -> None:
        if Path(os.readlink(f"/proc/self/fd/{handle}")).name == "0":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(DiskFull):
        take_in(library)
    assert list(folder.files.iterdir()) == list(folder.incoming.iterdir()) == []
    assert totals(library) == Totals(0, 0, 0)


def test_a_file_that_nobody_knew_goes_to_the_trash_when_its_name_is_taken(
    library: Library, folder: MediaFolder
) -> None:
    (folder.files / "a").write_bytes(b"a stray")
    upload(library, ("a", b"known"))
    assert (folder.files / "a").read_bytes() == b"known"
    assert [path.read_bytes() for path in folder.trash.glob("*/a")] == [b"a stray"]


def test_a_file_of_the_same_bytes_is_not_replaced(library: Library, folder: MediaFolder) -> None:
    for name in ("a", "other of this size"):
        (folder.files / name).write_bytes(b"same")
    upload(library, ("a", b"same"), ("other of this size", b"else"))
    assert (folder.files / "a").read_bytes() == b"same"
    assert [path.name for path in folder.trash.glob("*/*")] == ["other of this size"]
    assert totals(library).files == 2


def test_an_unreadable_file_goes_to_the_trash_when_its_name_is_taken(
    library: Library, folder: MediaFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object, **_options: object) -> bool:
        # What anybody but root gets for a file of root's.
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("filecmp.cmp", refuse)
    (folder.files / "a").write_bytes(b"known")
    upload(library, ("a", b"known"))
    assert (folder.files / "a").read_bytes() == b"known"
    assert [path.name for path in folder.trash.glob("*/*")] == ["a"]


def test_uploads_at_the_same_time_take_turns(library: Library) -> None:
    def run(number: int) -> None:
        for one in range(5):
            upload(library, (f"{number} {one}", b"x"), ("the same", b"%d %d" % (number, one)))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert totals(library).last_usn == 40
    assert totals(library).files == 21
    with library.owned(0) as owned:
        assert owned.index.counted_totals() == owned.index.totals()
        usns = [entry.usn for entry in owned.index.changes_after(0)]
    assert len(usns) == len(set(usns)) == 21


@pytest.mark.parametrize(
    ("size", "words"),
    [(300_000_000, "300 MB"), (100 * 1024 * 1024, "104.8576 MB"), (2_500_000_000, "2,500 MB")],
)
def test_sizes_are_told_in_the_unit_of_the_options(size: int, words: str) -> None:
    assert megabytes(size) == words
