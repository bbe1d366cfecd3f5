"""Zips that no client sends: nothing leaves the user's folder, and the index stays right."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.accounts import Account
from tests.support.hostile_zips import (
    IMPOSSIBLE_NAMES,
    ODD_NAMES,
    bomb_by_many_members,
    bomb_by_one_member,
    bomb_by_shared_member,
    broken_zips,
    lying_but_readable_zips,
    lying_sizes,
    with_climbing_members,
    with_symbolic_link,
)
from tests.support.media_client import MediaClient
from tests.support.media_device import sha1
from tests.support.media_server import MediaServer
from tests.support.media_zip import upload_zip

MEGABYTE = 1_000_000
OPTIONS = {"max_media_file_bytes": MEGABYTE, "max_media_zip_bytes": 3 * MEGABYTE}
KEPT = ("kept.png", b"was there before")


@pytest.fixture
def client(client: MediaClient) -> MediaClient:
    client.upload(KEPT)
    return client


@pytest.fixture(autouse=True)
def _nothing_outside_the_users_folder(
    server: MediaServer, account: Account, client: MediaClient
) -> Iterator[None]:
    """Compare everything outside of the user's folder before and after, and check the folder."""
    before = everything_outside(server, account)
    yield
    assert everything_outside(server, account) == before
    server.assert_clean(account)
    assert server.files(account)["kept.png"] == sha1(KEPT[1])


def everything_outside(server: MediaServer, account: Account) -> dict[str, int]:
    """Return the paths and modes of all that the server could reach but for the user's folder.

    Left out is what changes with every request: the log, accounts.db's log, the store of shared
    bytes, whose names are checked instead.
    """
    found = {}
    for folder, _, names in os.walk(server.data_root.parent):
        if Path(folder).is_relative_to(server.folder(account)):
            continue
        if Path(folder).is_relative_to(server.data_root / "media-store"):
            assert all(len(name) == 40 and name.isalnum() for name in names)
            continue
        for name in names:
            path = Path(folder) / name
            found[str(path)] = path.lstat().st_mode
    return {path: mode for path, mode in found.items() if "accounts.db-" not in path}


def assert_nothing_changed(server: MediaServer, account: Account) -> None:
    assert server.files(account) == {"kept.png": sha1(KEPT[1])}
    assert [row["fname"] for row in server.rows(account)] == ["kept.png"]
    assert server.rows(account, "meta") == [
        {"last_usn": 1, "total_bytes": len(KEPT[1]), "total_nonempty_files": 1}
    ]


@pytest.mark.parametrize("name", IMPOSSIBLE_NAMES.values(), ids=IMPOSSIBLE_NAMES.keys())
def test_an_impossible_name_is_refused_as_a_broken_request(
    server: MediaServer, account: Account, client: MediaClient, name: str
) -> None:
    for change in ((name, b"hostile"), (name, None)):
        reply = client.send("uploadChanges", upload_zip(("good.png", b"good"), change))
        assert reply.status == 400
        assert_nothing_changed(server, account)
    assert client.call("downloadFiles", {"files": [name]}).status == 409


def test_odd_names_are_plain_files_in_the_users_folder(
    server: MediaServer, account: Account, client: MediaClient
) -> None:
    contents = [(name, f"content of {name}".encode()) for name in ODD_NAMES]
    assert client.upload(*contents) == (len(contents), 1 + len(contents))
    expected = {name: sha1(content) for name, content in (*contents, KEPT)}
    assert server.files(account) == expected
    assert dict(client.download([*ODD_NAMES])) == dict(contents)
    assert client.upload(*((name, None) for name in ODD_NAMES))[0] == len(contents)
    assert server.files(account) == {"kept.png": sha1(KEPT[1])}


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in broken_zips()])
def test_a_broken_zip_is_refused_and_changes_nothing(
    server: MediaServer, account: Account, client: MediaClient, body: bytes
) -> None:
    reply = client.send("uploadChanges", body)
    assert reply.status == 400
    assert reply.body == b"The media upload is broken.\n" or b"impossible name" in reply.body
    assert_nothing_changed(server, account)


