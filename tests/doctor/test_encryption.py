"""Certificates and TLS versions that clients refuse, served by a real nginx."""

from pathlib import Path

import pytest

from syncserver.control.doctor.findings import Verdict
from tests.doctor.visits import Visited, visit
from tests.support.accounts import Account
from tests.support.authority import Authority, Certificate
from tests.support.our_server import OurServer
from tests.support.staged_nginx import nginx, passing_on
from tests.support.wrong_servers import closing_server, self_signed_certificate, web_server


def visited_through(
    files: Certificate, upstream: str, folder: Path, ca: Path | None, settings: str = ""
) -> Visited:
    """Return the findings at an nginx with these files."""
    with nginx(folder, f"{settings}{passing_on(upstream)}", files) as url:
        return visit(url, ca=ca)


def test_a_right_certificate_is_told_with_its_end(
    upstream: str, folder: Path, authority: Authority
) -> None:
    visited = visited_through(authority.issue(), upstream, folder, authority.root_file)
    assert visited.failed == []
    assert "certificate of Intermediate of the tests" in visited["encryption"].what


def test_an_authority_is_trusted_beside_those_of_the_system(
    upstream: str,
    folder: Path,
    authority: Authority,
    account: Account,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "other").mkdir()
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.root_file))
    with nginx(folder, passing_on(upstream), authority.issue()) as url:
        visited = visit(url, account, ca=Authority(tmp_path / "other").root_file)
    assert visited.failed == []
    assert visited["sync"].verdict is Verdict.OK


def test_an_expired_certificate_is_named_with_its_date(
    upstream: str, folder: Path, authority: Authority
) -> None:
    files = authority.issue(days=(-90, -2))
    told = visited_through(files, upstream, folder, authority.root_file).only_failure
    assert told.startswith("encryption: The certificate has expired on 20")
    assert "nginx -s reload" in told


def test_a_certificate_that_will_soon_end_is_a_warning(
    upstream: str, folder: Path, authority: Authority
) -> None:
    files = authority.issue(days=(-80, 6.4))
    visited = visited_through(files, upstream, folder, authority.root_file)
    assert visited.failed == []
    assert visited["encryption"].verdict is Verdict.WARNING
    assert "in 6 days" in visited["encryption"].what


def test_a_certificate_of_tomorrow_is_named(
    upstream: str, folder: Path, authority: Authority
) -> None:
    files = authority.issue(days=(1, 60))
    told = visited_through(files, upstream, folder, authority.root_file).only_failure
    assert told.startswith("encryption: The certificate is not valid yet")


def test_a_certificate_for_another_name_is_named_with_its_names(
    upstream: str, folder: Path, authority: Authority
) -> None:
    files = authority.issue("anki.example.org", "www.example.org")
    told = visited_through(files, upstream, folder, authority.root_file).only_failure
    assert "not for “127.0.0.1” but for anki.example.org, www.example.org" in told
    assert "server_name" in told


def test_an_unknown_authority_is_named(upstream: str, folder: Path, authority: Authority) -> None:
    told = visited_through(authority.issue(), upstream, folder, ca=None).only_failure
    assert told.startswith("encryption: The certificate was issued by “Root of the tests”")
    assert "--ca FILE" in told


def test_a_self_signed_certificate_is_named(tmp_path: Path) -> None:
    with web_server(certificate=self_signed_certificate(tmp_path, "IP:127.0.0.1")) as url:
        assert "issued by itself (self-signed)" in visit(url).only_failure


def test_a_missing_intermediate_certificate_is_named(
    upstream: str, folder: Path, authority: Authority
) -> None:
    files = authority.issue(whole_chain=False)
    told = visited_through(files, upstream, folder, authority.root_file).only_failure
    assert "without the intermediate one of “Intermediate of the tests”" in told
    assert "nginx: ssl_certificate …/fullchain.pem" in told
    assert "an authority of your own" not in told


def test_a_chain_of_one_may_also_end_at_an_authority_of_ones_own(
    upstream: str, folder: Path, authority: Authority
) -> None:
    files = authority.issue(whole_chain=False)
    assert "an authority of your own" in visited_through(files, upstream, folder, None).only_failure


def test_a_server_that_speaks_tls_1_1_only_is_named(
    upstream: str, folder: Path, authority: Authority
) -> None:
    old = "ssl_protocols TLSv1.1; ssl_ciphers ALL:@SECLEVEL=0;"
    visited = visited_through(authority.issue(), upstream, folder, authority.root_file, old)
    assert visited.only_failure.startswith("encryption: The server speaks TLS 1.1 at most")
    assert "nginx: ssl_protocols TLSv1.2 TLSv1.3;" in visited["encryption"].directives


def test_a_client_certificate_that_is_demanded_is_noticed(
    upstream: str, folder: Path, authority: Authority
) -> None:
    demand = f"ssl_client_certificate {authority.root_file}; ssl_verify_client on;"
    visited = visited_through(authority.issue(), upstream, folder, authority.root_file, demand)
    assert "demands a client certificate" in visited.only_failure
    assert "nginx: ssl_verify_client off;" in visited.only_failure


def test_encryption_where_there_is_none_is_named(server: OurServer) -> None:
    told = visit(server.url.replace("http://", "https://")).only_failure
    assert told.startswith("encryption: The address says https://, but")
    assert server.url in told


def test_no_encryption_where_there_is_some_is_named(
    upstream: str, folder: Path, authority: Authority
) -> None:
    with nginx(folder, passing_on(upstream), authority.issue()) as url:
        told = visit(url.replace("https://", "http://")).only_failure
    assert told.startswith("server: This port wants an encrypted connection")
    assert f"Enter {url}" in told


def test_a_server_that_hangs_up_is_noticed() -> None:
    with closing_server() as address:
        assert visit(f"https://{address}").failed == ["encryption"]
