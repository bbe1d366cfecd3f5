"""TLS without a proxy: versions, real clients, wrong files, a certificate that is renewed."""

import http.client
import os
import signal
import ssl
import threading
from collections.abc import Callable

import pytest
from anki.errors import NetworkError
from cryptography.hazmat.primitives.asymmetric import ed448, rsa

from tests.control.operator import wait_until
from tests.listening.installed import TIMEOUT, Installed, ask_plainly, shown_serial
from tests.support.authority import Authority, Certificate, signed_by_itself
from tests.support.device import FULL_UPLOAD, NO_CHANGES, Device
from tests.support.raw_client import RawClient, compressed_pieces

WRONG_CONFIGURATION = 78


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_present_versions_are_spoken(
    secure: Installed, authority: Authority, version: ssl.TLSVersion
) -> None:
    secure.must("start")
    assert secure.get(authority.trusting(version=version)).status == 200


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_an_older_version_is_refused(secure: Installed, authority: Authority) -> None:
    secure.must("start")
    with pytest.raises(ssl.SSLError, match="ALERT"):
        secure.get(authority.trusting(version=ssl.TLSVersion.TLSv1_1))


def test_an_anki_client_that_trusts_the_authority_syncs(
    secure: Installed, authority: Authority, device: Device
) -> None:
    secure.must("start")
    account = secure.add("anna")
    authority.trusted_by(device)
    device.login(secure.secure_url, account)
    device.add_note("through TLS", "back")
    assert device.sync() == FULL_UPLOAD
    device.upload()
    device.add_note("once more", "back")
    assert device.sync() == NO_CHANGES


def test_an_anki_client_that_does_not_trust_it_sends_no_password(
    secure: Installed, device: Device
) -> None:
    secure.must("start")
    account = secure.add("anna")
    with pytest.raises(NetworkError):
        device.login(secure.secure_url, account)
    assert "path=/sync/hostKey" not in secure.log


def test_the_control_script_knows_that_it_is_well(secure: Installed) -> None:
    assert f"https://127.0.0.1:{secure.port}/" in secure.must("start").output
    status = secure.must("status", "--json").json
    assert (status["answering"], status["url"]) == (True, f"https://127.0.0.1:{secure.port}/")


@pytest.mark.parametrize(("seconds", "told"), [(0, None), (31536000, "max-age=31536000")])
def test_browsers_are_told_to_stay_with_https_if_it_is_wanted(
    secure: Installed, authority: Authority, seconds: int, told: str | None
) -> None:
    secure.set(hsts_seconds=seconds)
    secure.must("start")
    for path in ("/", "/health", "/nothing"):
        answer = secure.get(authority.trusting(), path)
        assert answer.headers.get("strict-transport-security") == told


# What cannot be used


def without(option: str) -> Callable[[Installed, Authority], None]:
    return lambda installed, _authority: installed.set(**{option: ""})


def missing(option: str) -> Callable[[Installed, Authority], None]:
    return lambda installed, _authority: installed.set(**{option: "/nowhere.pem"})


def rubbish(option: str) -> Callable[[Installed, Authority], None]:
    def break_it(installed: Installed, _authority: Authority) -> None:
        file = installed.folder / "rubbish.pem"
        kind = "CERTIFICATE" if option != "tls_key" else "PRIVATE KEY"
        file.write_text(f"-----BEGIN {kind}-----\nrubbish\n-----END {kind}-----\n")
        installed.set(**{option: file})

    return break_it


def key_of_another(installed: Installed, authority: Authority) -> None:
    installed.set(tls_key=authority.issue("localhost").key)


def key_in_place_of_the_certificate(installed: Installed, authority: Authority) -> None:
    installed.set(tls_certificate=authority.issue("localhost").key)


def key_with_a_password(installed: Installed, _authority: Authority) -> None:
    key = rsa.generate_private_key(65537, 2048)
    made = signed_by_itself(installed.folder, "protected", key, b"secret")
    installed.set(tls_certificate=made.certificate, tls_key=made.key)


def short_key(installed: Installed, _authority: Authority) -> None:
    made = signed_by_itself(installed.folder, "short", rsa.generate_private_key(65537, 1024))
    installed.set(tls_certificate=made.certificate, tls_key=made.key)


