"""Media files: storing, reading, listing, deleting; names and places that are refused."""

import base64
import http.server
import threading
from collections.abc import Callable, Iterator

import pytest

from syncserver.accounts.scopes import Scope
from tests.ankiconnect.conftest import NewAnki, Program, basic
from tests.support.device import Device
from tests.support.media_device import media_folder, sync_everything, write_media
from tests.support.our_server import OurServer

PICTURE = b"a picture of a cat"


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def test_a_file_is_stored_and_read(anki: Program) -> None:
    name = anki("storeMediaFile", filename="_hello.txt", data=encoded(b"Hello, world!"))
    assert name == "_hello.txt"
    assert anki("retrieveMediaFile", filename="_hello.txt") == encoded(b"Hello, world!")


def test_files_are_on_the_devices_and_theirs_are_here(anki: Program, laptop: Device) -> None:
    write_media(laptop, "dog.png", b"a dog")
    anki("storeMediaFile", filename="cat.png", data=encoded(PICTURE))

    sync_everything(laptop)

    assert (media_folder(laptop) / "cat.png").read_bytes() == PICTURE
    assert anki("retrieveMediaFile", filename="dog.png") == encoded(b"a dog")
    anki("deleteMediaFile", filename="dog.png")
    sync_everything(laptop)
    assert not (media_folder(laptop) / "dog.png").exists()


def test_a_file_of_the_same_name_is_replaced(anki: Program) -> None:
    anki("storeMediaFile", filename="a.txt", data=encoded(b"old"))
    assert anki("storeMediaFile", filename="a.txt", data=encoded(b"new")) == "a.txt"
    assert anki("retrieveMediaFile", filename="a.txt") == encoded(b"new")


@pytest.mark.parametrize(
    ("scope", "word"), [(Scope.WRITE, {"deleteExisting": False}), (Scope.ADD, {})]
)
def test_a_file_is_kept_if_it_may_not_be_replaced(
    laptop: Device, new_anki: NewAnki, scope: Scope, word: dict[str, bool]
) -> None:
    program = new_anki(scope)
    program("storeMediaFile", filename="a.txt", data=encoded(b"old"))
    name = program("storeMediaFile", filename="a.txt", data=encoded(b"new"), **word)
    same = program("storeMediaFile", filename="a.txt", data=encoded(b"old"), **word)

    assert same == "a.txt" != name
    assert program("retrieveMediaFile", filename="a.txt") == encoded(b"old")
    assert program("retrieveMediaFile", filename=name) == encoded(b"new")


def test_a_file_that_is_not_there_is_false(anki: Program) -> None:
    assert anki("retrieveMediaFile", filename="nothing.txt") is False
    assert anki("retrieveMediaFile", filename="../collection.anki2") is False


def test_files_are_listed_by_a_pattern(anki: Program) -> None:
    for name in ("b.mp3", "a.mp3", "c.png"):
        anki("storeMediaFile", filename=name, data=encoded(b"x"))
    assert anki("getMediaFilesNames", pattern="*.mp3") == ["a.mp3", "b.mp3"]
    assert anki("getMediaFilesNames") == ["a.mp3", "b.mp3", "c.png"]


def test_a_deleted_file_is_gone(anki: Program) -> None:
    anki("storeMediaFile", filename="a.txt", data=encoded(b"old"))
    assert anki("deleteMediaFile", filename="a.txt") is None
    assert anki("deleteMediaFile", filename="a.txt") is None

    assert anki("getMediaFilesNames") == []
    assert anki("retrieveMediaFile", filename="a.txt") is False


def test_where_files_lie_on_the_server_is_not_told(anki: Program) -> None:
    assert anki.error("getMediaDirPath") == "unsupported action"


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../a.txt", "/etc/passwd", "a/b.txt", "a\\b.txt", "\x00", "x" * 300]
)
def test_names_that_are_none_are_refused(anki: Program, name: str) -> None:
    assert "filename" in anki.error("storeMediaFile", filename=name, data=encoded(b"x"))
    assert anki("getMediaFilesNames") == []


