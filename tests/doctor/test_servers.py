"""Addresses, ports, servers, clocks, disks and accounts that are not as they should be."""

import re
import socket
from pathlib import Path

import pytest

from syncserver.control.doctor import exchange
from syncserver.control.doctor.address import Address
from syncserver.control.doctor.findings import Verdict
from syncserver.control.doctor.network import Endpoint, try_all
from syncserver.control.doctor.printing import as_document
from tests.doctor.visits import visit
from tests.support.accounts import Account
from tests.support.device import Device
from tests.support.faults_small_disk import small_disk
from tests.support.official_server import OfficialServer
from tests.support.our_server import OurServer
from tests.support.processes import free_port
from tests.support.wrong_servers import closing_server, silent_server, web_server


@pytest.mark.parametrize(
    ("address", "what", "remedy"),
    [
        ("", "No address was given", "Examples"),
        ("anki.example.org", "The beginning of the address is missing", "http:// or https://"),
        ("ftp://anki.example.org/", "The beginning of the address is missing", "http://"),
        ("http://my server/", "a space", "Remove it"),
        ("http://[::1/", "not valid", "Examples"),
        ("http://host:70000/", "not valid", "Examples"),
        ("http://", "names no host", "Examples"),
        ("http://me:secret@host/", "a name or a password", "--user"),
        ("http://0.0.0.0:8080/", "it cannot be called", "127.0.0.1"),
        ("https://sync.ankiweb.net/", "This is AnkiWeb", "Examples"),
        ("http://host/anki/?a=b", "begins with ? or #", "Enter http://host/anki/"),
        ("http://host/anki/sync/", "ends in “sync”", "Enter http://host/anki/"),
        ("http://host/msync", "ends in “msync”", "Enter http://host/"),
        ("http://host/anki", "clients drop “anki”", "Enter http://host/anki/"),
    ],
)
def test_an_address_that_clients_cannot_use_is_explained(
    address: str, what: str, remedy: str
) -> None:
    visited = visit(address)
    assert visited.failed == ["address"]
    assert what in visited["address"].what
    assert remedy in visited["address"].remedy
    assert len(visited.steps(Verdict.SKIPPED)) == len(visited.findings) - 1


def test_a_redirect_to_no_address_is_explained_too() -> None:
    with web_server(301, headers={"Location": "http://[nowhere/"}) as url:
        told = visit(url).only_failure
    assert told.startswith("server: Requests are sent on to http://[nowhere/ (HTTP 301)")


def test_a_password_in_an_address_is_not_repeated() -> None:
    url = "http://me:secret@host/"
    assert "secret" not in str(as_document(url, visit(url).findings))


def test_a_name_that_nobody_has_is_explained() -> None:
    told = visit("http://nobody.invalid/").only_failure
    assert told.startswith("name: No computer called “nobody.invalid”")
    assert "A or AAAA record" in told


def test_a_wrong_port_is_explained() -> None:
    port = free_port()
    told = visit(f"http://127.0.0.1:{port}/").only_failure
    assert told.startswith("connection: The host is there, but nothing listens")
    assert "host = 0.0.0.0" in told


def test_one_address_of_a_name_that_does_not_answer_is_a_warning(server: OurServer) -> None:
    # Both are this computer's, and the server listens on the first.
    endpoints = [Endpoint(socket.AF_INET, (ip, server.port)) for ip in ("127.0.0.2", "127.0.0.1")]
    working, found = try_all(Address("http", "a.name", server.port, "/"), endpoints)
    assert working == endpoints[1:]
    assert found.verdict is Verdict.WARNING
    assert "127.0.0.2: refused" in found.what
    assert "Remove that A record" in found.remedy


