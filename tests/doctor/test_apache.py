"""Apache in front of a server that is well, with one setting wrong."""

from pathlib import Path

import pytest

from syncserver.control.doctor.findings import Verdict
from tests.doctor.visits import TOO_SHORT, visit
from tests.support.accounts import Account
from tests.support.our_server import OurServer
from tests.support.processes import free_port
from tests.support.staged_apache import apache


def test_an_apache_that_is_right_is_well(upstream: str, folder: Path, account: Account) -> None:
    with apache(folder, f"ProxyPass /anki/ {upstream}/") as url:
        visited = visit(f"{url}anki/", account)
    assert visited.failed == []
    assert visited["media"].verdict is Verdict.OK


def test_a_body_limit_of_apache_does_not_hold_for_what_it_passes_on(
    upstream: str, folder: Path
) -> None:
    with apache(folder, f"ProxyPass / {upstream}/\nLimitRequestBody 1000000") as url:
        assert visit(url)["large bodies"].verdict is Verdict.OK


def test_chunked_bodies_that_apache_drops_are_named(
    server: OurServer, upstream: str, folder: Path
) -> None:
    rules = f"ProxyPass / {upstream}/\nRequestHeader unset Transfer-Encoding early"
    with apache(folder, rules) as url:
        visited = visit(url)
    assert visited.only_failure.startswith("chunked bodies: Bodies sent in chunks")
    assert "Apache: SetEnv proxy-sendchunked 1" in visited.only_failure
    assert "RequestHeader unset Transfer-Encoding" in visited.only_failure
    assert "body_missing" in server.log()


def test_a_time_out_of_apache_is_named(patient: OurServer, folder: Path) -> None:
    account = patient.new_account()
    rules = f"ProxyPass / {patient.url}\nProxyTimeout {TOO_SHORT}"
    with apache(folder, rules) as url:
        visited = visit(url, account, quick=False, largest=1_000_000)
    assert visited.cut_after("slow answers") >= TOO_SHORT
    assert visited["slow answers"].directives[0].startswith("Apache: ProxyTimeout 60")


def test_a_path_that_apache_does_not_take_away_is_named(upstream: str, folder: Path) -> None:
    with apache(folder, f"ProxyPass /anki/ {upstream}/anki/") as url:
        told = visit(f"{url}anki/").only_failure
    assert told.startswith("server: The sync server answers, but is asked for the wrong path")
    assert "Apache: ProxyPass /anki/ http://127.0.0.1:8080/ with a slash at both ends" in told


def test_a_path_that_apache_does_not_pass_on_is_named(upstream: str, folder: Path) -> None:
    with apache(folder, f"ProxyPass /anki/ {upstream}/") as url:
        told = visit(f"{url}sync-server/").only_failure
    assert told.startswith("server: A web server answers, but no sync server is there (HTTP 404)")
    assert told.split("\n")[2].startswith("Apache: ProxyPass /anki/")


def test_a_slash_that_is_missing_in_apaches_target_is_no_mistake_of_the_server(
    upstream: str, folder: Path
) -> None:
    with apache(folder, f"ProxyPass /anki/ {upstream}") as url:
        told = visit(f"{url}anki/").only_failure
    assert told.startswith("server: A program in front of the server has failed (HTTP 500)")
    assert "the slash at the end counts" in told


def test_a_server_that_is_down_behind_apache_is_named(folder: Path) -> None:
    with apache(folder, f"ProxyPass / http://127.0.0.1:{free_port()}/") as url:
        told = visit(url).only_failure
    assert told.startswith("server: A proxy answers that the service is not available (HTTP 503)")
    assert "ctl.py start" in told


@pytest.mark.parametrize(
    ("rule", "what"),
    [
        ("RequestHeader unset anki-sync", "does not get the header anki-sync"),
        ("ProxyErrorOverride On", "answers 403 with a page of its own"),
        ("LimitRequestFieldSize 512", "headers of a request are too large"),
    ],
)
def test_what_apache_does_to_the_sync_header_is_the_only_thing_that_is_named(
    rule: str, what: str, upstream: str, folder: Path
) -> None:
    with apache(folder, f"ProxyPass / {upstream}/\n{rule}") as url:
        told = visit(url).only_failure
    assert told.startswith("sync header: ")
    assert what in told
    assert f"Apache: {rule.split(maxsplit=1)[0]}" in told or f"no '{rule}'" in told


def test_a_header_that_apache_removes_from_answers_is_named(
    upstream: str, folder: Path, account: Account
) -> None:
    rules = f"ProxyPass / {upstream}/\nHeader unset anki-original-size"
    with apache(folder, rules) as url:
        assert "no 'Header unset anki-original-size'" in visit(url, account).only_failure


def test_answers_that_apache_compresses_again_are_named(
    upstream: str, folder: Path, account: Account
) -> None:
    rules = f"ProxyPass / {upstream}/\nSetOutputFilter DEFLATE\nSetEnv force-gzip 1"
    with apache(folder, rules) as url:
        visited = visit(url, account)
    found = visited[visited.failed[0]]
    assert "compresses the server's answers once more" in found.what
    assert any(one.startswith("Apache: SetEnv no-gzip 1") for one in found.directives)
