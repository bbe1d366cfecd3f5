"""A file system of a few megabytes, to be filled to the last byte."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.missing import cannot_be_tested

BLOCK = 64 * 1024


class SmallDisk:
    """A small file system, mounted on a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self, leave: int = 0) -> None:
        """Write until no space is left, or until `leave` bytes are."""
        with self._filler.open("ab", buffering=0) as filler:
            while (free := self.free()) > leave:
                try:
                    filler.write(bytes(min(BLOCK, free - leave)))
                except OSError:
                    return

    def empty(self) -> None:
        """Make room again."""
        self._filler.unlink(missing_ok=True)

    def free(self) -> int:
        """Return how many bytes are free."""
        status = os.statvfs(self.path)
        return status.f_bavail * status.f_frsize


@contextmanager
def small_disk(path: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Mount a small file system on `path`; the test is skipped where that is not permitted."""
    path.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        problem = done.stderr.strip()
    except FileNotFoundError as missing:
        problem = str(missing)
    if not os.path.ismount(path):
        cannot_be_tested(f"only root may mount a small disk: {problem}")
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)
