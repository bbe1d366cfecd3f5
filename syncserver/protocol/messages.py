"""The shapes of the collection sync's messages, checked while they are decoded.

Field names are the wire's own. Numbers have the ranges that every Rust client imposes: a row
outside of them, once stored, would make each of them fail (section 2.7 of the protocol facts).
Unknown keys are ignored at this level; those inside decks, options and notetypes are kept.
"""

from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta, Struct

from syncserver.errors import BadRequest

MAX_IDS: Final = 1_000_000  # deletions in one message; real clients send 250, AnkiDroid all at once
MAX_ROWS: Final = 100_000  # rows in one chunk; real clients send 250

Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
UInt32 = Annotated[int, Meta(ge=0, le=2**32 - 1)]
UInt16 = Annotated[int, Meta(ge=0, le=2**16 - 1)]
UInt8 = Annotated[int, Meta(ge=0, le=2**8 - 1)]
# Old clients compute some columns with floats; they are truncated when the row is stored.
LooseInt32 = Int32 | Annotated[float, Meta(ge=-(2**31), le=2**31 - 1)]
LooseUInt32 = UInt32 | Annotated[float, Meta(ge=0, le=2**32 - 1)]
LooseInt64 = Int64 | Annotated[float, Meta(ge=-(2**53), le=2**53)]

# id, cid, usn, ease, ivl, lastIvl, factor, time, type
RevlogRow = tuple[Int64, Int64, Int32, UInt8, LooseInt32, LooseInt32, LooseUInt32, LooseUInt32, Any]
# id, nid, did, ord, mod, usn, type, queue, due, ivl, factor, reps, lapses, left, odue, odid, flags, data
CardRow = tuple[
    Int64,
    Int64,
    Int64,
    UInt16,
    LooseInt64,
    Int32,
    Annotated[int, Meta(ge=0, le=3)],
    Annotated[int, Meta(ge=-3, le=4)],
    LooseInt32,
    LooseInt32,
    UInt16,
    UInt32,
    UInt32,
    UInt32,
    LooseInt32,
    Int64,
    UInt8,
    str,
]
# id, guid, mid, mod, usn, tags, flds, sfld, csum, flags, data; the last four arrive empty
NoteRow = tuple[Int64, str, Int64, Int64, Int32, str, str, Any, Any, Any, Any]


class LoginRequest(Struct):
    """`hostKey`: a user's name and password."""

    u: str
    p: str


class MetaRequest(Struct):
    """`meta`: the client's protocol version and its name."""

    v: int
    cv: str


class Graves(Struct):
    """Ids of deleted objects; old AnkiMobile sends them as strings."""

    cards: Annotated[list[Int64], Meta(max_length=MAX_IDS)]
    decks: Annotated[list[Int64], Meta(max_length=MAX_IDS)]
    notes: Annotated[list[Int64], Meta(max_length=MAX_IDS)]


class StartRequest(Struct):
    """`start`: the client's usn, whether it is newer than the server, old clients' deletions."""

    minUsn: Int32  # noqa: N815 - the wire's name
    lnewer: bool
    graves: Graves | None = None


class ApplyGravesRequest(Struct):
    """`applyGraves`: some of the client's deletions."""

    chunk: Graves


class Changes(Struct):
    """What is neither note, card nor review: `decks` is a pair of decks and deck options.

    `conf` and `crt` come only from the side whose collection is newer.
    """

    models: list[dict[str, Any]]
    decks: tuple[list[dict[str, Any]], list[dict[str, Any]]]
    tags: list[str]
    conf: dict[str, Any] | None = None
    crt: Int64 | None = None


class ApplyChangesRequest(Struct):
    """`applyChanges`: the client's changes."""

    changes: Changes


class Chunk(Struct):
    """Some rows, each an array in the order of the table's columns."""

    done: bool = False
    revlog: Annotated[list[RevlogRow], Meta(max_length=MAX_ROWS)] = []
    cards: Annotated[list[CardRow], Meta(max_length=MAX_ROWS)] = []
    notes: Annotated[list[NoteRow], Meta(max_length=MAX_ROWS)] = []


class ApplyChunkRequest(Struct):
    """`applyChunk`: some of the client's rows."""

    chunk: Chunk


class SanityCounts(Struct, array_like=True):
    """Row counts of one side; due counts and graves are not compared."""

    due: list[int]
    cards: int
    notes: int
    revlog: int
    graves: int
    notetypes: int
    decks: int
    deck_options: int


class SanityCheckRequest(Struct):
    """`sanityCheck2`: the client's counts, or the text of a failure of its own check."""

    client: SanityCounts | str


class MediaBeginRequest(Struct):
    """`begin`: the client's name."""

    v: Annotated[str, Meta(min_length=1)]


class MediaChangesRequest(Struct):
    """`mediaChanges`: the newest media usn that the client knows."""

    lastUsn: Int64  # noqa: N815 - the wire's name


class DownloadFilesRequest(Struct):
    """`downloadFiles`: names of files."""

    files: list[str]


class MediaSanityRequest(Struct):
    """`mediaSanity`: how many files the client has."""

    local: Int64


Message = TypeVar("Message")


def decode(body: bytes, shape: type[Message]) -> Message:
    """Decode JSON into `shape`. Raises BadRequest, which says what is wrong and where."""
    try:
        return msgspec.json.decode(body, type=shape, strict=shape is not StartRequest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
        raise BadRequest(
            "The request is not what the protocol demands.", cause=str(problem)
        ) from None


def encode(message: object) -> bytes:
    """Encode a message as compact JSON."""
    return msgspec.json.encode(message)
