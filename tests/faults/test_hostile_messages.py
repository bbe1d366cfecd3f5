"""Broken JSON, wrong types and values out of range: refused by 400, and nothing is half-stored."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.conftest import NewSync
from tests.support.accounts import Account
from tests.support.faults_server import WatchedServer
from tests.support.faults_sync import FIRST_NOTES, NO_CHANGES_SENT, HandMadeSync, WatchedClient
from tests.support.raw_client import NO_INPUT

OPTIONS = {"sync_wait": 2}

HUGE = 10**30
FAR_FUTURE = 4_000_000_000
# Deeper than any parser should follow, and small enough for the methods with small bodies.
DEEP = 4000

METHODS_WITH_INPUT = (
    *("hostKey", "meta", "start", "applyGraves", "applyChanges", "applyChunk", "sanityCheck2"),
)
IN_A_SYNC = ("applyGraves", "applyChanges", "applyChunk", "sanityCheck2")

# What is no JSON, or no object with the keys that every method demands.
BROKEN_BODIES = {
    "empty": b"",
    "cut short": b'{"v":11,"u":"x","minUsn":0,"chunk":{"done":tr',
    "not utf-8": b'{"v":11,"cv":"\xff","u":"\xff","p":"","chunk":"\xff"}',
    "a zero byte": b"\x00",
    "two documents": b"{}{}",
    "NaN": b'{"v":NaN,"u":NaN,"minUsn":NaN,"chunk":NaN,"changes":NaN,"client":NaN}',
    "Infinity": b"Infinity",
    "a number beyond all floats": b'{"v":1e999,"minUsn":1e999,"chunk":1e999}',
    "a number of 5000 digits": b'{"v":' + b"9" * 5000 + b"}",
    "a lone surrogate": b'{"cv":"\\ud800","v":11,"u":"\\ud800","p":"","x":"\\udfff"}',
    "null": b"null",
    "a list": b"[]",
    "a text": b'"text"',
    "a number": b"1",
    "no keys": b"{}",
    "deep lists": b"[" * DEEP,
    "deep lists that end": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"chunk":' * DEEP,
    "deep below every key": b"{"
    + b",".join(
        b'"%s":' % key + b"[" * DEEP + b"]" * DEEP
        for key in (b"chunk", b"changes", b"client", b"graves", b"minUsn", b"u", b"v")
    )
    + b"}",
}

NO_GRAVES: dict[str, Any] = {"cards": [], "decks": [], "notes": []}
COUNTS = [[0, 0, 0], 0, 0, 0, 0, 0, 0, 0]

# Objects of the right keys, each with one value that is wrong.
WRONG_VALUES: dict[str, list[Any]] = {
    "hostKey": [
        {"u": 1, "p": "x"},
        {"u": "x", "p": None},
        {"u": ["x"], "p": "x"},
        {"u": "x"},
        {"p": "x"},
    ],
    "meta": [
        {"v": "11", "cv": "x"},
        {"v": None, "cv": "x"},
        {"v": 11.5, "cv": "x"},
        {"v": True, "cv": "x"},
        {"v": 11, "cv": 5},
        {"v": 11},
        {"cv": "x"},
    ],
    "start": [
        {"minUsn": 2**31, "lnewer": True, "graves": None},
        {"minUsn": HUGE, "lnewer": True, "graves": None},
        {"minUsn": 0.5, "lnewer": True, "graves": None},
        {"minUsn": None, "lnewer": True, "graves": None},
        {"minUsn": [], "lnewer": True, "graves": None},
        {"minUsn": 0, "lnewer": "perhaps", "graves": None},
        {"minUsn": 0, "graves": None},
        {"minUsn": 0, "lnewer": True, "graves": []},
        {"minUsn": 0, "lnewer": True, "graves": {"cards": [], "notes": []}},
        {"minUsn": 0, "lnewer": True, "graves": {**NO_GRAVES, "cards": [HUGE]}},
        {"minUsn": 0, "lnewer": True, "graves": {**NO_GRAVES, "cards": ["x"]}},
    ],
    "applyGraves": [
        {"chunk": None},
        {"chunk": {}},
        {"chunk": {**NO_GRAVES, "notes": None}},
        {"chunk": {**NO_GRAVES, "notes": [None]}},
        {"chunk": {**NO_GRAVES, "notes": [1.5]}},
        {"chunk": {**NO_GRAVES, "notes": [2**63]}},
        {"chunk": {**NO_GRAVES, "decks": [[1]]}},
        {"chunk": {**NO_GRAVES, "cards": {"1": 1}}},
    ],
    "applyChanges": [
        {"changes": None},
        {"changes": {}},
        {"changes": {**NO_CHANGES_SENT, "models": None}},
        {"changes": {**NO_CHANGES_SENT, "models": [None]}},
        {"changes": {**NO_CHANGES_SENT, "models": [[]]}},
        {"changes": {**NO_CHANGES_SENT, "decks": []}},
        {"changes": {**NO_CHANGES_SENT, "decks": [[], [], []]}},
        {"changes": {**NO_CHANGES_SENT, "decks": [[5], []]}},
        {"changes": {**NO_CHANGES_SENT, "tags": [None]}},
        {"changes": {**NO_CHANGES_SENT, "tags": "text"}},
        {"changes": {**NO_CHANGES_SENT, "conf": []}},
        {"changes": {**NO_CHANGES_SENT, "crt": "x"}},
        {"changes": {**NO_CHANGES_SENT, "crt": HUGE}},
        {"changes": {**NO_CHANGES_SENT, "crt": 2**63 - 1}},
        {"changes": {**NO_CHANGES_SENT, "crt": -(2**63)}},
    ],
    "applyChunk": [
        {"chunk": None},
        {"chunk": []},
        {"chunk": {"done": "yes"}},
        {"chunk": {"notes": None}},
        {"chunk": {"notes": {}}},
        {"chunk": {"notes": [{}]}},
        {"chunk": {"notes": [[]]}},
        {"chunk": {"cards": [None]}},
        {"chunk": {"revlog": [[1, 2, 3]]}},
    ],
    "sanityCheck2": [
        {"client": None},
        {"client": 5},
        {"client": []},
        {"client": COUNTS[:-1]},
        {"client": [0, *COUNTS[1:]]},
        {"client": [[0, 0, "x"], *COUNTS[1:]]},
        {"client": [*COUNTS[:-1], 0.5]},
        {"client": {"cards": 1}},
    ],
}

NOTE_COLUMNS = ("id", "guid", "mid", "mod", "usn", "tags", "flds", "sfld", "csum", "flags", "data")
CARD_COLUMNS = (
    *("id", "nid", "did", "ord", "mod", "usn", "type", "queue", "due", "ivl", "factor", "reps"),
    *("lapses", "left", "odue", "odid", "flags", "data"),
)
REVLOG_COLUMNS = ("id", "cid", "usn", "ease", "ivl", "lastIvl", "factor", "time", "type")

NOT_64_BITS = (2**63, -(2**63) - 1, HUGE, "5", None, [], True)
NOT_32_BITS = (2**31, -(2**31) - 1, HUGE, "5", None, {})
NOT_A_COUNT = (-1, 2**32, "5", None)

WRONG_IN_ROWS: dict[str, dict[str, tuple[Any, ...]]] = {
    "notes": {
        "id": (*NOT_64_BITS, 0.5),
        "guid": (5, None),
        "mid": NOT_64_BITS,
        "mod": NOT_64_BITS,
        "usn": NOT_32_BITS,
        "tags": (5, None, ["a"]),
        "flds": (5, None, ["a", "b"]),
    },
    "cards": {
        "id": NOT_64_BITS,
        "nid": NOT_64_BITS,
        "did": NOT_64_BITS,
        "ord": (-1, 65536, 0.5, "0"),
        "mod": (2**63, 1e300, "5", None),
        "usn": NOT_32_BITS,
        "type": (-1, 4, 0.5),
        "queue": (-4, 5, 0.5),
        "due": (*NOT_32_BITS, 1e10),
        # What is below zero becomes 0.
        "ivl": (2**32, 2**40, 1e10, "5", None, {}),
        "factor": (-1, -5, 65536, 0.5),
        "reps": NOT_A_COUNT,
        "lapses": NOT_A_COUNT,
        "left": NOT_A_COUNT,
        "odue": NOT_32_BITS,
        "odid": NOT_64_BITS,
        "flags": (-1, 256, 0.5),
        "data": (5, None, {}),
    },
    "revlog": {
        "id": NOT_64_BITS,
        "cid": NOT_64_BITS,
        "usn": NOT_32_BITS,
        "ease": (-1, 256, 0.5),
        "ivl": NOT_32_BITS,
        "lastIvl": NOT_32_BITS,
        "factor": (2**32, "5"),
        "time": (2**32, "5"),
    },
}
COLUMNS = {"notes": NOTE_COLUMNS, "cards": CARD_COLUMNS, "revlog": REVLOG_COLUMNS}
WRONG_CELLS = [
    (table, column, value)
    for table, columns in WRONG_IN_ROWS.items()
    for column, values in columns.items()
    for value in values
]


@pytest.fixture
def sync(new_sync: NewSync) -> HandMadeSync:
    return new_sync()


def row_of(table: str, sync: HandMadeSync) -> list[Any]:
    """Return a row that would be stored as it is."""
    if table == "revlog":
        return [1_600_000_000_000, 1, 0, 3, 1, -60, 2500, 4000, 0]
    row: list[Any] = sync.chunk(["sent"])[table][0]
    return row


def assert_alive(sync: HandMadeSync) -> None:
    assert sync.client.call("chunk").status == 200, "the sync in progress was lost"


def assert_over(sync: HandMadeSync) -> None:
    assert sync.client.call("chunk").status == 409, "a failed sync must be rolled back"


@pytest.mark.parametrize("broken", BROKEN_BODIES)
@pytest.mark.parametrize("method", METHODS_WITH_INPUT)
def test_a_body_that_is_no_message_is_refused_and_the_sync_stays_alive(
    method: str, broken: str, sync: HandMadeSync
) -> None:
    sync.begin()
    assert sync.client.send(method, BROKEN_BODIES[broken]).status == 400
    assert_alive(sync)


@pytest.mark.parametrize("method", ["chunk", "finish", "abort", "download"])
def test_a_method_without_input_does_not_look_at_its_body(method: str, sync: HandMadeSync) -> None:
    sync.begin()
    assert sync.client.send(method, b"[" * 1000).status == 200


@pytest.mark.parametrize("method", ["chunk", "finish", "abort", "download"])
def test_a_method_without_input_takes_no_large_body(method: str, sync: HandMadeSync) -> None:
    sync.begin()
    assert sync.client.send(method, bytes(1_000_000)).status == 413
    assert_alive(sync)


@pytest.mark.parametrize(
    ("method", "payload"),
    [(method, payload) for method, payloads in WRONG_VALUES.items() for payload in payloads],
)
def test_a_value_of_the_wrong_type_or_range_is_refused_and_the_sync_stays_alive(
    method: str, payload: object, sync: HandMadeSync
) -> None:
    sync.begin()
    assert sync.client.call(method, payload).status == 400
    assert_alive(sync)


def test_a_row_with_a_value_of_the_wrong_type_or_range_is_refused(
    server: WatchedServer, account: Account, sync: HandMadeSync
) -> None:
    sync.begin()
    for table, column, value in WRONG_CELLS:
        row = row_of(table, sync)
        row[COLUMNS[table].index(column)] = value
        reply = sync.client.call("applyChunk", {"chunk": {table: [row_of(table, sync), row]}})
        assert reply.status == 400, f"{column} of {table} may not be {value!r}"
    sync.finish()
    assert server.notes(account) == FIRST_NOTES


@pytest.mark.parametrize("table", ["notes", "cards", "revlog"])
def test_a_row_with_a_column_too_few_or_too_many_is_refused(table: str, sync: HandMadeSync) -> None:
    sync.begin()
    for row in (row_of(table, sync)[:-1], [*row_of(table, sync), 0]):
        assert sync.client.call("applyChunk", {"chunk": {table: [row]}}).status == 400
    assert_alive(sync)


Change = Callable[[dict[str, Any]], dict[str, Any]]
UNMERGEABLE: dict[str, Change] = {
    "a notetype without an id": lambda own: {"models": [{**own["notetype"], "id": None}]},
    "a notetype of an id beyond 64 bits": lambda own: {"models": [{**own["notetype"], "id": HUGE}]},
    "a notetype of an id of 5000 digits": lambda own: {
        "models": [{**own["notetype"], "id": "9" * 5000}]
    },
    "a notetype without a name": lambda own: {"models": [{**own["notetype"], "name": None}]},
    "a notetype without fields": lambda own: {"models": [{**own["notetype"], "flds": []}]},
    "a notetype with a field too many": lambda own: {
        "models": [{**own["notetype"], "flds": own["notetype"]["flds"] * 2}]
    },
    "a notetype with fields that are none": lambda own: {
        "models": [{**own["notetype"], "flds": [None, None]}]
    },
    "a notetype with fields without names": lambda own: {
        "models": [{**own["notetype"], "flds": [{}, {}]}]
    },
    "a notetype of an unknown kind": lambda own: {"models": [{**own["notetype"], "type": 2}]},
    "a notetype sorted by a field beyond all": lambda own: {
        "models": [{**own["notetype"], "sortf": 65536}]
    },
    "a deck without a name": lambda own: {"decks": [[{**own["deck"], "name": None}], []]},
    "a deck of nothing but an id": lambda own: {"decks": [[{"id": 1, "mod": FAR_FUTURE}], []]},
    "a deck of a time beyond 64 bits": lambda own: {"decks": [[{**own["deck"], "mod": HUGE}], []]},
    "a deck of deep settings": lambda own: {"decks": [[{**own["deck"], "x": nested(900)}], []]},
    "deck options without an id": lambda own: {"decks": [[], [{}]]},
    "deck options of a count beyond 32 bits": lambda own: {
        "decks": [[], [{**own["options"], "maxTaken": HUGE}]]
    },
    "deck options of deep settings": lambda own: {
        "decks": [[], [{**own["options"], "x": nested(900)}]]
    },
    "settings that are deeper than anybody reads": lambda _own: {"conf": {"x": nested(200)}},
}

ODD_BUT_FINE: dict[str, Change] = {
    "keys that are names inside the server": lambda own: {
        "models": [{**own["notetype"], "reqs": [1], "other": "x", "kind": 9, "sortFieldIdx": 5}]
    },
    "settings of wrong types": lambda own: {
        "models": [{**own["notetype"], "css": 5, "latexsvg": [], "did": "x", "req": [[HUGE, 1]]}]
    },
    "numbers beyond 64 bits in unknown keys": lambda own: {
        "models": [{**own["notetype"], "x": HUGE}],
        "decks": [[{**own["deck"], "x": HUGE}], [{**own["options"], "x": -HUGE}]],
    },
    "names of a million letters": lambda own: {
        "models": [{**own["notetype"], "name": "n" * 1_000_000}],
        "tags": ["t" * 1_000_000],
    },
    "a letter with a million marks": lambda _own: {"tags": ["a" + "\u0300\u0316" * 500_000]},
    "thousands of notetypes of one name": lambda own: {
        "models": [{**own["notetype"], "id": number} for number in range(1, 4001)]
    },
    "thousands of decks of one name": lambda own: {
        "decks": [[{**own["deck"], "id": number, "name": "x"} for number in range(2, 4002)], []]
    },
    "tags of nothing": lambda own: {"tags": ["", "::", "\x00", "\u3000", " "]},
    "settings of the wrong kind": lambda own: {
        "conf": {"": None, "schedVer": "x", "rollover": HUGE, "creationOffset": -HUGE}
    },
    "settings out of range": lambda own: {
        "conf": {"creationOffset": 2**31 - 1, "localOffset": -(2**31), "rollover": 255},
        "crt": -1,
    },
}


def nested(depth: int) -> Any:
    return json.loads("[" * depth + "]" * depth)


@pytest.fixture
def own_objects(client: WatchedClient, sync: HandMadeSync) -> dict[str, Any]:
    """The objects that the server has, with stamps of the future, so that they are merged."""
    client.expect("meta", {"v": 11, "cv": "test"})
    client.expect("start", {"minUsn": 0, "lnewer": False, "graves": None})
    changes = client.expect("applyChanges", {"changes": NO_CHANGES_SENT})
    client.expect("abort")
    basic = next(one for one in changes["models"] if one["name"] == "Basic")
    objects = {"notetype": basic, "deck": changes["decks"][0][0], "options": changes["decks"][1][0]}
    return {name: {**one, "mod": FAR_FUTURE} for name, one in objects.items()}


@pytest.mark.parametrize("case", UNMERGEABLE)
def test_an_object_that_cannot_be_merged_rolls_the_sync_back(
    case: str,
    server: WatchedServer,
    account: Account,
    sync: HandMadeSync,
    own_objects: dict[str, Any],
) -> None:
    before = server.tables(account)
    sync.begin()
    sync.send_notes("sent before")
    changes = {**NO_CHANGES_SENT, "tags": ["merged before"], **UNMERGEABLE[case](own_objects)}
    assert sync.client.call("applyChanges", {"changes": changes}).status == 400
    assert_over(sync)
    assert sync.client.call("finish").status == 409
    assert server.tables(account) == before


@pytest.mark.parametrize("case", ODD_BUT_FINE)
def test_an_odd_object_does_not_disturb_this_sync_or_a_later_one(
    case: str, sync: HandMadeSync, new_sync: NewSync, own_objects: dict[str, Any]
) -> None:
    sync.begin()
    changes = {**NO_CHANGES_SENT, **ODD_BUT_FINE[case](own_objects)}
    sync.client.expect("applyChanges", {"changes": changes})
    sync.finish()
    later = new_sync().ask_meta()
    later.meta["usn"] = 0
    assert later.start().status == 200
    later.exchange()
    later.finish()


@pytest.mark.parametrize(
    "flds", ["only one", "one\x1ftwo\x1fthree", ""], ids=["too few", "too many", "none"]
)
def test_a_note_that_does_not_fit_its_notetype_rolls_the_sync_back(
    flds: str, server: WatchedServer, account: Account, sync: HandMadeSync
) -> None:
    sync.begin()
    sync.send_notes("sent before")
    row = row_of("notes", sync)
    row[6] = flds
    assert sync.client.call("applyChunk", {"chunk": {"notes": [row]}}).status == 400
    assert_over(sync)
    assert server.notes(account) == FIRST_NOTES


def test_a_note_of_an_unknown_notetype_rolls_the_sync_back(
    server: WatchedServer, account: Account, sync: HandMadeSync
) -> None:
    sync.begin()
    row = row_of("notes", sync)
    row[2] = 5
    assert sync.client.call("applyChunk", {"chunk": {"notes": [row]}}).status == 400
    assert_over(sync)
    assert server.notes(account) == FIRST_NOTES


def test_a_failed_sanity_check_rolls_the_sync_back(
    server: WatchedServer, account: Account, sync: HandMadeSync
) -> None:
    sync.begin()
    sync.send_notes("sent before")
    counts = [[0, 0, 0], HUGE, -1, 0, 0, 0, 0, 0]
    assert sync.client.expect("sanityCheck2", {"client": counts})["status"] == "bad"
    assert_over(sync)
    assert server.notes(account) == FIRST_NOTES


def test_a_check_that_failed_on_the_client_rolls_the_sync_back(
    server: WatchedServer, account: Account, sync: HandMadeSync
) -> None:
    sync.begin()
    sync.send_notes("sent before")
    reply = sync.client.expect("sanityCheck2", {"client": "missing notes"})
    assert (reply["status"], reply["c"]) == ("bad", "missing notes")
    assert_over(sync)
    assert server.notes(account) == FIRST_NOTES


@pytest.mark.parametrize("method", ["meta", *IN_A_SYNC])
def test_unknown_keys_are_ignored(method: str, sync: HandMadeSync) -> None:
    good = {
        "meta": {"v": 11, "cv": "test"},
        "applyGraves": {"chunk": NO_GRAVES},
        "applyChanges": {"changes": NO_CHANGES_SENT},
        "applyChunk": {"chunk": {}},
        "sanityCheck2": {"client": COUNTS, "full": True},
    }
    sync.begin()
    payload = {**good[method], "unknown": {"key": [1, None]}}
    assert sync.client.call(method, payload).status == 200


def test_graves_as_texts_are_taken_from_old_clients(
    server: WatchedServer, account: Account, sync: HandMadeSync
) -> None:
    sync.ask_meta()
    note = server.tables(account)["notes"][0]["id"]
    graves = {**NO_GRAVES, "notes": [str(note)], "cards": ["77"]}
    payload = {"minUsn": sync.meta["usn"], "lnewer": True, "graves": graves, "offset": None}
    sync.client.expect("start", payload)
    sync.finish()
    assert len(server.notes(account)) == len(FIRST_NOTES) - 1


def test_no_input_may_be_an_empty_object(sync: HandMadeSync) -> None:
    sync.begin()
    for payload in ({}, NO_INPUT):
        sync.client.expect("chunk", payload)