@pytest.mark.parametrize(
    ("break_it", "option", "words"),
    [
        (without("tls_key"), "tls_key", "missing"),
        (without("tls_certificate"), "tls_key", "tls_certificate"),
        (missing("tls_certificate"), "tls_certificate", "No such file"),
        (missing("tls_key"), "tls_key", "No such file"),
        (missing("tls_client_ca"), "tls_client_ca", "No such file"),
        (rubbish("tls_certificate"), "tls_certificate", "damaged"),
        (rubbish("tls_key"), "tls_key", "no private key"),
        (rubbish("tls_client_ca"), "tls_client_ca", "damaged"),
        (key_in_place_of_the_certificate, "tls_certificate", "no certificate"),
        (key_of_another, "tls_key", "does not belong"),
        (key_with_a_password, "tls_key", "password"),
        (short_key, "tls_certificate", "too weak"),
    ],
)
def test_what_cannot_be_used_is_named_before_anything_listens(
    secure: Installed,
    authority: Authority,
    break_it: Callable[[Installed, Authority], None],
    option: str,
    words: str,
) -> None:
    break_it(secure, authority)
    for command in ("start", "debug"):
        refused = secure.ctl(command)
        assert refused.exit_code == WRONG_CONFIGURATION
        assert f"{option}: " in refused.errors
        assert words in refused.errors
        assert len(refused.errors.splitlines()) == 1
    assert secure.is_stopped()


def test_comments_beside_the_certificates_may_be_in_any_alphabet(
    installed: Installed, authority: Authority, certificate: Certificate
) -> None:
    chain, trusted = installed.folder / "chain.pem", installed.folder / "trusted.pem"
    for commented, plain in ((chain, certificate.certificate), (trusted, authority.root_file)):
        commented.write_text(f"# 证书, сертификат\n{plain.read_text()}", encoding="utf-8")
    installed.set(tls_certificate=chain, tls_key=certificate.key, tls_client_ca=trusted)
    installed.must("start")
    shown = authority.issue("laptop")
    assert installed.get(authority.trusting(shown)).status == 200


@pytest.mark.parametrize("option", ["hsts_seconds", "redirect_port"])
def test_an_option_that_needs_tls_is_refused_without_it(installed: Installed, option: str) -> None:
    installed.set(**{option: 1})
    refused = installed.ctl("start")
    assert option in refused.errors
    assert "tls_certificate" in refused.errors


# A certificate that is renewed


class SlowRequest:
    """A login over TLS that is sent in two parts."""

    def __init__(self, installed: Installed, authority: Authority) -> None:
        self._connection = http.client.HTTPSConnection(
            "localhost", installed.port, context=authority.trusting(), timeout=TIMEOUT
        )
        self._body = b"".join(compressed_pieces(b'{"u":"nobody","p":"nothing"}'))
        self._connection.putrequest("POST", "/sync/hostKey")
        self._connection.putheader("anki-sync", RawClient(installed.secure_url).sync_header())
        self._connection.putheader("content-length", str(len(self._body)))
        self._connection.endheaders(self._body[:5])

    def finish(self) -> int:
        """Send the rest and return the status of the answer."""
        self._connection.send(self._body[5:])
        status = self._connection.getresponse().status
        self._connection.close()
        return status


@pytest.fixture
def renewed(authority: Authority, installed: Installed) -> tuple[Certificate, Certificate]:
    """The certificate of a running server, and the one that will take its place."""
    present, next_one = (authority.issue("localhost") for _ in range(2))
    installed.set(tls_certificate=present.certificate, tls_key=present.key)
    installed.must("start")
    return present, next_one


def test_a_renewed_certificate_is_used_without_a_restart(
    installed: Installed, authority: Authority, renewed: tuple[Certificate, Certificate]
) -> None:
    present, next_one = renewed
    before, worker = shown_serial(installed.port, authority), installed.worker_pid()
    next_one.write_over(present)
    wait_until(lambda: shown_serial(installed.port, authority) != before)
    assert installed.worker_pid() == worker
    assert "tls_renewed" in installed.log
    installed.must("stop")


def test_a_request_in_progress_goes_on_while_the_certificate_changes(
    installed: Installed, authority: Authority, renewed: tuple[Certificate, Certificate]
) -> None:
    present, next_one = renewed
    before = shown_serial(installed.port, authority)
    upload = SlowRequest(installed, authority)
    next_one.write_over(present)
    wait_until(lambda: shown_serial(installed.port, authority) != before)
    assert upload.finish() == 403, "nobody is logged in, which is seen when all has come"
    installed.must("stop")


