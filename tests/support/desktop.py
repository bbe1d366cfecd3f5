"""A real Anki desktop on a virtual display, and the things that people do in its windows."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.old_anki import OldAnki, python_with
from tests.support.virtual_display import NoDisplay, VirtualDisplay

STARTER = Path(__file__).with_name("desktop_start.py")
DRIVER = Path(__file__).with_name("desktop_driver.py")
DRIVER_FOLDER = "driver_of_the_tests"
OPEN_NOTHING = "from aqt.qt import QApplication; QApplication([])"
START_TIMEOUT = 90.0
STOP_TIMEOUT = 30.0
WAIT_TIMEOUT = 60.0
POLL_INTERVAL = 0.05


def check_windows_open(anki: OldAnki, display: VirtualDisplay) -> None:
    """Raise NoDisplay when a library that Anki's windows need is missing on this system."""
    done = subprocess.run(
        [str(python_with(anki)), "-E", "-s", "-c", OPEN_NOTHING],
        env=_environment(display),
        capture_output=True,
        text=True,
        timeout=START_TIMEOUT,
        check=False,
    )
    if done.returncode:
        raise NoDisplay(f"Qt says: {' '.join(done.stderr.split())[-400:]}")


class Desktop:
    """One installation of Anki with a base folder of its own; it can be started again."""

    def __init__(self, anki: OldAnki, folder: Path, display: VirtualDisplay) -> None:
        """Start it for the first time."""
        self.anki = anki
        self._base = folder / "base"
        self._display = display
        self._log = folder / "log"
        driver = self._base / "addons21" / DRIVER_FOLDER
        driver.mkdir(parents=True)
        shutil.copy(DRIVER, driver / "__init__.py")
        # Sockets lie there, whose paths must be short.
        self._temporary = Path(tempfile.mkdtemp(prefix="anki"))
        self.start()

    def start(self) -> None:
        """Start it, and return when a profile is open."""
        with socket.create_server(("127.0.0.1", 0)) as listening, self._log.open("ab") as log:
            port = listening.getsockname()[1]
            self._process = subprocess.Popen(
                [str(python_with(self.anki)), "-E", "-s", str(STARTER), str(self._base)],
                env={
                    **_environment(self._display),
                    "DESKTOP_DRIVER_PORT": str(port),
                    "TMPDIR": str(self._temporary),
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            self._connect(listening)
        self.wait_until(self._profile_is_open, "no profile was opened")

    def _connect(self, listening: socket.socket) -> None:
        listening.settimeout(START_TIMEOUT)
        try:
            connection, _address = listening.accept()
        except TimeoutError:
            self.kill()
            raise AssertionError(f"Anki does not start:\n{self.log()}") from None
        connection.settimeout(WAIT_TIMEOUT)
        self._stream = connection.makefile("rw", encoding="utf-8")
        connection.close()  # the stream keeps it open

    def restart(self) -> None:
        """Quit Anki and start it again, as add-ons ask for."""
        self._do("close")
        self._process.wait(STOP_TIMEOUT)
        self.start()

    def kill(self) -> None:
        """End it at once, and forget its temporary files."""
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._temporary, ignore_errors=True)

    def log(self) -> str:
        """Return what Anki printed so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def wait_until(self, happens: Callable[[], object], otherwise: str) -> None:
        """Wait for something to happen in a window; fail with what the windows show."""
        deadline = time.monotonic() + WAIT_TIMEOUT
        while not happens():
            assert time.monotonic() < deadline, f"{otherwise}:\n{self.windows()}\n{self.log()}"
            time.sleep(POLL_INTERVAL)

    # Add-ons

    def install(self, addon: Path) -> None:
        """Install a file as people do, and start Anki again."""
        self._do("install", path=str(addon.absolute()))
        self.restart()

    def addons(self) -> dict[str, str]:
        """Return the names of the installed add-ons by their folders."""
        names: dict[str, str] = self._do("addons")
        del names[DRIVER_FOLDER]
        return names

    def configure(self, folder: str, config: dict[str, object]) -> None:
        self._do("configure", folder=folder, config=config)

    # Windows, which are named by their titles

    def choose(self, entry: str) -> None:
        """Choose an entry of the Tools menu."""
        self._do("choose", entry=entry)

    def windows(self) -> dict[str, str]:
        """Return the texts of the windows in front of the main one."""
        texts: dict[str, str] = self._do("windows")
        return texts

    def buttons(self, window: str) -> list[str]:
        """Return the buttons of a window that can be pressed."""
        labels: list[str] = self._do("buttons", window=window)
        return labels

    def enter(self, window: str, **fields: str) -> None:
        """Fill fields by their labels."""
        for field, text in fields.items():
            self._do("enter", window=window, field=field, text=text)

    def fill(self, window: str, *texts: str) -> None:
        """Fill all fields from top to bottom, in a window without labels for each."""
        self._do("fill", window=window, texts=texts)

    def entered(self, window: str) -> list[str]:
        texts: list[str] = self._do("entered", window=window)
        return texts

    def press(self, window: str, button: str) -> None:
        self._do("press", window=window, button=button)

    def photograph(self, window: str, path: Path) -> None:
        """Save a picture of a window, or with "" of the main one, as PNG."""
        self._do("photograph", window=window, path=str(path))

    # The collection and its sync

    def add_note(self, front: str, back: str) -> None:
        self._do("add_note", front=front, back=back)

    def fronts(self) -> list[str]:
        """Return the first fields of all notes."""
        found: list[str] = self._do("fronts")
        return found

    def add_media(self, name: str, text: str) -> None:
        self._do("add_media", name=name, text=text)

    def media(self) -> list[str]:
        names: list[str] = self._do("media")
        return names

    def profile(self) -> dict[str, Any]:
        """Return what Anki keeps about the sync: customSyncUrl, syncUser, syncKey."""
        kept: dict[str, Any] = self._do("profile")
        return kept

    def press_sync(self) -> None:
        self._do("press_sync")

    def wait_for_sync(self) -> None:
        self.wait_until(lambda: not self._do("is_syncing"), "the sync does not end")

    def _profile_is_open(self) -> bool:
        opened: bool = self._do("profile_is_open")
        return opened

    def _do(self, command: str, **arguments: object) -> Any:
        """Have one command done and return its answer."""
        print(json.dumps({"do": command, **arguments}), file=self._stream, flush=True)
        line = self._stream.readline()
        assert line, f"Anki ended during {command}:\n{self.log()}"
        reply = json.loads(line)
        assert "error" not in reply, f"{command} {arguments}:\n{reply['error']}"
        return reply["answer"]


def _environment(display: VirtualDisplay) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SYNC")}
    return {
        **kept,
        "DISPLAY": display.name,
        "QT_QPA_PLATFORM": "xcb",
        # Chromium refuses to start its sandbox for root, who runs the tests in containers.
        "QTWEBENGINE_DISABLE_SANDBOX": "1",
        "QTWEBENGINE_CHROMIUM_FLAGS": "--disable-gpu --no-sandbox",
        "LIBGL_ALWAYS_SOFTWARE": "1",
    }
