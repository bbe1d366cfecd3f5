"""Collection packages: what we export Anki's desktop imports, what it exports we import."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from anki import import_export_pb2

from syncserver.moving import colpkg
from tests.conftest import NewDevice
from tests.moving.conftest import Operating
from tests.support.accounts import Account
from tests.support.contents import contents
from tests.support.device import FULL_DOWNLOAD, FULL_SYNC, NO_CHANGES, Device
from tests.support.media_device import (
    hashes_in,
    media_of,
    refer_to_media,
    sync_everything,
    sync_media,
    write_media,
)
from tests.support.moving_server import MovingServer
from tests.support.old_anki import OLD_ANKIS
from tests.support.old_client import OldClient
from tests.support.stored_files import change

OPTIONS = {
    "max_collection_bytes": "5MB",
    "max_media_zip_bytes": "5MB",
    "max_media_file_bytes": "1MB",
}
FILES = {"ü cat.png": b"cat", "sound.mp3": b"sound" * 1000}


@pytest.fixture
def with_media(laptop: Device) -> Device:
    """A device that has synced notes and two files."""
    refer_to_media(laptop, FILES)
    for name, content in FILES.items():
        write_media(laptop, name, content)
    sync_everything(laptop)
    return laptop


def packed(device: Device, path: Path, *, legacy: bool = False) -> Path:
    """Export a device's collection, as the desktop does."""
    device.col.export_collection_package(str(path), include_media=True, legacy=legacy)
    device.col.reopen(after_full_sync=False)
    return path


def unpack_on_a_desktop(device: Device, package: Path) -> None:
    """Import a package, as the desktop does: it replaces everything."""
    col, media = device.col, Path(device.col.media.dir())
    col.close()
    col._backend.import_collection_package(
        col_path=col.path,
        backup_path=str(package),
        media_folder=str(media),
        media_db=str(media.with_suffix(".db2")),
    )
    col.reopen()


@pytest.mark.parametrize("legacy", [False, True])
def test_a_desktop_imports_what_was_exported(
    server: MovingServer,
    account: Account,
    with_media: Device,
    operating: Operating,
    unused_device: NewDevice,
    tmp_path: Path,
    legacy: bool,
) -> None:
    target = tmp_path / "export.colpkg"
    with operating():
        options = ["--legacy"] if legacy else []
        result = server.must("export", account.name, target, *options, "--json")
    assert json.loads(result.output)["media_files"] == 2
    desktop = unused_device("desktop")
    unpack_on_a_desktop(desktop, target)
    exported, had = contents(desktop.col), contents(with_media.col)
    for parts in (exported, had):
        parts.pop("stamps")
    assert exported == had
    assert media_of(desktop) == media_of(with_media)
    assert desktop.check_database() == ""
    assert with_media.sync() == NO_CHANGES
    assert server.unfinished(account) == []


def test_an_export_may_leave_the_media_out_and_replaces_nothing_unasked(
    server: MovingServer, account: Account, with_media: Device, tmp_path: Path
) -> None:
    target = tmp_path / "export.colpkg"
    server.must("export", account.name, target, "--without-media")
    size = target.stat().st_size
    refused = server.ctl("export", account.name, target)
    assert refused.exit_code == 1
    assert f"{target} exists already: --force replaces it" in refused.errors
    assert target.stat().st_size == size
    server.must("export", account.name, target, "--force")
    assert target.stat().st_size > size
    assert [path.name for path in tmp_path.iterdir() if "export" in path.name] == [target.name]


@pytest.mark.parametrize("name", ["x.apkg", "x.anki2", "x.zip", "x", ".colpkg"])
def test_a_file_that_could_not_be_imported_again_is_not_written(
    server: MovingServer, account: Account, tmp_path: Path, name: str
) -> None:
    target = tmp_path / name
    target.write_bytes(b"something else")
    result = server.ctl("export", account.name, target, "--force")
    assert result.exit_code == 2
    assert "name a file that ends in .colpkg" in result.errors
    assert target.read_bytes() == b"something else"


