"""The add-on for old clients in real desktop programs before 2.1.57: cards and media reach us."""

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
from tests.support.old_anki import NEW_DESKTOPS, OLD_DESKTOPS
from tests.support.our_server import OurServer

ADDON = "old_clients"
NAME = "Self-hosted sync server for Anki before 2.1.57"
# The title of Anki's messages.
ANKI = "Anki"

pytestmark = pytest.mark.slow


@pytest.fixture(params=OLD_DESKTOPS, ids=lambda anki: anki.version)
def desktop(
    request: pytest.FixtureRequest, start_desktop: StartDesktop, packages: dict[str, Path]
) -> Desktop:
    """An old Anki in which the add-on has just been installed."""
    desktop = start_desktop(request.param)
    desktop.install(packages[ADDON])
    assert desktop.addons() == {ADDON: NAME}
    return desktop


def close_message(desktop: Desktop, text: str) -> None:
    """Wait for a message with this text, and close it."""
    desktop.wait_until(lambda: text in desktop.windows().get(ANKI, ""), f"nobody says {text!r}")
    desktop.press(ANKI, "OK")
    desktop.wait_until(lambda: ANKI not in desktop.windows(), "the message stays")


def test_cards_and_media_of_an_old_desktop_sync_with_the_configured_server(
    desktop: Desktop, ours: OurServer, account: Account, new_device: NewDevice
) -> None:
    close_message(desktop, "does not know your server yet")
    desktop.configure(ADDON, {"address": ours.url})
    desktop.add_note("the first", "note")
    desktop.add_media("first.txt", "the first file")
    desktop.press_sync()
    log_in_when_asked(desktop, account)

    newest = new_device("newest")
    first_sync(desktop, newest)
    assert newest.col.find_notes('"front:the first"')
    assert_media_reach(desktop, newest, "first.txt")
    assert_both_ways(desktop, newest)

    desktop.restart()
    assert ANKI not in desktop.windows()
    desktop.add_note("after a restart", "note")
    desktop.press_sync()
    desktop.wait_until(
        lambda: not newest.sync() and newest.col.find_notes('"front:after a restart"'),
        "the address was forgotten",
    )


def test_an_address_that_cannot_be_one_is_explained(desktop: Desktop) -> None:
    close_message(desktop, "does not know your server yet")
    desktop.configure(ADDON, {"address": "192.168.1.20:8080"})
    close_message(desktop, "must begin with http:// or https://")


def test_an_anki_that_needs_no_add_on_says_what_to_do_instead(
    start_desktop: StartDesktop, packages: dict[str, Path]
) -> None:
    desktop = start_desktop(NEW_DESKTOPS[0])
    desktop.install(packages[ADDON])
    close_message(desktop, "Preferences → Syncing → Self-hosted sync server")
