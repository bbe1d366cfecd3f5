"""Media syncs in progress: what each device has sent and fetched so far, for the user's journal.

The protocol has no step that ends all of them: `mediaSanity` comes after a sync that went well, a
new `begin` after one that did not, and of some nothing is heard any more.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from syncserver.collections.slot import Caller
from syncserver.sync_record import Kind, Outcome, SyncRecord, Tally, just_ended


@dataclass(slots=True)
class OpenMediaSync:
    """A media sync in progress; `last_heard` is monotonic seconds."""

    caller: Caller
    tally: Tally = field(default_factory=Tally)
    begun: float = field(default_factory=time.monotonic)
    last_heard: float = field(default_factory=time.monotonic)

    @property
    def has_moved_something(self) -> bool:
        """Tell whether there is anything to write down."""
        return bool(self.tally.received or self.tally.sent)

    def record(self, outcome: Outcome, reason: str) -> SyncRecord:
        """Return what the journal keeps of it, now that it is over."""
        return just_ended(self.caller.who, Kind.MEDIA, outcome, self.begun, self.tally, reason)


class OpenMediaSyncs:
    """The media syncs in progress of all devices, one of each key; thread-safe."""

    def __init__(self, note: Callable[[SyncRecord], None]) -> None:
        """Hand what has ended to `note`, unless it only looked whether there is anything new."""
        self._note = note
        self._lock = threading.Lock()
        self._open: dict[int, OpenMediaSync] = {}

    def begin(self, caller: Caller) -> None:
        """Begin one, in the place of an earlier one of this device."""
        self.end(caller, Outcome.ABORTED)
        self.heard(caller)

    def heard(self, caller: Caller) -> Tally:
        """Return the tally of the device's media sync, which is alive."""
        with self._lock:
            sync = self._open.setdefault(caller.key_id, OpenMediaSync(caller))
            sync.last_heard = time.monotonic()
            return sync.tally

    def end(self, caller: Caller, outcome: Outcome, reason: str = "") -> None:
        """End the device's media sync, if there is one."""
        with self._lock:
            sync = self._open.pop(caller.key_id, None)
        if sync is not None and (sync.has_moved_something or reason):
            self._note(sync.record(outcome, reason))

    def open_now(self) -> list[OpenMediaSync]:
        """Return those in progress, to look at."""
        with self._lock:
            return list(self._open.values())

    def tidy(self, silent_seconds: float) -> None:
        """End those that have been silent for long."""
        oldest = time.monotonic() - silent_seconds
        with self._lock:
            silent = [sync for sync in self._open.values() if sync.last_heard <= oldest]
            for sync in silent:
                del self._open[sync.caller.key_id]
        for sync in silent:
            if sync.has_moved_something:
                self._note(sync.record(Outcome.TIMED_OUT, ""))

    def close(self) -> None:
        """End all of them, for the server's end."""
        with self._lock:
            left, self._open = list(self._open.values()), {}
        for sync in left:
            if sync.has_moved_something:
                self._note(sync.record(Outcome.STOPPED, ""))
