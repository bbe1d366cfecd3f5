"""/metrics: what is counted is what was done, and the form is the one that Prometheus expects."""

import re
from collections import Counter
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.faults.conftest import NewDevice, NewSync
from tests.support.accounts import Account
from tests.support.device import DEFAULT_DECK, NO_CHANGES
from tests.support.faults_server import WatchedServer, wait_until
from tests.support.faults_sync import FirstCollection, WatchedClient, log_in, make_first_collection
from tests.support.looking_in import Scrape, get, scrape
from tests.support.media_device import sync_media, write_media

OPTIONS = {"takeover_after": 1, "sync_timeout": 6, "login_failures_per_account": 2}

STARTED = "syncserver_syncs_started_total"
ENDED = "syncserver_syncs_ended_total"
REQUESTS = "syncserver_http_requests_total"
# What Prometheus's own linter wants of names.
BASE_UNITS = ("_seconds", "_bytes")
OTHER_UNITS = re.compile(r"milliseconds|minutes|hours|kilobytes|megabytes|_ms\b|_kb\b|percent")


# What is counted


def test_requests_are_counted_as_they_are_logged(
    server: WatchedServer, account: Account, new_device: NewDevice
) -> None:
    before, logged = scrape(server.port), len(server.events("request"))
    laptop = new_device("laptop")
    for text in ("one more", "and another"):
        laptop.add_note(text, "back")
        assert laptop.sync() == NO_CHANGES
    assert get(server.port, "/sync/nothing").status == 404
    after = scrape(server.port)
    # The scrape itself is logged after it has been answered.
    wait_until(lambda: server.log().count('path": "/metrics') >= 2, "the scrape is logged")

    lines = server.events("request")[logged:]
    lines = [line for line in lines if line["path"] != "/metrics"]
    by_method = Counter(
        ("sync", line["path"].removeprefix("/sync/"), str(line["status"])) for line in lines
    )
    by_method[("other", "unknown", "404")] = by_method.pop(("sync", "nothing", "404"))
    assert apart_from_scrapes(after.growth(before, REQUESTS)) == by_method
    assert by_method["sync", "finish", "200"] == 2
    durations = after.growth(before, "syncserver_http_request_duration_seconds_count")
    assert apart_from_scrapes(durations) == Counter(
        {(app, method): count for (app, method, _status), count in by_method.items()}
    )
    for name, key in (("received", "bytes_in"), ("sent", "bytes_out")):
        grown = after.growth(before, f"syncserver_http_{name}_bytes_total")
        assert grown["sync",] == sum(line[key] for line in lines if line["status"] == 200)


def apart_from_scrapes(grown: dict[tuple[str, ...], float]) -> dict[tuple[str, ...], float]:
    return {labels: number for labels, number in grown.items() if "metrics" not in labels}


def test_each_sync_that_started_has_ended_in_one_way_or_goes_on(
    server: WatchedServer, account: Account, new_sync: NewSync
) -> None:
    before = scrape(server.port)
    new_sync().run("finished")
    new_sync().begin().client.expect("abort")
    refused = new_sync().begin()
    assert refused.client.call("applyChunk", {"chunk": {"notes": [[1] * 11]}}).status == 400
    assert refused.send_notes("goes on, since a broken message is no merge").status == 200
    again = refused.client.another_session()
    assert again.call("meta", {"v": 11, "cv": "test"}).status == 200
    usn = refused.meta["usn"]
    assert again.call("start", {"minUsn": usn, "lnewer": True, "graves": None}).status == 200
    assert scrape(server.port).value("syncserver_syncs_in_progress") == 1
    wait_until(
        lambda: scrape(server.port).growth(before, ENDED).get(("timed_out",)), "it timed out"
    )
    told = server.control("log", account.name)
    assert "fell silent in the middle of a sync, which was rolled back" in told
    new_sync().begin()

    after = scrape(server.port)
    assert after.growth(before, STARTED) == {(): 5}
    assert after.growth(before, ENDED) == {
        ("finished",): 1,
        ("aborted",): 1,
        ("taken_over",): 1,
        ("timed_out",): 1,
    }
    assert after.value("syncserver_syncs_in_progress") == 1


def test_a_sync_whose_sides_disagree_has_failed(server: WatchedServer, new_sync: NewSync) -> None:
    before = scrape(server.port)
    sync = new_sync().begin()
    sync.exchange()
    sync.client.call("sanityCheck2", {"client": [[0, 0, 0], 99, 99, 99, 0, 1, 1, 1]})
    assert scrape(server.port).growth(before, ENDED) == {("failed",): 1}


