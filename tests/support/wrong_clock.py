"""A server whose clock can be set while it runs, by libfaketime."""

from collections.abc import Mapping
from glob import glob
from pathlib import Path

import pytest

from tests.support.faults_server import WatchedServer

LIBRARY = "/usr/lib/*/faketime/libfaketimeMT.so.1"
RIGHT = "+0"


class ServerWithClock(WatchedServer):
    """Our server; the clock is read from a file again and again."""

    def __init__(self, folder: Path, options: Mapping[str, object] | None = None) -> None:
        self._clock = folder / "clock"
        folder.mkdir(parents=True)
        self.set_clock(RIGHT)
        super().__init__(folder, options)

    def start(self) -> None:
        """Start it, under the library."""
        found = glob(LIBRARY)
        if not found:
            pytest.skip("a wrong clock needs libfaketime (Debian package: faketime)")
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("LD_PRELOAD", found[0])
            environment.setenv("FAKETIME_TIMESTAMP_FILE", str(self._clock))
            environment.setenv("FAKETIME_NO_CACHE", "1")
            # Waits and time-outs go on as they are.
            environment.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            super().start()

    def set_clock(self, offset: str) -> None:
        """Move the clock by an offset such as "-2d"."""
        self._clock.write_text(f"{offset}\n", encoding="ascii")
