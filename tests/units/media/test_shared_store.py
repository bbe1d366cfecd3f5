import hashlib
from pathlib import Path

import pytest

from syncserver.media.shared_store import SharedStore


@pytest.fixture
def store(tmp_path: Path) -> SharedStore:
    return SharedStore(tmp_path / "store")


def written(path: Path, content: bytes) -> tuple[Path, bytes]:
    path.write_bytes(content)
    return path, hashlib.sha1(content, usedforsecurity=False).digest()


def test_the_first_file_is_stored_and_the_next_ones_become_links(
    store: SharedStore, tmp_path: Path
) -> None:
    files = [written(tmp_path / name, b"same") for name in "abc"]
    assert [store.share(*file) for file in files] == [False, True, True]
    assert len({path.stat().st_ino for path, _ in files}) == 1
    assert files[0][0].stat().st_nlink == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "c", "store"]


def test_a_file_that_was_changed_in_the_store_is_stored_afresh(
    store: SharedStore, tmp_path: Path
) -> None:
    first, digest = written(tmp_path / "a", b"same")
    store.share(first, digest)
    first.write_bytes(b"Same")
    second, _ = written(tmp_path / "b", b"same")
    assert not store.share(second, digest)
    third, _ = written(tmp_path / "c", b"same")
    assert store.share(third, digest)
    assert [path.read_bytes() for path in (first, second, third)] == [b"Same", b"same", b"same"]


def test_files_that_only_have_their_checksum_in_common_are_not_shared(
    store: SharedStore, tmp_path: Path
) -> None:
    first, digest = written(tmp_path / "a", b"somebody's")
    store.share(first, digest)
    second, _ = written(tmp_path / "b", b"made to have the same")
    assert not store.share(second, digest)
    assert [path.read_bytes() for path in (first, second)] == [
        b"somebody's",
        b"made to have the same",
    ]


def test_the_folders_are_made_before_anybody_stores_a_file(
    store: SharedStore, tmp_path: Path
) -> None:
    (tmp_path / "store" / "7f").mkdir(parents=True)
    store.prepare()
    store.prepare()
    folders = sorted(path.name for path in (tmp_path / "store").iterdir())
    assert folders == [f"{number:02x}" for number in range(256)]
    file, digest = written(tmp_path / "a", b"stored")
    store.share(file, digest)
    assert (tmp_path / "store" / digest.hex()[:2] / digest.hex()).samefile(file)
    assert store.remove_unused() == 0


def test_folders_that_cannot_be_made_now_are_made_when_they_are_needed(tmp_path: Path) -> None:
    (tmp_path / "store").write_bytes(b"in the way")
    store = SharedStore(tmp_path / "store")
    store.prepare()
    (tmp_path / "store").unlink()
    file, digest = written(tmp_path / "a", b"stored")
    store.share(file, digest)
    assert (tmp_path / "store" / digest.hex()[:2] / digest.hex()).samefile(file)


def test_only_what_has_no_other_name_is_removed(store: SharedStore, tmp_path: Path) -> None:
    used, unused = written(tmp_path / "a", b"used"), written(tmp_path / "b", b"unused")
    for file in (used, unused):
        store.share(*file)
    assert store.remove_unused() == 0
    unused[0].unlink()
    assert store.remove_unused() == 1
    assert store.remove_unused() == 0
    again = written(tmp_path / "c", b"used")
    assert store.share(*again)


def test_a_store_that_was_never_used_has_nothing_to_remove(store: SharedStore) -> None:
    assert store.remove_unused() == 0


def test_where_a_file_cannot_be_stored_it_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "store").write_bytes(b"no folder")
    path, digest = written(tmp_path / "a", b"same")
    assert not SharedStore(tmp_path / "store").share(path, digest)
    assert path.read_bytes() == b"same"
