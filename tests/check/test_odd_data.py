"""`ctl.py check` goes on when one thing cannot even be looked at, and says who may look."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncserver.control.checks import files
from tests.check.conftest import Check, run_check
from tests.support.accounts import Account
from tests.support.faults_server import WatchedServer
from tests.support.somebody_else import somebody_else


@pytest.fixture
def odd_folder(server: WatchedServer, account: Account) -> Path:
    """The folder of a user who has never synced."""
    folder = server.data_root / "users" / account.name
    folder.mkdir(mode=0o700, parents=True)
    return folder


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that everybody may enter, unlike those of tests."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@pytest.mark.parametrize(
    ("name", "part"), [("collection.anki2", "collection"), ("media.db", "media")]
)
def test_what_cannot_be_read_keeps_nobody_else_unchecked(
    name: str,
    part: str,
    server: WatchedServer,
    account: Account,
    odd_folder: Path,
    check: Check,
) -> None:
    (odd_folder / name).mkdir(mode=0o700)
    another = server.new_account()
    damaged = server.data_root / "users" / another.name / "collection.anki2"
    damaged.parent.mkdir(mode=0o700)
    damaged.write_bytes(b"")
    damaged.chmod(0o600)
    checked = check()
    (unreadable,) = checked.about(account.name)
    assert unreadable["problem"].startswith(f"{part} not checked: ")
    assert "the disk" in unreadable["remedy"]
    assert "the file is empty" in checked.about(another.name)[0]["problem"]


def test_a_link_to_itself_is_nothing_that_the_server_can_use(
    server: WatchedServer, odd_folder: Path, check: Check
) -> None:
    (odd_folder / "loop").symlink_to("loop")
    assert "not the server's" in check().only("loop")["problem"]


def test_whoever_may_not_look_is_told_who_may(reachable: Path) -> None:
    data_root = reachable / "outer" / "data"
    data_root.mkdir(parents=True)
    for mode_of_outer, mode in ((0o755, 0o755), (0o755, 0o700), (0o700, 0o755)):
        os.chmod(data_root, mode)
        os.chmod(data_root.parent, mode_of_outer)
        with somebody_else():
            found = files.out_of_reach(data_root)
        assert found
        assert "as the user of the server" in found.remedy
    assert files.out_of_reach(data_root) is None


def test_a_terminal_of_another_encoding_shows_all_the_same(server: WatchedServer) -> None:
    os.chmod(server.data_root, 0o755)
    checked = run_check(server.config, "--quick", PYTHONIOENCODING="latin-1")
    assert "\\u2192 chmod 700" in checked.output


def test_a_remedy_can_be_typed_whatever_the_names_are(tmp_path: Path) -> None:
    data_root = tmp_path / "anna's data"
    data_root.mkdir(mode=0o755)
    (told,) = files.ownership(data_root, deep=True)
    assert told.remedy == f"chmod 700 '{tmp_path}/anna'\"'\"'s data'"
