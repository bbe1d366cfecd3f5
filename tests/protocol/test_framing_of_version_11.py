"""The anki-sync header, and replies that carry the size they had before compression."""

import io
import json
import os
from pathlib import Path

import pytest
import zstandard

from syncserver.errors import BadRequest
from syncserver.protocol.bounded_streams import PART_SIZE, CountingSource
from syncserver.protocol.header_framing import read_header_framing
from syncserver.protocol.response_framing import FramedReply, frame_bytes, frame_file

FIELDS = {"v": 11, "k": "key", "c": "26.09.3,29bb700b,linux", "s": "abc12"}


def read(header: str):
    return read_header_framing(header, CountingSource(io.BytesIO()))


def test_the_header_names_the_keys_and_the_client() -> None:
    framed = read(json.dumps(FIELDS))
    assert (framed.host_key, framed.session_key) == ("key", "abc12")
    assert framed.client == "26.09.3,29bb700b,linux"


def test_a_header_in_utf_8_arrives_as_latin_1() -> None:
    raw = json.dumps({**FIELDS, "c": "clé"}, ensure_ascii=False).encode()
    assert read(raw.decode("latin-1")).client == "clé"


@pytest.mark.parametrize("missing", FIELDS)
def test_every_field_must_be_there(missing: str) -> None:
    with pytest.raises(BadRequest):
        read(json.dumps({key: value for key, value in FIELDS.items() if key != missing}))


@pytest.mark.parametrize("version", [-1, 0, 7, 12, 2**70, "11", None])
def test_a_version_that_is_not_spoken_is_refused(version: object) -> None:
    with pytest.raises(BadRequest):
        read(json.dumps({**FIELDS, "v": version}))


@pytest.mark.parametrize("header", ["", "{", "[]", "null", "\udcff", "é", "1" * 10_000])
def test_a_header_that_is_no_object_is_refused(header: str) -> None:
    with pytest.raises(BadRequest):
        read(header)


def whole(reply: FramedReply) -> bytes:
    return reply.body if isinstance(reply.body, bytes) else b"".join(reply.body)


def decompressed(reply: FramedReply) -> bytes:
    return zstandard.ZstdDecompressor().decompressobj().decompress(whole(reply))


@pytest.mark.parametrize("payload", [b"", b"null", b"OK", os.urandom(100_000)])
def test_a_reply_says_its_original_size(payload: bytes) -> None:
    reply = frame_bytes(payload, compressed=True)
    headers = dict(reply.headers)
    assert headers["anki-original-size"] == str(len(payload))
    assert headers["Content-Length"] == str(len(whole(reply)))
    assert decompressed(reply) == payload


def test_a_plain_reply_is_the_payload_and_its_length() -> None:
    reply = frame_bytes(b"payload", compressed=False)
    assert whole(reply) == b"payload"
    assert dict(reply.headers)["Content-Length"] == "7"
    assert "anki-original-size" not in dict(reply.headers)


@pytest.mark.parametrize("size", [0, 1, PART_SIZE, 3 * PART_SIZE + 1])
@pytest.mark.parametrize("compressed", [True, False])
def test_a_file_is_sent_whole_and_closed(tmp_path: Path, size: int, compressed: bool) -> None:
    content = os.urandom(size)
    (tmp_path / "file").write_bytes(content)
    file = (tmp_path / "file").open("rb")
    reply = frame_file(file, size, compressed=compressed)
    assert (decompressed(reply) if compressed else whole(reply)) == content
    assert file.closed
