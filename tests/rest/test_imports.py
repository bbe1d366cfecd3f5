"""import_file: texts, deck packages and collection packages, in the request or from a URL."""

import base64
import io
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import zstandard
from anki import import_export_pb2
from anki.collection import ExportAnkiPackageOptions

from tests.conftest import AllSidesAgree, NewDevice
from tests.rest.conftest import AncestorProgram
from tests.support.accounts import Account
from tests.support.device import FULL_DOWNLOAD, FULL_SYNC, NO_CHANGES, Device
from tests.support.media_device import media_folder, sync_media
from tests.support.our_server import OurServer
from tests.support.rest_client import RestClient

CSV = "ein Wort;a word;german\nzwei Wörter;two words;german\n"


def in_base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.fixture
def friend(unused_device: "type[Device]") -> Device:
    """Somebody else's collection, with a picture."""
    friend = unused_device("friend")
    friend.add_note('<img src="cat.png">', "a cat")
    friend.col.media.write_data("cat.png", b"the friend's cat")
    return friend


def deck_package(device: Device, folder: Path, *, legacy: bool = False) -> bytes:
    path = folder / "deck.apkg"
    options = ExportAnkiPackageOptions(with_media=True, with_scheduling=True, legacy=legacy)
    device.col.export_anki_package(out_path=str(path), options=options, limit=None)
    return path.read_bytes()


def collection_package(device: Device, folder: Path) -> bytes:
    path = folder / "all.colpkg"
    device.col.export_collection_package(str(path), include_media=True, legacy=False)
    device.col.reopen(after_full_sync=False)
    return path.read_bytes()


def media_of(server: OurServer, account: Account) -> dict[str, bytes]:
    folder = server.user_folder(account) / "media"
    return {path.name: path.read_bytes() for path in folder.glob("*")}


def leftovers(server: OurServer, account: Account) -> list[str]:
    folder = server.user_folder(account)
    staged = [path.name for path in folder.glob("*staged*")]
    return staged + [path.name for path in (folder / "tmp").iterdir()]


@pytest.mark.parametrize("filetype", ["text", "csv"])
def test_lines_become_notes_on_every_device(
    ours: OurServer,
    old: AncestorProgram,
    account: Account,
    laptop: Device,
    phone: Device,
    all_sides_agree: AllSidesAgree,
    filetype: str,
) -> None:
    result = old("import_file", {"filetype": filetype, "data": CSV, "model": "Basic"})

    assert (result["found"], result["new"]) == (2, 2)
    assert laptop.sync() == NO_CHANGES
    assert sorted(laptop.fields(note)[0] for note in laptop.col.find_notes("Wort*")) == ["ein Wort"]
    assert len(laptop.col.find_notes("tag:german")) == 2
    all_sides_agree(laptop, phone)
    assert leftovers(ours, account) == []


def test_lines_that_are_imported_again_change_their_notes(old: AncestorProgram) -> None:
    old("import_file", {"filetype": "csv", "data": CSV})
    result = old("import_file", {"filetype": "csv", "data": CSV.replace("a word", "one word")})
    assert (result["found"], result["new"]) == (2, 0)
    assert (
        old("find_notes", {"query": "back:one*", "preload": True})[0]["fields"]["Front"]
        == "ein Wort"
    )


def test_a_text_may_be_encoded(old: AncestorProgram) -> None:
    data = {"filetype": "csv", "data": in_base64(CSV.encode()), "encoding": "base64"}
    assert old("import_file", data)["new"] == 2


@pytest.mark.parametrize("legacy", [True, False])
def test_a_deck_package_brings_its_notes_and_its_media(
    ours: OurServer,
    old: AncestorProgram,
    account: Account,
    laptop: Device,
    friend: Device,
    tmp_path: Path,
    all_sides_agree: AllSidesAgree,
    legacy: bool,
) -> None:
    package = deck_package(friend, tmp_path, legacy=legacy)
    result = old("import_file", {"filetype": "apkg", "data": in_base64(package)})

    assert (result["found"], result["new"]) == (1, 1)
    assert media_of(ours, account) == {"cat.png": b"the friend's cat"}
    assert laptop.sync() == NO_CHANGES
    assert len(laptop.col.find_notes("back:*cat*")) == 1
    all_sides_agree(laptop)
    assert leftovers(ours, account) == []
    ours.control("media", "check", account.name)  # which fails if it finds anything
    sync_media(laptop)
    assert (media_folder(laptop) / "cat.png").read_bytes() == b"the friend's cat"