@pytest.mark.parametrize(
    "body", [pytest.param(body, id=name) for name, body in lying_but_readable_zips()]
)
def test_what_a_zip_claims_beside_its_list_is_of_no_effect(
    server: MediaServer, account: Account, client: MediaClient, body: bytes
) -> None:
    assert client.upload_zip(body) == (1, 2)
    assert server.files(account) == {"kept.png": sha1(KEPT[1]), "good.png": sha1(b"good bytes")}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(bomb_by_one_member(40 * MEGABYTE), id="one member"),
        pytest.param(bomb_by_many_members(MEGABYTE, 40), id="many members"),
        pytest.param(bomb_by_shared_member(MEGABYTE, 900), id="many names for one member"),
        pytest.param(bomb_by_one_member(MEGABYTE + 1), id="one byte too many"),
    ],
)
def test_a_bomb_is_refused_in_words_before_it_fills_the_disk(
    server: MediaServer, account: Account, client: MediaClient, body: bytes
) -> None:
    assert len(body) < 2 * MEGABYTE
    reply = client.send("uploadChanges", body)
    assert reply.status == 200
    assert "larger than this server accepts" in reply.json["err"]
    assert_nothing_changed(server, account)


def test_a_bomb_that_lies_about_its_size_is_refused(
    server: MediaServer, account: Account, client: MediaClient
) -> None:
    assert client.send("uploadChanges", lying_sizes(40 * MEGABYTE)).status == 400
    assert_nothing_changed(server, account)


def test_a_zip_larger_than_the_limit_is_refused_in_words_while_it_arrives(
    server: MediaServer, account: Account, client: MediaClient
) -> None:
    reply = client.send("uploadChanges", upload_zip(("noise.png", os.urandom(9 * MEGABYTE))))
    assert "larger than this server accepts (3 MB)" in reply.json["err"]
    assert_nothing_changed(server, account)


def test_a_symbolic_link_becomes_a_file_that_holds_its_target(
    server: MediaServer, account: Account, client: MediaClient
) -> None:
    client.upload_zip(with_symbolic_link("/etc/passwd"))
    link = server.folder(account) / "media" / "link.png"
    assert not link.is_symlink()
    assert client.download(["link.png"]) == [("link.png", b"/etc/passwd")]


def test_members_own_names_are_of_no_effect(
    server: MediaServer, account: Account, client: MediaClient, tmp_path: Path
) -> None:
    outside = tmp_path / "out.png"
    client.upload_zip(with_climbing_members(["../out.png", "../../out.png", str(outside)]))
    assert client.download(["good.png"]) == [("good.png", b"climbed")]
    assert not outside.exists()


def test_the_same_name_again_and_again_is_applied_in_order(
    server: MediaServer, account: Account, client: MediaClient
) -> None:
    changes = [("a.png", b"one"), ("a.png", None), ("a.png", b"two"), ("a.png", b"three")]
    assert client.upload(*changes) == (4, 5)
    assert client.download(["a.png"]) == [("a.png", b"three")]


@pytest.mark.parametrize(
    ("method", "payload"),
    [
        ("begin", {"v": ""}),
        ("begin", {}),
        ("begin", {"v": 5}),
        ("begin", []),
        ("mediaChanges", {}),
        ("mediaChanges", {"lastUsn": "1"}),
        ("mediaChanges", {"lastUsn": 2**64}),
        ("mediaChanges", {"lastUsn": 1.5}),
        ("mediaChanges", None),
        ("mediaSanity", {"local": None}),
        ("mediaSanity", {"local": 10**30}),
        ("downloadFiles", {}),
        ("downloadFiles", {"files": "kept.png"}),
        ("downloadFiles", {"files": [["kept.png"]]}),
        ("downloadFiles", {"files": [None]}),
        ("downloadFiles", {"files": ["kept.png"] * 1001}),
    ],
)
def test_a_malformed_message_is_refused(client: MediaClient, method: str, payload: object) -> None:
    assert client.call(method, payload).status == 400


def test_usns_that_were_never_given_out_are_harmless(client: MediaClient) -> None:
    assert client.changes(10**18) == []
    assert client.changes(-(10**18)) == [("kept.png", 1, sha1(KEPT[1]))]
    assert client.sanity(-1) == "mediaSanity"
