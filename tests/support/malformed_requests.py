"""Requests with one thing wrong, or odd, in each: every method, every key, every column.

Each has a name such as `cards.due=2147483648`, by which a test can say what it means of it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from tests.support.merge_cases import Json

GRAVES: Json = {"cards": [], "notes": [], "decks": []}
CHANGES: Json = {"models": [], "decks": [[], []], "tags": []}
COUNTS: list[Any] = [[0, 0, 0], 1, 1, 1, 0, 1, 1, 1]

# Values that one column or key or another cannot take.
ODD_VALUES: tuple[Any, ...] = (
    *(None, "x", "5", "", True, [], {}, 1.5, 1e300),
    *(-1, -4, 3, 4, 5, 255, 256, 65536, 2**31, 2**32, 2**63, -(2**63) - 1),
)
ODD_ENTRIES = (None, "x", [1], {"x": 1}, -1, 1.5)
# Shown as the value of a key that is left out.
ABSENT = "absent"


@dataclass(frozen=True)
class Malformed:
    """One request, its name, and whether a sync must be in progress for it."""

    name: str
    method: str
    body: bytes


def _named(method: str, requests: Mapping[str, object]) -> list[Malformed]:
    return [_request(f"{method} {name}", method, payload) for name, payload in requests.items()]


def _request(name: str, method: str, payload: object) -> Malformed:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Malformed(name, method, body)


NOT_JSON: dict[str, object] = {
    "empty body": b"",
    "null": None,
    "cut off": b"{",
    "trailing text": b"{}x",
    "not UTF-8": b"\xff\xfe",
    "a number": 5,
}
NO_INPUT: dict[str, object] = {**NOT_JSON, "no key": {}, "a list": [], "unknown key": {"more": 1}}

HOST_KEY = _named(
    "hostKey",
    {
        **NOT_JSON,
        "no key": {},
        "no password": {"u": "user"},
        "name as number": {"u": 5, "p": "x"},
        "password as null": {"u": "user", "p": None},
        "unknown name": {"u": "nobody", "p": "x"},
        "unknown key": {"u": "nobody", "p": "x", "more": 1},
        "a list": ["nobody", "x"],
    },
)

META = _named(
    "meta",
    {
        **NOT_JSON,
        "no key": {},
        "no client version": {"v": 11},
        "no version": {"cv": "x"},
        "version as text": {"v": "11", "cv": "x"},
        "client version as null": {"v": 11, "cv": None},
        "client version empty": {"v": 11, "cv": ""},
        "unknown key": {"v": 11, "cv": "x", "more": 1},
        "a list": [11, "x"],
        **{f"version {v}": {"v": v, "cv": "x"} for v in (-1, 0, 7, 8, 9, 10, 11, 12, 255, 256)},
    },
)


def _start(**changed: Any) -> Json:
    return {"minUsn": 0, "lnewer": False, "graves": None, **changed}


def _with_cards(*cards: Any) -> Json:
    return {**GRAVES, "cards": list(cards)}


START = _named(
    "start",
    {
        **NOT_JSON,
        "no key": {},
        "no minUsn": {"lnewer": False},
        "no lnewer": {"minUsn": 0},
        "no graves": {"minUsn": 0, "lnewer": False},
        "offset": _start(offset=None),
        "a list": [0, False, None],
        "lnewer as number": _start(lnewer=1),
        "lnewer as text": _start(lnewer="true"),
        "lnewer null": _start(lnewer=None),
        **{f"minUsn={json.dumps(value)}": _start(minUsn=value) for value in ODD_VALUES},
        "graves empty": _start(graves={}),
        "graves as list": _start(graves=[]),
        "graves without decks": _start(graves={"cards": [], "notes": []}),
        "graves with unknown key": _start(graves={**GRAVES, "more": []}),
        "grave as digits": _start(graves=_with_cards("5")),
        "grave as word": _start(graves=_with_cards("x")),
        "grave as null": _start(graves=_with_cards(None)),
        "grave as fraction": _start(graves=_with_cards(1.5)),
        "grave of 64 bits": _start(graves=_with_cards(2**63 - 1, -(2**63))),
        "grave of 65 bits": _start(graves=_with_cards(2**63)),
    },
)

APPLY_GRAVES = _named(
    "applyGraves",
    {
        **NOT_JSON,
        "no key": {},
        "chunk null": {"chunk": None},
        "chunk empty": {"chunk": {}},
        "chunk as lists": {"chunk": [[], [], []]},
        "without decks": {"chunk": {"cards": [], "notes": []}},
        "unknown key": {"chunk": {**GRAVES, "more": []}, "more": 1},
        "as digits": {"chunk": _with_cards("5")},
        "as word": {"chunk": _with_cards("x")},
        "as true": {"chunk": _with_cards(True)},
        "negative": {"chunk": _with_cards(-5)},
        "of 65 bits": {"chunk": _with_cards(2**63)},
        "many": {"chunk": _with_cards(*range(5000))},
    },
)


def _changes(**changed: Any) -> Json:
    return {"changes": {**CHANGES, **changed}}


APPLY_CHANGES = _named(
    "applyChanges",
    {
        **NOT_JSON,
        "no key": {},
        "null inside": {"changes": None},
        "empty": {"changes": {}},
        "unknown key": _changes(more=1),
        "tag as number": _changes(tags=[5]),
        "tags null": _changes(tags=None),
        "tags as object": _changes(tags={}),
        "decks empty": _changes(decks=[]),
        "decks without options": _changes(decks=[[]]),
        "decks with a third list": _changes(decks=[[], [], []]),
        "decks as object": _changes(decks={}),
        "notetypes as object": _changes(models={}),
        "notetype as number": _changes(models=[5]),
        "notetype without keys": _changes(models=[{}]),
        "deck as number": _changes(decks=[[5], []]),
        "deck without keys": _changes(decks=[[{}], []]),
        "options as number": _changes(decks=[[], [5]]),
        "options without keys": _changes(decks=[[], [{}]]),
        "crt as text": _changes(crt="x"),
        "crt as fraction": _changes(crt=1.5),
        "crt of 65 bits": _changes(crt=2**63),
        "crt null": _changes(crt=None),
        "conf as list": _changes(conf=[]),
        "conf as text": _changes(conf="x"),
        "conf null": _changes(conf=None),
    },
)

SANITY_CHECK = _named(
    "sanityCheck2",
    {
        **NOT_JSON,
        "no key": {},
        "counts null": {"client": None},
        "counts empty": {"client": []},
        "counts as object": {"client": {}},
        "counts as text": {"client": "missing notes"},
        "counts and more": {"client": COUNTS, "full": True},
        "one count missing": {"client": COUNTS[:-1]},
        "one count too many": {"client": [*COUNTS, 1]},
        "due counts null": {"client": [None, *COUNTS[1:]]},
        "two due counts": {"client": [[0, 0], *COUNTS[1:]]},
        **{
            f"count={json.dumps(value)}": {"client": [COUNTS[0], value, *COUNTS[2:]]}
            for value in (None, "1", 1.5, -1, 2**32)
        },
    },
)

CHUNK = _named("chunk", NO_INPUT)
FINISH = _named("finish", NO_INPUT)
ABORT = _named("abort", NO_INPUT)


def malformed_notetypes(stored: Json) -> Iterator[Malformed]:
    """Yield new notetypes with one key missing or odd, and some that do not fit the stored one."""
    for name, notetype in _with_odd_entries(stored, first_id=6000):
        yield _request(f"notetype.{name}", "applyChanges", _changes(models=[notetype]))
    newer = {**stored, "mod": stored["mod"] + 5000}
    fields, templates = stored["flds"], stored["tmpls"]
    odd = {
        "one field less": {**newer, "flds": fields[:1]},
        "one template more": {**newer, "tmpls": templates * 2},
        "older, one field less": {**stored, "mod": stored["mod"] - 1, "flds": fields[:1]},
        "new, no fields": {**newer, "id": 5, "flds": []},
        "new, no templates": {**newer, "id": 5, "tmpls": []},
        "id=0": {**newer, "id": 0},
        "id=-5": {**newer, "id": -5},
        "sortf=99": {**newer, "id": 6, "sortf": 99},
        "name empty": {**newer, "id": 7, "name": ""},
    }
    for name, notetype in odd.items():
        yield _request(f"notetype {name}", "applyChanges", _changes(models=[notetype]))


def malformed_decks(stored: Json) -> Iterator[Malformed]:
    """Yield new decks with one key missing or odd."""
    for name, deck in _with_odd_entries(stored, first_id=7000):
        yield _request(f"deck.{name}", "applyChanges", _changes(decks=[[deck], []]))


def malformed_options(stored: Json) -> Iterator[Malformed]:
    """Yield new groups of deck options with one key missing or odd."""
    for name, options in _with_odd_entries(stored, first_id=8000):
        yield _request(f"options.{name}", "applyChanges", _changes(decks=[[], [options]]))


def malformed_rows(notetype_id: int) -> Iterator[Malformed]:
    """Yield chunks with rows that have one odd column, or too few or too many of them."""
    for table, row in _sound_rows(notetype_id).items():
        for number, (column, value) in enumerate(product(row, ODD_VALUES), start=10_000):
            odd = {**row, "id": number, column: value}
            yield _rows(f"{table}.{column}={json.dumps(value)}", table, list(odd.values()))
        yield _rows(f"{table} without the last column", table, list(row.values())[:-1])
        yield _rows(f"{table} with another column", table, [*row.values(), 1])
        yield _rows(f"{table} as object", table, row)
        yield _rows(f"{table} as number", table, 5)
    note = _sound_rows(notetype_id)["notes"]
    yield _rows("note of an unknown notetype", "notes", list({**note, "mid": 999}.values()))
    for fields in ("a", "a\x1fb\x1fc", ""):
        yield _rows(f"note with {fields!r}", "notes", list({**note, "flds": fields}.values()))


APPLY_CHUNK = _named(
    "applyChunk",
    {
        **NOT_JSON,
        "no key": {},
        "chunk null": {"chunk": None},
        "chunk empty": {"chunk": {}},
        "cards null": {"chunk": {"cards": None}},
        "notes as object": {"chunk": {"notes": {}}},
        "unknown key": {"chunk": {"done": True, "more": 1}},
        "done as number": {"chunk": {"done": 1}},
    },
)


def _sound_rows(notetype_id: int) -> dict[str, Json]:
    note = {"id": 5, "guid": "g", "mid": notetype_id, "mod": 1, "usn": 20, "tags": ""}
    note |= {"flds": "a\x1fb", "sfld": "", "csum": "", "flags": 0, "data": ""}
    card: Json = {"id": 5, "nid": 6, "did": 1, "ord": 0, "mod": 1, "usn": 20, "type": 0, "queue": 0}
    card |= dict.fromkeys(("due", "ivl", "factor", "reps", "lapses", "left", "odue", "odid"), 0)
    card |= {"flags": 0, "data": "{}"}
    review = {"id": 5, "cid": 6, "usn": 20, "ease": 1, "ivl": 1, "lastIvl": 1}
    review |= {"factor": 2500, "time": 100, "type": 1}
    return {"notes": note, "cards": card, "revlog": review}


def _rows(name: str, table: str, row: object) -> Malformed:
    return _request(name, "applyChunk", {"chunk": {"done": True, table: [row]}})


def _with_odd_entries(stored: Json, first_id: int) -> Iterator[tuple[str, Json]]:
    """Yield new objects like `stored`, each with its own id and name, and one key odd."""
    for number, (key, value) in enumerate(product(stored, (ABSENT, *ODD_ENTRIES)), start=first_id):
        odd = {**stored, "id": number, "name": f"Odd {number}", key: value}
        if value is ABSENT:
            del odd[key]
        yield f"{key}={value if value is ABSENT else json.dumps(value)}", odd