def test_media_of_the_same_name_are_both_kept(
    ours: OurServer, old: AncestorProgram, account: Account, friend: Device, tmp_path: Path
) -> None:
    old("import_file", {"filetype": "apkg", "data": in_base64(deck_package(friend, tmp_path))})
    friend.col.remove_notes(list(friend.col.find_notes("")))
    friend.add_note('<img src="cat.png">', "another cat")
    friend.col.media.trash_files(["cat.png"])
    friend.col.media.write_data("cat.png", b"another cat")
    old("import_file", {"filetype": "apkg", "data": in_base64(deck_package(friend, tmp_path))})

    media = media_of(ours, account)
    assert sorted(media.values()) == [b"another cat", b"the friend's cat"]
    [other] = [name for name, content in media.items() if content == b"another cat"]
    [note] = old("find_notes", {"query": "back:another*", "preload": True})
    assert note["fields"]["Front"] == f'<img src="{other}">'


def test_a_collection_package_replaces_everything_and_is_kept_as_a_backup(
    ours: OurServer,
    old: AncestorProgram,
    account: Account,
    laptop: Device,
    friend: Device,
    tmp_path: Path,
    all_sides_agree: AllSidesAgree,
) -> None:
    data = {"filetype": "colpkg", "data": in_base64(collection_package(friend, tmp_path))}
    refused = old.refused("import_file", data)
    assert (refused.status, refused.problem) == (409, "full-sync-needed")
    assert len(old("find_notes")) == 3

    assert old("import_file", {**data, "allow_full_sync": True}) == {"notes": 1}

    assert media_of(ours, account) == {"cat.png": b"the friend's cat"}
    assert len(list((ours.user_folder(account) / "backups").glob("*.pinned.anki2"))) == 1
    assert laptop.sync() == FULL_SYNC
    laptop.download()
    assert len(laptop.col.find_notes("back:*cat*")) == 1
    laptop.add_note("afterwards")
    assert laptop.sync() == NO_CHANGES
    all_sides_agree(laptop)
    assert leftovers(ours, account) == []


def test_a_collection_package_may_be_the_beginning(
    old: AncestorProgram, new_device: NewDevice, friend: Device, tmp_path: Path
) -> None:
    data = {"filetype": "colpkg", "data": in_base64(collection_package(friend, tmp_path))}
    old("import_file", {**data, "allow_full_sync": True})
    device = new_device("tablet")
    assert device.sync() == FULL_DOWNLOAD


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"filetype": "csv"},
        {"filetype": "exe", "data": "x"},
        {"filetype": "csv", "data": "a,b", "url": "http://example.org/"},
        {"filetype": "apkg", "data": "no base64!"},
        {"filetype": "apkg", "data": in_base64(b"no zip")},
        {"filetype": "apkg", "data": ""},
        {"filetype": "colpkg", "data": in_base64(b"no zip"), "allow_full_sync": True},
        {"filetype": "csv", "data": "", "encoding": "rot13"},
    ],
)
def test_what_cannot_be_imported_changes_nothing(
    ours: OurServer, old: AncestorProgram, account: Account, laptop: Device, data: dict[str, str]
) -> None:
    assert old.refused("import_file", data).status == 422
    assert len(old("find_notes")) == 3
    assert leftovers(ours, account) == []


def test_notetypes_and_decks_must_exist(old: AncestorProgram) -> None:
    for wrong in ({"model": "Nothing"}, {"deck": "Nothing"}):
        reply = old.refused("import_file", {"filetype": "csv", "data": CSV, **wrong})
        assert reply.status == 404


def test_a_path_on_the_servers_disk_is_no_url(old: AncestorProgram) -> None:
    for url in (
        "file:///etc/passwd",
        "/etc/passwd",
        "ftp://example.org/x",
        "http://",
        "http://a:b/",
    ):
        assert old.refused("import_file", {"filetype": "csv", "url": url}).status == 422


# From URLs


