"""What people do with the media of a device, and how its folder compares with other sides."""

import hashlib
import os
import time
from collections.abc import Iterable, Sequence
from itertools import count
from pathlib import Path

from tests.support.accounts import Account, SyncTarget
from tests.support.device import NO_CHANGES, Device

# How long a media sync may take before a test gives up; only a failing one waits for it.
PATIENCE = 120.0
# A client finds a changed file by its time in whole seconds; each write here has one of its own.
_write_times = count(1_600_000_000)

# File name -> SHA-1 of the content as hex.
Hashes = dict[str, str]


def media_folder(device: Device) -> Path:
    """Return the folder in which the device keeps its media."""
    return Path(device.col.media.dir())


def write_media(device: Device, name: str, content: bytes) -> None:
    """Add or replace a file, as a person or another program does."""
    path = media_folder(device) / name
    path.unlink(missing_ok=True)
    path.write_bytes(content)
    written = next(_write_times)
    os.utime(path, (written, written))


def delete_media(device: Device, *names: str) -> None:
    """Delete files."""
    for name in names:
        (media_folder(device) / name).unlink()


def sync_media(device: Device) -> None:
    """Sync media alone, which begins with `begin`. Raises what the client would show."""
    start_media_sync(device)
    wait_for_media(device)


def start_media_sync(device: Device) -> None:
    """Begin a media sync in the background."""
    assert device.auth is not None, "this device is not logged in"
    device.col.sync_media(device.auth)


def sync_everything(device: Device) -> None:
    """Sync as the button does: the collection, whose `meta` tells the media usn, then media."""
    assert device.auth is not None
    answer = device.col.sync_collection(device.auth, sync_media=True)
    assert answer.required == NO_CHANGES
    wait_for_media(device)


def wait_for_media(device: Device) -> None:
    """Return when the media sync in the background has ended. Raises what the client would show."""
    deadline = time.monotonic() + PATIENCE
    while device.col.media_sync_status().active:
        assert time.monotonic() < deadline, "the media sync does not end"
        time.sleep(0.02)


def bring_media_into_step(*devices: Device) -> None:
    """Sync each device twice, so that the first one also gets what the last one had."""
    for device in (*devices, *devices):
        sync_media(device)


def refer_to_media(device: Device, names: Iterable[str]) -> None:
    """Add a note that shows these files, so that the client counts none of them as unused."""
    device.add_note("".join(f"[sound:{name}]" for name in names), "")


def media_of(device: Device) -> Hashes:
    """Return the files of a device."""
    return hashes_in(media_folder(device))


def stored_media(target: SyncTarget, account: Account) -> Hashes | None:
    """Return the files on the server; None when they are out of reach."""
    collection = target.stored_collection(account)
    return None if collection is None else hashes_in(collection.parent / "media")


def hashes_in(folder: Path) -> Hashes:
    """Return the files of a folder."""
    return {path.name: sha1(path.read_bytes()) for path in folder.iterdir()}


def sha1(content: bytes) -> str:
    """Return the SHA-1 of some bytes as hex."""
    return hashlib.sha1(content).hexdigest()


def assert_media_agree(
    target: SyncTarget, account: Account, expected: Hashes, *devices: Device
) -> None:
    """Sync the devices until nothing is left to say, then compare all sides with `expected`."""
    bring_media_into_step(*devices)
    for device in devices:
        assert media_of(device) == expected
        assert not problems_of_media(device)
    stored = stored_media(target, account)
    assert stored is None or stored == expected


def problems_of_media(device: Device) -> Sequence[str]:
    """Return the files that the client's own 'Check media' misses.

    It would also tell of unused files, and of a trash: files that were deleted on another device.
    """
    return list(device.col.media.check().missing)
