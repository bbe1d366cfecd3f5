"""Errands about what is going on: who is syncing, and the newest of the journal."""

import time
from collections.abc import Mapping
from typing import Any

from syncserver.collections.overview import InUse, overview
from syncserver.collections.slot import Reservation
from syncserver.errands.errand import Progress
from syncserver.media.open_syncs import OpenMediaSync
from syncserver.services import Services
from syncserver.sync.session import SyncSession
from syncserver.sync_record import Tally


def who(
    services: Services, _arguments: Mapping[str, Any], _progress: Progress
) -> list[dict[str, Any]]:
    """Return the collections that are open or in use, and the media syncs in progress.

    Waits for nobody. Times are seconds; a sync tells what went both ways so far.
    """
    collections = [_collection(one) for one in overview(services.collections)]
    media = [_media(one) for one in services.media_syncs.open_now()]
    return sorted(collections + media, key=lambda one: (one["folder"], one["doing"]))


def flush_journal(services: Services, _arguments: Mapping[str, Any], _progress: Progress) -> None:
    """Write what the journal has collected, for somebody who is about to read it."""
    services.journal.flush()


def _collection(one: InUse) -> dict[str, Any]:
    seen = {
        "folder": one.folder,
        "user_id": None,
        "doing": "working" if one.lease_seconds is not None else "open",
        "seconds": round(one.lease_seconds or 0.0, 1),
        "silent_seconds": round(one.idle_seconds, 1),
        "device": None,
        "client": "",
    }
    return seen if one.sync is None else {**seen, **_sync(one.sync)}


def _sync(sync: Reservation) -> dict[str, Any]:
    tally = sync.state.tally if isinstance(sync.state, SyncSession) else Tally()
    now = time.monotonic()
    return {
        "doing": "syncing",
        "seconds": round(now - sync.begun, 1),
        "silent_seconds": round(now - sync.last_heard, 1),
        "device": sync.caller.key_id,
        "client": sync.caller.client,
        "received": dict(tally.received),
        "sent": dict(tally.sent),
    }


def _media(sync: OpenMediaSync) -> dict[str, Any]:
    now = time.monotonic()
    return {
        "folder": "",
        "user_id": sync.caller.user_id,
        "doing": "syncing media",
        "seconds": round(now - sync.begun, 1),
        "silent_seconds": round(now - sync.last_heard, 1),
        "device": sync.caller.key_id,
        "client": sync.caller.client,
        "received": dict(sync.tally.received),
        "sent": dict(sync.tally.sent),
    }
