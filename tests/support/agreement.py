"""The end of every scenario: all sides hold the same, and none of them is damaged."""

from collections.abc import Sequence
from pathlib import Path

from anki.collection import Collection

from tests.support.accounts import Account, SyncTarget
from tests.support.contents import Contents, contents
from tests.support.device import NO_CHANGES, Device
from tests.support.raw_client import RawClient
from tests.support.stored_files import copy_of, read_tables


def assert_all_sides_agree(
    target: SyncTarget,
    account: Account,
    *devices: Device,
    folder: Path,
    apart_from: Sequence[str] = (),
) -> None:
    """Sync the devices until nothing is left to say, then compare all sides and check each one.

    The sides are the devices, a new device that downloads everything, and the server's own file
    where it can be reached. `folder` is for the new device and for the copy of the file;
    `apart_from` names the parts of `contents` that the protocol itself lets differ.
    """
    bring_into_step(*devices)
    _assert_the_server_is_where_the_last_device_is(target, account, devices[-1])
    newcomer = Device(folder / "newcomer").login(target.url, account)
    try:
        newcomer.download()
        expected = contents(newcomer.col)
        for device in devices:
            assert without(contents(device.col), apart_from) == without(expected, apart_from)
        for device in (*devices, newcomer):
            assert not device.check_database()
    finally:
        newcomer.close()
    stored = target.stored_collection(account)
    if stored is not None:
        _assert_the_stored_file_agrees(copy_of(stored, folder / "stored"), expected)


def without(everything: Contents, parts: Sequence[str]) -> Contents:
    """Return the contents without these parts."""
    return {part: rows for part, rows in everything.items() if part not in parts}


def bring_into_step(*devices: Device) -> None:
    """Sync each device twice, so that the first one also gets what the last one had."""
    for device in (*devices, *devices):
        assert device.sync() == NO_CHANGES


def _assert_the_server_is_where_the_last_device_is(
    target: SyncTarget, account: Account, device: Device
) -> None:
    meta = RawClient(target.url).login(account).expect("meta", {"v": 11, "cv": "test"})
    # If the stamp that `finish` answered were not the stored one, every sync would do needless work.
    assert [meta["mod"], meta["scm"], meta["usn"]] == device.db.first(
        "select mod, scm, usn from col"
    )


def _assert_the_stored_file_agrees(copy: Path, expected: Contents) -> None:
    for table, rows in read_tables(copy).items():
        # Devices upload their settings unstamped; they are always sent as a whole anyway.
        unstamped = [row for row in rows if row.get("usn", 0) < 0 and table != "config"]
        assert not unstamped, f"{table} holds rows that no device would be sent: {unstamped}"
    col = Collection(str(copy))
    try:
        assert contents(col) == expected
        assert col.db is not None
        assert col.db.scalar("pragma integrity_check") == "ok"
        report, clean = col.fix_integrity()
        assert clean, report
    finally:
        col.close()
