"""/ready says no, and why, when the server cannot do its work, and yes again when it can."""

import http.client
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from syncserver.services import Services
from syncserver.settings import Settings
from syncserver.wsgi.monitoring import readiness
from syncserver.wsgi.monitoring.readiness import Readiness
from tests.support.faults_server import WatchedServer, wait_until
from tests.support.faults_small_disk import SmallDisk, small_disk
from tests.support.faults_sync import (
    FirstCollection,
    HandMadeSync,
    log_in,
    make_first_collection,
    upload,
)
from tests.support.looking_in import get
from tests.support.wrong_clock import RIGHT, ServerWithClock

MEGABYTE = 1_000_000
DISK_MEGABYTES = 24
CHECKS = ("accounts", "data_root", "disk", "clock", "leases")


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallDisk]:
    with small_disk(tmp_path_factory.mktemp("small") / "data", DISK_MEGABYTES) as disk:
        yield disk


@pytest.fixture(scope="module")
def server(disk: SmallDisk) -> Iterator[WatchedServer]:
    server = WatchedServer(disk.path.parent, {"min_free_bytes": "5MB"})
    yield server
    server.stop()


def checks(server: WatchedServer, status: int) -> dict[str, str]:
    """Return the checks when the answer has this status, which it must get before long."""
    wait_until(lambda: get(server.port, "/ready").status == status, f"/ready answers {status}")
    answer = get(server.port, "/ready")
    assert answer.status == status
    assert answer.json["ready"] == (status == 200)
    found: dict[str, str] = answer.json["checks"]
    return found


def wrong(server: WatchedServer) -> dict[str, str]:
    """Return what is wrong; something must be."""
    return {name: text for name, text in checks(server, 503).items() if text != "ok"}


def test_a_server_that_can_work_is_ready(server: WatchedServer) -> None:
    assert checks(server, 200) == dict.fromkeys(CHECKS, "ok")


def test_others_are_not_told_why(server: WatchedServer) -> None:
    answer = get(server.port, "/ready", **{"X-Forwarded-For": "198.51.100.1"})
    assert (answer.status, answer.json) == (200, {"ready": True})


def test_only_who_asks_is_answered(server: WatchedServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request("POST", "/ready", b"")
    assert connection.getresponse().status == 405
    connection.close()


def test_it_is_not_ready_while_the_account_database_is_gone(server: WatchedServer) -> None:
    aside = server.data_root / "aside"
    (server.data_root / "accounts.db").rename(aside)
    found = wrong(server)
    assert found.keys() == {"accounts"} or found.keys() == {"accounts", "clock"}
    assert "accounts.db" in found["accounts"]
    # Nothing of it is told to strangers.
    answer = get(server.port, "/ready", **{"X-Forwarded-For": "198.51.100.1"})
    assert (answer.status, answer.json) == (503, {"ready": False})
    aside.rename(server.data_root / "accounts.db")
    checks(server, 200)


def test_it_is_not_ready_while_the_disk_is_nearly_full(
    server: WatchedServer, disk: SmallDisk
) -> None:
    disk.fill(leave=2 * MEGABYTE)
    found = wrong(server)
    assert found.keys() == {"disk"}
    assert "less than 5,000,000" in found["disk"]
    disk.empty()
    checks(server, 200)


def test_it_is_not_ready_while_the_data_root_cannot_be_written(
    server: WatchedServer, disk: SmallDisk
) -> None:
    # Over it, as a system does whose disk comes up broken; one in use cannot be made read-only.
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(disk.path)], check=True)
    try:
        found = wrong(server)
        assert "Read-only" in found["data_root"]
        assert str(disk.path) in found["data_root"]
    finally:
        subprocess.run(["umount", "--lazy", str(disk.path)], check=True)
    checks(server, 200)


def test_it_is_not_ready_while_the_clock_is_wrong(
    tmp_path: Path, first_collection: FirstCollection
) -> None:
    server = ServerWithClock(tmp_path / "server")
    try:
        client = log_in(server, server.new_account())
        upload(client, first_collection.path)
        HandMadeSync(client, first_collection.notetype).run("a sync at the right time")
        checks(server, 200)
        server.set_clock("-1d")
        assert wrong(server).keys() == {"clock"}
        server.set_clock(RIGHT)
        checks(server, 200)
        # And after a restart, when no collection is open: the journal remembers.
        server.stop()
        server.set_clock("-1d")
        server.start()
        found = wrong(server)
        assert found.keys() == {"clock"}
        assert "the last sync" in found["clock"]
        server.set_clock("-2y")
        wait_until(lambda: "was built" in wrong(server)["clock"], "the build is later")
        server.set_clock(RIGHT)
        checks(server, 200)
    finally:
        server.stop()


@pytest.mark.parametrize("days_ahead", [365, 20_000 * 365])
def test_the_wrong_clock_of_somebodys_device_is_not_the_servers(
    server: WatchedServer, tmp_path: Path, days_ahead: int
) -> None:
    collection = make_first_collection(tmp_path / "device")
    modified = int((time.time() + days_ahead * 86_400) * 1000)
    with closing(sqlite3.connect(collection.path)) as database, database:
        database.execute("UPDATE col SET mod = ?", (modified,))
    client = log_in(server, server.new_account())
    upload(client, collection.path)
    assert client.expect("meta", {"v": 11, "cv": "test"})["mod"] == modified
    time.sleep(readiness.FRESH_SECONDS)
    assert get(server.port, "/ready").json["checks"] == dict.fromkeys(CHECKS, "ok")


# In this process: what takes too long to wait for


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    services = Services(Settings(data_root=tmp_path, min_free_bytes=0))
    services.start()
    yield services
    services.close()


def test_it_waits_for_nobodys_lease_and_tells_of_one_that_is_stuck(services: Services) -> None:
    with services.collections.lease("somebody"):
        assert Readiness(services).findings().is_ready
        found = Readiness(services, stuck_seconds=0.0).findings()
        assert "somebody" in str(found.problems["leases"])
    assert Readiness(services, stuck_seconds=0.0).findings().is_ready


def test_checks_that_hang_hold_nobody_up(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "ANSWER_SECONDS", 0.1)
    let_go = threading.Event()
    slow = Readiness(services)
    slow._checks["slow"] = lambda _services: let_go.wait(20) and None
    asked: list[Any] = [slow.findings() for _ in range(3)]
    assert [one.problems for one in asked] == [asked[0].problems] * 3
    assert "did not end" in asked[0].problems["checks"]
    let_go.set()
    deadline = time.monotonic() + 20
    while not slow.findings().is_ready:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_it_recovers_from_a_moment_without_room_for_a_thread(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = Readiness(services)
    with monkeypatch.context() as moment:
        moment.setattr(threading.Thread, "start", _no_thread)
        with pytest.raises(RuntimeError):
            ready.findings()
    assert ready.findings().is_ready


def _no_thread(_thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_many_who_ask_are_told_what_was_found_a_moment_ago(services: Services) -> None:
    looks = []
    counted = Readiness(services)
    counted._checks["counted"] = lambda _services: looks.append(1)
    for _ in range(100):
        counted.findings()
    assert len(looks) < 50
