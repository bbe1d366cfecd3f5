"""Counters of what this process does, in the form that Prometheus reads.

Labels come from fixed lists (methods, operations, statuses, outcomes), never from what a client
sends, so the number of series is bounded. A request costs a look-up and four additions. What is
counted on demand (users, open collections, backups) is in `wsgi/monitoring/gauges.py`.
"""

from typing import Final

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from syncserver.sync_record import Outcome

# The app that answered and what was asked of it: a sync or media method, a group of operations.
Route = tuple[str, str]

UNKNOWN_ROUTE: Final[Route] = ("other", "unknown")
# Seconds: from a `meta` to an upload over a telephone's line.
DURATION_BUCKETS: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120)
LOGIN_RESULTS: Final = ("accepted", "failed", "throttled")
UPLOAD_RESULTS: Final = ("accepted", "refused")

# A second series with the time of its making for each one would double their number.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]

REGISTRY: Final = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

_requests: Final = Counter(
    "syncserver_http_requests",
    "Requests answered.",
    ("app", "method", "status"),
    registry=REGISTRY,
)
_durations: Final = Histogram(
    "syncserver_http_request_duration_seconds",
    "Time from the arrival of a request to the last byte of its answer.",
    ("app", "method"),
    buckets=DURATION_BUCKETS,
    registry=REGISTRY,
)
_received: Final = Counter(
    "syncserver_http_received_bytes", "Bytes of request bodies.", ("app",), registry=REGISTRY
)
_sent: Final = Counter(
    "syncserver_http_sent_bytes", "Bytes of response bodies.", ("app",), registry=REGISTRY
)

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

_RequestChildren = tuple[Counter, Histogram, Counter, Counter]
_request_children: dict[tuple[Route, int], _RequestChildren] = {}


def count_request(route: Route, status: int, seconds: float, received: int, sent: int) -> None:
    """Count one answered request: its status, how long it took, and its bytes both ways."""
    children = _request_children.get((route, status)) or _new_children(route, status)
    requests, durations, bytes_in, bytes_out = children
    requests.inc()
    durations.observe(seconds)
    bytes_in.inc(received)
    bytes_out.inc(sent)


def _new_children(route: Route, status: int) -> _RequestChildren:
    app, method = route
    children = (
        _requests.labels(app, method, str(status)),
        _durations.labels(app, method),
        _received.labels(app),
        _sent.labels(app),
    )
    _request_children[route, status] = children
    return children
