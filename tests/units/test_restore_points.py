"""What uploads replaced: named by time, the newest few, the pinned ones for good."""

import os
from pathlib import Path

import pytest

from syncserver.collections import restore_points
from syncserver.collections.folders import UserFolder
from syncserver.collections.lease import Collections
from syncserver.collections.retention import MANUAL, Limits
from syncserver.settings import Settings
from syncserver.sync.collection_file import Holdings
from syncserver.sync.full_upload import Candidate, replace_collection


@pytest.fixture
def folder(tmp_path: Path) -> UserFolder:
    folder = UserFolder(tmp_path / "users" / "user")
    folder.prepare()
    return folder


def keep(folder: UserFolder, content: str, *, pinned: bool = False, most: int = 3) -> Path:
    """Store a collection with this content, and keep it."""
    folder.collection.unlink(missing_ok=True)
    folder.collection.write_text(content, encoding="ascii")
    kept = restore_points.keep_replaced(folder, pinned=pinned)
    restore_points.make_way(folder, kept, most)
    return kept.path


def contents(folder: UserFolder) -> list[str]:
    """Return what is kept, the oldest first."""
    return [path.read_text(encoding="ascii") for path in sorted(folder.backups.iterdir())]


def test_the_names_sort_by_time_and_say_it(folder: UserFolder) -> None:
    for content in ("first", "second", "third"):
        path = keep(folder, content)
        assert path.name.startswith("collection-2")
        assert path.suffix == ".anki2"
    assert contents(folder) == ["first", "second", "third"]


def test_the_newest_few_stay(folder: UserFolder) -> None:
    for number in range(6):
        keep(folder, f"{number}")
    assert contents(folder) == ["3", "4", "5"]


def test_pinned_ones_stay_and_do_not_count(folder: UserFolder) -> None:
    keep(folder, "pinned", pinned=True)
    for number in range(6):
        keep(folder, f"{number}")
    keep(folder, "pinned too", pinned=True)
    assert contents(folder) == ["pinned", "3", "4", "5", "pinned too"]


@pytest.mark.parametrize("pinned", [True, False])
def test_what_is_replaced_after_the_clock_was_set_back_stays(
    folder: UserFolder, pinned: bool
) -> None:
    folder.prepare_backups()
    for day in "123":
        later = folder.backups / f"collection-2099010{day}T000000.000000Z.upload.anki2"
        later.write_text(f"later {day}", encoding="ascii")
    keep(folder, "replaced now", pinned=pinned)
    ordinary = ["later 2", "later 3"]
    assert contents(folder) == ["replaced now", *(["later 1"] * pinned), *ordinary]


def test_what_is_taken_after_the_clock_was_set_back_is_not_thinned_out_at_once(
    folder: UserFolder,
) -> None:
    folder.prepare_backups()
    for second in "1234":
        name = f"collection-20990101T00000{second}.000000Z.manual.anki2.zst"
        (folder.backups / name).write_text(second, encoding="ascii")
    taken = restore_points.new_point(folder, MANUAL, pinned=False, packed=True)
    taken.path.write_text("taken", encoding="ascii")
    one = Limits(recent=1, daily=0, weekly=0, monthly=0, before_changes=1)
    restore_points.thin_out(folder, one, taken)
    assert contents(folder) == ["taken", "4"]


def test_a_replacement_that_fails_costs_no_older_point(folder: UserFolder, tmp_path: Path) -> None:
    older = [keep(folder, f"{number}") for number in range(3)]
    folder.collection.unlink()
    collections = Collections(Settings(data_root=tmp_path))
    that_is_gone = Candidate(tmp_path / "no such file", Holdings(notes=1, newest_review=1))
    with collections.lease(folder.path.name) as lease:
        lease.collection.execute("insert into revlog values (1, 1, 0, 3, 1, 1, 2500, 1000, 1)")
    with pytest.raises(FileNotFoundError), collections.lease(folder.path.name) as lease:
        replace_collection(lease, that_is_gone, backups_keep=3)
    assert [path for path in older if not path.exists()] == []


def test_what_other_people_put_there_stays(folder: UserFolder) -> None:
    keep(folder, "0", most=1)
    (folder.backups / "notes.txt").write_text("mine", encoding="ascii")
    keep(folder, "1", most=1)
    assert contents(folder) == ["1", "mine"]


def test_the_collection_stays_in_its_place(folder: UserFolder) -> None:
    keep(folder, "content")
    assert folder.collection.read_text(encoding="ascii") == "content"


def test_a_log_that_could_not_be_folded_in_goes_along(folder: UserFolder) -> None:
    log = folder.collection.with_name("collection.anki2-wal")
    log.write_text("log", encoding="ascii")
    backup = keep(folder, "damaged", pinned=True)
    assert not log.exists(), "beside the replacement it would corrupt it"
    assert backup.with_name(f"{backup.name}-wal").read_text(encoding="ascii") == "log"


def test_the_backups_are_for_the_server_alone(folder: UserFolder) -> None:
    keep(folder, "content")
    assert folder.backups.stat().st_mode & 0o077 == 0


def test_a_backup_whose_replacement_never_came_is_dropped(folder: UserFolder) -> None:
    keep(folder, "replaced")
    folder.collection.unlink()
    folder.collection.write_text("stored", encoding="ascii")
    unfinished = folder.backups / "collection-20990101T000000.000000Z.pinned.anki2"
    os.link(folder.collection, unfinished)
    restore_points.drop_unfinished(folder)
    assert contents(folder) == ["replaced"]
    assert folder.collection.read_text(encoding="ascii") == "stored"


def test_a_collection_that_somebody_else_links_to_loses_no_backup(
    folder: UserFolder, tmp_path: Path
) -> None:
    keep(folder, "replaced")
    folder.collection.unlink()
    folder.collection.write_text("stored", encoding="ascii")
    elsewhere = tmp_path / "backup of the operator"
    os.link(folder.collection, elsewhere)
    restore_points.drop_unfinished(folder)
    assert contents(folder) == ["replaced"]
    assert elsewhere.exists()