def test_an_export_may_have_its_ending_in_capitals(
    server: MovingServer, account: Account, laptop: Device, tmp_path: Path
) -> None:
    server.must("export", account.name, tmp_path / "x.COLPKG")
    server.must("import", account.name, tmp_path / "x.COLPKG", "--yes")


def test_a_target_that_cannot_be_written_is_named(
    server: MovingServer, account: Account, laptop: Device, tmp_path: Path
) -> None:
    folder = tmp_path / "folder.colpkg"
    folder.mkdir()
    for target in (folder, tmp_path / "nowhere" / "x.colpkg"):
        result = server.ctl("export", account.name, target)
        assert result.exit_code == 1
        assert str(target.parent) in result.errors


@pytest.mark.parametrize("legacy", [False, True])
def test_devices_download_what_was_imported(
    server: MovingServer,
    account: Account,
    with_media: Device,
    operating: Operating,
    unused_device: NewDevice,
    tmp_path: Path,
    legacy: bool,
) -> None:
    friend = unused_device("friend")
    friend.add_note("<img src='theirs.png'>", "")
    write_media(friend, "theirs.png", b"theirs")
    package = packed(friend, tmp_path / "theirs.colpkg", legacy=legacy)
    with operating():
        result = server.must("import", account.name, package, "--yes")
    assert "choose Download" in result.errors
    assert with_media.sync() == FULL_SYNC
    with_media.download()
    assert len(with_media.col.find_notes("")) == 1
    sync_everything(with_media)
    assert media_of(with_media).keys() == {"theirs.png", *FILES}
    with_media.add_note("afterwards", "")
    assert with_media.sync() == NO_CHANGES
    new = unused_device("new").login(server.url, account)
    assert new.sync() == FULL_DOWNLOAD
    assert len(server.backups(account)) == 1
    assert [path for path in server.backups(account) if "pinned" in path.name]
    server.assert_clean(account)


def test_there_and_back_again_nothing_is_lost(
    server: MovingServer, account: Account, with_media: Device, tmp_path: Path
) -> None:
    server.must("export", account.name, tmp_path / "all.colpkg")
    other = server.new_account()
    server.must("import", other.name, tmp_path / "all.colpkg")
    assert server.files(other) == server.files(account)
    for table in ("notes", "cards", "revlog"):
        columns = "id, mod" if table != "revlog" else "id, cid"
        statement = f"select {columns} from {table} order by id"
        assert server.query(other, statement) == server.query(account, statement)


def test_a_device_that_counted_further_elsewhere_is_told_of_all_media(
    server: MovingServer, account: Account, with_media: Device, tmp_path: Path
) -> None:
    server.must("export", account.name, tmp_path / "all.colpkg")
    other = server.new_account()
    server.must("import", other.name, tmp_path / "all.colpkg")
    (first, *_rest) = server.rows(other)
    assert first["usn"] > 100_000


def test_a_package_of_an_old_anki_is_brought_up_to_date(
    server: MovingServer, account: Account, unused_device: NewDevice, tmp_path: Path
) -> None:
    client = OldClient(OLD_ANKIS[0], tmp_path / "old", server.url)
    client.add_note("old", "")
    client.copy_as_schema_11(tmp_path / "collection.anki2")
    client.close()
    package = tmp_path / "old.COLPKG"
    with zipfile.ZipFile(package, "w") as archive:
        archive.write(tmp_path / "collection.anki2", "collection.anki2")
        archive.writestr("media", '{"0": "old.png", "1": "lost.png"}')
        archive.writestr("0", b"old picture")
    result = server.must("import", account.name, package)
    assert "lost.png: left out: not there" in result.errors
    device = unused_device("device").login(server.url, account)
    assert device.sync() == FULL_DOWNLOAD
    device.download()
    assert len(device.col.find_notes("")) == 1
    sync_media(device)
    assert hashes_in(Path(device.col.media.dir())).keys() == {"old.png"}