def test_files_that_do_not_fit_each_other_leave_the_old_certificate_in_use(
    installed: Installed, authority: Authority, renewed: tuple[Certificate, Certificate]
) -> None:
    present, next_one = renewed
    before = shown_serial(installed.port, authority)
    present.certificate.write_bytes(next_one.certificate.read_bytes())
    wait_until(lambda: "tls_unusable" in installed.log)
    assert shown_serial(installed.port, authority) == before
    present.key.write_bytes(next_one.key.read_bytes())
    wait_until(lambda: shown_serial(installed.port, authority) != before)


def test_a_worker_that_is_replaced_meanwhile_waits_for_files_that_can_be_used(
    installed: Installed, authority: Authority, renewed: tuple[Certificate, Certificate]
) -> None:
    present, next_one = renewed
    supervisor, worker = installed.server_pid(), installed.worker_pid()
    present.certificate.write_text("half a certificate")
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: installed.log.count("server_started") == 2)
    assert "tls_unusable" in installed.log
    next_one.write_over(present)
    assert installed.get(authority.trusting()).status == 200
    assert installed.server_pid() == supervisor


def test_a_kind_of_key_that_cannot_be_served_leaves_the_old_certificate_in_use(
    installed: Installed, authority: Authority, renewed: tuple[Certificate, Certificate]
) -> None:
    present, next_one = renewed
    before = shown_serial(installed.port, authority)
    key = ed448.Ed448PrivateKey.generate()
    signed_by_itself(installed.folder, "curious", key).write_over(present)
    wait_until(lambda: "tls_unusable" in installed.log)
    assert shown_serial(installed.port, authority) == before
    next_one.write_over(present)
    wait_until(lambda: shown_serial(installed.port, authority) != before)


def test_a_kind_of_key_that_cannot_be_served_is_said_at_the_start(installed: Installed) -> None:
    made = signed_by_itself(installed.folder, "curious", ed448.Ed448PrivateKey.generate())
    installed.set(tls_certificate=made.certificate, tls_key=made.key)
    refused = installed.ctl("start")
    assert refused.exit_code == WRONG_CONFIGURATION
    assert f"syncserver: tls_key: {made.key} cannot be used" in refused.errors
    assert installed.is_stopped()


def test_many_connections_while_the_certificate_changes_are_never_turned_away(
    installed: Installed, authority: Authority, renewed: tuple[Certificate, Certificate]
) -> None:
    present, next_one = renewed
    before = shown_serial(installed.port, authority)
    refused: list[Exception] = []
    over = threading.Event()

    def keep_asking() -> None:
        while not over.is_set():
            try:
                installed.get(authority.trusting())
            except ConnectionRefusedError as problem:
                refused.append(problem)
            except (ssl.SSLError, OSError):
                pass  # the one connection that was being made at the moment of the change

    threads = [threading.Thread(target=keep_asking) for _ in range(2)]
    for thread in threads:
        thread.start()
    next_one.write_over(present)
    wait_until(lambda: shown_serial(installed.port, authority) != before)
    over.set()
    for thread in threads:
        thread.join()
    assert refused == []


def test_a_killed_worker_leaves_connections_waiting_and_not_refused(
    secure: Installed, authority: Authority
) -> None:
    secure.must("start")
    os.kill(secure.worker_pid(), signal.SIGKILL)
    assert secure.get(authority.trusting()).status == 200


def test_plain_http_on_the_secure_port_reaches_nobody(secure: Installed) -> None:
    secure.must("start")
    with pytest.raises((OSError, http.client.HTTPException)):
        ask_plainly(secure.port, "GET", "/asked-plainly")
    assert "asked-plainly" not in secure.log


def test_paths_are_relative_to_the_data_root(
    secure: Installed, authority: Authority, certificate: Certificate
) -> None:
    secure.data_root.mkdir(mode=0o700)
    certificate.write_over(
        Certificate(secure.data_root / "own.pem", secure.data_root / "own-key.pem")
    )
    secure.set(tls_certificate="own.pem", tls_key="own-key.pem")
    secure.must("start")
    assert secure.get(authority.trusting()).status == 200
