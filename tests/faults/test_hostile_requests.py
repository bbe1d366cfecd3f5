"""Requests that are not what a client sends: framing, paths, verbs, and bodies that a proxy drops."""

import json
import uuid
from collections.abc import Mapping

import pytest
import zstandard

from tests.support.accounts import Account
from tests.support.faults_connection import HandMadeRequest
from tests.support.faults_server import WatchedServer
from tests.support.faults_sync import FIRST_NOTES, WatchedClient
from tests.support.raw_client import compressed_pieces

OPTIONS = {"sync_wait": 2, "server_name": "Learners' <server>"}

META = b'{"v":11,"cv":"test"}'
ALL_METHODS = (
    *("hostKey", "meta", "start", "applyGraves", "applyChanges", "chunk", "applyChunk"),
    *("sanityCheck2", "finish", "abort", "upload", "download"),
)
BROKEN_HEADERS = {
    "no JSON": "v=11",
    "cut short": '{"v":11,"k":"',
    "a list": "[11]",
    "null": "null",
    "no version": '{"k":"","c":"","s":""}',
    "no key": '{"v":11,"c":"","s":""}',
    "no client": '{"v":11,"k":"","s":""}',
    "no session": '{"v":11,"k":"","c":""}',
    "a version as text": '{"v":"11","k":"","c":"","s":""}',
    "a huge version": '{"v":' + "9" * 400 + ',"k":"","c":"","s":""}',
    "a key that is null": '{"v":11,"k":null,"c":"","s":""}',
    "not utf-8": '{"v":11,"k":"\xff","c":"","s":""}',
    "a lone surrogate": '{"v":11,"k":"\\ud800","c":"","s":""}',
    "deep": '{"v":' + "[" * 4000,
    "deep below an unknown key": '{"v":11,"x":' + "[" * 3000 + "]" * 3000 + "}",
    "version 7": '{"v":7,"k":"","c":"","s":""}',
    "version 12": '{"v":12,"k":"","c":"","s":""}',
    "version -11": '{"v":-11,"k":"","c":"","s":""}',
}

Answer = tuple[int, Mapping[str, str], bytes]


def ask(
    server: WatchedServer,
    path: str,
    headers: Mapping[str, str],
    body: bytes = b"",
    verb: str = "POST",
) -> Answer:
    """Send one request with a Content-Length, and look at what the answer tells."""
    with HandMadeRequest(server.port) as request:
        request.head(path, {**headers, "content-length": str(len(body))}, verb)
        request.send(body)
        answer = request.answer()
    server.secrets.assert_not_in_answer(answer[2], asked_by="")
    return answer


def zstd(body: bytes) -> bytes:
    return b"".join(compressed_pieces(body))


@pytest.mark.parametrize("broken", BROKEN_HEADERS)
def test_a_broken_sync_header_is_refused(broken: str, client: WatchedClient) -> None:
    reply = client.send_as_is("meta", [zstd(META)], sync_header=BROKEN_HEADERS[broken])
    assert reply.status == 400


def test_a_request_without_a_sync_header_is_refused(server: WatchedServer) -> None:
    assert ask(server, "/sync/meta", {}, zstd(META))[0] == 400


@pytest.mark.parametrize("method", ALL_METHODS)
def test_a_form_without_a_key_is_refused(method: str, server: WatchedServer) -> None:
    form = b'--x\r\nContent-Disposition: form-data; name="c"\r\n\r\n0\r\n--x--\r\n'
    kind = {"content-type": "multipart/form-data; boundary=x"}
    assert ask(server, f"/sync/{method}", kind, form)[0] == 400


@pytest.mark.parametrize("version", [0, 7, 12, 10**12])
def test_a_version_that_is_not_spoken_is_told_so_at_meta(
    version: int, client: WatchedClient
) -> None:
    assert client.call("meta", {"v": version, "cv": "test"}).status == 501


def test_an_older_version_in_the_header_is_answered_uncompressed(
    server: WatchedServer, client: WatchedClient
) -> None:
    headers = {"anki-sync": client.sync_header(v=10)}
    status, answer_headers, body = ask(server, "/sync/meta", headers, zstd(META))
    assert status == 200
    assert "anki-original-size" not in answer_headers
    assert json.loads(body)["cont"] is True


