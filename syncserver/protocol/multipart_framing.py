"""Versions 8 to 10: a multipart form with the keys and a payload that may be gzip.

The quirks of the clients are in section 1.2 of the protocol facts: fields come in any order, the
payload often before the field that says whether it is compressed; it may be missing or a plain
text field; keys are called `k` or `sk`; Python 2.0's clients forget the closing delimiter.
"""

import logging
import os
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final
from urllib.parse import parse_qs

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from syncserver.errors import BadRequest, BodyTooLarge
from syncserver.protocol.bounded_streams import PART_SIZE, CountingSource
from syncserver.protocol.framed_request import Body, FramedRequest

PAYLOAD_FIELD: Final = b"data"
SHORT_FIELDS: Final = (b"c", b"k", b"sk", b"s", b"v")
MAX_SHORT_FIELD_BYTES: Final = 1024
MAX_PARTS: Final = 32
NOT_COMPRESSED: Final = b"0"
# Payloads up to this size stay in memory, larger ones go to a file that has no name.
SPOOL_BYTES: Final = 1024 * 1024
GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS
NO_INPUT: Final = b"{}"

# The parser describes every broken form to the log; our own refusal of it is one line there.
logging.getLogger("python_multipart").setLevel(logging.ERROR)


def is_multipart(content_type: str) -> bool:
    """Tell whether a Content-Type is that of a form with parts."""
    return parse_options_header(content_type)[0] == b"multipart/form-data"


def read_multipart_framing(
    content_type: str, source: CountingSource, wire_limit: int, spool_folder: Path
) -> FramedRequest:
    """Return the request in a form, which is read whole.

    A large payload goes to a file without a name in `spool_folder`. Raises BodyTooLarge beyond
    `wire_limit` bytes, BadRequest for a broken form.
    """
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise BadRequest("The form has no boundary.")
    form = _Form(_new_payload(spool_folder))
    try:
        form.read(boundary, source, wire_limit)
    except FormParserError as problem:
        raise BadRequest("The form cannot be read.", cause=str(problem)) from None
    return FramedRequest(
        host_key=form.text(b"k") or form.text(b"sk"),
        session_key=form.text(b"s"),
        client=form.text(b"v"),
        version_11=False,
        payload_when_empty=NO_INPUT,
        body=FormPayload(form.payload, compressed=form.is_compressed),
    )


def query_framing(query: str) -> FramedRequest:
    """Return the request in a query string: the `begin` of version 10's Rust clients.

    Raises BadRequest for a query that no client sends.
    """
    try:
        fields = parse_qs(query, errors="replace", max_num_fields=MAX_PARTS)
    except ValueError as problem:
        raise BadRequest("The query cannot be read.", cause=str(problem)) from None
    return FramedRequest(
        host_key=fields.get("k", [""])[-1],
        session_key="",
        client=fields.get("v", [""])[-1],
        version_11=False,
        payload_when_empty=NO_INPUT,
        body=NoPayload(),
    )


@dataclass(frozen=True, slots=True)
class NoPayload(Body):
    """The payload of a request that has no body."""

    def parts(self, limit: int) -> Iterator[bytes]:  # noqa: ARG002 - as every body has it
        """Yield nothing."""
        return iter(())


@dataclass(frozen=True, slots=True)
class FormPayload(Body):
    """The payload of a form; a missing or empty one stands for `{}`."""

    file: IO[bytes]
    compressed: bool

    def parts(self, limit: int) -> Iterator[bytes]:
        """Yield the payload; raises BodyTooLarge beyond `limit` bytes, BadRequest if broken."""
        with self.file:
            if not self.file.seek(0, os.SEEK_END):
                return
            self.file.seek(0)
            total = 0
            for part in self._expanded(self.file):
                total += len(part)
                if total > limit:
                    raise BodyTooLarge("The request is too large.", cause=f"more than {limit}")
                yield part

    def _expanded(self, file: IO[bytes]) -> Iterator[bytes]:
        raw = iter(lambda: file.read(PART_SIZE), b"")
        return _gunzipped(raw) if self.compressed else raw


