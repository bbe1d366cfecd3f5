"""Forms that are large, broken or hostile: what is refused, and how little it costs."""

import gzip
import os
import random
import zlib
from pathlib import Path

import pytest

from syncserver.errors import BadRequest, BodyTooLarge, SyncServerError
from syncserver.protocol.bounded_streams import PART_SIZE, CountingSource
from syncserver.protocol.multipart_framing import (
    MAX_PARTS,
    MAX_SHORT_FIELD_BYTES,
    SPOOL_BYTES,
    read_multipart_framing,
)
from tests.support.form_reading import MEGABYTE, InPieces, at_most_in_memory, read, received
from tests.support.forms import BOUNDARY, Part, content_type, form, payload, text

JSON = b'{"v":10,"cv":"ankidroid,2.15.6"}'
KEYS = (text("k", "host key"), text("s", "session"))
GZIPPED = (text("c", "1"), payload(gzip.compress(JSON)))


# Large payloads


@pytest.mark.parametrize("size", [SPOOL_BYTES - 1, SPOOL_BYTES, SPOOL_BYTES + 1, 5 * MEGABYTE])
def test_a_large_payload_arrives_whole(size: int) -> None:
    content = random.Random(size).randbytes(size)
    assert received(read(form(*KEYS, payload(content), text("c", "0")), piece=70_001)) == content
    packed = gzip.compress(content, compresslevel=1)
    assert received(read(form(payload(packed), text("c", "1")))) == content


def test_a_large_payload_is_kept_in_a_file_and_not_in_memory() -> None:
    body = form(payload(os.urandom(20 * MEGABYTE)))
    with at_most_in_memory(8 * MEGABYTE):
        request = read(body)
        total = sum(len(part) for part in request.body.parts(100 * MEGABYTE))
    assert total == 20 * MEGABYTE


def test_nothing_is_left_of_a_payload_that_was_read_or_given_up(tmp_path: Path) -> None:
    body = form(payload(bytes(3 * SPOOL_BYTES)))
    assert len(received(read(body))) == 3 * SPOOL_BYTES
    read(body)
    assert list(tmp_path.iterdir()) == []


def test_fields_that_nobody_knows_are_dropped_however_long_they_are() -> None:
    body = form(Part("other", bytes(20 * MEGABYTE)), *KEYS)
    with at_most_in_memory(5 * MEGABYTE):
        assert read(body).host_key == "host key"


# Gzip


@pytest.mark.parametrize("size", [0, 1, PART_SIZE - 1, PART_SIZE, PART_SIZE + 1, 4 * PART_SIZE])
def test_what_expands_to_just_whole_parts_arrives_whole(size: int) -> None:
    packed = gzip.compress(bytes(size))
    assert received(read(form(text("c", "1"), payload(packed)))) == bytes(size)


def test_a_gzip_bomb_is_refused_as_soon_as_the_limit_is_passed() -> None:
    bomb = form(text("c", "1"), payload(packed_zeros(100 * MEGABYTE)))
    assert len(bomb) < MEGABYTE
    sizes: list[int] = []
    with at_most_in_memory(4 * MEGABYTE), pytest.raises(BodyTooLarge):
        sizes.extend(len(part) for part in read(bomb).body.parts(10 * MEGABYTE))
    assert 9 * MEGABYTE < sum(sizes) <= 10 * MEGABYTE
    assert max(sizes) <= PART_SIZE