@pytest.mark.parametrize("name", ["Meta", "metadata", "", "begin", "../health", "%00", "hostKey/x"])
def test_an_unknown_method_is_not_found(name: str, client: WatchedClient) -> None:
    assert client.send(name, META).status == 404


def test_a_name_that_is_no_text_is_not_found(server: WatchedServer) -> None:
    for path in ("/sync/%ff", "/%ff", "/msync/%80%80", "/sync/meta%ff"):
        assert ask(server, path, {}, b"", "GET")[0] == 404
        assert ask(server, path, {})[0] == 404


@pytest.mark.parametrize("method", ALL_METHODS)
@pytest.mark.parametrize("verb", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "NONSENSE"])
def test_methods_are_called_with_post_only(
    verb: str, method: str, server: WatchedServer, client: WatchedClient
) -> None:
    headers = {"anki-sync": client.sync_header()}
    assert ask(server, f"/sync/{method}", headers, b"", verb)[0] == 405


@pytest.mark.parametrize(
    "path", ["/sync//meta", "//sync/meta", "/sync/meta/", "//sync///meta//", "/sync//meta/"]
)
def test_slashes_too_many_make_no_difference(
    path: str, server: WatchedServer, client: WatchedClient
) -> None:
    status, headers, _ = ask(server, path, {"anki-sync": client.sync_header()}, zstd(META))
    assert (status, "anki-original-size" in headers) == (200, True)


def test_a_wrong_path_is_never_answered_by_a_page(
    server: WatchedServer, client: WatchedClient
) -> None:
    for path in ("/meta", "/sync", "/sync/", "/syncmeta", "/anki/sync/meta", "/msync/sync/meta"):
        status, _, body = ask(server, path, {"anki-sync": client.sync_header()}, zstd(META))
        assert status in (404, 405, 503), f"{path} was answered {status}"
        assert b"<html" not in body
    assert ask(server, "/", {}, zstd(META))[0] == 405


def test_a_browser_is_shown_the_address(server: WatchedServer) -> None:
    for path in ("/", "/sync/", "/sync", "/msync/", "//"):
        status, headers, body = ask(server, path, {"accept": "text/html,*/*"}, b"", "GET")
        assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert b"<code>http://test/</code>" in body, "the host that the browser asked for"
        assert b"Learners&#x27; &lt;server&gt;" in body


def test_a_hostile_host_name_is_not_shown_as_html(server: WatchedServer) -> None:
    with HandMadeRequest(server.port) as request:
        head = b'GET / HTTP/1.1\r\nHost: "><script>x</script>\r\nAccept: text/html\r\n\r\n'
        request.send(head)
        status, _, body = request.answer()
    assert status in (200, 400)
    assert b"<script" not in body


def test_health_is_asked_for_with_get(server: WatchedServer) -> None:
    assert ask(server, "/health", {}, b"", "GET")[::2] == (200, b"")
    assert ask(server, "/health/", {}, b"", "GET")[::2] == (200, b"")
    assert ask(server, "/health", {}, b"", "HEAD")[0] == 200
    assert ask(server, "/health", {})[0] == 405


# Bodies


@pytest.mark.parametrize("method", [name for name in ALL_METHODS if name != "upload"])
def test_a_body_that_a_proxy_dropped_is_named_with_its_remedy(
    method: str, server: WatchedServer, client: WatchedClient
) -> None:
    with HandMadeRequest(server.port) as request:
        request.sync_head(client, method, chunked=False)
        status, _, body = request.answer()
    assert status == 411
    assert_names_the_remedy(body)
    assert_logged_as_missing(server)


def test_an_upload_whose_body_a_proxy_dropped_is_told_so_in_words(
    server: WatchedServer, account: Account, client: WatchedClient
) -> None:
    with HandMadeRequest(server.port) as request:
        request.sync_head(client, "upload", chunked=False)
        status, headers, body = request.answer()
    text = zstandard.ZstdDecompressor().decompressobj().decompress(body)
    assert (status, headers["anki-original-size"]) == (200, str(len(text)))
    assert_names_the_remedy(text)
    assert_logged_as_missing(server)
    assert server.notes(account) == FIRST_NOTES