def test_logins_are_counted_by_their_results(server: WatchedServer, account: Account) -> None:
    before = scrape(server.port)
    log_in(server, account)
    wrong = WatchedClient(server.url, server=server, name=account.name)
    for status in (403, 403, 429):
        assert wrong.call("hostKey", {"u": account.name, "p": "guessed"}).status == status
    assert scrape(server.port).growth(before, "syncserver_logins_total") == {
        ("accepted",): 1,
        ("failed",): 2,
        ("throttled",): 1,
    }


def test_whole_collections_are_counted_each_way(
    server: WatchedServer, client: WatchedClient, first_collection: FirstCollection
) -> None:
    before = scrape(server.port)
    assert client.send("upload", first_collection.path.read_bytes()).body == b"OK"
    assert client.send("upload", b"no collection").status == 200
    assert client.call("download").status == 200
    after = scrape(server.port)
    assert after.growth(before, "syncserver_full_uploads_total") == {
        ("accepted",): 1,
        ("refused",): 1,
    }
    assert after.growth(before, "syncserver_full_downloads_total") == {(): 1}


def test_conflicts_are_counted_by_the_winner(server: WatchedServer, new_device: NewDevice) -> None:
    laptop = new_device("laptop")
    laptop.upload()
    phone = new_device("phone")
    note = laptop.col.find_notes("")[0]
    before = scrape(server.port)
    for device in (laptop, phone):
        device.edit_note(note, f"by the {device.col.path}")
    phone.a_minute_later()
    assert (laptop.sync(), phone.sync(), laptop.sync()) == (NO_CHANGES,) * 3
    for device, name in ((laptop, "newer"), (phone, "older")):
        device.col.decks.rename(DEFAULT_DECK, name)
    laptop.a_minute_later()
    assert (laptop.sync(), phone.sync()) == (NO_CHANGES,) * 2
    assert scrape(server.port).growth(before, "syncserver_sync_conflicts_total") == {
        ("client",): 1,
        ("server",): 1,
    }


def test_media_are_counted_each_way(server: WatchedServer, new_device: NewDevice) -> None:
    laptop, phone = new_device("laptop"), new_device("phone")
    before = scrape(server.port)
    for name in ("a.mp3", "b.mp3", "c.mp3"):
        write_media(laptop, name, name.encode())
    sync_media(laptop)
    sync_media(phone)
    after = scrape(server.port)
    assert after.growth(before, "syncserver_media_changes_received_total") == {(): 3}
    assert after.growth(before, "syncserver_media_files_sent_total") == {(): 3}


def test_users_collections_and_backups_are_counted_when_somebody_asks(tmp_path: Path) -> None:
    server = WatchedServer(tmp_path / "server")
    try:
        nobody = scrape(server.port)
        assert nobody.value("syncserver_users") == 0
        assert not nobody.has("syncserver_backup_newest_timestamp_seconds")
        collection = make_first_collection(tmp_path / "first").path.read_bytes()
        clients = [log_in(server, server.new_account()) for _ in range(2)]
        for one in clients:
            assert one.send("upload", collection).body == b"OK"
        assert clients[0].send("upload", collection).body == b"OK"
        clients[1].expect("meta", {"v": 11, "cv": "test"})
        some = scrape(server.port)
        assert some.value("syncserver_users") == 2
        assert some.value("syncserver_backups") == 1
        assert some.value("syncserver_users_with_backup") == 1
        assert some.value("syncserver_users_without_backup") == 1
        assert some.value("syncserver_collections_open") == len(server.open_collections())
        (backup,) = next((server.data_root / "users").glob("*/backups")).glob("*.anki2")
        newest = some.value("syncserver_backup_newest_timestamp_seconds")
        assert abs(newest - backup.stat().st_mtime) < 3600
        assert some.value("syncserver_backup_oldest_newest_timestamp_seconds") == newest
        assert some.value("syncserver_data_root_free_bytes") > 0
    finally:
        server.stop()


def test_metrics_are_there_while_the_account_database_is_not(tmp_path: Path) -> None:
    server = WatchedServer(tmp_path / "server")
    try:
        assert scrape(server.port).value("syncserver_account_database_up") == 1
        for file in server.data_root.glob("accounts.db*"):
            file.unlink()
        without = scrape(server.port)
        assert without.value("syncserver_account_database_up") == 0
        assert not without.has("syncserver_users")
        assert without.value("process_resident_memory_bytes") > 0
    finally:
        server.kill()


# Labels


def test_nobody_can_make_new_series(
    server: WatchedServer, account: Account, client: WatchedClient
) -> None:
    def ask(number: int) -> None:
        for path in ("", "sync/", "msync/", "api/v1/", "collection/", "ankiconnect/"):
            get(server.port, f"/{path}made-up-{number}?user=somebody", Host=f"host{number}")
        client.call(f"method{number}")
        client.send_as_is("meta", b"", sync_header=f'{{"v": {number}, "c": "{number}"}}')
        wrong = WatchedClient(server.url, server=server, name=account.name)
        wrong.call("hostKey", {"u": f"name{number}", "p": "x"})

    ask(1)
    before = number_of_series(scrape(server.port))
    for number in range(2, 6):
        ask(number)
    after = scrape(server.port)
    assert number_of_series(after) == before
    assert account.name not in after.text


