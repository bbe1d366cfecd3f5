"""Where we differ from the official server on purpose: each test says how, and what it spares.

Most of these save a collection from being lost, or a device from a needless full sync.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.malformed_requests import CHANGES
from tests.support.merge_cases import NOT_STAMPED, MergeCases
from tests.support.seasoned_collection import SERVER_USN
from tests.support.side_by_side import SideBySide

META = {"v": 11, "cv": "test"}
START = {"minUsn": 0, "lnewer": False, "graves": None}
OLD_NUMBER = 3


@pytest.fixture(autouse=True)
def _ours_is_not_the_official_one(both: SideBySide) -> None:
    if both.are_both_official:
        pytest.skip("the official server does not differ from itself")


def begin(both: SideBySide) -> None:
    for side in (both.official, both.ours):
        side.client.expect("meta", META)
        side.client.expect("start", START)


def test_an_object_with_an_old_number_is_not_missed_by_other_devices(
    both: SideBySide, cases: MergeCases, tmp_path: Path
) -> None:
    note, notetype = cases.tables["notes"][0], cases.notetype("Basic")
    row = [7, "guid", note["mid"], 1, OLD_NUMBER, "", "front\x1fback", "", "", 0, ""]
    begin(both)
    changes = {**CHANGES, "models": [{**notetype, "id": 8, "name": "Late", "usn": OLD_NUMBER}]}
    for side in (both.official, both.ours):
        side.client.expect("applyChanges", {"changes": changes})
        side.client.expect("applyChunk", {"chunk": {"notes": [row]}})
        side.client.expect("finish")
    for side, expected in ((both.official, OLD_NUMBER), (both.ours, SERVER_USN)):
        tables = side.tables(tmp_path / str(expected))
        assert [row["usn"] for row in tables["notes"] if row["id"] == 7] == [expected]
        assert [row["usn"] for row in tables["notetypes"] if row["id"] == 8] == [expected]


def test_a_row_sent_as_pending_does_not_spoil_every_later_sanity_check(
    both: SideBySide, cases: MergeCases
) -> None:
    row = [7, "guid", cases.notetype("Basic")["id"], 1, NOT_STAMPED, "", "a\x1fb", "", "", 0, ""]
    for side, expected in ((both.official, None), (both.ours, list)):
        side.client.expect("meta", META)
        side.client.expect("start", START)
        side.client.expect("applyChunk", {"chunk": {"notes": [row]}})
        answer = side.client.expect("sanityCheck2", {"client": [[0, 0, 0], *[0] * 7]})
        assert (answer["s"] is None) == (expected is None)


def test_a_second_devices_look_at_the_collection_does_not_end_a_sync(both: SideBySide) -> None:
    begin(both)
    for side, expected in ((both.official, 409), (both.ours, 200)):
        before = side.client.expect("chunk")
        assert before["notes" if "notes" in before else "cards"]
        side.client.another_session().expect("meta", META)
        assert side.client.call("finish").status == expected


def test_an_abort_with_another_session_key_does_not_end_a_sync(both: SideBySide) -> None:
    begin(both)
    for side, expected in ((both.official, 409), (both.ours, 200)):
        side.client.another_session().expect("abort")
        assert side.client.call("finish").status == expected


def test_an_empty_upload_does_not_wipe_the_collection(both: SideBySide) -> None:
    upload_and_compare_notes(both, b"")


def test_a_foreign_database_does_not_wipe_the_collection(both: SideBySide, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.db"
    with closing(sqlite3.connect(foreign)) as connection:
        connection.execute("create table cookies (name text)")
        connection.commit()
    upload_and_compare_notes(both, foreign.read_bytes())


def upload_and_compare_notes(both: SideBySide, body: bytes) -> None:
    """Upload to both, and see that it empties the official server's collection and not ours."""
    answers = [side.client.send("upload", body).body for side in (both.official, both.ours)]
    assert answers[0] == b"OK"
    assert answers[1] != b"OK"
    assert both.official.client.expect("meta", META)["empty"]
    assert not both.ours.client.expect("meta", META)["empty"]


def test_a_start_without_meta_is_told_to_sync_again(both: SideBySide) -> None:
    # Only by what it was told at meta do we know that nothing happened since.
    assert both.statuses("start", START) == (200, 409)


@pytest.mark.parametrize(
    ("path", "expected", "reason"),
    [
        ("/meta", (404, 200), "people enter addresses with a slash too many"),
        ("meta/", (404, 200), "people enter addresses with a slash too many"),
        ("unknown", (400, 404), "400 would send people to check their database"),
    ],
)
def test_paths_are_read_leniently(
    both: SideBySide, path: str, expected: tuple[int, int], reason: str
) -> None:
    assert both.statuses(path, META) == expected, reason


def test_a_body_that_a_proxy_dropped_is_told_from_a_broken_one(both: SideBySide) -> None:
    replies = [side.client.send_as_is("meta", b"") for side in (both.official, both.ours)]
    assert [reply.status for reply in replies] == [400, 411]
    assert b"proxy" in replies[1].body


@pytest.mark.parametrize("method", ["chunk", "finish", "abort"])
def test_what_is_sent_to_methods_without_input_is_not_read(both: SideBySide, method: str) -> None:
    begin(both)
    replies = [side.client.send(method, b"{") for side in (both.official, both.ours)]
    assert [reply.status for reply in replies] == [400, 200]
