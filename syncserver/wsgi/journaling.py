"""Notes in a user's journal about what one request does by itself: uploads, downloads, refusals.

What happens from `start` to `finish` is noted by the services when the sync's reservation ends.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from syncserver.collections.slot import Caller
from syncserver.errors import (
    BodyMissing,
    BodyTooLarge,
    ServerBusy,
    SyncConflict,
    SyncServerError,
    TooManyRequests,
    UploadRefused,
)
from syncserver.sync_record import Kind, Outcome, Tally, just_ended
from syncserver.wsgi.call import Call

# Decisions of the server; any other error is a mistake of somebody's.
REFUSALS: Final = (
    BodyMissing,
    BodyTooLarge,
    ServerBusy,
    SyncConflict,
    TooManyRequests,
    UploadRefused,
)
HUNG_UP: Final = "the device hung up before it had everything"


@contextmanager
def in_journal(call: Call, caller: Caller, kind: Kind) -> Iterator[Tally]:
    """Note, when the answer has been sent, what the block has done and how it ended."""
    tally = call.context.tally = Tally()
    begun = time.monotonic()
    outcome, reason = Outcome.FAILED, ""

    def note(complete: bool) -> None:
        hung_up = outcome is Outcome.FINISHED and not complete
        ended, why = (Outcome.FAILED, HUNG_UP) if hung_up else (outcome, reason)
        call.services.journal.note(just_ended(caller.who, kind, ended, begun, tally, why))

    call.context.when_over = note
    try:
        yield tally
        outcome = Outcome.FINISHED
    except SyncServerError as problem:
        outcome = Outcome.REFUSED if isinstance(problem, REFUSALS) else Outcome.FAILED
        reason = problem.public_text
        raise


@contextmanager
def refusals_in_journal(call: Call, caller: Caller) -> Iterator[None]:
    """Note a sync that was turned away before it began."""
    with in_journal(call, caller, Kind.SYNC):
        yield
    call.context.when_over = None