@pytest.mark.parametrize(
    ("status", "body", "what"),
    [
        (200, "<html>Welcome</html>", "A web page answers here, not a sync server"),
        (404, "<html>nothing</html>", "no sync server is there (HTTP 404)"),
        (500, "", "a problem of its own (HTTP 500)"),
        (503, "<html>later</html>", "not available (HTTP 503)"),
        (504, "", "waited for the sync server in vain"),
        (429, "", "too many requests"),
        (418, "a teapot", "unexpected HTTP 418: “a teapot”"),
    ],
)
def test_what_is_no_sync_server_is_recognised(status: int, body: str, what: str) -> None:
    with web_server(status, body) as url:
        visited = visit(url)
    assert visited.failed == ["server"]
    assert what in visited["server"].what


def test_a_redirect_to_another_address_is_told() -> None:
    with web_server(302, headers={"Location": "https://else.example/anki/health"}) as url:
        told = visit(url).only_failure
    assert "sent on to https://else.example/anki/health (HTTP 302)" in told
    assert "Enter https://else.example/anki/ in clients" in told


def test_what_does_not_speak_http_is_explained() -> None:
    with closing_server() as address:
        assert visit(f"http://{address}").failed == ["server"]


def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "STALL_SECONDS", 1.0)
    with silent_server() as url:
        assert "Nobody answered within 1 seconds" in visit(url).only_failure


def test_the_official_server_is_told_from_ours_and_can_be_synced_with(tmp_path: Path) -> None:
    official = OfficialServer(tmp_path / "official")
    try:
        visited = visit(official.url, official.new_account())
    finally:
        official.stop()
    assert visited.failed == []
    assert visited["server"].verdict is Verdict.WARNING
    assert "does not say that it is syncserver" in visited["server"].what
    assert visited["chunked bodies"].verdict is Verdict.SKIPPED
    assert visited["sync"].verdict is Verdict.OK


# Accounts


def test_a_wrong_password_is_explained(server: OurServer, account: Account) -> None:
    told = visit(server.url, Account(account.name, "wrong")).only_failure
    assert told.startswith("login: The server does not accept this name and password")
    assert "ctl.py passwd" in told


def test_too_many_wrong_passwords_are_told_from_one(server: OurServer, account: Account) -> None:
    for _ in range(3):
        visit(server.url, Account(account.name, "wrong"))
    told = visit(server.url, account).only_failure
    assert told.startswith("login: There were too many requests or failed logins (HTTP 429)")
    assert re.search(r"wait \d+ seconds", told)
    assert "login_failures_per_account" in told


def test_a_deleted_user_cannot_log_in(server: OurServer, account: Account) -> None:
    server.control("deluser", account.name, "--yes")
    assert visit(server.url, account).failed == ["login"]


# Clocks


@pytest.mark.parametrize("shifted", [-700], indirect=True)
def test_a_clock_that_is_too_slow_is_named_and_anki_itself_not_tried(shifted: OurServer) -> None:
    visited = visit(shifted.url, shifted.new_account())
    told = visited.only_failure
    assert told.startswith("clock: The server's clock is 12 minutes behind this computer's.")
    assert "timedatectl" in told
    assert visited["sync"].verdict is Verdict.SKIPPED


@pytest.mark.parametrize("shifted", [100], indirect=True)
def test_a_clock_that_is_a_little_fast_is_a_warning_with_and_without_a_login(
    shifted: OurServer,
) -> None:
    for account in (None, shifted.new_account()):
        visited = visit(shifted.url, account)
        assert visited.failed == []
        assert visited["clock"].verdict is Verdict.WARNING
        assert "This computer's clock is" in visited["clock"].what


# Disks


def test_a_full_disk_is_told_in_the_servers_words(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 24) as disk:
        server = OurServer(disk.path)
        account = server.new_account()
        device = Device(tmp_path / "device").login(server.url, account)
        device.add_note("one", "two")
        device.sync()
        device.upload()
        device.close()
        disk.fill()
        visited = visit(server.url, account)
        disk.empty()
        server.stop()
    assert visited.failed[0] == "large bodies"
    assert "The server's disk is full" in visited["large bodies"].what
    assert "df -h" in visited["large bodies"].remedy