@dataclass(slots=True)
class _Form:
    """The fields of a form, as the parser's callbacks fill them in."""

    payload: IO[bytes]
    short: dict[bytes, bytearray] = field(default_factory=dict)
    parts: int = 0
    header: bytearray = field(default_factory=bytearray)
    value: bytearray = field(default_factory=bytearray)
    name: bytes = b""

    def read(self, boundary: bytes, source: CountingSource, wire_limit: int) -> None:
        """Parse the form. A missing closing delimiter is forgiven."""
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": self._extend_header,
                "on_header_value": self._extend_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._begin_value,
                "on_part_data": self._take,
            },
        )
        while piece := source.read():
            if source.bytes_read > wire_limit:
                raise BodyTooLarge("The request is too large.", cause=f"more than {wire_limit}")
            parser.write(piece)

    @property
    def is_compressed(self) -> bool:
        """Whether the payload is gzip: when nothing is said it is not."""
        return b"c" in self.short and bytes(self.short[b"c"]) != NOT_COMPRESSED

    def text(self, name: bytes) -> str:
        """Return a short field, "" when it is missing."""
        return bytes(self.short.get(name, b"")).decode("utf-8", "replace")

    def _begin_part(self) -> None:
        self.parts += 1
        self.name = b""
        if self.parts > MAX_PARTS:
            raise BadRequest("The form has too many parts.")

    def _extend_header(self, data: bytes, start: int, end: int) -> None:
        self.header += data[start:end]

    def _extend_value(self, data: bytes, start: int, end: int) -> None:
        self.value += data[start:end]

    def _end_header(self) -> None:
        if bytes(self.header).lower() == b"content-disposition":
            self.name = parse_options_header(bytes(self.value))[1].get(b"name", b"")
        self.header.clear()
        self.value.clear()

    def _begin_value(self) -> None:
        """Begin a field, even one without a value; of fields with one name the last counts."""
        if self.name == PAYLOAD_FIELD:
            self.payload.seek(0)
            self.payload.truncate()
        elif self.name in SHORT_FIELDS:
            self.short[self.name] = bytearray()

    def _take(self, data: bytes, start: int, end: int) -> None:
        if self.name == PAYLOAD_FIELD:
            self.payload.write(data[start:end])
        elif self.name in SHORT_FIELDS:
            short = self.short[self.name]
            short += data[start:end]
            if len(short) > MAX_SHORT_FIELD_BYTES:
                raise BadRequest("A field of the form is too long.", cause=repr(self.name))


def _new_payload(folder: Path) -> IO[bytes]:
    # It is closed when it has been read, or by the garbage collector when nobody reads it.
    return tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES, dir=str(folder))


def _gunzipped(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what a gzip stream contains, in bounded parts; bytes behind it are left alone.

    Raises BadRequest if it is broken.
    """
    decompressor = zlib.decompressobj(GZIP_WINDOW)
    try:
        for part in parts:
            yield from _expanded(decompressor, part)
            if decompressor.eof:
                return
    except zlib.error as problem:
        raise BadRequest("The request is not compressed with gzip.", cause=str(problem)) from None
    raise BadRequest("The request was cut off.", cause="the gzip stream is not complete")


def _expanded(decompressor: "zlib._Decompress", part: bytes) -> Iterator[bytes]:
    """Yield what one more part of a stream stands for, which may be a thousand times as much."""
    piece = decompressor.decompress(part, PART_SIZE)
    yield piece
    # A full piece may have more behind it even when all of the input is used up.
    while not decompressor.eof and (decompressor.unconsumed_tail or len(piece) == PART_SIZE):
        piece = decompressor.decompress(decompressor.unconsumed_tail, PART_SIZE)
        yield piece
