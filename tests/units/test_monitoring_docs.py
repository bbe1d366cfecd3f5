"""docs/monitoring.md says what is counted, checked and audited."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import Metric

from syncserver import events
from syncserver.control.audit_trail import WORDS
from syncserver.control.journal_words import SENTENCES
from syncserver.services import Services
from syncserver.settings import Settings
from syncserver.sync_record import Kind, Outcome
from syncserver.wsgi.monitoring.gauges import EverythingShown
from syncserver.wsgi.monitoring.readiness import Readiness

from .test_docs import code, section, table, text

DOCUMENT = "docs/monitoring.md"
SUFFIXES = ("_total", "_bucket", "_count", "_sum", "_info")
# Gauges that are there only when there is a backup.
BACKUPS = {
    "syncserver_backup_newest_timestamp_seconds",
    "syncserver_backup_oldest_newest_timestamp_seconds",
}


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    services = Services(Settings(data_root=tmp_path))
    services.start()
    yield services
    services.close()


def shown_name(family: Metric) -> str:
    suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
    return family.name + suffix


def test_the_table_has_every_metric_with_its_type(services: Services) -> None:
    own = [one for one in EverythingShown(services).collect() if one.name.startswith("syncserver")]
    types = {shown_name(one): one.type.replace("info", "gauge") for one in own}
    rows = table(DOCUMENT, "What is counted")
    documented = {code(row[0]): row[1] for row in rows}
    assert documented == {**types, **dict.fromkeys(BACKUPS, "gauge")}


def test_the_table_has_the_labels(services: Services) -> None:
    labels: dict[str, set[str]] = {}
    for family in EverythingShown(services).collect():
        for sample in family.samples:
            labels.setdefault(shown_name(family), set()).update(set(sample.labels) - {"le"})
    for row in table(DOCUMENT, "What is counted"):
        known = labels.get(code(row[0]))
        if known:
            assert {code(label) for label in row[2].split(", ")} == known, row[0]


def test_alerts_and_texts_name_only_metrics_that_there_are() -> None:
    known = {code(row[0]) for row in table(DOCUMENT, "What is counted")}
    for name in set(re.findall(r"\bsyncserver_[a-z_]+\b", text(DOCUMENT))):
        base = next((name.removesuffix(end) for end in SUFFIXES if name.endswith(end)), name)
        assert name in known or base in known, name


def test_the_table_has_every_check(services: Services) -> None:
    documented = [code(row[0]) for row in table(DOCUMENT, "Ready")]
    assert documented == list(Readiness(services).findings().problems)


def test_the_audited_events_are_named_and_have_words() -> None:
    named = set(re.findall(r"`([a-z_]+)`", section(DOCUMENT, "Audit trail")))
    assert named >= events.AUDITED
    assert WORDS.keys() == events.AUDITED


def test_each_end_of_each_kind_has_words() -> None:
    told = {(Kind(kind), Outcome(outcome)) for kind, outcome in SENTENCES}
    one_request = {(kind, Outcome.ABORTED) for kind in (Kind.UPLOAD, Kind.DOWNLOAD)}
    one_request |= {(kind, Outcome.TAKEN_OVER) for kind in Kind if kind is not Kind.SYNC}
    one_request |= {(kind, Outcome.TIMED_OUT) for kind in (Kind.UPLOAD, Kind.DOWNLOAD)}
    one_request |= {(kind, Outcome.STOPPED) for kind in (Kind.UPLOAD, Kind.DOWNLOAD)}
    assert told == {(kind, outcome) for kind in Kind for outcome in Outcome} - one_request