# Hostile packages


Hostile = Callable[[zipfile.ZipFile, bytes], None]


def zstd(content: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(content)


def write_version(archive: zipfile.ZipFile, version: int = 3) -> None:
    meta = import_export_pb2.PackageMetadata(version=version)  # type: ignore[arg-type]
    archive.writestr("meta", meta.SerializeToString())


def write_list(archive: zipfile.ZipFile, *names: str) -> None:
    entries = import_export_pb2.MediaEntries()
    for name in names:
        entries.entries.add(name=name)
    archive.writestr("media", zstd(entries.SerializeToString()))


def collection_bomb(archive: zipfile.ZipFile, _collection: bytes) -> None:
    write_version(archive)
    archive.writestr("collection.anki21b", zstd(b"SQLite format 3\0" + bytes(50_000_000)))
    write_list(archive)


def zip_bomb(archive: zipfile.ZipFile, _collection: bytes) -> None:
    archive.compression = zipfile.ZIP_DEFLATED
    archive.writestr("collection.anki2", bytes(50_000_000))


def list_bomb(archive: zipfile.ZipFile, collection: bytes) -> None:
    write_version(archive)
    archive.writestr("collection.anki21b", zstd(collection))
    archive.writestr("media", zstd(bytes(300_000_000)))


def large_window(archive: zipfile.ZipFile, collection: bytes) -> None:
    write_version(archive)
    params = zstandard.ZstdCompressionParameters(window_log=30, enable_ldm=True)
    compressor = zstandard.ZstdCompressor(compression_params=params).compressobj()
    archive.writestr("collection.anki21b", compressor.compress(collection) + compressor.flush())


def newer_version(archive: zipfile.ZipFile, collection: bytes) -> None:
    write_version(archive, 4)
    archive.writestr("collection.anki21b", zstd(collection))


def no_collection(archive: zipfile.ZipFile, _collection: bytes) -> None:
    write_version(archive)
    write_list(archive)


def no_zstd(archive: zipfile.ZipFile, collection: bytes) -> None:
    write_version(archive)
    archive.writestr("collection.anki21b", collection)


def two_of_a_name(archive: zipfile.ZipFile, collection: bytes) -> None:
    archive.writestr("collection.anki2", collection)
    with pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("collection.anki2", collection)


def list_of_another_shape(archive: zipfile.ZipFile, collection: bytes) -> None:
    archive.writestr("collection.anki2", collection)
    archive.writestr("media", '["a.png"]')


def broken_member(archive: zipfile.ZipFile, _collection: bytes) -> None:
    archive.writestr("collection.anki2", b"SQLite format 3\0 and then nothing")


def packed_in_another_way(archive: zipfile.ZipFile, collection: bytes) -> None:
    archive.compression = zipfile.ZIP_LZMA
    archive.writestr("collection.anki2", collection)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (packed_in_another_way, "compressed in another way"),
        (collection_bomb, "larger than max_collection_bytes"),
        (zip_bomb, "larger than max_collection_bytes"),
        (list_bomb, "media is too large"),
        (large_window, "not a collection package"),
        (newer_version, "made by a newer Anki"),
        (no_collection, "there is no 'collection.anki21b'"),
        (no_zstd, "not a collection package"),
        (two_of_a_name, "two of a name"),
        (list_of_another_shape, "not a collection package"),
        (broken_member, "damaged or cannot be read"),
    ],
)
def test_a_hostile_package_is_refused_and_changes_nothing(
    server: MovingServer,
    account: Account,
    laptop: Device,
    tmp_path: Path,
    make: Hostile,
    words: str,
) -> None:
    package = tmp_path / "hostile.colpkg"
    with zipfile.ZipFile(package, "w") as archive:
        make(archive, server.stored_collection(account).read_bytes())
    result = server.ctl("import", account.name, package, "--yes")
    assert result.exit_code == 1
    assert words in result.errors
    assert server.notes(account) == ["one", "two"]
    assert server.backups(account) == []
    assert server.unfinished(account) == []


