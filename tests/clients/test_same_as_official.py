"""Our server against the official one: equal requests, equal answers, equal rows afterwards.

Every difference that is meant stands in this module, with its reason.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.card_data import normal_card_data
from tests.support.merge_cases import MergeCases, stamped_changes, stamped_chunk
from tests.support.seasoned_collection import CLIENT_USN, PAST, make_seasoned_collection
from tests.support.side_by_side import NOW, Difference, Side, SideBySide

Json = dict[str, Any]

NO_CHANGES: Json = {"models": [], "decks": [[], []], "tags": []}
# The official server, which aims at 250, overshoots by at most two.
MOST_ROWS_IN_CHUNK = 252
# The seasoned collection fits into far fewer.
MOST_CHUNKS = 50
UNKNOWN_COUNTS = [[0, 0, 0], 0, 0, 0, 0, 0, 0, 0]


def differences(both: SideBySide) -> list[Difference]:
    """Return all that may differ between the two servers' tables."""
    clock = "each server stamps this with its own clock"
    unread = "nobody reads it; the official server sets it to 0 whenever it sends its settings"
    unwritten = f"{clock}, and ours writes only settings that have changed"
    return [
        Difference("config", "usn", unread, lambda usn: usn >= 0),
        Difference("config", "val", "ours keeps the order of keys as it was sent", sorted_json),
        Difference("cards", "data", "ours keeps the text as it was sent", normal_card_data),
        Difference("col", "mod", clock, both.clock),
        Difference("col", "ls", clock, both.clock),
        Difference(
            "config", "mtime_secs", unwritten, lambda time: time == PAST or both.clock(time) == NOW
        ),
        Difference("decks", "mtime_secs", f"{clock} when it renames", both.clock),
        Difference("notetypes", "mtime_secs", f"{clock} when it renames", both.clock),
    ]


def sorted_json(value: bytes) -> str:
    # As text again, so that 2 and 2.0 stay different.
    return json.dumps(json.loads(value), sort_keys=True)


def run_whole_sync(
    both: SideBySide,
    *,
    graves_in_start: Json | None = None,
    graves: Sequence[Json] = (),
    changes: Json = NO_CHANGES,
    chunks: Sequence[Json] = ({"done": True},),
    client_is_newer: bool = False,
) -> None:
    """Run a sync up to a failing sanity check, then again up to `finish` with the right counts."""

    def up_to_the_sanity_check(counts: list[Any]) -> Json:
        usn = both.call("meta", {"v": 11, "cv": "test"})["usn"]
        start = {"minUsn": CLIENT_USN, "lnewer": client_is_newer, "graves": graves_in_start}
        both.call("start", start)
        for chunk in graves:
            both.call("applyGraves", {"chunk": chunk})
        both.call("applyChanges", {"changes": stamped_changes(changes, usn)})
        receive_chunks(both)
        for chunk in chunks:
            both.call("applyChunk", {"chunk": stamped_chunk(chunk, usn)})
        answer: Json = both.call("sanityCheck2", {"client": counts})
        return answer

    first = up_to_the_sanity_check(UNKNOWN_COUNTS)
    assert first["status"] == "bad"
    assert up_to_the_sanity_check(first["s"])["status"] == "ok"
    both.call("finish")


def receive_chunks(both: SideBySide) -> None:
    """Fetch all chunks from both and compare their rows.

    In which order rows come and how they are spread over the chunks is left to the server.
    """
    received = []
    for side in (both.official, both.ours):
        rows = [(table, _comparable(row)) for table, row in _all_rows(side)]
        received.append(sorted(rows, key=repr))
    assert received[1] == received[0]


def _all_rows(side: Side) -> Iterator[tuple[str, list[Any]]]:
    for _ in range(MOST_CHUNKS):
        chunk = side.client.expect("chunk")
        done = chunk.pop("done")
        assert sum(map(len, chunk.values())) <= MOST_ROWS_IN_CHUNK
        yield from ((table, row) for table, rows in chunk.items() for row in rows)
        if done:
            return
    raise AssertionError("the server does not come to an end")


def _comparable(row: list[Any]) -> list[Any]:
    return [*row[:17], normal_card_data(row[17])] if len(row) == 18 else row


def test_a_sync_without_changes_leaves_equal_collections(both: SideBySide) -> None:
    run_whole_sync(both)
    both.assert_equal_tables(differences(both))


def test_notetypes_decks_options_and_tags_are_merged_alike(
    both: SideBySide, cases: MergeCases
) -> None:
    run_whole_sync(both, changes=cases.changes())
    tables = both.assert_equal_tables(differences(both))
    assert "Basic renamed" in {row["name"] for row in tables["notetypes"]}


