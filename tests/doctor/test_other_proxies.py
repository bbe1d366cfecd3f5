"""Caddy and HAProxy, each with one setting wrong."""

from pathlib import Path

from tests.doctor.visits import TOO_SHORT, visit
from tests.support.accounts import Account
from tests.support.our_server import OurServer
from tests.support.processes import free_port
from tests.support.staged_programs import caddy, haproxy


def test_a_body_limit_of_caddy_is_named(upstream: str, folder: Path) -> None:
    rules = f"request_body {{\n max_size 1MB\n}}\nreverse_proxy {upstream}"
    with caddy(folder, free_port(), rules) as url:
        visited = visit(url)
    assert visited.only_failure.startswith("large bodies: A proxy refuses bodies of 1.5 MB")
    assert visited["large bodies"].directives[0].startswith("Caddy: request_body")


def test_a_caddy_that_is_right_is_well(upstream: str, folder: Path, account: Account) -> None:
    with caddy(
        folder, free_port(), f"handle_path /anki/* {{\n reverse_proxy {upstream}\n}}"
    ) as url:
        assert visit(f"{url}anki/", account).failed == []


def test_a_time_out_of_haproxy_is_named(patient: OurServer, folder: Path) -> None:
    account = patient.new_account()
    with haproxy(folder, free_port(), patient.port, f"timeout server {TOO_SHORT}s") as url:
        visited = visit(url, account, quick=False, largest=1_000_000)
    assert visited.cut_after("slow answers") >= TOO_SHORT
    assert "HAProxy: timeout server 60s" in visited["slow answers"].directives


def test_a_header_that_haproxy_removes_is_named(server: OurServer, folder: Path) -> None:
    rules = "http-request del-header anki-sync"
    with haproxy(folder, free_port(), server.port, rules) as url:
        visited = visit(url)
    assert visited.failed == ["sync header"]
    assert any("del-header anki-sync" in one for one in visited["sync header"].directives)
