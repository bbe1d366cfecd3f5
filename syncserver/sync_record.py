"""What is told of one sync afterwards: whose it was, how it ended, what went both ways, who won."""

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import Enum


class Outcome(str, Enum):
    """How a sync ended; only a finished one has changed anything."""

    FINISHED = "finished"
    ABORTED = "aborted"  # the device gave it up
    TAKEN_OVER = "taken_over"  # it was silent, or the same device began anew
    TIMED_OUT = "timed_out"  # it was silent for too long
    REFUSED = "refused"  # it was turned away before it began, or what it brought was
    FAILED = "failed"  # it was rolled back for an error, or because both sides counted differently
    STOPPED = "stopped"  # the server ended


class Kind(str, Enum):
    """What a device did."""

    SYNC = "sync"
    UPLOAD = "upload"
    DOWNLOAD = "download"
    MEDIA = "media"


@dataclass(slots=True)
class Tally:
    """How many objects of each kind, and how many bytes, went each way.

    A conflict is an object that the device sent and that was changed on the server too since the
    device's last sync; the version that was kept is the winner's. A device does not send a note or
    a card whose newer version it has just got, so of these it has won nearly all that we see.
    """

    received: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)
    won_by_client: Counter[str] = field(default_factory=Counter)
    won_by_server: Counter[str] = field(default_factory=Counter)
    bytes_in: int = 0
    bytes_out: int = 0

    def note_conflict(self, kind: str, *, client_wins: bool) -> None:
        """Count one object that was changed on both sides."""
        winner = self.won_by_client if client_wins else self.won_by_server
        winner[kind] += 1


@dataclass(frozen=True, slots=True)
class Who:
    """A user's device: the ids of both, and which client the device runs."""

    user_id: int
    key_id: int
    client: str


@dataclass(frozen=True, slots=True)
class SyncRecord:
    """One sync, upload, download or media sync of a device; `reason` says why it did not finish."""

    who: Who
    kind: Kind
    outcome: Outcome
    started_at: datetime
    milliseconds: int
    tally: Tally
    reason: str = ""


def just_ended(
    who: Who, kind: Kind, outcome: Outcome, begun: float, tally: Tally, reason: str = ""
) -> SyncRecord:
    """Return the record of what began at `begun` (monotonic seconds) and is over now."""
    seconds = time.monotonic() - begun
    started_at = datetime.now(timezone.utc) - timedelta(seconds=seconds)
    return SyncRecord(who, kind, outcome, started_at, round(seconds * 1000), tally, reason)
