"""Versions 8 to 10: a multipart form with the keys and a payload that may be gzip.

The quirks of the clients are in section 1.2 of the protocol facts: fields come in any order, the
payload often before the field that says whether it is compressed; it may be missing or a plain
text field; keys are called `k` or `sk`; Python 2.0's clients forget the closing delimiter.
"""

import os
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from syncserver.errors import BadRequest, BodyTooLarge
from syncserver.protocol.bounded_streams import PART_SIZE, CountingSource
from syncserver.protocol.framed_request import FramedRequest

PAYLOAD_FIELD: Final = b"data"
SHORT_FIELDS: Final = (b"c", b"k", b"sk", b"s", b"v")
MAX_SHORT_FIELD_BYTES: Final = 1024
MAX_PARTS: Final = 32
NOT_COMPRESSED: Final = b"0"
# Payloads up to this size stay in memory, larger ones go to a file that has no name.
SPOOL_BYTES: Final = 1024 * 1024
GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS
NO_INPUT: Final = b"{}"


def is_multipart(content_type: str) -> bool:
    """Tell whether a Content-Type is that of a form with parts."""
    return parse_options_header(content_type)[0] == b"multipart/form-data"


def read_multipart_framing(
    content_type: str, source: CountingSource, wire_limit: int
) -> FramedRequest:
    """Return the request in a form, which is read whole; its payload goes to a file if large.

    Raises BodyTooLarge beyond `wire_limit` bytes, BadRequest for a broken form.
    """
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise BadRequest("The form has no boundary.")
    form = _Form()
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


def query_framing(query: dict[str, str]) -> FramedRequest:
    """Return the request in a query string: the `begin` of version 10's Rust clients."""
    payload: IO[bytes] = _new_payload()
    return FramedRequest(
        host_key=query.get("k", ""),
        session_key="",
        client=query.get("v", ""),
        version_11=False,
        payload_when_empty=NO_INPUT,
        body=FormPayload(payload, compressed=False),
    )


@dataclass(frozen=True, slots=True)
class FormPayload:
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

    short: dict[bytes, bytearray] = field(default_factory=dict)
    payload: IO[bytes] = field(default_factory=lambda: _new_payload())
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

    def _take(self, data: bytes, start: int, end: int) -> None:
        if self.name == PAYLOAD_FIELD:
            self.payload.write(data[start:end])
        elif self.name in SHORT_FIELDS:
            short = self.short.setdefault(self.name, bytearray())
            short += data[start:end]
            if len(short) > MAX_SHORT_FIELD_BYTES:
                raise BadRequest("A field of the form is too long.", cause=repr(self.name))


def _new_payload() -> IO[bytes]:
    # It is closed when it has been read, or by the garbage collector when nobody reads it.
    return tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115


def _gunzipped(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what a gzip stream contains, in bounded parts. Raises BadRequest if it is broken."""
    decompressor = zlib.decompressobj(GZIP_WINDOW)
    try:
        for part in parts:
            yield decompressor.decompress(part, PART_SIZE)
            while decompressor.unconsumed_tail:
                yield decompressor.decompress(decompressor.unconsumed_tail, PART_SIZE)
        while rest := decompressor.decompress(b"", PART_SIZE):
            yield rest
    except zlib.error as problem:
        raise BadRequest("The request is not compressed with gzip.", cause=str(problem)) from None
    if not decompressor.eof:
        raise BadRequest("The request was cut off.", cause="the gzip stream is not complete")
