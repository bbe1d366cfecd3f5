"""The forwarder: programs with a built-in address, pages that must not use it."""

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ankiconnect.conftest import Program, basic, synced
from tests.support.device import Device
from tests.support.forwarder import Forwarder, forwarder_command, forwarding
from tests.support.our_server import OurServer
from tests.support.processes import free_port
from tests.support.rest_client import RestClient, RestReply

OBSIDIAN = "app://obsidian.md"
EXTENSION = "moz-extension://0a1b2c3d"
FOREIGN = "https://foreign.example"
ALLOWED = ("--allow-origin", OBSIDIAN, "--allow-origin", "moz-extension://*")


@pytest.fixture
def forwarder(anki: Program, ours: OurServer) -> Iterator[Forwarder]:
    with forwarding(ours.url, anki.key, *ALLOWED) as forwarder:
        yield forwarder


def ask(forwarder: Forwarder, action: str, **headers: str) -> RestReply:
    asked = {"action": action, "version": 6}
    return RestClient(forwarder.url).call("POST", "/", asked, headers=headers)


def test_a_program_without_a_key_uses_the_collection(forwarder: Forwarder, laptop: Device) -> None:
    asked = {"action": "addNote", "version": 6, "params": {"note": basic("forwarded")}}
    answer = RestClient(forwarder.url).ok("POST", "/", asked)

    assert answer["error"] is None
    synced(laptop)
    assert laptop.has_note(answer["result"])


def test_the_greeting_is_that_of_the_server(forwarder: Forwarder) -> None:
    reply = RestClient(forwarder.url).call("GET", "/")
    assert (reply.status, reply.body) == (200, b"AnkiConnect v.6")


@pytest.mark.parametrize("origin", [OBSIDIAN, EXTENSION])
def test_an_allowed_page_may_ask_and_read(forwarder: Forwarder, origin: str) -> None:
    preflight = RestClient(forwarder.url).call("OPTIONS", "/", headers={"Origin": origin})
    assert preflight.status == 204
    assert preflight.headers["access-control-allow-origin"] == origin
    assert preflight.headers["access-control-allow-private-network"] == "true"
    reply = ask(forwarder, "deckNames", Origin=origin)
    assert reply.json["result"] == ["Default"]
    assert reply.headers["access-control-allow-origin"] == origin


@pytest.mark.parametrize(
    "origin", [FOREIGN, "null", "http://localhost", f"{OBSIDIAN}.evil.example", "moz-extension"]
)
@pytest.mark.parametrize("verb", ["GET", "POST", "OPTIONS"])
def test_any_other_page_is_turned_away(forwarder: Forwarder, origin: str, verb: str) -> None:
    asked = {"action": "deckNames", "version": 6} if verb == "POST" else None
    reply = RestClient(forwarder.url).call(verb, "/", asked, headers={"Origin": origin})
    assert reply.status == 403
    assert "access-control-allow-origin" not in reply.headers
    assert b"Default" not in reply.body


def test_a_page_that_has_stolen_the_address_is_turned_away(forwarder: Forwarder) -> None:
    assert ask(forwarder, "deckNames", Host="foreign.example").status == 403
    assert ask(forwarder, "requestPermission", Host="foreign.example:8765").status == 403
    assert ask(forwarder, "deckNames", Host=f"localhost:{forwarder.port}").status == 200


def test_permission_is_the_forwarders_to_give(forwarder: Forwarder) -> None:
    for headers in ({}, {"Origin": EXTENSION}):
        granted = ask(forwarder, "requestPermission", **headers).json["result"]
        assert granted["permission"] == "granted"
        assert granted["requireApiKey"] is False
    denied = ask(forwarder, "requestPermission", Origin=FOREIGN)
    assert denied.json == {"result": {"permission": "denied"}, "error": None}
    assert denied.headers["access-control-allow-origin"] == FOREIGN


def test_old_versions_get_the_bare_permission(forwarder: Forwarder) -> None:
    answer = RestClient(forwarder.url).ok("POST", "/", {"action": "requestPermission"})
    assert answer["permission"] == "granted"


def test_errors_of_the_server_come_through(forwarder: Forwarder) -> None:
    answer = RestClient(forwarder.url).ok("POST", "/", b'"requestPermission"')
    assert answer["error"]
    assert ask(forwarder, "noSuchAction").json["error"] == "unsupported action"


def test_a_server_that_does_not_answer_is_an_error(anki: Program) -> None:
    with forwarding(f"http://127.0.0.1:{free_port()}", anki.key) as forwarder:
        assert "cannot be reached" in ask(forwarder, "deckNames").json["error"]


def test_an_address_without_ankiconnect_is_an_error(anki: Program, ours: OurServer) -> None:
    with forwarding(f"{ours.url}elsewhere", anki.key) as forwarder:
        assert "status 404" in ask(forwarder, "deckNames").json["error"]


def test_a_body_without_a_length_is_refused(forwarder: Forwarder) -> None:
    with socket.create_connection(("127.0.0.1", forwarder.port), timeout=10) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b" 411 " in connection.recv(1000)


def test_only_this_computer_reaches_it(forwarder: Forwarder) -> None:
    with socket.socket() as other, pytest.raises(OSError, match="refused"):
        # Another address of this computer, as the network would use it.
        other.connect(("127.0.0.2", forwarder.port))


def test_refused_pages_are_named_and_the_token_is_not(anki: Program, ours: OurServer) -> None:
    forwarder = Forwarder(ours.url, anki.key)
    ask(forwarder, "deckNames", Origin=FOREIGN)
    ask(forwarder, "deckNames")
    logged = forwarder.stop()
    assert f"--allow-origin {FOREIGN}" in logged
    assert anki.key not in logged


# The command line


def run(*arguments: str, token: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        forwarder_command(*arguments),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        env={**os.environ, "ANKICONNECT_TOKEN": token},
    )


def test_help_says_how_it_is_used() -> None:
    done = run("--help")
    assert done.returncode == 0
    for option in ("--token-file", "--allow-origin", "--port", "ANKICONNECT_TOKEN"):
        assert option in done.stdout


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["anki.example.org"], "not an address"),
        (["ftp://anki.example.org"], "not an address"),
        (["http://anki.example.org"], "without encryption"),
    ],
)
def test_wrong_use_is_explained(arguments: list[str], problem: str) -> None:
    done = run(*arguments, token="secret")
    assert done.returncode == 2
    assert problem in done.stderr


def test_a_token_is_needed() -> None:
    assert "no token" in run("https://anki.example.org").stderr
    assert run("https://anki.example.org", "--token-file", "/nowhere").returncode == 2


def test_the_token_may_be_in_a_file(anki: Program, ours: OurServer, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{anki.key}\n", encoding="utf-8")
    with forwarding(f"{ours.url}ankiconnect/", "", "--token-file", str(file)) as forwarder:
        assert ask(forwarder, "deckNames").json["result"] == ["Default"]
