"""What root's commands do to a data root of somebody else, while a server runs and while none does."""

import os
import pwd
from pathlib import Path

import pytest

from tests.control.operator import Operator
from tests.support.somebody_else import SOMEBODY_ELSE

WRONG_CONFIGURATION = 78
NOBODY = pwd.getpwnam("nobody")
WORKING = (
    *(["adduser", "rob", "--password-stdin"], ["lsuser"], ["import", "anna", "x.colpkg", "--yes"]),
    *(["backup", "--all"], ["backups", "anna"], ["restore-offsite"]),
)


@pytest.fixture
def theirs(operator: Operator) -> Operator:
    """An installation with a data root of nobody's, in which no server has run yet."""
    if os.geteuid():
        pytest.skip("only root may give files away")
    (operator.folder / "x.colpkg").write_bytes(b"")
    operator.data_root.mkdir(mode=0o700)
    os.chown(operator.data_root, NOBODY.pw_uid, NOBODY.pw_gid)
    return operator


def paths_of_root(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.stat().st_uid == 0]


def test_without_a_server_root_is_told_who_may(theirs: Operator) -> None:
    for command in WORKING:
        refused = theirs.ctl(*command, stdin="secret\n")
        assert refused.exit_code == WRONG_CONFIGURATION
        assert f"{theirs.data_root} belongs to the user nobody" in refused.errors
        assert "call runuser -u nobody -- ctl.py" in refused.errors
    assert list(theirs.data_root.iterdir()) == []


def test_a_user_without_a_name_is_told_by_number(theirs: Operator) -> None:
    os.chown(theirs.data_root, SOMEBODY_ELSE, NOBODY.pw_gid)
    refused = theirs.ctl("lsuser")
    assert refused.exit_code == WRONG_CONFIGURATION
    assert f"setpriv --reuid {SOMEBODY_ELSE} --regid {NOBODY.pw_gid} " in refused.errors


def test_the_lock_file_tells_the_servers_user_too(theirs: Operator) -> None:
    lock = theirs.data_root / "syncserver.lock"
    lock.touch()
    os.chown(theirs.data_root, 0, 0)
    os.chown(lock, NOBODY.pw_uid, NOBODY.pw_gid)
    assert "runuser -u nobody" in theirs.ctl("lsuser").errors


def test_roots_server_starts_there_and_roots_commands_work_from_then_on(theirs: Operator) -> None:
    theirs.must("start")
    theirs.add("anna")
    theirs.must("backup", "--all")
    theirs.must("stop")
    theirs.add("bob")
    theirs.must("backup", "--all")


def test_commands_that_write_nothing_are_roots_too(theirs: Operator) -> None:
    assert theirs.ctl("status").exit_code == 3
    theirs.must("stop")
    theirs.must("audit")
    theirs.must("maintenance", "status")
    assert paths_of_root(theirs.data_root) == []
