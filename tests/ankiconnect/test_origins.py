"""Web pages and plug-ins in browsers, on a server whose operator allows some of them."""

from collections.abc import Callable

import pytest

from tests.ankiconnect.conftest import PATH, Program
from tests.ankiconnect.test_dialogue import permission
from tests.support.our_server import OurServer
from tests.support.rest_client import RestClient

OBSIDIAN = "app://obsidian.md"


@pytest.fixture
def open_server(new_server: Callable[..., OurServer]) -> OurServer:
    return new_server(cors_origins=OBSIDIAN)


def test_an_allowed_page_may_ask_and_read(open_server: OurServer) -> None:
    assert permission(open_server.url, OBSIDIAN) == ("granted", OBSIDIAN)
    program = Program(open_server.url, open_server.new_token(open_server.new_account()))
    asked = {"action": "deckNames", "version": 6, "key": program.key}
    reply = program.send(asked, headers={"Origin": OBSIDIAN})
    assert reply.headers["access-control-allow-origin"] == OBSIDIAN

    preflight = RestClient(open_server.url).call(
        "OPTIONS",
        PATH,
        headers={"Origin": OBSIDIAN, "Access-Control-Request-Private-Network": "true"},
    )
    assert preflight.status == 204
    assert preflight.headers["access-control-allow-origin"] == OBSIDIAN
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert "Content-Type" in preflight.headers["access-control-allow-headers"]
    assert preflight.headers["access-control-allow-private-network"] == "true"

    assert permission(open_server.url, "https://foreign.example")[0] == "denied"
    assert RestClient(open_server.url).call("PUT", PATH, {}).status == 405
    assert RestClient(open_server.url).call("POST", f"{PATH}/else", {}).status == 404
