"""What the test of an address finds at other people's servers, at none, and at ours."""

import errno
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import URLError

import pytest
from anki.collection import Collection

from addons.self_hosted_server.checks import Entered, Result, check
from addons.self_hosted_server.findings import FINE, NEXT, UNKNOWN, WRONG, as_html, wrong
from addons.self_hosted_server.login import SyncLogin, explain_login_failure
from addons.self_hosted_server.unreachable import explain_no_answer
from tests.support.accounts import Account
from tests.support.our_server import OurServer
from tests.support.processes import free_port
from tests.support.wrong_servers import (
    closing_server,
    self_signed_certificate,
    silent_server,
    web_server,
)

Check = Callable[..., Result]


@pytest.fixture(scope="module")
def sync_login(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SyncLogin]:
    collection = Collection(str(tmp_path_factory.mktemp("anki") / "collection.anki2"))
    yield collection.sync_login
    collection.close()


@pytest.fixture
def checked(sync_login: SyncLogin) -> Check:
    def run(address: str, name: str = "", password: str = "") -> Result:
        return check(Entered(address, name, password), sync_login, timeout=2.0)

    return run


def only(result: Result) -> str:
    """Return the one thing that is wrong, with the advice."""
    [finding] = result.findings
    assert finding.state == WRONG
    assert finding.advice
    return f"{finding.what} {finding.advice}"


def states(result: Result) -> list[str]:
    return [finding.state for finding in result.findings]


def test_our_server_is_found_well_and_the_next_step_is_told(
    checked: Check, ours: OurServer, account: Account
) -> None:
    result = checked(ours.url, account.name, account.password)
    assert states(result) == [FINE, FINE, FINE, NEXT]
    assert result.key
    assert result.better_address == ""


def test_a_login_that_was_not_entered_is_not_tested(checked: Check, ours: OurServer) -> None:
    assert states(checked(ours.url)) == [FINE, FINE, UNKNOWN, NEXT]
    assert "the password is missing" in checked(ours.url, "somebody").findings[2].what
    assert "the name is missing" in checked(ours.url, "", "secret").findings[2].what


def test_a_wrong_password_is_explained(checked: Check, ours: OurServer, account: Account) -> None:
    result = checked(ours.url, account.name, "wrong")
    assert states(result) == [FINE, FINE, WRONG]
    assert "not of AnkiWeb" in result.findings[2].advice
    assert result.key == ""


def test_nobody_is_asked_about_an_address_that_cannot_be_one(checked: Check) -> None:
    assert "The beginning of the address is missing" in only(checked("127.0.0.1"))


@pytest.mark.parametrize(
    ("status", "body", "what"),
    [
        (200, "<html>Welcome</html>", "A web page answers here"),
        (404, "", "no sync server (HTTP 404)"),
        (401, "", "does not let Anki pass"),
        (429, "", "Wait a few minutes"),
        (418, "", "unexpected HTTP 418"),
        (500, "", "a problem of its own (HTTP 500)"),
        (502, "", "the sync server behind the proxy is running"),
    ],
)
def test_another_server_is_recognised(checked: Check, status: int, body: str, what: str) -> None:
    with web_server(status, body) as url:
        assert what in only(checked(url))


def test_a_port_that_wants_encryption_is_recognised(checked: Check) -> None:
    with web_server(400, "The plain HTTP request was sent to HTTPS port") as url:
        result = checked(url)
    assert "wants an encrypted connection" in only(result)
    assert result.better_address == url.replace("http://", "https://")


@pytest.mark.parametrize(
    ("location", "better"),
    [("https://elsewhere/anki/health", "https://elsewhere/anki/"), ("/login", "")],
)
def test_a_redirect_is_not_followed_but_told(checked: Check, location: str, better: str) -> None:
    with web_server(301, headers={"Location": location}) as url:
        result = checked(url)
    assert "sends visitors on to another address" in only(result)
    assert result.better_address == better


@pytest.mark.parametrize(
    ("ahead", "what"),
    [
        (-600, "The server's clock is 10 minutes behind this computer's."),
        (7200, "This computer's clock is 2 hours behind the server's."),
        (3 * 86400, "This computer's clock is 3 days behind the server's."),
    ],
)
def test_clocks_too_far_apart_are_told(checked: Check, ahead: float, what: str) -> None:
    with web_server(clock_ahead=ahead) as url:
        result = checked(url)
    assert states(result) == [FINE, WRONG, UNKNOWN]
    assert result.findings[1].what == what


