"""What an operator's programs ask a server for: /metrics, read by Prometheus's parser, and /ready."""

import http.client
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

TIMEOUT = 20.0


@dataclass(frozen=True)
class Answer:
    """What came back; the names of headers are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def get(port: int, path: str, **headers: str) -> Answer:
    """Ask a server of this machine."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        names = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, names, response.read().decode())
    finally:
        connection.close()


class Scrape:
    """All metrics of a server at one moment."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.families: list[Metric] = list(text_string_to_metric_families(text))
        self._samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in self.families
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float:
        """Return one number; a series that does not exist counts as 0."""
        return self._samples.get((name, frozenset(labels.items())), 0.0)

    def has(self, name: str) -> bool:
        """Tell whether there is any series of this name."""
        return any(sample == name for sample, _labels in self._samples)

    def series(self, name: str) -> dict[tuple[str, ...], float]:
        """Return the numbers of a name by the values of their labels, sorted by the labels' names."""
        return {
            tuple(value for _label, value in sorted(labels)): number
            for (sample, labels), number in self._samples.items()
            if sample == name
        }

    def growth(self, before: "Scrape", name: str) -> dict[tuple[str, ...], float]:
        """Return by how much each number has grown, those that have."""
        then, now = Counter(before.series(name)), Counter(self.series(name))
        now.subtract(then)
        return {labels: grown for labels, grown in now.items() if grown}


def scrape(port: int) -> Scrape:
    """Read the metrics as Prometheus on the same machine does."""
    answer = get(port, "/metrics")
    assert answer.status == 200, answer
    return Scrape(answer.body)
