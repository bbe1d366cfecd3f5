import random
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import pytest

from syncserver.errors import BadRequest
from syncserver.media.archive import Limits, UploadArchive, download_archive, stage_copy
from syncserver.media.refusal import MediaRefused
from tests.support.hostile_zips import (
    bomb_by_many_members,
    bomb_by_one_member,
    broken_zips,
    lying_but_readable_zips,
)
from tests.support.media_device import sha1
from tests.support.media_zip import downloaded, upload_zip

LIMITS = Limits(file_bytes=1_000_000, total_bytes=3_000_000)
DAMAGED_ZIPS = 3000


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return tmp_path


def unpacked(body: bytes, folder: Path, limits: Limits = LIMITS) -> list[tuple[str, bytes | None]]:
    """Unpack an upload from a real file, as the server does."""
    received = folder / "received.zip"
    received.write_bytes(body)
    with received.open("rb") as file:
        archive = UploadArchive(file, limits)
        return list(contents(archive, folder))


def contents(archive: UploadArchive, folder: Path) -> Iterator[tuple[str, bytes | None]]:
    for number, (name, member) in enumerate(archive.entries()):
        target = folder / f"{number}"
        yield name, archive.extract(name, member, target).path.read_bytes() if member else None
        target.unlink(missing_ok=True)


def test_an_upload_is_what_was_packed_in_its_order(here: Path) -> None:
    changes = [("b ü🦉", b"bb"), ("a", None), ("b ü🦉", b"other"), ("c", bytes(70_000))]
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        assert unpacked(upload_zip(*changes, compression=compression), here) == changes


def test_an_extracted_file_is_known_by_its_size_and_checksum(here: Path) -> None:
    archive = UploadArchive(BytesIO(upload_zip(("a", b"abc"))), LIMITS)
    staged = archive.extract("a", "0", here / "0")
    assert (staged.size, staged.sha1.hex()) == (3, sha1(b"abc"))
    assert stage_copy(here / "0", here / "copy") == replace(staged, path=here / "copy")


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in broken_zips()])
def test_a_broken_zip_is_a_bad_request(here: Path, body: bytes) -> None:
    with pytest.raises(BadRequest):
        unpacked(body, here)


@pytest.mark.parametrize(
    "body", [pytest.param(body, id=name) for name, body in lying_but_readable_zips()]
)
def test_untruths_of_which_nothing_depends_are_ignored(here: Path, body: bytes) -> None:
    assert unpacked(body, here) == [("good.png", b"good bytes")]


def test_whatever_byte_is_damaged_nothing_but_a_refusal_comes_out(here: Path) -> None:
    """Thousands of damaged zips; the seed is fixed, so that a failure can be looked into."""
    chance = random.Random(3)
    good = [
        upload_zip(
            *((f"n{one}é", bytes([one]) * (50 * one + 1)) for one in range(number)), ("x", None)
        )
        for number in (0, 1, 3)
    ]
    good.append(upload_zip(("a", bytes(300)), compression=zipfile.ZIP_DEFLATED))
    outcomes = {"taken": 0, "refused": 0}
    # In memory, since each file is synced.
    with TemporaryDirectory(dir="/dev/shm") as folder:
        for _ in range(DAMAGED_ZIPS):
            try:
                unpacked(damaged(chance.choice(good), chance), Path(folder))
                outcomes["taken"] += 1
            except (BadRequest, MediaRefused):
                outcomes["refused"] += 1
            for left in Path(folder).iterdir():
                left.unlink()
    assert min(outcomes.values()) > DAMAGED_ZIPS // 20, outcomes


def damaged(body: bytes, chance: random.Random) -> bytes:
    data = bytearray(body)
    for _ in range(chance.choice((1, 1, 2, 5))):
        # Mostly in the directory, where the structure is.
        at = (
            len(data)
            - 1
            - chance.randrange(min(len(data), 200 if chance.random() < 0.7 else 10**6))
        )
        kind = chance.random()
        if kind < 0.7:
            data[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        elif kind < 0.85 and len(data) > 20:
            del data[at : at + chance.choice((1, 2, 10))]
        else:
            data[at:at] = chance.randbytes(chance.choice((1, 4)))
    return bytes(data)


def test_a_file_over_the_limit_stops_at_the_limit(here: Path) -> None:
    with pytest.raises(MediaRefused, match=r"bomb\.png is larger .* \(1 MB\)"):
        unpacked(bomb_by_one_member(50_000_000), here)
    assert (here / "0").stat().st_size <= LIMITS.file_bytes


def test_all_files_of_an_upload_together_stop_at_the_limit(here: Path) -> None:
    with pytest.raises(MediaRefused, match=r"This upload .* \(3 MB\)"):
        unpacked(bomb_by_many_members(900_000, 10), here)


def test_a_file_of_exactly_the_limit_is_taken(here: Path) -> None:
    content = bytes(LIMITS.file_bytes)
    assert unpacked(upload_zip(("a", content)), here) == [("a", content)]


def test_a_download_holds_the_files_in_order_and_tells_its_length_before(here: Path) -> None:
    files = [("b ü🦉", b"bb"), ("a", b""), ("c", bytes(700_000))]
    for number, (_, content) in enumerate(files):
        (here / str(number)).write_bytes(content)
    opened: list[tuple[str, BinaryIO, int]] = [
        (name, (here / str(number)).open("rb"), len(content))
        for number, (name, content) in enumerate(files)
    ]
    archive = download_archive(opened)
    body = b"".join(archive)
    assert len(archive) == len(body)
    assert downloaded(body) == files
    assert all(file.closed for _, file, _ in opened)


def test_a_file_that_grows_while_it_is_sent_is_sent_as_it_was(here: Path) -> None:
    path = here / "growing"
    path.write_bytes(b"before")
    archive = download_archive([("a", path.open("rb"), 6)])
    with path.open("ab") as file:
        file.write(b" and after")
    assert downloaded(b"".join(archive)) == [("a", b"before")]
