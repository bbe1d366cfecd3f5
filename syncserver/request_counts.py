"""What is counted of each request: under one lock, where four of the library's counters have four.

The library's way for numbers that are kept elsewhere: a collector, which is asked for them when
somebody wants to see the metrics.
"""

import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from msgspec import Struct
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

# The app that answered and what was asked of it: a sync or media method, a group of operations.
Route = tuple[str, str]

UNKNOWN_ROUTE: Final[Route] = ("other", "unknown")
# Seconds: from a `meta` to an upload over a telephone's line.
DURATION_BUCKETS: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120)
BUCKET_NAMES: Final = (*(str(float(bound)) for bound in DURATION_BUCKETS), "+Inf")


class _OfRoute(Struct):
    """Seconds and bytes of all requests of one kind, and how many took how long."""

    by_status: defaultdict[int, int]
    buckets: list[int]
    seconds: float = 0.0
    received: int = 0
    sent: int = 0


def _nothing() -> _OfRoute:
    return _OfRoute(defaultdict(int), [0] * len(BUCKET_NAMES))


class RequestCounts(Collector):
    """Requests by app, method and status, their durations and their bytes; thread-safe."""

    def __init__(self) -> None:
        self._routes: defaultdict[Route, _OfRoute] = defaultdict(_nothing)
        self._lock = threading.Lock()

    def count(self, route: Route, status: int, seconds: float, received: int, sent: int) -> None:
        """Count one answered request: its status, how long it took, and its bytes both ways."""
        bucket = bisect_left(DURATION_BUCKETS, seconds)
        with self._lock:
            counts = self._routes[route]
            counts.by_status[status] += 1
            counts.buckets[bucket] += 1
            counts.seconds += seconds
            counts.received += received
            counts.sent += sent

    def collect(self) -> Iterator[Metric]:
        """Yield all of it, each number as of the same moment."""
        requests = CounterMetricFamily(
            "syncserver_http_requests", "Requests answered.", labels=("app", "method", "status")
        )
        durations = HistogramMetricFamily(
            "syncserver_http_request_duration_seconds",
            "Time from the arrival of a request to the last byte of its answer.",
            labels=("app", "method"),
        )
        received: defaultdict[str, int] = defaultdict(int)
        sent: defaultdict[str, int] = defaultdict(int)
        with self._lock:
            for route, counts in self._routes.items():
                for status, count in counts.by_status.items():
                    requests.add_metric((*route, str(status)), count)
                buckets = list(zip(BUCKET_NAMES, accumulate(counts.buckets), strict=True))
                durations.add_metric(route, buckets, sum_value=counts.seconds)
                received[route[0]] += counts.received
                sent[route[0]] += counts.sent
        yield requests
        yield durations
        yield _bytes_of("received", "Bytes of request bodies.", received)
        yield _bytes_of("sent", "Bytes of response bodies.", sent)


def _bytes_of(direction: str, text: str, by_app: dict[str, int]) -> Metric:
    family = CounterMetricFamily(f"syncserver_http_{direction}_bytes", text, labels=("app",))
    for app, count in by_app.items():
        family.add_metric((app,), count)
    return family
