"""Restore points beside people who sync: everybody succeeds, and every point is sound."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support.accounts import Account
from tests.support.backups import Keeper
from tests.support.device import FULL_UPLOAD, NO_CHANGES, Device
from tests.support.faults_server import WatchedServer

OPTIONS = {"snapshot_interval": 0, "snapshots_min_free": 0}
CLIENTS = 8
POINTS = 6
MOST_SYNCS = 200


class Class:
    """Eight devices of two users, which sync until there are enough restore points."""

    def __init__(self, server: WatchedServer, folder: Path) -> None:
        self.accounts = [server.new_account(), server.new_account()]
        self.taken: list[str] = []
        self._server = server
        self._folder = folder
        # Ids are milliseconds, in which people on two devices do not meet, but threads do.
        self._adding = threading.Lock()
        for account in self.accounts:
            device = self._device(account, f"first of {account.name}")
            device.add_note("first", "")
            assert device.sync() == FULL_UPLOAD
            device.upload()
            device.close()

    def study(self, number: int) -> int:
        """Sync one note after the other, and return how many."""
        device = self._device(self.accounts[number % 2], f"device {number}")
        device.download()
        for turn in range(MOST_SYNCS):
            with self._adding:
                device.add_note(f"device {number}, turn {turn}", "")
            assert device.sync() == NO_CHANGES
            if len(self.taken) >= POINTS and not _has_something_to_send(device):
                break
        device.close()
        return turn + 1

    def back_up(self, keeper: Keeper) -> None:
        """Take restore points of both users, one after the other."""
        while len(self.taken) < POINTS:
            results = keeper.must("backup", "--all", "--json").json.values()
            assert not any(result["problem"] for result in results), results
            self.taken += [one["snapshot"] for one in results if one["snapshot"]]

    def _device(self, account: Account, name: str) -> Device:
        return Device(self._folder / name).login(self._server.url, account)


def _has_something_to_send(device: Device) -> bool:
    """Tell whether the last note was left for the next sync.

    A client that adds it in the very millisecond in which another one's sync ends sees no change.
    """
    assert device.col.db is not None
    return bool(device.col.db.scalar("select count() from notes where usn = -1"))


def test_eight_clients_that_sync_all_succeed_while_points_are_taken(
    keeper: Keeper, server: WatchedServer, tmp_path: Path
) -> None:
    class_ = Class(server, tmp_path)
    with ThreadPoolExecutor(CLIENTS + 1) as executor:
        studying = [executor.submit(class_.study, number) for number in range(CLIENTS)]
        executor.submit(class_.back_up, keeper).result()
        synced = [one.result() for one in studying]
    assert server.events("snapshot_failed") == []
    assert server.events("sync_taken_over") == []
    for number, account in enumerate(class_.accounts):
        assert len(server.notes(account)) == 1 + sum(synced[number::2])
        points = keeper.points(account)
        assert points
        assert all(point["sound"] for point in points)
    assert keeper.ctl("restore-drill").exit_code == 0