class _Files(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", "/notes.csv")
            self.end_headers()
            return
        body = b"x" * 2_000_000 if self.path == "/large" else CSV.encode()
        self.send_response(404 if self.path == "/missing" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Be silent."""


@pytest.fixture(scope="module")
def files() -> Iterator[int]:
    """The port of a web server in the server's own network."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Files)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def fetching(tmp_path_factory: pytest.TempPathFactory, files: int) -> Iterator[OurServer]:
    """A server that may fetch from that web server, by its address only."""
    options = {
        "import_url_hosts": f"127.0.0.1:{files}, localhost:{files}, 127.0.0.1:1",
        "max_request_bytes": "1MB",
        "max_collection_bytes": "1MB",
        "max_media_zip_bytes": "1MB",
        "max_media_file_bytes": "200kB",
    }
    server = OurServer(tmp_path_factory.mktemp("fetching"), options)
    yield server
    server.stop()


@pytest.fixture
def fetcher(fetching: OurServer) -> AncestorProgram:
    account = fetching.new_account()
    return AncestorProgram(RestClient(fetching.url, fetching.new_token(account)), account.name)


def test_a_file_is_fetched_from_an_allowed_host(fetcher: AncestorProgram, files: int) -> None:
    data = {"filetype": "csv", "url": f"http://127.0.0.1:{files}/notes.csv"}
    assert fetcher("import_file", data)["new"] == 2


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("http://127.0.0.1:{files}/missing", 422),
        ("http://127.0.0.1:{files}/redirect", 422),
        ("http://127.0.0.1:{files}/large", 413),
        ("http://127.0.0.1:1/refused", 422),
        ("http://127.0.0.1/other-port", 422),
        ("http://127.0.0.2:{files}/notes.csv", 422),
        ("http://localhost:{files}/notes.csv", 422),
        ("http://[::1]:{files}/notes.csv", 422),
        ("http://2130706433:{files}/notes.csv", 422),
        ("http://127.0.0.1:{files}@example.org/", 422),
        ("https://127.0.0.1:{files}/notes.csv", 422),
    ],
)
def test_nothing_else_is(fetcher: AncestorProgram, files: int, url: str, status: int) -> None:
    data = {"filetype": "csv", "url": url.format(files=files)}
    assert fetcher.refused("import_file", data).status == status
    assert fetcher("find_notes") == []


def test_by_default_nothing_is_fetched(old: AncestorProgram, files: int) -> None:
    data = {"filetype": "csv", "url": f"http://127.0.0.1:{files}/notes.csv"}
    assert old.refused("import_file", data).status == 422


def test_a_package_with_media_beyond_the_limit_brings_nothing(
    fetching: OurServer, fetcher: AncestorProgram, friend: Device, tmp_path: Path
) -> None:
    friend.add_note("[sound:long.mp3]", "")
    friend.col.media.write_data("long.mp3", bytes(300_000))
    package = in_base64(deck_package(friend, tmp_path))
    reply = fetcher.refused("import_file", {"filetype": "apkg", "data": package})
    assert (reply.status, reply.problem) == (413, "too-large")
    assert fetcher("find_notes") == []


def _bomb(*, version: int) -> bytes:
    """Return a package that is small, and says so: of a collection of 3 million bytes."""
    inside = bytes(3_000_000)
    name = "collection.anki2"
    if version >= 3:
        # Two frames that do not tell their sizes.
        compressor = zstandard.ZstdCompressor(write_content_size=False)
        inside = compressor.compress(inside[:1_500_000]) * 2
        name = "collection.anki21b"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "meta", import_export_pb2.PackageMetadata(version=version).SerializeToString()
        )
        archive.writestr("media", zstandard.compress(b"") if version >= 3 else b"{}")
        archive.writestr(name, inside)
    return packed.getvalue()


def _said_to_be_encrypted(package: bytes) -> bytes:
    """Set the flag in each entry of the zip's list of members."""
    entry = zipfile.stringCentralDir
    return entry.join(
        bytes([*rest[:4], rest[4] | 1, *rest[5:]]) if number else rest
        for number, rest in enumerate(package.split(entry))
    )


@pytest.mark.parametrize("version", [1, 3])
@pytest.mark.parametrize("filetype", ["apkg", "colpkg"])
def test_a_package_that_unpacks_to_more_than_a_collection_is_refused(
    fetcher: AncestorProgram, filetype: str, version: int
) -> None:
    data = {
        "filetype": filetype,
        "data": in_base64(_bomb(version=version)),
        "allow_full_sync": True,
    }
    assert fetcher.refused("import_file", data).status == 422


@pytest.mark.parametrize("filetype", ["apkg", "colpkg"])
def test_a_package_that_is_damaged_or_encrypted_is_refused(
    fetcher: AncestorProgram, friend: Device, tmp_path: Path, filetype: str
) -> None:
    package = deck_package(friend, tmp_path)
    no_zstd = package.replace(zstandard.MAGIC_NUMBER.to_bytes(4, "little"), b"none")
    for broken in (package[: len(package) // 2], no_zstd, _said_to_be_encrypted(package)):
        data = {"filetype": filetype, "data": in_base64(broken), "allow_full_sync": True}
        assert fetcher.refused("import_file", data).status == 422
    assert fetcher("find_notes") == []


def test_a_request_that_is_too_large_is_refused(fetcher: AncestorProgram) -> None:
    reply = fetcher.refused("import_file", {"filetype": "csv", "data": "x" * 2_000_000})
    assert (reply.status, reply.problem) == (413, "too-large")


def test_half_characters_are_no_text(old: AncestorProgram, laptop: Device) -> None:
    reply = old.refused("import_file", {"filetype": "csv", "data": "a\udc80b"})
    assert (reply.status, reply.problem) == (422, "invalid")
    assert old("add_note", {"model": "Basic", "fields": {"Front": "🦉"}})