@pytest.mark.parametrize("announced", [{"content-length": "0"}, {"transfer-encoding": "chunked"}])
def test_an_empty_body_is_a_body_that_was_dropped(
    announced: dict[str, str], server: WatchedServer, client: WatchedClient
) -> None:
    with HandMadeRequest(server.port) as request:
        request.head("/sync/meta", {"anki-sync": client.sync_header(), **announced})
        if "transfer-encoding" in announced:
            request.end()
        status, _, body = request.answer()
    assert status == 411
    assert_names_the_remedy(body)


def assert_names_the_remedy(text: bytes) -> None:
    assert b"proxy_http_version 1.1" in text, "the nginx directive"
    assert b"proxy-sendchunked" in text, "the Apache directive"


def assert_logged_as_missing(server: WatchedServer) -> None:
    (warning,) = server.events("body_missing")[-1:]
    assert warning["level"] == "warning"
    assert "proxy_http_version" in warning["remedy"]


def test_a_body_that_is_not_compressed_with_zstd_is_refused(client: WatchedClient) -> None:
    for body in (META, b"\x1f\x8b\x08\x00" + bytes(100), b"\x28\xb5\x2f\xfd", bytes(100)):
        assert client.send_as_is("meta", [body]).status == 400


def test_a_frame_that_was_cut_off_is_refused(client: WatchedClient) -> None:
    frame = zstd(json.dumps({"v": 11, "cv": "test", "x": uuid.uuid4().hex * 100}).encode())
    for length in (5, len(frame) // 2, len(frame) - 1):
        assert client.send_as_is("meta", [frame[:length]]).status == 400


def test_what_follows_the_first_frame_is_ignored(client: WatchedClient) -> None:
    for rest in (b"rest", zstd(b"a second frame"), bytes(10_000)):
        assert client.send_as_is("meta", [zstd(META), rest]).status == 200


def test_a_frame_that_tells_its_length_is_taken_too(client: WatchedClient) -> None:
    assert client.send_as_is("meta", [zstandard.compress(META)]).status == 200


def test_a_frame_that_demands_much_memory_is_refused(client: WatchedClient) -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    frame = compressor.compress(META + b" " * 1000) + compressor.flush()
    assert client.send_as_is("meta", [frame]).status == 400


def test_a_body_in_many_tiny_pieces_is_read_whole(client: WatchedClient) -> None:
    frame = zstd(META)
    assert client.send_as_is("meta", [bytes([byte]) for byte in frame]).status == 200


def test_a_content_length_is_as_good_as_chunks(
    server: WatchedServer, client: WatchedClient
) -> None:
    headers = {"anki-sync": client.sync_header()}
    assert ask(server, "/sync/meta", headers, zstd(META))[0] == 200


def test_bytes_that_are_no_http_do_not_disturb_the_server(
    server: WatchedServer, client: WatchedClient
) -> None:
    for rubbish in (
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"\x00" * 4096,
        b"GET\r\n\r\n",
        b"A" * 100_000,
    ):
        with HandMadeRequest(server.port) as request:
            try:
                request.send(rubbish + b"\r\n\r\n")
                request.answered(0.1)
            except OSError:
                pass
    assert client.send("meta", META).status == 200


@pytest.mark.parametrize(
    "client_name", ["", "x" * 10_000, "ü 🦉", "a\nb\x1b[31m", '{"event":"forged"}', "\x00"]
)
def test_a_strange_name_of_a_client_is_served_and_stays_on_its_line_of_the_log(
    client_name: str, server: WatchedServer, client: WatchedClient
) -> None:
    header = json.dumps({"v": 11, "k": client.host_key, "c": client_name, "s": "abc"})
    assert client.send_as_is("meta", [zstd(META)], sync_header=header).status == 200
    assert server.events("request")[-1]["path"] == "/sync/meta"
    assert not server.events("forged")
