"""The add-ons as people get them, and Anki's desktop program to install them in."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from addons.build import build
from tests.support.desktop import Desktop, check_windows_open
from tests.support.missing import cannot_be_tested
from tests.support.old_anki import NotInstallable, OldAnki
from tests.support.virtual_display import NoDisplay, VirtualDisplay

StartDesktop = Callable[[OldAnki], Desktop]


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The built files by the folders of their sources."""
    return {path.stem: path for path in build(tmp_path_factory.mktemp("dist"))}


@pytest.fixture(scope="session")
def display() -> Iterator[VirtualDisplay]:
    try:
        display = VirtualDisplay()
    except NoDisplay as missing:
        cannot_be_tested(missing)
    yield display
    display.stop()


@pytest.fixture
def start_desktop(display: VirtualDisplay, tmp_path: Path) -> Iterator[StartDesktop]:
    """Start an Anki for the first time, with nothing in it."""
    started: list[Desktop] = []

    def start(anki: OldAnki) -> Desktop:
        try:
            check_windows_open(anki, display)
        except NotInstallable as missing:
            cannot_be_tested(missing, nowhere=missing.never_built)
        except NoDisplay as missing:
            cannot_be_tested(missing)
        started.append(Desktop(anki, tmp_path / f"desktop {len(started)}", display))
        return started[-1]

    yield start
    for desktop in started:
        desktop.kill()
