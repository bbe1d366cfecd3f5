"""Bodies are read part by part, and their limits hold while they flow."""

import io
import os
from collections.abc import Callable

import pytest
import zstandard

from syncserver.errors import BadRequest, BodyTooLarge
from syncserver.protocol.bounded_streams import (
    COMPRESSION_OVERHEAD,
    PART_SIZE,
    CountingSource,
    LengthLimitedSource,
    decompressed_parts,
)
from syncserver.protocol.framed_request import ZstdBody
from syncserver.protocol.zstd_pool import SMALL_MESSAGE, small_message

PLENTY = 10**9


def frame(content: bytes) -> bytes:
    compressor = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    return compressor.compress(content) + compressor.flush()


def read_in_parts(wire: bytes, limit: int = PLENTY) -> bytes:
    return b"".join(decompressed_parts(CountingSource(io.BytesIO(wire)), limit))


def read_at_once(wire: bytes, limit: int = PLENTY) -> bytes:
    return ZstdBody(CountingSource(io.BytesIO(wire))).payload(limit)


@pytest.fixture(params=[read_in_parts, read_at_once])
def read_frame(request: pytest.FixtureRequest) -> Callable[..., bytes]:
    return request.param


@pytest.mark.parametrize("size", [0, 1, 100, PART_SIZE, 2 * PART_SIZE, 3_000_001])
@pytest.mark.parametrize("make", [lambda size: b"a" * size, os.urandom], ids=["dull", "random"])
def test_a_frame_of_any_size_comes_out_as_it_went_in(read_frame, make, size: int) -> None:
    content = make(size)
    assert read_frame(frame(content)) == content


@pytest.mark.parametrize("size", [0, 1, 1000, 400_000])
def test_a_frame_that_was_cut_off_anywhere_is_refused(read_frame, size: int) -> None:
    wire = frame(os.urandom(size))
    for cut in {1, 4, len(wire) // 2, len(wire) - 1}:
        with pytest.raises(BadRequest):
            read_frame(wire[:cut])


@pytest.mark.parametrize("wire", [b"", b"no zstd at all", b"\x28\xb5\x2f\xfd\xff\xff\xff\xff"])
def test_what_is_no_frame_is_refused(read_frame, wire: bytes) -> None:
    with pytest.raises(BadRequest):
        read_frame(wire)


def test_bytes_behind_the_frame_are_left_alone(read_frame) -> None:
    assert read_frame(frame(b"content") + b"rubbish") == b"content"
    assert read_frame(frame(b"first") + frame(b"second")) == b"first"


def test_the_limit_is_the_last_size_that_passes(read_frame) -> None:
    wire = frame(b"x" * 1000)
    assert len(read_frame(wire, limit=1000)) == 1000
    with pytest.raises(BodyTooLarge):
        read_frame(wire, limit=999)


@pytest.mark.parametrize("size", [0, 1, PART_SIZE - 1, PART_SIZE, 3 * PART_SIZE, 10**8])
def test_however_much_comes_out_of_a_piece_parts_have_their_size(size: int) -> None:
    parts = list(decompressed_parts(CountingSource(io.BytesIO(frame(bytes(size)))), PLENTY))
    assert all(0 < len(part) <= PART_SIZE for part in parts)
    assert b"".join(parts) == bytes(size)


def test_a_bomb_is_noticed_long_before_it_has_been_read() -> None:
    source = CountingSource(io.BytesIO(frame(bytes(10**9))))
    with pytest.raises(BodyTooLarge):
        for _ in decompressed_parts(source, 1000):
            pass
    assert source.bytes_read <= PART_SIZE


def test_input_that_expands_to_nothing_is_limited_too(read_frame) -> None:
    empty_blocks = b"\x28\xb5\x2f\xfd\x00\x58" + b"\x00\x00\x00" * 200_000
    with pytest.raises(BodyTooLarge):
        read_frame(empty_blocks, limit=COMPRESSION_OVERHEAD)


def test_a_window_larger_than_any_client_has_is_refused(read_frame) -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27, write_content_size=False)
    stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    with pytest.raises(BadRequest):
        read_frame(stream.compress(os.urandom(100)) + stream.flush())


def test_only_a_whole_frame_of_a_small_message_is_read_at_once() -> None:
    assert small_message(frame(b"x" * SMALL_MESSAGE)) == b"x" * SMALL_MESSAGE
    assert small_message(frame(b"x" * (SMALL_MESSAGE + 1))) is None
    assert small_message(frame(b"content")[:-1]) is None


def test_a_frame_that_says_how_large_it_is_gets_no_more_memory_for_that() -> None:
    sized = zstandard.ZstdCompressor(write_content_size=True)
    assert small_message(sized.compress(b"content")) == b"content"
    assert small_message(sized.compress(bytes(10**7))) is None
    # Eight bytes that claim 2^62 bytes of content, and a block that holds none.
    boast = b"\x28\xb5\x2f\xfd\xe0" + (2**62).to_bytes(8, "little") + b"\x01\x00\x00"
    assert small_message(boast) is None
    with pytest.raises(BadRequest):
        read_at_once(boast)


def test_a_body_with_a_length_ends_where_it_says() -> None:
    source = LengthLimitedSource(io.BytesIO(b"body and the next request"), 4)
    assert source.read() == b"body"
    assert source.read() == b""


def test_a_body_shorter_than_its_length_was_cut_off() -> None:
    source = LengthLimitedSource(io.BytesIO(b"bo"), 4)
    assert source.read() == b"bo"
    with pytest.raises(BadRequest):
        source.read()


def test_draining_stops_at_its_limit_and_at_the_end() -> None:
    with open("/dev/zero", "rb") as zeros:
        endless = CountingSource(zeros)
        endless.drain(3 * PART_SIZE)
    assert endless.bytes_read == 3 * PART_SIZE
    short = CountingSource(io.BytesIO(b"rest"))
    short.drain(PLENTY)
    assert short.bytes_read == 4
