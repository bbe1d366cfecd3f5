from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from syncserver.media.folders import MediaFolder
from syncserver.media.library import Library
from syncserver.media.trash import NotInTrash, empty_trash, restore, trashed_files
from syncserver.media.trash_folder import STAMP_FORMAT, throw_away


def trashed(folder: MediaFolder, name: str, content: bytes, days_ago: float) -> Path:
    """Put a file into the trash as it was done some days ago."""
    stamp = (datetime.now(timezone.utc) - timedelta(days=days_ago)).strftime(STAMP_FORMAT)
    path = folder.trash / f"{stamp}Z-0000" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_file_that_is_thrown_away_is_in_the_trash_from_now_on(folder: MediaFolder) -> None:
    (folder.files / "a").write_bytes(b"content")
    before = datetime.now(timezone.utc)
    throw_away(folder, "a")
    (file,) = trashed_files(folder)
    assert (file.name, file.size, file.path.read_bytes()) == ("a", 7, b"content")
    assert before <= file.since <= datetime.now(timezone.utc)
    assert list(folder.files.iterdir()) == []


@pytest.mark.parametrize("name", ["never there", "../outside", "", ".."])
def test_throwing_away_what_is_not_there_leaves_nothing(folder: MediaFolder, name: str) -> None:
    outside = folder.user.path / "outside"
    outside.write_bytes(b"not media")
    throw_away(folder, name)
    assert list(folder.trash.iterdir()) == []
    assert outside.exists()


def test_the_newest_is_listed_first(folder: MediaFolder) -> None:
    for days, name in ((3, "c"), (1, "a"), (2, "b")):
        trashed(folder, name, b"x" * days, days)
    assert [(file.name, file.size) for file in trashed_files(folder)] == [
        ("a", 1),
        ("b", 2),
        ("c", 3),
    ]


def test_the_newest_version_of_a_name_is_restored(library: Library, folder: MediaFolder) -> None:
    trashed(folder, "a", b"older", 2)
    newest = trashed(folder, "a", b"newest", 1)
    with library.owned(0) as owned:
        assert restore(owned, "a").path == newest
        assert owned.index.totals().last_usn == 1
        assert owned.index.totals().files == 1
    assert (folder.files / "a").read_bytes() == b"newest"
    assert newest.exists(), "restoring takes nothing out of the trash"


def test_what_is_not_in_the_trash_cannot_be_restored(library: Library) -> None:
    with pytest.raises(NotInTrash), library.owned(0) as owned:
        restore(owned, "a")


def test_restoring_what_is_there_already_is_no_change(
    library: Library, folder: MediaFolder
) -> None:
    trashed(folder, "a", b"content", 1)
    with library.owned(0) as owned:
        restore(owned, "a")
        restore(owned, "a")
        assert owned.index.totals().last_usn == 1


def test_only_what_is_old_enough_is_removed(folder: MediaFolder) -> None:
    for days in (29.9, 30.1, 400):
        trashed(folder, f"{days}", b"x", days)
    assert empty_trash(folder, older_than_days=30) == 2
    assert [file.name for file in trashed_files(folder)] == ["29.9"]


@pytest.mark.parametrize("name", ["lost+found", "Z-", "2026Z-", "99999999T999999.9Z-x"])
def test_what_is_no_folder_of_ours_is_left_alone(folder: MediaFolder, name: str) -> None:
    (folder.trash / name).mkdir()
    assert trashed_files(folder) == []
    assert empty_trash(folder, older_than_days=0) == 0
    assert (folder.trash / name).exists()
