"""A screen that nobody sees, for programs with windows; and what the system must have for them."""

import os
import shutil
import subprocess
from types import TracebackType

XVFB = "Xvfb"
SCREEN = "1280x900x24"
STOP_TIMEOUT = 10.0
# What Debian 12 must have installed beside it, so that Anki's Qt can open windows there.
DEBIAN_PACKAGES = (
    "xvfb",
    "libegl1",
)


class NoDisplay(Exception):
    """Windows cannot be opened here; the text says what is missing and how to install it."""

    def __init__(self, missing: str) -> None:
        super().__init__(
            f"Anki's windows cannot be tested: {missing}. "
            f"On Debian: apt-get install {' '.join(DEBIAN_PACKAGES)}"
        )


class VirtualDisplay:
    """A running X server without a screen; `name` is what programs expect in DISPLAY."""

    def __init__(self) -> None:
        """Start it. Raises NoDisplay."""
        program = shutil.which(XVFB)
        if program is None:
            raise NoDisplay(f"the program {XVFB} is not installed")
        reading, writing = os.pipe()
        self._process = subprocess.Popen(
            # It chooses a free number and tells it when it is ready.
            [program, "-displayfd", str(writing), "-screen", "0", SCREEN, "-nolisten", "tcp"],
            pass_fds=[writing],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(writing)
        with os.fdopen(reading, encoding="ascii") as number:
            self.name = f":{number.readline().strip()}"
        if self.name == ":":
            raise NoDisplay(f"{XVFB} does not start")

    def __enter__(self) -> "VirtualDisplay":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Switch it off."""
        self._process.terminate()
        self._process.wait(STOP_TIMEOUT)
