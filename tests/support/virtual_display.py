"""A screen that nobody sees, for programs with windows; and what the system must have for them."""

import os
import shutil
import subprocess

XVFB = "Xvfb"
SCREEN = "1280x900x24"
STOP_TIMEOUT = 10.0
# What Debian 12 must have installed beside it, so that Anki's Qt can open windows there.
DEBIAN_PACKAGES = (
    *("xvfb", "libasound2", "libatomic1", "libdbus-1-3", "libegl1", "libfontconfig1"),
    *("libglib2.0-0", "libnss3", "libxcb-cursor0", "libxcb-icccm4", "libxcb-keysyms1"),
    *("libxcb-shape0", "libxcb-xinerama0", "libxcomposite1", "libxdamage1", "libxi6"),
    *("libxkbcommon-x11-0", "libxtst6"),
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

    def stop(self) -> None:
        """Switch it off."""
        self._process.terminate()
        self._process.wait(STOP_TIMEOUT)
