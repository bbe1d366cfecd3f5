"""The plain port beside HTTPS: browsers are redirected, everybody else is refused in words."""

from collections.abc import Iterator

import pytest
from anki.errors import NetworkError

from tests.listening.installed import Installed, ask_plainly
from tests.support.authority import Certificate
from tests.support.device import Device
from tests.support.faults_connection import HandMadeRequest
from tests.support.processes import free_port


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory, certificate: Certificate
) -> Iterator[Installed]:
    """A server with TLS and a plain port, for all tests of this module."""
    installed = Installed(tmp_path_factory.mktemp("plain"))
    installed.set(
        tls_certificate=certificate.certificate,
        tls_key=certificate.key,
        redirect_port=free_port(),
    )
    try:
        installed.must("start")
        yield installed
    finally:
        installed.clean_up()


@pytest.fixture
def plain_port(running: Installed) -> int:
    """The plain port of the running server."""
    [line] = [one for one in running.config.read_text().splitlines() if "redirect_port" in one]
    return int(line.partition("=")[2])


@pytest.mark.parametrize("verb", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "path", ["/", "/api/v1/?a=b&c=%C3%A4", "/a%20b//c", "/50%25%3F", "/?next=//evil.test"]
)
def test_a_browser_is_sent_to_the_same_path_by_https(
    running: Installed, plain_port: int, verb: str, path: str
) -> None:
    answer = ask_plainly(plain_port, verb, path)
    assert answer.status == 301
    assert answer.headers["location"] == f"https://127.0.0.1:{running.port}{path}"


@pytest.mark.parametrize("verb", ["POST", "PUT", "DELETE"])
def test_anything_else_is_refused_with_the_right_address(
    running: Installed, plain_port: int, verb: str
) -> None:
    answer = ask_plainly(plain_port, verb, "/sync/hostKey", body=b"secret")
    assert answer.status == 426
    assert "location" not in answer.headers
    assert f"https://127.0.0.1:{running.port}/" in answer.text


def test_an_anki_client_shows_that_it_needs_another_address(
    running: Installed, plain_port: int, device: Device
) -> None:
    account = running.add("anna")
    with pytest.raises(NetworkError, match="426 Upgrade Required"):
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
    running: Installed, plain_port: int, host: str
) -> None:
    with HandMadeRequest(plain_port) as request:
        request.send(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        status, headers, _ = request.answer()
    assert status == 400
    assert "location" not in headers


def test_nothing_is_served_there(plain_port: int) -> None:
    assert ask_plainly(plain_port, "GET", "/health").status == 301
