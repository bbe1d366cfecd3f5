"""Files reach the disk side by side, and nobody waits for somebody else's."""

import os
from pathlib import Path

import pytest

from syncserver.collections import disk_sync


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The inodes of what was synced, in order; the disk is still waited for."""
    inodes: list[int] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        real(handle)
        inodes.append(os.fstat(handle).st_ino)

    monkeypatch.setattr(os, "fsync", fsync)
    return inodes


def files_in(folder: Path, count: int) -> list[Path]:
    files = [folder / str(number) for number in range(count)]
    for file in files:
        file.write_bytes(b"content")
    return files


def inodes_of(paths: list[Path]) -> list[int]:
    return sorted(path.stat().st_ino for path in paths)


@pytest.mark.parametrize("count", [0, 1, 2, 100])
def test_each_file_and_folder_is_synced_once(tmp_path: Path, synced: list[int], count: int) -> None:
    paths = [*files_in(tmp_path, count), tmp_path]
    disk_sync.sync_all(paths)
    assert sorted(synced) == inodes_of(paths)


def test_a_file_that_cannot_be_synced_is_told(tmp_path: Path) -> None:
    paths = files_in(tmp_path, 20)
    with pytest.raises(FileNotFoundError):
        disk_sync.sync_all([*paths, tmp_path / "missing"])
    with pytest.raises(FileNotFoundError):
        disk_sync.sync_all([tmp_path / "missing", *paths])


def test_a_hint_to_write_changes_nothing_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with path.open("wb") as file:
        file.write(b"content")
        file.flush()
        disk_sync.start_writing(file.fileno(), 0, 7)
        disk_sync.start_writing(file.fileno(), 7, 0)
    assert path.read_bytes() == b"content"