def number_of_series(read: Scrape) -> int:
    return sum(len(family.samples) for family in read.families)


def test_the_api_is_counted_by_group_of_operations(server: WatchedServer, account: Account) -> None:
    before = scrape(server.port)
    token = server.new_token(account)
    headers = {"Authorization": f"Bearer {token}"}
    for note in (1, 2, 3):
        assert get(server.port, f"/api/v1/notes/{note}", **headers).status == 404
    assert get(server.port, "/api/v1/decks", **headers).status == 200
    grown = scrape(server.port).growth(before, REQUESTS)
    assert grown["api", "notes", "404"] == 3
    assert grown["api", "decks", "200"] == 1


# Form


def test_names_units_and_texts_are_as_prometheus_wants_them(server: WatchedServer) -> None:
    for family in scrape(server.port).families:
        own = family.name.startswith("syncserver_")
        assert own or family.name.startswith(("process_", "python_")), family.name
        assert family.documentation, family.name
        assert re.fullmatch(r"[a-z][a-z0-9_]*", family.name), family.name
        assert not OTHER_UNITS.search(family.name), family.name
        if own:
            assert family.documentation.endswith("."), family.name
            assert family.type in ("counter", "gauge", "histogram"), family.name
            for unit in BASE_UNITS:
                assert unit not in family.name.removesuffix(unit), f"{unit} in {family.name}"
        for sample in family.samples:
            counts = sample.name.endswith("_total")
            assert counts == (family.type == "counter"), sample.name
            assert not {"le", "quantile"} & {*sample.labels} or family.type == "histogram"


def test_histograms_are_sound(server: WatchedServer) -> None:
    read = scrape(server.port)
    buckets = read.series("syncserver_http_request_duration_seconds_bucket")
    by_route: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for (app, le, method), count in buckets.items():
        by_route.setdefault((app, method), []).append((float(le), count))
    assert by_route
    counts = read.series("syncserver_http_request_duration_seconds_count")
    for route, cumulated in by_route.items():
        numbers = [count for _le, count in sorted(cumulated)]
        assert numbers == sorted(numbers)
        assert numbers[-1] == counts[route]


def test_the_newer_form_is_given_to_those_who_ask_for_it(server: WatchedServer) -> None:
    asked = "application/openmetrics-text; version=1.0.0"
    answer = get(server.port, "/metrics", Accept=asked)
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    names = {family.name for family in text_string_to_metric_families(answer.body)}
    assert {"syncserver_syncs_started", "syncserver_http_request_duration_seconds"} <= names


# Who may look


@pytest.fixture
def guarded(tmp_path: Path):
    server = WatchedServer(
        tmp_path / "server",
        {
            "metrics_networks": "192.0.2.0/24 2001:db8::/32",
            "metrics_token": "let me look",
            "trusted_proxies": "127.0.0.1/32",
        },
    )
    yield server
    server.stop()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 404),
        ({"X-Forwarded-For": "192.0.2.7"}, 200),
        ({"X-Forwarded-For": "2001:db8::7"}, 200),
        ({"X-Forwarded-For": "::ffff:192.0.2.7"}, 200),
        ({"X-Forwarded-For": "192.0.2.7, 198.51.100.1"}, 404),
        ({"X-Forwarded-For": "nonsense"}, 404),
        ({"Authorization": "Bearer let me look"}, 200),
        ({"Authorization": "bearer let me look", "X-Forwarded-For": "198.51.100.1"}, 200),
        ({"Authorization": "Bearer let me"}, 403),
        ({"Authorization": "Bearer "}, 403),
        ({"Authorization": "Basic bGV0IG1lIGxvb2s="}, 403),
    ],
)
def test_only_the_networks_and_the_token_may_read_the_metrics(
    guarded: WatchedServer, headers: dict[str, str], status: int
) -> None:
    answer = get(guarded.port, "/metrics", **headers)
    assert answer.status == status
    assert ("syncserver_users" in answer.body) == (status == 200)
    ready = get(guarded.port, "/ready", **headers)
    assert ready.status == 200
    assert ("checks" in ready.json) == (status == 200)


def test_by_default_this_machine_alone_may_read_the_metrics(server: WatchedServer) -> None:
    assert get(server.port, "/metrics").status == 200
    assert get(server.port, "/metrics", **{"X-Forwarded-For": "198.51.100.1"}).status == 404
    # Without a token in the settings none is right.
    headers = {"X-Forwarded-For": "198.51.100.1", "Authorization": "Bearer "}
    assert get(server.port, "/metrics", **headers).status == 403
