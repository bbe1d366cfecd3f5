"""`media check` finds what is out of step, and --fix brings it in step without losing bytes."""

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.media.conftest import NewMediaDevice
from tests.support.accounts import Account
from tests.support.media_client import MediaClient, media_client
from tests.support.media_device import media_of, sha1, sync_media
from tests.support.media_server import MediaServer
from tests.support.media_zip import Change

CLEAN = 0
FOUND = 1
WRONG_USAGE = 2
NO_SUCH_USER = 67
FILES: list[Change] = [(f"{number}.png", b"content %d" % number) for number in range(6)]


@pytest.fixture
def client(client: MediaClient) -> MediaClient:
    client.upload(*FILES)
    return client


@pytest.fixture
def stopped(server: MediaServer, client: MediaClient) -> Iterator[MediaServer]:
    """The server, ended; the control script then does the work itself."""
    server.stop()
    yield server
    server.start()


def media(server: MediaServer, account: Account) -> Path:
    return server.folder(account) / "media"


def damage_everything(server: MediaServer, account: Account) -> None:
    """Make one problem of each kind but for the totals, which need a server that is stopped."""
    folder = media(server, account)
    (folder / "0.png").unlink()
    replace(folder / "1.png", b"rotten 1 ")
    replace(folder / "2.png", b"short")
    replace(folder / "stray.png", b"a stray")
    replace(folder / "empty stray.png", b"")
    os.symlink("/etc/passwd", folder / "link.png")


def replace(path: Path, content: bytes) -> None:
    # Not in place: the bytes may be shared.
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def states(server: MediaServer, account: Account) -> dict[str, tuple[int, int, int]]:
    found = {path.name: path.lstat() for path in media(server, account).iterdir()}
    return {name: (one.st_ino, one.st_size, one.st_mtime_ns) for name, one in found.items()}


def spoil_totals(server: MediaServer, account: Account) -> None:
    with closing(sqlite3.connect(server.folder(account) / "media.db")) as connection:
        connection.execute("update meta set total_bytes = 1, total_nonempty_files = 77")
        connection.commit()


FOUND_BY_CHECK = {
    "problem": None,
    "missing": ["0.png"],
    "wrong_content": ["1.png", "2.png"],
    "stray": ["empty stray.png", "stray.png"],
    "wrong_totals": False,
    "clean": False,
    "files": 6,
}


def test_media_in_step_are_clean(
    server: MediaServer, account: Account, client: MediaClient
) -> None:
    result = server.command("media", "check", account.name)
    assert (result.exit_code, result.output) == (CLEAN, f"{account.name}: 6 files, clean\n")


def test_every_kind_of_problem_is_found_and_nothing_is_touched(
    server: MediaServer, account: Account, client: MediaClient
) -> None:
    damage_everything(server, account)
    before = states(server, account)
    result = server.command("media", "check", account.name, "--json")
    assert result.exit_code == FOUND
    assert json.loads(result.output) == {account.name: FOUND_BY_CHECK}
    lines = server.command("media", "check", account.name).output.splitlines()
    assert lines == [
        f"{account.name}: 0.png: missing on disk",
        f"{account.name}: 1.png: damaged",
        f"{account.name}: 2.png: damaged",
        f"{account.name}: empty stray.png: not in the index",
        f"{account.name}: stray.png: not in the index",
        f"{account.name}: 6 files, not clean; see --fix",
    ]
    assert states(server, account) == before
    assert client.begin() == 6


def test_fix_brings_everything_in_step_and_keeps_all_bytes(
    server: MediaServer, account: Account, client: MediaClient
) -> None:
    damage_everything(server, account)
    result = server.command("media", "check", account.name, "--fix")
    assert result.exit_code == CLEAN
    assert result.output.endswith(f"{account.name}: 6 files, mended\n")
    findings = server.check(account)
    assert findings["clean"], findings
    assert findings["files"] == 4
    # The stray is a change that devices get; what is missing or damaged is no deletion to them.
    assert client.changes(5) == [
        ("5.png", 6, sha1(b"content 5")),
        ("stray.png", 7, sha1(b"a stray")),
    ]
    assert client.sanity(4) == "OK"
    trash = server.trash(account)
    assert trash == {
        "1.png": [b"rotten 1 "],
        "2.png": [b"short"],
        "empty stray.png": [b""],
    }, "the stray that was taken in was neither deleted nor replaced"
    assert os.readlink(media(server, account) / "link.png") == "/etc/passwd"


