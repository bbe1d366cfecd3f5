"""Counters of what this process does, in the form that Prometheus reads.

Labels come from fixed lists (methods, operations, statuses, outcomes), never from what a client
sends, so the number of series is bounded. What is counted of each request is in
`request_counts.py`; on demand (users, open collections, backups) in `wsgi/monitoring/gauges.py`.
"""

from typing import Final

import prometheus_client
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from syncserver.request_counts import RequestCounts
from syncserver.sync_record import Outcome

LOGIN_RESULTS: Final = ("accepted", "failed", "throttled")
UPLOAD_RESULTS: Final = ("accepted", "refused")

# A second series with the time of its making for each one would double their number.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]

REGISTRY: Final = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

REQUESTS: Final = RequestCounts()
REGISTRY.register(REQUESTS)

SYNCS_STARTED: Final = Counter(
    "syncserver_syncs_started", "Syncs of collections that began.", registry=REGISTRY
)
_syncs_ended: Final = Counter(
    "syncserver_syncs_ended",
    "Syncs of collections that ended, by how: only finished ones have changed anything.",
    ("outcome",),
    registry=REGISTRY,
)
_conflicts: Final = Counter(
    "syncserver_sync_conflicts",
    "Objects that a device sent though they were changed elsewhere too, by whose version was kept.",
    ("winner",),
    registry=REGISTRY,
)
_logins: Final = Counter(
    "syncserver_logins", "Logins with a name and a password.", ("result",), registry=REGISTRY
)
_uploads: Final = Counter(
    "syncserver_full_uploads", "Uploads of whole collections.", ("result",), registry=REGISTRY
)
FULL_DOWNLOADS: Final = Counter(
    "syncserver_full_downloads", "Downloads of whole collections.", registry=REGISTRY
)
MEDIA_CHANGES_RECEIVED: Final = Counter(
    "syncserver_media_changes_received",
    "Media files that devices have added, replaced or deleted.",
    registry=REGISTRY,
)
MEDIA_FILES_SENT: Final = Counter(
    "syncserver_media_files_sent", "Media files that devices have fetched.", registry=REGISTRY
)

# Children that always exist are shown from the start, with 0: an alert can count on them.
SYNCS_ENDED: Final[dict[Outcome, Counter]] = {
    outcome: _syncs_ended.labels(outcome.value) for outcome in Outcome if outcome != Outcome.REFUSED
}
LOGINS: Final = {result: _logins.labels(result) for result in LOGIN_RESULTS}
FULL_UPLOADS: Final = {result: _uploads.labels(result) for result in UPLOAD_RESULTS}
CONFLICTS: Final = {winner: _conflicts.labels(winner) for winner in ("client", "server")}
