"""Forms of versions 8 to 10: bytes in, a FramedRequest out."""

import gzip
import itertools

import pytest

from syncserver.errors import BadRequest
from syncserver.protocol.bounded_streams import PART_SIZE
from syncserver.protocol.multipart_framing import (
    MAX_PARTS,
    is_multipart,
    query_framing,
)
from tests.support.form_reading import read, received
from tests.support.forms import BOUNDARY, Part, content_type, form, payload, text

JSON = b'{"v":10,"cv":"ankidroid,2.15.6"}'
KEYS = (text("k", "host key"), text("s", "session"))
GZIPPED = (text("c", "1"), payload(gzip.compress(JSON)))


# Fields


@pytest.mark.parametrize("parts", list(itertools.permutations([*KEYS, *GZIPPED])))
def test_fields_come_in_any_order(parts: tuple[Part, ...]) -> None:
    request = read(form(*parts))
    assert (request.host_key, request.session_key) == ("host key", "session")
    assert received(request) == JSON


def test_a_form_asks_for_an_answer_without_compression() -> None:
    request = read(form(*KEYS, *GZIPPED))
    assert not request.version_11
    assert request.payload_when_empty == b"{}"


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 40, 41, 42, 43, 44])
def test_a_form_may_arrive_in_pieces_of_any_size(piece: int) -> None:
    request = read(form(*KEYS, text("v", "ankidroid"), *GZIPPED), piece=piece)
    assert (request.host_key, request.session_key, request.client) == (
        *("host key", "session"),
        "ankidroid",
    )
    assert received(request) == JSON


@pytest.mark.parametrize("name", ["k", "sk"])
def test_the_media_key_is_a_host_key_too(name: str) -> None:
    assert read(form(text(name, "0123abc"))).host_key == "0123abc"


def test_an_empty_host_key_does_not_hide_the_media_key() -> None:
    assert read(form(text("k", ""), text("sk", "0123abc"))).host_key == "0123abc"


def test_a_session_key_may_be_made_of_punctuation() -> None:
    for key in ("j!=N~}KC1;", '";name="k"', "--Anki-sync", "a b", "é"):
        assert read(form(text("s", key))).session_key == key


def test_the_client_says_its_version_in_a_field() -> None:
    assert read(form(text("v", "ankidesktop,2.0.52,lin:debian"))).client.startswith("ankidesktop")


def test_what_is_not_said_is_empty() -> None:
    request = read(form(text("other", "field")))
    assert (request.host_key, request.session_key, request.client) == ("", "", "")
    assert received(request) == b""


def test_of_two_fields_of_one_name_the_last_counts() -> None:
    twice = [text("k", "old"), text("k", "new"), payload(b"old and longer"), payload(b"new")]
    request = read(form(*twice))
    assert request.host_key == "new"
    assert received(request) == b"new"


def test_bytes_that_are_no_text_make_no_key() -> None:
    assert read(form(Part("k", b"\xff\xfe"))).host_key == "\ufffd\ufffd"


@pytest.mark.parametrize(
    "header",
    [
        b'Content-Disposition: form-data; name="k"',
        b"Content-Disposition: form-data; name=k",
        b'content-disposition: FORM-DATA; filename="x"; name="k"',
        b'CONTENT-DISPOSITION:form-data;name="k"',
        b'Content-Length: 3\r\nContent-Disposition: form-data; name="k"',
        b'Content-Disposition: form-data; name="k"\r\nContent-Type: text/plain; charset=UTF-8',
    ],
)
def test_the_headers_of_a_part_are_read_as_leniently_as_they_are_written(header: bytes) -> None:
    body = b"--x\r\n" + header + b"\r\n\r\nkey\r\n--x--\r\n"
    assert read(body, kind=content_type("x")).host_key == "key"


@pytest.mark.parametrize("header", [b"X-Other: 1", b"Content-Disposition: form-data", b""])
def test_a_part_without_a_name_is_passed_over(header: bytes) -> None:
    headers = header + b"\r\n" if header else b""
    body = b"--x\r\n" + headers + b"\r\nvalue\r\n" + form(text("k", "key"), boundary="x")
    assert read(body, kind=content_type("x")).host_key == "key"


# The payload


@pytest.mark.parametrize("flag", ["1", "true", "yes", "2", ""])
def test_whatever_is_not_zero_says_that_the_payload_is_gzip(flag: str) -> None:
    assert received(read(form(payload(gzip.compress(JSON)), text("c", flag)))) == JSON


@pytest.mark.parametrize("parts", [[payload(JSON)], [text("c", "0"), payload(JSON)]])
def test_without_a_word_or_with_zero_the_payload_is_plain(parts: list[Part]) -> None:
    assert received(read(form(*parts))) == JSON