def test_wrong_totals_are_found_and_counted_afresh(stopped: MediaServer, account: Account) -> None:
    spoil_totals(stopped, account)
    result = stopped.command("media", "check", account.name)
    assert result.exit_code == FOUND
    assert f"{account.name}: the index's totals are wrong\n" in result.output
    assert stopped.command("media", "check", account.name, "--fix").exit_code == CLEAN
    result = stopped.command("media", "check", account.name, "--json")
    assert result.exit_code == CLEAN
    assert json.loads(result.output)[account.name]["wrong_totals"] is False


def test_a_stopped_servers_media_are_mended_too(
    stopped: MediaServer, account: Account, client: MediaClient
) -> None:
    damage_everything(stopped, account)
    spoil_totals(stopped, account)
    result = stopped.command("media", "check", account.name, "--json")
    assert json.loads(result.output) == {account.name: {**FOUND_BY_CHECK, "wrong_totals": True}}
    assert stopped.command("media", "check", account.name, "--fix").exit_code == CLEAN
    stopped.start()
    stopped.assert_clean(account)
    assert client.sanity(4) == "OK"
    stopped.stop()


def test_after_a_fix_devices_bring_back_what_was_missing(
    server: MediaServer, account: Account, client: MediaClient, new_device: NewMediaDevice
) -> None:
    laptop = new_device("laptop")
    sync_media(laptop)
    damage_everything(server, account)
    server.check(account, fix=True)
    laptop.col.media.force_resync()
    sync_media(laptop)
    sync_media(laptop)
    expected = {name: sha1(content or b"") for name, content in (*FILES, ("stray.png", b"a stray"))}
    assert media_of(laptop) == expected
    assert client.sanity(len(expected)) == "OK"
    assert server.check(account)["clean"]


def test_all_checks_everybody_and_one_problem_is_a_problem(
    server: MediaServer, account: Account, client: MediaClient
) -> None:
    other = server.new_account()
    media_client(server, other).upload(("a.png", b"a"))
    never_synced = server.new_account()
    assert server.command("media", "check", "--all", "--fix").exit_code == CLEAN
    result = server.command("media", "check", "--all")
    assert result.exit_code == CLEAN
    for line in (f"{other.name}: 1 files, clean", f"{never_synced.name}: 0 files, clean"):
        assert line in result.output.splitlines()
    (media(server, account) / "3.png").unlink()
    result = server.command("media", "check", "--all", "--json")
    assert result.exit_code == FOUND
    findings = json.loads(result.output)
    assert [name for name, found in findings.items() if not found["clean"]] == [account.name]


def test_a_check_needs_one_user_or_all(server: MediaServer, account: Account) -> None:
    assert server.command("media", "check").exit_code == WRONG_USAGE
    assert server.command("media", "check", account.name, "--all").exit_code == WRONG_USAGE
    assert server.command("media", "check", "nobody").exit_code == NO_SUCH_USER


@pytest.fixture
def broken(server: MediaServer) -> Iterator[Account]:
    """Somebody whose index cannot be read, and who comes before the other user."""
    account = server.new_account()
    server.folder(account).mkdir()
    path = server.folder(account) / "media.db"
    path.write_bytes(b"this is no index" * 1000)
    yield account
    path.unlink()


def test_an_index_that_cannot_be_read_is_named_in_one_line(
    broken: Account, stopped: MediaServer
) -> None:
    problem = f"{stopped.folder(broken) / 'media.db'}: file is not a database"
    for options in ([], ["--fix"]):
        result = stopped.command("media", "check", broken.name, *options)
        assert (result.exit_code, result.errors) == (FOUND, "")
        assert result.output == f"{broken.name}: not checked: {problem}\n"


def test_an_index_that_cannot_be_read_keeps_nobody_else_unchecked(
    broken: Account, server: MediaServer, account: Account, client: MediaClient
) -> None:
    assert server.new_account().name > account.name > broken.name
    running = server.command("media", "check", "--all", "--json")
    server.stop()
    stopped = server.command("media", "check", "--all", "--json")
    server.start()
    problem = f"{server.folder(broken) / 'media.db'}: file is not a database"
    for result in (running, stopped):
        assert (result.exit_code, result.errors) == (FOUND, "")
        findings = json.loads(result.output)
        assert findings[broken.name] == {"problem": problem, "clean": False}
        assert findings[account.name]["files"] == 6
        assert findings[account.name]["clean"]


def test_a_name_that_is_no_unicode_does_not_stop_the_check(
    server: MediaServer, account: Account, client: MediaClient
) -> None:
    folder = os.fsencode(media(server, account))
    with open(folder + b"/\xff\xfe.png", "wb") as file:
        file.write(b"x")
    assert server.check(account)["clean"]
