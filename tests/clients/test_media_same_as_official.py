"""Our media sync against the official server's: equal requests, equal answers, equal indexes.

Every difference that is meant stands in this module, with its reason:

- `begin` answers the host key, which is another one on each server.
- Names that make the official server fail with 500 are refused with 400 (STRICTER).
- An upload and a download may hold more than 25 files.
- When an index of version 3 is migrated whose newest change was of a row that is dropped, the
  official server goes back to an older usn, and devices that know the newer one miss the changes that
  follow. We keep it (test_media_moving_in.py).
- Refusals hold a sentence in the place of the bare number; clients show neither.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.hostile_zips import IMPOSSIBLE_NAMES, ODD_NAMES
from tests.support.media_server import MediaServer, running_media_server
from tests.support.media_side_by_side import BothServers
from tests.support.media_zip import upload_zip, zip_of
from tests.support.official_server import OfficialServer
from tests.support.raw_client import CLIENT_VERSION

Json = dict[str, Any]

# The official server answers these with 500: they reach its file system.
STRICTER = {"empty", "one dot", "two dots", "NUL", "NUL at the end"}


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OfficialServer]:
    server = OfficialServer(tmp_path_factory.mktemp("official"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MediaServer]:
    yield from running_media_server(tmp_path_factory.mktemp("ours"), {})


@pytest.fixture
def both(official: OfficialServer, ours: MediaServer) -> BothServers:
    return BothServers(official, ours)


def test_an_account_without_media_looks_the_same(both: BothServers, tmp_path: Path) -> None:
    answers = [c.unwrapped("begin", {"v": CLIENT_VERSION}) for c in (both.official, both.ours)]
    keys = [answer.pop("sk") for answer in answers]
    assert keys == [both.official.host_key, both.ours.host_key]
    assert answers == [{"usn": 0}, {"usn": 0}]
    assert both.call("mediaChanges", {"lastUsn": 0}) == {"data": [], "err": ""}
    assert both.call("mediaSanity", {"local": 0})["data"] == "OK"
    assert both.call("mediaSanity", {"local": 1})["data"] == "mediaSanity"
    assert both.download() == []


def test_additions_replacements_and_deletions_are_stored_alike(
    both: BothServers, tmp_path: Path
) -> None:
    assert both.upload(("a.png", b"a"), ("b ü🦉.png", b"bb"), ("c", b"ccc")) == [3, 3]
    assert both.upload(("a.png", b"a"), ("c", b"changed"), ("never there", None)) == [3, 4]
    assert both.upload(("b ü🦉.png", None), ("b ü🦉.png", None), ("d", b"d")) == [3, 6]
    assert both.upload() == [0, 6]
    both.assert_equal_indexes(tmp_path)
    assert both.upload(("b ü🦉.png", b"again")) == [1, 7]
    rows = both.assert_equal_indexes(tmp_path)
    assert [row["size"] for row in rows] == [1, 5, 7, 1]
    for usn in (-1, 0, 3, 6, 7, 100):
        both.call("mediaChanges", {"lastUsn": usn})
    for files in range(6):
        both.call("mediaSanity", {"local": files})


def test_several_entries_for_one_name_are_applied_alike(both: BothServers, tmp_path: Path) -> None:
    assert both.upload(("a", b"1"), ("a", b"2"), ("a", b"2"), ("b", b"1"), ("b", None)) == [5, 4]
    assert both.upload(("a", None), ("a", b"2"), ("b", None), ("b", b"1"), ("b", b"3")) == [5, 8]
    both.assert_equal_indexes(tmp_path)
    both.call("mediaChanges", {"lastUsn": 0})


def test_odd_but_possible_names_are_stored_alike(both: BothServers, tmp_path: Path) -> None:
    for name in (*ODD_NAMES, "Case.png", "case.png", "ﬁ ligature", "\u200b", "0", "é" * 127):
        both.upload((name, name.encode()))
        assert both.download(name) == [(name, name.encode())]
    assert len(both.assert_equal_indexes(tmp_path)) == len(ODD_NAMES) + 6


@pytest.mark.parametrize("kind", IMPOSSIBLE_NAMES)
def test_impossible_names_are_refused_by_both(both: BothServers, kind: str) -> None:
    statuses = both.refused(upload_zip((IMPOSSIBLE_NAMES[kind], b"content")))
    assert statuses == ((500, 400) if kind in STRICTER else (400, 400))


@pytest.mark.parametrize(
    ("members", "meta"),
    [
        ({"0": b"x", "1": b"not listed"}, [["a", "0"]]),
        ({"0": b"x"}, [["a", "0"], ["b", "0"]]),
        ({"any name": b"x"}, [["a", "any name"], ["b", ""], ["c", None]]),
        ({}, [["a", "_meta"]]),
        ({"0": b"x"}, b' [ ["a" , "0"] ] '),
    ],
)
def test_unusual_zips_are_taken_alike(
    both: BothServers, tmp_path: Path, members: dict[str, bytes], meta: Any
) -> None:
    both.upload_zip(zip_of(members, meta))
    both.assert_equal_indexes(tmp_path)


@pytest.mark.parametrize(
    ("members", "meta"),
    [
        ({"0": b""}, [["a", "0"]]),
        ({"0": b"x"}, [["a", "1"]]),
        ({"0": b"x"}, [["a", "0", "more"]]),
        ({"0": b"x"}, [["a"]]),
        ({"0": b"x"}, b'{"0":"a"}'),
        ({"0": b"x"}, b"[["),
        ({"0": b"x"}, None),
    ],
)
def test_broken_zips_are_refused_by_both(
    both: BothServers, tmp_path: Path, members: dict[str, bytes], meta: Any
) -> None:
    both.upload(("kept", b"kept"))
    assert both.refused(zip_of(members, meta)) == (400, 400)
    both.assert_equal_indexes(tmp_path)


@pytest.mark.parametrize("body", [b"", b"no zip", upload_zip(("a", b"a"))[:-5]])
def test_what_is_no_zip_is_refused_by_both(both: BothServers, body: bytes) -> None:
    assert both.refused(body) == (400, 400)


def test_compressed_members_are_taken_alike(both: BothServers, tmp_path: Path) -> None:
    both.upload_zip(upload_zip(("a", bytes(50_000)), ("b", b"b"), compression=8))
    assert both.download("b", "a") == [("b", b"b"), ("a", bytes(50_000))]
    both.assert_equal_indexes(tmp_path)


def test_files_that_are_not_there_refuse_a_download_alike(both: BothServers) -> None:
    both.upload(("a", b"a"), ("deleted", b"b"), ("deleted", None))
    for names in (["unknown"], ["deleted"], ["a", "unknown"]):
        assert both.statuses("downloadFiles", {"files": names}) == (409, 409)
    assert both.download("a", "a") == [("a", b"a"), ("a", b"a")]


@pytest.mark.parametrize("damaged", ["a", "c"])
def test_a_file_missing_on_disk_is_forgotten_alike(
    both: BothServers, tmp_path: Path, damaged: str
) -> None:
    both.upload(("a", b"aaaa"), ("b", b"bb"), ("c", b"c"))
    for folder in both.folders:
        (folder / "media" / damaged).unlink()
    assert both.statuses("downloadFiles", {"files": ["b", damaged]}) == (409, 409)
    rows = both.assert_equal_indexes(tmp_path)
    assert [row["fname"] for row in rows] == sorted({"a", "b", "c"} - {damaged})
    both.call("mediaChanges", {"lastUsn": 0})
    both.call("mediaSanity", {"local": 2})
    assert both.upload((damaged, b"new")) == [1, 4]
    both.assert_equal_indexes(tmp_path)


@pytest.mark.parametrize(
    ("method", "payload"),
    [
        ("begin", {"v": ""}),
        ("begin", {}),
        ("mediaChanges", {}),
        ("mediaChanges", {"lastUsn": "1"}),
        ("mediaSanity", {}),
        ("downloadFiles", {}),
        ("downloadFiles", {"files": "a"}),
    ],
)
def test_malformed_messages_are_refused_by_both(
    both: BothServers, method: str, payload: Json
) -> None:
    assert both.statuses(method, payload) == (400, 400)


def test_we_take_and_give_more_files_at_once(both: BothServers) -> None:
    """Fewer round trips for clients that ask for more than today's 25."""
    many = [(f"{number}", b"x") for number in range(26)]
    assert both.refused(upload_zip(*many)) == (400, 200)
    names = {"files": [name for name, _ in many]}
    assert both.statuses("downloadFiles", names) == (400, 200)


def test_keys_that_nobody_has_are_refused_by_both(both: BothServers) -> None:
    for client in (both.official, both.ours):
        client.host_key = "0" * 40
    assert both.statuses("begin", {"v": CLIENT_VERSION}) == (403, 403)
    assert both.statuses("mediaChanges", {"lastUsn": 0}) == (403, 403)
    assert both.statuses("downloadFiles", {"files": ["a"]}) == (403, 403)
