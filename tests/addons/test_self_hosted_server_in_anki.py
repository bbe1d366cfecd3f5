"""The window for the server's address in real desktop programs from 2.1.57 on."""

from pathlib import Path

import pytest

from tests.addons.conftest import StartDesktop
from tests.conftest import NewDevice
from tests.support.accounts import Account
from tests.support.desktop import Desktop
from tests.support.desktop_sync import (
    assert_both_ways,
    assert_media_reach,
    first_sync,
    log_in_when_asked,
)
from tests.support.old_anki import NEW_DESKTOPS
from tests.support.our_server import OurServer
from tests.support.processes import free_port

ADDON = "self_hosted_server"
ENTRY = "Self-hosted sync server…"
WINDOW = "Self-hosted sync server"
# The title of Anki's questions.
ANKI = "Anki"
TESTING = "Testing…"

pytestmark = pytest.mark.slow


@pytest.fixture(params=NEW_DESKTOPS, ids=lambda anki: anki.version)
def desktop(
    request: pytest.FixtureRequest, start_desktop: StartDesktop, packages: dict[str, Path]
) -> Desktop:
    """An Anki in which the add-on has just been installed, and its window opened."""
    desktop = start_desktop(request.param)
    desktop.install(packages[ADDON])
    assert desktop.addons() == {ADDON: "Self-hosted sync server: set up and test"}
    open_window(desktop)
    return desktop


def open_window(desktop: Desktop) -> None:
    desktop.choose(ENTRY)
    desktop.wait_until(lambda: WINDOW in desktop.windows(), "the window does not open")


def result_of_pressing(desktop: Desktop, button: str) -> str:
    """Press a button that tests, and return what the window then says."""
    desktop.press(WINDOW, button)
    return result(desktop)


def result(desktop: Desktop) -> str:
    desktop.wait_until(
        lambda: "Test" in desktop.buttons(WINDOW) and TESTING not in desktop.windows()[WINDOW],
        "the test does not end",
    )
    return desktop.windows()[WINDOW]


def save(desktop: Desktop) -> None:
    desktop.press(WINDOW, "Save")
    desktop.wait_until(lambda: WINDOW not in desktop.windows(), "the window stays open")


def test_what_is_wrong_is_said_in_plain_words(
    desktop: Desktop, ours: OurServer, account: Account, tmp_path: Path
) -> None:
    desktop.enter(WINDOW, Address=f"http://127.0.0.1:{free_port()}/")
    assert "nothing accepts connections on its port" in result_of_pressing(desktop, "Test")

    desktop.enter(WINDOW, Address=f"{ours.url}msync/")
    assert "ends in “msync”" in result_of_pressing(desktop, "Test")

    desktop.enter(WINDOW, Address=f"127.0.0.1:{ours.port}")
    assert "The beginning of the address is missing" in result_of_pressing(desktop, "Test")
    better = result_of_pressing(desktop, f"Use http://127.0.0.1:{ours.port}")
    assert "The server can be reached" in better
    assert "The login was not tested" in better

    desktop.enter(WINDOW, Name=account.name, Password="wrong")
    said = result_of_pressing(desktop, "Test")
    assert "The clocks of the server and of this computer agree" in said
    assert "does not accept this name and password" in said
    picture = tmp_path / "window.png"
    desktop.photograph(WINDOW, picture)
    assert picture.stat().st_size > 5000


def test_nothing_that_is_wrong_is_saved(
    desktop: Desktop, ours: OurServer, account: Account
) -> None:
    desktop.enter(WINDOW, Address=f"127.0.0.1:{ours.port}")
    assert "The beginning of the address is missing" in result_of_pressing(desktop, "Save")
    desktop.enter(WINDOW, Address=ours.url, Name=account.name, Password="wrong")
    said = result_of_pressing(desktop, "Save")
    assert "does not accept this name and password" in said
    assert "Nothing was saved" in said
    assert not any(desktop.profile().values())
    desktop.press(WINDOW, "Cancel")
    desktop.wait_until(lambda: WINDOW not in desktop.windows(), "the window stays open")
    assert not any(desktop.profile().values())


def test_cards_and_media_sync_with_a_tested_server(
    desktop: Desktop, ours: OurServer, account: Account, new_device: NewDevice
) -> None:
    desktop.enter(WINDOW, Address=ours.url, Name=account.name, Password=account.password)
    said = result_of_pressing(desktop, "Test")
    assert f"The login as “{account.name}” works." in said
    assert "All is well" in said
    save(desktop)
    desktop.add_note("the first", "note")
    desktop.add_media("first.txt", "the first file")
    desktop.press_sync()
    confirm_first_upload(desktop)

    newest = new_device("newest")
    first_sync(desktop, newest)
    assert newest.col.find_notes('"front:the first"')
    assert_media_reach(desktop, newest, "first.txt")
    assert_both_ways(desktop, newest)


def confirm_first_upload(desktop: Desktop) -> None:
    if desktop.anki.version != "2.1.66":  # which does not ask
        desktop.wait_until(lambda: ANKI in desktop.windows(), "nobody asks")
        desktop.press(ANKI, "Yes")


def test_saving_with_a_password_logs_in_and_keeps_no_password(
    desktop: Desktop, ours: OurServer, account: Account
) -> None:
    desktop.enter(WINDOW, Address=ours.url, Name=account.name, Password=account.password)
    save(desktop)
    saved = desktop.profile()
    assert saved["customSyncUrl"] == ours.url
    assert saved["syncUser"] == account.name
    assert saved["syncKey"]
    assert account.password not in saved.values()

    open_window(desktop)
    assert desktop.entered(WINDOW) == [ours.url, account.name, ""]
    desktop.enter(WINDOW, Address="")
    save(desktop)
    # The key of one server is not shown to another.
    assert not any(desktop.profile().values())


def test_anki_itself_asks_for_the_password_after_an_address_was_saved_alone(
    desktop: Desktop, ours: OurServer, account: Account
) -> None:
    desktop.enter(WINDOW, Address=ours.url)
    save(desktop)
    desktop.press_sync()
    log_in_when_asked(desktop, account)
    desktop.wait_until(lambda: desktop.profile()["syncKey"], "the login did not work")
    assert desktop.profile()["customSyncUrl"] == ours.url
