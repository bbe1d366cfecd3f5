"""The lease: exactly one thread at a time owns a user's collection, and nobody waits for others.

Each user has a slot. A thread that works on the collection holds the slot's lease for the length
of one request. A sync spans several requests: between them the slot stays *reserved* for the
device that began it, with the transaction open. Whoever else wants the collection waits a bounded
time, takes a silent sync over, or gets a SyncConflict; the one taken over is rolled back and gets
a SyncConflict at its next request. Slots share no lock, so users never wait for each other.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final

import structlog

from syncserver import events, metrics
from syncserver.collections.committed import CommittedState
from syncserver.collections.damage import Damage, confirm
from syncserver.collections.folders import UserFolder
from syncserver.collections.libanki import LibankiCollection
from syncserver.collections.libanki_errors import CollectionDamaged
from syncserver.collections.slot import Caller, OnSyncEnd, Reservation, Slot
from syncserver.errors import SyncConflict, SyncServerError
from syncserver.settings import Settings
from syncserver.sync_record import Outcome

REMEMBERED_META_ANSWERS: Final = 32  # of one user; each is two small strings and a number

log = structlog.get_logger()


class Lease:
    """The right to use one user's collection until the `with` block that gave it ends."""

    def __init__(self, slot: Slot) -> None:
        self._slot = slot

    @property
    def folder(self) -> UserFolder:
        """Where the user's files lie."""
        return self._slot.folder

    @property
    def collection(self) -> LibankiCollection:
        """The user's open collection."""
        return self._slot.open()

    @property
    def committed(self) -> CommittedState:
        """The head of the collection as of the last commit."""
        self._slot.open()
        assert self._slot.committed is not None  # noqa: S101 - open() has just set it
        return self._slot.committed

    @property
    def sync_state(self) -> object:
        """What `reserve` was given; None outside a sync."""
        return self._slot.reservation.state if self._slot.reservation else None

    def reserve(self, caller: Caller, state: object) -> None:
        """Keep the collection and its open transaction for `caller` beyond this lease."""
        now = time.monotonic()
        self._slot.reservation = Reservation(caller, state, begun=now, last_heard=now)
        metrics.SYNCS_STARTED.inc()

    def end_sync(self, committed: CommittedState) -> None:
        """Give the reservation up after a commit, which has made this the head."""
        self._slot.end_sync(Outcome.FINISHED)
        self._slot.committed = committed

    def drop_sync(self, outcome: Outcome, reason: str = "") -> None:
        """Roll the sync back; the file is closed, so that no cache of libanki is stale."""
        self._slot.close(outcome, reason)

    def note_commit(self, committed: CommittedState) -> None:
        """Tell what the head of the collection is after a commit outside of a sync."""
        self._slot.committed = committed

    def speak(self, language: str) -> None:
        """Have libanki speak another language from now on, until the server ends."""
        self._slot.language = language
        self.close_collection()

    def close_collection(self) -> None:
        """Close the file, as a replacement or a fresh set of libanki's caches needs."""
        self._slot.close()

    def close_file(self) -> None:
        """Close the file and undo the transaction, in a sync that goes on with another one."""
        self._slot.close_file()

    def forget_committed(self) -> None:
        """Read the head afresh at the next use, because the file was replaced."""
        self._slot.committed = None
        self._slot.damage = None

    @property
    def is_damaged(self) -> bool:
        """Whether the collection was found to be damaged."""
        return self._slot.damage is not None and self._slot.damage.is_certain

    def note_damage(self, problem: str) -> None:
        """Remember that something complained; `meta` makes certain before it tells anybody."""
        self._slot.damage = Damage(problem)

    def schema_told(self, caller: Caller) -> int | None:
        """Return the schema time (ms) that `caller` was told at `meta`, None if it was not."""
        return self._slot.told_schema.get(caller)