def test_a_name_that_no_device_could_store_loses_its_odd_characters(anki: Program) -> None:
    name = anki("storeMediaFile", filename='what?is: "this".mp3 ', data=encoded(b"x"))
    assert name == "whatis this.mp3"


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ({"path": "/etc/passwd"}, "paths on the server cannot be used"),
        ({"data": "not base64"}, "base64"),
        ({}, "data or a url"),
    ],
)
def test_files_come_with_the_request(anki: Program, source: dict[str, str], error: str) -> None:
    assert error in anki.error("storeMediaFile", filename="a.txt", **source)


def test_a_file_that_is_too_large_is_refused(new_server: Callable[..., OurServer]) -> None:
    server = new_server(max_media_file_bytes=1000)
    program = Program(server.url, server.new_token(server.new_account()))
    large = {"filename": "a.mp3", "data": encoded(bytes(1001))}
    assert program.error("storeMediaFile", **large)
    audio = {**large, "fields": ["Front"]}
    assert program("addNotes", notes=[basic("x", audio=audio), basic("y")])[0] is None


def test_a_mistake_of_the_server_is_told_by_the_number_of_its_log(
    new_server: Callable[..., OurServer],
) -> None:
    server = new_server()
    account = server.new_account()
    program = Program(server.url, server.new_token(account))
    program("storeMediaFile", filename="a.mp3", data=encoded(b"x"))
    server.stop()
    (server.user_folder(account) / "media.db").write_bytes(b"no database" * 1000)
    server.start()

    error = program.error("retrieveMediaFile", filename="a.mp3")

    assert error.startswith("the server failed; its log says more under ")
    assert error.split()[-1] in server.log()
    assert "media.db" not in error


# URLs


FILES = {"/cat.png": PICTURE, "/large.png": bytes(1000)}


class Files(http.server.BaseHTTPRequestHandler):
    """A host that has some files."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path in FILES else 404)
        self.end_headers()
        self.wfile.write(FILES.get(self.path, b""))

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def host() -> Iterator[str]:
    """The address of a host with files."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_files_are_fetched_from_hosts_that_the_operator_allows(
    host: str, new_server: Callable[..., OurServer]
) -> None:
    server = new_server(import_url_hosts=host)
    program = Program(server.url, server.new_token(server.new_account()))
    picture = {"filename": "cat.png", "url": f"http://{host}/cat.png"}

    assert program("storeMediaFile", **picture) == "cat.png"
    assert program("retrieveMediaFile", filename="cat.png") == encoded(PICTURE)
    note = program("addNote", note=basic("x", picture={**picture, "fields": ["Back"]}))
    fields = program("notesInfo", notes=[note])[0]["fields"]
    assert fields["Back"]["value"] == '<img src="cat.png">'
    missing = {"filename": "dog.png", "url": f"http://{host}/dog.png"}
    assert "404" in program.error("storeMediaFile", **missing)


def test_a_request_fetches_no_more_than_it_may_bring_itself(
    host: str, new_server: Callable[..., OurServer]
) -> None:
    server = new_server(import_url_hosts=host, max_request_bytes=2500)
    program = Program(server.url, server.new_token(server.new_account()))
    picture = {"filename": "c.png", "url": f"http://{host}/large.png", "fields": ["Back"]}

    notes = program("addNotes", notes=[basic(front, picture=picture) for front in "abc"])

    assert [note is None for note in notes] == [False, False, True]


def test_files_are_fetched_from_no_other_host(anki: Program, host: str) -> None:
    for url in (f"http://{host}/cat.png", "http://169.254.169.254/", "http://localhost/"):
        error = anki.error("storeMediaFile", filename="cat.png", url=url)
        assert "does not fetch files from that host" in error
