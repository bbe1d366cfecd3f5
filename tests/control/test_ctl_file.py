"""ctl.py, called with a Python that has none of the packages."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.control.operator import CTL, clean_environment


@pytest.fixture
def source_folder(tmp_path: Path) -> Path:
    """A folder with ctl.py and nothing else."""
    shutil.copy(CTL, tmp_path)
    return tmp_path


def call_with_bare_python(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Call ctl.py with an isolated Python, as a system's own is."""
    return subprocess.run(
        [sys.executable, "-I", "-S", str(folder / "ctl.py"), *arguments],
        env=clean_environment({}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_it_goes_on_with_the_environment_beside_it(source_folder: Path) -> None:
    python = source_folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "environment called with: $@"\n')
    python.chmod(0o755)
    called = call_with_bare_python(source_folder, "lsuser", "--json")
    assert called.stdout == f"environment called with: {source_folder}/ctl.py lsuser --json\n"


def test_an_environment_that_this_user_may_not_run_is_named(source_folder: Path) -> None:
    python = source_folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\n")
    python.chmod(0o600)
    refused = call_with_bare_python(source_folder, "lsuser")
    assert refused.returncode == 1
    text = f"ctl.py: this user may not run {python}; call ctl.py as the server's user\n"
    assert refused.stderr == text


def test_without_an_environment_it_says_how_to_make_one(source_folder: Path) -> None:
    refused = call_with_bare_python(source_folder, "lsuser")
    assert refused.returncode == 1
    assert "install" in refused.stderr
    assert "Traceback" not in refused.stderr