@pytest.mark.parametrize("ahead", [-280, 280])
def test_clocks_that_anki_accepts_are_fine(checked: Check, ahead: float) -> None:
    with web_server(clock_ahead=ahead) as url:
        assert states(checked(url))[1] == FINE


def test_a_server_without_a_clock_is_no_problem(checked: Check) -> None:
    with web_server(clock_ahead=None) as url:
        assert states(checked(url)) == [FINE, UNKNOWN, UNKNOWN, NEXT]


def test_a_login_that_the_server_does_not_know_is_explained(checked: Check) -> None:
    with web_server() as url:
        result = checked(url, "me", "secret")
    assert states(result) == [FINE, FINE, WRONG]
    assert "it must pass on /sync/" in result.findings[2].advice


def test_too_many_attempts_are_told_from_a_wrong_password() -> None:
    finding = explain_login_failure(Exception("HTTP status client error (429 Too Many Requests)"))
    assert "does not take any more attempts" in finding.what


def test_nothing_that_listens_is_explained(checked: Check) -> None:
    said = only(checked(f"http://127.0.0.1:{free_port()}/"))
    assert "nothing accepts connections on its port" in said


def test_a_name_that_nobody_has_is_explained(checked: Check) -> None:
    assert "“nobody.invalid” was found" in only(checked("http://nobody.invalid/"))


def test_a_server_that_says_nothing_is_explained(checked: Check) -> None:
    with silent_server() as url:
        assert "did not answer in time" in only(checked(url))


def test_a_server_that_hangs_up_is_explained(checked: Check) -> None:
    with closing_server() as address:
        plain, encrypted = checked(f"http://{address}"), checked(f"https://{address}")
    assert "does not answer as a web server" in only(plain)
    assert plain.better_address == f"https://{address}"
    assert "ends the connection without an answer" in only(encrypted)


def test_encryption_that_the_server_does_not_have_is_explained(checked: Check) -> None:
    with web_server() as url:
        result = checked(url.replace("http://", "https://"))
    assert "does not answer encrypted" in only(result)
    assert result.better_address == url


def test_a_self_signed_certificate_is_explained(checked: Check, tmp_path: Path) -> None:
    with web_server(certificate=self_signed_certificate(tmp_path, "IP:127.0.0.1")) as url:
        assert "it is self-signed" in only(checked(url))


def test_a_certificate_for_another_name_is_explained(
    checked: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed_certificate(tmp_path, "DNS:other.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "public.pem"))
    with web_server(certificate=certificate) as url:
        assert "is for another name than “127.0.0.1”" in only(checked(url))


def test_a_certificate_that_this_computer_trusts_is_fine(
    checked: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed_certificate(tmp_path, "IP:127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "public.pem"))
    with web_server(certificate=certificate) as url:
        assert states(checked(url))[0] == FINE


@pytest.mark.parametrize(
    ("code", "what"),
    [
        (9, "is not valid yet"),
        (10, "has expired"),
        (20, "was not issued by anybody whom this computer trusts."),
        (23, "is not accepted: certificate revoked"),
    ],
)
def test_other_faults_of_certificates_are_explained(code: int, what: str) -> None:
    # By OpenSSL's numbers, as they come from `ssl`.
    fault = ssl.SSLCertVerificationError(1, "certificate verify failed")
    fault.verify_code, fault.verify_message = code, "certificate revoked"
    assert what in explain_no_answer(URLError(fault), "https://server/").what


@pytest.mark.parametrize(
    ("number", "what"),
    [(errno.EHOSTUNREACH, "has no way to reach “server”"), (errno.EIO, "cannot be reached")],
)
def test_other_faults_of_the_network_are_explained(number: int, what: str) -> None:
    assert what in explain_no_answer(URLError(OSError(number, "text")), "http://server/").what


def test_what_a_server_says_is_text_and_no_markup() -> None:
    assert "&lt;b&gt;" in as_html([wrong("<b>", "<i>")])
    assert "<i>" not in as_html([wrong("<b>", "<i>")])