def packed_zeros(size: int) -> bytes:
    compressor = zlib.compressobj(wbits=31)
    parts = [compressor.compress(bytes(MEGABYTE)) for _ in range(size // MEGABYTE)]
    return b"".join(parts) + compressor.flush()


@pytest.mark.parametrize("compressed", [True, False])
def test_the_limit_of_the_payload_may_be_reached_but_not_passed(compressed: bool) -> None:
    content = os.urandom(PART_SIZE + 5)
    sent = gzip.compress(content) if compressed else content
    body = form(text("c", str(int(compressed))), payload(sent))
    assert received(read(body), limit=len(content)) == content
    with pytest.raises(BodyTooLarge):
        received(read(body), limit=len(content) - 1)


@pytest.mark.parametrize("kept", [1, 5, 10, 18, 19, -9, -8, -1])
def test_a_gzip_payload_that_was_cut_off_is_refused(kept: int) -> None:
    cut = gzip.compress(JSON)[:kept]
    with pytest.raises(BadRequest):
        received(read(form(text("c", "1"), payload(cut))))


@pytest.mark.parametrize("content", [b"{}", b"\x1f", b"\x1f\x8b", b"\x78\x9c" + bytes(20), b"\r\n"])
def test_a_payload_that_only_claims_to_be_gzip_is_refused(content: bytes) -> None:
    with pytest.raises(BadRequest):
        received(read(form(text("c", "1"), payload(content))))


def test_a_damaged_gzip_payload_is_refused() -> None:
    packed = bytearray(gzip.compress(os.urandom(1000)))
    packed[500] ^= 1
    with pytest.raises(BadRequest):
        received(read(form(text("c", "1"), payload(bytes(packed)))))


def test_bytes_behind_a_gzip_payload_are_left_alone() -> None:
    body = form(text("c", "1"), payload(gzip.compress(JSON) + bytes(20 * MEGABYTE)))
    with at_most_in_memory(8 * MEGABYTE):
        assert received(read(body)) == JSON


# Limits and hostile forms


def test_a_form_may_be_as_long_as_the_limit_and_no_longer() -> None:
    body = form(*KEYS, payload(bytes(1000)))
    assert read(body, wire_limit=len(body)).host_key == "host key"
    with pytest.raises(BodyTooLarge):
        read(body, wire_limit=len(body) - 1)


def test_a_form_beyond_the_limit_is_not_read_to_its_end() -> None:
    endless = CountingSource(InPieces(form(payload(bytes(10 * MEGABYTE))), PART_SIZE))
    with pytest.raises(BodyTooLarge):
        read_multipart_framing(content_type(), endless, MEGABYTE, Path.cwd())
    assert endless.bytes_read <= MEGABYTE + PART_SIZE


def test_a_form_has_a_bounded_number_of_parts() -> None:
    others = [text("other", "x")] * (MAX_PARTS - 1)
    assert read(form(*others, text("k", "key"))).host_key == "key"
    with pytest.raises(BadRequest):
        read(form(*others, text("other", "x"), text("k", "key")))


@pytest.mark.parametrize("name", ["c", "k", "sk", "s", "v"])
@pytest.mark.parametrize("piece", [100, PART_SIZE])
def test_a_key_has_a_bounded_length(name: str, piece: int) -> None:
    assert read(form(text(name, "x" * MAX_SHORT_FIELD_BYTES)), piece=piece)
    with pytest.raises(BadRequest):
        read(form(text(name, "x" * (MAX_SHORT_FIELD_BYTES + 1))), piece=piece)


@pytest.mark.parametrize(
    "headers",
    [
        b"X" * 5 * MEGABYTE,
        b"X: " + b"y" * 5 * MEGABYTE,
        b"X: " + b" " * 5 * MEGABYTE,
        b"X: y\r\n" * MEGABYTE,
    ],
    ids=["a long name", "a long value", "many spaces", "many headers"],
)
def test_the_headers_of_a_part_are_bounded(headers: bytes) -> None:
    body = b"--x\r\n" + headers + b"\r\n\r\nvalue\r\n--x--\r\n"
    with at_most_in_memory(MEGABYTE), pytest.raises(BadRequest):
        read(body, kind=content_type("x"))


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"k=host+key&c=0",
        b"--other\r\n\r\n--other--\r\n",
        b"a preamble\r\n" + form(*KEYS),
        f"--{BOUNDARY}no line break".encode(),
        f"--{BOUNDARY}\r\nno colon\r\n\r\nvalue\r\n".encode(),
        f"--{BOUNDARY}\r\n: no name\r\n\r\nvalue\r\n".encode(),
    ],
)
def test_what_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        read(body)


def test_whatever_is_sent_is_read_or_refused_and_never_an_accident() -> None:
    chance = random.Random(4)
    valid = form(*KEYS, text("v", "client"), *GZIPPED)
    outcomes = {"read": 0, "refused": 0}
    for _ in range(1500):
        try:
            received(read(damaged(valid, chance), piece=chance.choice([1, 3, 50, PART_SIZE])))
            outcomes["read"] += 1
        except SyncServerError:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 100


def damaged(body: bytes, chance: random.Random) -> bytes:
    """Cut, repeat or change some bytes."""
    damaged = bytearray(body)
    for _ in range(chance.randint(1, 3)):
        start = chance.randrange(len(damaged))
        end = min(len(damaged), start + chance.randint(0, 30))
        damaged[start:end] = chance.choice(
            [b"", b"\r\n", b"--", damaged[start:end] * 2, chance.randbytes(3), b"\x00", b'";=']
        )
    return bytes(damaged)