def test_the_payload_may_be_a_plain_field() -> None:
    assert received(read(form(text("data", '{"a":1}')))) == b'{"a":1}'
    assert received(read(form(text("c", "1"), Part("data", gzip.compress(JSON))))) == JSON


@pytest.mark.parametrize("flag", ["0", "1"])
@pytest.mark.parametrize("parts", [[], [payload(b"")], [Part("data", b"")]])
def test_a_missing_or_empty_payload_is_empty_also_when_it_is_said_to_be_gzip(
    flag: str, parts: list[Part]
) -> None:
    assert received(read(form(*KEYS, text("c", flag), *parts))) == b""


@pytest.mark.parametrize(
    "content",
    [
        f"\r\n--{BOUNDARY[:-1]}".encode(),
        f"\r\n--{BOUNDARY[:-1]}Y".encode(),
        f"--{BOUNDARY}".encode(),
        f"\n--{BOUNDARY}\n".encode(),
        b"\r\n",
        b"\r",
        b"\r\n--",
        b"\r\n\r\n--\r\n--",
        b"\r\r\n\r\n",
        bytes(range(256)) * 3,
    ],
)
@pytest.mark.parametrize("piece", [1, 5, PART_SIZE])
def test_a_payload_that_looks_much_like_a_delimiter_arrives_whole(
    content: bytes, piece: int
) -> None:
    for sent in (content, content * 2, b"x" + content, content + b"x"):
        assert received(read(form(*KEYS, payload(sent)), piece=piece)) == sent


# Forms that end too early, or not at all


def test_a_form_without_the_last_delimiter_is_forgiven_as_python_2_sends_it() -> None:
    request = read(form(*KEYS, text("c", "1"), closed=False))
    assert (request.host_key, request.session_key) == ("host key", "session")
    assert received(request) == b""


@pytest.mark.parametrize("piece", [1, PART_SIZE])
def test_the_last_value_of_an_unclosed_form_is_not_lost(piece: int) -> None:
    assert read(form(text("k", "key"), closed=False), piece=piece).host_key == "key"
    assert received(read(form(payload(JSON), closed=False), piece=piece)) == JSON


@pytest.mark.parametrize("ending", [b"", b"\r\n", b"\r\n\r\n", b"what follows is an epilogue"])
def test_what_follows_the_last_delimiter_is_ignored(ending: bytes) -> None:
    body = form(*KEYS, *GZIPPED).removesuffix(b"\r\n") + ending
    assert received(read(body)) == JSON


def test_a_form_of_nothing_says_nothing() -> None:
    for body in (b"", form()):
        request = read(body)
        assert request.host_key == ""
        assert received(request) == b""


# The content type


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data; boundary=x-y",
        'multipart/form-data; boundary="x-y"',
        "Multipart/Form-Data;boundary=x-y",
        "multipart/form-data; charset=utf-8; boundary=x-y",
        "multipart/form-data; Boundary=x-y; charset=utf-8",
    ],
)
def test_the_boundary_is_found_however_it_is_written(kind: str) -> None:
    assert is_multipart(kind)
    assert read(form(*KEYS, boundary="x-y"), kind=kind).host_key == "host key"


@pytest.mark.parametrize("boundary", ["", '""', "x" * 10_000])
def test_a_form_without_a_usable_boundary_is_refused(boundary: str) -> None:
    with pytest.raises(BadRequest):
        read(form(*KEYS), kind=content_type(boundary))
    with pytest.raises(BadRequest):
        read(form(*KEYS), kind="multipart/form-data")


@pytest.mark.parametrize(
    "kind",
    ["", "application/x-www-form-urlencoded", "application/octet-stream", "multipart/mixed"],
)
def test_other_bodies_are_not_taken_for_forms(kind: str) -> None:
    assert not is_multipart(kind)


# The query of Rust clients of version 10


def test_a_query_holds_the_key_and_the_version_of_the_client() -> None:
    request = query_framing("k=0123abc&v=anki,2.1.49%20(7a232b70),lin")
    assert (request.host_key, request.client) == ("0123abc", "anki,2.1.49 (7a232b70),lin")
    assert (request.session_key, request.version_11) == ("", False)
    assert received(request) == b""


@pytest.mark.parametrize("query", ["", "&&", "k", "k=", "other=1", "K=0123abc"])
def test_what_a_query_does_not_say_is_empty(query: str) -> None:
    assert query_framing(query).host_key == ""
    assert query_framing(query).client == ""


def test_a_query_that_is_no_text_makes_no_key() -> None:
    assert query_framing("k=%ff%fe&v=x").host_key == "\ufffd\ufffd"


def test_a_query_has_a_bounded_number_of_fields() -> None:
    with pytest.raises(BadRequest):
        query_framing("&".join(["k=x"] * (MAX_PARTS + 1)))
