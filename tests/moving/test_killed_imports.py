"""Whatever ends an import or an export in the middle leaves the old collection or the new one."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.conftest import NewDevice
from tests.support.accounts import Account
from tests.support.device import Device
from tests.support.media_device import sync_media, write_media
from tests.support.media_server import wait_until
from tests.support.moving_server import MovingServer
from tests.support.processes import answers_health

OLD, NEW = ["one", "two"], ["theirs"]
MANY = 150
# So large that staging them all takes longer than it takes to see that it has begun.
FILE_BYTES = 200_000


@pytest.fixture
def package(unused_device: NewDevice, tmp_path: Path) -> Path:
    """A collection with one note and many files."""
    friend = unused_device("friend")
    friend.add_note("theirs", "".join(f"[sound:{number}.mp3]" for number in range(MANY)))
    for number in range(MANY):
        write_media(friend, f"{number}.mp3", os.urandom(FILE_BYTES))
    path = tmp_path / "theirs.colpkg"
    friend.col.export_collection_package(str(path), include_media=True, legacy=False)
    friend.col.reopen(after_full_sync=False)
    return path


def staged(server: MovingServer, account: Account) -> int:
    """Return how many files of an import lie in the folder for uploads."""
    return len(list((server.folder(account) / "media-incoming").glob("*/*")))


def assert_old_or_new(server: MovingServer, account: Account, laptop: Device) -> None:
    notes = server.notes(account)
    assert notes in (OLD, NEW)
    if notes == NEW:
        assert len(server.files(account)) == MANY
        laptop.sync()
        laptop.download()
    assert laptop.check_database() == ""
    sync_media(laptop)
    server.assert_clean(account)


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_script_that_is_ended_while_it_reads_changes_nothing(
    server: MovingServer, account: Account, laptop: Device, package: Path, sign: signal.Signals
) -> None:
    script = server.begin("import", account.name, package, "--yes")
    wait_until(lambda: staged(server, account) > 10, "some files are there")
    script.send_signal(sign)
    _output, errors = script.communicate(timeout=60)
    assert script.returncode != 0
    assert "Traceback" not in errors
    wait_until(lambda: server.unfinished(account) == [], "what was staged is removed")
    assert server.notes(account) == OLD
    assert server.files(account) == {}
    assert laptop.check_database() == ""


@pytest.mark.parametrize("moment", range(4))
def test_a_script_that_is_killed_at_any_moment_leaves_old_or_new(
    server: MovingServer, account: Account, laptop: Device, package: Path, moment: int
) -> None:
    script = server.begin("import", account.name, package, "--yes")
    wait_until(lambda: staged(server, account) > MANY - 10, "nearly all files are there")
    time.sleep(random.Random(moment).uniform(0, 0.4))
    script.kill()
    script.communicate()
    wait_until(lambda: server.unfinished(account) == [], "what was staged is removed")
    assert_old_or_new(server, account, laptop)


@pytest.mark.parametrize("moment", range(4))
def test_a_server_that_is_killed_at_any_moment_leaves_old_or_new(
    server: MovingServer, account: Account, laptop: Device, package: Path, moment: int
) -> None:
    script = server.begin("import", account.name, package, "--yes")
    wait_until(lambda: staged(server, account) > MANY - 10, "nearly all files are there")
    time.sleep(random.Random(moment).uniform(0, 0.4))
    server.kill()
    _output, errors = script.communicate(timeout=60)
    assert "Traceback" not in errors
    server.start()
    if script.returncode == 0:
        assert server.notes(account) == NEW
    assert_old_or_new(server, account, laptop)


@pytest.mark.parametrize("moment", range(3))
def test_an_import_without_a_server_that_is_killed_leaves_old_or_new(
    server: MovingServer, account: Account, laptop: Device, package: Path, moment: int
) -> None:
    server.stop()
    script = server.begin("import", account.name, package, "--yes")
    wait_until(lambda: staged(server, account) > (10, MANY - 10, MANY - 2)[moment], "files")
    time.sleep(random.Random(moment).uniform(0, 0.4))
    script.kill()
    script.communicate()
    server.start()
    assert_old_or_new(server, account, laptop)


def test_an_import_that_was_cut_off_succeeds_when_it_is_repeated(
    server: MovingServer, account: Account, laptop: Device, package: Path
) -> None:
    script = server.begin("import", account.name, package, "--yes")
    wait_until(lambda: staged(server, account) > 10, "some files are there")
    server.kill()
    _output, errors = script.communicate(timeout=60)
    assert script.returncode == 1
    assert "does not answer" in errors
    server.start()
    server.must("import", account.name, package, "--yes")
    assert server.notes(account) == NEW
    assert_old_or_new(server, account, laptop)


def test_an_export_that_is_ended_leaves_no_file(
    server: MovingServer, account: Account, laptop: Device, package: Path, tmp_path: Path
) -> None:
    server.must("import", account.name, package, "--yes")
    folder = tmp_path / "exports"
    folder.mkdir()
    script = server.begin("export", account.name, folder / "all.colpkg")
    wait_until(lambda: server.unfinished(account), "the copy is made")
    script.send_signal(signal.SIGINT)
    script.communicate(timeout=60)
    if script.returncode:
        assert list(folder.iterdir()) == []
    wait_until(lambda: server.unfinished(account) == [], "the copy is removed")
    assert answers_health(server.port)


def test_a_shell_commit_that_is_killed_leaves_old_or_new(
    server: MovingServer, account: Account, laptop: Device
) -> None:
    code = "col.db.execute(\"update notes set flds = 'theirs' || flds, usn = 9\")"
    script = server.begin("shell", account.name, "--commit", "--command", code)
    begun = server.unfinished
    wait_until(lambda: begun(account) or script.poll() is not None, "the copy is made")
    server.kill()
    try:
        script.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        script.kill()
        raise
    server.start()
    assert len(server.notes(account)) == 2
    assert laptop.check_database() == ""
