"""The shapes of the collection sync's messages, checked while they are decoded.

Field names are the wire's own. Numbers have the ranges that every Rust client imposes: a row
outside of them, once stored, would make each of them fail (section 2.7 of the protocol facts).
Unknown keys are ignored at this level; those inside decks, options and notetypes are kept.
"""

from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta, Struct

from syncserver.errors import BadRequest, BodyTooLarge
from syncserver.protocol.value_count import holds_more_values

# Values in one message. A chunk of real clients holds some 5,000; old AnkiDroid sends the ids of all
# its deletions at once.
MAX_VALUES: Final = 1_000_000

Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
UInt32 = Annotated[int, Meta(ge=0, le=2**32 - 1)]
UInt16 = Annotated[int, Meta(ge=0, le=2**16 - 1)]
UInt8 = Annotated[int, Meta(ge=0, le=2**8 - 1)]
# Old clients compute some columns with floats; they are truncated when the row is stored.
LooseInt32 = Int32 | Annotated[float, Meta(ge=-(2**31), le=2**31 - 1)]
# What may not be negative becomes 0 instead: refused, its owner could never sync again.
ClampedUInt32 = (
    Annotated[int, Meta(ge=-(2**63), le=2**32 - 1)]
    | Annotated[float, Meta(ge=-(2**63), le=2**32 - 1)]
)
LooseInt64 = Int64 | Annotated[float, Meta(ge=-(2**53), le=2**53)]
# Far beyond the year 9999; of a later creation time the scheduler cannot compute the day any more.
CreationTime = Annotated[int, Meta(ge=-(2**40), le=2**40)]

# id, cid, usn, ease, ivl, lastIvl, factor, time, type
RevlogRow = tuple[
    Int64, Int64, Int32, UInt8, LooseInt32, LooseInt32, ClampedUInt32, ClampedUInt32, Any
]
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
    ClampedUInt32,
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

    cards: list[Int64]
    decks: list[Int64]
    notes: list[Int64]


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
    crt: CreationTime | None = None


class ApplyChangesRequest(Struct):
    """`applyChanges`: the client's changes."""

    changes: Changes


class Chunk(Struct):
    """Some rows, each an array in the order of the table's columns."""

    done: bool = False
    revlog: list[RevlogRow] = []
    cards: list[CardRow] = []
    notes: list[NoteRow] = []


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
    """Decode JSON into `shape`.

    Raises BadRequest, which says what is wrong and where, and BodyTooLarge beyond MAX_VALUES.
    """
    if holds_more_values(body, MAX_VALUES):
        raise BodyTooLarge("The request holds too many values.", cause=f"more than {MAX_VALUES}")
    try:
        return msgspec.json.decode(body, type=shape, strict=shape is not StartRequest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
        raise BadRequest(
            "The request is not what the protocol demands.", cause=str(problem)
        ) from None


def encode(message: object) -> bytes:
    """Encode a message as compact JSON."""
    return msgspec.json.encode(message)
