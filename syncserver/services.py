"""What one process holds for one data root: accounts, collections, and the housekeeping thread."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

import structlog

from syncserver import audit, events, metrics
from syncserver.accounts.api_tokens import ApiTokens
from syncserver.accounts.database import check_reachable, migrate, open_database
from syncserver.accounts.host_keys import HostKeys
from syncserver.accounts.login import Login
from syncserver.accounts.login_throttle import LoginThrottle
from syncserver.accounts.passwords import Passwords
from syncserver.accounts.sync_journal import SyncJournal
from syncserver.accounts.users import User, Users
from syncserver.backups.offsite import open_offsite
from syncserver.backups.service import RestorePoints
from syncserver.chores import Chore, Chores, do_for_each, succeeds
from syncserver.collections import data_root_lock
from syncserver.collections.folders import PRIVATE_FOLDER_MODE, UserFolder, remove_stray_files
from syncserver.collections.lease import Collections
from syncserver.collections.slot import Reservation
from syncserver.errors import SyncConflict
from syncserver.free_memory import return_free_memory
from syncserver.jobs import Jobs
from syncserver.limits.admission import Admission
from syncserver.limits.reminders import Reminders
from syncserver.maintenance import Maintenance
from syncserver.media.batch import drop_stray_batches
from syncserver.media.folders import MediaFolder
from syncserver.media.library import Libraries
from syncserver.media.open_syncs import OpenMediaSyncs
from syncserver.media.trash import empty_trash
from syncserver.settings import Settings, SettingsError
from syncserver.sync.session import SyncSession
from syncserver.sync_record import Kind, Outcome, just_ended

HOUSEKEEPING_SECONDS: Final = 1.0
FLUSH_SECONDS: Final = 5.0
FIRST_CLEANING_SECONDS: Final = 300.0
CLEANING_SECONDS: Final = 6 * 3600.0
CLOSE_WAIT_SECONDS: Final = 10.0

log = structlog.get_logger()


class Companion(Protocol):
    """Something that lives as long as the services do."""

    def start(self) -> None:
        """Begin."""
        ...

    def close(self) -> None:
        """End."""
        ...


class Services:
    """Everything that the apps of one data root share."""

    def __init__(self, settings: Settings) -> None:
        """Prepare; nothing is opened before `start`, so that a process may fork in between."""
        self.settings = settings
        self._engine = open_database(settings.accounts_url)
        self.users = Users(self._engine, Passwords(settings))
        self.host_keys = HostKeys(self._engine, settings.host_keys_per_user)
        self.api_tokens = ApiTokens(self._engine)
        self.login = Login(self.users, self.host_keys, LoginThrottle(settings))
        self.journal = SyncJournal(self._engine, settings.journal_days)
        self.collections = Collections(settings, self._sync_ended)
        self.media = Libraries(settings)
        self.restore_points = RestorePoints(
            settings, self.collections, self.media, open_offsite(settings)
        )
        self.media_syncs = OpenMediaSyncs(self.journal.note)
        self.jobs = Jobs()
        self.admission = Admission(settings)
        self.reminders = Reminders()
        self.maintenance = Maintenance(settings.data_root)
        self._lock = threading.Lock()
        self._companions: dict[str, Companion] = {}
        self._running = threading.Event()
        self._stopping = threading.Event()
        self._housekeeper: threading.Thread | None = None
        # What a command of the control script writes that runs these services for a while.
        self._former_trail: Path | None = None

    def accompany(self, name: str, make: Callable[["Services"], Companion]) -> None:
        """Start and stop something else together with the services, once for each name."""
        with self._lock:
            if name not in self._companions:
                self._companions[name] = make(self)

    def start(self) -> None:
        """Own the data root, bring the accounts up to date, start housekeeping. Idempotent.

        Raises DataRootInUse, SettingsError.
        """
        if self._running.is_set():
            return
        with self._lock:
            if self._running.is_set():
                return
            prepare_data_root(self.settings.data_root)
            data_root_lock.acquire(self.settings.data_root)
            remove_stray_files(self.settings.users_folder)
            drop_stray_batches(self.settings.users_folder)
            self._former_trail = audit.use(self.settings.audit_path)
            migrate(self._engine)
            self._housekeeper = threading.Thread(
                target=self._keep_house, name="housekeeping", daemon=True
            )
            self._housekeeper.start()
            threading.Thread(target=self._clean_media, name="media cleaner", daemon=True).start()
            for companion in self._companions.values():
                companion.start()
            self._running.set()

    def close(self) -> None:
        """Roll unfinished syncs back, close collections, store when keys were used. Idempotent."""
        with self._lock:
            if not self._running.is_set():
                return
            self._running.clear()
            self._stopping.set()
            for companion in self._companions.values():
                companion.close()
            if self._housekeeper is not None:
                self._housekeeper.join(CLOSE_WAIT_SECONDS)
            self.collections.close(CLOSE_WAIT_SECONDS)
            self.media.close(CLOSE_WAIT_SECONDS)
            self.media_syncs.close()
            for flush in self._flushes:
                succeeds(flush)
            self._engine.dispose()
            audit.use(self._former_trail)

    def settings_of(self, user: User) -> Settings:
        """Return the settings as they are for one user."""
        return user.limits.applied_to(self.settings)

    def check_accounts(self) -> None:
        """Raise ServerBusy unless the account database answers."""
        check_reachable(self._engine)

    def _keep_house(self) -> None:
        each_round = Chores(
            self.maintenance.notice,  # logs when it begins and ends
            self._close_idle_collections,
            self.media.tidy,
            self._end_silent_media_syncs,
            self.jobs.tidy,
            self._purge_removed_users,
        )
        flushes = Chores(*self._flushes)
        next_flush = time.monotonic() + FLUSH_SECONDS
        while not self._stopping.wait(HOUSEKEEPING_SECONDS):
            each_round.do()
            if time.monotonic() >= next_flush:
                next_flush = time.monotonic() + FLUSH_SECONDS
                flushes.do()

    def _close_idle_collections(self) -> None:
        if self.collections.tidy():
            return_free_memory()

    def _end_silent_media_syncs(self) -> None:
        self.media_syncs.tidy(self.settings.sync_timeout)

    @property
    def _flushes(self) -> tuple[Chore, ...]:
        return (self.host_keys.flush_uses, self.api_tokens.flush_uses, self.journal.flush)

    def _sync_ended(self, sync: Reservation, outcome: Outcome, reason: str) -> None:
        """Count the conflicts of a sync that is over, and write it into its user's journal."""
        if not isinstance(sync.state, SyncSession):
            return
        tally = sync.state.tally
        if outcome is Outcome.FINISHED and (tally.won_by_client or tally.won_by_server):
            metrics.CONFLICTS["client"].inc(tally.won_by_client.total())
            metrics.CONFLICTS["server"].inc(tally.won_by_server.total())
        who = sync.caller.who
        self.journal.note(just_ended(who, Kind.SYNC, outcome, sync.begun, tally, reason))

    def _clean_media(self) -> None:
        cleaning = Chores(
            self.journal.forget_old, self._empty_media_trash, self.media.store.remove_unused
        )
        if self.settings.share_media:
            self.media.store.prepare()
        wait_seconds = FIRST_CLEANING_SECONDS
        while not self._stopping.wait(wait_seconds):
            wait_seconds = CLEANING_SECONDS
            cleaning.do()

    def _empty_media_trash(self) -> None:
        do_for_each(self.settings.users_folder.iterdir(), self._empty_trash_in)

    def _empty_trash_in(self, folder: Path) -> None:
        emptied = empty_trash(MediaFolder(UserFolder(folder)), self.settings.media_trash_days)
        if emptied:
            log.info(events.MEDIA_TRASH_EMPTIED, folder=folder.name, changes=emptied)

    def _purge_removed_users(self) -> None:
        do_for_each(self.users.pending_purges(), self._purge)

    def _purge(self, folder: str) -> None:
        with suppress(SyncConflict):  # still in use; the next round tries again
            self.media.forget(folder, CLOSE_WAIT_SECONDS)
            self.collections.remove(folder)
            self.users.purge_done(folder)
            log.info(events.USER_PURGED, folder=folder)


_of_data_root: dict[Path, Services] = {}
_of_data_root_lock = threading.Lock()


def services_for(settings: Settings) -> Services:
    """Return the services of the settings' data root, the same for all apps of this process.

    Raises SettingsError when two apps name the same data root with different settings.
    """
    with _of_data_root_lock:
        services = _of_data_root.get(settings.data_root)
        if services is None:
            services = _of_data_root[settings.data_root] = Services(settings)
        elif services.settings != settings:
            raise SettingsError(f"two apps use {settings.data_root} with different settings")
        return services


def prepare_data_root(data_root: Path) -> None:
    """Make the data root, readable by its owner alone. Raises SettingsError if it is unusable."""
    try:
        data_root.mkdir(mode=PRIVATE_FOLDER_MODE, parents=True, exist_ok=True)
        (data_root / "users").mkdir(mode=PRIVATE_FOLDER_MODE, exist_ok=True)
    except OSError as problem:
        raise SettingsError(f"data_root: {data_root}: {problem.strerror}") from None
