"""How large a package becomes is known before anything is unpacked."""

import zipfile
from pathlib import Path

import pytest
import zstandard
from anki.import_export_pb2 import PackageMetadata

from syncserver.rest.package_media import NotAPackage, check_size

# The version from which on members are compressed themselves.
META = PackageMetadata(version=3).SerializeToString()
LIMIT = 1_000_000 + len(META)


def package(folder: Path, *members: bytes, compression: int = zipfile.ZIP_STORED) -> Path:
    path = folder / "package"
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("meta", META)
        for number, content in enumerate(members):
            archive.writestr(str(number), content)
    return path


@pytest.mark.parametrize("size", [LIMIT, LIMIT + 1])
def test_what_is_compressed_inside_of_the_zip_counts_as_it_expands(
    tmp_path: Path, size: int
) -> None:
    half = zstandard.compress(bytes(LIMIT // 2))
    path = package(tmp_path, half, zstandard.compress(bytes(size - len(META) - LIMIT // 2)))
    assert path.stat().st_size < LIMIT / 100
    if size > LIMIT:
        with pytest.raises(NotAPackage, match=f"more than {LIMIT} bytes unpacked"):
            check_size(path, LIMIT)
    else:
        check_size(path, LIMIT)


def test_several_frames_count_together(tmp_path: Path) -> None:
    frame = zstandard.compress(bytes(LIMIT // 2))
    with pytest.raises(NotAPackage):
        check_size(package(tmp_path, frame * 3), LIMIT)


def test_what_the_zip_compresses_counts_too(tmp_path: Path) -> None:
    packed = zstandard.compress(bytes(LIMIT + 1), level=-100)
    with pytest.raises(NotAPackage):
        check_size(package(tmp_path, packed, compression=zipfile.ZIP_DEFLATED), LIMIT)


def test_what_only_begins_like_a_compressed_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotAPackage):
        check_size(package(tmp_path, b"\x28\xb5\x2f\xfd and then something else"), LIMIT)
