"""The plain port beside HTTPS: browsers are redirected, everybody else is refused in words."""

import pytest
from anki.errors import NetworkError

from tests.listening.installed import Installed, ask_plainly
from tests.support.device import Device
from tests.support.processes import free_port


@pytest.fixture
def plain_port(secure: Installed) -> int:
    """The plain port of a running server."""
    port = free_port()
    secure.set(redirect_port=port)
    secure.must("start")
    return port


@pytest.mark.parametrize("verb", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/", "/api/v1/?a=b&c=%C3%A4", "/a%20b//c", "/?next=//evil.test"])
def test_a_browser_is_sent_to_the_same_path_by_https(
    secure: Installed, plain_port: int, verb: str, path: str
) -> None:
    answer = ask_plainly(plain_port, verb, path)
    assert answer.status == 301
    assert answer.headers["location"] == f"https://127.0.0.1:{secure.port}{path}"


@pytest.mark.parametrize("verb", ["POST", "PUT", "DELETE"])
def test_anything_else_is_refused_with_the_right_address(
    secure: Installed, plain_port: int, verb: str
) -> None:
    answer = ask_plainly(plain_port, verb, "/sync/hostKey", body=b"secret")
    assert answer.status == 426
    assert "location" not in answer.headers
    assert f"https://127.0.0.1:{secure.port}/" in answer.text


def test_an_anki_client_is_told_what_to_enter(
    secure: Installed, plain_port: int, device: Device
) -> None:
    account = secure.add("anna")
    with pytest.raises(NetworkError, match=f"https://127.0.0.1:{secure.port}/"):
        device.login(f"http://127.0.0.1:{plain_port}/", account)


def test_the_public_address_comes_first(secure: Installed) -> None:
    port = free_port()
    secure.set(redirect_port=port)
    text = secure.config.read_text()
    public = "[DEFAULT]\npublic_url = https://anki.example.org/cards/"
    secure.config.write_text(text.replace("[DEFAULT]", public))
    secure.must("start")
    location = ask_plainly(port, "GET", "/api/").headers["location"]
    assert location == "https://anki.example.org/cards/api/"


@pytest.mark.parametrize("host", ["", "a b", "evil.test/path", "user@evil.test", "[x]"])
def test_a_request_that_names_no_host_leads_nowhere(
    secure: Installed, plain_port: int, host: str
) -> None:
    from tests.support.faults_connection import HandMadeRequest

    with HandMadeRequest(plain_port) as request:
        request.send(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        status, headers, _ = request.answer()
    assert status == 400
    assert "location" not in headers


def test_nothing_is_served_there(plain_port: int) -> None:
    assert ask_plainly(plain_port, "GET", "/health").status == 301
