"""What is said to a user who may not read the configuration or the data root."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.control.operator import CTL, Operator, Result, clean_environment

FAILED, WRONG_CONFIGURATION = 1, 78
# Then root too may read only what the modes allow.
OBEDIENT = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")


def obedient_ctl(operator: Operator, *arguments: str) -> Result:
    """Call ctl.py as somebody whom the modes of files concern."""
    ended = subprocess.run(
        [*(() if os.geteuid() else OBEDIENT), sys.executable, str(CTL), *arguments],
        cwd=operator.folder,
        env=clean_environment(None),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in ended.stderr, ended.stderr
    return Result(ended.returncode, ended.stdout, ended.stderr)


@pytest.fixture
def closed_folder(operator: Operator) -> Iterator[Path]:
    """A folder that nobody may look into, with a configuration file."""
    folder = operator.folder / "closed"
    folder.mkdir()
    operator.config.rename(folder / "production.ini")
    folder.chmod(0)
    yield folder
    folder.chmod(0o700)


def test_an_unreadable_configuration_file_is_a_wrong_configuration(operator: Operator) -> None:
    operator.config.chmod(0)
    for command in ("status", "lsuser", "stop"):
        refused = obedient_ctl(operator, command)
        assert (refused.exit_code, refused.output) == (WRONG_CONFIGURATION, "")
        assert refused.errors == "production.ini: Permission denied\n"


def test_so_is_one_in_a_folder_that_this_user_may_not_enter(
    operator: Operator, closed_folder: Path
) -> None:
    config = str(closed_folder / "production.ini")
    for command in ("status", "check"):
        refused = obedient_ctl(operator, command, "--config", config)
        assert refused.exit_code == WRONG_CONFIGURATION
        assert refused.errors == f"{config}: Permission denied\n"


def test_who_needs_no_configuration_file_may_have_an_unreadable_one(operator: Operator) -> None:
    operator.config.chmod(0)
    visit = obedient_ctl(operator, "doctor", operator.url, "--quick")
    assert visit.exit_code == FAILED
    assert "failed: connection" in visit.output


def test_an_unreadable_data_root_is_a_wrong_configuration(operator: Operator) -> None:
    operator.data_root.mkdir(mode=0)
    for command in ("status", "stop", "start", "lsuser", "who"):
        refused = obedient_ctl(operator, command)
        assert (refused.exit_code, refused.output) == (WRONG_CONFIGURATION, "")
        assert refused.errors.startswith(f"data_root: {operator.data_root}")
        assert refused.errors.endswith(": Permission denied\n")
