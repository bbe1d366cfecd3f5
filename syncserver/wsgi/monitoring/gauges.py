"""What is counted when somebody asks: users, open collections, backups, disk space."""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily

from syncserver import __version__
from syncserver.collections.folders import UserFolder
from syncserver.collections.overview import overview
from syncserver.collections.restore_points import RestorePoint, readable_points
from syncserver.errors import ServerBusy
from syncserver.metrics import REGISTRY
from syncserver.services import Services


class EverythingShown:
    """All metrics: the process's counters, and the gauges of one data root."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterator[Metric]:
        """Yield them; what needs the account database is left out while that is out of reach."""
        yield from REGISTRY.collect()
        yield InfoMetricFamily(
            "syncserver_build", "The version of this server.", {"version": __version__}
        )
        yield from _collections(self._services)
        yield from _disk(self._services)
        yield from _users(self._services)


def _collections(services: Services) -> Iterator[Metric]:
    seen = overview(services.collections)
    leases = [one.lease_seconds for one in seen if one.lease_seconds is not None]
    yield _gauge("collections_open", "Collections that are open.", sum(o.is_open for o in seen))
    yield _gauge(
        "syncs_in_progress", "Syncs between start and finish.", sum(1 for o in seen if o.sync)
    )
    yield _gauge("leases_held", "Collections that a request is working on.", len(leases))
    yield _gauge(
        "oldest_lease_seconds",
        "For how long the longest of these requests has been working.",
        max(leases, default=0.0),
    )


def _disk(services: Services) -> Iterator[Metric]:
    try:
        usage = shutil.disk_usage(services.settings.data_root)
    except OSError:
        return
    yield _gauge("data_root_free_bytes", "Free space on the disk of data_root.", usage.free)
    yield _gauge("data_root_size_bytes", "Size of the disk of data_root.", usage.total)


def _users(services: Services) -> Iterator[Metric]:
    try:
        services.check_accounts()
        users = services.users.all_users()
    except ServerBusy:
        users = None
    is_up = users is not None
    yield _gauge("account_database_up", "1 while the account database answers, else 0.", is_up)
    if users is None:
        return
    yield _gauge("users", "Users that have an account.", len(users))
    root = services.settings.users_folder
    folders = [UserFolder(root / user.folder) for user in users]
    yield from _backups({folder: readable_points(folder) for folder in folders})


def _backups(of_users: Mapping[UserFolder, Sequence[RestorePoint]]) -> Iterator[Metric]:
    in_use = [points for folder, points in of_users.items() if os.path.exists(folder.collection)]
    known = [points[-1].taken_at for points in in_use if points]
    yield _gauge("backups", "Backups of all users.", sum(map(len, of_users.values())))
    yield _gauge(
        "users_with_backup", "Users with a collection and at least one backup of it.", len(known)
    )
    yield _gauge(
        "users_without_backup", "Users with a collection and no backup.", len(in_use) - len(known)
    )
    if known:
        yield _moment(
            "backup_newest_timestamp_seconds", "When the newest backup was made.", max(known)
        )
        yield _moment(
            "backup_oldest_newest_timestamp_seconds",
            "When the newest backup was made of the user for whom that is longest ago.",
            min(known),
        )


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"syncserver_{name}", text, value=float(value))


def _moment(name: str, text: str, moment: datetime) -> Metric:
    return _gauge(name, text, moment.timestamp())
