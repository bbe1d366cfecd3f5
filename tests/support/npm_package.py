"""Packages of npm that tests use unchanged, each in a folder of its own.

They are installed when a test first needs them and kept in ~/.cache/syncserver-tests, or in the
folder that SYNCSERVER_TEST_VENVS names.
"""

import fcntl
import functools
import shutil
import subprocess
from pathlib import Path
from typing import Final

from tests.support.old_anki import cache_folder

INSTALL_TIMEOUT: Final = 240.0


class NotInstallable(Exception):
    """The package, or Node itself, cannot be had here."""


@functools.cache
def npm_package(name: str, version: str) -> Path:
    """Return the folder of a package, which is installed unless it is there. Raises NotInstallable."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise NotInstallable("there is no Node here")
    folder = cache_folder() / f"npm-{name}-{version}"
    folder.mkdir(parents=True, exist_ok=True)
    package = folder / "node_modules" / name
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (package / "package.json").exists():
            _install([npm, "install", "--prefix", str(folder), "--ignore-scripts"], name, version)
    return package


def _install(command: list[str], name: str, version: str) -> None:
    try:
        done = subprocess.run(
            [*command, f"{name}@{version}"],
            capture_output=True,
            text=True,
            timeout=INSTALL_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotInstallable(f"nothing after {INSTALL_TIMEOUT:.0f} seconds") from None
    if done.returncode:
        raise NotInstallable(done.stderr)
