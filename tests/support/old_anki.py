"""Old versions of the `anki` package, each in a virtual environment of its own.

They are made when a test first needs them and kept in ~/.cache/syncserver-tests, or in the folder
that SYNCSERVER_TEST_VENVS names. All of them run on the Python that runs the tests.
"""

import fcntl
import functools
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER_VARIABLE: Final = "SYNCSERVER_TEST_VENVS"
DEFAULT_FOLDER: Final = Path("~/.cache/syncserver-tests")
INSTALL_TIMEOUT: Final = 240.0
# What uv says of a version that was never built for this kind of system.
NEVER_BUILT: Final = "no wheels with a matching"
# Lists what a finished environment was made from; it is written last.
FINISHED: Final = "requirements.txt"


@dataclass(frozen=True)
class OldAnki:
    """A version of `anki`, and what has to be installed beside it.

    `qt` makes it the desktop program: the extra of the package `aqt` that brings its windows.
    """

    version: str
    also: tuple[str, ...] = ()
    qt: str = ""

    @property
    def package(self) -> str:
        """The package that is asked for; `aqt` brings its `anki`."""
        return "aqt" if self.qt else "anki"

    @property
    def requirements(self) -> tuple[str, ...]:
        """What is installed for it."""
        wanted = f"aqt[{self.qt}]" if self.qt else "anki"
        return (f"{wanted}=={self.version}", *self.also)


# These versions do not work with today's protobuf, but do not say so.
OLD_PROTOBUF: Final = ("protobuf<3.21",)

# Up to 2.1.56 they send multipart forms, later ones the `anki-sync` header.
OLD_ANKIS: Final = (
    OldAnki("2.1.49", OLD_PROTOBUF),
    OldAnki("2.1.54", OLD_PROTOBUF),
    OldAnki("2.1.56"),
    OldAnki("2.1.66"),
    OldAnki("24.6.3"),
    OldAnki("25.9.5"),
)

# Desktop programs: before 2.1.57 they need an add-on to sync with a server of one's own.
OLD_DESKTOPS: Final = (
    OldAnki("2.1.49", OLD_PROTOBUF, qt="qt5"),
    OldAnki("2.1.54", OLD_PROTOBUF, qt="qt6"),
    OldAnki("2.1.56", qt="qt6"),
)
NEW_DESKTOPS: Final = (OldAnki("2.1.66", qt="qt6"), OldAnki("25.9.5", qt="qt"))


class NotInstallable(Exception):
    """A version cannot be had here; `never_built` if there is none for this kind of system."""

    def __init__(self, anki: OldAnki, problem: str) -> None:
        super().__init__(f"{anki.package} {anki.version} cannot be installed: {problem}")
        self.never_built = NEVER_BUILT in problem


def python_with(anki: OldAnki) -> Path:
    """Return the interpreter of the environment of a version. Raises NotInstallable."""
    made = _make(anki)
    if isinstance(made, NotInstallable):
        raise made
    return made


@functools.cache
def _make(anki: OldAnki) -> Path | NotInstallable:
    """Make the environment unless it exists; a failure is remembered and not tried again."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = cache_folder() / f"{anki.package}-{anki.version}-python-{python}"
    with _locked(folder.with_name(f"{folder.name}.lock")):
        try:
            if not _is_finished(anki, folder):
                _install(anki, folder)
        except NotInstallable as problem:
            return problem
    return _python_in(folder)


def _is_finished(anki: OldAnki, folder: Path) -> bool:
    finished = folder / FINISHED
    # The Python that it was made with may be gone.
    return (
        finished.exists()
        and finished.read_text(encoding="utf-8") == "\n".join(anki.requirements)
        and _python_in(folder).exists()
    )


def _install(anki: OldAnki, folder: Path) -> None:
    _uv(anki, "venv", "--clear", "--python", sys.executable, str(folder))
    _uv(anki, "pip", "install", "--python", str(_python_in(folder)), *anki.requirements)
    (folder / FINISHED).write_text("\n".join(anki.requirements), encoding="utf-8")


def _uv(anki: OldAnki, *arguments: str) -> None:
    command = [sys.executable, "-m", "uv", "--quiet", *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        raise NotInstallable(anki, f"nothing after {INSTALL_TIMEOUT:.0f} seconds") from None
    if done.returncode:
        # uv breaks its lines to the width of a terminal.
        raise NotInstallable(anki, " ".join(done.stderr.split()))


def _python_in(folder: Path) -> Path:
    return folder / "bin" / "python"


def cache_folder() -> Path:
    return Path(os.environ.get(FOLDER_VARIABLE) or DEFAULT_FOLDER).expanduser().absolute()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one process at a time make an environment: the tests may run in several."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