class Collections:
    """The slots of all users of one data root."""

    def __init__(self, settings: Settings, on_sync_end: OnSyncEnd | None = None) -> None:
        self._settings = settings
        self._on_sync_end = on_sync_end or (lambda *_end: None)
        self._users_folder: Path = settings.users_folder
        self._slots: dict[str, Slot] = {}
        self._slots_lock = threading.Lock()

    def committed(self, folder: str, told_to: Caller | None = None) -> CommittedState:
        """Return the committed head at once, also while a sync or a long request is in progress.

        It is remembered what `told_to` was told. Raises SyncConflict only when the file was not
        open and could not be opened for `sync_wait` seconds, CollectionDamaged.
        """
        slot = self._slot(folder)
        if slot.damage is not None:
            self._check_damage(slot, slot.damage)
        committed = slot.committed
        if committed is None:
            with self.lease(folder) as lease:
                committed = lease.committed
        if told_to is not None:
            with slot.condition:
                slot.told_schema[told_to] = committed.schema_modified
                slot.told_schema.move_to_end(told_to)
                while len(slot.told_schema) > REMEMBERED_META_ANSWERS:
                    slot.told_schema.popitem(last=False)
        return committed

    def _check_damage(self, slot: Slot, damage: Damage) -> None:
        if damage.is_certain:
            raise CollectionDamaged(damage.problem)
        with self.lease(slot.folder.path.name) as lease:
            problem = confirm(lease.collection)
            slot.damage = None if problem is None else Damage(problem, is_certain=True)
            if problem is not None:
                raise CollectionDamaged(problem)

    @contextmanager
    def lease(self, folder: str, caller: Caller | None = None) -> Iterator[Lease]:
        """Own the collection, after the sync in progress has ended, was silent or was `caller`'s.

        Waits at most `sync_wait` seconds, then raises SyncConflict. If the block raises, whatever
        it did in a transaction is rolled back.
        """
        slot = self._slot(folder)
        self._wait_until(slot, lambda: self._may_take(slot, caller), self._settings.sync_wait)
        with Owned(slot) as lease:
            if slot.reservation is not None:
                log.warning(events.SYNC_TAKEN_OVER, from_key=slot.reservation.caller.key_id)
                slot.close(Outcome.TAKEN_OVER)
            yield lease

    @contextmanager
    def borrow(self, folder: str) -> Iterator[Lease]:
        """Own the collection between two syncs; a sync in progress is never taken over.

        A program that asks every second would otherwise undo each sync of a slow device. Waits at
        most `api_wait` seconds, then raises SyncConflict. If the block raises, the file is closed.
        """
        slot = self._slot(folder)
        self._wait_until(slot, lambda: slot.reservation is None, self._settings.api_wait)
        with Owned(slot) as lease:
            yield lease

    def resume(self, folder: str, caller: Caller) -> "Owned":
        """Own the collection in the middle of `caller`'s sync, for a `with` block.

        Raises SyncConflict at once when it is not `caller`'s sync that is in progress. If the
        block raises, the whole sync is rolled back.
        """
        slot = self._slot(folder)
        deadline = time.monotonic() + self._settings.sync_wait
        with slot.condition:
            while True:
                reservation = slot.reservation
                if reservation is None or reservation.caller != caller:
                    raise SyncConflict("This sync is over, or another one has taken its place.")
                if not slot.busy:
                    break
                _wait(slot, deadline)
            slot.occupy()
        return Owned(slot)

    def remove(self, folder: str) -> None:
        """Remove a user's folder, whatever is going on in it. Raises SyncConflict if too busy."""
        slot = self._slot(folder)
        self._wait_until(slot, lambda: True, self._settings.sync_wait)
        with Owned(slot) as lease:
            lease.close_collection()
            slot.committed = None
            slot.folder.remove()
            # Not before: what could not be removed is tried again.
            slot.removed = True
        with self._slots_lock:
            self._slots.pop(folder, None)

    def tidy(self) -> int:
        """Roll silent syncs back, close idle collections and those beyond the limit.

        What the others have read of their files and do not use is forgotten. Returns how many
        collections have given memory back. Never waits for a slot that is in use.
        """
        closed = sum(self._close_if(slot, self._is_overdue) for slot in self.slots())
        closed += self._close_beyond_limit()
        return closed + sum(slot.forget_unused_pages() for slot in self.slots())

    def close(self, wait_seconds: float) -> None:
        """Roll every unfinished sync back and close every collection, for the server's end."""
        deadline = time.monotonic() + wait_seconds
        for slot in self.slots():
            with slot.condition:
                while slot.busy and time.monotonic() < deadline:
                    slot.condition.wait(timeout=max(0.0, deadline - time.monotonic()))
                if not slot.busy:
                    slot.close(Outcome.STOPPED)

    def _slot(self, folder: str) -> Slot:
        with self._slots_lock:
            slot = self._slots.get(folder)
            if slot is None:
                user_folder = UserFolder(self._users_folder / folder)
                slot = self._slots[folder] = Slot(user_folder, self._on_sync_end)
            return slot

    def slots(self) -> list[Slot]:
        """Return all slots, to look at."""
        with self._slots_lock:
            return list(self._slots.values())

    def _wait_until(self, slot: Slot, free: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        with slot.condition:
            while slot.busy or not free():
                _wait(slot, deadline, at_most=self._until_silent(slot))
            if slot.removed:
                raise SyncConflict("This collection was removed.")
            slot.occupy()

    def _may_take(self, slot: Slot, caller: Caller | None) -> bool:
        reservation = slot.reservation
        if reservation is None:
            return True
        if caller is not None and reservation.caller.key_id == caller.key_id:
            return True  # the same device trying again
        return time.monotonic() - reservation.last_heard >= self._settings.takeover_after

    def _until_silent(self, slot: Slot) -> float | None:
        """Return the seconds until the sync in progress may be taken over, if that is to come."""
        if slot.busy or slot.reservation is None:
            return None
        silent = time.monotonic() - slot.reservation.last_heard
        left = self._settings.takeover_after - silent
        return left if left > 0 else None

    def _close_if(self, slot: Slot, due: Callable[[Slot], bool]) -> bool:
        """Close a slot that nobody uses and that is `due`; return whether it was."""
        with slot.condition:
            # Asked only now: until this moment a sync may have begun.
            if slot.busy or not due(slot):
                return False
            slot.occupy()
        with Owned(slot):
            if slot.reservation is not None:
                log.warning(events.SYNC_TIMED_OUT, folder=slot.folder.path.name)
            slot.close(Outcome.TIMED_OUT)
            slot.committed = None
        return True

    def _is_overdue(self, slot: Slot) -> bool:
        now = time.monotonic()
        if slot.reservation is not None:
            return now - slot.reservation.last_heard >= self._settings.sync_timeout
        return slot.is_idle and now - slot.last_used >= self._settings.idle_close

    def _close_beyond_limit(self) -> int:
        idle = [slot for slot in self.slots() if slot.is_idle]
        idle.sort(key=lambda slot: slot.last_used)
        too_many = idle[: max(0, len(idle) - self._settings.max_open_collections)]
        return sum(self._close_if(slot, lambda slot: slot.is_idle) for slot in too_many)


class Owned:
    """A `with` block that has the busy slot, sets it free afterwards, and rolls back if it raises.

    A class, because each request of a sync runs through it, and a generator takes twice as long.
    """

    __slots__ = ("_slot",)

    def __init__(self, slot: Slot) -> None:
        self._slot = slot

    def __enter__(self) -> Lease:
        return Lease(self._slot)

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        problem: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        try:
            if problem is not None:
                self._undo(problem)
        finally:
            self._set_free()

    def _undo(self, problem: BaseException) -> None:
        slot = self._slot
        if isinstance(problem, CollectionDamaged) and slot.damage is None:
            slot.damage = Damage(str(problem))
        slot.close(reason=str(problem) if isinstance(problem, SyncServerError) else "")

    def _set_free(self) -> None:
        slot = self._slot
        with slot.condition:
            slot.busy = False
            slot.last_used = time.monotonic()
            if slot.reservation is not None:
                slot.reservation.last_heard = slot.last_used
            slot.condition.notify_all()


def _wait(slot: Slot, deadline: float, at_most: float | None = None) -> None:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise SyncConflict("Another device is syncing; try again when it has finished.")
    slot.condition.wait(remaining if at_most is None else min(remaining, at_most + 0.01))