def test_names_that_climb_out_and_files_that_are_too_large_are_left_out(
    server: MovingServer, account: Account, laptop: Device, tmp_path: Path
) -> None:
    server.must("copy", account.name, tmp_path / "copy.anki2")
    package = tmp_path / "hostile.colpkg"
    names = ("../evil.png", "/etc/evil.png", "a/b.png", "large.png", "", "good.png", "x" * 300)
    with zipfile.ZipFile(package, "w") as archive:
        write_version(archive)
        archive.writestr("collection.anki21b", zstd((tmp_path / "copy.anki2").read_bytes()))
        write_list(archive, *names)
        for number, name in enumerate(names):
            size = 20_000_000 if name == "large.png" else 10
            archive.writestr(str(number), zstd(bytes(size)))
    result = server.must("import", account.name, package, "--yes", "--json")
    media = json.loads(result.output)["media"]
    assert media["files"] == 1
    assert len(media["impossible"]) == 5
    assert media["too_large"] == ["large.png"]
    assert server.files(account).keys() == {"good.png"}
    server.assert_clean(account)


def test_a_package_may_not_expand_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(colpkg, "ALWAYS_FINE_BYTES", 1_000_000)
    package = tmp_path / "bomb.colpkg"
    with zipfile.ZipFile(package, "w") as archive:
        write_version(archive)
        archive.writestr("collection.anki21b", zstd(b"small"))
        write_list(archive, *(f"{number}.png" for number in range(100)))
        for number in range(100):
            archive.writestr(str(number), zstd(bytes(900_000)))
    places = colpkg.Places(tmp_path / "collection.anki2", tmp_path / "media", tmp_path / "list")
    places.media.mkdir()
    limits = colpkg.Limits(collection_bytes=1_000_000, file_bytes=1_000_000)
    with pytest.raises(colpkg.NotMovable, match="expands to far more"):
        colpkg.stage_package(package, places, limits, lambda _done, _total: None)


@pytest.mark.parametrize(
    "statement", ["create trigger t after insert on notes begin select 1; end"]
)
def test_what_is_no_collection_of_ankis_is_refused_as_an_upload_is(
    server: MovingServer, account: Account, laptop: Device, tmp_path: Path, statement: str
) -> None:
    server.must("copy", account.name, tmp_path / "evil.anki2")
    change(tmp_path / "evil.anki2", statement)
    result = server.ctl("import", account.name, tmp_path / "evil.anki2", "--yes")
    assert result.exit_code == 1
    assert "contains a trigger" in result.errors
    assert server.notes(account) == ["one", "two"]


@pytest.mark.parametrize("name", ["deck.apkg", "list.csv", "noise.colpkg"])
def test_other_files_are_refused(
    server: MovingServer, account: Account, laptop: Device, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_bytes(b"noise")
    result = server.ctl("import", account.name, tmp_path / name, "--yes")
    assert result.exit_code == 1
    assert str(tmp_path / name) in result.errors
    assert server.notes(account) == ["one", "two"]


def test_a_damaged_collection_is_replaced_and_kept(
    server: MovingServer,
    account: Account,
    laptop: Device,
    operating: Operating,
    tmp_path: Path,
) -> None:
    package = packed(laptop, tmp_path / "all.colpkg")
    server.stop()
    stored = server.stored_collection(account)
    damaged = stored.read_bytes()[:5000] + b"damage" * 3000
    stored.write_bytes(damaged)
    server.start()
    with operating():
        server.must("import", account.name, package, "--yes")
    assert server.notes(account) == ["one", "two"]
    [kept] = server.backups(account)
    assert kept.read_bytes() == damaged
    assert laptop.sync() == FULL_SYNC
    laptop.download()
    assert laptop.check_database() == ""
