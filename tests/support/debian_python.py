"""The server in an environment of Debian's own Python, which users other than root may enter.

Debian's mod_wsgi holds that Python and can run no other one.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import syncserver

DEBIAN_PYTHON = "/usr/bin/python3"


@contextmanager
def open_folder(name: str) -> Iterator[Path]:
    """Give a folder that everybody may enter, unlike those of pytest."""
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def debian_environment(folder: Path) -> Path:
    """Return the Python of a new environment in `folder` that holds the packages of this one.

    The test is skipped where Debian's Python is of another version: it could not load them.
    """
    version = "import sys; print(f'{sys.version_info[0]}.{sys.version_info[1]}')"
    done = subprocess.run(
        [DEBIAN_PYTHON, "-c", version], capture_output=True, text=True, check=True
    )
    ours = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if done.stdout.strip() != ours:
        pytest.skip(f"the tests run on Python {ours}, Debian's is {done.stdout.strip()}")
    create = [DEBIAN_PYTHON, "-m", "venv", "--without-pip", str(folder)]
    subprocess.run(create, check=True, timeout=120)
    library = Path(f"lib/python{ours}/site-packages")
    packages = Path(sys.prefix) / library
    shutil.copytree(packages, folder / library, copy_function=_link_or_copy, dirs_exist_ok=True)
    # The code under test, also where it is not installed but run from its source folder.
    shutil.rmtree(folder / library / "syncserver", ignore_errors=True)
    shutil.copytree(Path(syncserver.__file__).parent, folder / library / "syncserver")
    return folder / "bin" / "python"


def _link_or_copy(source: str, target: str) -> None:
    """Give a file a second name: hundreds of megabytes are not to be copied for each run."""
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)