def test_cards_notes_and_reviews_are_merged_alike(both: SideBySide, cases: MergeCases) -> None:
    run_whole_sync(both, changes=cases.changes(), chunks=cases.chunks())
    tables = both.assert_equal_tables(differences(both))
    assert len(tables["notes"]) > 450


def test_graves_are_merged_alike(both: SideBySide, cases: MergeCases) -> None:
    notes, cards, decks = (
        [row["id"] for row in cases.tables[table]] for table in ("notes", "cards", "decks")
    )
    known = cases.tables["graves"][0]["oid"]
    run_whole_sync(
        both,
        graves_in_start={"notes": notes[:5], "cards": cards[:5], "decks": decks[-1:]},
        graves=[
            {"notes": notes[3:20], "cards": cards[3:20], "decks": []},
            {"notes": [known, 1, 2], "cards": [known, 3], "decks": [4, 1]},
        ],
    )
    both.assert_equal_tables(differences(both))


def test_settings_of_a_newer_client_replace_the_servers(
    both: SideBySide, cases: MergeCases
) -> None:
    kept = {key: value for key, value in cases.config.items() if key != "addon"}
    numbers = [1, 2.5, 2.0, -0.0, 1e-7, 1e22, 2**60, 2**64 - 1, -(2**63)]
    texts = ["", "ü🦉", "\u2028 \x7f \x00 \t", '"quoted" \\ / <b>']
    nested = {"z": {"b": None, "a": True}, "a": [[], {}], "": 1}
    config = {**kept, "numbers": numbers, "texts": texts, "nested": nested, "collapseTime": 7}
    changes = {**NO_CHANGES, "conf": config, "crt": PAST - 200 * 86_400}
    run_whole_sync(both, changes=changes, client_is_newer=True)
    tables = both.assert_equal_tables(differences(both))
    assert "addon" not in {row["KEY"] for row in tables["config"]}


def test_settings_of_a_newer_server_are_sent_and_kept(both: SideBySide) -> None:
    run_whole_sync(both, client_is_newer=False)
    tables = both.assert_equal_tables(differences(both))
    assert "addon" in {row["KEY"] for row in tables["config"]}


def test_several_syncs_in_a_row_leave_equal_collections(
    both: SideBySide, cases: MergeCases
) -> None:
    first, *others = cases.chunks()
    run_whole_sync(both, changes=cases.changes(), chunks=[first])
    for chunk in others:
        run_whole_sync(both, chunks=[chunk])
    both.assert_equal_tables(differences(both))


@pytest.mark.parametrize("last_unburied", [-1, -30, 1, 7, 8, 100])
def test_buried_cards_return_on_the_same_day(
    both: SideBySide, tmp_path: Path, last_unburied: int
) -> None:
    both.upload(make_seasoned_collection(tmp_path / "buried", last_unburied=last_unburied))
    run_whole_sync(both)
    tables = both.assert_equal_tables(differences(both))
    still_buried = [row for row in tables["cards"] if row["queue"] in (-2, -3)]
    assert bool(still_buried) == (last_unburied in (1, 7))


@pytest.mark.parametrize(
    "changed",
    [
        {"lastUnburied": 0},
        {"lastUnburied": 3, "rollover": 0},
        {"lastUnburied": 3, "rollover": 23, "creationOffset": -840},
        {"lastUnburied": 3, "creationOffset": 720, "localOffset": -720},
        {"lastUnburied": 3, "creationOffset": None},
    ],
    ids=str,
)
def test_settings_that_arrived_count_for_the_next_sync(
    both: SideBySide, cases: MergeCases, changed: Json
) -> None:
    config = {**cases.config, **changed}
    if config["creationOffset"] is None:
        del config["creationOffset"]
    changes = {**NO_CHANGES, "conf": config, "crt": PAST - 300 * 86_400}
    run_whole_sync(both, changes=changes, client_is_newer=True)
    run_whole_sync(both)
    both.assert_equal_tables(differences(both))


def test_an_aborted_sync_leaves_what_was_there(both: SideBySide, cases: MergeCases) -> None:
    before = both.assert_equal_tables(differences(both))
    both.call("meta", {"v": 11, "cv": "test"})
    both.call("start", {"minUsn": 0, "lnewer": True, "graves": None})
    both.call("applyChanges", {"changes": cases.changes()})
    both.call("applyChunk", {"chunk": cases.chunks()[0]})
    both.call("abort")
    assert both.assert_equal_tables(differences(both)) == before
    assert both.statuses("finish") == (409, 409)


def test_a_download_stamps_the_collection_alike(both: SideBySide) -> None:
    replies = both.replies("download")
    assert [reply.status for reply in replies] == [200, 200]
    assert [reply.body[:16] for reply in replies] == [b"SQLite format 3\0"] * 2
    both.assert_equal_tables(differences(both))
