"""What a desktop and another device of the same account do to meet on the server."""

from pathlib import Path

from tests.support.accounts import Account
from tests.support.desktop import Desktop
from tests.support.device import FULL_DOWNLOAD, Device
from tests.support.media_device import media_folder, sync_everything, sync_media, write_media


def log_in_when_asked(desktop: Desktop, account: Account) -> None:
    """Answer the window in which Anki asks for name and password after a click on Sync."""
    desktop.wait_until(desktop.windows, "nobody asks for name and password")
    [window] = desktop.windows()
    assert "Password" in desktop.windows()[window]
    desktop.fill(window, account.name, account.password)
    desktop.press(window, "OK")


def first_sync(desktop: Desktop, device: Device) -> None:
    """Wait until an upload of the desktop is there, with its media, and download it."""
    desktop.wait_until(lambda: device.sync() == FULL_DOWNLOAD, "nothing was uploaded")
    desktop.wait_for_sync()
    device.download()


def assert_both_ways(desktop: Desktop, device: Device) -> None:
    """Change cards and media on both sides, sync, and see everything arrive."""
    device.add_note("from the other device", "with media")
    write_media(device, "other device.txt", b"from the other device")
    sync_everything(device)
    desktop.add_note("from the desktop", "with media")
    desktop.add_media("desktop.txt", "from the desktop")

    desktop.press_sync()
    desktop.wait_until(lambda: "from the other device" in desktop.fronts(), "no card arrived")
    desktop.wait_until(lambda: "other device.txt" in desktop.media(), "no media arrived")
    desktop.wait_for_sync()

    sync_everything(device)
    assert device.col.find_notes('"front:from the desktop"')
    assert read(media_folder(device) / "desktop.txt") == "from the desktop"


def assert_media_reach(desktop: Desktop, device: Device, name: str) -> None:
    """See a file of the desktop's first sync arrive."""

    def has_arrived() -> bool:
        sync_media(device)
        return (media_folder(device) / name).exists()

    desktop.wait_until(has_arrived, f"{name} did not arrive")


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
