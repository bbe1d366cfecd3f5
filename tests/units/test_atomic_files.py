"""The one place that writes files: a crash leaves the old file or the new one."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from syncserver.collections import atomic_files
from syncserver.errors import DiskFull

# A device of the kernel's on which nothing ever fits.
FULL_DEVICE = Path("/dev/full")


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def test_a_temporary_file_is_new_empty_private_and_gone_afterwards(tmp_path: Path) -> None:
    with atomic_files.temporary_file(tmp_path) as path:
        assert path.parent == tmp_path
        assert path.read_bytes() == b""
        assert path.stat().st_mode & 0o077 == 0
        path.write_bytes(b"half")
    assert names(tmp_path) == []


def test_a_temporary_file_is_gone_when_writing_it_failed(tmp_path: Path) -> None:
    def fail() -> None:
        with atomic_files.temporary_file(tmp_path) as path:
            path.write_bytes(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert names(tmp_path) == []


def test_who_is_interrupted_just_as_the_file_is_made_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch = Path.touch

    def interrupted(path: Path, *arguments: Any, **options: Any) -> None:
        touch(path, *arguments, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "touch", interrupted)
    with pytest.raises(KeyboardInterrupt), atomic_files.temporary_file(tmp_path):
        pass
    assert names(tmp_path) == []


def test_two_temporary_files_are_two(tmp_path: Path) -> None:
    with (
        atomic_files.temporary_file(tmp_path) as one,
        atomic_files.temporary_file(tmp_path) as other,
    ):
        assert one != other


def test_a_replacement_takes_the_place_of_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"old")
    reader = target.open("rb")
    with atomic_files.temporary_file(tmp_path) as new:
        new.write_bytes(b"new")
        atomic_files.replace(new, target)
    assert target.read_bytes() == b"new"
    assert names(tmp_path) == ["file"]
    with reader:
        assert reader.read() == b"old", "whoever reads the old file reads it whole"


def test_a_file_that_is_kept_stays_where_it_is_and_survives_the_replacement(
    tmp_path: Path,
) -> None:
    source, kept = tmp_path / "file", tmp_path / "kept" / "old"
    kept.parent.mkdir()
    source.write_bytes(b"old")
    atomic_files.keep_as(source, kept)
    assert source.read_bytes() == b"old"
    with atomic_files.temporary_file(tmp_path) as new:
        new.write_bytes(b"new")
        atomic_files.replace(new, source)
    assert (source.read_bytes(), kept.read_bytes()) == (b"new", b"old")


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="needs a second file system")
def test_a_file_is_kept_on_a_file_system_without_links_too(tmp_path: Path) -> None:
    # A link to another file system fails as one on a file system without links does.
    source = tmp_path / "file"
    source.write_bytes(b"old")
    other = Path("/dev/shm") / f"kept of {os.getpid()}"
    if other.parent.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("both folders are on one file system")
    try:
        atomic_files.keep_as(source, other)
        assert other.read_bytes() == source.read_bytes() == b"old"
    finally:
        other.unlink(missing_ok=True)


def test_a_private_copy_has_no_name_that_a_crash_could_leave(tmp_path: Path) -> None:
    source, folder = tmp_path / "file", tmp_path / "tmp"
    folder.mkdir()
    source.write_bytes(b"content")
    with atomic_files.private_copy(source, folder) as copy:
        assert names(folder) == []
        source.write_bytes(b"changed")
        assert copy.read() == b"content"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_no_space_left_is_passing_trouble(number: int) -> None:
    with pytest.raises(DiskFull) as full, atomic_files.full_disk_is_passing_trouble():
        raise OSError(number, os.strerror(number), "/a/path/of/the/server")
    assert "/a/path" not in full.value.public_text
    assert full.value.status == 503


def test_other_trouble_stays_what_it_is() -> None:
    with pytest.raises(PermissionError), atomic_files.full_disk_is_passing_trouble():
        raise PermissionError


def test_a_device_that_is_full_fills_no_name(tmp_path: Path) -> None:
    def write() -> None:
        with atomic_files.temporary_file(tmp_path), FULL_DEVICE.open("wb", buffering=0) as full:
            full.write(b"x")

    with pytest.raises(DiskFull):
        write()
    assert names(tmp_path) == []
