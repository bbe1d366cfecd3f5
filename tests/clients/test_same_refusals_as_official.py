"""Malformed requests are refused, or taken, as the official server does.

Where we mean to differ, the difference stands here with its reason; one that is no longer met
fails too.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import product

import pytest

from tests.clients.test_same_as_official import differences
from tests.conftest import NewDevice
from tests.support import malformed_requests as malformed
from tests.support.contents import Contents, contents
from tests.support.device import NO_CHANGES
from tests.support.malformed_requests import Malformed
from tests.support.merge_cases import MergeCases
from tests.support.side_by_side import Difference, Side, SideBySide


@dataclass(frozen=True)
class Meant:
    """Requests, by patterns of their names, that we mean to answer otherwise, and why."""

    reason: str
    official: int
    ours: int
    names: Sequence[str]


REQUESTS: dict[str, Callable[[MergeCases], Iterable[Malformed]]] = {
    "hostKey": lambda _: malformed.HOST_KEY,
    "meta": lambda _: malformed.META,
    "start": lambda _: malformed.START,
    "applyGraves": lambda _: malformed.APPLY_GRAVES,
    "applyChanges": lambda _: malformed.APPLY_CHANGES,
    "notetypes": lambda cases: malformed.malformed_notetypes(cases.notetype("Basic")),
    "decks": lambda cases: malformed.malformed_decks(cases.deck("Default")),
    "options": lambda cases: malformed.malformed_options(cases.deck_options("Default")),
    "chunk": lambda _: malformed.CHUNK,
    "applyChunk": lambda _: malformed.APPLY_CHUNK,
    "rows": lambda cases: malformed.malformed_rows(cases.notetype("Basic")["id"]),
    "sanityCheck2": lambda _: malformed.SANITY_CHECK,
    "finish": lambda _: malformed.FINISH,
    "abort": lambda _: malformed.ABORT,
}
CONTENT = ("applyGraves", "applyChanges", "notetypes", "decks", "options", "applyChunk", "rows")

NO_LISTS = "objects are objects; that a list passes for one is an accident of its JSON library"
NO_INPUT = "these methods have no input, so none is looked at"
NUMBERS = [
    Difference(table, "usn", "ours stamps what comes in, whatever it carries", lambda _: "any")
    for table in ("notes", "cards", "revlog", "notetypes", "decks", "deck_config")
]
# The columns that the official server takes as floats and then cuts to their size.
CUT_COLUMNS = (
    *("cards.mod", "cards.due", "cards.ivl", "cards.odue"),
    *("revlog.ivl", "revlog.lastIvl", "revlog.factor", "revlog.time"),
)
TOO_BIG_FOR_ALL = ("1e+300", str(2**63), str(-(2**63) - 1))

MEANT: dict[str, list[Meant]] = {
    "hostKey": [Meant(NO_LISTS, 403, 400, ["hostKey a list"])],
    "meta": [
        Meant(NO_LISTS, 200, 400, ["meta a list"]),
        Meant("any other version is none that we speak", 400, 501, ["meta version -1"]),
        Meant("any other version is none that we speak", 400, 501, ["meta version 256"]),
    ],
    "start": [
        Meant(NO_LISTS, 200, 400, ["start a list"]),
        Meant("true is written in several ways", 400, 200, ["start lnewer as *"]),
        Meant("old clients send numbers as text", 400, 200, ['start minUsn="5"']),
    ],
    "applyGraves": [Meant(NO_LISTS, 200, 400, ["applyGraves chunk as lists"])],
    "notetypes": [
        Meant("the number is the server's, so the sent one is not read", 400, 200, ["*.usn=*"]),
        Meant("it falls back to a default", 400, 200, ["*.did=absent", "*.css=absent"]),
        Meant("it falls back to a default", 400, 200, ["*.latexPre=*", "*.latexPost=*"]),
        Meant("it falls back to a default", 400, 200, ["*.originalStockKind=*"]),
        Meant("clients cannot show a notetype without them", 200, 400, ["notetype new, no *"]),
    ],
    "decks": [
        Meant("the number is the server's, so the sent one is not read", 400, 200, ["*.usn=*"]),
    ],
    "chunk": [Meant(NO_INPUT, 400, 200, ["chunk *"])],
    "rows": [
        Meant(
            "these columns are computed here, so the sent ones are not read",
            *(400, 200),
            ["notes.sfld=*", "notes.csum=*", "notes.flags=*", "notes.data=*"],
        ),
        Meant(
            "a number that does not fit is refused instead of being stored as another one",
            *(200, 400),
            [
                *(f"{column}={value}" for column, value in product(CUT_COLUMNS, TOO_BIG_FOR_ALL)),
                *(f"{column}=4294967296" for column in CUT_COLUMNS[1:]),
                *("cards.due=2147483648", "cards.odue=2147483648"),
                *("revlog.ivl=2147483648", "revlog.lastIvl=2147483648"),
            ],
        ),
        Meant("no client sends reviews so", 200, 400, ["revlog without *", "revlog as object"]),
    ],
    "sanityCheck2": [
        Meant("old clients send text when their own check failed", 400, 200, ["*counts as text"]),
        Meant("counts of another shape are not ours: 'bad'", 400, 200, ["*too many", "*two due*"]),
        Meant("a count that cannot be is not ours: 'bad'", 400, 200, ["*=-1", "*=4294967296"]),
    ],
    "finish": [Meant(NO_INPUT, 400, 200, ["finish *"])],
    "abort": [Meant(NO_INPUT, 400, 200, ["abort *"])],
}


@pytest.mark.parametrize("kind", REQUESTS)
def test_malformed_requests_are_answered_alike(
    both: SideBySide, cases: MergeCases, kind: str
) -> None:
    statuses = {
        request.name: (probe(both.official, request), probe(both.ours, request))
        for request in REQUESTS[kind](cases)
    }
    differing = {name: pair for name, pair in statuses.items() if pair[0] != pair[1]}
    meant = [] if both.are_both_official else MEANT.get(kind, [])
    unexplained = {
        name: pair
        for name, pair in differing.items()
        if not any(covers(one, name, pair) for one in meant)
    }
    assert unexplained == {}, "official status, our status"
    outdated = [one for one in meant if not any(covers(one, *item) for item in differing.items())]
    assert outdated == [], "meant, but not met"


def covers(meant: Meant, name: str, statuses: tuple[int, int]) -> bool:
    return statuses == (meant.official, meant.ours) and any(
        fnmatchcase(name, pattern) for pattern in meant.names
    )


def probe(side: Side, request: Malformed) -> int:
    """Send a request in the middle of a sync, and return its status."""
    if side.client.call("applyGraves", {"chunk": malformed.GRAVES}).status != 200:
        begin(side)
    return side.client.send(request.method, request.body).status


def begin(side: Side) -> None:
    side.client.expect("meta", {"v": 11, "cv": "test"})
    side.client.expect("start", {"minUsn": 12, "lnewer": False})


def accepted(side: Side, requests: Iterable[Malformed]) -> list[Malformed]:
    """Return those of the requests that are answered with 200."""
    return [request for request in requests if probe(side, request) == 200]


@pytest.mark.parametrize("kind", CONTENT)
def test_odd_values_that_both_accept_are_stored_alike(
    both: SideBySide, cases: MergeCases, kind: str
) -> None:
    requests = accepted(both.ours, accepted(both.official, REQUESTS[kind](cases)))
    for side in (both.official, both.ours):
        begin(side)
        for request in requests:
            assert side.client.send(request.method, request.body).status == 200, request.name
        side.client.expect("finish")
    both.assert_equal_tables([*differences(both), *NUMBERS])


@pytest.mark.parametrize("kind", CONTENT)
def test_a_real_device_can_receive_whatever_was_accepted(
    both: SideBySide, cases: MergeCases, unused_device: NewDevice, kind: str
) -> None:
    if both.are_both_official:
        pytest.skip("the official server takes rows that devices then fail to receive")
    device = unused_device("device").login(both.ours.target.url, both.ours.account)
    device.download()
    requests = accepted(both.ours, REQUESTS[kind](cases))
    begin(both.ours)
    for request in requests:
        assert both.ours.client.send(request.method, request.body).status == 200, request.name
    both.ours.client.expect("finish")
    assert device.sync() == NO_CHANGES
    received = without_card_data(contents(device.col))
    device.download()
    assert without_card_data(contents(device.col)) == received


def without_card_data(everything: Contents) -> Contents:
    # A device normalises it as it comes in through a sync, and not in a whole collection.
    return {**everything, "cards": [card[:-1] for card in everything["cards"]]}
